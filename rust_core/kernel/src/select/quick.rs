//! The short cuts of selection: where nothing but ranks and the past of single names decides. They give
//! what the long way gives, without looking further; a test switches them off to compare.

use super::entry::Gate;
use super::{Field, Ladders, Picks};
use crate::book::Side;
use crate::reason::Reason;

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
    /// both.
    #[inline(never)]
    fn pass_barred(
        &mut self,
        field: &Field<'_>,
        gate: &Gate<'_>,
        ladders: &Ladders,
        reason: &mut [Reason],
    ) -> bool {
        let mut ends = [0; 2];
        for side in Side::BOTH {
            let ranked = ladders[side as usize].known();
            let Some(end) = find_end(field, gate, ranked, side) else { return false };
            if !field.all_enter(&ranked[..end.max(field.k)], side) {
                return false;
            }
            ends[side as usize] = end;
        }
        for side in Side::BOTH {
            let (ranked, end) = (ladders[side as usize].known(), ends[side as usize]);
            self.chosen.begin(side);
            for (place, name) in ranked[..end.max(field.k)].iter().enumerate() {
                let i = *name as usize;
                if stays(field, place, i, side) {
                    reason[i] = Reason::Kept;
                    self.chosen.names.push(*name);
                } else if place < end {
                    let bar = gate.bar(i, side);
                    reason[i] = bar.unwrap_or(Reason::Selected);
                    if bar.is_none() {
                        self.chosen.names.push(*name);
                    }
                }
            }
        }
        self.depth = ends[0].max(ends[1]);
        true
    }
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

/// A name that is held keeps its slot among the first, unless it was stopped.
#[inline(always)]
fn stays(field: &Field<'_>, place: usize, i: usize, side: Side) -> bool {
    place < field.k && field.held(i, side) && !field.awaiting[i][side as usize]
}

/// How far down the ranks entries go; `None` where those that are known do not fill the slots.
#[inline(always)]
fn find_end(field: &Field<'_>, gate: &Gate<'_>, ranked: &[u32], side: Side) -> Option<usize> {
    let first = ranked[..field.k].iter().enumerate();
    let kept = first.filter(|(place, name)| stays(field, *place, **name as usize, side)).count();
    let mut free = field.k - kept;
    let mut place = 0;
    let most = ranked.len().min(field.half());
    while free > 0 {
        if place == most {
            return None;
        }
        let i = ranked[place] as usize;
        let enters = !stays(field, place, i, side)
            && gate.unbarred(i, side)
            && !field.awaiting[i][side as usize];
        free -= usize::from(enters);
        place += 1;
    }
    Some(place)
}
