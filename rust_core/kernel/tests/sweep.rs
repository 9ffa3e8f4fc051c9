//! A sweep gives each configuration the bits of its own run: whoever shares its pass, in any order, with
//! any cut into batches.

use proptest::prelude::*;
use xsmom_kernel::fill::Costs;
use xsmom_kernel::metrics::metrics;
use xsmom_kernel::params::{
    ClusterAction, Params, SignalCombine, SignalKind, Standardise, TrailKind,
};
use xsmom_kernel::simulate::strategy::{Contracts, Run, Setup, run};
use xsmom_kernel::simulate::{FillAt, Timing};
use xsmom_kernel::sweep::{Control, Days, Outcome, Trial, check_trials, plan_batches, run_batch};

mod random_market;
use random_market::Market;

const COLS: usize = 24;

/// `SplitMix64`.
struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn on(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[(self.unit() * from.len() as f64) as usize].clone()
    }
}

/// Every rule is on in some of them; few values of each setting, so that neighbours share parts.
fn draw_params(draw: &mut Draw) -> Params {
    loop {
        let params = draw_any(draw);
        if params.validate().is_ok() {
            return params;
        }
    }
}

fn draw_any(draw: &mut Draw) -> Params {
    let mut p = Params {
        lookback_bars: draw.pick(&[vec![6, 12, 24, 48], vec![3, 7, 30, 60]]),
        vol_bars: draw.pick(&[24, 96]),
        skip_bars: draw.pick(&[0, 0, 2]),
        signal_kind: draw.pick(&[SignalKind::Raw, SignalKind::Log, SignalKind::VolScaled]),
        signal_combine: draw.pick(&[SignalCombine::Mean, SignalCombine::Mean, SignalCombine::Rank]),
        standardise: draw.pick(&[Standardise::Z, Standardise::Robust, Standardise::RankNormal]),
        signal_power: draw.pick(&[1.0, 1.35]),
        redemean: draw.on(0.5),
        zscore_clip: draw.pick(&[0.0, 1.0]),
        k_frac: draw.pick(&[0.1, 0.3]),
        k_max: draw.pick(&[4, 8]),
        tranches: draw.pick(&[1, 1, 3]),
        rebalance_bars: draw.pick(&[1, 1, 6]),
        band_frac: draw.pick(&[0.0, 0.25]),
        market_neutral: draw.on(0.8),
        weight_long_max_frac: draw.pick(&[0.1, 0.3]),
        rank_buffer: draw.pick(&[0, 2]),
        majors: vec!["S000".into(), "S001".into()],
        atr_bars: draw.pick(&[5, 14]),
        ..Params::default()
    };
    switch_rules(draw, &mut p);
    switch_exits(draw, &mut p);
    p
}

fn switch_rules(draw: &mut Draw, p: &mut Params) {
    (p.regime_enabled, p.adx_enabled, p.breakout_enabled) =
        (draw.on(0.1), draw.on(0.1), draw.on(0.1));
    (p.regime_ema_bars, p.regime_slope_bars, p.adx_bars) = (20, 5, draw.pick(&[7, 10]));
    (p.majors_enabled, p.breadth_enabled, p.atr_regime_enabled) =
        (draw.on(0.1), draw.on(0.1), draw.on(0.1));
    (p.vol_target_enabled, p.vol_regime_enabled) = (draw.on(0.2), draw.on(0.2));
    (p.vol_target_bars, p.vol_regime_fast_bars, p.vol_regime_base_bars) =
        (draw.pick(&[20, 40]), 12, 48);
    (p.correlation_enabled, p.correlation_bars) = (draw.on(0.2), draw.pick(&[30, 50]));
    p.correlation_action = draw.pick(&[ClusterAction::Halve, ClusterAction::Cap]);
    (p.router_enabled, p.router_bars) = (draw.on(0.15), 48);
    (p.beta_neutral, p.beta_bars) = (draw.on(0.15), 72);
    (p.drawdown_scale_enabled, p.k_dispersion_bars) = (draw.on(0.2), draw.pick(&[0, 0, 40]));
    if draw.on(0.15) {
        (p.funding_tilt_x, p.funding_bars) = (0.5, draw.pick(&[24, 72]));
    }
    if draw.on(0.2) {
        (p.universe_top_n, p.dollar_volume_days) = (12, draw.pick(&[3, 5]));
    }
    if draw.on(0.15) {
        (p.adv_share_max_frac, p.adv_days) = (0.001, 4);
    }
    if draw.on(0.15) {
        (p.meta_enabled, p.meta_labels_min) = (true, 10);
        (p.meta_horizon_bars, p.dollar_volume_days) = (draw.pick(&[6, 24]), 4);
        (p.funding_bars, p.router_bars) = (24, 48);
        (p.vol_regime_fast_bars, p.vol_regime_base_bars) = (12, 48);
    }
    p.streak_losses = draw.pick(&[0, 3]);
    p.daily_loss_max_frac = draw.pick(&[0.0, 0.02]);
    p.symbol_daily_loss_max_frac = draw.pick(&[0.0, 0.0, 0.01]);
}

