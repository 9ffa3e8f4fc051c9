//! Lengths of everything that a decision reads, asked once at the door.

use crate::book::{BookRow, DecisionState, Targets};
use crate::error::{KernelError, Result};
use crate::params::{Params, SignalCombine};
use crate::row::FeatureRow;

fn want(field: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { refuse(field, found, expected) }
}

#[cold]
fn refuse(field: &'static str, found: usize, expected: usize) -> Result<()> {
    let (found, expected) = (format!("{found} values"), format!("{expected} values"));
    Err(KernelError::Shape { field, found, expected })
}

/// Refuse a row, book, state or target of another shape than the decider's.
#[inline]
pub(super) fn check(
    names: usize,
    row: &FeatureRow<'_>,
    book: &BookRow<'_>,
    state: &DecisionState,
    params: &Params,
    out: &Targets,
) -> Result<()> {
    want("close", row.close.len(), names)?;
    want("score", row.score.len(), names)?;
    want("sigma", row.variance.len(), names)?;
    want("weight_now_frac", book.weight_now_frac.len(), names)?;
    want("stale_bars", book.stale_bars.len(), names)?;
    want("hold", book.hold.len(), names)?;
    want("barred_until_ms", book.barred_until_ms.len(), names)?;
    want("barred_by", book.barred_by.len(), names)?;
    want("rung_cap_frac", book.rung_cap_frac.len(), names)?;
    want("order_usdt_min", book.order_usdt_min.len(), names)?;
    want("tranche_weight", state.tranche_weight.len(), names * params.tranches as usize)?;
    want("member", state.member.len(), names)?;
    want("awaiting_reentry", state.awaiting_reentry.len(), names)?;
    want("weight_frac", out.weight_frac.len(), names)?;
    want("reason", out.reason.len(), names)?;
    switched_on(names, row, book, params)
}

/// Features that only a switched-on rule needs.
#[inline]
fn switched_on(names: usize, row: &FeatureRow<'_>, book: &BookRow<'_>, p: &Params) -> Result<()> {
    let ranked = p.signal_combine == SignalCombine::Rank;
    let slope = p.regime_enabled || p.majors_enabled || p.router_enabled;
    let atr = p.atr_regime_enabled || p.risk_per_trade_frac > 0.0;
    let volume = p.universe_top_n > 0 || p.dollar_volume_min_usdt > 0.0;
    for (on, field, found) in [
        (p.router_enabled, "trend", row.trend.len()),
        (atr, "atr", row.atr.len()),
        (slope, "slope_bps_day", row.slope_bps_day.len()),
        (p.adx_enabled, "adx", row.adx.len()),
        (p.breakout_enabled, "breakout", row.breakout.len()),
        (p.beta_neutral, "beta", row.beta.len()),
        (p.funding_tilt_x > 0.0, "funding_frac", row.funding_frac.len()),
        (volume, "dollar_volume_usdt", row.dollar_volume_usdt.len()),
        (p.adv_share_max_frac > 0.0, "adv_usdt", row.adv_usdt.len()),
        (p.meta_enabled, "meta_scale", book.meta_scale.len()),
    ] {
        if on {
            want(field, found, names)?;
        }
    }
    if ranked {
        want("moves", row.moves.len(), names * p.lookback_bars.len())?;
    }
    if p.vol_target_enabled || p.correlation_enabled {
        want("ret_window", row.ret_window.len(), names * row.ret_rows)?;
    }
    Ok(())
}
