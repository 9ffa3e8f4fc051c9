//! A small world for tests: every array that a decision reads, owned, with quiet defaults.

use crate::book::{Bar, BookRow, DecisionState, GuardAction, Targets};
use crate::decide::Decider;
use crate::params::Params;
use crate::reason::Reason;
use crate::row::FeatureRow;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const NAN: f64 = f64::NAN;

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) params: Params,
    pub(crate) symbols: Vec<String>,
    pub(crate) listed_ms: Vec<i64>,
    pub(crate) delisted_ms: Vec<i64>,
    pub(crate) close_ms: i64,
    pub(crate) close: Vec<f64>,
    pub(crate) score: Vec<f64>,
    pub(crate) moves: Vec<f64>,
    pub(crate) trend: Vec<f64>,
    pub(crate) sigma: Vec<f64>,
    /// Squares of `sigma`, written by `decide_with`.
    variance: Vec<f64>,
    pub(crate) atr: Vec<f64>,
    pub(crate) slope: Vec<f64>,
    pub(crate) adx: Vec<f64>,
    pub(crate) breakout: Vec<f64>,
    pub(crate) beta: Vec<f64>,
    pub(crate) funding: Vec<f64>,
    pub(crate) volume: Vec<f64>,
    pub(crate) adv: Vec<f64>,
    pub(crate) returns: Vec<f64>,
    pub(crate) ret_rows: usize,
    pub(crate) vol_ratio: f64,
    pub(crate) dispersion_ratio: f64,
    pub(crate) implied_corr: f64,
    pub(crate) router_dispersion_bps: f64,
    pub(crate) equity_usdt: f64,
    pub(crate) unit_value: f64,
    pub(crate) guard: GuardAction,
    pub(crate) held: Vec<f64>,
    pub(crate) stale_bars: Vec<u32>,
    pub(crate) hold: Vec<bool>,
    pub(crate) barred_until_ms: Vec<[i64; 2]>,
    pub(crate) barred_by: Vec<[Bar; 2]>,
    pub(crate) rung_cap: Vec<f64>,
    pub(crate) meta: Vec<[f64; 2]>,
    pub(crate) order_usdt_min: Vec<f64>,
    pub(crate) state: DecisionState,
}

impl World {
    /// `scores` in the order of symbols, everything else equal, calm and long listed.
    pub(crate) fn of(scores: &[f64]) -> Self {
        let n = scores.len();
        Self {
            params: Params {
                redemean: false,
                zscore_clip: 0.0,
                k_frac: 0.25,
                k_min: 1,
                k_max: 10,
                weight_long_max_frac: 10.0,
                weight_short_max_frac: 10.0,
                ..Params::default()
            },
            symbols: (0..n).map(|i| format!("S{i:04}")).collect(),
            listed_ms: vec![0; n],
            delisted_ms: vec![i64::MAX; n],
            close_ms: 480_000 * HOUR_MS,
            close: vec![100.0; n],
            score: scores.to_vec(),
            moves: scores.repeat(4),
            trend: scores.to_vec(),
            sigma: vec![0.01; n],
            variance: vec![0.0; n],
            atr: vec![1.0; n],
            slope: vec![0.0; n],
            adx: vec![30.0; n],
            breakout: vec![2.0; n],
            beta: vec![1.0; n],
            funding: vec![0.0; n],
            volume: vec![1e8; n],
            adv: vec![1e8; n],
            returns: Vec::new(),
            ret_rows: 0,
            vol_ratio: 1.0,
            dispersion_ratio: 1.0,
            implied_corr: 0.3,
            router_dispersion_bps: 100.0,
            equity_usdt: 1e5,
            unit_value: 1.0,
            guard: GuardAction::None,
            held: vec![0.0; n],
            stale_bars: vec![0; n],
            hold: vec![false; n],
            barred_until_ms: vec![[0; 2]; n],
            barred_by: vec![[Bar::None; 2]; n],
            rung_cap: vec![f64::INFINITY; n],
            meta: vec![[1.0; 2]; n],
            order_usdt_min: vec![0.0; n],
            state: DecisionState::new(n, 1),
        }
    }

