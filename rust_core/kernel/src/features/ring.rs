//! The newest rows of a series, found by absolute bar number.

use crate::lanes::{PACK, Pack, Row};
use crate::panel::Panel;

/// Bars between two points at which sliding sums are taken afresh.
pub const BLOCK: i64 = 64;

/// First bar of the block that holds `bar`.
pub(super) fn block_start(bar: i64) -> i64 {
    bar - bar.rem_euclid(BLOCK)
}

/// Rows of one value a symbol, padded with NaN to whole lanes. Holds the rows of the current block
/// and at least `keep` rows before it.
#[derive(Debug)]
pub(super) struct Ring {
    lanes: usize,
    slots: Slots,
    data: Row,
}

/// Which of `rows` slots a bar has: its number modulo `rows`, by two products in place of a division.
#[derive(Debug, Clone, Copy)]
struct Slots {
    rows: u32,
    /// `⌈2^64 / rows⌉`
    inverse: u64,
}

impl Slots {
    fn new(rows: usize) -> Self {
        Self { rows: rows as u32, inverse: (u64::MAX / rows as u64).wrapping_add(1) }
    }

    #[inline(always)]
    fn of(self, bar: i64) -> usize {
        // Moved up by 2^31, so that bars before the epoch have a place too.
        let bar = (bar as u32).wrapping_add(1 << 31);
        // Lemire's remainder: exact for 32-bit numbers.
        let fraction = self.inverse.wrapping_mul(u64::from(bar));
        ((u128::from(fraction) * u128::from(self.rows)) >> 64) as usize
    }
}

/// A yes or no for each of the newest bars.
#[derive(Debug)]
pub(super) struct Flags {
    slots: Slots,
    data: Vec<bool>,
}

impl Flags {
    pub(super) fn new(keep: usize) -> Self {
        let rows = keep + BLOCK as usize;
        Self { slots: Slots::new(rows), data: vec![false; rows] }
    }

    pub(super) fn clear(&mut self) {
        self.data.fill(false);
    }

    #[inline(always)]
    pub(super) fn get(&self, bar: i64) -> bool {
        self.data[self.slots.of(bar)]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, bar: i64, flag: bool) {
        self.data[self.slots.of(bar)] = flag;
    }
}

/// A number for each of the newest bars; 0 before the first.
#[derive(Debug)]
pub(super) struct Numbers {
    slots: Slots,
    data: Vec<i64>,
}

impl Numbers {
    pub(super) fn new(keep: usize) -> Self {
        let rows = keep + BLOCK as usize;
        Self { slots: Slots::new(rows), data: vec![0; rows] }
    }

    pub(super) fn clear(&mut self) {
        self.data.fill(0);
    }

    #[inline(always)]
    pub(super) fn get(&self, bar: i64) -> i64 {
        self.data[self.slots.of(bar)]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, bar: i64, number: i64) {
        self.data[self.slots.of(bar)] = number;
    }
}

impl Ring {
    pub(super) fn new(keep: usize, lanes: usize) -> Self {
        let rows = keep + BLOCK as usize;
        Self { lanes, slots: Slots::new(rows), data: Row::new(rows * lanes * PACK, f64::NAN) }
    }

    pub(super) fn clear(&mut self, value: f64) {
        self.data.fill(value);
    }

    /// Place of the row's first value in `data`.
    #[inline(always)]
    fn at(&self, bar: i64) -> usize {
        self.slots.of(bar) * self.lanes * PACK
    }

    #[inline(always)]
    pub(super) fn row(&self, bar: i64) -> &[Pack] {
        let at = self.at(bar);
        self.data[at..at + self.lanes * PACK].as_chunks().0
    }

    #[inline(always)]
    pub(super) fn row_mut(&mut self, bar: i64) -> &mut [Pack] {
        let at = self.at(bar);
        self.data[at..at + self.lanes * PACK].as_chunks_mut().0
    }

    /// The row before, to read, and the row of `bar`, to write.
    #[inline(always)]
    pub(super) fn step(&mut self, bar: i64) -> (&[Pack], &mut [Pack]) {
        let (old, new) = (self.at(bar - 1), self.at(bar));
        let width = self.lanes * PACK;
        let (old, new) = if old < new {
            let (head, tail) = self.data.split_at_mut(new);
            (&head[old..old + width], &mut tail[..width])
        } else {
            let (head, tail) = self.data.split_at_mut(old);
            (&tail[..width], &mut head[new..new + width])
        };
        (old.as_chunks().0, new.as_chunks_mut().0)
    }

