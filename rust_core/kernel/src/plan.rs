//! Targets to integer lots: docs/explanation/plan.md, step by step.
//!
//! ```text
//! T = trunc(w·E / (price·qty_step))        exact, never above the target
//! g = T                                    closes, flips, openings
//! g = c inside ⌈|T| − b⌉ … ⌊|T| + b⌋, else the nearer edge,   b = band_frac·|T|
//! |net of g| ≤ limit                       by cutting the heavier leg inside its bands
//! order = g − c                            reduce-only legs first
//! ```

use crate::book::{GuardAction, Targets};
use crate::params::Params;
use crate::reason::Reason;

mod balance;
mod goal;
mod lots;

pub use lots::{LOTS_MAX, lots_least, target_lots};

/// Days in the year of the cost budget, over the days in which the cost was paid.
const WEEKS_A_YEAR: f64 = 365.0 / 7.0;

/// What the exchange says of its contracts; one entry a symbol.
#[derive(Debug, Clone, Copy)]
pub struct Lots<'a> {
    /// Units of base in one lot, above 0.
    pub qty_step: &'a [f64],
    /// Least notional of an order that opens or increases.
    pub notional_usdt_min: &'a [f64],
    /// Most lots that a position is planned to; empty is no bound.
    pub lots_max: &'a [i64],
}

/// What one plan reads. All slices have one entry a symbol.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// What the decision wants.
    pub targets: &'a Targets,
    /// Signed lots held.
    pub lots: &'a [i64],
    /// Price at which lots are counted; NaN: no order today.
    pub price: &'a [f64],
    /// Last known price, to value what cannot be traded.
    pub mark: &'a [f64],
    /// An exit of the whole position has been called.
    pub closing: &'a [bool],
    /// The contracts.
    pub contracts: Lots<'a>,
    /// Sizing equity, of which the weights are shares.
    pub sizing_usdt: f64,
    /// The strictest guard in force.
    pub guard: GuardAction,
    /// Targets were decided at this bar; otherwise only exits and the net cap act.
    pub rebalance: bool,
    /// Cost of the newest seven days as a share of equity; NaN when not known.
    pub cost_week_frac: f64,
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Index of the symbol.
    pub symbol: usize,
    /// Signed lots to trade.
    pub lots: i64,
    /// May only bring the position nearer to 0.
    pub reduce_only: bool,
}

/// A plan; reused from bar to bar, it does not allocate after the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Signed lots that will be held.
    pub goal_lots: Vec<i64>,
    /// Signed lots to trade.
    pub order_lots: Vec<i64>,
    /// The rule that shaped the order, else the target's own.
    pub reason: Vec<Reason>,
    /// The orders, reduce-only first.
    pub legs: Vec<Leg>,
    /// Symbols that somebody holds or wants; all others stay at 0, for the reason of their target.
    concerned: Vec<u32>,
    /// Working rows of these.
    names: Vec<Name>,
    /// Orders that open or increase.
    growing: Vec<Leg>,
    /// Names of the heavier leg, in the order in which they are cut.
    cuts: Vec<(f64, f64, usize)>,
}

/// Working figures of one name.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Name {
    /// Index of the symbol.
    symbol: usize,
    /// Value of a lot; of a still name at its mark.
    unit_usdt: f64,
    /// Smallest order, lots.
    least: i64,
    /// Lots held.
    held: i64,
    /// Target lots.
    target: i64,
    /// Lots that will be held.
    goal: i64,
    /// It does not move.
    still: bool,
}

/// Which rule keeps positions from growing, if any.
fn entries_blocked(input: &PlanInput, params: &Params) -> Option<Reason> {
    let budget = params.annual_cost_max_frac;
    let spent =
        budget > 0.0 && !matches!(input.cost_week_frac * WEEKS_A_YEAR, cost if cost <= budget);
    if input.guard != GuardAction::None {
        Some(Reason::EntriesBlocked)
    } else if spent {
        Some(Reason::CostBudget)
    } else {
        None
    }
}

/// Plan `input` into `plan`.
pub fn plan(input: &PlanInput, params: &Params, plan: &mut Plan) {
    let blocked = entries_blocked(input, params);
    let free = blocked.is_none() && input.rebalance;
    plan.begin(input);
    for i in plan.concerned.iter().map(|symbol| *symbol as usize) {
        let mut name = Name::of(input, i);
        if !name.still {
            plan.reason[i] = name.aim(input, i, blocked);
        } else if input.price[i].is_nan() && plan.reason[i] != Reason::Stale {
            plan.reason[i] = Reason::NoData;
        }
        plan.names.push(name);
    }
    let cap = net_cap_frac(params);
    let balanced = free && params.market_neutral;
    let mut limit = f64::INFINITY;
    if balanced {
        limit = balance::limit_balanced(input, plan, cap);
        balance::balance_targets(plan, limit);
    }
    let band_frac = params.band_frac;
    for name in &mut plan.names {
        let (goal, reason) = goal::within_band(name, band_frac);
        name.goal = goal;
        if let Some(reason) = reason {
            plan.reason[name.symbol] = reason;
        }
    }
    if balanced {
        balance::cut_goals(plan, limit, Some(band_frac), Reason::LegRounding);
    } else if !free {
        balance::cut_blocked(input, plan, cap);
    }
    plan.write();
}

fn net_cap_frac(params: &Params) -> f64 {
    if params.router_enabled {
        params.net_cap_frac.max(params.router_net_cap_frac)
    } else {
        params.net_cap_frac
    }
}

