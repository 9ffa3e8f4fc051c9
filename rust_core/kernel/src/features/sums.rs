//! Steps of the sums of a window: a bar enters, a bar leaves, and what is left may be worth nothing.

use crate::lanes::{self, Line, PACK, Pack};

/// What is left of a sum is worthless where it is this small beside what was just taken off: the
/// rounding of the large value stays behind in it. A relisting under an old ticker does this.
pub(super) const DWARFED_FRAC: f64 = 1e-6;

/// Is the sum dwarfed by what left?
#[inline(always)]
pub(super) fn is_dwarfed<const DECAYED: bool>(sum: f64, leave: f64, span: f64) -> bool {
    let left = if DECAYED { leave * span } else { leave };
    sum.abs() < DWARFED_FRAC * left.abs()
}

/// All bits where one of the sums is dwarfed.
#[inline(always)]
pub(super) fn doubt<const C: usize, const DECAYED: bool>(
    sums: &[Pack; C],
    leave: &[Pack; C],
    span: &[f64; C],
) -> [u64; PACK] {
    let mut odd = [0; PACK];
    for c in 0..C {
        for k in 0..PACK {
            let small = is_dwarfed::<DECAYED>(sums[c][k], leave[c][k], span[c]);
            odd[k] |= u64::from(small).wrapping_neg();
        }
    }
    odd
}

/// Sums of one lane over all of a window.
pub(super) fn afresh<const C: usize, const DECAYED: bool, R: Copy>(
    bars: std::ops::RangeInclusive<i64>,
    j: usize,
    decay: &[f64; C],
    rows: &impl Fn(i64) -> R,
    terms: &impl Fn(R, usize) -> [Pack; C],
) -> [Pack; C] {
    let mut sums = [[0.0; PACK]; C];
    for past in bars {
        let enter = terms(rows(past), j);
        for c in 0..C {
            sums[c] = decayed::<DECAYED>(sums[c], enter[c], decay[c]);
        }
    }
    sums
}

#[inline(always)]
pub(super) fn any_dwarfed<const DECAYED: bool>(sum: &Pack, leave: &Pack, span: f64) -> bool {
    let mut any = false;
    for k in 0..PACK {
        any |= is_dwarfed::<DECAYED>(sum[k], leave[k], span);
    }
    any
}

#[inline(always)]
pub(super) fn replace_dwarfed<const DECAYED: bool>(
    sum: Pack,
    leave: Pack,
    span: f64,
    afresh: Pack,
) -> Pack {
    let mut out = sum;
    for k in 0..PACK {
        if is_dwarfed::<DECAYED>(sum[k], leave[k], span) {
            out[k] = afresh[k];
        }
    }
    out
}

/// Append the rows of `bars` to the sums, oldest first, four in a pass.
#[inline(always)]
pub(super) fn append_all<const C: usize, const DECAYED: bool, R: Copy>(
    sums: &mut [Line<[Pack; C]>],
    decay: &[f64; C],
    bars: std::ops::Range<i64>,
    rows: &impl Fn(i64) -> R,
    terms: &impl Fn(R, usize) -> [Pack; C],
) {
    let mut bar = bars.start;
    while bar + 4 <= bars.end {
        let four = [rows(bar), rows(bar + 1), rows(bar + 2), rows(bar + 3)];
        append::<C, DECAYED, R, 4>(sums, decay, four, terms);
        bar += 4;
    }
    for bar in bar..bars.end {
        append::<C, DECAYED, R, 1>(sums, decay, [rows(bar)], terms);
    }
}

#[inline(always)]
pub(super) fn append<const C: usize, const DECAYED: bool, R: Copy, const ROWS: usize>(
    sums: &mut [Line<[Pack; C]>],
    decay: &[f64; C],
    rows: [R; ROWS],
    terms: &impl Fn(R, usize) -> [Pack; C],
) {
    for (j, Line(sums)) in sums.iter_mut().enumerate() {
        let mut now = *sums;
        for row in rows {
            let enter = terms(row, j);
            for c in 0..C {
                now[c] = decayed::<DECAYED>(now[c], enter[c], decay[c]);
            }
        }
        *sums = now;
        lanes::end_lane();
    }
}

#[inline(always)]
pub(super) fn decayed<const DECAYED: bool>(sum: Pack, add: Pack, decay: f64) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        out[k] = if DECAYED { sum[k] * decay + add[k] } else { sum[k] + add[k] };
    }
    out
}

#[inline(always)]
pub(super) fn slide<const DECAYED: bool>(
    sum: Pack,
    add: Pack,
    old: Pack,
    decay: f64,
    span: f64,
) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        out[k] = if DECAYED {
            (sum[k] * decay + add[k]) - old[k] * span
        } else {
            (sum[k] + add[k]) - old[k]
        };
    }
    out
}
