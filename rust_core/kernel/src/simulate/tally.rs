//! How often each reason stood behind a name at a decision.

use crate::lanes::dispatch;
use crate::reason::Reason;

/// Nearly all names have one of these; they are counted many at a time.
const COMMON: [Reason; 3] = [Reason::NotSelected, Reason::Selected, Reason::Kept];
/// Names compared at once: a byte holds the counts of a row of 255 times as many.
const WIDE: usize = 32;

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
        let found = dispatch(
            #[inline(always)]
            || {
                let [a, b, c] = COMMON;
                [count_of(row, a), count_of(row, b), count_of(row, c)]
            },
        );
        if found.iter().sum::<u64>() == row.len() as u64 {
            for (reason, count) in COMMON.iter().zip(found) {
                self.counts[*reason as usize] += count;
            }
        } else {
            for reason in row {
                self.counts[*reason as usize] += 1;
            }
        }
    }

    /// Reasons that stood at all, by rising code.
    pub(super) fn counts(&self) -> Vec<(Reason, u64)> {
        let counts = Reason::ALL.iter().map(|reason| (*reason, self.counts[*reason as usize]));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[inline(always)]
fn count_of(row: &[Reason], wanted: Reason) -> u64 {
    let mut total = 0;
    for part in row.chunks(WIDE * 255) {
        let (chunks, tail) = part.as_chunks::<WIDE>();
        let mut lanes = [0_u8; WIDE];
        for chunk in chunks {
            for (lane, reason) in lanes.iter_mut().zip(chunk) {
                *lane += u8::from(*reason as u8 == wanted as u8);
            }
        }
        total += lanes.iter().map(|lane| u64::from(*lane)).sum::<u64>();
        total += tail.iter().filter(|reason| **reason == wanted).count() as u64;
    }
    total
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