    /// The row without its padding.
    pub(super) fn values(&self, bar: i64, cols: usize) -> &[f64] {
        &self.row(bar).as_flattened()[..cols]
    }
}

/// Rows of the bars that are worked on, and of no other: each time they begin in the same place, so that a
/// few bars at a time stay in the first cache.
#[derive(Debug)]
pub(super) struct Sheet {
    lanes: usize,
    first: i64,
    data: Row,
}

impl Sheet {
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes, first: 0, data: Row::new(BLOCK as usize * lanes * PACK, f64::NAN) }
    }

    /// No room at all: the rows are lent when they are needed.
    pub(super) fn empty() -> Self {
        Self { lanes: 0, first: 0, data: Row::default() }
    }

    /// Turn to the bars of one block from `bar` on.
    pub(super) fn begin(&mut self, bar: i64) {
        self.first = bar;
    }

    #[inline(always)]
    fn at(&self, bar: i64) -> usize {
        (bar - self.first) as usize * self.lanes * PACK
    }

    #[inline(always)]
    pub(super) fn row(&self, bar: i64) -> &[Pack] {
        let at = self.at(bar);
        self.data[at..at + self.lanes * PACK].as_chunks().0
    }

    #[inline(always)]
    pub(super) fn row_mut(&mut self, bar: i64) -> &mut [Pack] {
        let at = self.at(bar);
        self.data[at..at + self.lanes * PACK].as_chunks_mut().0
    }

    /// The rows of `M` bars from `bar` on, to write.
    #[inline(always)]
    pub(super) fn rows_mut<const M: usize>(&mut self, bar: i64) -> [&mut [Pack]; M] {
        let (at, width) = (self.at(bar), self.lanes * PACK);
        let mut places = [const { 0..0 }; M];
        for m in 0..M {
            places[m] = at + m * width..at + (m + 1) * width;
        }
        let rows = self.data.get_disjoint_mut(places);
        rows.unwrap_or_else(|_| beyond()).map(|row| row.as_chunks_mut().0)
    }

    /// The row without its padding.
    #[inline(always)]
    pub(super) fn values(&self, bar: i64, cols: usize) -> &[f64] {
        let at = self.at(bar);
        &self.data[at..at + cols]
    }
}

#[cold]
fn beyond() -> ! {
    panic!("bars beyond the block that a sheet is for")
}

/// One number a bar.
#[derive(Debug)]
pub(super) struct Series {
    mask: usize,
    data: Vec<f64>,
}

impl Series {
    pub(super) fn new(keep: usize) -> Self {
        let rows = (keep + BLOCK as usize).next_power_of_two();
        Self { mask: rows - 1, data: vec![f64::NAN; rows] }
    }

    pub(super) fn clear(&mut self) {
        self.data.fill(f64::NAN);
    }

    #[inline(always)]
    pub(super) fn get(&self, bar: i64) -> f64 {
        self.data[bar as usize & self.mask]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, bar: i64, value: f64) {
        self.data[bar as usize & self.mask] = value;
    }
}

/// The panel by absolute bar number: a bar outside of it is a row of NaN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feed<'a> {
    pub(super) panel: &'a Panel<'a>,
    pub(super) absent: &'a [f64],
}

impl<'a> Feed<'a> {
    #[inline(always)]
    pub(super) fn row(&self, field: &'a [f64], bar: i64) -> &'a [f64] {
        let t = bar - self.panel.first_bar;
        if t < 0 || t >= self.panel.rows as i64 {
            return self.absent;
        }
        self.panel.row(field, t as usize)
    }
}

/// Copy an unpadded row into whole lanes; the padding stays as it is.
#[inline(always)]
pub(super) fn pad(row: &[f64], lanes: &mut [Pack]) {
    lanes.as_flattened_mut()[..row.len()].copy_from_slice(row);
}

/// 1 where the value is known, else 0.
#[inline(always)]
pub(super) fn presence(lane: Pack) -> Pack {
    crate::lanes::map(lane, |x| if x.is_nan() { 0.0 } else { 1.0 })
}

/// The value where it is known, else 0.
#[inline(always)]
pub(super) fn known_or_zero(lane: Pack) -> Pack {
    crate::lanes::map(lane, |x| if x.is_nan() { 0.0 } else { x })
}
