//! An account: money, positions, orders, and what is remembered of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::{Event, Execution, Refusal};
use super::order::Order;
use super::{E8, Exchange, HISTORY_MAX, Id, ONE_E8};

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// It came in or went out.
    Transfer,
    /// A trade: result less fee.
    Trade,
    /// Funding.
    Funding,
    /// A take-over, a deleveraging or the end of a contract.
    Settlement,
    /// The house covered what was missing.
    Cover,
}

/// One entry of an account's list of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Number, rising.
    pub id: u64,
    /// Why.
    pub kind: TransactionKind,
    /// Contract; none for transfers.
    pub symbol: Option<Id>,
    /// Number of the execution; 0 for none.
    pub execution: u64,
    /// Number of the order; 0 for none.
    pub order: u64,
    /// Signed lots of the trade.
    pub lots: i64,
    /// Signed lots held after it.
    pub held_lots: i64,
    /// Price.
    pub ticks: i64,
    /// Fee, paid above 0.
    pub fee_e8: E8,
    /// Funding, received above 0.
    pub funding_e8: E8,
    /// Result without fee.
    pub realised_e8: E8,
    /// What the wallet changed by.
    pub change_e8: E8,
    /// The wallet after it.
    pub wallet_e8: E8,
    /// When.
    pub at_ms: i64,
}

/// A position.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Signed lots.
    pub lots: i64,
    /// What they cost, signed as they are.
    pub cost_e8: E8,
    /// Result of this position so far, after fees and funding.
    pub realised_e8: E8,
    /// Result of all positions in this contract.
    pub realised_ever_e8: E8,
    /// Leverage; 0 stands for 10.
    pub leverage_e8: i64,
    /// Its own fees; none for the contract's.
    pub fees_e8: Option<(i64, i64)>,
    /// Grows with each change.
    pub seq: u64,
    /// When it was first opened.
    pub created_ms: i64,
    /// When it was opened.
    pub opened_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Orders that stand or wait, stops among them.
    pub orders: BTreeSet<u64>,
}

impl Position {
    /// Leverage that was set, or the exchange's own.
    pub fn leverage(&self) -> i64 {
        if self.leverage_e8 == 0 { 10 * ONE_E8 } else { self.leverage_e8 }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub(super) name: String,
    pub(super) wallet_e8: E8,
    pub(super) realised_e8: E8,
    /// One a contract, in their order.
    pub(super) positions: Vec<Position>,
    /// Contracts in which something is held or ordered.
    pub(super) busy: BTreeSet<Id>,
    pub(super) open: BTreeMap<u64, Order>,
    pub(super) closed: VecDeque<Order>,
    /// Every name that was ever used, and its order.
    pub(super) client_ids: BTreeMap<String, u64>,
    pub(super) executions: VecDeque<Execution>,
    pub(super) transactions: VecDeque<Transaction>,
}

impl Account {
    /// An order by its number, or by the account's name for it where that is 0.
    pub(super) fn find(&self, order: u64, client_id: &str) -> Option<&Order> {
        let id = if order == 0 { *self.client_ids.get(client_id)? } else { order };
        self.open.get(&id).or_else(|| self.closed.iter().rev().find(|closed| closed.id == id))
    }

    /// Forget closed orders, as after a restart. Their names stay taken.
    pub(super) fn forget_closed(&mut self) {
        self.closed.clear();
    }

    pub(super) fn note_closed(&mut self, order: Order) {
        remember(&mut self.closed, order);
    }

    pub(super) fn note_execution(&mut self, execution: Execution) {
        remember(&mut self.executions, execution);
    }
}

fn remember<T>(list: &mut VecDeque<T>, entry: T) {
    if list.len() == HISTORY_MAX {
        list.pop_front();
    }
    list.push_back(entry);
}

impl Exchange {
    pub(super) fn open_account(&mut self, name: &str, wallet_e8: E8) {
        if wallet_e8 < 0 {
            return self.refuse(0, Refusal::Funds);
        }
        let account = self.accounts.len() as Id;
        self.accounts.push(Account {
            name: name.to_owned(),
            wallet_e8: 0,
            realised_e8: 0,
            positions: vec![Position::default(); self.markets.len()],
            busy: BTreeSet::new(),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            client_ids: BTreeMap::new(),
            executions: VecDeque::new(),
            transactions: VecDeque::new(),
        });
        self.events.push(Event::AccountOpened { account });
        self.transfer(account, wallet_e8);
    }

