//! The net of the legs: cut the heavier one until it is small enough.

use super::goal::band;
use super::{Name, Plan, PlanInput, Sums};
use crate::reason::Reason;

/// Net that is always allowed, share of sizing equity.
pub(super) const NET_TOLERANCE_FRAC: f64 = 0.02;
/// Rounds of cutting targets; each makes them smaller, the first nearly always does.
const ROUNDS_MAX: usize = 8;

/// `Σ lots·U`.
fn net_usdt(names: &[Name], lots: impl Fn(&Name) -> i64) -> f64 {
    names.iter().map(|name| lots(name) as f64 * name.unit_usdt).sum()
}

/// Net allowed while entries are free: what the decision wanted, between 2 % and the net cap.
#[inline(always)]
pub(super) fn limit_balanced(input: &PlanInput, sums: &Sums, cap_frac: f64) -> f64 {
    let equity = input.sizing_usdt;
    let allowed = (NET_TOLERANCE_FRAC * equity).max(sums.net.abs()).min(cap_frac * equity);
    allowed_or_lot(equity, allowed, sums.lot_usdt)
}

/// Net allowed while entries are blocked: the net cap.
fn limit_blocked(input: &PlanInput, plan: &Plan, cap_frac: f64) -> f64 {
    let equity = input.sizing_usdt;
    let lots = plan.names.iter().filter(|name| !name.still && name.goal != 0);
    let least = lots
        .map(|name| name.unit_usdt)
        .fold(f64::INFINITY, |least, usdt| if usdt < least { usdt } else { least });
    allowed_or_lot(equity, cap_frac * equity, least)
}

/// A limit of whole lots must not turn on the last bit of a sum, hence the billionth. An equity that is not known measures nothing, and nothing is cut by it.
pub(super) fn allowed_or_lot(equity: f64, allowed: f64, lot_usdt: f64) -> f64 {
    if equity.is_nan() { f64::INFINITY } else { allowed.max(lot_usdt) * (1.0 + 1e-9) }
}

/// Take back what rounding and minima did to the targets.
pub(super) fn balance_targets(plan: &mut Plan, limit: f64) {
    for _ in 0..ROUNDS_MAX {
        if !balance_round(plan, limit) {
            return;
        }
    }
}

/// One round; whether it cut anything.
fn balance_round(plan: &mut Plan, limit: f64) -> bool {
    let Plan { names, cuts, .. } = plan;
    let mut net = net_usdt(names, |name| name.target);
    if net.abs() <= limit {
        return false;
    }
    let side = if net > 0.0 { 1 } else { -1 };
    let on_leg = |name: &Name| !name.still && name.target.signum() == side;
    let leg: f64 = names
        .iter()
        .filter(|name| on_leg(name))
        .map(|name| name.target.abs() as f64 * name.unit_usdt)
        .sum();
    let share = ((net.abs() - limit) / leg).min(1.0);
    cuts.clear();
    let mut cut_any = false;
    for (i, name) in names.iter_mut().enumerate().filter(|(_, name)| on_leg(name)) {
        let owed = share * name.target.abs() as f64;
        let whole = owed.floor() as i64;
        name.target -= side * whole;
        if whole > 0 {
            (cut_any, name.reason) = (true, Reason::LegRounding);
        }
        cuts.push((owed - whole as f64, -name.unit_usdt, i));
    }
    net = net_usdt(names, |name| name.target);
    sort_cuts(cuts);
    for (_, _, i) in cuts.iter() {
        let (weight, name) = (net * side as f64, &mut names[*i]);
        if weight > limit && name.target != 0 && name.unit_usdt < 2.0 * weight {
            name.target -= side;
            net -= side as f64 * name.unit_usdt;
            (cut_any, name.reason) = (true, Reason::LegRounding);
        }
    }
    for name in names.iter_mut().filter(|name| !name.still && name.target.abs() < name.least) {
        name.target = 0;
    }
    cut_any
}

/// Entries are blocked: cut down to the net cap, again while it helps, because a position that is
/// gone may have been the smallest lot.
pub(super) fn cut_blocked(input: &PlanInput, plan: &mut Plan, cap_frac: f64) {
    for _ in 0..=input.lots.len() {
        let limit = limit_blocked(input, plan, cap_frac);
        if !cut_goals(plan, limit, None, Reason::NetCap) {
            return;
        }
    }
}

