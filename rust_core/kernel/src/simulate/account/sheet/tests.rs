//! Both ways of one rebalance, from the same account: the same bits, or nothing at all.

use super::*;
use crate::book::{GuardAction, Targets};
use crate::fill::Costs;
use crate::plan::{Lots, Plan, PlanInput, plan_named};
use crate::simulate::account::Moment;
use crate::simulate::setup::Setup;
use crate::simulate::{FillAt, Timing};
use crate::stops::fold_into;
use proptest::prelude::*;

const N: usize = 77;
const STEP: [f64; N] = [0.001; N];

fn setup() -> Setup {
    Setup {
        costs: Costs {
            taker_fee_frac: 0.000_55,
            maker_fee_frac: 0.000_2,
            maker_share_frac: 0.25,
            half_spread_frac: 0.000_2,
            ..Costs::FREE
        },
        timing: Timing { fill_at: FillAt::Close, delay_bars: 0 },
        cash_usdt: 1e4,
        contracts: None,
        maintenance_frac: 0.0,
        tiers: None,
        keep_fills: false,
        keep_trips: false,
        keep_units: false,
    }
}

/// Nothing that reads single orders.
fn plain() -> Params {
    Params {
        catastrophic_atr_x: 0.0,
        streak_losses: 0,
        daily_loss_max_frac: 0.0,
        ..Params::default()
    }
}

/// Names that are wanted: the longs first.
struct Wanted {
    name: Vec<u32>,
    longs: usize,
    weight_frac: Vec<f64>,
}

/// A close at which some names are held and some are wanted.
struct Scene {
    price: Vec<f64>,
    lots: Vec<i64>,
    targets: Targets,
}

impl Scene {
    /// Of each name: weight, lots, price, and what is peculiar of it.
    fn of(seed: &[(f64, i64, f64, u8)]) -> Self {
        let mut scene = Self { price: vec![], lots: vec![], targets: Targets::new(seed.len()) };
        for (i, (weight, lots, price, kind)) in seed.iter().enumerate() {
            scene.price.push(if *kind == 255 { f64::NAN } else { *price });
            scene.lots.push(if kind % 4 == 0 { *lots } else { 0 });
            scene.targets.weight_frac[i] = match kind % 32 {
                // Kept, wanted anew, exactly what is held, less than a lot, and mostly nothing.
                0 | 4 => weight.abs().copysign(*lots as f64),
                1 | 2 | 12 => *weight,
                8 if *kind > 200 => *lots as f64 * price * 0.001 / 1e4,
                3 if *kind > 220 => 1e-9,
                _ => 0.0,
            };
        }
        scene
    }

    /// Every name is worth so much that a weight is a handful of lots, of which about as many are held.
    fn hold_few_lots(&mut self, sizing_usdt: f64) {
        for i in 0..self.lots.len() {
            let weight = self.targets.weight_frac[i];
            self.price[i] *= sizing_usdt * 0.01 / STEP[i];
            let lots = weight * sizing_usdt / (self.price[i] * STEP[i]);
            let near = lots as i64 + lots.signum() as i64 * (i as i64 % 3 - 1);
            self.lots[i] =
                if self.lots[i] != 0 && near * lots.signum() as i64 > 0 { near } else { 0 };
        }
    }

