//! Ranks by counting: O(n²) compares in lanes, no branches, no sort, no dependence on order.
//!
//! All slices are padded to whole lanes with NaN; NaN has no rank and is in nobody's count.

use crate::lanes::{self, LANES, Lane};

/// Average rank of each value among the known ones; the smallest has rank 1, equals share theirs.
#[inline(never)]
pub(crate) fn average(values: &[f64], out: &mut [f64]) {
    lanes::dispatch(
        #[inline(always)]
        || {
            let (chunks, _) = values.as_chunks::<LANES>();
            let (ranks, _) = out.as_chunks_mut::<LANES>();
            for (mine, rank) in chunks.iter().zip(ranks) {
                let (below, not_above) = count_below(values, mine);
                for l in 0..LANES {
                    // Ranks below+1 ..= not_above are shared; NaN stays NaN through the 0·x.
                    rank[l] = 0.5 * (below[l] + not_above[l] + 1.0) + 0.0 * mine[l];
                }
            }
        },
    );
}

#[inline(always)]
fn count_below(values: &[f64], mine: &Lane) -> (Lane, Lane) {
    let (mut below, mut not_above) = ([0.0; LANES], [0.0; LANES]);
    for other in values {
        for l in 0..LANES {
            below[l] += if *other < mine[l] { 1.0 } else { 0.0 };
            not_above[l] += if *other <= mine[l] { 1.0 } else { 0.0 };
        }
    }
    (below, not_above)
}

/// Rank of each value from the largest (1) down; equals rank by their order.
#[inline(never)]
pub(crate) fn descending(values: &[f64], out: &mut [f64]) {
    lanes::dispatch(
        #[inline(always)]
        || {
            let (chunks, _) = values.as_chunks::<LANES>();
            let (ranks, _) = out.as_chunks_mut::<LANES>();
            for (k, (mine, rank)) in chunks.iter().zip(ranks).enumerate() {
                *rank = count_ahead(values, mine, k * LANES);
            }
        },
    );
}

#[inline(always)]
fn count_ahead(values: &[f64], mine: &Lane, start: usize) -> Lane {
    // 0·x keeps NaN for names without a value.
    let mut rank = lanes::map(*mine, |value| 1.0 + 0.0 * value);
    for other in &values[..start] {
        for l in 0..LANES {
            rank[l] += if *other >= mine[l] { 1.0 } else { 0.0 };
        }
    }
    for j in 0..LANES {
        for l in 0..LANES {
            let ahead = mine[j] > mine[l] || (mine[j] == mine[l] && j < l);
            rank[l] += if ahead { 1.0 } else { 0.0 };
        }
    }
    for other in &values[start + LANES..] {
        for l in 0..LANES {
            rank[l] += if *other > mine[l] { 1.0 } else { 0.0 };
        }
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(values: &[f64]) -> Vec<f64> {
        let mut out = values.to_vec();
        out.resize(values.len().next_multiple_of(LANES), f64::NAN);
        out
    }

    #[test]
    fn equals_share_their_average_rank() {
        let values = padded(&[3.0, 1.0, f64::NAN, 3.0, 2.0, 1.0, 1.0, -5.0, 9.0]);
        let mut rank = vec![0.0; values.len()];
        average(&values, &mut rank);
        assert_eq!(rank[..2], [6.5, 3.0]);
        assert!(rank[2].is_nan());
        assert_eq!(rank[3..9], [6.5, 5.0, 3.0, 3.0, 1.0, 8.0]);
        assert!(rank[9..].iter().all(|r| r.is_nan()));
    }

    #[test]
    fn descending_ranks_break_ties_by_order() {
        let values = padded(&[3.0, 1.0, f64::NAN, 3.0, 2.0, 1.0, 1.0, -5.0, 9.0, 3.0]);
        let mut rank = vec![0.0; values.len()];
        descending(&values, &mut rank);
        assert_eq!(rank[..2], [2.0, 6.0]);
        assert!(rank[2].is_nan());
        assert_eq!(rank[3..10], [3.0, 5.0, 7.0, 8.0, 9.0, 1.0, 4.0]);
    }
}
