use crate::decide::world::{HOUR_MS, NAN, World, named, sides};
use crate::error::KernelError;
use crate::params::SignalCombine;
use crate::reason::Reason;
use crate::universe::Facts;

const DAY_MS: i64 = 24 * HOUR_MS;

/// One world for every rule: what is changed, and the reason that name 0 must give.
#[test]
fn each_rule_gives_its_reason_and_no_weight() {
    type Case = (Reason, fn(&mut World));
    let cases: [Case; 18] = [
        (Reason::OperatorHold, |w| w.hold[0] = true),
        (Reason::NotListed, |w| w.listed_ms[0] = w.close_ms + 1),
        (Reason::Delisted, |w| w.delisted_ms[0] = w.close_ms),
        (Reason::Excluded, |w| w.params.universe_exclude = vec!["S0000".to_owned()]),
        (Reason::NotIncluded, |w| w.params.universe_include = w.symbols[1..].to_vec()),
        (Reason::NoData, |w| w.close[0] = NAN),
        (Reason::TooYoung, |w| {
            w.params.age_min_days = 30.0;
            w.listed_ms[0] = w.close_ms - 30 * DAY_MS + 1;
        }),
        (Reason::PriceTooLow, |w| {
            w.params.price_min_usdt = 1.0;
            w.close[0] = 0.99;
        }),
        (Reason::VolumeTooLow, |w| {
            w.params.dollar_volume_min_usdt = 1e6;
            w.volume[0] = 1e6 - 1.0;
        }),
        (Reason::VolumeTooLow, |w| {
            w.params.dollar_volume_min_usdt = 1e6;
            w.volume[0] = NAN;
        }),
        (Reason::OutsideTopN, |w| {
            w.params.universe_top_n = 11;
            w.volume[0] = 1.0;
        }),
        (Reason::ShortHistory, |w| w.score[0] = NAN),
        (Reason::ShortHistory, |w| w.sigma[0] = NAN),
        (Reason::ShortHistory, |w| {
            w.params.beta_neutral = true;
            w.beta[0] = NAN;
        }),
        (Reason::ShortHistory, |w| {
            w.params.signal_combine = SignalCombine::Rank;
            w.moves[12] = NAN;
        }),
        (Reason::ShortHistory, |w| {
            w.params.router_enabled = true;
            w.params.majors = vec!["S0003".to_owned()];
            w.trend[0] = NAN;
        }),
        (Reason::FlatPrice, |w| w.sigma[0] = 1e-7),
        (Reason::TooSmall, |w| w.order_usdt_min[0] = 0.126 * 1e5),
    ];
    for (rule, change) in cases {
        let mut world = World::falling(12);
        change(&mut world);
        let out = world.decide();
        assert_eq!(named(&out, rule), [0], "{rule:?}");
        assert_eq!(out.weight_frac[0], 0.0);
        assert_eq!(sides(&out).map(|side| side.len()), [3, 3], "{rule:?}: K of the 11 others");
    }
}

#[test]
fn the_first_rule_that_fails_speaks() {
    let mut world = World::falling(12);
    world.params.universe_exclude = vec!["S0000".to_owned(), "S0001".to_owned()];
    world.params.age_min_days = 1.0;
    world.listed_ms[..4].fill(world.close_ms - 1);
    world.close[..3].fill(NAN);
    world.listed_ms[0] = world.close_ms + 1;
    world.score[4] = NAN;
    world.sigma[4] = 0.0;
    let out = world.decide();
    let want = [
        Reason::NotListed,
        Reason::Excluded,
        Reason::NoData,
        Reason::TooYoung,
        Reason::ShortHistory,
    ];
    assert_eq!(out.reason[..5], want);
}

#[test]
fn a_list_that_names_a_ticker_means_every_listing_under_it() {
    let mut world = World::falling(12);
    for (place, symbol) in ["LUNA.2", "LUNA.2x", "LUNA.", ".2"].into_iter().enumerate() {
        world.symbols[place] = symbol.to_owned();
    }
    world.params.universe_exclude = vec!["LUNA".to_owned(), String::new(), "S0005".to_owned()];
    assert_eq!(named(&world.decide(), Reason::Excluded), [0, 5]);
    world.params.universe_include = world.symbols[4..].to_vec();
    world.params.universe_include.push("LUNA".to_owned());
    world.params.universe_exclude.clear();
    assert_eq!(named(&world.decide(), Reason::NotIncluded), [1, 2, 3]);
}

#[test]
fn listing_age_and_death_count_from_their_own_moment() {
    let mut world = World::falling(12);
    world.params.age_min_days = 0.5;
    world.listed_ms[0] = world.close_ms - DAY_MS / 2;
    world.delisted_ms[1] = world.close_ms + 1;
    let mut decider = world.decider();
    let out = world.decide_with(&mut decider);
    assert_eq!(out.reason[..2], [Reason::Selected, Reason::Selected]);
    // The same decider back and forth in time: the calendar it keeps must turn with it.
    world.close_ms += HOUR_MS;
    assert_eq!(world.decide_with(&mut decider).reason[1], Reason::Delisted);
    world.close_ms -= 2 * HOUR_MS;
    assert_eq!(world.decide_with(&mut decider).reason[0], Reason::TooYoung);
    world.close_ms += HOUR_MS;
    assert_eq!(world.decide_with(&mut decider).reason, out.reason);
}

