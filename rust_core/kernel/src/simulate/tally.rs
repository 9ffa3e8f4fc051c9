//! How often each reason stood behind a name at a decision.

use crate::reason::Reason;

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
