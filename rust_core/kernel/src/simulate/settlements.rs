//! Bars at which funding may be paid. Most bars settle nothing, and books that go over a panel together need not
//! all look.

use std::ops::Range;

use crate::lanes::dispatch;
use crate::panel::Panel;

/// Which bars of a block settle funding.
#[derive(Debug, Clone, Copy)]
pub struct Settlements {
    first: usize,
    /// One bit a bar.
    bars: u64,
}

impl Settlements {
    /// Look at up to 64 bars, or at what the panel knows of them.
    pub fn of(panel: &Panel<'_>, rows: Range<usize>) -> Self {
        debug_assert!(rows.len() <= 64, "a word has so many bits");
        let first = rows.start;
        let gather = |settles: &dyn Fn(usize) -> bool| {
            rows.fold(0, |bars, t| bars | u64::from(settles(t)) << (t - first))
        };
        let bars = if panel.settles.is_empty() {
            gather(&|t| settles(panel.row(panel.funding_frac, t)))
        } else {
            gather(&|t| panel.settles[t])
        };
        Self { first, bars }
    }

    /// The rates of a bar of the block at which some name may pay or receive funding.
    #[inline(always)]
    pub fn rates<'a>(self, panel: &Panel<'a>, t: usize) -> Option<&'a [f64]> {
        (self.bars >> (t - self.first) & 1 != 0).then(|| panel.row(panel.funding_frac, t))
    }
}

/// May any name pay or receive funding at this bar? By the bits but for the sign: an unknown rate
/// counts, and is asked again.
fn settles(rate_frac: &[f64]) -> bool {
    dispatch(
        #[inline(always)]
        || rate_frac.iter().fold(0, |any, rate| any | rate.to_bits()) << 1 != 0,
    )
}

#[cfg(test)]
mod tests {
    use super::settles;

    #[test]
    fn only_zeros_settle_nothing() {
        let mut rates = vec![0.0; 13];
        rates[4] = -0.0;
        assert!(!settles(&rates));
        for rate in [1e-300, -1e-4, f64::NAN] {
            rates[12] = rate;
            assert!(settles(&rates));
        }
    }
}
