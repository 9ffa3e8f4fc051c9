//! The close of a bar over all positions: extremes and stops move in lanes; what latches, is called to
//! leave or did not live through the whole bar is told by a bit.

use super::super::advance::{BarRow, calls_exits};
use super::super::exit::ExitReason;
use super::super::fill::base_rule;
use super::{Bits, Levels, Pack, has_latches, larger, mask, padded};
use crate::lanes::{LANES, Lane, end_lane, load};
use crate::params::{Params, TrailKind};

/// What the parameters say of closes, worked out once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseRules {
    /// NaN where there is no trail.
    trail_atr_x: f64,
    trail_on_ma: bool,
    move_min_frac: f64,
    move_min_ms: i64,
    bar_ms: i64,
    hold_bars: i64,
    progress_bars: i64,
    progress_min_r: f64,
    /// NaN where no trend ends a position.
    slope_most: f64,
    /// More can happen than that extremes and stops move.
    more: bool,
}

impl CloseRules {
    /// `may_open_inside`: a position may be younger than the bar that closes.
    pub(crate) fn of(params: &Params, may_open_inside: bool) -> Self {
        let or_nan = |on: bool, value: f64| if on { value } else { f64::NAN };
        let slow = params.stop_move_min_ms > params.bar_ms;
        let trail_on_ma = params.trailing_enabled && params.trail_kind == TrailKind::MaAtr;
        // Without a base there may be no R and no stop, and NaN where there is one.
        let baseless = base_rule(params).0 <= 0.0;
        Self {
            trail_atr_x: or_nan(params.trailing_enabled, params.trail_atr_x),
            trail_on_ma,
            move_min_frac: params.stop_move_min_frac,
            move_min_ms: params.stop_move_min_ms,
            bar_ms: params.bar_ms,
            hold_bars: i64::from(params.hold_bars_max),
            progress_bars: i64::from(params.no_progress_bars),
            progress_min_r: params.no_progress_min_r,
            slope_most: or_nan(params.regime_flip_exit, -params.regime_slope_min_bps_day),
            more: may_open_inside
                || slow
                || trail_on_ma
                || baseless
                || calls_exits(params)
                || has_latches(params),
        }
    }

    /// A position that was opened before it has been held for so many bars at this close.
    fn aged_before_ms(&self, bars: i64, close_ms: i64) -> i64 {
        if bars == 0 {
            return i64::MIN;
        }
        (close_ms.div_euclid(self.bar_ms) - bars + 1) * self.bar_ms
    }
}

/// A close, and what the rules make of it.
struct Moment {
    close_ms: i64,
    open_ms: i64,
    /// Opened before these: too old, or old enough to have made progress.
    old: i64,
    idle: i64,
}

/// Eight names of the bar.
struct Eight {
    high: Lane,
    low: Lane,
    close: Lane,
    atr: Lane,
    trail_ma: Lane,
    slope: Lane,
}

#[inline(always)]
fn known(values: &[f64], at: usize) -> Lane {
    if values.is_empty() { [f64::NAN; LANES] } else { load(values, at) }
}

impl Levels {
    /// Move the levels of all positions; one bit for each that [`super::super::close_bar`] is still to
    /// look at, of which nothing has moved. Whether there is any.
    #[inline(always)]
    pub(crate) fn close(
        &mut self,
        bar: &BarRow<'_>,
        rules: &CloseRules,
        words: &mut [u64],
    ) -> bool {
        if rules.more {
            self.close_more(bar, rules, words)
        } else {
            self.close_plain(bar, rules);
            false
        }
    }

    /// Base and chandelier alone: no position wants the long way.
    #[inline(always)]
    fn close_plain(&mut self, bar: &BarRow<'_>, rules: &CloseRules) {
        let names = bar.close.len();
        let (atr, trail_atr_x) = if bar.atr.is_empty() {
            (bar.close, f64::NAN)
        } else {
            (&bar.atr[..names], rules.trail_atr_x)
        };
        let rules =
            Plain { trail_atr_x, move_min_frac: rules.move_min_frac, close_ms: bar.close_ms };
        let (highs, high) = bar.high.as_chunks::<LANES>();
        let (lows, low) = bar.low.as_chunks::<LANES>();
        let (closes, close) = bar.close.as_chunks::<LANES>();
        let (atrs, atr) = atr.as_chunks::<LANES>();
        let rows = highs.iter().zip(lows).zip(closes).zip(atrs);
        for (pack, (((high, low), close), atr)) in self.packs.iter_mut().zip(rows) {
            pack.close_plain(high, low, close, atr, rules);
        }
        if !high.is_empty() {
            let [high, low, close, atr] = [high, low, close, atr].map(padded);
            self.packs[highs.len()].close_plain(&high, &low, &close, &atr, rules);
        }
    }

    #[inline(always)]
    fn close_more(&mut self, bar: &BarRow<'_>, rules: &CloseRules, words: &mut [u64]) -> bool {
        let moment = Moment {
            close_ms: bar.close_ms,
            open_ms: bar.close_ms - rules.bar_ms,
            old: rules.aged_before_ms(rules.hold_bars, bar.close_ms),
            idle: rules.aged_before_ms(rules.progress_bars, bar.close_ms),
        };
        let mut any = 0;
        for (at, (word, packs)) in words.iter_mut().zip(self.packs.chunks_mut(LANES)).enumerate() {
            let mut bits = Bits::default();
            for (c, pack) in packs.iter_mut().enumerate() {
                let from = (at * LANES + c) * LANES;
                let eight = Eight {
                    high: load(bar.high, from),
                    low: load(bar.low, from),
                    close: load(bar.close, from),
                    atr: known(bar.atr, from),
                    trail_ma: known(bar.trail_ma, from),
                    slope: known(bar.slope_bps_day, from),
                };
                bits.push(c, pack.close_more(&eight, &moment, rules));
                end_lane();
            }
            *word = bits.word();
            any |= *word;
        }
        any != 0
    }
}