// Inlined, so that a name is put together in registers and written once.
impl Name {
    #[inline(always)]
    fn of(input: &PlanInput, i: usize) -> Self {
        let exit = input.closing[i] || input.guard == GuardAction::Flatten;
        let reason = input.targets.reason[i];
        let frozen = matches!(reason, Reason::Stale | Reason::OperatorHold);
        let price = input.price[i];
        let unknown = input.targets.weight_frac[i].is_nan()
            || (input.rebalance && input.sizing_usdt.is_nan());
        let still = price.is_nan() || (!exit && (frozen || unknown));
        let (held, step) = (input.lots[i], input.contracts.qty_step[i]);
        if still {
            let mark = input.mark[i];
            let unit_usdt = if mark.is_nan() { 0.0 } else { mark * step };
            return Self { symbol: i, unit_usdt, least: 1, held, target: held, goal: held, still };
        }
        let unit_usdt = price * step;
        let least = lots_least(input.contracts.notional_usdt_min[i], unit_usdt);
        Self { symbol: i, unit_usdt, least, held, target: 0, goal: 0, still }
    }

    /// Set the target lots; give the reason.
    #[inline(always)]
    fn aim(&mut self, input: &PlanInput, i: usize, blocked: Option<Reason>) -> Reason {
        let own = input.targets.reason[i];
        self.target = 0;
        if input.closing[i] {
            return if self.held == 0 { own } else { Reason::Exit };
        }
        if input.guard == GuardAction::Flatten {
            return if self.held == 0 { own } else { Reason::Flattened };
        }
        if !input.rebalance {
            self.target = self.held;
            return own;
        }
        let weight = input.targets.weight_frac[i];
        let wanted =
            target_lots(weight, input.sizing_usdt, input.price[i], input.contracts.qty_step[i]);
        let wanted = self.or_held(wanted, weight, input.sizing_usdt);
        let most = input.contracts.lots_max.get(i).map_or(LOTS_MAX, |most| (*most).max(0));
        self.target = wanted.clamp(-most, most);
        if self.target.abs() < self.least {
            self.target = 0;
            return if weight == 0.0 { own } else { Reason::BelowMinimum };
        }
        match blocked {
            Some(reason) if self.step_back() => reason,
            _ => own,
        }
    }

    /// A target that *is* what is held (entries blocked, a taken rung) has been through divisions: a
    /// hair short of the last lot must not sell it.
    fn or_held(&self, wanted: i64, weight: f64, sizing_usdt: f64) -> i64 {
        let held = self.held.abs();
        let one_short = held == wanted.abs() + 1 && self.held as f64 * weight > 0.0;
        let value_usdt = held as f64 * self.unit_usdt;
        let near = weight.abs() * sizing_usdt >= value_usdt * (1.0 - 1e-9);
        if one_short && near { self.held } else { wanted }
    }

    /// Move the target between 0 and what is held; whether that changed it.
    fn step_back(&mut self) -> bool {
        let wanted = self.target;
        let same_side = wanted.signum() == self.held.signum();
        let most = if same_side { self.held.abs() } else { 0 };
        self.target = wanted.signum() * wanted.abs().min(most);
        self.target != wanted
    }

    fn same_side(&self) -> bool {
        self.held != 0 && self.held.signum() == self.target.signum()
    }
}

impl Plan {
    /// A plan with room for `symbols` names.
    pub fn new(symbols: usize) -> Self {
        Self {
            goal_lots: Vec::with_capacity(symbols),
            order_lots: Vec::with_capacity(symbols),
            reason: Vec::with_capacity(symbols),
            legs: Vec::with_capacity(2 * symbols),
            concerned: Vec::with_capacity(symbols),
            names: Vec::with_capacity(symbols),
            growing: Vec::with_capacity(symbols),
            cuts: Vec::with_capacity(symbols),
        }
    }

    /// Forget the last plan, and find the names of this one.
    fn begin(&mut self, input: &PlanInput) {
        let symbols = input.lots.len();
        for lots in [&mut self.goal_lots, &mut self.order_lots] {
            lots.clear();
            lots.resize(symbols, 0);
        }
        self.reason.clear();
        self.reason.extend_from_slice(&input.targets.reason);
        self.names.clear();
        self.concerned.clear();
        self.concerned.resize(symbols, 0);
        let mut count = 0;
        let wanted = input.lots.iter().zip(&input.targets.weight_frac);
        for (symbol, (lots, weight)) in wanted.enumerate() {
            // Written always and counted where meant: no branch that nobody can predict.
            self.concerned[count] = symbol as u32;
            count += usize::from(*lots != 0) | usize::from(*weight != 0.0);
        }
        self.concerned.truncate(count);
    }

    /// The goals and their orders. Whether a name has one order, two or none is a coin that nobody
    /// predicts, so each is written always and counted where meant.
    fn write(&mut self) {
        let names = self.names.len();
        let blank = Leg { symbol: 0, lots: 0, reduce_only: true };
        for legs in [&mut self.legs, &mut self.growing] {
            legs.clear();
            legs.resize(names, blank);
        }
        let (mut reducing, mut growing) = (0, 0);
        for name in &self.names {
            let symbol = name.symbol;
            self.goal_lots[symbol] = name.goal;
            self.order_lots[symbol] = name.goal - name.held;
            let same_side = i64::from((name.goal ^ name.held) >= 0);
            let side = 1 | (name.held >> 63);
            let kept = same_side * side * name.goal.abs().min(name.held.abs());
            self.legs[reducing] = Leg { symbol, lots: kept - name.held, reduce_only: true };
            reducing += usize::from(kept != name.held);
            self.growing[growing] = Leg { symbol, lots: name.goal - kept, reduce_only: false };
            growing += usize::from(kept != name.goal);
        }
        self.legs.truncate(reducing);
        self.growing.truncate(growing);
        self.legs.extend_from_slice(&self.growing);
    }
}
