//! What an exchange can be asked. Nothing here changes it.

use serde::{Deserialize, Serialize};

use super::account::Transaction;
use super::event::{Execution, WalletRow};
use super::market::Status;
use super::order::{Order, StopKind, TriggerBy};
use super::{E8, Exchange, Id, ONE_E8};

/// A question. `ask` names it on the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Query {
    /// One order, by number or by the account's name where that is 0.
    Order {
        /// Account.
        account: Id,
        /// Number.
        #[serde(default)]
        order: u64,
        /// Name.
        #[serde(default)]
        client_id: String,
    },
    /// Orders that stand or wait, the oldest first.
    OpenOrders {
        /// Account.
        account: Id,
    },
    /// Orders that are done, the newest first.
    ClosedOrders {
        /// Account.
        account: Id,
        /// At most so many.
        most: usize,
    },
    /// Executions, the newest first.
    Executions {
        /// Account.
        account: Id,
        /// Not before.
        since_ms: i64,
    },
    /// Entries of the list of money, the newest first.
    Transactions {
        /// Account.
        account: Id,
        /// Not before.
        since_ms: i64,
    },
    /// One position, held or not.
    Position {
        /// Account.
        account: Id,
        /// Contract.
        symbol: Id,
    },
    /// Every position that is held.
    Positions {
        /// Account.
        account: Id,
    },
    /// Money and margin.
    Wallet {
        /// Account.
        account: Id,
    },
    /// Prices and status of a contract.
    Market {
        /// Contract.
        symbol: Id,
    },
}

/// A position with its margins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PositionRow {
    /// Account.
    pub account: Id,
    /// Contract.
    pub symbol: Id,
    /// Signed lots.
    pub lots: i64,
    /// What they cost, signed as they are.
    pub cost_e8: E8,
    /// Worth at the mark, above 0.
    pub value_e8: E8,
    /// Mark.
    pub mark_ticks: i64,
    /// Open result.
    pub unrealised_e8: E8,
    /// Initial margin.
    pub initial_e8: E8,
    /// Maintenance margin.
    pub maintenance_e8: E8,
    /// Leverage.
    pub leverage_e8: i64,
    /// Number of the tier, from 1.
    pub tier: usize,
    /// Position value up to which the tier holds.
    pub tier_value_e8: i64,
    /// Mark at which the account would be liquidated if nothing else moved.
    pub liquidation_ticks: Option<i64>,
    /// Stop of the whole position; 0 for none.
    pub stop_loss_ticks: i64,
    /// Target of the whole position; 0 for none.
    pub take_profit_ticks: i64,
    /// What the stop watches.
    pub stop_loss_by: Option<TriggerBy>,
    /// Result of this position so far.
    pub realised_e8: E8,
    /// Result of all positions in this contract.
    pub realised_ever_e8: E8,
    /// Grows with each change.
    pub seq: u64,
    /// When the first one was opened.
    pub created_ms: i64,
    /// When this one was opened.
    pub opened_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

/// Prices and status of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MarketRow {
    /// Status.
    pub status: Status,
    /// Last price; 0 before there is one.
    pub last_ticks: i64,
    /// Mark.
    pub mark_ticks: i64,
    /// Index.
    pub index_ticks: i64,
    /// Best bid; 0 without one.
    pub bid_ticks: i64,
    /// Best ask; 0 without one.
    pub ask_ticks: i64,
}

/// An answer; its form follows the question's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// No such thing.
    Nothing,
    /// One order.
    Order(Box<Order>),
    /// Orders.
    Orders(Vec<Order>),
    /// Executions.
    Executions(Vec<Execution>),
    /// Entries of the list of money.
    Transactions(Vec<Transaction>),
    /// One position.
    Position(Box<PositionRow>),
    /// Positions.
    Positions(Vec<PositionRow>),
    /// Money and margin.
    Wallet(WalletRow),
    /// Prices and status.
    Market(MarketRow),
}

