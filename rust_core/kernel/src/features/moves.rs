//! Past moves and their weighted mean, the score; clipped at 3 also the router's trend.

use super::needs::Needs;
use super::prices::{Prices, change};
use super::ring::{BLOCK, Ring, Sheet};
use super::sigma::Sigma;
use super::window::enough;
use crate::lanes::{self, PACK, Pack};
use crate::params::{Params, SignalKind};

/// Volatility is not taken below this, so that a flat price does not divide by nothing.
const SIGMA_LEAST: f64 = 1e-7;
/// Bound of the router's moves, in their own standard deviations.
const TREND_CLIP: f64 = 3.0;

#[derive(Debug)]
pub(super) struct Moves {
    skip: i64,
    lookbacks: Vec<Lookback>,
    kind: SignalKind,
    clip: f64,
    cols: usize,
    pub(super) score: Sheet,
    trend: Option<Ring>,
    /// Rows of the block, each look-back by look-back; only where `Needs::moves` asks.
    each: Option<Vec<f64>>,
    /// Moves of one look-back at one bar.
    buffer: Vec<Pack>,
}

#[derive(Debug, Clone, Copy)]
struct Lookback {
    bars: i64,
    weight: f64,
    root: f64,
}

/// What all moves that end at one bar are computed from.
#[derive(Clone, Copy)]
struct End<'a> {
    bar: i64,
    close: &'a [Pack],
    inverse: &'a [Pack],
    /// Empty where nobody can have been absent in between.
    absences: &'a [Pack],
}

/// What one look-back of one bar is computed from: rows at the ends of the move.
#[derive(Clone, Copy)]
struct Place<'a> {
    end: End<'a>,
    inverse: &'a [Pack],
    absences: &'a [Pack],
    back: Lookback,
}

impl Moves {
    pub(super) fn new(params: &Params, needs: &Needs, cols: usize) -> Self {
        let lanes = cols.div_ceil(PACK);
        let lookbacks = params.lookback_bars.iter().zip(&params.lookback_weights);
        let lookbacks: Vec<_> = lookbacks
            .map(|(bars, weight)| Lookback {
                bars: i64::from(*bars),
                weight: *weight,
                root: f64::from(*bars).sqrt(),
            })
            .collect();
        let cells = BLOCK as usize * lookbacks.len() * cols;
        Self {
            skip: i64::from(params.skip_bars),
            kind: params.signal_kind,
            clip: if params.vol_scaled_clip > 0.0 { params.vol_scaled_clip } else { f64::INFINITY },
            cols,
            score: Sheet::new(lanes),
            trend: needs.trend.then(|| Ring::new(0, lanes)),
            each: needs.moves.then(|| vec![f64::NAN; cells]),
            buffer: vec![[f64::NAN; PACK]; lanes],
            lookbacks,
        }
    }

    /// Turn to the bars of one block from `bar` on.
    pub(super) fn begin(&mut self, bar: i64) {
        self.score.begin(bar);
    }

    /// Moves of `bar`, look-back by look-back.
    pub(super) fn each(&self, bar: i64) -> &[f64] {
        let Some(each) = &self.each else { return &[] };
        let cells = self.lookbacks.len() * self.cols;
        let at = bar.rem_euclid(BLOCK) as usize * cells;
        &each[at..at + cells]
    }

    pub(super) fn trend(&self, bar: i64) -> &[f64] {
        self.trend.as_ref().map_or(&[], |ring| ring.values(bar, self.cols))
    }

    pub(super) fn run(&mut self, prices: &Prices, sigma: &Sigma, bars: std::ops::Range<i64>) {
        // Between two present ends nothing can be missing unless a symbol came back there.
        let longest = self.lookbacks.iter().map(|back| back.bars).max().unwrap_or(0);
        let holes = prices.has_hole_after(bars.start - self.skip - longest);
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    let plain = self.kind == SignalKind::Raw && self.each.is_none();
                    match (plain, holes) {
                        (true, false) => self.score_raw::<false>(prices, bar),
                        (true, true) => self.score_raw::<true>(prices, bar),
                        _ => self.score_each(prices, sigma.roots(bar), bar),
                    }
                    self.write_trend(prices, sigma.roots(bar), bar);
                }
            },
        );
    }

    /// The weighted mean of raw moves in one go, four look-backs in a pass over the row.
    #[inline(always)]
    fn score_raw<const HOLES: bool>(&mut self, prices: &Prices, bar: i64) {
        let end = end::<HOLES>(prices, bar - self.skip);
        let row = self.score.row_mut(bar);
        let (fours, rest) = self.lookbacks.as_chunks::<4>();
        // The first go begins with nothing, and need not read it.
        if fours.is_empty() {
            row.fill([0.0; PACK]);
        }
        for (number, [a, b, c, d]) in fours.iter().enumerate() {
            // Written out: a closure over the four would not be inlined.
            let (a, b) = (place::<HOLES>(prices, end, *a), place::<HOLES>(prices, end, *b));
            let (c, d) = (place::<HOLES>(prices, end, *c), place::<HOLES>(prices, end, *d));
            if number == 0 {
                add_moves::<HOLES, true, 4>(row, [a, b, c, d]);
            } else {
                add_moves::<HOLES, false, 4>(row, [a, b, c, d]);
            }
        }
        for one in rest {
            add_moves::<HOLES, false, 1>(row, [place::<HOLES>(prices, end, *one)]);
        }
    }

    /// The weighted mean of moves of any kind, and each by itself where ranks need it.
    #[inline(always)]
    fn score_each(&mut self, prices: &Prices, sigma: &[Pack], bar: i64) {
        let row = self.score.row_mut(bar);
        row.fill([0.0; PACK]);
        let end = end::<true>(prices, bar - self.skip);
        for (number, back) in self.lookbacks.iter().enumerate() {
            let place = place::<true>(prices, end, *back);
            match self.kind {
                SignalKind::Raw => write_raw(place, &mut self.buffer),
                SignalKind::Log => write_log(place, &mut self.buffer),
                SignalKind::VolScaled => {
                    write_scaled(place, sigma, self.clip, &mut self.buffer);
                }
            }
            accumulate(back.weight, &self.buffer, row);
            if let Some(each) = &mut self.each {
                let at = bar.rem_euclid(BLOCK) as usize * self.lookbacks.len() + number;
                let moves = &self.buffer.as_flattened()[..self.cols];
                each[at * self.cols..(at + 1) * self.cols].copy_from_slice(moves);
            }
        }
    }

    #[inline(always)]
    fn write_trend(&mut self, prices: &Prices, sigma: &[Pack], bar: i64) {
        let Some(trend) = &mut self.trend else { return };
        let row = trend.row_mut(bar);
        row.fill([0.0; PACK]);
        let end = end::<true>(prices, bar - self.skip);
        for back in &self.lookbacks {
            let place = place::<true>(prices, end, *back);
            write_scaled(place, sigma, TREND_CLIP, &mut self.buffer);
            accumulate(back.weight, &self.buffer, row);
        }
    }
}

