//! Which names stand on each leg, and why the others do not.
//!
//! Kept names take slots first; the rest are filled by walking down the ranks. A rule that bars a
//! name leaves its slot to the next one. See docs/explanation/decision.md §4.

use crate::book::Side;
use crate::decide::Scene;
use crate::lanes::List;
use crate::momentum::Cross;
use crate::params::Params;
use crate::reason::Reason;
use crate::universe::Roll;

mod entry;
mod ladder;
mod quick;
pub(crate) use quick::{keeps, tell};

use entry::Gate;
pub(crate) use ladder::Ladder;

/// A score nearer to 0 than this is 0 but for rounding, and has no sign.
pub(crate) const SIGN_MIN: f64 = 1e-12;

/// Names a side for `n` eligible ones: a share of them, scaled by dispersion, never more than half.
pub fn names_a_side(n: usize, dispersion_ratio: f64, params: &Params) -> usize {
    let (least, most) = (f64::from(params.k_min), f64::from(params.k_max));
    // Truncation rounds half up, once 0.5 is added to a value that is not negative.
    let whole = |k: f64| ((k + 0.5) as usize as f64).clamp(least, most);
    let mut k = whole(params.k_frac * n as f64);
    if params.k_dispersion_bars > 0 && !dispersion_ratio.is_nan() {
        k = whole(k * dispersion_ratio.clamp(0.5, 1.5));
    }
    (k as usize).min(n / 2)
}

/// What the selection of one decision works on.
pub(crate) struct Field<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) roll: &'a Roll,
    pub(crate) cross: &'a Cross,
    /// Names that keep their current weight.
    pub(crate) frozen: &'a [u32],
    /// Names a side.
    pub(crate) k: usize,
    /// Time series are mixed in: signs are asked for, and z need not fall with rank.
    pub(crate) mixing: bool,
    /// Weight by whose sign a name counts as held on a side.
    pub(crate) held_weight: &'a [f64],
    /// Is there a weight in any tranche that is not renewed?
    pub(crate) in_other_tranche: &'a dyn Fn(usize) -> bool,
    pub(crate) awaiting: &'a [[bool; 2]],
    pub(crate) any_awaiting: bool,
    /// The reasons of chosen names may be left untold: nobody else has one.
    pub(crate) untold: bool,
}

impl Field<'_> {
    fn signed(&self) -> bool {
        self.scene.params.market_neutral || self.mixing
    }

    fn half(&self) -> usize {
        self.roll.eligible / 2
    }

    /// Does the name's score stand on this side?
    #[inline(always)]
    fn sign_right(&self, i: usize, side: Side) -> bool {
        !self.signed() || side.sign() * self.cross.key()[i] > SIGN_MIN
    }

    /// Are sign and z of the first names of a side good enough? If the last one's are, all are: it has
    /// the least key, and the least z where names rank by it.
    #[inline(always)]
    fn all_enter(&self, first: &[u32], side: Side) -> bool {
        let entry = self.scene.params.entry_zscore_min;
        let Some(last) = first.last() else { return true };
        let z_falls = self.cross.ranks_by_z();
        let enters = |name: &u32| self.z(*name as usize, side) >= entry;
        self.sign_right(*last as usize, side)
            && if z_falls { enters(last) } else { first.iter().all(enters) }
    }

    #[inline(always)]
    fn z(&self, i: usize, side: Side) -> f64 {
        side.sign() * self.cross.z[i]
    }

    #[inline(always)]
    fn held(&self, i: usize, side: Side) -> bool {
        side.sign() * self.held_weight[i] > 0.0
    }
}

/// How a place in the ranking came to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    Taken,
}

/// Ranks of both sides.
pub(crate) type Ladders = [Ladder; 2];

/// Ladders over `names` names.
pub(crate) fn new_ladders(names: usize) -> Ladders {
    Side::BOTH.map(|side| Ladder::new(side.sign(), names))
}

/// Selected names: the longs first, the shorts behind them, each best rank first.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) names: List,
    pub(crate) longs: usize,
}

impl Chosen {
    /// The names that come now stand on this side: longs have come before.
    #[inline(always)]
    fn begin(&mut self, side: Side) {
        match side {
            Side::Long => self.names.clear(),
            Side::Short => self.longs = self.names.len(),
        }
    }
}

