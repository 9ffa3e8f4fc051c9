//! The positions of an account: what every bar reads of them lies in lanes, the rest by name.

use super::{Account, Order};
use crate::lanes::dispatch;
use crate::params::Params;
use crate::simulate::names::NameSet;
use crate::stops::{Advance, BarRow, Ended, advance_held, fold_into};

impl Account<'_> {
    /// Find the names whose bar may touch a stop or a rung; whether there is any.
    pub(in crate::simulate) fn find_touched(&mut self, bar: &BarRow<'_>, params: &Params) -> bool {
        let (levels, words) = (&self.levels, self.concerned.words_mut());
        dispatch(
            #[inline(always)]
            || levels.find_touched(bar.high, bar.low, params.ladder_unit, words),
        )
    }

    /// Touches of the names that were found, into `exits`.
    pub(in crate::simulate) fn touch(&mut self, bar: &BarRow<'_>, params: &Params) {
        self.advance(Advance::Range(bar), params);
    }

    /// Levels move; what is called to leave here waits for a fill.
    pub(in crate::simulate) fn close_levels(&mut self, bar: &BarRow<'_>, params: &Params) {
        let (levels, rules) = (&mut self.levels, &self.close_rules);
        let words = self.concerned.words_mut();
        let any = dispatch(
            #[inline(always)]
            || levels.close(bar, rules, words),
        );
        if any {
            self.advance(Advance::Close(bar), params);
            self.exits.clear();
        }
    }

    /// The state machine, one by one, over the names that are concerned.
    fn advance(&mut self, with: Advance<'_>, params: &Params) {
        let Self { positions, levels, concerned, lots, exits, .. } = self;
        concerned.each(|i| {
            positions[i].lots = lots[i];
            levels.write(i, &mut positions[i]);
        });
        advance_held(positions, concerned.iter(), with, params, exits);
        concerned.each(|i| levels.put(i, &positions[i], params));
    }

    /// Fold one order into the position of `before` lots.
    pub(super) fn fold(
        &mut self,
        order: &Order,
        before: i64,
        price: f64,
        params: &Params,
    ) -> Ended {
        let (i, position) = (order.symbol, &mut self.positions[order.symbol]);
        if before != 0 {
            position.lots = before;
            self.levels.write(i, position);
        }
        let ended = fold_into(position, order.lots, price, order.atr, order.at_ms, params);
        self.levels.put(i, position, params);
        ended
    }

    /// Is an exit of the whole waiting for its fill?
    pub(super) fn waits_to_close(&self, held: &NameSet) -> bool {
        held.iter().any(|i| self.positions[i].closing.is_some())
    }
}
