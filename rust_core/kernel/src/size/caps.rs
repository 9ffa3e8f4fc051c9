//! Caps of single names, with water-filling inside a leg.

use crate::book::Side;
use crate::decide::Scene;
use crate::reason::Reason;
use crate::size::Legs;
use crate::universe::sizing_equity_usdt;

/// Largest |weight| that name `i` may have on this side, and the rule that says so.
pub(crate) fn cap_of(scene: Scene<'_>, i: usize, side: Side) -> (f64, Reason) {
    let (p, row) = (scene.params, scene.row);
    let most = match side {
        Side::Long => p.weight_long_max_frac,
        Side::Short => p.weight_short_max_frac,
    };
    let mut cap = (most, Reason::WeightCap);
    let mut lower = |limit: f64, rule: Reason| {
        if limit < cap.0 {
            cap = (limit.max(0.0), rule);
        }
    };
    let or_nothing = |limit: f64| if limit.is_nan() { 0.0 } else { limit };
    if side == Side::Short && p.squeeze_loss_frac > 0.0 {
        // A price that triples costs a short twice its weight.
        lower(p.squeeze_loss_frac / 2.0, Reason::SqueezeCap);
    }
    if p.risk_per_trade_frac > 0.0 {
        let stop_frac = p.stop_atr_x * row.atr[i] / row.close[i];
        lower(or_nothing(p.risk_per_trade_frac / stop_frac), Reason::RiskCap);
    }
    let equity_usdt = sizing_equity_usdt(scene.book, p);
    if p.notional_max_usdt > 0.0 {
        lower(or_nothing(p.notional_max_usdt / equity_usdt), Reason::NotionalCap);
    }
    if p.adv_share_max_frac > 0.0 {
        lower(or_nothing(p.adv_share_max_frac * row.adv_usdt[i] / equity_usdt), Reason::AdvCap);
    }
    lower(scene.book.rung_cap_frac[i], Reason::RungCap);
    cap
}

/// The same where only the caps of weight and rungs are on.
#[inline(always)]
fn plain_cap_of(scene: Scene<'_>, i: usize, side: Side) -> (f64, Reason) {
    let most = match side {
        Side::Long => scene.params.weight_long_max_frac,
        Side::Short => scene.params.weight_short_max_frac,
    };
    let rung = scene.book.rung_cap_frac[i];
    if rung < most { (rung.max(0.0), Reason::RungCap) } else { (most, Reason::WeightCap) }
}

/// Cut every name to its cap; what is cut goes to the leg's other names while they have room.
#[inline(always)]
pub(crate) fn apply(legs: &mut Legs, scene: Scene<'_>, reason: &mut [Reason]) {
    let p = scene.params;
    let plain = p.risk_per_trade_frac == 0.0
        && p.notional_max_usdt == 0.0
        && p.adv_share_max_frac == 0.0
        && p.squeeze_loss_frac == 0.0;
    if plain && fits(legs, scene) {
        return;
    }
    for side in Side::BOTH {
        fill_leg(legs, scene, side, plain, reason);
    }
}

/// With caps of weight and rungs alone: is no name above its own?
#[inline(always)]
fn fits(legs: &Legs, scene: Scene<'_>) -> bool {
    let p = scene.params;
    let most = [p.weight_long_max_frac, p.weight_short_max_frac];
    let (count, longs) = (legs.len(), legs.places(Side::Long).end);
    let mut over = 0;
    for (place, weight) in legs.weight[..legs.whole_lanes()].iter().enumerate() {
        let above = *weight > most[usize::from(place >= longs)];
        over |= u64::from(above) & u64::from(place < count);
    }
    if scene.book.quiet {
        return over == 0;
    }
    let (rungs, widest) = (scene.book.rung_cap_frac, most[0].max(most[1]));
    // A cap that is not below the others' is none.
    let any_rung = rungs.iter().fold(0, |any, rung| any | u64::from(*rung < widest)) != 0;
    let under = |place: usize| legs.weight[place] > rungs[legs.name[place] as usize];
    over == 0 && !(any_rung && (0..legs.len()).any(under))
}

#[inline(never)]
fn fill_leg(legs: &mut Legs, scene: Scene<'_>, side: Side, plain: bool, reason: &mut [Reason]) {
    let places = legs.places(side);
    let may_close = scene.params.correlation_enabled;
    for place in places.clone() {
        let i = legs.name[place] as usize;
        let (cap, rule) = if plain { plain_cap_of(scene, i, side) } else { cap_of(scene, i, side) };
        legs.cap[place] = cap;
        legs.capped[place] = may_close && legs.closed[place];
        if legs.weight[place] > cap {
            reason[i] = rule;
        }
    }
    for _ in places.clone() {
        let (mut excess, mut taking) = (0.0, 0.0);
        for place in places.clone() {
            let (weight, cap) = (legs.weight[place], legs.cap[place]);
            let over = weight > cap;
            excess += if over { weight - cap } else { 0.0 };
            legs.weight[place] = if over { cap } else { weight };
            legs.capped[place] |= over;
            taking += if legs.capped[place] { 0.0 } else { weight };
        }
        // Without excess all fits; without takers what is left finds no room and is lost.
        if !(excess > 0.0 && taking > 0.0) {
            return;
        }
        let lift = 1.0 + excess / taking;
        for place in places.clone() {
            legs.weight[place] *= if legs.capped[place] { 1.0 } else { lift };
        }
    }
    // The last round may have lifted a name past its cap.
    for place in places {
        if legs.weight[place] > legs.cap[place] {
            legs.weight[place] = legs.cap[place];
        }
    }
}
