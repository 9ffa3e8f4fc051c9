//! What a run of the strategy is given, and what it gives back.

use super::{FillAt, Timing};
use crate::book::Side;
use crate::error::{KernelError, Result};
use crate::fill::Costs;
use crate::ledger::CostTotals;
use crate::margin::TierTable;
use crate::meta::LabelsReport;
use crate::panel::Panel;
use crate::params::Params;
use crate::plan::Leg;
use crate::reason::Reason;
use crate::stops::{ExitReason, may_exit};

/// What a position loses against its last price when its contract is delisted.
pub(super) const DELISTED_LOSS_FRAC: f64 = 0.05;

/// What the exchange says of its contracts; one entry a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Contracts {
    /// Units of base in one lot, above 0.
    pub qty_step: Vec<f64>,
    /// Least notional of an order that opens or increases.
    pub notional_usdt_min: Vec<f64>,
}

/// What a run needs beside panel and parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Cost assumptions.
    pub costs: Costs,
    /// When a decision is filled.
    pub timing: Timing,
    /// Equity at the start.
    pub cash_usdt: f64,
    /// Contracts; without them lots are so small that they round nothing.
    pub contracts: Option<Contracts>,
    /// Maintenance margin of a cross account, share of gross.
    pub maintenance_frac: f64,
    /// Tiers of each contract, in place of the one rate.
    pub tiers: Option<TierTable>,
    /// Keep every fill.
    pub keep_fills: bool,
    /// Keep every round trip.
    pub keep_trips: bool,
    /// Keep units at every bar.
    pub keep_units: bool,
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Equity at each close, after a fill at that close.
    pub equity_usdt: Vec<f64>,
    /// Cumulative costs at each close.
    pub costs: Vec<CostTotals>,
    /// Sum of |value held| at each close.
    pub gross_usdt: Vec<f64>,
    /// Sum of signed value held at each close.
    pub net_usdt: Vec<f64>,
    /// Units held after each close, `rows x cols`; empty unless asked for.
    pub units: Vec<f64>,
    /// Every fill; empty unless asked for.
    pub fills: Vec<FillRow>,
    /// Every round trip; empty unless asked for.
    pub trips: Vec<TripRow>,
    /// Number of fills, kept or not.
    pub fill_count: u64,
    /// Number of closed round trips, kept or not.
    pub trip_count: u64,
    /// How often each reason stood behind a name at a decision.
    pub reason_counts: Vec<(Reason, u64)>,
    /// Bars at which a guard limited the book.
    pub guarded_bars: u64,
    /// Number of decisions.
    pub decisions: u64,
    /// What became of the meta-labeller; `None` when it was off.
    pub labels: Option<LabelsReport>,
    /// Bar at which equity was gone.
    pub bankrupt_at: Option<usize>,
    /// Bar at which maintenance margin reached equity, and the book was closed.
    pub liquidated_at: Option<usize>,
}

/// One simulated fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillRow {
    /// Bar in which it fell.
    pub bar: usize,
    /// When, UTC milliseconds; a fill inside a bar carries the last one before its close.
    pub at_ms: i64,
    /// Number of the symbol.
    pub symbol: usize,
    /// Signed units.
    pub units: f64,
    /// Executed price.
    pub price: f64,
    /// Price before spread and impact.
    pub reference_price: f64,
    /// Fee.
    pub fee_usdt: f64,
    /// The exit that it carried out; `None` for a fill of the plan.
    pub exit: Option<ExitReason>,
}

/// One round trip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripRow {
    /// Number of the symbol.
    pub symbol: usize,
    /// Side held.
    pub side: Side,
    /// First fill, UTC milliseconds.
    pub opened_ms: i64,
    /// Last fill, UTC milliseconds.
    pub closed_ms: i64,
    /// Largest units held.
    pub units_max: f64,
    /// Average cost at the end.
    pub entry_price: f64,
    /// Price of the last fill.
    pub exit_price: f64,
    /// Result after costs and funding.
    pub net_usdt: f64,
    /// Funding over its life: paid (−), received (+).
    pub funding_usdt: f64,
    /// The exit that ended it; `None` when the plan did.
    pub exit: Option<ExitReason>,
}

impl Run {
    /// An empty run with room for what every bar leaves.
    pub(super) fn with_room(panel: &Panel<'_>, setup: &Setup) -> Self {
        let units = if setup.keep_units { panel.rows * panel.cols } else { 0 };
        Self {
            equity_usdt: Vec::with_capacity(panel.rows),
            costs: Vec::with_capacity(panel.rows),
            gross_usdt: Vec::with_capacity(panel.rows),
            net_usdt: Vec::with_capacity(panel.rows),
            units: Vec::with_capacity(units),
            ..Self::default()
        }
    }
}

