//! The short cuts of selection: where nothing but ranks and the past of single names decides. They give
//! what the long way gives, without looking further; a test switches them off to compare.

use super::entry::Gate;
use super::{Field, Ladder, Ladders, Picks};
use crate::book::Side;
use crate::lanes::LANES;
use crate::reason::Reason;

/// Places that are looked at where names are barred; a deeper walk goes the long way.
const PLACES: usize = 64;

impl Picks {
    /// Fill both legs; false where more than ranks and bars decides, and nothing is chosen yet.
    #[inline(always)]
    pub(super) fn choose_quickly(
        &mut self,
        field: &Field<'_>,
        gate: &Gate<'_>,
        ladders: &Ladders,
        reason: &mut [Reason],
    ) -> bool {
        if !gate.open_by_rank() {
            false
        } else if field.any_awaiting || gate.any_barred() {
            self.pass_barred(field, gate, ladders, reason)
        } else {
            self.take_first(field, ladders, reason)
        }
    }

    /// Nobody is barred: the first `k` of each side, if all of them are good enough.
    #[inline(always)]
    fn take_first(&mut self, field: &Field<'_>, ladders: &Ladders, reason: &mut [Reason]) -> bool {
        let first = |side: Side| &ladders[side as usize].known()[..field.k];
        if !Side::BOTH.iter().all(|side| field.all_enter(first(*side), *side)) {
            return false;
        }
        let names = field.scene.facts.names();
        let (held, reason) = (&field.held_weight[..names], &mut reason[..names]);
        let mut kept = 0;
        for side in Side::BOTH {
            if field.untold {
                for name in first(side) {
                    kept += usize::from(keeps(held, *name, side));
                }
            } else {
                tell(first(side), side, held, reason);
            }
            self.chosen.begin(side);
            self.chosen.names.append(ladders[side as usize].known_and_room(), field.k);
        }
        self.untold = field.untold.then_some([2 * field.k - kept, kept]);
        true
    }

    /// Say who was selected and who kept, where no later rule has spoken.
    pub(crate) fn tell(&self, held: &[f64], reason: &mut [Reason]) {
        let (long, short) = self.chosen.names.split_at(self.chosen.longs);
        for (names, side) in [(long, Side::Long), (short, Side::Short)] {
            for name in names {
                if reason[*name as usize] == Reason::NotSelected {
                    tell(std::slice::from_ref(name), side, held, reason);
                }
            }
        }
    }

    /// Some names are barred: those held among the first `k` stay, and each slot that is left goes to the
    /// next name that is free. All that are passed have the sign of their side, so that none is passed on
    /// both. Who is who is a bit a place: how many are barred is a coin that no branch predicts.
    #[inline(always)]
    fn pass_barred(
        &mut self,
        field: &Field<'_>,
        gate: &Gate<'_>,
        ladders: &Ladders,
        reason: &mut [Reason],
    ) -> bool {
        let mut queues = [Queue::default(); 2];
        for side in Side::BOTH {
            let ladder = &ladders[side as usize];
            let Some(queue) = Queue::of(field, ladder, side) else { return false };
            if !field.all_enter(&ladder.known()[..queue.end.max(field.k)], side) {
                return false;
            }
            queues[side as usize] = queue;
        }
        for (side, queue) in Side::BOTH.into_iter().zip(queues) {
            let ranked = ladders[side as usize].known();
            self.chosen.begin(side);
            let mut left = queue.chosen;
            for _ in 0..field.k {
                let place = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                let name = ranked[place];
                let keeps = queue.kept >> place & 1 != 0;
                reason[name as usize] = if keeps { Reason::Kept } else { Reason::Selected };
                self.chosen.names.push(name);
            }
            let mut passed = below(queue.end) & !queue.chosen;
            while passed != 0 {
                let i = ranked[passed.trailing_zeros() as usize] as usize;
                passed &= passed - 1;
                reason[i] = gate.bar(i, side).unwrap_or(Reason::Selected);
            }
        }
        self.depth = queues[0].end.max(queues[1].end);
        true
    }
}

/// One side's ranks, a bit a place.
#[derive(Debug, Clone, Copy, Default)]
struct Queue {
    /// Who keeps a slot.
    kept: u64,
    /// Who has one; as many as there are slots.
    chosen: u64,
    /// How far down the ranks entries go.
    end: usize,
}

