//! The plan of an ordinary rebalance, many names at once.
//!
//! Most plans have nothing but targets to turn into lots: no exit, no guard, no still name, no least
//! order, nothing to take back from the legs. Then the rules of docs/explanation/plan.md are straight
//! arithmetic on whole numbers that a double holds exactly, and lanes can do it. Whatever is not that
//! ordinary — or is so near to a limit that the order of a sum could decide — is left to the long way.

// A lazy operator is a branch, and lanes have none.
#![allow(clippy::needless_bitwise_bool)]

use super::balance::{NET_TOLERANCE_FRAC, allowed_or_lot};
use super::rows::Rows;
use super::{Plan, PlanInput, net_cap_frac};
use crate::lanes::{LANES, Lane, dispatch, fold};
use crate::params::Params;

/// Adding and taking off `2^52` rounds to a whole number.
const TO_WHOLE: f64 = 4_503_599_627_370_496.0;
/// A sum this much nearer to its limit is left to the long way.
pub(crate) const CLEAR_FRAC: f64 = 1.0 - 1e-9;

/// Plan the rows; false where the plan is not an ordinary one, and nothing is planned yet.
#[inline(always)]
pub(super) fn plan(
    input: &PlanInput,
    named: &[u32],
    calm: bool,
    params: &Params,
    plan: &mut Plan,
) -> bool {
    if !(input.sizing_usdt > 0.0 && input.contracts.lots_max.is_empty()) {
        return false;
    }
    plan.rows.fit(input.lots.len());
    if !plan.rows.gather(input, named, calm) {
        return false;
    }
    let (rows, count) = (&mut plan.rows, named.len());
    dispatch(
        #[inline(always)]
        || {
            if params.band_frac == 0.0 {
                aim::<false>(rows, count, input.sizing_usdt, params)
            } else {
                aim::<true>(rows, count, input.sizing_usdt, params)
            }
        },
    )
}

/// Goals of all names; false where one of them, or their sum, wants a closer look.
#[inline(always)]
fn aim<const BAND: bool>(rows: &mut Rows, count: usize, sizing_usdt: f64, params: &Params) -> bool {
    let whole = count.next_multiple_of(LANES);
    let (prices, _) = rows.price[..whole].as_chunks::<LANES>();
    let (steps, _) = rows.step[..whole].as_chunks::<LANES>();
    let (weights, _) = rows.weight[..whole].as_chunks::<LANES>();
    let (held, _) = rows.held[..whole].as_chunks::<LANES>();
    let (less, _) = rows.less[..whole].as_chunks_mut::<LANES>();
    let (more, _) = rows.more[..whole].as_chunks_mut::<LANES>();
    let mut sums = [[0.0; LANES]; 3];
    let mut lot = [f64::INFINITY; LANES];
    let mut odd = [0_u64; LANES];
    let lanes = prices.iter().zip(steps).zip(weights).zip(held).zip(less).zip(more);
    for (((((price, step), weight), held), less), more) in lanes {
        let (mut nearer, mut further) = ([0.0; LANES], [0.0; LANES]);
        for k in 0..LANES {
            let unit = price[k] * step[k];
            let name = target(weight[k], held[k], unit, sizing_usdt);
            odd[k] |= u64::from(!name.ordinary).wrapping_neg();
            let goal = if BAND { banded(name.lots, held[k], params.band_frac) } else { name.lots };
            let kept = kept_of(goal, held[k]);
            (nearer[k], further[k]) = (kept - held[k], goal - kept);
            sums[0][k] += weight[k] * sizing_usdt;
            sums[1][k] += name.lots * unit;
            sums[2][k] += goal * unit;
            let counts = (name.lots != 0.0) & (unit < lot[k]);
            lot[k] = if counts { unit } else { lot[k] };
        }
        (*less, *more) = (nearer, further);
    }
    if odd.iter().fold(0, |any, lane| any | lane) != 0 {
        return false;
    }
    !params.market_neutral || is_balanced(sums, lot, sizing_usdt, params)
}

/// Are the nets of targets and goals clearly within the limit?
#[inline(always)]
fn is_balanced(sums: [Lane; 3], lot: Lane, sizing_usdt: f64, params: &Params) -> bool {
    let [net, target, goal] = [fold(sums[0]), fold(sums[1]), fold(sums[2])];
    let cap = net_cap_frac(params) * sizing_usdt;
    let allowed = (NET_TOLERANCE_FRAC * sizing_usdt).max(net.abs()).min(cap);
    let least = lot.iter().fold(f64::INFINITY, |least, usdt| least.min(*usdt));
    let limit = allowed_or_lot(sizing_usdt, allowed, least) * CLEAR_FRAC;
    (target.abs() < limit) & (goal.abs() < limit)
}

#[derive(Clone, Copy)]
struct Target {
    lots: f64,
    ordinary: bool,
}

