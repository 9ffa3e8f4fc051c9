//! What happened.

use serde::Serialize;

use super::account::{Transaction, TransactionKind};
use super::order::{CreatedBy, Order, StopKind};
use super::query::PositionRow;
use super::{E8, Id};

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such account.
    NoAccount,
    /// No such contract.
    NoSymbol,
    /// The contract does not trade.
    NotTrading,
    /// Positions may only be reduced now.
    OnlyReduce,
    /// Only orders that wait may be placed now.
    OnlyPost,
    /// There is no price yet.
    NoPrice,
    /// The size is 0, too small or too large.
    Size,
    /// The order is worth too little.
    Notional,
    /// The limit is no price.
    Price,
    /// The trigger lies on the wrong side of the price, for one that is to rise.
    TriggerNotAbove,
    /// The same, for one that is to fall.
    TriggerNotBelow,
    /// A stop or target lies on the wrong side of the price.
    StopSide,
    /// There is nothing to reduce.
    ReduceOnly,
    /// An order that only reduces cannot carry stops.
    StopsOnReduceOnly,
    /// Not enough money for the margin.
    Margin,
    /// The position would be too large for its leverage.
    PositionMax,
    /// Too many active orders.
    TooManyOrders,
    /// Too many conditional orders.
    TooManyConditional,
    /// Too many partial stops.
    TooManyStops,
    /// The account has used this name before.
    DuplicateId,
    /// The account's name is too long or has other signs than letters, digits, `-` and `_`.
    BadId,
    /// No such order is known.
    NoOrder,
    /// The order is filled or taken back already.
    AlreadyDone,
    /// The new size is not more than what is filled.
    BelowFilled,
    /// Nothing would change.
    NoChange,
    /// There is no position.
    NoPosition,
    /// The leverage is not offered.
    Leverage,
    /// Less money than is to go out.
    Funds,
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNews {
    /// It was taken, and stands or waits.
    Placed,
    /// Its price came.
    Triggered,
    /// Its size, limit or trigger is another.
    Amended,
    /// Some or all of it was filled.
    Filled,
    /// It was taken back.
    Cancelled,
}

/// Kind of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionKind {
    /// A trade.
    Trade,
    /// Funding.
    Funding,
    /// A position that was taken over.
    Takeover,
    /// Somebody else's liquidation.
    Deleveraging,
    /// The end of the contract.
    Delivery,
}

/// A trade, or money for what is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Execution {
    /// Number of the execution.
    pub id: u64,
    /// Ties it to the position that contains it.
    pub seq: u64,
    /// Account.
    pub account: Id,
    /// Contract.
    pub symbol: Id,
    /// Number of the order; 0 for funding.
    pub order: u64,
    /// The account's name of the order.
    pub client_id: String,
    /// Kind.
    pub kind: ExecutionKind,
    /// Signed lots; of funding what is held.
    pub lots: i64,
    /// Price; of funding the mark.
    pub ticks: i64,
    /// Worth, above 0.
    pub value_e8: E8,
    /// Paid, or received below 0.
    pub fee_e8: E8,
    /// Rate of the fee, or of funding.
    pub fee_rate_e8: i64,
    /// Result of what it closed.
    pub realised_e8: E8,
    /// Unsigned lots that it closed.
    pub closed_lots: i64,
    /// It was there first.
    pub is_maker: bool,
    /// Size, limit and rest of the order.
    pub order_lots: i64,
    /// Limit of the order.
    pub order_ticks: i64,
    /// What is left of the order, signed.
    pub rest_lots: i64,
    /// It asked for the market's price.
    pub order_market: bool,
    /// Kind of stop.
    pub stop_kind: StopKind,
    /// Who made the order.
    pub created_by: CreatedBy,
    /// Mark at that time.
    pub mark_ticks: i64,
    /// When.
    pub at_ms: i64,
}

/// Money and margin of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WalletRow {
    /// Money without open results.
    pub wallet_e8: E8,
    /// Open results at the mark.
    pub unrealised_e8: E8,
    /// Initial margin of positions.
    pub position_initial_e8: E8,
    /// Initial margin of orders.
    pub order_initial_e8: E8,
    /// Maintenance margin.
    pub maintenance_e8: E8,
    /// What may be used.
    pub available_e8: E8,
    /// Results that were realised since the account was opened, after fees and funding.
    pub realised_e8: E8,
}

/// An event. `event` names it on the outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A new account.
    AccountOpened {
        /// Account.
        account: Id,
    },
    /// A command was not carried out.
    Refused {
        /// Account.
        account: Id,
        /// Why.
        refusal: Refusal,
    },
    /// Something happened to an order.
    Order {
        /// What.
        news: OrderNews,
        /// The order as it is then.
        order: Order,
    },
    /// A trade, or money for what is held.
    Executed(Execution),
    /// A position changed.
    Position(PositionRow),
    /// Money moved.
    Wallet {
        /// Account.
        account: Id,
        /// Why.
        kind: TransactionKind,
        /// The entry in the account's list.
        transaction: Transaction,
    },
    /// An account was liquidated.
    Liquidated {
        /// Account.
        account: Id,
        /// What the house had to add.
        covered_e8: E8,
    },
    /// A leverage was set.
    Leverage {
        /// Account.
        account: Id,
        /// Contract.
        symbol: Id,
        /// Leverage.
        leverage_e8: i64,
    },
}
