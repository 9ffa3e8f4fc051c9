//! Everything that can be done to an exchange.

use serde::{Deserialize, Serialize};

use super::market::Status;
use super::order::{TimeInForce, Trigger, TriggerBy};
use super::{Id, Spec};

/// A new order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Account.
    pub account: Id,
    /// Contract.
    pub symbol: Id,
    /// The account's own name for it; empty for none.
    #[serde(default)]
    pub client_id: String,
    /// Signed size; 0 together with `reduce_only` and `close_on_trigger` means all that is held.
    pub lots: i64,
    /// Limit; none asks for the market's price.
    #[serde(default)]
    pub ticks: Option<i64>,
    /// How long it stands.
    #[serde(default = "gtc")]
    pub time_in_force: TimeInForce,
    /// It may only reduce.
    #[serde(default)]
    pub reduce_only: bool,
    /// When it wakes, other orders make room for it.
    #[serde(default)]
    pub close_on_trigger: bool,
    /// It waits for a price.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// Stop for the whole position; 0 is none.
    #[serde(default)]
    pub stop_loss_ticks: i64,
    /// Target for the whole position; 0 is none.
    #[serde(default)]
    pub take_profit_ticks: i64,
    /// What the stop watches.
    #[serde(default = "last")]
    pub stop_loss_by: TriggerBy,
    /// What the target watches.
    #[serde(default = "last")]
    pub take_profit_by: TriggerBy,
}

fn gtc() -> TimeInForce {
    TimeInForce::Gtc
}

fn last() -> TriggerBy {
    TriggerBy::Last
}

/// New stops of a position. A leg that is none stays; 0 takes it away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopsAsked {
    /// Account.
    pub account: Id,
    /// Contract.
    pub symbol: Id,
    /// Stop.
    #[serde(default)]
    pub stop_loss_ticks: Option<i64>,
    /// Target.
    #[serde(default)]
    pub take_profit_ticks: Option<i64>,
    /// What the stop watches.
    #[serde(default = "last")]
    pub stop_loss_by: TriggerBy,
    /// What the target watches.
    #[serde(default = "last")]
    pub take_profit_by: TriggerBy,
    /// Unsigned size of a partial pair; none for the whole position.
    #[serde(default)]
    pub part_lots: Option<i64>,
    /// Limit of the partial stop once it woke; none asks for the market's price.
    #[serde(default)]
    pub stop_loss_limit_ticks: Option<i64>,
    /// Limit of the partial target once it woke.
    #[serde(default)]
    pub take_profit_limit_ticks: Option<i64>,
}

/// New prices of one contract, and the book around them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Contract.
    pub symbol: Id,
    /// Last trade.
    pub last: i64,
    /// Mark.
    pub mark: i64,
    /// Index.
    pub index: i64,
    /// Bids, best first: price and lots.
    pub bids: Vec<(i64, i64)>,
    /// Asks, best first.
    pub asks: Vec<(i64, i64)>,
}

/// Which orders are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Those that stand in the book.
    Active,
    /// Those that wait for a price and are no stops of a position.
    Conditional,
    /// Stops of positions.
    PositionStops,
    /// All of them.
    All,
}

/// A command. `do` names it on the outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// A new account with money in it.
    OpenAccount {
        /// Name, for messages alone.
        name: String,
        /// Money.
        wallet_e8: i64,
    },
    /// Money comes in, or goes out below 0.
    Transfer {
        /// Account.
        account: Id,
        /// Money.
        change_e8: i64,
    },
    /// Leverage of a contract.
    SetLeverage {
        /// Account.
        account: Id,
        /// Contract.
        symbol: Id,
        /// Leverage.
        leverage_e8: i64,
    },
    /// An account's own fees for a contract.
    SetFees {
        /// Account.
        account: Id,
        /// Contract.
        symbol: Id,
        /// Fee of whoever was there first.
        maker_e8: i64,
        /// Fee of whoever takes.
        taker_e8: i64,
    },
    /// A new order.
    Place(Place),
    /// Another size, limit or trigger; what is none stays.
    Amend {
        /// Account.
        account: Id,
        /// Number of the order; 0 to go by `client_id`.
        #[serde(default)]
        order: u64,
        /// The account's name for it.
        #[serde(default)]
        client_id: String,
        /// Signed size.
        #[serde(default)]
        lots: Option<i64>,
        /// Limit.
        #[serde(default)]
        ticks: Option<i64>,
        /// Trigger.
        #[serde(default)]
        trigger_ticks: Option<i64>,
    },
    /// Take an order back.
    Cancel {
        /// Account.
        account: Id,
        /// Number of the order; 0 to go by `client_id`.
        #[serde(default)]
        order: u64,
        /// The account's name for it.
        #[serde(default)]
        client_id: String,
    },
    /// Take many back.
    CancelAll {
        /// Account.
        account: Id,
        /// Contract; none for all.
        #[serde(default)]
        symbol: Option<Id>,
        /// Which.
        filter: Filter,
    },
    /// Stops of a position.
    SetStops(StopsAsked),
    /// Prices move.
    Prices(Prices),
    /// Others trade.
    Trade {
        /// Contract.
        symbol: Id,
        /// Price.
        ticks: i64,
        /// Lots.
        lots: i64,
    },
    /// Funding is settled on what is held now, at the mark.
    Funding {
        /// Contract.
        symbol: Id,
        /// Rate; longs pay one above 0.
        rate_e8: i64,
    },
    /// What may be done with a contract.
    Status {
        /// Contract.
        symbol: Id,
        /// What.
        status: Status,
    },
    /// The contract ends: every position is closed at this price.
    Delist {
        /// Contract.
        symbol: Id,
        /// Price.
        ticks: i64,
    },
    /// A new contract, which gets the next number.
    List {
        /// Specification.
        spec: Spec,
    },
    /// The contract is specified anew; tick and step stay what they are worth.
    Respec {
        /// Contract.
        symbol: Id,
        /// Specification.
        spec: Spec,
    },
    /// A position is reduced for somebody else's liquidation, at the mark.
    Deleverage {
        /// Account.
        account: Id,
        /// Contract.
        symbol: Id,
        /// Unsigned size.
        lots: i64,
    },
    /// A restart: closed orders are forgotten.
    ForgetClosed {},
}
