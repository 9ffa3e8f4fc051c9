//! The account: cash, units, marks, and where every dollar of cost went.
//!
//! Linear perpetuals are booked in cash form: buying q at price p takes q·p from cash, and
//! `equity = cash + Σ units·mark`. That equals wallet plus unrealised result, without an entry price.
//! Funding at a settlement is `cash −= units·mark·rate`, so a long pays a positive rate.
//!
//! Identity (held by a property test at every step):
//! `equity = deposits + price result − fees − spread − impact + funding`.

use crate::error::{KernelError, Result};
use crate::fill::Execution;
use crate::lanes::{LANES, Row, fold};

/// Signed value and gross of units at their marks: sums over eight fixed lanes, a name's lane being its
/// number's. A name without units may have no mark yet.
pub fn book_value(units: &[f64], mark: &[f64]) -> Result<(f64, f64)> {
    if units.len() != mark.len() {
        let (found, expected) = (format!("{} marks", mark.len()), format!("{}", units.len()));
        return Err(KernelError::Shape { field: "mark", found, expected });
    }
    let (mut value, mut gross) = ([0.0; LANES], [0.0; LANES]);
    for (i, (units, mark)) in units.iter().zip(mark).enumerate().filter(|(_, (u, _))| **u != 0.0) {
        let worth = units * mark;
        value[i % LANES] += worth;
        gross[i % LANES] += worth.abs();
    }
    Ok((fold(value), fold(gross)))
}

/// Cumulative costs of a book, USDT; each is what the book has lost to it (funding may be negative).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CostTotals {
    /// Fees.
    pub fee_usdt: f64,
    /// Half-spread.
    pub spread_usdt: f64,
    /// Market impact.
    pub impact_usdt: f64,
    /// Funding paid less funding received.
    pub funding_usdt: f64,
    /// Traded notional at reference prices.
    pub traded_usdt: f64,
}

/// What one execution pays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Payment {
    /// Paid less received, fees included.
    pub paid_usdt: f64,
    /// Part of it that is fees.
    pub fee_usdt: f64,
    /// Part of it that is spread.
    pub spread_usdt: f64,
    /// Part of it that is impact.
    pub impact_usdt: f64,
    /// Traded notional at reference prices.
    pub traded_usdt: f64,
}

/// Cash, units and marks of every symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Cash, USDT.
    pub cash_usdt: f64,
    /// Signed units held.
    pub units: Row,
    /// Last known price of each symbol; NaN before the first.
    pub mark: Row,
    /// Where the costs went.
    pub costs: CostTotals,
    /// Number of executions.
    pub fills: u64,
}

impl Ledger {
    /// An account without positions.
    pub fn new(symbols: usize, cash_usdt: f64) -> Self {
        Self {
            cash_usdt,
            units: Row::new(symbols, 0.0),
            mark: Row::new(symbols, f64::NAN),
            costs: CostTotals::default(),
            fills: 0,
        }
    }

    /// Book an execution of signed units; a fill is the only way that units change.
    #[inline(always)]
    pub fn apply_fill(
        &mut self,
        symbol: usize,
        units: f64,
        reference_price: f64,
        done: &Execution,
    ) {
        self.pay(&Payment {
            paid_usdt: units * done.price + done.fee_usdt,
            fee_usdt: done.fee_usdt,
            spread_usdt: done.spread_usdt,
            impact_usdt: done.impact_usdt,
            traded_usdt: units.abs() * reference_price,
        });
        self.units[symbol] += units;
    }

    /// Take what an execution pays out of cash. Whoever calls it moves the units.
    #[inline(always)]
    pub fn pay(&mut self, payment: &Payment) {
        self.cash_usdt -= payment.paid_usdt;
        self.costs.fee_usdt += payment.fee_usdt;
        self.costs.spread_usdt += payment.spread_usdt;
        self.costs.impact_usdt += payment.impact_usdt;
        self.costs.traded_usdt += payment.traded_usdt;
        self.fills += 1;
    }

