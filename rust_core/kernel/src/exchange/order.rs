//! An order, and where it stands.

use serde::{Deserialize, Serialize};

use super::{E8, Id};

/// How long an order stands. A market order is always immediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until it is filled or taken back.
    Gtc,
    /// What does not fill at once is taken back.
    Ioc,
    /// All at once or not at all.
    Fok,
    /// Never at once.
    PostOnly,
}

/// The price that a conditional order watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerBy {
    /// The last trade.
    Last,
    /// The mark.
    Mark,
    /// The index.
    Index,
}

/// Wakes an order when the watched price has risen, or fallen, to `ticks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The price.
    pub ticks: i64,
    /// Which price is watched.
    pub by: TriggerBy,
    /// Upwards, or downwards.
    pub rising: bool,
}

impl Trigger {
    /// Whether this price wakes the order.
    pub fn met(&self, ticks: i64) -> bool {
        if self.rising { ticks >= self.ticks } else { ticks <= self.ticks }
    }
}

/// Where an order stands; nothing follows the last four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It waits for its trigger.
    Untriggered,
    /// It stands in the book.
    Working,
    /// Some of it is filled, and the rest stands.
    Partial,
    /// All of it is filled.
    Filled,
    /// It was taken back; some of it may be filled.
    Cancelled,
}

impl OrderState {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled)
    }
}

/// What kind of stop an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// It is none, or a conditional order of its own.
    None,
    /// A conditional order of its own.
    Conditional,
    /// Stop of the whole position; follows its size.
    StopLoss,
    /// Target of the whole position; follows its size.
    TakeProfit,
    /// Stop of a part of the position.
    PartialStopLoss,
    /// Target of a part of the position.
    PartialTakeProfit,
}

impl StopKind {
    /// Whether it belongs to the position and goes with it.
    pub fn of_position(self) -> bool {
        !matches!(self, Self::None | Self::Conditional)
    }

    /// Whether it is as large as the position.
    pub fn whole(self) -> bool {
        matches!(self, Self::StopLoss | Self::TakeProfit)
    }
}

/// Who made an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreatedBy {
    /// The account.
    User,
    /// The liquidation of the account.
    Liquidation,
    /// The take-over of a position that could not be reduced.
    Takeover,
    /// Somebody else's liquidation.
    Deleveraging,
    /// The end of the contract.
    Delivery,
}

/// Why an order was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// It was not.
    None,
    /// The account asked for it.
    User,
    /// It would have been filled at once, and was not to be.
    PostOnly,
    /// What was left of an immediate order.
    Immediate,
    /// An all-or-nothing order could not be filled whole.
    NotWhole,
    /// There was less left to reduce.
    ReduceOnly,
    /// The position that it belonged to is gone, or its stop was replaced.
    PositionStops,
    /// There was not enough margin when it woke.
    Margin,
    /// The account was liquidated.
    Liquidation,
    /// The contract ended or stopped trading.
    Delisted,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Number of the order, unique for all accounts.
    pub id: u64,
    /// The account's own name for it; may be empty.
    pub client_id: String,
    /// Account.
    pub account: Id,
    /// Contract.
    pub symbol: Id,
    /// Signed size.
    pub lots: i64,
    /// Signed size that is filled.
    pub filled_lots: i64,
    /// Limit; of a market order the worst price that it may have, 0 before it is known.
    pub ticks: i64,
    /// It asked for the market's price.
    pub market: bool,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// It may only reduce a position.
    pub reduce_only: bool,
    /// When it wakes, other orders make room for its margin.
    pub close_on_trigger: bool,
    /// When it wakes.
    pub trigger: Option<Trigger>,
    /// Stop that is set for the position when it fills; 0 is none.
    pub stop_loss_ticks: i64,
    /// Target that is set for the position when it fills; 0 is none.
    pub take_profit_ticks: i64,
    /// What the attached stop watches.
    pub stop_loss_by: TriggerBy,
    /// What the attached target watches.
    pub take_profit_by: TriggerBy,
    /// Kind of stop.
    pub stop_kind: StopKind,
    /// Who made it.
    pub created_by: CreatedBy,
    /// Where it stands.
    pub state: OrderState,
    /// Why it was taken back.
    pub why: CancelReason,
    /// Worth of what is filled.
    pub value_e8: E8,
    /// Fees so far.
    pub fee_e8: E8,
    /// Last price when it was made.
    pub last_ticks: i64,
    /// Lots of others that stand before it at its price.
    pub ahead_lots: i64,
    /// When its trigger was met; 0 before, and for one without.
    pub woken_ms: i64,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

impl Order {
    /// What is still to be filled, signed.
    pub fn rest_lots(&self) -> i64 {
        self.lots - self.filled_lots
    }

    /// `+1` buys, `−1` sells.
    pub fn side(&self) -> i64 {
        self.lots.signum()
    }

    /// Whether it stands in the book.
    pub fn active(&self) -> bool {
        matches!(self.state, OrderState::Working | OrderState::Partial)
    }
}
