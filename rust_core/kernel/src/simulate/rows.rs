//! The arrays of a `BookRow`, kept between bars so that a decision allocates nothing.

use super::account::{Account, shares_into};
use super::strategy::Contracts;
use crate::book::{Bar, Targets};
use crate::fill::Depth;
use crate::lanes::{Row, dispatch};
use crate::meta::Labels;
use crate::panel::Panel;
use crate::params::Params;
use crate::row::FeatureRow;
use crate::stops::BarRow;
use crate::universe::padded;

/// A cap of whole lots that has been through divisions must still give those lots back.
pub(crate) const CAP_HAIR: f64 = 1.0 + 1e-12;

#[derive(Debug)]
pub(super) struct Rows {
    /// Padded to whole lanes.
    pub(super) weight_now_frac: Row,
    pub(super) stale_bars: Vec<u32>,
    pub(super) hold: Vec<bool>,
    pub(super) barred_until_ms: Vec<[i64; 2]>,
    pub(super) barred_by: Vec<[Bar; 2]>,
    pub(super) rung_cap_frac: Vec<f64>,
    pub(super) meta_scale: Vec<[f64; 2]>,
    pub(super) order_usdt_min: Vec<f64>,
    /// The meta-labeller, where it is on.
    pub(super) labels: Option<Labels>,
    has_contracts: bool,
    any_stale: bool,
    /// Every name was barred by the streak of the book.
    book_barred: bool,
}

impl Rows {
    pub(super) fn new(cols: usize, has_contracts: bool, params: &Params) -> Self {
        Self {
            weight_now_frac: Row::new(padded(cols), 0.0),
            stale_bars: vec![0; cols],
            hold: vec![false; cols],
            barred_until_ms: vec![[0; 2]; cols],
            barred_by: vec![[Bar::None; 2]; cols],
            rung_cap_frac: vec![f64::INFINITY; cols],
            meta_scale: vec![[1.0; 2]; cols],
            order_usdt_min: vec![0.0; cols],
            labels: Labels::where_enabled(cols, params),
            has_contracts,
            any_stale: false,
            book_barred: false,
        }
    }

    /// Labels that are due at this close, and the multipliers of a decision.
    pub(super) fn label(&mut self, row: &FeatureRow<'_>, rebalance: bool, params: &Params) {
        let Some(labels) = &mut self.labels else { return };
        labels.observe(row, params);
        if rebalance {
            labels.estimate(row, params, &mut self.meta_scale);
        }
    }

    /// Entries of the decision that was taken on them.
    pub(super) fn enter(&mut self, row: &FeatureRow<'_>, targets: &Targets, params: &Params) {
        if let Some(labels) = &mut self.labels {
            labels.enter(row, targets, params);
        }
    }

    /// Count bars without data; `absent`: this bar lacks some close.
    pub(super) fn count_stale(&mut self, close: &[f64], absent: bool) {
        if !std::mem::replace(&mut self.any_stale, absent) && !absent {
            return;
        }
        for (stale, price) in self.stale_bars.iter_mut().zip(close) {
            *stale = if price.is_nan() { stale.saturating_add(1) } else { 0 };
        }
    }

    pub(super) fn load(
        &mut self,
        account: &mut Account<'_>,
        close_ms: i64,
        sizing_usdt: f64,
        contracts: &Contracts,
        close: &[f64],
        params: &Params,
    ) {
        let share = 1.0 / sizing_usdt;
        let ledger = &account.ledger;
        dispatch(
            #[inline(always)]
            || shares_into(&mut self.weight_now_frac, ledger, share),
        );
        if !params.ladder.is_empty() {
            let caps = account.levels.cap_lots();
            let lots = caps.iter().zip(&contracts.qty_step).zip(&*ledger.mark);
            let caps_frac = self.rung_cap_frac.iter_mut().zip(lots);
            dispatch(
                #[inline(always)]
                || {
                    for (cap_frac, ((lots, lot), mark)) in caps_frac {
                        let cap = lots * lot * mark * share * CAP_HAIR;
                        // A name without a cap may have no mark yet.
                        *cap_frac = if *lots < f64::INFINITY { cap } else { f64::INFINITY };
                    }
                },
            );
        }
        self.load_barred(account, close_ms);
        if self.has_contracts {
            for (i, least) in self.order_usdt_min.iter_mut().enumerate() {
                let lot = contracts.qty_step[i] * close[i];
                *least = contracts.notional_usdt_min[i].max(lot);
            }
        }
    }

    /// Who is barred at this close. Only names that were barred are looked at, and one whose time is
    /// over is forgotten; a streak of the book concerns all.
    fn load_barred(&mut self, account: &mut Account<'_>, close_ms: i64) {
        let records = &account.records;
        let book = records.book_until_ms > close_ms;
        if std::mem::replace(&mut self.book_barred, book) || book {
            records.write_barred(close_ms, &mut self.barred_until_ms, &mut self.barred_by);
            return;
        }
        let (until_ms, by) = (&mut self.barred_until_ms, &mut self.barred_by);
        // The last of several bars is the one that was written: until it ends, nothing else does.
        let is_over = |until_ms: i64| (1..=close_ms).contains(&until_ms);
        let news = &mut account.news;
        account.barred.each(|i| {
            let [long, short] = until_ms[i];
            news.add_where(i, is_over(long) | is_over(short));
        });
        let barred = &mut account.barred;
        news.each(|i| {
            (until_ms[i], by[i]) = records.barred(i, close_ms);
            barred.put(i, until_ms[i] != [0; 2]);
        });
        news.clear();
    }
}

/// The bar as the stops read it.
pub(crate) fn bar_row<'a>(
    panel: &Panel<'a>,
    t: usize,
    close_ms: i64,
    row: &FeatureRow<'a>,
) -> BarRow<'a> {
    BarRow {
        close_ms,
        open: panel.row(panel.open, t),
        high: panel.row(panel.high, t),
        low: panel.row(panel.low, t),
        close: panel.row(panel.close, t),
        atr: row.atr,
        trail_ma: row.trail_ma,
        slope_bps_day: row.slope_bps_day,
    }
}

/// Depth of one name from its features: volatility and average volume of a day.
pub(super) fn depth_of(row: &FeatureRow<'_>, symbol: usize, root_bars_day: f64) -> Depth {
    let adv_usdt = row.adv_usdt.get(symbol).copied().unwrap_or(f64::NAN);
    Depth { sigma_day_frac: row.sigma(symbol) * root_bars_day, adv_usdt }
}