#[test]
fn a_stale_name_keeps_its_weight_until_it_has_been_absent_too_long() {
    let mut world = World::falling(12);
    world.held[0] = 0.2;
    world.close[0] = NAN;
    world.stale_bars[0] = 3;
    let out = world.decide();
    assert_eq!((out.weight_frac[0], out.reason[0]), (0.2, Reason::Stale));
    world.stale_bars[0] = 4;
    let out = world.decide();
    assert_eq!((out.weight_frac[0], out.reason[0]), (0.0, Reason::StaleTooLong));
    world.stale_bars[0] = 1;
    world.delisted_ms[0] = world.close_ms;
    let out = world.decide();
    assert_eq!((out.weight_frac[0], out.reason[0]), (0.0, Reason::Delisted));
}

#[test]
fn a_name_on_hold_is_left_alone_whatever_else_it_fails() {
    let mut world = World::falling(12);
    world.hold[11] = true;
    world.held[11] = 0.3;
    world.stale_bars[11] = 99;
    world.close[11] = NAN;
    world.delisted_ms[11] = world.close_ms;
    let out = world.decide();
    assert_eq!((out.weight_frac[11], out.reason[11]), (0.3, Reason::OperatorHold));
}

#[test]
fn it_is_easy_to_stay_a_member_and_harder_to_become_one() {
    let mut world = World::falling(12);
    world.params.universe_top_n = 4;
    world.params.universe_leave_x = 1.5;
    world.volume = (0..12).map(|i| 1e6 * f64::from(20 - i)).collect();
    world.decide();
    let members =
        |world: &World| -> Vec<usize> { (0..12).filter(|i| world.state.member[*i]).collect() };
    assert_eq!(members(&world), [0, 1, 2, 3]);
    // Name 9 becomes the largest: the old ones slip a rank, and stay.
    world.volume[9] = 1e9;
    world.decide();
    assert_eq!(members(&world), [0, 1, 2, 3, 9]);
    // Rank 7 is behind floor(1.5 · 4).
    world.volume[3] = 1e6 * 14.5;
    world.decide();
    assert_eq!(members(&world), [0, 1, 2, 9]);
    // Name 3 is back at rank 5: not enough to join.
    world.volume[3] = 1e6 * 17.5;
    assert_eq!(world.decide().reason[3], Reason::OutsideTopN);
    // Absence costs nobody the membership, another rule does; the next names move up.
    world.close[0] = NAN;
    world.delisted_ms[1] = world.close_ms;
    world.decide();
    assert_eq!(members(&world), [0, 2, 3, 4, 9]);
}

#[test]
fn equal_volumes_join_in_the_order_of_symbols() {
    let mut world = World::falling(12);
    world.params.universe_top_n = 5;
    world.decide();
    assert_eq!(world.state.member.iter().filter(|member| **member).count(), 5);
    assert!(world.state.member[..5].iter().all(|member| *member));
}

#[test]
fn sizing_equity_is_bounded_by_share_and_amount() {
    let mut world = World::falling(12);
    // K = 3 and gross 1.5: a quarter of sizing equity is typical.
    world.order_usdt_min.fill(0.0);
    world.order_usdt_min[5] = 1e4;
    assert_eq!(world.decide().reason[5], Reason::NotSelected);
    world.params.capital_frac = 0.79;
    assert_eq!(world.decide().reason[5], Reason::TooSmall);
    world.params.capital_frac = 1.0;
    world.params.capital_usdt_max = 0.79e5;
    assert_eq!(world.decide().reason[5], Reason::TooSmall);
    world.params.capital_usdt_max = 2e5;
    assert_eq!(world.decide().reason[5], Reason::NotSelected);
    // A minimum that nobody knows is not "none".
    world.order_usdt_min[5] = NAN;
    assert_eq!(world.decide().reason[5], Reason::TooSmall);
}

#[test]
fn majors_must_be_in_the_panel_only_where_they_are_used() {
    let mut world = World::falling(4);
    world.params.majors = vec!["BTC".to_owned()];
    let facts = |world: &World| {
        Facts::new(&world.symbols, &world.listed_ms, &world.delisted_ms, &world.params)
    };
    assert!(facts(&world).is_ok());
    for switch in [true, false] {
        world.params.majors_enabled = switch;
        world.params.router_enabled = !switch;
        let Err(KernelError::Param { name: "majors", what }) = facts(&world) else {
            panic!("a major that is not there was taken");
        };
        assert!(what.contains("BTC"));
    }
}

#[test]
fn dates_of_another_length_are_refused() {
    let world = World::falling(4);
    let facts = Facts::new(&world.symbols, &[0; 3], &world.delisted_ms, &world.params);
    assert!(matches!(facts, Err(KernelError::Shape { field: "listed_ms", .. })));
}