fn switch_exits(draw: &mut Draw, p: &mut Params) {
    p.catastrophic_atr_x = draw.pick(&[0.0, 3.5]);
    if draw.on(0.4) {
        (p.stop_atr_x, p.trailing_enabled, p.trail_atr_x) = (2.0, draw.on(0.5), 2.0);
        p.trail_kind = draw.pick(&[TrailKind::Chandelier, TrailKind::MaAtr]);
        p.trail_ma_bars = draw.pick(&[10, 20]);
        p.ladder = draw.pick(&[vec![], vec![(1.0, 0.4), (2.0, 0.4)]]);
        p.hold_bars_max = draw.pick(&[0, 40]);
        p.regime_flip_exit = draw.on(0.2);
    }
}

fn draw_setup(draw: &mut Draw) -> Setup {
    let costs = Costs {
        taker_fee_frac: draw.pick(&[0.0, 0.000_55]),
        maker_fee_frac: 0.0002,
        maker_share_frac: 0.25,
        half_spread_frac: 0.0002,
        impact_y: draw.pick(&[0.0, 1.0]),
        funding: draw.on(0.7),
    };
    let contracts = Contracts { qty_step: vec![0.01; COLS], notional_usdt_min: vec![5.0; COLS] };
    Setup {
        costs,
        timing: Timing {
            fill_at: draw.pick(&[FillAt::Close, FillAt::Open, FillAt::Vwap]),
            delay_bars: draw.pick(&[0, 0, 2]),
        },
        cash_usdt: draw.pick(&[1e4, 1e6]),
        contracts: draw.on(0.2).then_some(contracts),
        maintenance_frac: 0.01,
        tiers: None,
        keep_fills: false,
        keep_trips: false,
        keep_units: false,
    }
}

/// Places in the list → outcomes, batch by batch as planned.
fn sweep(market: &Market, trials: &[Trial<'_>], threads: usize) -> Vec<Outcome> {
    let (panel, control) = (market.panel(), Control::default());
    check_trials(&panel, trials).unwrap();
    let days = Days::of(&panel);
    let mut found = vec![None; trials.len()];
    for places in plan_batches(trials, threads) {
        let batch: Vec<_> = places.iter().map(|place| trials[*place]).collect();
        let outcomes = run_batch(&panel, &batch, &days, &control, true).unwrap().unwrap();
        for (place, outcome) in places.iter().zip(outcomes) {
            found[*place] = Some(outcome);
        }
    }
    assert_eq!(control.bars(), (market.rows * trials.len()) as u64);
    found.into_iter().map(Option::unwrap).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { 1 } else { value.to_bits() }).collect()
}

/// Net returns from midnight to midnight, the plain way.
fn daily_returns(market: &Market, run: &Run, cash_usdt: f64) -> Vec<f64> {
    let panel = market.panel();
    let day = |t: usize| (panel.close_ms(t) - 1).div_euclid(86_400_000);
    let mut before = cash_usdt;
    let mut found = Vec::new();
    for t in 0..panel.rows {
        if t + 1 == panel.rows || day(t + 1) != day(t) {
            let now = run.equity_usdt[t];
            found.push(if before > 0.0 { now / before - 1.0 } else { 0.0 });
            before = now;
        }
    }
    found
}

fn assert_same(market: &Market, outcome: &Outcome, trial: &Trial<'_>) {
    let setup = Setup { keep_fills: true, keep_trips: true, ..trial.setup.clone() };
    let alone = run(&market.panel(), trial.params, &setup).unwrap();
    let told = format!("{:?} {:?}", trial.params, trial.setup);
    let daily = daily_returns(market, &alone, setup.cash_usdt);
    assert_eq!(bits(&outcome.daily), bits(&daily), "{told}");
    let (found, want) = (outcome.metrics, metrics(&daily, 365.0));
    assert_eq!(
        bits(&[found.sharpe, found.cagr, found.max_drawdown]),
        bits(&[want.sharpe, want.cagr, want.max_drawdown])
    );
    assert_eq!(outcome.equity_usdt.to_bits(), alone.equity_usdt.last().unwrap().to_bits());
    assert_eq!(Some(&outcome.costs), alone.costs.last(), "{told}");
    assert_eq!(outcome.trips, alone.trips.len() as u64, "{told}");
    assert_eq!(outcome.fills, alone.fills.len() as u64, "{told}");
    assert_eq!(outcome.decisions, alone.decisions);
    assert_eq!(outcome.guarded_bars, alone.guarded_bars);
    assert_eq!(outcome.bankrupt_at, alone.bankrupt_at);
    assert_eq!(outcome.liquidated_at, alone.liquidated_at);
    let mean = alone.equity_usdt.iter().sum::<f64>() / market.rows as f64;
    assert_eq!(outcome.equity_mean_usdt.to_bits(), mean.to_bits());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn each_configuration_is_what_it_is_alone(seed in any::<u64>(), rows in 300_usize..500) {
        let market = Market::new(rows, COLS, seed, seed % 3 > 0);
        let mut draw = Draw(seed);
        let setups: Vec<_> = (0..3).map(|_| draw_setup(&mut draw)).collect();
        let params: Vec<_> = (0..14).map(|_| draw_params(&mut draw)).collect();
        let trials: Vec<_> =
            params.iter().map(|params| Trial { params, setup: &setups[draw.pick(&[0, 1, 2])] }).collect();
        let together = sweep(&market, &trials, 1);
        for (outcome, trial) in together.iter().zip(&trials) {
            assert_same(&market, outcome, trial);
        }
        let backward: Vec<_> = trials.iter().rev().copied().collect();
        let again: Vec<_> = sweep(&market, &backward, 3).into_iter().rev().collect();
        // Debug tells every figure to its last bit, and one NaN from a number.
        prop_assert_eq!(format!("{again:?}"), format!("{together:?}"));
    }
}