    fn account<'a>(&self, params: &Params, setup: &'a Setup) -> Account<'a> {
        let mut account = Account::new(N, params, setup);
        for i in 0..N {
            account.lots[i] = self.lots[i];
            account.ledger.units[i] = self.lots[i] as f64 * STEP[i];
            account.ledger.mark[i] = if self.price[i].is_nan() { 3.0 } else { self.price[i] };
            account.held.put(i, self.lots[i] != 0);
            account.trip_flow_usdt[i] = self.lots[i] as f64 * -0.1;
            if account.wants.positions && self.lots[i] != 0 {
                let (price, position) = (account.ledger.mark[i], &mut account.positions[i]);
                fold_into(position, self.lots[i], price * 1.01, price * 0.1, 60_000, params);
                position.rungs_hit = i as u32 % 3;
                account.levels.put(i, position, params);
            }
        }
        account.revalue();
        account
    }

    fn wanted(&self) -> Wanted {
        let weights = || self.targets.weight_frac.iter().enumerate();
        let long = |(_, weight): &(usize, &f64)| **weight > 0.0;
        let other = |(_, weight): &(usize, &f64)| weight.is_nan() || **weight < 0.0;
        let named: Vec<_> = weights().filter(long).chain(weights().filter(other)).collect();
        Wanted {
            name: named.iter().map(|(i, _)| *i as u32).collect(),
            longs: weights().filter(long).count(),
            weight_frac: named.iter().map(|(_, weight)| weight.abs()).collect(),
        }
    }

    fn trade_at_once(
        &self,
        account: &mut Account<'_>,
        sizing_usdt: f64,
        p: &Params,
    ) -> Option<usize> {
        let Wanted { name, longs, weight_frac } = &self.wanted();
        let (longs, price) = (*longs, &self.price[..]);
        let ask = Rebalance { name, longs, weight_frac, price, qty_step: &STEP, sizing_usdt };
        account.trade_at_once(&ask, MOMENT, p)
    }

    /// Names that are wanted on the side on which they are held.
    fn kept(&self) -> usize {
        let both = self.lots.iter().zip(&self.targets.weight_frac);
        both.filter(|(lots, weight)| **lots as f64 * **weight > 0.0).count()
    }

    /// The longer way: a plan, then its fills.
    fn trade(&self, account: &mut Account<'_>, sizing_usdt: f64, params: &Params) {
        let mut concerned = account.held.clone();
        concerned.join(&account.held, &self.targets.weight_frac);
        let mut named = Vec::new();
        concerned.list(&mut named);
        let lots = account.lots.clone();
        let mark = account.ledger.mark.clone();
        let input = PlanInput {
            targets: &self.targets,
            lots: &lots,
            price: &self.price,
            mark: &mark,
            closing: &[false; N],
            contracts: Lots { qty_step: &STEP, notional_usdt_min: &[0.0; N], lots_max: &[] },
            sizing_usdt,
            guard: GuardAction::None,
            rebalance: true,
            cost_week_frac: 0.0,
        };
        let mut plan = Plan::new(N);
        plan_named(&input, &named, false, params, &mut plan);
        account.trade(&named, &plan.rows, MOMENT, params);
    }
}

const MOMENT: Moment<'static> = Moment { bar: 7, at_ms: 3_600_000, atr: &[0.37; N - 9] };

/// All that a rebalance changes, by its bits.
fn state(account: &Account<'_>) -> String {
    let Account { ledger, lots, held, trips_closed, .. } = account;
    let rows = (&ledger.units[..N], &ledger.mark[..N]);
    let paid = (ledger.cash_usdt, &ledger.costs, ledger.fills);
    let value = (account.value_usdt, account.gross_usdt);
    format!("{rows:?} {paid:?} {value:?} {lots:?} {held:?} {trips_closed} {}", past(account))
}

/// What is kept of positions and round trips.
fn past(account: &Account<'_>) -> String {
    let Account { levels, records, barred, news, wants, .. } = account;
    let position = |i: usize| {
        let mut position = account.positions[i];
        levels.write(i, &mut position);
        position.lots = account.lots[i];
        (position, levels.cap_lots()[i], account.trip_flow_usdt[i])
    };
    let held = (0..N).filter(|i| account.lots[*i] != 0);
    let positions: Vec<_> = held.map(position).collect();
    let flows = if wants.extras { &account.flow_usdt[..] } else { &[] };
    format!("{positions:?} {records:?} {barred:?} {news:?} {flows:?}")
}

/// What reads single orders: nothing, stops, records, guards, or all of them.
fn watched(kind: usize) -> Params {
    let mut params = plain();
    if matches!(kind, 1 | 4) {
        (params.stop_atr_x, params.trailing_enabled, params.breakeven_after_r) = (2.5, true, 1.0);
        params.ladder = vec![(2.0, 0.3), (4.0, 0.3)];
    }
    if matches!(kind, 2 | 4) {
        (params.streak_losses, params.symbol_score_enabled) = (1, true);
        (params.symbol_score_min_trades, params.symbol_score_win_rate_min) = (1, 0.6);
    }
    if matches!(kind, 3 | 4) {
        params.symbol_daily_loss_max_frac = 0.02;
    }
    params
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn both_ways_end_with_the_same_bits(
        seed in prop::collection::vec(
            (-0.1..0.1f64, -900_000..900_000i64, 0.5..200.0f64, any::<u8>()), N..=N),
        band_frac in prop_oneof![Just(0.0), 0.0..1.0f64],
        market_neutral in any::<bool>(),
        sizing_usdt in prop_oneof![Just(1e4), Just(3.0), 1e3..1e6f64],
        few_lots in any::<bool>(),
        kind in 0..5usize,
    ) {
        let params = Params { market_neutral, band_frac, ..watched(kind) };
        let (mut scene, setup) = (Scene::of(&seed), setup());
        if few_lots {
            scene.hold_few_lots(sizing_usdt);
        }
        let mut quick = scene.account(&params, &setup);
        let before = state(&quick);
        if let Some(kept) = scene.trade_at_once(&mut quick, sizing_usdt, &params) {
            prop_assert_eq!(kept, scene.kept());
            let mut long = scene.account(&params, &setup);
            scene.trade(&mut long, sizing_usdt, &params);
            prop_assert_eq!(state(&quick), state(&long));
        } else {
            prop_assert_eq!(state(&quick), before);
        }
    }
}

