//! How often each reason stood behind a name at a decision.

use crate::lanes::dispatch;
use crate::reason::Reason;

/// Names compared at once. Nearly all are selected, kept or not selected.
const WIDE: usize = 32;
/// Tables that take turns: in one alone, each count of a frequent reason would wait for the one before.
const TURNS: usize = 8;

/// Counts of all reasons.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counts: Box<[[u64; 256]; TURNS]>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: Box::new([[0; 256]; TURNS]) }
    }
}

impl Tally {
    /// Count a row.
    pub(super) fn count(&mut self, row: &[Reason]) {
        let (chosen, common) = dispatch(
            #[inline(always)]
            || count_common(row),
        );
        if common {
            self.add(chosen.map(|count| count as usize), row.len());
        } else {
            let (turns, rest) = row.as_chunks::<TURNS>();
            for turn in turns {
                for (counts, reason) in self.counts.iter_mut().zip(turn) {
                    counts[*reason as usize] += 1;
                }
            }
            for reason in rest {
                self.counts[0][*reason as usize] += 1;
            }
        }
    }

    /// Count a row of which so many are selected and kept, and all others not selected.
    pub(super) fn add(&mut self, [selected, kept]: [usize; 2], names: usize) {
        let counts = &mut self.counts[0];
        counts[Reason::Selected as usize] += selected as u64;
        counts[Reason::Kept as usize] += kept as u64;
        counts[Reason::NotSelected as usize] += (names - selected - kept) as u64;
    }

    /// Reasons that stood at all, by rising code.
    pub(super) fn counts(&self) -> Vec<(Reason, u64)> {
        let count = |reason: &Reason| self.counts.iter().map(|row| row[*reason as usize]).sum();
        let counts = Reason::ALL.iter().map(|reason| (*reason, count(reason)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// How many are selected and how many kept, and whether all others are not selected.
#[inline(always)]
fn count_common(row: &[Reason]) -> ([u64; 2], bool) {
    let (mut selected, mut kept, mut common) = (0, 0, true);
    for part in row.chunks(WIDE * 31) {
        let (chunks, tail) = part.as_chunks::<WIDE>();
        let (mut of_selected, mut of_kept, mut of_rest) = ([0_u8; WIDE], [0; WIDE], [0; WIDE]);
        for chunk in chunks {
            for l in 0..WIDE {
                of_selected[l] += u8::from(chunk[l] as u8 == Reason::Selected as u8);
                of_kept[l] += u8::from(chunk[l] as u8 == Reason::Kept as u8);
                of_rest[l] += u8::from(chunk[l] as u8 == Reason::NotSelected as u8);
            }
        }
        let tail_of = |wanted| tail.iter().filter(|reason| **reason == wanted).count() as u64;
        let [here, there, rest] = [
            (of_selected, Reason::Selected),
            (of_kept, Reason::Kept),
            (of_rest, Reason::NotSelected),
        ]
        .map(|(lanes, wanted)| sum_bytes(lanes) + tail_of(wanted));
        (selected, kept) = (selected + here, kept + there);
        common &= here + there + rest == part.len() as u64;
    }
    ([selected, kept], common)
}

/// Sum of bytes, of which no eight come to more than a byte holds.
#[inline(always)]
fn sum_bytes(lanes: [u8; WIDE]) -> u64 {
    let (words, _) = lanes.as_chunks::<8>();
    let of_word =
        |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0101_0101_0101_0101) >> 56;
    words.iter().map(of_word).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_a_plain_loop() {
        for names in [1, 31, 32, 100, 9_000] {
            for rare in [0, 3] {
                let mut row = vec![Reason::NotSelected; names];
                for (at, reason) in row.iter_mut().enumerate() {
                    if at < rare {
                        *reason = Reason::Stale;
                    } else if at % 7 == 0 {
                        *reason = Reason::Selected;
                    } else if at % 5 == 2 {
                        *reason = Reason::Kept;
                    }
                }
                let mut tally = Tally::default();
                tally.count(&row);
                tally.count(&row);
                let plain = |wanted: Reason| row.iter().filter(|reason| **reason == wanted).count();
                for (reason, count) in tally.counts() {
                    assert_eq!(count, 2 * plain(reason) as u64);
                }
                let total: u64 = tally.counts().iter().map(|(_, count)| count).sum();
                assert_eq!(total, 2 * names as u64);
            }
        }
    }
}