#[test]
fn every_rule_is_on_in_some_of_the_drawn_configurations() {
    let mut draw = Draw(7);
    let drawn: Vec<_> = (0..400).map(|_| draw_params(&mut draw)).collect();
    let rules: [fn(&Params) -> bool; 16] = [
        |p| p.meta_enabled,
        |p| p.router_enabled,
        |p| p.regime_enabled,
        |p| p.adx_enabled,
        |p| p.breakout_enabled,
        |p| p.majors_enabled,
        |p| p.vol_target_enabled,
        |p| p.correlation_enabled,
        |p| p.beta_neutral,
        |p| p.k_dispersion_bars > 0,
        |p| p.funding_tilt_x > 0.0,
        |p| p.universe_top_n > 0,
        |p| p.adv_share_max_frac > 0.0,
        |p| p.tranches > 1,
        |p| p.trailing_enabled && !p.ladder.is_empty(),
        |p| p.symbol_daily_loss_max_frac > 0.0,
    ];
    for (number, rule) in rules.iter().enumerate() {
        assert!(drawn.iter().any(rule), "rule {number} is never on");
    }
}

/// Variations of one configuration that come in after the signal, so that many books share it.
#[test]
fn many_books_on_one_signal() {
    let market = Market::new(700, COLS, 5, true);
    let setup = draw_setup(&mut Draw(3));
    let mut params = Vec::new();
    for number in 0..40_u32 {
        params.push(Params {
            redemean: false,
            signal_power: 1.0 + f64::from(number % 3) * 0.5,
            k_max: 4 + number % 5,
            band_frac: f64::from(number % 2) * 0.2,
            stop_atr_x: f64::from(number % 7 / 3),
            atr_bars: 7 + number % 2,
            ..Params::default()
        });
    }
    let setup = Setup { contracts: None, ..setup };
    let trials: Vec<_> = params.iter().map(|params| Trial { params, setup: &setup }).collect();
    for (outcome, trial) in sweep(&market, &trials, 2).iter().zip(&trials) {
        assert_same(&market, outcome, trial);
    }
}

#[test]
fn a_stop_gives_up_the_batch() {
    let market = Market::new(200, COLS, 5, false);
    let (params, setup) = (Params::default(), draw_setup(&mut Draw(3)));
    let (panel, control) = (market.panel(), Control::default());
    control.stop();
    let trials = [Trial { params: &params, setup: &setup }];
    let done = run_batch(&panel, &trials, &Days::of(&panel), &control, false).unwrap();
    assert!(done.is_none());
    assert_eq!(control.bars(), 0);
}

#[test]
fn a_configuration_that_cannot_run_is_named_by_its_place() {
    let market = Market::new(200, COLS, 5, false);
    let setup = draw_setup(&mut Draw(3));
    let good = Params::default();
    let bad = Params { bar_ms: 60_000, ..good.clone() };
    let far = Params { lookback_bars: vec![4_000; 4], ..good.clone() };
    for (wrong, word) in [(&bad, "bar_ms"), (&far, "lookback_bars")] {
        let trials = [&good, wrong].map(|params| Trial { params, setup: &setup });
        let error = check_trials(&market.panel(), &trials).unwrap_err().to_string();
        assert!(error.starts_with("config 1: ") && error.contains(word), "{error}");
    }
}

#[test]
fn every_place_is_planned_once_and_the_last_batches_are_small() {
    let setup = draw_setup(&mut Draw(3));
    let mut draw = Draw(1);
    let params: Vec<_> = (0..333).map(|_| draw_params(&mut draw)).collect();
    let trials: Vec<_> = params.iter().map(|params| Trial { params, setup: &setup }).collect();
    let batches = plan_batches(&trials, 2);
    let mut places = batches.concat();
    places.sort_unstable();
    assert_eq!(places, (0..333).collect::<Vec<_>>());
    assert!(batches.last().unwrap().len() <= 4);
    assert!(plan_batches(&[], 2).is_empty());
}