/// Ten names a side, of which some were held before.
fn ordinary() -> Scene {
    let kind = |i: usize| if i.is_multiple_of(7) { 4 } else { 6 + u8::from(i % 9 == 1) * 11 };
    let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    let name = |i: usize| {
        (sign(i) * 0.051_234_5, sign(i) as i64 * (900 + i as i64), 1.7 + i as f64 * 0.37, kind(i))
    };
    Scene::of(&(0..N).map(name).collect::<Vec<_>>())
}

#[test]
fn an_ordinary_rebalance_is_done_at_once() {
    for market_neutral in [false, true] {
        let params = Params { band_frac: 0.0, market_neutral, ..plain() };
        let (mut scene, setup) = (ordinary(), setup());
        // Legs of one size, or the longer way is asked to balance them.
        let net: f64 = scene.targets.weight_frac.iter().sum();
        let shorts = scene.targets.weight_frac.iter_mut().filter(|weight| **weight < 0.0);
        for weight in shorts.take(1) {
            *weight -= net;
        }
        let mut account = scene.account(&params, &setup);
        assert!(scene.trade_at_once(&mut account, 1e4, &params).is_some());
        assert!(account.ledger.fills > 10 && account.ledger.cash_usdt != 1e4);
    }
}

/// Bands leave the legs apart; the heavier one is cut, as the longer way cuts it.
#[test]
fn legs_that_bands_leave_apart_are_cut_at_once() {
    let setup = setup();
    let params = Params { band_frac: 0.25, market_neutral: true, ..watched(4) };
    for excess_frac in [0.05, 0.1, 0.15, 0.2] {
        let mut scene = ordinary();
        scene.targets.weight_frac.fill(0.0);
        scene.lots.fill(0);
        // All are inside their bands: longs above their targets, shorts below.
        for i in 0..20 {
            let sign = if i < 10 { 1.0 } else { -1.0 };
            scene.targets.weight_frac[i] = sign * (0.051_234_5 + 1.7e-5 * (i % 10) as f64);
            let share = scene.targets.weight_frac[i] * 1e4 / (scene.price[i] * STEP[i]);
            scene.lots[i] = (share * (1.0 + sign * excess_frac)) as i64;
        }
        let [mut quick, mut long] =
            [scene.account(&params, &setup), scene.account(&params, &setup)];
        assert!(scene.trade_at_once(&mut quick, 1e4, &params).is_some());
        assert!(quick.ledger.fills > 0, "something is cut");
        scene.trade(&mut long, 1e4, &params);
        assert_eq!(state(&quick), state(&long));
    }
}

/// Names that are wanted by less than a lot, and some of which a lot more or less is held.
#[test]
fn a_handful_of_lots_is_ordinary() {
    let params = Params { band_frac: 0.0, market_neutral: false, ..plain() };
    let (mut scene, setup) = (ordinary(), setup());
    scene.hold_few_lots(1e4);
    let mut account = scene.account(&params, &setup);
    let wanted = scene.targets.weight_frac.iter().filter(|weight| **weight != 0.0).count();
    assert!(scene.trade_at_once(&mut account, 1e4, &params).is_some());
    let held = (0..N).filter(|i| account.lots[*i] != 0).count();
    assert!(held > 0 && held < wanted, "{held} of {wanted}");
    let with_lots = (0..N).filter(|i| account.lots[*i] != 0);
    assert!(account.held.iter().eq(with_lots));
}

#[test]
fn what_is_not_ordinary_is_left_alone() {
    let params = Params { band_frac: 0.0, market_neutral: false, ..plain() };
    let setup = setup();
    let first = |scene: &Scene| scene.lots.iter().position(|lots| *lots != 0).expect("one is held");
    let changes: [fn(&mut Scene, usize); 4] = [
        |scene, i| scene.price[i] = f64::NAN,
        |scene, i| scene.targets.weight_frac[i] = f64::NAN,
        |scene, i| scene.targets.weight_frac[i] *= -1.0,
        |scene, i| scene.targets.weight_frac[i] = scene.price[i] * 0.001 * 77.0 / 1e4,
    ];
    for change in changes {
        let mut scene = ordinary();
        let i = first(&scene);
        change(&mut scene, i);
        let mut account = scene.account(&params, &setup);
        let before = state(&account);
        assert!(scene.trade_at_once(&mut account, 1e4, &params).is_none());
        assert_eq!(state(&account), before);
    }
}