impl Exchange {
    /// Answer a question; one about an account or contract that is not there has no answer.
    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Market { symbol } => {
                self.market_row(*symbol).map_or(Answer::Nothing, Answer::Market)
            }
            Query::Position { account, symbol } if self.known(*account, *symbol) => {
                Answer::Position(Box::new(self.position_row(*account, *symbol)))
            }
            Query::Order { account, .. }
            | Query::OpenOrders { account }
            | Query::ClosedOrders { account, .. }
            | Query::Executions { account, .. }
            | Query::Transactions { account, .. }
            | Query::Positions { account }
            | Query::Wallet { account }
                if (*account as usize) < self.accounts.len() =>
            {
                self.answer_account(*account, query)
            }
            _ => Answer::Nothing,
        }
    }

    fn answer_account(&self, account: Id, query: &Query) -> Answer {
        let owner = &self.accounts[account as usize];
        match query {
            Query::Order { order, client_id, .. } => {
                let found = owner.find(*order, client_id).cloned();
                found.map_or(Answer::Nothing, |order| Answer::Order(Box::new(order)))
            }
            Query::OpenOrders { .. } => Answer::Orders(owner.open.values().cloned().collect()),
            Query::ClosedOrders { most, .. } => {
                Answer::Orders(owner.closed.iter().rev().take(*most).cloned().collect())
            }
            Query::Executions { since_ms, .. } => {
                let newest = owner.executions.iter().rev();
                Answer::Executions(newest.take_while(|e| e.at_ms >= *since_ms).cloned().collect())
            }
            Query::Transactions { since_ms, .. } => {
                let newest = owner.transactions.iter().rev();
                Answer::Transactions(newest.take_while(|e| e.at_ms >= *since_ms).cloned().collect())
            }
            Query::Positions { .. } => {
                let held = owner.busy.iter().filter(|s| self.held_lots(account, **s) != 0);
                Answer::Positions(held.map(|symbol| self.position_row(account, *symbol)).collect())
            }
            _ => Answer::Wallet(self.wallet(account)),
        }
    }

    fn market_row(&self, symbol: Id) -> Option<MarketRow> {
        let market = self.markets.get(symbol as usize)?;
        Some(MarketRow {
            status: market.status,
            last_ticks: market.marks.map_or(0, |marks| marks.last),
            mark_ticks: market.mark(),
            index_ticks: market.marks.map_or(0, |marks| marks.index),
            bid_ticks: market.book.best(-1).unwrap_or(0),
            ask_ticks: market.book.best(1).unwrap_or(0),
        })
    }

    pub(super) fn position_row(&self, account: Id, symbol: Id) -> PositionRow {
        let held = &self.accounts[account as usize].positions[symbol as usize];
        let market = &self.markets[symbol as usize];
        let margins = self.margins(account, symbol);
        let tiers = &market.spec.tiers;
        let tier = market.spec.tier(margins.value_e8);
        let stop =
            self.stop_of(account, symbol, StopKind::StopLoss).and_then(|order| order.trigger);
        let target = self.stop_of(account, symbol, StopKind::TakeProfit);
        PositionRow {
            account,
            symbol,
            lots: held.lots,
            cost_e8: held.cost_e8,
            value_e8: margins.value_e8,
            mark_ticks: market.mark(),
            unrealised_e8: margins.unrealised_e8,
            initial_e8: margins.initial_e8,
            maintenance_e8: margins.maintenance_e8,
            leverage_e8: held.leverage(),
            tier: 1 + tiers.iter().position(|other| other == tier).unwrap_or(0),
            tier_value_e8: tier.value_max_e8,
            liquidation_ticks: self.liquidation_ticks(account, symbol),
            stop_loss_ticks: stop.map_or(0, |trigger| trigger.ticks),
            take_profit_ticks: target.and_then(|order| order.trigger).map_or(0, |t| t.ticks),
            stop_loss_by: stop.map(|trigger| trigger.by),
            realised_e8: held.realised_e8,
            realised_ever_e8: held.realised_ever_e8,
            seq: held.seq,
            created_ms: held.created_ms,
            opened_ms: held.opened_ms,
            updated_ms: held.updated_ms,
        }
    }

    /// The mark at which balance and maintenance would meet if only this contract moved, in its tier:
    ///
    /// ```text
    /// B + q(p − m) = M' + |q|p(r + c) − d      B balance, M' maintenance of the others, q units,
    ///                                          m mark, r and d of the tier, c closing fee a value
    /// ```
    fn liquidation_ticks(&self, account: Id, symbol: Id) -> Option<i64> {
        let held = &self.accounts[account as usize].positions[symbol as usize];
        if held.lots == 0 {
            return None;
        }
        let market = &self.markets[symbol as usize];
        let (row, margins) = (self.wallet(account), self.margins(account, symbol));
        let tier = market.spec.tier(margins.value_e8);
        let (one, side) = (E8::from(ONE_E8), E8::from(held.lots.signum()));
        let (_, taker_e8) = self.fees(account, symbol);
        let leveraged_e8 = one * one / E8::from(held.leverage());
        let closing_e8 = (one - side * leveraged_e8) * E8::from(taker_e8) / one;
        let others_e8 = row.maintenance_e8 - margins.maintenance_e8;
        let balance_e8 = row.wallet_e8 + row.unrealised_e8;
        let room_e8 = balance_e8 - others_e8 + E8::from(tier.deduction_e8);
        let lot_e8 = E8::from(market.spec.unit_e8) * E8::from(held.lots.abs());
        let share_e8 = one - side * (E8::from(tier.maintenance_e8) + closing_e8);
        // A long: p·|q|(1 − r − c) = |q|m − room; a short: p·|q|(1 + r + c) = |q|m + room.
        let worth_e8 = margins.value_e8 - side * room_e8;
        let ticks = worth_e8 * one / (lot_e8 * share_e8);
        (ticks > 0).then_some(ticks as i64)
    }
}