impl Queue {
    /// `None` where the ranks that are known do not fill the slots, or are more than a word has bits.
    #[inline(always)]
    fn of(field: &Field<'_>, ladder: &Ladder, side: Side) -> Option<Self> {
        let most = ladder.known().len().min(field.half()).min(PLACES);
        if field.k > most {
            return None;
        }
        // Seldom are more than the next few asked.
        let few = (field.k + LANES / 2).next_multiple_of(LANES).min(most);
        Self::of_first(field, ladder, few, side)
            .or_else(|| (few < most).then(|| Self::of_first(field, ladder, most, side)).flatten())
    }

    #[inline(always)]
    fn of_first(field: &Field<'_>, ladder: &Ladder, most: usize, side: Side) -> Option<Self> {
        let [held, waits, barred] = past_of(field, ladder, most, side);
        // A name that is held keeps its slot among the first, unless it was stopped.
        let kept = held & !waits & below(field.k);
        let free = field.k - kept.count_ones() as usize;
        let enters = below(most) & !(kept | waits | barred);
        if (enters.count_ones() as usize) < free {
            return None;
        }
        let end = behind(enters, free);
        Some(Self { kept, chosen: kept | (enters & below(end)), end })
    }
}

/// Of `most` places, and of those behind them to whole lanes, a bit each: held, stopped and not seen outside the
/// selection since, barred.
#[inline(always)]
fn past_of(field: &Field<'_>, ladder: &Ladder, most: usize, side: Side) -> [u64; 3] {
    let (names, s) = (field.scene.facts.names(), side as usize);
    // All rows of one length, so that an index is asked about its bounds once.
    let until_ms = &field.scene.book.barred_until_ms[..names];
    let (weight, awaiting) = (&field.held_weight[..names], &field.awaiting[..names]);
    let close_ms = field.scene.row.close_ms;
    let mut bits = [0; 3];
    let (ranked, _) = ladder.known_and_room().as_chunks::<LANES>();
    for (c, eight) in ranked[..most.div_ceil(LANES)].iter().enumerate() {
        let mut part = [0; 3];
        for k in 0..LANES {
            let i = eight[k] as usize;
            part[0] |= u64::from(side.sign() * weight[i] > 0.0) << k;
            part[1] |= u64::from(awaiting[i][s]) << k;
            part[2] |= u64::from(until_ms[i][s] > close_ms) << k;
        }
        for (bits, part) in bits.iter_mut().zip(part) {
            *bits |= part << (c * LANES);
        }
    }
    bits
}

/// Bits of the first places.
#[inline(always)]
fn below(places: usize) -> u64 {
    u64::MAX.checked_shl(places as u32).map_or(u64::MAX, |above| !above)
}

/// The place behind the bit of that number, counted from 1, of those that are set; 0 for none.
#[inline(always)]
fn behind(bits: u64, number: usize) -> usize {
    let mut place = 0;
    for step in [32, 16, 8, 4, 2, 1] {
        let before = (bits & below(place + step)).count_ones() as usize;
        place += if before < number { step } else { 0 };
    }
    place + usize::from(number > 0)
}

/// Is the name held on this side?
#[inline(always)]
pub(crate) fn keeps(held: &[f64], name: u32, side: Side) -> bool {
    side.sign() * held[name as usize] > 0.0
}

#[inline(always)]
pub(crate) fn tell(names: &[u32], side: Side, held: &[f64], reason: &mut [Reason]) {
    for name in names {
        let keeps = keeps(held, *name, side);
        reason[*name as usize] = if keeps { Reason::Kept } else { Reason::Selected };
    }
}

#[cfg(test)]
mod tests {
    use super::{behind, below};

    #[test]
    fn places_are_counted_by_their_bits() {
        assert_eq!([0, 1, 63, 64].map(below), [0, 1, u64::MAX >> 1, u64::MAX]);
        for bits in [0, 1, 0b1011_0010, u64::MAX, 1 << 63, 0x8000_0001_0000_0010] {
            let mut left: u64 = bits;
            assert_eq!(behind(bits, 0), 0);
            for number in 1..=bits.count_ones() as usize {
                assert_eq!(behind(bits, number), left.trailing_zeros() as usize + 1);
                left &= left - 1;
            }
        }
    }
}
