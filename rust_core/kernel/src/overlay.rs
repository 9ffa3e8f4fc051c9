//! Everything around the plain strategy that can be switched on: entry gates, multipliers of the
//! whole book, the correlation limit and the router. Each is neutral when its switch is off.

use crate::book::Side;
use crate::decide::Scene;
use crate::lanes;
use crate::reason::Reason;
use crate::universe::{Roll, at_least};

pub(crate) mod correlation;
pub(crate) mod router;
pub(crate) mod scale;

/// Rules that bar a whole side: `[long, short]`.
#[inline(always)]
pub(crate) fn side_wide(scene: Scene<'_>, roll: &Roll) -> [Option<Reason>; 2] {
    if !scene.params.majors_enabled && !scene.params.breadth_enabled {
        return [None, None];
    }
    Side::BOTH.map(|side| {
        if majors_against(scene, side) {
            Some(Reason::Majors)
        } else if breadth_too_small(scene, roll, side) {
            Some(Reason::Breadth)
        } else {
            None
        }
    })
}

/// Enough majors move against the side. Rationale: alts follow the majors.
fn majors_against(scene: Scene<'_>, side: Side) -> bool {
    let p = scene.params;
    if !p.majors_enabled {
        return false;
    }
    let against = |major: &&usize| {
        -side.sign() * scene.row.slope_bps_day[**major] >= p.majors_slope_min_bps_day
    };
    scene.facts.majors().iter().filter(against).count() >= p.majors_count_min as usize
}

/// Too few names move with the side. Rationale: a leg without a crowd behind it is one bet.
fn breadth_too_small(scene: Scene<'_>, roll: &Roll, side: Side) -> bool {
    let p = scene.params;
    if !p.breadth_enabled {
        return false;
    }
    let with = lanes::dispatch(
        #[inline(always)]
        || roll.scores(scene.row).iter().filter(|m| side.sign() * **m > 0.0).count(),
    );
    let least = match side {
        Side::Long => p.breadth_long_min_frac,
        Side::Short => p.breadth_short_min_frac,
    };
    (with as f64 / roll.eligible as f64) < least
}

/// Rules of the name's own trend; an unknown feature bars.
pub(crate) fn own_trend(scene: Scene<'_>, i: usize, side: Side) -> Option<Reason> {
    let (p, row) = (scene.params, scene.row);
    if p.regime_enabled && !at_least(side.sign() * row.slope_bps_day[i], p.regime_slope_min_bps_day)
    {
        return Some(Reason::Regime);
    }
    if p.adx_enabled && !at_least(row.adx[i], p.adx_min) {
        return Some(Reason::Adx);
    }
    if p.breakout_enabled && !at_least(row.breakout[i], p.breakout_ratio_min) {
        return Some(Reason::Breakout);
    }
    None
}

#[cfg(test)]
mod tests;