/// Target lots of a name, by the quick half of [`super::target_lots`].
#[inline(always)]
fn target(weight: f64, held: f64, unit: f64, sizing_usdt: f64) -> Target {
    let size = weight.abs() * sizing_usdt;
    let rough = size / unit;
    let near = (rough + TO_WHOLE) - TO_WHOLE;
    let whole = if near > rough { near - 1.0 } else { near };
    let margin = rough * 1e-15;
    let clear = (rough - whole > margin)
        & (whole + 1.0 - rough > margin)
        & (rough < 1e14)
        & (size > 1e-280);
    let ordinary = (unit > 1e-280) & ((weight == 0.0) | clear);
    // What is held but for the rounding of a division stays held.
    let one_short = (held.abs() == whole + 1.0) & (held * weight > 0.0);
    let kept = one_short & (size >= (held.abs() * unit) * (1.0 - 1e-9));
    Target { lots: if kept { held } else { whole.copysign(weight) }, ordinary }
}

/// The nearest lots inside the band around the target.
#[inline(always)]
fn banded(target: f64, held: f64, band_frac: f64) -> f64 {
    let size = target.abs();
    let half = band_frac * size;
    let (low, high) = (size - half, size + half);
    let down = (high + TO_WHOLE) - TO_WHOLE;
    let upper = if down > high { down - 1.0 } else { down };
    let up = (low + TO_WHOLE) - TO_WHOLE;
    let lower = if up < low { up + 1.0 } else { up };
    let lower = if lower > 0.0 { lower } else { 0.0 };
    let edge = if held.abs() > lower { held.abs() } else { lower };
    let edge = if edge < upper { edge } else { upper };
    let same_side = (target != 0.0) & (target * held > 0.0);
    if same_side { edge.copysign(held) } else { target }
}

/// What of the position stays: none of it where it changes side.
#[inline(always)]
fn kept_of(goal: f64, held: f64) -> f64 {
    let size = if goal.abs() < held.abs() { goal.abs() } else { held.abs() };
    if goal * held > 0.0 { size.copysign(held) } else { 0.0 }
}

/// The targets of names that nothing is unusual of, asked for less than [`target`] asks. What is not sure
/// is asked again by [`plan`], so each question may say no too often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sure {
    /// All bits: a quotient may be a whole number, or a name changes side.
    odd: [u64; LANES],
    /// Names that will be held.
    count: Lane,
    /// Sums of targets and of goals, USDT.
    target_usdt: Lane,
    goal_usdt: Lane,
    /// Sum of what is wanted, and the smallest lot of a name with a target, USDT; only with a band.
    net_usdt: Lane,
    lot_usdt: Lane,
}

impl Sure {
    pub(crate) const NOTHING: Self = Self {
        odd: [0; LANES],
        count: [0.0; LANES],
        target_usdt: [0.0; LANES],
        goal_usdt: [0.0; LANES],
        net_usdt: [0.0; LANES],
        lot_usdt: [f64::INFINITY; LANES],
    };

    /// Lots of the target of a name in lane `k`, and those that it is to hold.
    #[inline(always)]
    pub(crate) fn goal<const BAND: bool>(
        &mut self,
        k: usize,
        weight: f64,
        held: f64,
        unit: f64,
        sizing_usdt: f64,
        band_frac: f64,
    ) -> [f64; 2] {
        let size = weight.abs() * sizing_usdt;
        let rough = size / unit;
        let near = (rough + TO_WHOLE) - TO_WHOLE;
        let whole = near - if near > rough { 1.0 } else { 0.0 };
        let (above, below) = (rough - whole, 1.0 - (rough - whole));
        // Three roundings stay below 1e-15 of the quotient; beyond 5e13 nothing is clear. Below a lot it is
        // 0 lots, whatever the last bits are.
        let clear = rough * 1e-14 <= if above < below { above } else { below };
        // What is held but for the rounding of a division stays held.
        let one_short = (held.abs() == whole + 1.0) & (held * weight > 0.0);
        let kept = one_short & (size >= (held.abs() * unit) * (1.0 - 1e-9));
        // 0 + x turns −0 into 0.
        let lots = if kept { held } else { 0.0 + whole.copysign(weight) };
        let goal = if BAND { banded(lots, held, band_frac) } else { lots };
        let odd = !clear | (goal * held < 0.0) | (unit < 1e-280);
        self.odd[k] |= u64::from(odd).wrapping_neg();
        self.count[k] += if goal == 0.0 { 0.0 } else { 1.0 };
        self.goal_usdt[k] += goal * unit;
        if BAND {
            self.target_usdt[k] += lots * unit;
            self.net_usdt[k] += weight * sizing_usdt;
            let counts = (lots != 0.0) & (unit < self.lot_usdt[k]);
            self.lot_usdt[k] = if counts { unit } else { self.lot_usdt[k] };
        }
        [lots, goal]
    }

