//! What an exit is called and how it is told.

use super::touch::RUNGS_MAX;
use crate::book::Position;

/// The rule that ends a position, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitReason {
    /// The initial stop.
    InitialStop = 1,
    /// The catastrophic stop, where no strategy stop is on.
    CatastrophicStop = 2,
    /// The emergency stop of a position that was opened without a usable ATR.
    EmergencyStop = 3,
    /// The stop at the entry, set by break-even.
    BreakEven = 4,
    /// A stop set by a profit lock.
    ProfitLock = 5,
    /// A stop set by the trail.
    TrailingStop = 6,
    /// A rung of the take-profit ladder.
    TakeProfit = 7,
    /// Held for too long.
    MaxHold = 8,
    /// No progress in time.
    NoProgress = 9,
    /// Its trend points the other way.
    RegimeFlip = 10,
    /// Delisted while held: closed at its last price less a haircut (a simulation's only).
    Delisted = 11,
}

impl ExitReason {
    /// Every reason, by rising code.
    pub const ALL: [Self; 11] = [
        Self::InitialStop,
        Self::CatastrophicStop,
        Self::EmergencyStop,
        Self::BreakEven,
        Self::ProfitLock,
        Self::TrailingStop,
        Self::TakeProfit,
        Self::MaxHold,
        Self::NoProgress,
        Self::RegimeFlip,
        Self::Delisted,
    ];

    /// Stable snake-case name.
    pub fn key(self) -> &'static str {
        match self {
            Self::InitialStop => "initial_stop",
            Self::CatastrophicStop => "catastrophic_stop",
            Self::EmergencyStop => "emergency_stop",
            Self::BreakEven => "breakeven",
            Self::ProfitLock => "profit_lock",
            Self::TrailingStop => "trailing_stop",
            Self::TakeProfit => "take_profit",
            Self::MaxHold => "max_hold",
            Self::NoProgress => "no_progress",
            Self::RegimeFlip => "regime_flip",
            Self::Delisted => "delisted",
        }
    }

    /// The protective stop was touched, whichever rule had set its level. Such an exit bars the side.
    pub fn is_stop(self) -> bool {
        (self as u8) <= Self::TrailingStop as u8
    }

    /// It was touched inside a bar, so it fires once; the others are decided at a close.
    pub(super) fn is_touch(self) -> bool {
        (self as u8) <= Self::TakeProfit as u8
    }
}

/// Lots to be traded against a position, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exit {
    /// The rule.
    pub reason: ExitReason,
    /// Rung of the ladder, counted from 1; 0 for everything else.
    pub rung: u32,
    /// Signed lots of the trade: negative closes a long.
    pub lots: i64,
    /// Price at which the exit is taken before costs: tick, level, gapped open, or the close that
    /// decided.
    pub price: f64,
    /// Close of the bar in which it lies, UTC milliseconds; cooldowns count from here.
    pub bar_close_ms: i64,
}

/// What touches leave in the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// Rungs taken, those of no lots among them.
    pub(super) rungs_hit: u32,
    /// The exit of the whole that has been called.
    pub(super) closing: Option<ExitReason>,
}

impl Marks {
    pub(super) fn apply(self, position: &mut Position) {
        position.rungs_hit = self.rungs_hit;
        position.closing = self.closing;
    }
}

const EXITS_MAX: usize = RUNGS_MAX + 1;

/// The exits of one position in one bar or tick, in their order; a slice that needs no heap.
#[derive(Debug, Clone, Copy)]
pub struct Exits {
    items: [Exit; EXITS_MAX],
    len: usize,
    pub(super) marks: Marks,
}

impl Exits {
    const BLANK: Exit = Exit {
        reason: ExitReason::InitialStop,
        rung: 0,
        lots: 0,
        price: f64::NAN,
        bar_close_ms: 0,
    };

    pub(super) fn new() -> Self {
        Self { items: [Self::BLANK; EXITS_MAX], len: 0, marks: Marks::default() }
    }

    /// Rungs taken after these exits, those of no lots among them.
    pub fn rungs_hit(&self) -> u32 {
        self.marks.rungs_hit
    }

    pub(super) fn push(&mut self, exit: Exit) {
        self.items[self.len] = exit;
        self.len += 1;
    }
}

impl std::ops::Deref for Exits {
    type Target = [Exit];

    fn deref(&self) -> &[Exit] {
        &self.items[..self.len]
    }
}