#[inline(always)]
fn end<const HOLES: bool>(prices: &Prices, bar: i64) -> End<'_> {
    End {
        bar,
        close: prices.close.row(bar),
        inverse: prices.inverse.row(bar),
        absences: if HOLES { prices.absences.row(bar) } else { &[] },
    }
}

#[inline(always)]
fn place<'a, const HOLES: bool>(prices: &'a Prices, end: End<'a>, back: Lookback) -> Place<'a> {
    let start = end.bar - back.bars;
    Place {
        end,
        inverse: prices.inverse.row(start),
        absences: if HOLES { prices.absences.row(start) } else { &[] },
        back,
    }
}

/// NaN where fewer than 95 % of the look-back's bars are present.
#[inline(always)]
fn checked(place: Place, j: usize, moved: Pack) -> Pack {
    let bars = place.back.bars as f64;
    let absent = lanes::zip(place.end.absences[j], place.absences[j], |end, start| end - start);
    lanes::zip(
        moved,
        absent,
        |moved, absent| {
            if enough(bars - absent, bars) { moved } else { f64::NAN }
        },
    )
}

/// Add the weighted moves of `M` look-backs, in their order, to the row or, `FIRST`, to nothing.
#[inline(always)]
fn add_moves<const HOLES: bool, const FIRST: bool, const M: usize>(
    row: &mut [Pack],
    places: [Place<'_>; M],
) {
    let lanes = row.len();
    // All rows end in one place, so that no index is asked about its bounds.
    let (close, now) = (&places[0].end.close[..lanes], &places[0].end.inverse[..lanes]);
    let mut before = [now; M];
    for m in 0..M {
        before[m] = &places[m].inverse[..lanes];
    }
    for j in 0..lanes {
        let mut total = if FIRST { [0.0; PACK] } else { row[j] };
        for m in 0..M {
            let moved = change(close[j], now[j], before[m][j]);
            let moved = if HOLES { checked(places[m], j, moved) } else { moved };
            let weight = places[m].back.weight;
            total = lanes::zip(total, moved, |total, moved| total + weight * moved);
        }
        row[j] = total;
        lanes::end_lane();
    }
}

#[inline(always)]
fn accumulate(weight: f64, moves: &[Pack], row: &mut [Pack]) {
    for (total, moved) in row.iter_mut().zip(moves) {
        *total = lanes::zip(*total, *moved, |total, moved| total + weight * moved);
        lanes::end_lane();
    }
}

#[inline(always)]
fn write_raw(place: Place, out: &mut [Pack]) {
    for (j, out) in out.iter_mut().enumerate() {
        let moved = change(place.end.close[j], place.end.inverse[j], place.inverse[j]);
        *out = checked(place, j, moved);
        lanes::end_lane();
    }
}

#[inline(always)]
fn write_log(place: Place, out: &mut [Pack]) {
    for (j, out) in out.iter_mut().enumerate() {
        let (now, before) = (place.end.inverse[j], place.inverse[j]);
        let ratio = lanes::zip(place.end.close[j], before, |price, before| price * before);
        let ratio = lanes::zip3(
            ratio,
            now,
            before,
            |ratio, now, before| {
                if now == before { 1.0 } else { ratio }
            },
        );
        *out = checked(place, j, ratio);
        lanes::end_lane();
    }
    lanes::ln_in_place(out.as_flattened_mut());
}

#[inline(always)]
fn write_scaled(place: Place, sigma: &[Pack], clip: f64, out: &mut [Pack]) {
    write_log(place, out);
    let root = place.back.root;
    for (out, sigma) in out.iter_mut().zip(sigma) {
        let size =
            lanes::map(*sigma, |sigma| if sigma < SIGMA_LEAST { SIGMA_LEAST } else { sigma });
        let scaled = lanes::zip(*out, size, |log, size| log / (size * root));
        let scaled = lanes::map(scaled, |scaled| if scaled > clip { clip } else { scaled });
        *out = lanes::map(scaled, |scaled| if scaled < -clip { -clip } else { scaled });
        lanes::end_lane();
    }
}