/// Refuse what cannot be run.
pub(crate) fn check(panel: &Panel<'_>, params: &Params, setup: &Setup) -> Result<()> {
    setup.costs.validate()?;
    if params.bar_ms != panel.bar_ms {
        let what = format!("is {}, the panel's bars are {} ms", params.bar_ms, panel.bar_ms);
        return Err(KernelError::Param { name: "bar_ms", what });
    }
    for (name, value, low, high) in [
        ("cash_usdt", setup.cash_usdt, 1e-3, 1e12),
        ("maintenance_frac", setup.maintenance_frac, 0.0, 1.0),
    ] {
        if !(low..=high).contains(&value) {
            let what = format!("is {value}, wants {low} to {high}");
            return Err(KernelError::Argument { name, what });
        }
    }
    if let Some(tiers) = setup.tiers.as_ref().filter(|tiers| tiers.len() != panel.cols) {
        let what = format!("has {} contracts, wants {}, one a symbol", tiers.len(), panel.cols);
        return Err(KernelError::Argument { name: "tiers", what });
    }
    let Some(contracts) = &setup.contracts else { return Ok(()) };
    for (name, list, low) in [
        ("qty_step", &contracts.qty_step, f64::MIN_POSITIVE),
        ("notional_usdt_min", &contracts.notional_usdt_min, 0.0),
    ] {
        if list.len() != panel.cols || list.iter().any(|value| !(low..1e15).contains(value)) {
            let what = format!("wants {} finite values, one a symbol", panel.cols);
            return Err(KernelError::Argument { name, what });
        }
    }
    Ok(())
}

/// Lots of about a hundred-thousand-millionth of the cash at the first price, a power of two of units.
pub fn fine_lots(panel: &Panel<'_>, cash_usdt: f64) -> Contracts {
    let first = |symbol: usize| {
        let column = (0..panel.rows).map(|t| panel.close[t * panel.cols + symbol]);
        column.into_iter().find(|price| !price.is_nan()).unwrap_or(1.0)
    };
    let step = |symbol: usize| {
        let units = cash_usdt * 1e-11 / first(symbol);
        // The exponent bits alone: the power of two at or below.
        f64::from_bits(units.to_bits() & 0x7FF0_0000_0000_0000)
    };
    Contracts {
        qty_step: (0..panel.cols).map(step).collect(),
        notional_usdt_min: vec![0.0; panel.cols],
    }
}

/// Whether a guard looks at single names.
pub(super) fn watches_names(p: &Params) -> bool {
    p.symbol_daily_loss_max_frac > 0.0 || p.trade_loss_max_frac > 0.0 || p.cvar_max_frac > 0.0
}

/// Whether stops, records or guards can bar a name, or a rung cap it.
pub(super) fn may_be_barred(p: &Params) -> bool {
    may_exit(p) || p.streak_losses > 0 || p.symbol_score_enabled || watches_names(p)
}

/// Whether any guard is on.
pub(super) fn any_guard(p: &Params) -> bool {
    let limits = [
        p.daily_loss_max_frac,
        p.emergency_loss_frac,
        p.drawdown_max_frac,
        p.longterm_drawdown_max_frac,
        p.symbol_daily_loss_max_frac,
        p.trade_loss_max_frac,
        p.cvar_max_frac,
    ];
    p.stop_cluster_count > 0 || limits.iter().any(|limit| *limit > 0.0)
}

/// Price before costs at which `symbol` is filled in bar `t`.
pub(super) fn fill_price(panel: &Panel<'_>, at: FillAt, t: usize, symbol: usize) -> f64 {
    let cell = |field: &[f64]| field[t * panel.cols + symbol];
    match at {
        FillAt::Close => cell(panel.close),
        FillAt::Open => cell(panel.open),
        FillAt::Vwap => {
            let ends = cell(panel.open) + cell(panel.close);
            0.25 * (ends + (cell(panel.high) + cell(panel.low)))
        }
    }
}

/// Equity that may be used for sizing.
pub(crate) fn sizing_usdt(equity: f64, params: &Params) -> f64 {
    let capital = equity * params.capital_frac;
    if params.capital_usdt_max > 0.0 { capital.min(params.capital_usdt_max) } else { capital }
}

/// What of a leg may fill on what is held: an earlier order may have met an absent bar, and a
/// reduce-only leg never crosses 0.
pub(super) fn reachable_lots(leg: Leg, held: i64) -> i64 {
    if !leg.reduce_only {
        leg.lots
    } else if held > 0 {
        leg.lots.clamp(-held, 0)
    } else {
        leg.lots.clamp(0, -held)
    }
}
