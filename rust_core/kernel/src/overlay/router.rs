//! Mixes cross-sectional with time-series momentum. Rationale: when everything moves together, or
//! nothing moves apart, ranks say little and each name's own trend says more.

use crate::book::DecisionState;
use crate::decide::Scene;

/// Share of cross-section from which the mix counts as pure.
const PURE: f64 = 1.0 - 1e-9;

/// Move the router's state by one decision; the share of cross-section, or `None` when it is off.
#[inline(always)]
pub(crate) fn turn(scene: Scene<'_>, state: &mut DecisionState) -> Option<f64> {
    if !scene.params.router_enabled {
        return None;
    }
    Some(turn_on(scene, state))
}

#[inline(never)]
fn turn_on(scene: Scene<'_>, state: &mut DecisionState) -> f64 {
    let (p, row) = (scene.params, scene.row);
    let majors = scene.facts.majors();
    let slopes: f64 = majors.iter().map(|major| row.slope_bps_day[*major].abs()).sum();
    let trend = slopes / majors.len() as f64;
    let (corr, dispersion) = (row.implied_corr, row.router_dispersion_bps);
    if !(trend.is_nan() || corr.is_nan() || dispersion.is_nan()) {
        let trending = trend >= p.router_trend_min_bps_day;
        state.router_called = if state.router_called {
            let calm = corr < p.router_corr_exit || !trending;
            !(calm && dispersion > p.router_dispersion_exit_bps)
        } else {
            (corr >= p.router_corr_enter && trending) || dispersion <= p.router_dispersion_min_bps
        };
    }
    let goal = if state.router_called { 0.0 } else { 1.0 };
    state.router_mix += p.router_step_frac * (goal - state.router_mix);
    state.router_mix
}

/// Does any time series stand in the mix?
#[inline(always)]
pub(crate) fn is_mixing(mix: Option<f64>) -> bool {
    mix.is_some_and(|share| share < PURE)
}
