//! A small market of two names, whose moments are easy to write.

use xsmom_kernel::guards::{Guards, Moment, Verdict};
use xsmom_kernel::params::Params;

pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// Everything off, so that a test switches on what it is about.
pub(crate) fn off() -> Params {
    Params { daily_loss_max_frac: 0.0, ..Params::default() }
}

/// One moment, owned.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) at_ms: i64,
    pub(crate) unit_value: f64,
    pub(crate) equity_usdt: f64,
    pub(crate) symbol_result_usdt: Vec<f64>,
    pub(crate) trade_result_usdt: Vec<f64>,
    pub(crate) exposure_frac: Vec<f64>,
    pub(crate) ret_window: Vec<f64>,
}

impl Now {
    pub(crate) fn new(at_ms: i64, unit_value: f64) -> Self {
        Self {
            at_ms,
            unit_value,
            equity_usdt: 1_000.0,
            symbol_result_usdt: vec![0.0; 2],
            trade_result_usdt: vec![0.0; 2],
            exposure_frac: vec![0.0; 2],
            ret_window: vec![0.0; 2 * 100],
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn seen_by(&self, guards: &mut Guards, params: &Params) -> Verdict {
        let moment = Moment {
            at_ms: self.at_ms,
            unit_value: self.unit_value,
            equity_usdt: self.equity_usdt,
            symbol_result_usdt: &self.symbol_result_usdt,
            trade_result_usdt: &self.trade_result_usdt,
            exposure_frac: &self.exposure_frac,
            ret_window: &self.ret_window,
            ret_rows: self.ret_window.len() / 2,
        };
        guards.evaluate(&moment, params, &mut Vec::new())
    }
}
