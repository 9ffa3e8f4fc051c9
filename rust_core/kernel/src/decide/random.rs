//! Random worlds for property tests: every rule is on in some of them, and so is every defect.

use crate::book::{Bar, DecisionState, GuardAction};
use crate::decide::world::{HOUR_MS, NAN, World};
use crate::params::{ClusterAction, Params, SignalCombine, Standardise};

/// `SplitMix64`: one seed, one world.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.bits() % u64::from(n)) as u32
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.bits() as usize % from.len()]
    }
}

/// What a property does not want in its worlds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Without {
    /// Equal scores and volumes, which symbol order decides.
    pub(crate) ties: bool,
    /// Absent names, bars, guards and held books.
    pub(crate) defects: bool,
}

impl World {
    pub(crate) fn random(seed: u64, names: usize, without: Without) -> Self {
        let mut draw = Draw(seed);
        let coarse = !without.ties && draw.chance(0.3);
        let scores: Vec<f64> = (0..names)
            .map(|_| {
                let score = draw.within(-0.1, 0.1);
                if coarse { (score * 40.0).round() / 40.0 } else { score }
            })
            .collect();
        let mut world = Self::of(&scores);
        world.close_ms += i64::from(draw.below(1_000)) * HOUR_MS;
        world.params = random_params(&mut draw, &world.symbols);
        if without.ties {
            // Round weights would give many sums of ranks twice, a clip makes all beyond it equal.
            world.params.zscore_clip = 0.0;
            world.params.lookback_weights = vec![0.413_71, 0.289_17, 0.197_33, 0.099_79];
        }
        let tranches = world.params.tranches as usize;
        world.state = DecisionState::new(names, tranches);
        world.fill_features(&mut draw);
        if !without.defects {
            world.fill_book(&mut draw);
            world.spoil(&mut draw);
        }
        if without.ties {
            // Unknown volumes rank equal behind all others.
            for (i, volume) in world.volume.iter_mut().enumerate() {
                *volume = if volume.is_nan() { i as f64 } else { *volume };
            }
        }
        world
    }

    fn fill_features(&mut self, draw: &mut Draw) {
        let n = self.names();
        self.ret_rows = draw.below(60) as usize;
        let common: Vec<f64> = (0..self.ret_rows).map(|_| draw.within(-0.02, 0.02)).collect();
        let own = draw.within(0.1, 2.0);
        self.returns = (0..self.ret_rows * n)
            .map(|at| common[at / n] + own * draw.within(-0.02, 0.02))
            .collect();
        for i in 0..n {
            self.close[i] = draw.within(0.1, 200.0);
            self.sigma[i] = draw.within(0.002, 0.03);
            self.atr[i] = self.close[i] * draw.within(0.001, 0.03);
            self.slope[i] = draw.within(-20.0, 20.0);
            self.adx[i] = draw.within(0.0, 80.0);
            self.breakout[i] = draw.within(0.5, 3.0);
            self.beta[i] = draw.within(-0.2, 2.0);
            self.trend[i] = draw.within(-3.0, 3.0);
            self.funding[i] = draw.within(-1e-4, 1e-4);
            self.volume[i] = draw.within(1e5, 1e8);
            self.adv[i] = draw.within(1e5, 1e8);
            self.order_usdt_min[i] = draw.within(0.0, 10.0);
        }
        self.moves = (0..4 * n).map(|_| draw.within(-0.1, 0.1)).collect();
        self.vol_ratio = draw.within(0.5, 4.0);
        self.dispersion_ratio = draw.within(0.2, 2.0);
        self.implied_corr = draw.within(0.2, 0.9);
        self.router_dispersion_bps = draw.within(10.0, 100.0);
        self.unit_value = draw.within(0.6, 1.0);
        self.equity_usdt = draw.within(100.0, 1e6);
    }

    fn fill_book(&mut self, draw: &mut Draw) {
        let n = self.names();
        self.guard = draw.pick(&[
            GuardAction::None,
            GuardAction::None,
            GuardAction::None,
            GuardAction::BlockEntries,
            GuardAction::Flatten,
        ]);
        for i in 0..n {
            if draw.chance(0.4) {
                self.held[i] = draw.within(-0.2, 0.2);
            }
            self.hold[i] = draw.chance(0.03);
            self.state.member[i] = draw.chance(0.5);
            for side in 0..2 {
                self.state.awaiting_reentry[i][side] = draw.chance(0.05);
                if draw.chance(0.1) {
                    self.barred_until_ms[i][side] = self.close_ms + draw.pick(&[0, HOUR_MS]);
                    self.barred_by[i][side] = draw.pick(&[Bar::Cooldown, Bar::Banned, Bar::Streak]);
                }
                self.meta[i][side] = draw.within(0.5, 1.5);
            }
            if draw.chance(0.1) {
                self.rung_cap[i] = draw.within(0.0, 0.3);
            }
        }
        for weight in &mut self.state.tranche_weight {
            *weight = if draw.chance(0.2) { draw.within(-0.2, 0.2) } else { 0.0 };
        }
        self.state.router_called = draw.chance(0.5);
        self.state.router_mix = draw.pick(&[1.0, 1.0, 0.7, 0.0]);
    }

