//! The guards by name: what the documentation prints and what alerts and metrics are keyed by.

use crate::book::GuardAction;

/// Name of a guard; its number is its place in [`GUARDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Guard {
    /// Loss of the day.
    DailyLoss = 0,
    /// Loss from the day's open.
    EmergencyLoss = 1,
    /// Loss from the trailing high.
    Drawdown = 2,
    /// Loss from the highest value ever.
    LongtermDrawdown = 3,
    /// Loss of one symbol in the day.
    SymbolDailyLoss = 4,
    /// Loss of one open position.
    TradeLoss = 5,
    /// Expected shortfall of the book for a day.
    Cvar = 6,
    /// Many stops in a short time.
    StopCluster = 7,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which guard.
    pub guard: Guard,
    /// Stable snake-case name.
    pub key: &'static str,
    /// Parameter that holds its limit.
    pub limit: &'static str,
    /// What it measures.
    pub measure: &'static str,
    /// What it does.
    pub action: &'static str,
    /// What ends it.
    pub reset: &'static str,
    /// What it does to the whole book.
    pub book_action: GuardAction,
}

/// Every guard of the kernel.
pub const GUARDS: [Row; 8] = [
    Row {
        guard: Guard::DailyLoss,
        key: "daily_loss",
        limit: "daily_loss_max_frac",
        measure: "loss of the day, from its open or its high",
        action: "flatten",
        reset: "at the next UTC midnight, and not before daily_loss_pause_ms",
        book_action: GuardAction::Flatten,
    },
    Row {
        guard: Guard::EmergencyLoss,
        key: "emergency_loss",
        limit: "emergency_loss_frac",
        measure: "loss from the day's open",
        action: "block entries",
        reset: "at the next UTC midnight",
        book_action: GuardAction::BlockEntries,
    },
    Row {
        guard: Guard::Drawdown,
        key: "drawdown",
        limit: "drawdown_max_frac",
        measure: "loss from the highest value of the last drawdown_days days",
        action: "flatten",
        reset: "only by re-arming, which starts a new high",
        book_action: GuardAction::Flatten,
    },
    Row {
        guard: Guard::LongtermDrawdown,
        key: "longterm_drawdown",
        limit: "longterm_drawdown_max_frac",
        measure: "loss from the highest value ever",
        action: "block entries",
        reset: "only by re-arming, which starts a new high",
        book_action: GuardAction::BlockEntries,
    },
    Row {
        guard: Guard::SymbolDailyLoss,
        key: "symbol_daily_loss",
        limit: "symbol_daily_loss_max_frac",
        measure: "loss of one symbol in the day, share of equity at the day's open",
        action: "pause the symbol's entries",
        reset: "at the next UTC midnight",
        book_action: GuardAction::None,
    },
    Row {
        guard: Guard::TradeLoss,
        key: "trade_loss",
        limit: "trade_loss_max_frac",
        measure: "loss of one open position, share of equity at the day's open",
        action: "close the position",
        reset: "with the position",
        book_action: GuardAction::None,
    },
    Row {
        guard: Guard::Cvar,
        key: "cvar",
        limit: "cvar_max_frac",
        measure: "expected loss of the worst 5 % of days of the book as held",
        action: "block entries",
        reset: "when it is below the limit again",
        book_action: GuardAction::BlockEntries,
    },
    Row {
        guard: Guard::StopCluster,
        key: "stop_cluster",
        limit: "stop_cluster_count",
        measure: "protective stops within stop_cluster_window_ms",
        action: "block entries",
        reset: "after stop_cluster_pause_ms; the stops that fired it no longer count",
        book_action: GuardAction::BlockEntries,
    },
];
