//! What a price inside a bar does: stop and ladder, as tick or as range (exits.md §2).

use super::exit::{Exit, ExitReason, Exits, Marks};
use super::{BarRange, Presence, bar_close_ms};
use crate::book::Position;
use crate::params::{LadderUnit, Params};

/// Most rungs of a ladder: the list of exits has a fixed size.
pub const RUNGS_MAX: usize = 8;

/// What one tick does to a position.
pub fn touch_tick(position: &Position, price: f64, at_ms: i64, params: &Params) -> Exits {
    let mut exits = Exits::new();
    exits.marks = walk_tick(position, price, at_ms, params, |exit| exits.push(exit));
    exits
}

/// What one bar does to a position, in the pessimistic order.
pub fn touch_bar(position: &Position, bar: &BarRange, params: &Params) -> Exits {
    let mut exits = Exits::new();
    exits.marks = walk_bar(position, bar, params, |exit| exits.push(exit));
    exits
}

/// Write into the position what its touches mean for the next ones: rungs taken, and that an exit of
/// the whole has been called.
pub fn mark_touched(position: &mut Position, exits: &Exits) {
    exits.marks.apply(position);
}

/// [`touch_tick`] without the list: each exit is told at once, and what it leaves comes back.
pub(super) fn walk_tick(
    position: &Position,
    price: f64,
    at_ms: i64,
    params: &Params,
    tell: impl FnMut(Exit),
) -> Marks {
    let mut walk = Walk::new(position, bar_close_ms(at_ms, params.bar_ms), params, tell);
    if !walk.stop(price, price) {
        walk.rungs(price, Some(price));
    }
    walk.marks
}

/// [`touch_bar`] without the list: each exit is told at once, and what it leaves comes back.
pub(super) fn walk_bar(
    position: &Position,
    bar: &BarRange,
    params: &Params,
    tell: impl FnMut(Exit),
) -> Marks {
    let mut walk = Walk::new(position, bar.close_ms, params, tell);
    let stop = position.stop_price;
    match bar.presence(position.opened_ms) {
        Presence::None => {}
        Presence::Whole => {
            if !walk.stop(bar.open, bar.open) {
                walk.rungs(bar.open, None);
                if !walk.stop(bar.worse(walk.d), stop) {
                    walk.rungs(bar.better(walk.d), None);
                }
            }
        }
        Presence::Rest => {
            if !walk.stop(bar.worse(walk.d), stop) {
                walk.rungs(bar.close, None);
            }
        }
    }
    walk.marks
}

/// Lots (without sign) that filled rungs still allow; `None` while no rung is taken.
pub fn rung_cap_lots(position: &Position, params: &Params) -> Option<i64> {
    if position.lots == 0 || position.rungs_hit == 0 {
        return None;
    }
    let taken: i64 = params
        .ladder
        .iter()
        .take(position.rungs_hit as usize)
        .map(|(_, share)| rung_lots(position, *share))
        .sum();
    Some((position.lots_initial.abs() - taken).max(0))
}

fn rung_level(position: &Position, d: f64, distance: f64, params: &Params) -> f64 {
    let entry = position.entry_price;
    let unit = match params.ladder_unit {
        LadderUnit::R => position.r_usdt,
        LadderUnit::PriceFrac => entry,
    };
    entry + d * distance * unit
}

fn rung_lots(position: &Position, share: f64) -> i64 {
    // The small term undoes the rounding of products such as 0.29 · 100.
    (share * position.lots_initial.abs() as f64 + 1e-9).floor() as i64
}

/// One position on its way through the prices of a bar.
struct Walk<'a, Tell> {
    position: &'a Position,
    params: &'a Params,
    tell: Tell,
    marks: Marks,
    /// Side, `+1` or `−1`; 0 when flat.
    d: f64,
    /// Lots still held, without sign; 0 when nothing may fire any more.
    left: i64,
    bar_close_ms: i64,
}

impl<'a, Tell: FnMut(Exit)> Walk<'a, Tell> {
    fn new(position: &'a Position, bar_close_ms: i64, params: &'a Params, tell: Tell) -> Self {
        let fired = position.closing.is_some_and(ExitReason::is_touch);
        Self {
            position,
            params,
            tell,
            marks: Marks { rungs_hit: position.rungs_hit, closing: position.closing },
            d: position.lots.signum() as f64,
            left: if fired { 0 } else { position.lots.abs() },
            bar_close_ms,
        }
    }

    /// Close everything at `fill` when `seen` touches the stop. True when nothing is left to happen.
    fn stop(&mut self, seen: f64, fill: f64) -> bool {
        let touched = self.d * seen <= self.d * self.position.stop_price;
        if touched && self.left > 0 {
            let reason = self.position.stop_by.unwrap_or(ExitReason::InitialStop);
            self.take(reason, 0, self.left, fill);
        }
        self.left == 0
    }

    /// Take every rung that `seen` reaches, each at `fill` or at its own level.
    fn rungs(&mut self, seen: f64, fill: Option<f64>) {
        if self.position.closing.is_some() || self.position.hold {
            return;
        }
        // The list of exits has room for so many; `Params::validate` lets no more in.
        let ladder = &self.params.ladder[..self.params.ladder.len().min(RUNGS_MAX)];
        while self.left > 0
            && let Some((distance, share)) = ladder.get(self.marks.rungs_hit as usize)
        {
            let level = rung_level(self.position, self.d, *distance, self.params);
            // A NaN level (no R) is never reached.
            let reached = self.d * seen >= self.d * level;
            if !reached {
                return;
            }
            self.marks.rungs_hit += 1;
            let lots = rung_lots(self.position, *share).min(self.left);
            if lots > 0 {
                let rung = self.marks.rungs_hit;
                self.take(ExitReason::TakeProfit, rung, lots, fill.unwrap_or(level));
            }
        }
    }

    fn take(&mut self, reason: ExitReason, rung: u32, lots: i64, price: f64) {
        self.left -= lots;
        if self.left == 0 {
            self.marks.closing = Some(reason);
        }
        let signed = -self.position.lots.signum() * lots;
        let bar_close_ms = self.bar_close_ms;
        (self.tell)(Exit { reason, rung, lots: signed, price, bar_close_ms });
    }
}
