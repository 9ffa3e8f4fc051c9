//! The positions of an account: what every bar reads of them lies in lanes, the rest by name.

use super::booking::Fold;
use super::{Account, Order};
use crate::lanes::dispatch;
use crate::params::Params;
use crate::simulate::names::NameSet;
use crate::stops::{Advance, BarRow, RoundTrip, advance_held, fold_into};

impl Account<'_> {
    /// Find the names whose bar may touch a stop or a rung; whether there is any.
    pub(in crate::simulate) fn find_touched(&mut self, bar: &BarRow<'_>, params: &Params) -> bool {
        let (levels, words) = (&self.levels, self.concerned.words_mut());
        dispatch(
            #[inline(always)]
            || levels.find_touched(bar.high, bar.low, params.ladder_unit, words),
        )
    }

    /// Touches of the names that were found, into `exits`. Their positions are written out until
    /// [`Self::put_touched`].
    pub(in crate::simulate) fn touch(&mut self, bar: &BarRow<'_>, params: &Params) {
        self.write_concerned();
        let Self { positions, concerned, exits, .. } = self;
        advance_held(positions, concerned.iter(), Advance::Range(bar), params, exits);
    }

    /// The exits of the bar are booked.
    pub(in crate::simulate) fn put_touched(&mut self, params: &Params) {
        let Self { positions, levels, concerned, .. } = self;
        concerned.each(|i| levels.put(i, &positions[i], params));
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
            self.write_concerned();
            let Self { positions, concerned, exits, .. } = self;
            advance_held(positions, concerned.iter(), Advance::Close(bar), params, exits);
            exits.clear();
            self.put_touched(params);
        }
    }

    fn write_concerned(&mut self) {
        let Self { positions, levels, concerned, lots, .. } = self;
        concerned.each(|i| {
            positions[i].lots = lots[i];
            levels.write(i, &mut positions[i]);
        });
    }

    /// Fold one order into the position of `before` lots; the round trip that it ends.
    pub(super) fn fold(
        &mut self,
        order: &Order,
        before: i64,
        price: f64,
        params: &Params,
        how: Fold,
    ) -> Option<RoundTrip> {
        let (i, position) = (order.symbol, &mut self.positions[order.symbol]);
        if how != Fold::Touched && before + order.lots == 0 && !self.keep_trips {
            // Nobody asks what it was.
            position.lots = 0;
            self.levels.clear(i);
            return None;
        }
        if how != Fold::Touched && before != 0 {
            position.lots = before;
            self.levels.write(i, position);
        }
        let ended = fold_into(position, order.lots, price, order.atr, order.at_ms, params);
        if how != Fold::Touched {
            self.levels.put(i, position, params);
        }
        ended.closed
    }

    /// Is an exit of the whole waiting for its fill?
    pub(super) fn waits_to_close(&self, held: &NameSet) -> bool {
        held.iter().any(|i| self.positions[i].closing.is_some())
    }
}
