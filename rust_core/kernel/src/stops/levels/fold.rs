//! The fills of a plan folded into many positions at once: additions and partial reductions in lanes.

use super::{Bits, Levels, each_bit, mask};
use crate::book::Position;
use crate::lanes::{LANES, Row, end_lane};
use crate::params::Params;
use crate::stops::touch::rung_cap_lots;

/// The orders of a plan, one place a name; whole lanes of places, of which the last may trade nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Legs<'a> {
    /// Lots held before.
    pub(crate) held: &'a [f64],
    /// Lots that bring the position nearer to 0.
    pub(crate) less: &'a [f64],
    /// Lots that open or increase it, after those.
    pub(crate) more: &'a [f64],
    /// Executed price of the latter.
    pub(crate) price: &'a [f64],
}

/// What fills make of positions, place by place, and the places that want the long way.
#[derive(Debug, Default)]
pub(crate) struct Folds {
    cost: Row,
    entry: Row,
    initial: Row,
    /// Places of which the position has become larger than it ever was.
    grown: Vec<u64>,
    /// Places whose position ends, and places where one begins.
    ends: Vec<u64>,
    opens: Vec<u64>,
}

impl Folds {
    /// Room for so many names, so that a fold allocates nothing.
    pub(crate) fn new(names: usize) -> Self {
        let (room, words) = (names.next_multiple_of(LANES), names.div_ceil(64));
        let (row, bits) = (Row::new(room, 0.0), vec![0; words]);
        Self {
            cost: row.clone(),
            entry: row.clone(),
            initial: row,
            grown: bits.clone(),
            ends: bits.clone(),
            opens: bits,
        }
    }

    /// Places whose position ends with its reduce-only order: one bit each.
    pub(crate) fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// Places where a position begins.
    pub(crate) fn opens(&self) -> &[u64] {
        &self.opens
    }

    #[inline(always)]
    fn gather(&mut self, named: &[u32], levels: &Levels) {
        let count = named.len();
        let (cost, entry) = (&mut self.cost[..count], &mut self.entry[..count]);
        let initial = &mut self.initial[..count];
        for at in 0..count {
            let (pack, k) = (&levels.packs[named[at] as usize / LANES], named[at] as usize % LANES);
            cost[at] = pack.cost[k];
            entry[at] = pack.entry[k];
            initial[at] = pack.initial[k];
        }
    }

    /// Additions and partial reductions of all places; the others keep their figures.
    #[inline(always)]
    fn fold(&mut self, legs: &Legs<'_>, places: usize) {
        let whole = places.next_multiple_of(LANES);
        let (held, _) = legs.held[..whole].as_chunks::<LANES>();
        let (less, _) = legs.less[..whole].as_chunks::<LANES>();
        let (more, _) = legs.more[..whole].as_chunks::<LANES>();
        let (price, _) = legs.price[..whole].as_chunks::<LANES>();
        let (costs, _) = self.cost[..whole].as_chunks_mut::<LANES>();
        let (entries, _) = self.entry[..whole].as_chunks_mut::<LANES>();
        let (initials, _) = self.initial[..whole].as_chunks_mut::<LANES>();
        let words = whole.div_ceil(64);
        for word in 0..words {
            let [mut ends, mut opens, mut grown] = <[Bits; 3]>::default();
            let from = word * LANES;
            for c in from..(whole / LANES).min(from + LANES) {
                let (held, less, more, price) = (held[c], less[c], more[c], price[c]);
                let (cost, entry, initial) = (costs[c], entries[c], initials[c]);
                let (mut masks, mut after) = ([[0; LANES]; 3], [[0.0; LANES]; 3]);
                for k in 0..LANES {
                    let left = held[k] + less[k];
                    let cuts = (less[k] != 0.0) & (left != 0.0);
                    let adds = (more[k] != 0.0) & (left != 0.0);
                    // As [`super::super::fold_into`] does it, one after the other.
                    let share = less[k].abs() / held[k].abs();
                    let kept = if cuts { cost[k] - cost[k] * share } else { cost[k] };
                    let lots = left + more[k];
                    let sum = kept + more[k] * price[k];
                    let larger = adds & (lots.abs() > initial[k].abs());
                    after[0][k] = if adds { sum } else { kept };
                    // Times the side: a sum has the sign of its lots.
                    after[1][k] = if adds { sum / lots.abs() } else { entry[k] };
                    after[2][k] = if larger { lots } else { initial[k] };
                    masks[0][k] = mask((held[k] != 0.0) & (left == 0.0));
                    masks[1][k] = mask((more[k] != 0.0) & (left == 0.0));
                    masks[2][k] = mask(larger);
                }
                end_lane();
                [costs[c], entries[c], initials[c]] = after;
                ends.push(c - from, masks[0]);
                opens.push(c - from, masks[1]);
                grown.push(c - from, masks[2]);
                end_lane();
            }
            self.ends[word] = ends.word();
            self.opens[word] = opens.word();
            self.grown[word] = grown.word();
        }
        self.ends[words..].fill(0);
        self.opens[words..].fill(0);
        self.grown[words..].fill(0);
    }
}

impl Levels {
    /// Fold the orders of a plan into the positions that they leave on their side; the places of the
    /// others are told by bits of `folds`.
    #[inline(always)]
    pub(crate) fn fold(&mut self, named: &[u32], legs: &Legs<'_>, folds: &mut Folds) {
        let count = named.len();
        folds.gather(named, self);
        folds.fold(legs, count);
        let (cost, entry) = (&folds.cost[..count], &folds.entry[..count]);
        let initial = &folds.initial[..count];
        for at in 0..count {
            let name = named[at] as usize;
            let (pack, k) = (&mut self.packs[name / LANES], name % LANES);
            pack.cost[k] = cost[at];
            pack.entry[k] = entry[at];
            pack.initial[k] = initial[at];
        }
    }

    /// Caps of the ladder follow positions that have grown. `positions` know the rungs that were taken.
    pub(crate) fn raise_caps(
        &mut self,
        named: &[u32],
        folds: &Folds,
        positions: &[Position],
        params: &Params,
    ) {
        each_bit(&folds.grown, |place| {
            let name = named[place] as usize;
            if self.cap_lots[name] < f64::INFINITY {
                let mut position = positions[name];
                self.write(name, &mut position);
                position.lots = position.lots_initial;
                let cap = rung_cap_lots(&position, params);
                self.cap_lots[name] = cap.map_or(f64::INFINITY, |lots| lots as f64);
            }
        });
    }
}
