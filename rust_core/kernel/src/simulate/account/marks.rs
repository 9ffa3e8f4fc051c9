//! Funding, marks and the value of the book: all names at once, a sum in lanes by the number of the name.

use super::Account;
use crate::lanes::{LANES, Lane, bits_where, dispatch, fold_whole, zip};
use crate::ledger::Ledger;
use crate::simulate::names::NameSet;

impl Account<'_> {
    /// Funding of the bar on the units held. It comes before the exits inside the bar: a position that
    /// leaves there is charged, and its round trip must know.
    pub(in crate::simulate) fn settle(&mut self, close: &[f64], rate_frac: &[f64]) {
        let Self { ledger, held, positions, flow_usdt, trip_flow_usdt, wants, .. } = self;
        held.each(|i| {
            let rate = rate_frac[i];
            if rate == 0.0 || rate.is_nan() {
                return;
            }
            let mark = if close[i].is_nan() { ledger.mark[i] } else { close[i] };
            let before = ledger.cash_usdt;
            ledger.settle_funding(i, mark, rate);
            let received = ledger.cash_usdt - before;
            trip_flow_usdt[i] += received;
            if wants.positions {
                positions[i].funding_usdt_cum += received;
            }
            if wants.extras {
                flow_usdt[i] += received;
            }
        });
    }

    /// Take over the closes and value the book; whether a close is absent.
    pub(in crate::simulate) fn mark(&mut self, close: &[f64]) -> bool {
        let ledger = &mut self.ledger;
        let (absent, value) = dispatch(
            #[inline(always)]
            || {
                let absent = take_closes(&mut ledger.mark, close);
                (absent, value_of(&ledger.units, &ledger.mark))
            },
        );
        (self.value_usdt, self.gross_usdt) = value;
        self.peak_usdt = self.peak_usdt.max(self.equity_usdt());
        absent
    }

    /// Value and gross at the marks: sums over eight fixed lanes, a name's lane being its number's.
    pub(in crate::simulate) fn revalue(&mut self) {
        let ledger = &self.ledger;
        let value = dispatch(
            #[inline(always)]
            || value_of(&ledger.units, &ledger.mark),
        );
        (self.value_usdt, self.gross_usdt) = value;
    }

    /// The same after fills that may have opened and closed positions.
    pub(super) fn revalue_all(&mut self) {
        let (ledger, held) = (&self.ledger, &mut self.held);
        let value = dispatch(
            #[inline(always)]
            || {
                write_held(&ledger.units, held);
                value_of(&ledger.units, &ledger.mark)
            },
        );
        (self.value_usdt, self.gross_usdt) = value;
    }
}

/// An absent price leaves the last mark standing; whether there is one.
#[inline(always)]
fn take_closes(mark: &mut [f64], close: &[f64]) -> bool {
    let mark = &mut mark[..close.len()];
    let odd = |absent, price: &f64| absent | u64::from(price.is_nan()).wrapping_neg();
    let absent = close.iter().fold(0, odd) != 0;
    if !absent {
        mark.copy_from_slice(close);
        return false;
    }
    for (mark, price) in mark.iter_mut().zip(close) {
        let (last, here) = (*mark, *price);
        *mark = if here.is_nan() { last } else { here };
    }
    true
}

/// What eight names are worth at their marks. A name that is not held may have no mark yet, and NaN·0 is
/// NaN; no price is below 0.
#[inline(always)]
fn worth_of(units: &Lane, mark: &Lane) -> Lane {
    zip(*units, *mark, |units, mark| units * if mark > 0.0 { mark } else { 0.0 })
}

/// Value of the units at their marks, and the sum of their sizes. Both are put down whole, or the compiler would
/// pair one with the other, number by number.
#[inline(always)]
pub(super) fn value_of(units: &[f64], mark: &[f64]) -> (f64, f64) {
    let (units, marks) = (units.as_chunks::<LANES>().0, mark.as_chunks::<LANES>().0);
    let (mut value, mut gross) = ([0.0; LANES], [0.0; LANES]);
    for (units, mark) in units.iter().zip(marks) {
        let worth = worth_of(units, mark);
        value = zip(value, worth, |sum, worth| sum + worth);
        gross = zip(gross, worth, |sum, worth| sum + worth.abs());
    }
    (fold_whole(value), fold_whole(gross))
}

/// Shares of so much that every name is worth at its mark.
#[inline(always)]
pub(in crate::simulate) fn shares_into(out: &mut [f64], ledger: &Ledger, share: f64) {
    let (units, marks) = (ledger.units.as_chunks::<LANES>().0, ledger.mark.as_chunks::<LANES>().0);
    for ((out, units), mark) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(units).zip(marks) {
        *out = zip(worth_of(units, mark), [share; LANES], |worth, share| worth * share);
    }
}

/// Names of which units are held.
#[inline(always)]
pub(super) fn write_held(units: &[f64], held: &mut NameSet) {
    for (word, units) in held.words_mut().iter_mut().zip(units.chunks(64)) {
        *word = bits_where(
            units,
            #[inline(always)]
            |units| units != 0.0,
        );
    }
}
