//! One moment of a book, small enough to write by hand.

use xsmom_kernel::book::{GuardAction, Targets};
use xsmom_kernel::params::Params;
use xsmom_kernel::plan::{Lots, Plan, PlanInput, plan};
use xsmom_kernel::reason::Reason;

/// One moment, owned.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) targets: Targets,
    pub(crate) lots: Vec<i64>,
    pub(crate) price: Vec<f64>,
    pub(crate) mark: Vec<f64>,
    pub(crate) closing: Vec<bool>,
    pub(crate) qty_step: Vec<f64>,
    pub(crate) notional_usdt_min: Vec<f64>,
    pub(crate) lots_max: Vec<i64>,
    pub(crate) sizing_usdt: f64,
    pub(crate) guard: GuardAction,
    pub(crate) rebalance: bool,
    pub(crate) cost_week_frac: f64,
    pub(crate) params: Params,
}

impl Case {
    /// Names at price 1 with lots of 1 USDT, an account of 1,000, no minimum, no band.
    pub(crate) fn new(weights: &[f64], lots: &[i64]) -> Self {
        let n = weights.len();
        let params = Params { band_frac: 0.0, market_neutral: false, ..Params::default() };
        Self {
            targets: Targets { weight_frac: weights.to_vec(), reason: vec![Reason::Selected; n] },
            lots: lots.to_vec(),
            price: vec![1.0; n],
            mark: vec![1.0; n],
            closing: vec![false; n],
            qty_step: vec![1.0; n],
            notional_usdt_min: vec![0.0; n],
            lots_max: Vec::new(),
            sizing_usdt: 1_000.0,
            guard: GuardAction::None,
            rebalance: true,
            cost_week_frac: 0.0,
            params,
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn plan(&self) -> Plan {
        let mut out = Plan::new(self.lots.len());
        self.plan_into(&mut out);
        out
    }

    pub(crate) fn plan_into(&self, out: &mut Plan) {
        let input = PlanInput {
            targets: &self.targets,
            lots: &self.lots,
            price: &self.price,
            mark: &self.mark,
            closing: &self.closing,
            contracts: Lots {
                qty_step: &self.qty_step,
                notional_usdt_min: &self.notional_usdt_min,
                lots_max: &self.lots_max,
            },
            sizing_usdt: self.sizing_usdt,
            guard: self.guard,
            rebalance: self.rebalance,
            cost_week_frac: self.cost_week_frac,
        };
        plan(&input, &self.params, out);
    }

    /// Signed value of lots.
    pub(crate) fn net(&self, lots: &[i64]) -> f64 {
        let value = |i: usize| lots[i] as f64 * self.mark[i] * self.qty_step[i];
        (0..lots.len()).map(value).sum()
    }
}