    /// How many names are to be held: fewer than are wanted where some have no whole lot.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        fold(self.count) as usize
    }

    /// Is all that was asked sure?
    #[inline(always)]
    pub(crate) fn holds<const BAND: bool>(&self, sizing_usdt: f64, params: &Params) -> bool {
        let odd = self.odd.iter().fold(0, |any, lane| any | lane);
        let most = NET_TOLERANCE_FRAC.min(net_cap_frac(params)) * sizing_usdt * CLEAR_FRAC;
        let balanced = |sum: Lane| !params.market_neutral | (fold(sum).abs() < most);
        (odd == 0) & balanced(self.goal_usdt) & (!BAND | balanced(self.target_usdt))
    }
}

impl Sure {
    /// Where all is sure but that the goals' net is within its limit: that limit.
    #[inline(never)]
    pub(crate) fn limit_of_goals(&self, sizing_usdt: f64, params: &Params) -> Option<f64> {
        let odd = self.odd.iter().fold(0, |any, lane| any | lane);
        let (tolerance, cap) =
            (NET_TOLERANCE_FRAC * sizing_usdt, net_cap_frac(params) * sizing_usdt);
        let clear = fold(self.target_usdt).abs() < tolerance.min(cap) * CLEAR_FRAC
            && fold(self.net_usdt).abs() < tolerance * CLEAR_FRAC;
        let least = self.lot_usdt.iter().fold(f64::INFINITY, |least, usdt| least.min(*usdt));
        (odd == 0 && clear).then(|| allowed_or_lot(sizing_usdt, tolerance.min(cap), least))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Lots, entries_blocked, plan_each};
    use super::*;
    use crate::book::{GuardAction, Targets};
    use crate::reason::Reason;
    use proptest::prelude::*;

    const N: usize = 21;

    fn all() -> Vec<u32> {
        (0..N as u32).collect()
    }

    fn rows(seed: &[(f64, i64, f64, u8)]) -> (Targets, Vec<i64>, Vec<f64>) {
        let mut targets = Targets::new(N);
        let (mut lots, mut price) = (vec![0; N], vec![1.0; N]);
        for (i, (weight, held, at, kind)) in seed.iter().enumerate() {
            price[i] = *at;
            lots[i] = *held;
            // Weights that are exactly what is held, that are 0, and odd cases among the others.
            targets.weight_frac[i] = match kind % 8 {
                0 => 0.0,
                1 => *held as f64 * at * 0.001 / 1e4,
                _ => *weight,
            };
            if *kind == 200 {
                price[i] = f64::NAN;
            }
            if *kind == 201 {
                targets.reason[i] = Reason::Stale;
            }
        }
        (targets, lots, price)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_quick_way_gives_the_legs_of_the_long_one(
            seed in prop::collection::vec(
                (-0.2..0.2f64, -2_000_000..2_000_000i64, 0.5..200.0f64, 0..202u8), N..=N),
            band in prop_oneof![Just(0.0), 0.0..1.0f64],
            neutral in any::<bool>(),
            scale in prop_oneof![Just(1.0), Just(1e-4)],
        ) {
            let (targets, mut lots, price) = rows(&seed);
            for lots in &mut lots {
                *lots = (*lots as f64 * scale) as i64;
            }
            let params = Params { band_frac: band, market_neutral: neutral, ..Params::default() };
            let input = PlanInput {
                targets: &targets,
                lots: &lots,
                price: &price,
                mark: &[7.0; N],
                closing: &[false; N],
                contracts: Lots {
                    qty_step: &[0.001; N],
                    notional_usdt_min: &[0.0; N],
                    lots_max: &[],
                },
                sizing_usdt: 1e4,
                guard: GuardAction::None,
                rebalance: true,
                cost_week_frac: 0.0,
            };
            prop_assert!(entries_blocked(&input, &params).is_none());
            let (mut quick, mut long) = (Plan::default(), Plan::default());
            if plan(&input, &all(), false, &params, &mut quick) {
                plan_each(&input, &all(), &params, &mut long);
                quick.write_legs(&all());
                long.write_legs(&all());
                prop_assert_eq!(quick.legs, long.legs);
            }
        }
    }

    #[test]
    fn an_ordinary_plan_is_planned_quickly() {
        let mut targets = Targets::new(N);
        targets.weight_frac[..4].copy_from_slice(&[0.301_234_5, 0.201_3, -0.251_7, -0.250_3]);
        let input = PlanInput {
            targets: &targets,
            lots: &[3; N],
            price: &[2.7; N],
            mark: &[2.5; N],
            closing: &[false; N],
            contracts: Lots { qty_step: &[0.001; N], notional_usdt_min: &[0.0; N], lots_max: &[] },
            sizing_usdt: 1e4,
            guard: GuardAction::None,
            rebalance: true,
            cost_week_frac: 0.0,
        };
        let params = Params { band_frac: 0.0, ..Params::default() };
        let mut quick = Plan::default();
        assert!(plan(&input, &all(), false, &params, &mut quick));
        quick.write_legs(&all());
        assert_eq!(quick.legs.len(), N + 2);
        let closing = PlanInput { closing: &[true; N], ..input };
        assert!(!plan(&closing, &all(), false, &params, &mut quick));
    }
}
