//! Sums over the names of a row: in eight fixed lanes and one fixed order, on every level.

use std::ops::Range;

use super::{LANES, Lane, end_lane};

/// The eight partial sums of a row, added in the one order that all sums of this crate use.
#[inline(always)]
pub fn fold(lanes: Lane) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// [`fold`] of sums that a loop has just added up, lane by lane: put down whole in between, or the compiler
/// would add in pairs from the first, because that is how they end.
#[inline(always)]
pub(crate) fn fold_whole(lanes: Lane) -> f64 {
    fold(std::hint::black_box(lanes))
}

/// The eight partial sums of a term: element `i` goes to lane `i % 8`.
#[inline(always)]
fn lanes_of(x: &[f64], term: impl Fn(f64) -> f64) -> Lane {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for k in 0..LANES {
            lanes[k] += term(chunk[k]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(tail) {
        *lane += term(*value);
    }
    lanes
}

#[inline(always)]
fn sum_of(x: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    fold(lanes_of(x, term))
}

/// Sum of a term over eight fixed lanes, none of them NaN; see [`fold_whole`].
#[inline(always)]
pub(crate) fn sum_whole(x: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    fold_whole(lanes_of(x, term))
}

/// Sum over eight fixed lanes: element `i` goes to lane `i % 8`.
#[inline(always)]
pub fn sum(x: &[f64]) -> f64 {
    sum_of(x, |value| value)
}

/// [`sum`] of a part of a row that has room for a lane behind it: the last few are read as a whole lane.
#[inline(always)]
pub fn sum_part(row: &[f64], part: Range<usize>) -> f64 {
    let whole = part.len().next_multiple_of(LANES);
    let (chunks, _) = row[part.start..part.start + whole].as_chunks::<LANES>();
    let (mut lanes, mut left) = ([0.0; LANES], part.len());
    for chunk in chunks {
        let keep = &FIRST[left.min(LANES)];
        for k in 0..LANES {
            lanes[k] += f64::from_bits(chunk[k].to_bits() & keep[k]);
        }
        left = left.saturating_sub(LANES);
        end_lane();
    }
    fold(lanes)
}

/// All bits of the first lanes, so many of them.
const FIRST: [[u64; LANES]; LANES + 1] = {
    let mut masks = [[0; LANES]; LANES + 1];
    let mut count = 0;
    while count <= LANES {
        let mut k = 0;
        while k < count {
            masks[count][k] = u64::MAX;
            k += 1;
        }
        count += 1;
    }
    masks
};

/// Sum of squares over eight fixed lanes.
#[inline(always)]
pub fn sum_sq(x: &[f64]) -> f64 {
    sum_of(x, |value| value * value)
}

/// Sum of absolute values over eight fixed lanes.
#[inline(always)]
pub fn sum_abs(x: &[f64]) -> f64 {
    sum_of(x, f64::abs)
}

/// Sum of `(x − centre)²` over eight fixed lanes.
#[inline(always)]
pub fn sum_sq_from(x: &[f64], centre: f64) -> f64 {
    sum_of(x, |value| (value - centre) * (value - centre))
}

/// Sum of products over eight fixed lanes, over the shorter of the two.
#[inline(always)]
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len().min(y.len());
    let (x_chunks, x_tail) = x[..n].as_chunks::<LANES>();
    let (y_chunks, y_tail) = y[..n].as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in x_chunks.iter().zip(y_chunks) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(x_tail.iter().zip(y_tail)) {
        *lane += a * b;
    }
    fold(lanes)
}

/// Sum and count of the values that are not NaN, over eight fixed lanes.
#[inline(always)]
pub fn sum_present(x: &[f64]) -> (f64, f64) {
    let total = sum_of(x, |value| if value.is_nan() { 0.0 } else { value });
    let count = sum_of(x, |value| if value.is_nan() { 0.0 } else { 1.0 });
    (total, count)
}

/// Sum of `(x − centre)²` of the values that are not NaN, over eight fixed lanes.
#[inline(always)]
pub fn sum_sq_present(x: &[f64], centre: f64) -> f64 {
    sum_of(x, |value| {
        let square = (value - centre) * (value - centre);
        if value.is_nan() { 0.0 } else { square }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin(i as f64 * 0.7) * libm::exp(libm::cos(i as f64) * 3.0)).collect()
    }

    #[test]
    fn sums_agree_with_a_plain_loop() {
        for n in [0, 1, 7, 8, 9, 100, 1_003] {
            let x = wave(n);
            let close = |got: f64, want: f64| (got - want).abs() <= 1e-12 * (1.0 + want.abs());
            assert!(close(sum(&x), x.iter().sum()));
            let (part, roomy) = (n / 3..n - n / 5, [&x[..], &[f64::NAN; LANES]].concat());
            assert_eq!(sum_part(&roomy, part.clone()), sum(&x[part]));
            assert!(close(sum_sq(&x), x.iter().map(|v| v * v).sum()));
            assert!(close(sum_abs(&x), x.iter().map(|v| v.abs()).sum()));
            assert!(close(sum_sq_from(&x, 0.5), x.iter().map(|v| (v - 0.5) * (v - 0.5)).sum()));
            assert!(close(dot(&x, &x), sum_sq(&x)));
        }
    }

    #[test]
    fn absent_values_are_left_out() {
        let mut x = wave(21);
        x[3] = f64::NAN;
        x[20] = f64::NAN;
        let plain: f64 = x.iter().filter(|v| !v.is_nan()).sum();
        let (total, count) = sum_present(&x);
        assert!((total - plain).abs() < 1e-12);
        assert_eq!(count, 19.0);
        let squares: f64 = x.iter().filter(|v| !v.is_nan()).map(|v| (v - 1.5) * (v - 1.5)).sum();
        assert!((sum_sq_present(&x, 1.5) - squares).abs() < 1e-12 * squares);
    }

    #[test]
    fn the_order_of_a_sum_is_the_documented_one() {
        let x = [1e16, 1.0, -1e16, 3.0, 5.0, 1e-3, 7.0, 2.0, 1.0];
        let lanes = [1e16 + 1.0, 1.0, -1e16, 3.0, 5.0, 1e-3, 7.0, 2.0];
        assert_eq!(sum(&x), fold(lanes));
        assert_eq!(fold(lanes), ((1e16 + 5.0) + (-1e16 + 7.0)) + ((1.0 + 1e-3) + (3.0 + 2.0)));
    }
}
