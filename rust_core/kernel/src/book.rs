//! What a decision reads of the book, and the state that it hands on. Nothing is hidden elsewhere.

use crate::stops::ExitReason;

/// Which guard, if any, rules the whole book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuardAction {
    /// Nothing is limited.
    #[default]
    None,
    /// Lots may only move toward 0.
    BlockEntries,
    /// Every target is 0.
    Flatten,
}

/// One of the two sides of a book; indexes arrays such as `barred_until_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above zero.
    Long = 0,
    /// Below zero.
    Short = 1,
}

impl Side {
    /// Both sides, long first.
    pub const BOTH: [Self; 2] = [Self::Long, Self::Short];

    /// `+1` or `−1`.
    pub fn sign(self) -> f64 {
        match self {
            Self::Long => 1.0,
            Self::Short => -1.0,
        }
    }

    /// The side of a signed quantity; `None` for 0 and NaN.
    pub fn of(quantity: f64) -> Option<Self> {
        if quantity > 0.0 {
            Some(Self::Long)
        } else if quantity < 0.0 {
            Some(Self::Short)
        } else {
            None
        }
    }
}

/// Why a side of a name is barred until a later time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Bar {
    /// It is not barred.
    #[default]
    None = 0,
    /// Stopped lately.
    Cooldown = 1,
    /// Banned by its record.
    Banned = 2,
    /// Losing streak.
    Streak = 3,
    /// Loss of the day.
    SymbolLoss = 4,
}

/// What a decision reads of the book at the close of a bar. All slices have one entry a symbol.
#[derive(Debug, Clone, Copy)]
pub struct BookRow<'a> {
    /// Close of the bar that is decided, UTC milliseconds.
    pub close_ms: i64,
    /// Equity: wallet plus unrealised result at mark.
    pub equity_usdt: f64,
    /// Value of one unit of the book (transfers taken out).
    pub unit_value: f64,
    /// Its highest value.
    pub unit_value_peak: f64,
    /// The strictest guard in force.
    pub guard: GuardAction,
    /// Signed share of *sizing equity* now held in each name, at its last known mark; 0 when flat.
    pub weight_now_frac: &'a [f64],
    /// Bars in a row without data, for each name.
    pub stale_bars: &'a [u32],
    /// It is known that no name is on hold, barred, waiting for re-entry, capped by a rung or bound to a
    /// least order: the rows that say so are not looked at. False where nobody knows.
    pub quiet: bool,
    /// On hold by the operator.
    pub hold: &'a [bool],
    /// `[long, short]`: until when the side is barred, UTC milliseconds; 0 when it is not.
    pub barred_until_ms: &'a [[i64; 2]],
    /// `[long, short]`: why it is barred.
    pub barred_by: &'a [[Bar; 2]],
    /// Cap of |weight| left by filled ladder rungs; infinite when none is filled.
    pub rung_cap_frac: &'a [f64],
    /// Multiplier of the meta-labeller for each name and side; 1 when off.
    pub meta_scale: &'a [[f64; 2]],
    /// Smallest order that the exchange takes: max(least notional, one lot's notional) in USDT; 0 when
    /// instruments are not given.
    pub order_usdt_min: &'a [f64],
}

/// State handed from one decision to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionState {
    /// Raw signed weights of each tranche, `tranches x symbols`.
    pub tranche_weight: Vec<f64>,
    /// Members of the universe by dollar volume.
    pub member: Vec<bool>,
    /// `[long, short]`: stopped, and not seen outside the selection since.
    pub awaiting_reentry: Vec<[bool; 2]>,
    /// The router calls for time series.
    pub router_called: bool,
    /// Share of cross-section in the mix.
    pub router_mix: f64,
}

impl DecisionState {
    /// The state before the first decision.
    pub fn new(symbols: usize, tranches: usize) -> Self {
        Self {
            tranche_weight: vec![0.0; symbols * tranches],
            member: vec![false; symbols],
            awaiting_reentry: vec![[false; 2]; symbols],
            router_called: false,
            router_mix: 1.0,
        }
    }
}

/// What a decision says: a signed share of sizing equity and a reason for each symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Signed share of sizing equity.
    pub weight_frac: Vec<f64>,
    /// The rule that shaped or zeroed it.
    pub reason: Vec<crate::reason::Reason>,
}

impl Targets {
    /// Flat targets for `symbols` names.
    pub fn new(symbols: usize) -> Self {
        Self {
            weight_frac: vec![0.0; symbols],
            reason: vec![crate::reason::Reason::NotSelected; symbols],
        }
    }
}

/// A position as stops, plan and ledger see it. `lots` is signed; one lot is `qty_step` units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Signed lots; 0 is flat.
    pub lots: i64,
    /// Largest signed lots held since the first fill: what ladder shares are shares of.
    pub lots_initial: i64,
    /// Average cost.
    pub entry_price: f64,
    /// Cost of what is held: sum of signed lots times price, so that results add up to cash.
    pub cost_price_lots: f64,
    /// Result of what was closed since the first fill, price times lots, before costs and funding.
    pub realised_price_lots: f64,
    /// ATR at the first fill's decision; NaN when it could not carry a stop (emergency stop).
    pub entry_atr: f64,
    /// Initial risk per unit: distance of the initial stop at the first fill, USDT per unit of base.
    pub r_usdt: f64,
    /// Best price since entry (highest high for a long, lowest low for a short), closed bars only.
    pub best_price: f64,
    /// Level of the protective stop that is in force; NaN when none.
    pub stop_price: f64,
    /// The rule that set that level.
    pub stop_by: Option<ExitReason>,
    /// Close at which that level was last moved, UTC milliseconds; 0 while it stands as first placed.
    pub stop_moved_ms: i64,
    /// The break-even step has been taken.
    pub breakeven_latched: bool,
    /// Profit locks taken.
    pub lock_step: u32,
    /// Ladder rungs taken.
    pub rungs_hit: u32,
    /// An exit of the whole position has been called and waits for its fill: the target is 0.
    pub closing: Option<ExitReason>,
    /// First fill, UTC milliseconds.
    pub opened_ms: i64,
    /// Funding paid (−) and received (+) since the first fill.
    pub funding_usdt_cum: f64,
    /// Perp over spot at entry, basis points; NaN when unknown.
    pub basis_bps_entry: f64,
    /// On hold by the operator.
    pub hold: bool,
}

impl Position {
    /// No position.
    pub const FLAT: Self = Self {
        lots: 0,
        lots_initial: 0,
        entry_price: f64::NAN,
        cost_price_lots: 0.0,
        realised_price_lots: 0.0,
        entry_atr: f64::NAN,
        r_usdt: f64::NAN,
        best_price: f64::NAN,
        stop_price: f64::NAN,
        stop_by: None,
        stop_moved_ms: 0,
        breakeven_latched: false,
        lock_step: 0,
        rungs_hit: 0,
        closing: None,
        opened_ms: 0,
        funding_usdt_cum: 0.0,
        basis_bps_entry: f64::NAN,
        hold: false,
    };

    /// The side held, if any.
    pub fn side(&self) -> Option<Side> {
        Side::of(self.lots as f64)
    }
}
