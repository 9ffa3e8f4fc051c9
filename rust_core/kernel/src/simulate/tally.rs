//! How often each reason stood behind a name at a decision.

use crate::lanes::dispatch;
use crate::reason::Reason;

/// Names compared at once.
const WIDE: usize = 32;
/// What nearly all names are, and what the others are most of the time. A row of these is counted in lanes:
/// one by one, a count waits for the one before.
const COMMON: [Reason; 3] = [Reason::Selected, Reason::Kept, Reason::NotSelected];
const OFTEN: [Reason; 12] = [
    Reason::Selected,
    Reason::Kept,
    Reason::NotSelected,
    Reason::Cooldown,
    Reason::Banned,
    Reason::StreakPause,
    Reason::SymbolPause,
    Reason::AwaitingReentry,
    Reason::RungCap,
    Reason::OlderTranche,
    Reason::NotListed,
    Reason::ShortHistory,
];

/// Counts of all reasons.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counts: [u64; 256],
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [0; 256] }
    }
}

impl Tally {
    /// Count a row.
    pub(super) fn count(&mut self, row: &[Reason]) {
        if !self.count_all(row, &COMMON) && !self.count_all(row, &OFTEN) {
            for reason in row {
                self.counts[*reason as usize] += 1;
            }
        }
    }

    /// Count a row; false, and nothing is counted, where other reasons stand in it.
    fn count_all<const N: usize>(&mut self, row: &[Reason], reasons: &[Reason; N]) -> bool {
        let counts = dispatch(
            #[inline(always)]
            || count_each(row, reasons),
        );
        let whole = counts.iter().sum::<u64>() == row.len() as u64;
        if whole {
            for (reason, count) in reasons.iter().zip(counts) {
                self.counts[*reason as usize] += count;
            }
        }
        whole
    }

    /// Count a row of which so many are selected and kept, and all others not selected.
    pub(super) fn add(&mut self, [selected, kept]: [usize; 2], names: usize) {
        self.counts[Reason::Selected as usize] += selected as u64;
        self.counts[Reason::Kept as usize] += kept as u64;
        self.counts[Reason::NotSelected as usize] += (names - selected - kept) as u64;
    }

    /// Reasons that stood at all, by rising code.
    pub(super) fn counts(&self) -> Vec<(Reason, u64)> {
        let counts = Reason::ALL.iter().map(|reason| (*reason, self.counts[*reason as usize]));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// How often each of some reasons stands in a row.
#[inline(always)]
fn count_each<const N: usize>(row: &[Reason], reasons: &[Reason; N]) -> [u64; N] {
    let mut counts = [0; N];
    for part in row.chunks(WIDE * 30) {
        let (chunks, tail) = part.as_chunks::<WIDE>();
        // No reason has the code that stands behind the tail.
        let mut last = [u8::MAX; WIDE];
        for (code, reason) in last.iter_mut().zip(tail) {
            *code = *reason as u8;
        }
        for (count, wanted) in counts.iter_mut().zip(reasons) {
            let wanted = *wanted as u8;
            let mut lanes = [0_u8; WIDE];
            for chunk in chunks {
                for l in 0..WIDE {
                    lanes[l] += u8::from(chunk[l] as u8 == wanted);
                }
            }
            for l in 0..WIDE {
                lanes[l] += u8::from(last[l] == wanted);
            }
            *count += sum_bytes(lanes);
        }
    }
    counts
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
            for rare in [None, Some(Reason::Cooldown), Some(Reason::Stale)] {
                let mut row = vec![Reason::NotSelected; names];
                for (at, reason) in row.iter_mut().enumerate() {
                    if let (0..3, Some(rare)) = (at, rare) {
                        *reason = rare;
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
