//! What others bid and ask for one contract.

use serde::{Deserialize, Serialize};

/// Levels of both sides, best first; what is taken is gone until the next picture of the book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
}

impl Book {
    pub(super) fn new(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Self {
        let clean = |levels: &[(i64, i64)]| {
            let sound = |level: &&(i64, i64)| level.0 > 0 && level.1 > 0;
            levels.iter().filter(sound).copied().collect()
        };
        Self { bids: clean(bids), asks: clean(asks) }
    }

    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The price that an order of this side (`+1` buys) would meet first.
    pub(super) fn best(&self, side: i64) -> Option<i64> {
        let levels = if side > 0 { &self.asks } else { &self.bids };
        levels.first().map(|level| level.0)
    }

    /// Lots of others at this price, on the side of an order that joins them.
    pub(super) fn standing(&self, side: i64, ticks: i64) -> i64 {
        let levels = if side > 0 { &self.bids } else { &self.asks };
        levels.iter().find(|level| level.0 == ticks).map_or(0, |level| level.1)
    }

    /// Lots that an order of this side could have down to its limit.
    pub(super) fn within(&self, side: i64, limit: i64) -> i64 {
        let levels = if side > 0 { &self.asks } else { &self.bids };
        let reached = levels.iter().take_while(|level| reaches(side, limit, level.0));
        reached.map(|level| level.1).sum()
    }

    /// Take from the best level, at most `lots` (unsigned) and not beyond the limit: price and lots.
    pub(super) fn take(&mut self, side: i64, limit: i64, lots: i64) -> Option<(i64, i64)> {
        let levels = if side > 0 { &mut self.asks } else { &mut self.bids };
        let level = levels.first_mut()?;
        if lots <= 0 || !reaches(side, limit, level.0) {
            return None;
        }
        let taken = (level.0, lots.min(level.1));
        level.1 -= taken.1;
        if level.1 == 0 {
            levels.remove(0);
        }
        Some(taken)
    }
}

/// Whether a limit of this side meets a price of the other.
pub(super) fn reaches(side: i64, limit: i64, price: i64) -> bool {
    if side > 0 { price <= limit } else { price >= limit }
}