    /// `n` scores that fall evenly from the first name to the last.
    pub(crate) fn falling(n: usize) -> Self {
        let scores: Vec<f64> = (0..n).map(|i| 0.05 - 0.1 * i as f64 / (n - 1) as f64).collect();
        Self::of(&scores)
    }

    pub(crate) fn names(&self) -> usize {
        self.score.len()
    }

    pub(crate) fn row(&self) -> FeatureRow<'_> {
        FeatureRow {
            close_ms: self.close_ms,
            close: &self.close,
            score: &self.score,
            moves: &self.moves,
            trend: &self.trend,
            variance: &self.variance,
            atr: &self.atr,
            trail_ma: &[],
            slope_bps_day: &self.slope,
            adx: &self.adx,
            breakout: &self.breakout,
            beta: &self.beta,
            funding_frac: &self.funding,
            dollar_volume_usdt: &self.volume,
            adv_usdt: &self.adv,
            ret_window: &self.returns,
            ret_rows: self.ret_rows,
            vol_ratio: self.vol_ratio,
            dispersion_ratio: self.dispersion_ratio,
            implied_corr: self.implied_corr,
            router_dispersion_bps: self.router_dispersion_bps,
        }
    }

    pub(crate) fn book(&self) -> BookRow<'_> {
        BookRow {
            close_ms: self.close_ms,
            equity_usdt: self.equity_usdt,
            unit_value: self.unit_value,
            unit_value_peak: 1.0,
            guard: self.guard,
            weight_now_frac: &self.held,
            stale_bars: &self.stale_bars,
            quiet: false,
            hold: &self.hold,
            barred_until_ms: &self.barred_until_ms,
            barred_by: &self.barred_by,
            rung_cap_frac: &self.rung_cap,
            meta_scale: &self.meta,
            order_usdt_min: &self.order_usdt_min,
        }
    }

    pub(crate) fn decider(&self) -> Decider {
        let made = Decider::new(&self.symbols, &self.listed_ms, &self.delisted_ms, &self.params);
        made.expect("the facts of a test world hold together")
    }

    /// Decide with a fresh decider; the state moves on.
    pub(crate) fn decide(&mut self) -> Targets {
        let tranches = self.params.tranches as usize;
        if self.state.tranche_weight.len() != self.names() * tranches {
            self.state = DecisionState::new(self.names(), tranches);
        }
        let mut decider = self.decider();
        self.decide_with(&mut decider)
    }

    pub(crate) fn decide_with(&mut self, decider: &mut Decider) -> Targets {
        let mut out = Targets::new(self.names());
        self.variance = self.sigma.iter().map(|sigma| sigma * sigma).collect();
        let mut state = self.state.clone();
        decider
            .decide(&self.row(), &self.book(), &mut state, &self.params, &mut out)
            .expect("the arrays of a test world have one length");
        self.state = state;
        out
    }
}

/// Names with a positive and with a negative weight.
pub(crate) fn sides(out: &Targets) -> [Vec<usize>; 2] {
    let of = |sign: f64| {
        let weights = out.weight_frac.iter().enumerate();
        weights.filter(|(_, w)| sign * **w > 0.0).map(|(i, _)| i).collect()
    };
    [of(1.0), of(-1.0)]
}

/// Names whose reason is `rule`.
pub(crate) fn named(out: &Targets, rule: Reason) -> Vec<usize> {
    let reasons = out.reason.iter().enumerate();
    reasons.filter(|(_, reason)| **reason == rule).map(|(i, _)| i).collect()
}

pub(crate) fn near(got: f64, want: f64) -> bool {
    (got - want).abs() <= 1e-12 * want.abs().max(1.0)
}