/// What a close without further rules needs to know.
#[derive(Clone, Copy)]
struct Plain {
    trail_atr_x: f64,
    move_min_frac: f64,
    close_ms: i64,
}

impl Pack {
    #[inline(always)]
    fn close_plain(&mut self, high: &Lane, low: &Lane, close: &Lane, atr: &Lane, rules: Plain) {
        let was = *self;
        let (mut bests, mut stops) = (was.best, was.stop);
        let (mut rules_by, mut moved_ms) = (was.by, was.moved_ms);
        for k in 0..LANES {
            let d = was.side[k];
            let best = larger(larger(d * high[k], d * low[k]), was.best[k]);
            let base = was.entry[k] - was.r[k];
            let trail = best - rules.trail_atr_x * atr[k];
            let wanted = larger(trail, base);
            let by = if trail > base { ExitReason::TrailingStop as u64 } else { was.base_by[k] };
            let gained = wanted - was.stop[k];
            // Of NaN, none of them is true: nothing is held, or there is no bar.
            let moves = (gained > 0.0) & (gained >= rules.move_min_frac * close[k]);
            bests[k] = best;
            stops[k] = if moves { wanted } else { was.stop[k] };
            rules_by[k] = if moves { by } else { was.by[k] };
            moved_ms[k] = if moves { rules.close_ms } else { was.moved_ms[k] };
        }
        // Otherwise each of these becomes a masked store, which some CPUs take long for.
        end_lane();
        (self.best, self.stop, self.by, self.moved_ms) = (bests, stops, rules_by, moved_ms);
        end_lane();
    }

    /// Masks of the positions that want the long way.
    #[inline(always)]
    fn close_more(&mut self, bar: &Eight, moment: &Moment, rules: &CloseRules) -> [u64; LANES] {
        let was = *self;
        let (mut bests, mut stops) = (was.best, was.stop);
        let (mut rules_by, mut moved_ms) = (was.by, was.moved_ms);
        let mut odd = [0; LANES];
        for k in 0..LANES {
            let (d, entry, r) = (was.side[k], was.entry[k], was.r[k]);
            let best = larger(larger(d * bar.high[k], d * bar.low[k]), was.best[k]);
            let strange = (d != 0.0) & was.is_strange(k, best, d * bar.slope[k], moment, rules);
            odd[k] = mask(strange);
            let anchor = if rules.trail_on_ma { d * bar.trail_ma[k] } else { best };
            let trail = anchor - rules.trail_atr_x * bar.atr[k];
            let wanted = Level { price: entry - r, by: was.base_by[k] }
                .or(entry * was.even[k], ExitReason::BreakEven)
                .or(entry + was.lock_r[k] * r, ExitReason::ProfitLock)
                .or(trail, ExitReason::TrailingStop);
            let gained = wanted.price - was.stop[k];
            let waited_ms = moment.close_ms - was.moved_ms[k];
            let early = (was.moved_ms[k] != 0) & (waited_ms < rules.move_min_ms);
            let moves = (gained > 0.0) & (gained >= rules.move_min_frac * bar.close[k]) & !early;
            let first = was.stop[k].is_nan() & !wanted.price.is_nan() & !bar.close[k].is_nan();
            let moves = (moves | first) & !strange;
            bests[k] = if strange { was.best[k] } else { best };
            stops[k] = if moves { wanted.price } else { was.stop[k] };
            rules_by[k] = if moves { wanted.by } else { was.by[k] };
            moved_ms[k] = if moves { moment.close_ms } else { was.moved_ms[k] };
        }
        end_lane();
        (self.best, self.stop, self.by, self.moved_ms) = (bests, stops, rules_by, moved_ms);
        odd
    }

    /// Did position `k` not live through the whole bar, or does it latch, age or turn?
    #[inline(always)]
    fn is_strange(
        &self,
        k: usize,
        best: f64,
        slope: f64,
        moment: &Moment,
        rules: &CloseRules,
    ) -> bool {
        let (gain, r) = (best - self.entry[k], self.r[k]);
        let latches = (gain >= self.even_at[k] * r) | (gain >= self.lock_at[k] * r);
        let opened_ms = self.opened_ms[k];
        let idle = (opened_ms < moment.idle) & (gain < rules.progress_min_r * r);
        let old = opened_ms < moment.old;
        let young = opened_ms > moment.open_ms;
        latches | idle | old | young | (slope < rules.slope_most)
    }
}

/// A level and the code of its rule.
#[derive(Clone, Copy)]
struct Level {
    price: f64,
    by: u64,
}

impl Level {
    /// The tighter of two. The first of equal ones stands, and NaN is no level.
    #[inline(always)]
    fn or(self, price: f64, by: ExitReason) -> Self {
        let tighter = (price > self.price) | (self.price.is_nan() & !price.is_nan());
        Self {
            price: if tighter { price } else { self.price },
            by: if tighter { by as u64 } else { self.by },
        }
    }
}