/// Selection of both sides; names by rank.
#[derive(Debug, Clone)]
pub(crate) struct Picks {
    slots: [Vec<Slot>; 2],
    /// Selected names.
    pub(crate) chosen: Chosen,
    /// How many were `[selected, kept]`, where their reasons were not written.
    pub(crate) untold: Option<[usize; 2]>,
    /// Nobody else has a reason either.
    pub(crate) silent: bool,
    /// Places that the last walk came past.
    depth: usize,
    /// Tests switch the short cut off to compare it with the long way.
    pub(crate) shortcut: bool,
}

impl Picks {
    pub(crate) fn new(names: usize) -> Self {
        Self {
            slots: Side::BOTH.map(|_| vec![Slot::Free; names / 2]),
            chosen: Chosen { names: List::with_room(names), longs: 0 },
            untold: None,
            silent: false,
            depth: 0,
            shortcut: true,
        }
    }

    /// Fill both legs; every name that the walk comes past gets its reason.
    #[inline(always)]
    pub(crate) fn choose(
        &mut self,
        field: &Field<'_>,
        ladders: &mut Ladders,
        reason: &mut [Reason],
    ) {
        // As deep as the last walk went: that decides the speed alone.
        let want = self.depth.min(field.half()).max(field.k);
        Ladder::climb_both(ladders, field.cross.key(), want);
        self.depth = 0;
        let gate = Gate::new(field);
        if !(self.shortcut && self.choose_quickly(field, &gate, ladders, reason)) {
            self.walk_down(field, &gate, ladders, reason);
        }
    }

    #[inline(never)]
    fn walk_down(
        &mut self,
        field: &Field<'_>,
        gate: &Gate<'_>,
        ladders: &mut Ladders,
        reason: &mut [Reason],
    ) {
        let mut free = [0; 2];
        for side in Side::BOTH {
            let s = side as usize;
            free[s] = self.keep(field, &mut ladders[s], side, reason);
        }
        let kept = 2 * field.k - free[0] - free[1];
        let mut tally = Tally { entered: 0, open: self.count_open(field, ladders, kept) };
        let mut place = [0; 2];
        let mut moved = true;
        while moved {
            moved = false;
            for side in Side::BOTH {
                let s = side as usize;
                let (ladder, at) = (&mut ladders[s], &mut place[s]);
                if free[s] > 0 && self.enter(field, gate, ladder, side, at, &mut tally, reason) {
                    free[s] -= 1;
                    moved = true;
                }
            }
        }
        self.depth = place[0].max(place[1]);
        for side in Side::BOTH {
            let s = side as usize;
            self.chosen.begin(side);
            // More ranks than a half may be known; slots behind the half are another bar's.
            let ranked = ladders[s].known().iter().zip(&self.slots[s][..field.half()]);
            for (name, _) in ranked.filter(|(_, slot)| **slot == Slot::Taken) {
                self.chosen.names.push(*name);
            }
        }
    }

    /// Give slots to the names that stay; returns how many are left.
    fn keep(
        &mut self,
        field: &Field<'_>,
        ladder: &mut Ladder,
        side: Side,
        reason: &mut [Reason],
    ) -> usize {
        let params = field.scene.params;
        let (half, s) = (field.half(), side as usize);
        let reach = (field.k + params.rank_buffer as usize).min(half);
        ladder.climb(field.cross.key(), reach);
        self.slots[s][..half].fill(Slot::Free);
        let mut free = field.k;
        for place in 0..reach {
            let i = ladder.known()[place] as usize;
            let stays = field.held(i, side)
                && !field.awaiting[i][s]
                && field.sign_right(i, side)
                && field.z(i, side) >= params.hold_zscore_min
                && gate_half(field, i, side);
            if stays && free > 0 {
                self.slots[s][place] = Slot::Taken;
                reason[i] = Reason::Kept;
                free -= 1;
            }
        }
        free
    }

    /// Walk down from `place` to the next name that may enter, and let it.
    fn enter(
        &mut self,
        field: &Field<'_>,
        gate: &Gate<'_>,
        ladder: &mut Ladder,
        side: Side,
        place: &mut usize,
        tally: &mut Tally,
        reason: &mut [Reason],
    ) -> bool {
        let (half, s) = (field.half(), side as usize);
        while *place < half {
            if *place >= ladder.known().len() {
                ladder.climb(field.cross.key(), (*place + 1 + field.k).min(half));
            }
            let here = *place;
            *place += 1;
            let i = ladder.known()[here] as usize;
            if self.slots[s][here] == Slot::Taken || !gate_half(field, i, side) {
                continue;
            }
            let Some(bar) = refusal(field, gate, i, side, tally) else {
                self.slots[s][here] = Slot::Taken;
                reason[i] = Reason::Selected;
                tally.entered += 1;
                if field.scene.params.positions_max > 0 {
                    tally.open += usize::from(!(field.in_other_tranche)(i));
                }
                return true;
            };
            // Ties can bring a name past the walks of both sides: a slot on one says more, and so does
            // what its own side said.
            let spoken = matches!(reason[i], Reason::Selected | Reason::Kept)
                || (bar == Reason::WrongSign && reason[i] != Reason::NotSelected);
            if !spoken {
                reason[i] = bar;
            }
        }
        false
    }

