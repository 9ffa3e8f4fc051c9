//! Past moves and their weighted mean, the score; clipped at 3 also the router's trend.

use super::needs::Needs;
use super::prices::{Prices, change};
use super::ring::{BLOCK, Ring};
use super::window::enough;
use crate::lanes::{self, PACK, Pack};
use crate::params::{Params, SignalCombine, SignalKind};

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
    pub(super) score: Ring,
    trend: Option<Ring>,
    /// Rows of the block, each look-back by look-back; only for `signal_combine = rank`.
    each: Option<Vec<f64>>,
}

#[derive(Debug, Clone, Copy)]
struct Lookback {
    bars: i64,
    weight: f64,
    root: f64,
}

/// What one look-back of one bar is computed from.
struct Place<'a> {
    close: &'a [Pack],
    inverse: (&'a [Pack], &'a [Pack]),
    seen: Option<(&'a [Pack], &'a [Pack])>,
    sigma: &'a [Pack],
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
            score: Ring::new(0, lanes),
            trend: needs.trend.then(|| Ring::new(0, lanes)),
            each: (params.signal_combine == SignalCombine::Rank).then(|| vec![f64::NAN; cells]),
            lookbacks,
        }
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

    #[expect(clippy::redundant_closure, reason = "a function given by name is not inlined")]
    pub(super) fn run(&mut self, prices: &Prices, sigma: &Ring, bars: std::ops::Range<i64>) {
        // Between two present ends nothing can be missing unless a symbol came back there.
        let longest = self.lookbacks.iter().map(|back| back.bars).max().unwrap_or(0);
        let holes = prices.has_hole_after(bars.start - self.skip - longest);
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    match self.kind {
                        SignalKind::Raw => self.score_bar(
                            prices,
                            sigma,
                            bar,
                            holes,
                            #[inline(always)]
                            |place, j| raw_move(place, j),
                        ),
                        SignalKind::Log => self.score_bar(
                            prices,
                            sigma,
                            bar,
                            holes,
                            #[inline(always)]
                            |place, j| log_move(place, j),
                        ),
                        SignalKind::VolScaled => {
                            let clip = self.clip;
                            self.score_bar(
                                prices,
                                sigma,
                                bar,
                                holes,
                                #[inline(always)]
                                |place, j| scaled_move(place, j, clip),
                            );
                        }
                    }
                    self.trend_bar(prices, sigma, bar, holes);
                }
            },
        );
    }

    #[inline(always)]
    fn score_bar(
        &mut self,
        prices: &Prices,
        sigma: &Ring,
        bar: i64,
        holes: bool,
        kind: impl Fn(&Place, usize) -> Pack + Copy,
    ) {
        let cells = self.lookbacks.len() * self.cols;
        let at = bar.rem_euclid(BLOCK) as usize * cells;
        let row = self.score.row_mut(bar);
        let find = |back: &Lookback| place(prices, sigma, bar, self.skip, *back, holes);
        accumulate_all(&self.lookbacks, find, kind, row);
        if let Some(each) = &mut self.each {
            for (number, back) in self.lookbacks.iter().enumerate() {
                let at = at + number * self.cols;
                spread(&find(back), kind, &mut each[at..at + self.cols]);
            }
        }
    }

    #[inline(always)]
    fn trend_bar(&mut self, prices: &Prices, sigma: &Ring, bar: i64, holes: bool) {
        let Some(trend) = &mut self.trend else { return };
        let row = trend.row_mut(bar);
        let find = |back: &Lookback| place(prices, sigma, bar, self.skip, *back, holes);
        accumulate_all(
            &self.lookbacks,
            find,
            #[inline(always)]
            |place, j| scaled_move(place, j, TREND_CLIP),
            row,
        );
    }
}

#[inline(always)]
fn place<'a>(
    prices: &'a Prices,
    sigma: &'a Ring,
    bar: i64,
    skip: i64,
    back: Lookback,
    holes: bool,
) -> Place<'a> {
    let end = bar - skip;
    let start = end - back.bars;
    Place {
        close: prices.close.row(end),
        inverse: (prices.inverse.row(end), prices.inverse.row(start)),
        seen: holes.then(|| (prices.seen.row(end), prices.seen.row(start))),
        sigma: sigma.row(bar),
        back,
    }
}

/// The weighted mean of the moves of all look-backs, in their order, into `row`.
#[inline(always)]
fn accumulate_all<'a>(
    lookbacks: &[Lookback],
    find: impl Fn(&Lookback) -> Place<'a>,
    kind: impl Fn(&Place, usize) -> Pack + Copy,
    row: &mut [Pack],
) {
    row.fill([0.0; PACK]);
    // Two at a time: fewer passes over the row, the same order of addition.
    let (pairs, last) = lookbacks.as_chunks::<2>();
    for [first, second] in pairs {
        let (first, second) = (find(first), find(second));
        for (j, out) in row.iter_mut().enumerate() {
            *out = add_move(*out, &first, j, kind);
            *out = add_move(*out, &second, j, kind);
            lanes::end_lane();
        }
    }
    for one in last {
        let one = find(one);
        for (j, out) in row.iter_mut().enumerate() {
            *out = add_move(*out, &one, j, kind);
            lanes::end_lane();
        }
    }
}

#[inline(always)]
fn add_move(total: Pack, place: &Place, j: usize, kind: impl Fn(&Place, usize) -> Pack) -> Pack {
    let weight = place.back.weight;
    let moved = checked(place, j, kind(place, j));
    lanes::zip(total, moved, |total, moved| total + weight * moved)
}

/// Write the moves of one look-back without padding.
#[inline(always)]
fn spread(place: &Place, kind: impl Fn(&Place, usize) -> Pack, row: &mut [f64]) {
    for (j, out) in row.chunks_mut(PACK).enumerate() {
        let moved = checked(place, j, kind(place, j));
        out.copy_from_slice(&moved[..out.len()]);
        lanes::end_lane();
    }
}

/// NaN where fewer than 95 % of the look-back's bars are present.
#[inline(always)]
fn checked(place: &Place, j: usize, moved: Pack) -> Pack {
    let Some((end, start)) = place.seen else { return moved };
    let bars = place.back.bars as f64;
    let count = lanes::zip(end[j], start[j], |end, start| end - start);
    lanes::zip(moved, count, |moved, count| if enough(count, bars) { moved } else { f64::NAN })
}

#[inline(always)]
fn raw_move(place: &Place, j: usize) -> Pack {
    change(place.close[j], place.inverse.0[j], place.inverse.1[j])
}

#[inline(always)]
fn log_move(place: &Place, j: usize) -> Pack {
    let (now, before) = (place.inverse.0[j], place.inverse.1[j]);
    let ratio = lanes::zip(place.close[j], before, |price, before| price * before);
    let mut exact = [0.0; PACK];
    for k in 0..PACK {
        exact[k] = if now[k] == before[k] { 1.0 } else { ratio[k] };
    }
    lanes::ln_each(exact)
}

#[inline(always)]
fn scaled_move(place: &Place, j: usize, clip: f64) -> Pack {
    let root = place.back.root;
    lanes::zip(log_move(place, j), place.sigma[j], |log, sigma| {
        let sigma = if sigma < SIGMA_LEAST { SIGMA_LEAST } else { sigma };
        let scaled = log / (sigma * root);
        let scaled = if scaled > clip { clip } else { scaled };
        if scaled < -clip { -clip } else { scaled }
    })
}
