//! Funding, marks and the value of the book: all names at once, a sum in lanes by the number of the name.

use super::Account;
use crate::lanes::{bits_where, dispatch, sum, sum_abs};
use crate::simulate::names::NameSet;

impl Account<'_> {
    /// Funding of the bar on the units held. It comes before the exits inside the bar: a position that
    /// leaves there is charged, and its round trip must know.
    pub(in crate::simulate) fn settle(&mut self, close: &[f64], rate_frac: &[f64]) {
        // Most bars settle nothing.
        let due = dispatch(
            #[inline(always)]
            || any_rate(rate_frac),
        );
        if !due {
            return;
        }
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
        let (ledger, worth) = (&mut self.ledger, &mut self.worth_usdt);
        let (absent, value) = dispatch(
            #[inline(always)]
            || {
                let absent = take_closes(&mut ledger.mark, close);
                (absent, value_of(&ledger.units, &ledger.mark, worth))
            },
        );
        (self.value_usdt, self.gross_usdt) = value;
        self.peak_usdt = self.peak_usdt.max(self.equity_usdt());
        absent
    }

    /// Value and gross at the marks: sums over eight fixed lanes, a name's lane being its number's.
    pub(in crate::simulate) fn revalue(&mut self) {
        let (ledger, worth) = (&self.ledger, &mut self.worth_usdt);
        let value = dispatch(
            #[inline(always)]
            || value_of(&ledger.units, &ledger.mark, worth),
        );
        (self.value_usdt, self.gross_usdt) = value;
    }

    /// The same after fills that may have opened and closed positions.
    pub(super) fn revalue_all(&mut self) {
        let (ledger, worth, held) = (&self.ledger, &mut self.worth_usdt, &mut self.held);
        let value = dispatch(
            #[inline(always)]
            || {
                write_held(&ledger.units, held);
                value_of(&ledger.units, &ledger.mark, worth)
            },
        );
        (self.value_usdt, self.gross_usdt) = value;
    }
}

/// May any name pay or receive funding at this bar? By the bits but for the sign: an unknown rate
/// counts, and is asked again.
#[inline(always)]
fn any_rate(rate_frac: &[f64]) -> bool {
    rate_frac.iter().fold(0, |any, rate| any | rate.to_bits()) << 1 != 0
}

/// An absent price leaves the last mark standing; whether there is one.
#[inline(always)]
fn take_closes(mark: &mut [f64], close: &[f64]) -> bool {
    let mut absent = 0_u64;
    for (mark, price) in mark.iter_mut().zip(close) {
        let (last, here) = (*mark, *price);
        *mark = if here.is_nan() { last } else { here };
        absent |= u64::from(here.is_nan()).wrapping_neg();
    }
    absent != 0
}

/// Value of every name at its mark into `worth`; their sum, and that of their sizes.
#[inline(always)]
fn value_of(units: &[f64], mark: &[f64], worth: &mut [f64]) -> (f64, f64) {
    for ((worth, units), mark) in worth.iter_mut().zip(units).zip(mark) {
        // A name that is not held may have no mark yet, and NaN·0 is NaN.
        let full = units * mark;
        *worth = if *units == 0.0 { 0.0 } else { full };
    }
    (sum(worth), sum_abs(worth))
}

/// Names of which units are held.
#[inline(always)]
fn write_held(units: &[f64], held: &mut NameSet) {
    for (word, units) in held.words_mut().iter_mut().zip(units.chunks(64)) {
        *word = bits_where(
            units,
            #[inline(always)]
            |units| units != 0.0,
        );
    }
}