    /// Positions that count before any entry: kept ones, stale ones, and those of other tranches.
    fn count_open(&self, field: &Field<'_>, ladders: &Ladders, kept: usize) -> usize {
        let params = field.scene.params;
        if params.positions_max == 0 {
            return 0;
        }
        let mut open = kept + field.frozen.len();
        if params.tranches > 1 {
            let others = (0..field.scene.facts.names()).filter(|i| (field.in_other_tranche)(*i));
            open += others
                .filter(|i| {
                    !field.frozen.contains(&(*i as u32)) && !self.is_kept(field, ladders, *i)
                })
                .count();
        }
        open
    }

    fn is_kept(&self, field: &Field<'_>, ladders: &Ladders, i: usize) -> bool {
        Side::BOTH.iter().any(|side| {
            let s = *side as usize;
            let known = ladders[s].known();
            let known = &known[..known.len().min(field.half())];
            let mut ranked = known.iter().zip(&self.slots[s]);
            ranked.any(|(name, slot)| *name as usize == i && *slot == Slot::Taken)
        })
    }
}

/// Lower the flag of every stopped name that is now seen outside the first `k` of its side.
#[inline(never)]
pub(crate) fn clear_reentry(awaiting: &mut [[bool; 2]], ladders: &Ladders, roll: &Roll, k: usize) {
    let first = |side: Side| &ladders[side as usize].known()[..k];
    if k > 64 {
        let outside = |i: usize, side: Side| !first(side).contains(&(i as u32));
        for (i, flags) in awaiting.iter_mut().enumerate().filter(|(i, _)| roll.has(*i)) {
            for side in Side::BOTH {
                flags[side as usize] &= !outside(i, side);
            }
        }
        return;
    }
    // The first ones' flags are put aside, a bit a place, while those of all who are seen come down.
    let mut aside = [0_u64; 2];
    for side in Side::BOTH {
        for (place, name) in first(side).iter().enumerate() {
            let flag = awaiting[*name as usize][side as usize];
            aside[side as usize] |= u64::from(flag) << place;
        }
    }
    if roll.eligible == awaiting.len() {
        awaiting.fill([false; 2]);
    } else {
        for (i, flags) in awaiting.iter_mut().enumerate() {
            *flags = flags.map(|flag| flag & !roll.has(i));
        }
    }
    for side in Side::BOTH {
        for (place, name) in first(side).iter().enumerate() {
            awaiting[*name as usize][side as usize] = aside[side as usize] >> place & 1 != 0;
        }
    }
}

/// What the limits on entries count.
struct Tally {
    entered: usize,
    open: usize,
}

/// The first rule that keeps the name from entering.
fn refusal(
    field: &Field<'_>,
    gate: &Gate<'_>,
    i: usize,
    side: Side,
    tally: &Tally,
) -> Option<Reason> {
    let params = field.scene.params;
    if !field.sign_right(i, side) {
        return Some(Reason::WrongSign);
    }
    // NaN cannot come here: an eligible name has a z.
    if field.z(i, side) < gate.threshold(i) {
        return Some(Reason::BelowEntry);
    }
    if let Some(bar) = gate.bar(i, side) {
        return Some(bar);
    }
    if params.entries_per_decision_max > 0
        && tally.entered >= params.entries_per_decision_max as usize
    {
        return Some(Reason::Throttle);
    }
    let full = params.positions_max > 0 && tally.open >= params.positions_max as usize;
    (full && !(field.in_other_tranche)(i)).then_some(Reason::PositionsMax)
}

/// Where no sign is asked for, ties at the middle could put a name into both halves: it belongs to
/// the upper one.
fn gate_half(field: &Field<'_>, i: usize, side: Side) -> bool {
    if side == Side::Long || field.signed() {
        return true;
    }
    let key = field.cross.key();
    let above = key.iter().filter(|other| **other > key[i]).count();
    let tied_before = key[..i].iter().filter(|other| **other == key[i]).count();
    above + tied_before >= field.half()
}

#[cfg(test)]
mod tests;