    /// Settle funding on the units held. The caller does it before any fill at or after the instant.
    #[inline(always)]
    pub fn settle_funding(&mut self, symbol: usize, mark: f64, rate_frac: f64) {
        let paid = self.units[symbol] * mark * rate_frac;
        self.cash_usdt -= paid;
        self.costs.funding_usdt += paid;
    }

    /// Take over the prices that are known; an absent one leaves the last mark standing.
    #[inline(always)]
    pub fn mark_to(&mut self, prices: &[f64]) {
        for (mark, price) in self.mark.iter_mut().zip(prices) {
            if !price.is_nan() {
                *mark = *price;
            }
        }
    }

    /// Cash plus the value of every position at its mark.
    pub fn equity_usdt(&self) -> f64 {
        let mut lanes = [0.0; crate::lanes::LANES];
        for (i, (units, mark)) in self.units.iter().zip(&*self.mark).enumerate() {
            // A symbol without a position may have no mark yet, and NaN·0 is NaN.
            let value = if *units == 0.0 { 0.0 } else { units * mark };
            lanes[i % crate::lanes::LANES] += value;
        }
        self.cash_usdt + lanes.iter().sum::<f64>()
    }

    /// Sum of the absolute values of all positions at their marks.
    pub fn gross_usdt(&self) -> f64 {
        self.units
            .iter()
            .zip(&*self.mark)
            .filter(|(units, _)| **units != 0.0)
            .map(|(units, mark)| (units * mark).abs())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::{Costs, Depth, fill};
    use proptest::prelude::*;

    const DEPTH: Depth = Depth { sigma_day_frac: 0.05, adv_usdt: 1e7 };

    proptest! {
        #[test]
        fn equity_is_price_result_less_every_cost(
            steps in proptest::collection::vec((0..3usize, -50.0..50.0f64, 0.9..1.1f64, -0.001..0.001f64), 1..60),
            fee in 0.0..0.01f64, spread in 0.0..0.01f64, y in 0.0..2.0f64,
        ) {
            let costs = Costs { taker_fee_frac: fee, half_spread_frac: spread, impact_y: y, ..Costs::FREE };
            let mut ledger = Ledger::new(3, 10_000.0);
            let mut price = [100.0, 5.0, 0.2];
            let mut result = 0.0;
            ledger.mark_to(&price);
            for (i, units, step, rate) in steps {
                let done = fill(units, price[i], &costs, DEPTH);
                ledger.apply_fill(i, units, price[i], &done);
                ledger.settle_funding(i, price[i], rate);
                let next = price[i] * step;
                result += ledger.units[i] * (next - price[i]);
                price[i] = next;
                ledger.mark_to(&price);
                let paid = ledger.costs.fee_usdt + ledger.costs.spread_usdt
                    + ledger.costs.impact_usdt + ledger.costs.funding_usdt;
                let expected = 10_000.0 + result - paid;
                prop_assert!((ledger.equity_usdt() - expected).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_long_pays_positive_funding_and_a_short_receives_it() {
        let mut ledger = Ledger::new(2, 0.0);
        ledger.units = Row::from(&[2.0, -2.0][..]);
        ledger.settle_funding(0, 100.0, 0.0001);
        assert!((ledger.cash_usdt + 0.02).abs() < 1e-15);
        ledger.settle_funding(1, 100.0, 0.0001);
        assert!(ledger.cash_usdt.abs() < 1e-15);
    }

    #[test]
    fn an_absent_price_keeps_the_last_mark() {
        let mut ledger = Ledger::new(2, 100.0);
        ledger.mark_to(&[10.0, f64::NAN]);
        ledger.units[0] = 3.0;
        ledger.mark_to(&[f64::NAN, f64::NAN]);
        assert_eq!(ledger.equity_usdt(), 130.0);
    }
}
