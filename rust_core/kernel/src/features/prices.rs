//! Closes, their reciprocals, returns and counts of present bars: what the other features share.
//!
//! A quotient of closes is taken as a product with the reciprocal, which costs a fraction of a
//! division; equal closes give exactly 0, so that names which did not move tie exactly.

use super::needs::Needs;
use super::ring::{BLOCK, Feed, Flags, Numbers, Ring, pad};
use crate::lanes::{self, PACK, Pack};

#[derive(Debug)]
pub(super) struct Prices {
    pub(super) close: Ring,
    /// Highs and lows of the newest rows; only where a range or a directional move is taken.
    pub(super) high: Ring,
    pub(super) low: Ring,
    wants_range: bool,
    pub(super) inverse: Ring,
    pub(super) returns: Ring,
    pub(super) absences: Absences,
    /// Bars at which every symbol has a price.
    present: Flags,
    /// Newest bar at which a symbol came back after an absence.
    last_return: i64,
    /// Since this bar the same symbols have been present.
    steady_from: i64,
    tail: Tail,
}

impl Prices {
    pub(super) fn new(needs: &Needs, cols: usize) -> Self {
        let lanes = cols.div_ceil(PACK);
        Self {
            close: Ring::new(needs.close_bars, lanes),
            high: Ring::new(1, lanes),
            low: Ring::new(1, lanes),
            wants_range: needs.atr || needs.breakout || needs.adx,
            inverse: Ring::new(needs.move_bars, lanes),
            returns: Ring::new(needs.return_bars, lanes),
            absences: Absences::new(needs.move_bars, lanes),
            present: Flags::new(needs.return_bars + 1),
            last_return: i64::MIN,
            steady_from: i64::MAX,
            tail: Tail::new(needs.ret_rows, cols),
        }
    }

    pub(super) fn clear(&mut self) {
        let Self { close, high, low, inverse, returns, .. } = self;
        for ring in [close, high, low, inverse, returns] {
            ring.clear(f64::NAN);
        }
        self.absences.clear();
        self.present.clear();
        self.last_return = i64::MIN;
        self.steady_from = i64::MAX;
        self.tail.clear();
    }

    /// Whether a symbol may have been absent between two present bars after `bar`.
    pub(super) fn has_hole_after(&self, bar: i64) -> bool {
        self.last_return > bar
    }

    /// Whether every symbol has a return at `bar`.
    #[inline(always)]
    pub(super) fn is_whole(&self, bar: i64) -> bool {
        self.present.get(bar) && self.present.get(bar - 1)
    }

    /// Whether the same symbols have had a return at every bar from `bar` to the newest.
    #[inline(always)]
    pub(super) fn is_steady_from(&self, bar: i64) -> bool {
        bar > self.steady_from
    }

    /// The newest `rows` returns up to `bar`, oldest first, `cols` in a row.
    pub(super) fn newest_returns(&self, bar: i64) -> &[f64] {
        self.tail.up_to(bar)
    }

    pub(super) fn run(&mut self, feed: &Feed, bars: std::ops::Range<i64>) {
        let (first, end) = (bars.start, bars.end);
        if self.wants_range {
            for bar in first..end {
                pad(feed.row(feed.panel.high, bar), self.high.row_mut(bar));
            }
            for bar in first..end {
                pad(feed.row(feed.panel.low, bar), self.low.row_mut(bar));
            }
        }
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    let whole = self.append(feed.row(feed.panel.close, bar), bar);
                    self.present.set(bar, whole);
                    if whole && self.present.get(bar - 1) {
                        self.absences.step_whole(bar);
                    } else {
                        self.count_absences(bar);
                    }
                }
            },
        );
        if self.tail.keep > 0 {
            for bar in first..end {
                self.tail.push(bar, self.returns.row(bar).as_flattened());
            }
        }
    }

    /// Take in the closes of one bar; true when none of them is absent.
    #[inline(always)]
    fn append(&mut self, prices: &[f64], bar: i64) -> bool {
        let (before, inverse) = self.inverse.step(bar);
        let (close, returns) = (self.close.row_mut(bar), self.returns.row_mut(bar));
        let (packs, rest) = prices.as_chunks::<PACK>();
        // All rows end in one place, so that no index is asked about its bounds.
        let lanes = packs.len();
        let (before, before_last) = before.split_at(lanes);
        let (inverse, inverse_last) = inverse.split_at_mut(lanes);
        let (close, close_last) = close.split_at_mut(lanes);
        let (returns, returns_last) = returns.split_at_mut(lanes);
        // A sum of prices is NaN where one of them is.
        let mut total = [0.0; PACK];
        for j in 0..lanes {
            // All is read before anything is written: the compiler does not know the rows apart.
            let (price, old) = (packs[j], before[j]);
            let now = lanes::map(price, |p| 1.0 / p);
            let moved = change(price, now, old);
            total = lanes::zip(total, price, |total, price| total + price);
            close[j] = price;
            inverse[j] = now;
            returns[j] = moved;
            lanes::end_lane();
        }
        if !rest.is_empty() {
            let mut price = [f64::NAN; PACK];
            price[..rest.len()].copy_from_slice(rest);
            let now = lanes::map(price, |p| 1.0 / p);
            let moved = change(price, now, before_last[0]);
            close_last[0] = price;
            inverse_last[0] = now;
            returns_last[0] = moved;
            total[0] += rest.iter().sum::<f64>();
        }
        !lanes::fold(total).is_nan()
    }

    /// Count who was absent at `bar`, and note who came, went or came back.
    #[inline(always)]
    fn count_absences(&mut self, bar: i64) {
        let (price, before) = (self.close.row(bar), self.inverse.row(bar - 1));
        let (counts_before, counts, ever) = self.absences.step(bar);
        let (mut back, mut odd) = ([0.0; PACK], [0.0; PACK]);
        for j in 0..price.len() {
            let (price, before, old) = (price[j], before[j], ever[j]);
            let mut counted = counts_before[j];
            let mut seen = old;
            for k in 0..PACK {
                let here = if price[k].is_nan() { 0.0 } else { 1.0 };
                let known = if before[k].is_nan() { 0.0 } else { 1.0 };
                counted[k] += 1.0 - here;
                odd[k] += f64::abs(here - known);
                back[k] += here * old[k] * (1.0 - known);
                seen[k] = if here > 0.0 { 1.0 } else { old[k] };
            }
            counts[j] = counted;
            ever[j] = seen;
            lanes::end_lane();
        }
        if lanes::fold(back) > 0.0 {
            self.last_return = bar;
        }
        if lanes::fold(odd) > 0.0 || self.steady_from > bar {
            self.steady_from = bar;
        }
    }
}