impl Plan {
    /// Cut the goals of so many names as the long way does. Each is `[value of a lot in USDT, lots held, target,
    /// goal]`, moves, and has no least order; `keep` is told each new goal.
    pub(crate) fn cut_places(
        &mut self,
        count: usize,
        limit: f64,
        band_frac: f64,
        name: impl Fn(usize) -> [f64; 4],
        mut keep: impl FnMut(usize, f64),
    ) {
        self.names.clear();
        self.names.extend((0..count).map(|place| {
            let [unit_usdt, held, target, goal] = name(place);
            let (own, reason) = (Reason::NotSelected, Reason::NotSelected);
            let [held, target, goal] = [held, target, goal].map(|lots| lots as i64);
            let (symbol, least, still) = (place as u32, 1, false);
            Name { symbol, own, reason, unit_usdt, least, held, target, goal, still }
        }));
        if cut_goals(self, limit, Some(band_frac), Reason::LegRounding) {
            let goals = self.names.iter().map(|name| name.goal as f64).enumerate();
            goals.for_each(|(place, goal)| keep(place, goal));
        }
    }
}

/// Cut the heavier leg of the goals until the net is within `limit`: inside its bands when a band is
/// given, else down to nothing. Whether it cut anything.
pub(super) fn cut_goals(plan: &mut Plan, limit: f64, band_frac: Option<f64>, why: Reason) -> bool {
    let Plan { names, cuts, .. } = plan;
    let net = net_usdt(names, |name| name.goal);
    if net.abs() <= limit {
        return false;
    }
    let side = if net > 0.0 { 1 } else { -1 };
    let mut cut_any = false;
    let mut weight = net.abs();
    let above_target = |name: &Name| name.goal.abs() as f64 / name.target.abs() as f64;
    let value = |name: &Name| name.goal.abs() as f64 * name.unit_usdt;
    for to_target in [true, false] {
        cuts.clear();
        for (i, name) in names.iter().enumerate() {
            if !name.still && name.goal.signum() == side && name.target != 0 {
                let above = if to_target { above_target(name) } else { 0.0 };
                cuts.push((above, value(name), i));
            }
        }
        // Nearly always a few cuts do, and the others need no order.
        while weight > limit
            && let Some((_, _, i)) = take_first(cuts)
        {
            let name = &mut names[i];
            let floor = match band_frac {
                _ if to_target => name.target.abs().max(name.least),
                Some(frac) => band(name.target, frac).0.max(name.least),
                None => 0,
            };
            let cut = lots_to_cut(name, floor, weight, limit);
            if cut > 0 {
                name.goal -= side * cut;
                weight -= cut as f64 * name.unit_usdt;
                (cut_any, name.reason) = (true, why);
            }
        }
    }
    cut_any
}

/// A name that may give lots: two keys and its place.
type Cut = (f64, f64, usize);

/// Largest first, by the first key, then the second; ties by symbol.
fn in_order(a: &Cut, b: &Cut) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2))
}

fn sort_cuts(cuts: &mut [Cut]) {
    cuts.sort_unstable_by(in_order);
}

/// Take out what comes first of all that is left.
fn take_first(cuts: &mut Vec<Cut>) -> Option<Cut> {
    let first = (0..cuts.len()).min_by(|a, b| in_order(&cuts[*a], &cuts[*b]))?;
    Some(cuts.swap_remove(first))
}

/// Lots that `name` gives to bring a net of `weight` down to `limit`; 0 when no order can.
fn lots_to_cut(name: &Name, floor: i64, weight: f64, limit: f64) -> i64 {
    let size = name.goal.abs();
    let room = size - floor;
    if weight <= limit || room <= 0 {
        return 0;
    }
    let needed = (((weight - limit) / name.unit_usdt).ceil() as i64).max(1);
    // A position that has no order yet must give at least the smallest one.
    let reducing = name.held.signum() == name.goal.signum() && name.held.abs() >= size;
    let ordered = name.held.abs() - size;
    let first = if reducing { name.least - ordered } else { 1 };
    let wanted = needed.max(first).min(room);
    let fits = |cut: i64| {
        let left = size - cut;
        cut > 0
            && cut <= room
            && (left == 0 || left >= name.least)
            && (left == 0 || cut >= first)
            && weight - cut as f64 * name.unit_usdt >= -limit
    };
    [wanted, size, size - name.least].into_iter().find(|cut| fits(*cut)).unwrap_or(0)
}
