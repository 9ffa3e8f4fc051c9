//! The arrays of a `BookRow`, kept between bars so that a decision allocates nothing.

use super::account::Account;
use super::strategy::Contracts;
use crate::book::Bar;
use crate::params::Params;
use crate::stops::rung_cap_lots;

/// A cap of whole lots that has been through divisions must still give those lots back.
const CAP_HAIR: f64 = 1.0 + 1e-12;

pub(super) struct Rows {
    pub(super) weight_now_frac: Vec<f64>,
    pub(super) stale_bars: Vec<u32>,
    pub(super) hold: Vec<bool>,
    pub(super) barred_until_ms: Vec<[i64; 2]>,
    pub(super) barred_by: Vec<[Bar; 2]>,
    pub(super) rung_cap_frac: Vec<f64>,
    pub(super) meta_scale: Vec<[f64; 2]>,
    pub(super) order_usdt_min: Vec<f64>,
    has_contracts: bool,
}

impl Rows {
    pub(super) fn new(cols: usize, has_contracts: bool) -> Self {
        Self {
            weight_now_frac: vec![0.0; cols],
            stale_bars: vec![0; cols],
            hold: vec![false; cols],
            barred_until_ms: vec![[0; 2]; cols],
            barred_by: vec![[Bar::None; 2]; cols],
            rung_cap_frac: vec![f64::INFINITY; cols],
            meta_scale: vec![[1.0; 2]; cols],
            order_usdt_min: vec![0.0; cols],
            has_contracts,
        }
    }

    pub(super) fn count_stale(&mut self, close: &[f64]) {
        for (stale, price) in self.stale_bars.iter_mut().zip(close) {
            *stale = if price.is_nan() { stale.saturating_add(1) } else { 0 };
        }
    }

    pub(super) fn load(
        &mut self,
        account: &Account<'_>,
        close_ms: i64,
        sizing_usdt: f64,
        contracts: &Contracts,
        close: &[f64],
        params: &Params,
    ) {
        let share = 1.0 / sizing_usdt;
        let ladder = !params.ladder.is_empty();
        for (i, position) in account.positions.iter().enumerate() {
            let held = position.lots != 0;
            let mark = account.ledger.mark[i];
            self.weight_now_frac[i] =
                if held { account.ledger.units[i] * mark * share } else { 0.0 };
            if ladder {
                let lots = rung_cap_lots(position, params);
                self.rung_cap_frac[i] = lots.map_or(f64::INFINITY, |lots| {
                    lots as f64 * contracts.qty_step[i] * mark * share * CAP_HAIR
                });
            }
        }
        if account.any_barred {
            let records = &account.records;
            records.write_barred(close_ms, &mut self.barred_until_ms, &mut self.barred_by);
        }
        if self.has_contracts {
            for (i, least) in self.order_usdt_min.iter_mut().enumerate() {
                let lot = contracts.qty_step[i] * close[i];
                *least = contracts.notional_usdt_min[i].max(lot);
            }
        }
    }
}