    fn spoil(&mut self, draw: &mut Draw) {
        let n = self.names();
        let share = draw.pick(&[0.0, 0.05, 0.3, 1.0]);
        for i in 0..n {
            if draw.chance(share) {
                self.close[i] = NAN;
                self.stale_bars[i] = draw.below(6);
            }
            if draw.chance(0.05) {
                self.delisted_ms[i] = self.close_ms;
            }
            if draw.chance(0.05) {
                self.listed_ms[i] = self.close_ms + 1;
            }
            for feature in [
                &mut self.score,
                &mut self.sigma,
                &mut self.atr,
                &mut self.slope,
                &mut self.adx,
                &mut self.breakout,
                &mut self.beta,
                &mut self.trend,
                &mut self.funding,
                &mut self.volume,
                &mut self.adv,
            ] {
                if draw.chance(0.02) {
                    feature[i] = NAN;
                }
            }
            if draw.chance(0.02) {
                self.sigma[i] = 0.0;
            }
        }
        for at in 0..self.returns.len() {
            if draw.chance(0.02) {
                self.returns[at] = NAN;
            }
        }
        for market in [&mut self.vol_ratio, &mut self.dispersion_ratio, &mut self.implied_corr] {
            if draw.chance(0.1) {
                *market = NAN;
            }
        }
    }
}

fn random_params(draw: &mut Draw, symbols: &[String]) -> Params {
    let mut p = Params::default();
    let mut on = |share: f64| draw.chance(share);
    (p.redemean, p.market_neutral, p.beta_neutral) = (on(0.5), on(0.8), on(0.2));
    (p.regime_enabled, p.adx_enabled, p.majors_enabled) = (on(0.15), on(0.15), on(0.15));
    (p.breadth_enabled, p.breakout_enabled) = (on(0.15), on(0.15));
    (p.vol_target_enabled, p.vol_regime_enabled) = (on(0.3), on(0.3));
    (p.drawdown_scale_enabled, p.correlation_enabled) = (on(0.3), on(0.3));
    (p.router_enabled, p.meta_enabled, p.atr_regime_enabled) = (on(0.3), on(0.2), on(0.2));
    if on(0.3) {
        (p.squeeze_loss_frac, p.adv_share_max_frac) = (0.2, 0.01);
    }
    if on(0.2) {
        (p.risk_per_trade_frac, p.stop_atr_x, p.notional_max_usdt) = (0.005, 2.0, 5_000.0);
    }
    if on(0.2) {
        (p.funding_tilt_x, p.universe_top_n) = (0.5, 20);
    }
    p.majors = symbols.iter().take(3).cloned().collect();
    p.majors_count_min = 1;
    p.standardise = draw.pick(&[Standardise::Z, Standardise::Robust, Standardise::RankNormal]);
    p.signal_combine = draw.pick(&[SignalCombine::Mean, SignalCombine::Mean, SignalCombine::Rank]);
    p.correlation_action = draw.pick(&[ClusterAction::Halve, ClusterAction::Cap]);
    p.signal_power = draw.pick(&[1.0, 1.35, 0.5]);
    p.size_power = draw.pick(&[1.0, 0.0, 1.7]);
    p.zscore_clip = draw.pick(&[0.0, 1.0, 3.0]);
    p.tranches = draw.pick(&[1, 1, 1, 4]);
    p.k_frac = draw.within(0.0, 0.5);
    (p.k_min, p.k_max) = (1 + draw.below(4), 4 + draw.below(20));
    p.entry_zscore_min = draw.pick(&[0.0, 0.0, 0.5]);
    p.hold_zscore_min = draw.pick(&[0.0, p.entry_zscore_min]);
    p.rank_buffer = draw.pick(&[0, 0, 3]);
    p.entries_per_decision_max = draw.pick(&[0, 0, 0, 2]);
    p.positions_max = draw.pick(&[0, 0, 0, 7]);
    p.k_dispersion_bars = draw.pick(&[0, 0, 50]);
    p.weight_long_max_frac = draw.within(0.02, 0.5);
    p.weight_short_max_frac = draw.within(0.02, 0.5);
    p.net_cap_frac = draw.pick(&[0.0, 0.05, 0.15, 5.0]);
    p.router_net_cap_frac = draw.pick(&[0.0, 0.3]);
    p.gross_hard_cap_x = draw.pick(&[1.5, 2.1]);
    (p.vol_target_bars, p.correlation_bars) = (20, 30);
    p.validate().expect("random parameters are legal ones");
    p
}