/// Bars absent so far, by symbol: a difference of two is the count between them. A bar that lacks
/// nothing shares the row of the bar before, and most bars do.
#[derive(Debug)]
pub(super) struct Absences {
    rows: Ring,
    /// Number of each bar's row.
    numbers: Numbers,
    newest: i64,
    /// 1 for a symbol that has had a price.
    ever: Vec<Pack>,
    all_seen: bool,
}

impl Absences {
    fn new(keep: usize, lanes: usize) -> Self {
        Self {
            rows: Ring::new(keep, lanes),
            numbers: Numbers::new(keep),
            newest: 0,
            ever: vec![[0.0; PACK]; lanes],
            all_seen: false,
        }
    }

    fn clear(&mut self) {
        self.rows.clear(0.0);
        self.numbers.clear();
        self.newest = 0;
        self.ever.fill([0.0; PACK]);
        self.all_seen = false;
    }

    /// Counts up to `bar`; of a bar before the first those of any other, for it has no price either.
    #[inline(always)]
    pub(super) fn row(&self, bar: i64) -> &[Pack] {
        self.rows.row(self.numbers.get(bar))
    }

    /// Take in a bar at which every symbol has a price.
    #[inline(always)]
    fn step_whole(&mut self, bar: i64) {
        self.numbers.set(bar, self.newest);
        if !self.all_seen {
            self.ever.fill([1.0; PACK]);
            self.all_seen = true;
        }
    }

    /// Take in any other: counts before it, to read, its own and who has had a price, to write.
    #[inline(always)]
    fn step(&mut self, bar: i64) -> (&[Pack], &mut [Pack], &mut [Pack]) {
        self.newest += 1;
        self.numbers.set(bar, self.newest);
        let (before, counts) = self.rows.step(self.newest);
        (before, counts, &mut self.ever)
    }
}

/// `p/p_before − 1` from the price and both reciprocals.
#[inline(always)]
pub(super) fn change(price: Pack, inverse: Pack, inverse_before: Pack) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        let moved = price[k] * inverse_before[k] - 1.0;
        out[k] = if inverse[k] == inverse_before[k] { 0.0 } else { moved };
    }
    out
}

/// Unpadded rows one after the other, so that the newest are one contiguous slice.
#[derive(Debug)]
struct Tail {
    keep: usize,
    cols: usize,
    data: Vec<f64>,
    /// Rows in use, and the bar of the last one.
    rows: usize,
    newest: i64,
}

impl Tail {
    fn new(keep: usize, cols: usize) -> Self {
        // Room for twice as many rows as are held: each is moved down once, on average.
        let capacity = if keep == 0 { 0 } else { 2 * (keep + BLOCK as usize) };
        let mut tail =
            Self { keep, cols, data: vec![f64::NAN; capacity * cols], rows: 0, newest: 0 };
        tail.clear();
        tail
    }

    fn clear(&mut self) {
        self.data.fill(f64::NAN);
        self.rows = if self.keep == 0 { 0 } else { self.keep + BLOCK as usize };
    }

    fn push(&mut self, bar: i64, padded: &[f64]) {
        let held = self.keep + BLOCK as usize;
        if self.rows * self.cols == self.data.len() {
            self.data.copy_within((self.rows - held) * self.cols.., 0);
            self.rows = held;
        }
        let at = self.rows * self.cols;
        self.data[at..at + self.cols].copy_from_slice(&padded[..self.cols]);
        self.rows += 1;
        self.newest = bar;
    }

    fn up_to(&self, bar: i64) -> &[f64] {
        if self.keep == 0 {
            return &[];
        }
        let end = self.rows - (self.newest - bar) as usize;
        &self.data[(end - self.keep) * self.cols..end * self.cols]
    }
}
