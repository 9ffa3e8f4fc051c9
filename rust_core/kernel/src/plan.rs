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
mod quick;
mod rows;

pub use lots::{LOTS_MAX, lots_least, target_lots};
pub(crate) use quick::{CLEAR_FRAC, Sure};
pub(crate) use rows::{LOTS_MANY, Rows};

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
    /// What is to be traded of these, side by side.
    pub(crate) rows: Rows,
    /// Names of the heavier leg, in the order in which they are cut.
    cuts: Vec<(f64, f64, usize)>,
}

/// Working figures of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Name {
    /// Index of the symbol.
    symbol: u32,
    /// The rule that shaped the target.
    own: Reason,
    /// The rule that shaped the order.
    reason: Reason,
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
    let mut concerned = std::mem::take(&mut plan.concerned);
    concerned.clear();
    let wanted = input.lots.iter().zip(&input.targets.weight_frac).enumerate();
    let named = wanted.filter(|(_, (lots, weight))| **lots != 0 || **weight != 0.0);
    concerned.extend(named.map(|(symbol, _)| symbol as u32));
    plan_each(input, &concerned, params, plan);
    plan.write_legs(&concerned);
    plan.concerned = concerned;
    plan.write_rows(input);
}

/// [`plan`] for a caller who knows, in their order, all symbols that are held or wanted, and who
/// reads the rows alone. `calm`: nothing is to be closed, nothing stands still, no order has a least.
#[inline(always)]
pub(crate) fn plan_named(
    input: &PlanInput,
    named: &[u32],
    calm: bool,
    params: &Params,
    plan: &mut Plan,
) {
    let ordinary = input.rebalance && entries_blocked(input, params).is_none();
    if !(ordinary && quick::plan(&input.evened(), named, calm, params, plan)) {
        plan_each(input, named, params, plan);
    }
}

/// The long way: name by name, by every rule.
#[inline(never)]
fn plan_each(input: &PlanInput, named: &[u32], params: &Params, plan: &mut Plan) {
    let blocked = entries_blocked(input, params);
    let free = blocked.is_none() && input.rebalance;
    let (cap, band_frac) = (net_cap_frac(params), params.band_frac);
    let balanced = free && params.market_neutral;
    let input = &input.evened();
    let mut sums = Sums::new();
    plan.names.clear();
    for i in named.iter().map(|symbol| *symbol as usize) {
        let mut name = Name::of(input, i);
        if !name.still {
            name.own = name.aim(input, i, blocked);
        } else if input.price[i].is_nan() && name.own != Reason::Stale {
            name.own = Reason::NoData;
        }
        name.reason = name.own;
        sums.wanted(&name, input, i);
        name.settle(band_frac);
        sums.goal += name.goal as f64 * name.unit_usdt;
        plan.names.push(name);
    }
    if balanced {
        let limit = balance::limit_balanced(input, &sums, cap);
        if sums.target.abs() > limit {
            plan.names.iter_mut().for_each(|name| name.reason = name.own);
            balance::balance_targets(plan, limit);
            plan.names.iter_mut().for_each(|name| name.settle(band_frac));
            balance::cut_goals(plan, limit, Some(band_frac), Reason::LegRounding);
        } else if sums.goal.abs() > limit {
            balance::cut_goals(plan, limit, Some(band_frac), Reason::LegRounding);
        }
    } else if !free {
        balance::cut_blocked(input, plan, cap);
    }
    plan.rows.take(input, &plan.names);
}

/// What the names of a plan add up to.
#[derive(Debug, Clone, Copy)]
struct Sums {
    /// `Σ` of what the decision wanted, USDT.
    net: f64,
    /// `Σ T·U`.
    target: f64,
    /// `Σ g·U`.
    goal: f64,
    /// Smallest `U` among names that move and have a target.
    lot_usdt: f64,
}

impl Sums {
    fn new() -> Self {
        Self { net: 0.0, target: 0.0, goal: 0.0, lot_usdt: f64::INFINITY }
    }

    #[inline(always)]
    fn wanted(&mut self, name: &Name, input: &PlanInput, i: usize) {
        let unit = name.unit_usdt;
        let asked = input.targets.weight_frac[i] * input.sizing_usdt;
        let asked = if input.closing[i] { 0.0 } else { asked };
        self.net += if name.still { name.held as f64 * unit } else { asked };
        self.target += name.target as f64 * unit;
        let counts = !name.still && name.target != 0 && unit < self.lot_usdt;
        self.lot_usdt = if counts { unit } else { self.lot_usdt };
    }
}

impl PlanInput<'_> {
    /// All rows of one length, so that an index is asked about its bounds once.
    #[inline(always)]
    fn evened(&self) -> Self {
        let n = self.lots.len();
        let contracts = Lots {
            qty_step: &self.contracts.qty_step[..n],
            notional_usdt_min: &self.contracts.notional_usdt_min[..n],
            lots_max: self.contracts.lots_max,
        };
        Self {
            price: &self.price[..n],
            mark: &self.mark[..n],
            closing: &self.closing[..n],
            contracts,
            ..*self
        }
    }
}

pub(crate) fn net_cap_frac(params: &Params) -> f64 {
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
            let (symbol, least, own) = (i as u32, 1, reason);
            let (target, goal) = (held, held);
            return Self { symbol, own, reason, unit_usdt, least, held, target, goal, still };
        }
        let unit_usdt = price * step;
        let least = lots_least(input.contracts.notional_usdt_min[i], unit_usdt);
        let (symbol, own) = (i as u32, reason);
        Self { symbol, own, reason, unit_usdt, least, held, target: 0, goal: 0, still }
    }

    /// Set the goal; the band and the smallest order give reasons of their own.
    #[inline(always)]
    fn settle(&mut self, band_frac: f64) {
        let (goal, reason) = goal::within_band(self, band_frac);
        self.goal = goal;
        self.reason = reason.unwrap_or(self.reason);
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
            rows: Rows::default(),
            cuts: Vec::with_capacity(symbols),
        }
    }

    /// Every symbol's goal, order and reason.
    fn write_rows(&mut self, input: &PlanInput) {
        let symbols = input.lots.len();
        for lots in [&mut self.goal_lots, &mut self.order_lots] {
            lots.clear();
            lots.resize(symbols, 0);
        }
        self.reason.clear();
        self.reason.extend_from_slice(&input.targets.reason);
        for name in &self.names {
            let symbol = name.symbol as usize;
            self.goal_lots[symbol] = name.goal;
            self.order_lots[symbol] = name.goal - name.held;
            self.reason[symbol] = name.reason;
        }
    }
}