    /// Money in or out; never more out than is free.
    pub(super) fn transfer(&mut self, account: Id, change_e8: E8) {
        if account as usize >= self.accounts.len() {
            return self.refuse(account, Refusal::NoAccount);
        }
        if change_e8 < 0 && self.wallet(account).available_e8 < -change_e8 {
            return self.refuse(account, Refusal::Funds);
        }
        let entry = Transaction { change_e8, ..self.blank(TransactionKind::Transfer) };
        self.book_money(account, entry);
    }

    /// An entry that moves nothing yet.
    pub(super) fn blank(&self, kind: TransactionKind) -> Transaction {
        Transaction {
            id: 0,
            kind,
            symbol: None,
            execution: 0,
            order: 0,
            lots: 0,
            held_lots: 0,
            ticks: 0,
            fee_e8: 0,
            funding_e8: 0,
            realised_e8: 0,
            change_e8: 0,
            wallet_e8: 0,
            at_ms: self.now_ms,
        }
    }

    /// Move money between an account and the house (or the world, for a transfer), and write it down.
    pub(super) fn book_money(&mut self, account: Id, mut entry: Transaction) {
        entry.id = self.seq();
        let owner = &mut self.accounts[account as usize];
        owner.wallet_e8 += entry.change_e8;
        entry.wallet_e8 = owner.wallet_e8;
        if entry.kind != TransactionKind::Transfer {
            self.house_e8 -= entry.change_e8;
            owner.realised_e8 += entry.change_e8;
        }
        remember(&mut owner.transactions, entry.clone());
        self.events.push(Event::Wallet { account, kind: entry.kind, transaction: entry });
    }

    pub(super) fn set_leverage(&mut self, account: Id, symbol: Id, leverage_e8: i64) {
        if !self.known(account, symbol) {
            return self.refuse(account, Refusal::NoSymbol);
        }
        let spec = &self.markets[symbol as usize].spec;
        let (least, most) = (ONE_E8, spec.tiers[0].leverage_max_e8);
        let held = &self.accounts[account as usize].positions[symbol as usize];
        if held.leverage() == leverage_e8 {
            return self.refuse(account, Refusal::NoChange);
        }
        let value = spec.value_e8(held.lots, self.markets[symbol as usize].mark()).abs();
        if !(least..=most).contains(&leverage_e8) || value > spec.value_max_e8(leverage_e8) {
            return self.refuse(account, Refusal::Leverage);
        }
        let before = held.leverage_e8;
        let position = |exchange: &mut Self, leverage_e8: i64| {
            exchange.accounts[account as usize].positions[symbol as usize].leverage_e8 =
                leverage_e8;
        };
        position(self, leverage_e8);
        if self.wallet(account).available_e8 < 0 {
            position(self, before);
            return self.refuse(account, Refusal::Margin);
        }
        self.events.push(Event::Leverage { account, symbol, leverage_e8 });
        self.tell_position(account, symbol);
    }

    pub(super) fn set_fees(&mut self, account: Id, symbol: Id, maker_e8: i64, taker_e8: i64) {
        let tenth = ONE_E8 / 10;
        if !self.known(account, symbol) {
            return self.refuse(account, Refusal::NoSymbol);
        }
        if !(-tenth..tenth).contains(&maker_e8) || !(0..tenth).contains(&taker_e8) {
            return self.refuse(account, Refusal::Price);
        }
        let held = &mut self.accounts[account as usize].positions[symbol as usize];
        held.fees_e8 = Some((maker_e8, taker_e8));
    }

    /// Maker's and taker's fee.
    pub(super) fn fees(&self, account: Id, symbol: Id) -> (i64, i64) {
        let spec = &self.markets[symbol as usize].spec;
        let own = self.accounts[account as usize].positions[symbol as usize].fees_e8;
        own.unwrap_or((spec.maker_e8, spec.taker_e8))
    }

    pub(super) fn held_lots(&self, account: Id, symbol: Id) -> i64 {
        self.accounts[account as usize].positions[symbol as usize].lots
    }
}
