//! The rules that bar an entry, in the order in which they are asked.

use super::Field;
use crate::book::{Bar, GuardAction, Side};
use crate::overlay;
use crate::params::Params;
use crate::reason::Reason;

const HOUR_MS: i64 = 3_600_000;

/// The entry rules of one decision: those that hold for a whole side are asked once.
pub(super) struct Gate<'a> {
    field: &'a Field<'a>,
    /// Bars both sides, before any rule of a single name.
    book_wide: Option<Reason>,
    /// Bars one side, after the rules of the name's own past.
    side_wide: [Option<Reason>; 2],
}

impl<'a> Gate<'a> {
    #[inline(always)]
    pub(super) fn new(field: &'a Field<'a>) -> Self {
        Self {
            field,
            book_wide: book_wide(field),
            side_wide: overlay::side_wide(field.scene, field.roll),
        }
    }

    /// Does nothing but rank, sign, one threshold and the name's own bar decide?
    #[inline(always)]
    pub(super) fn open_by_rank(&self) -> bool {
        let p = self.field.scene.params;
        let no_rule = self.book_wide.is_none()
            && self.side_wide == [None, None]
            && !(p.regime_enabled || p.adx_enabled || p.breakout_enabled);
        let one_threshold = p.hold_zscore_min == p.entry_zscore_min && !p.atr_regime_enabled;
        let no_limit =
            p.rank_buffer == 0 && p.entries_per_decision_max == 0 && p.positions_max == 0;
        no_rule && one_threshold && no_limit && self.field.signed() && !self.field.mixing
    }

    /// Is any side of any name barred, or may it be?
    #[inline(always)]
    pub(super) fn any_barred(&self) -> bool {
        let scene = self.field.scene;
        let barred = || {
            let until_ms = scene.book.barred_until_ms.as_flattened();
            until_ms.iter().fold(0, |any, until_ms| any | until_ms) != 0
        };
        scene.row.close_ms < 0 || (!scene.book.quiet && barred())
    }

    fn unbarred(&self, i: usize, side: Side) -> bool {
        let scene = self.field.scene;
        scene.book.barred_until_ms[i][side as usize] <= scene.row.close_ms
    }

    /// Least z, counted to its side, with which the name may enter.
    pub(super) fn threshold(&self, i: usize) -> f64 {
        let scene = self.field.scene;
        let p = scene.params;
        if !p.atr_regime_enabled {
            return p.entry_zscore_min;
        }
        let atr_frac = scene.row.atr[i] / scene.row.close[i];
        // An unknown ATR passes neither comparison and moves nothing.
        let shift = if atr_frac < p.atr_regime_low_frac {
            p.atr_regime_low_shift
        } else if atr_frac > p.atr_regime_high_frac {
            p.atr_regime_high_shift
        } else {
            0.0
        };
        p.entry_zscore_min + shift
    }

    /// The first rule that bars the name on this side (limits on the number of entries apart).
    pub(super) fn bar(&self, i: usize, side: Side) -> Option<Reason> {
        self.book_wide
            .or_else(|| self.own_past(i, side))
            .or(self.side_wide[side as usize])
            .or_else(|| overlay::own_trend(self.field.scene, i, side))
    }

    fn own_past(&self, i: usize, side: Side) -> Option<Reason> {
        if !self.unbarred(i, side) {
            return Some(match self.field.scene.book.barred_by[i][side as usize] {
                Bar::None | Bar::Cooldown => Reason::Cooldown,
                Bar::Banned => Reason::Banned,
                Bar::Streak => Reason::StreakPause,
                Bar::SymbolLoss => Reason::SymbolPause,
            });
        }
        self.field.awaiting[i][side as usize].then_some(Reason::AwaitingReentry)
    }
}

#[inline(always)]
fn book_wide(field: &Field<'_>) -> Option<Reason> {
    let scene = field.scene;
    if scene.book.guard != GuardAction::None {
        Some(Reason::EntriesBlocked)
    } else if field.roll.eligible < scene.params.breadth_names_min as usize {
        Some(Reason::Breadth)
    } else if in_blackout(scene.row.close_ms, scene.params) {
        Some(Reason::Blackout)
    } else {
        None
    }
}

#[inline(always)]
fn in_blackout(close_ms: i64, params: &Params) -> bool {
    if params.blackout_hours.is_empty() {
        return false;
    }
    let hour = close_ms.div_euclid(HOUR_MS).rem_euclid(24);
    params.blackout_hours.iter().any(|blackout| i64::from(*blackout) == hour)
}
