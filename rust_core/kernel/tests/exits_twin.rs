//! The kernel's exits and records against the slow Python twin (tests/oracle), event by event.

use serde_json::Value;
use xsmom_kernel::book::{Bar, Position, Side};
use xsmom_kernel::params::{LadderUnit, Params, StreakScope, TrailKind};
use xsmom_kernel::records::Records;
use xsmom_kernel::stops::{
    BarRange, CloseFeatures, Exit, ExitReason, close_bar, fold_fill, mark_touched, touch_bar,
    touch_tick,
};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/exits_twin.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn pairs(value: &Value) -> Vec<(f64, f64)> {
    value.as_array().unwrap().iter().map(|pair| (number(&pair[0]), number(&pair[1]))).collect()
}

/// Parameters of a case: the fields that its file names, over the neutral ones.
fn params_of(case: &Value) -> Params {
    let mut p = Params::default();
    for (name, value) in case["params"].as_object().unwrap() {
        let whole = || u32::try_from(value.as_u64().unwrap()).unwrap();
        match name.as_str() {
            "bar_ms" => p.bar_ms = value.as_i64().unwrap(),
            "stop_atr_x" => p.stop_atr_x = number(value),
            "catastrophic_atr_x" => p.catastrophic_atr_x = number(value),
            "trailing_enabled" => p.trailing_enabled = value.as_bool().unwrap(),
            "trail_kind" if value == "ma_atr" => p.trail_kind = TrailKind::MaAtr,
            "trail_kind" => p.trail_kind = TrailKind::Chandelier,
            "trail_atr_x" => p.trail_atr_x = number(value),
            "breakeven_after_r" => p.breakeven_after_r = number(value),
            "profit_locks_r" => p.profit_locks_r = pairs(value),
            "ladder_unit" if value == "r" => p.ladder_unit = LadderUnit::R,
            "ladder_unit" => p.ladder_unit = LadderUnit::PriceFrac,
            "ladder" => p.ladder = pairs(value),
            "no_progress_bars" => p.no_progress_bars = whole(),
            "no_progress_min_r" => p.no_progress_min_r = number(value),
            "hold_bars_max" => p.hold_bars_max = whole(),
            "regime_flip_exit" => p.regime_flip_exit = value.as_bool().unwrap(),
            "regime_slope_min_bps_day" => p.regime_slope_min_bps_day = number(value),
            "stop_move_min_frac" => p.stop_move_min_frac = number(value),
            "stop_move_min_ms" => p.stop_move_min_ms = value.as_i64().unwrap(),
            "cooldown_bars" => p.cooldown_bars = whole(),
            "streak_losses" => p.streak_losses = whole(),
            "streak_pause_ms" => p.streak_pause_ms = value.as_i64().unwrap(),
            "streak_scope" if value == "book" => p.streak_scope = StreakScope::Book,
            "streak_scope" => p.streak_scope = StreakScope::Symbol,
            "symbol_score_enabled" => p.symbol_score_enabled = value.as_bool().unwrap(),
            "symbol_score_min_trades" => p.symbol_score_min_trades = whole(),
            "symbol_score_ban_ms" => p.symbol_score_ban_ms = value.as_i64().unwrap(),
            other => panic!("the file names {other}, which this test does not know"),
        }
    }
    p.validate().unwrap();
    p
}

fn bar_of(event: &Value) -> BarRange {
    BarRange {
        open_ms: event["open_ms"].as_i64().unwrap(),
        close_ms: event["close_ms"].as_i64().unwrap(),
        open: number(&event["open"]),
        high: number(&event["high"]),
        low: number(&event["low"]),
        close: number(&event["close"]),
    }
}

/// What one event does, in the words of the twin.
fn play(position: &mut Position, event: &Value, params: &Params) -> (Vec<Exit>, Vec<Value>) {
    let mut trips = Vec::new();
    let mut fold = |position: &mut Position, lots: i64, price: f64, atr: f64, at_ms: i64| {
        let folded = fold_fill(position, lots, price, atr, at_ms, params);
        *position = folded.position;
        if let Some(trip) = folded.closed {
            trips.push(serde_json::json!({
                "side": trip.side.sign(), "lots_max": trip.lots_max, "entry_price": trip.entry_price,
                "exit_price": trip.exit_price, "opened_ms": trip.opened_ms,
                "closed_ms": trip.closed_ms, "realised_price_lots": trip.realised_price_lots,
                "exit": trip.exit.map(ExitReason::key),
            }));
        }
    };
    let at_ms = || event["at_ms"].as_i64().unwrap();
    let exits = match event["kind"].as_str().unwrap() {
        "fill" => {
            let lots = event["lots"].as_i64().unwrap();
            fold(position, lots, number(&event["price"]), number(&event["atr"]), at_ms());
            Vec::new()
        }
        "close" => {
            let features = CloseFeatures {
                atr: number(&event["atr"]),
                trail_ma: number(&event["trail_ma"]),
                slope_bps_day: number(&event["slope_bps_day"]),
            };
            close_bar(position, &bar_of(event), &features, params).into_iter().collect()
        }
        kind => {
            let (touched, filled_ms) = if kind == "tick" {
                (touch_tick(position, number(&event["price"]), at_ms(), params), at_ms())
            } else {
                let bar = bar_of(event);
                (touch_bar(position, &bar, params), bar.close_ms)
            };
            mark_touched(position, &touched);
            for exit in touched.iter() {
                fold(position, exit.lots, exit.price, f64::NAN, filled_ms);
            }
            touched.to_vec()
        }
    };
    (exits, trips)
}

fn position_as_json(p: &Position) -> Value {
    let key = |reason: Option<ExitReason>| reason.map(ExitReason::key);
    serde_json::json!({
        "lots": p.lots, "lots_initial": p.lots_initial, "entry_price": p.entry_price,
        "cost_price_lots": p.cost_price_lots, "realised_price_lots": p.realised_price_lots,
        "entry_atr": p.entry_atr, "r_usdt": p.r_usdt, "best_price": p.best_price,
        "stop_price": p.stop_price, "stop_by": key(p.stop_by), "stop_moved_ms": p.stop_moved_ms,
        "breakeven_latched": p.breakeven_latched, "lock_step": p.lock_step,
        "rungs_hit": p.rungs_hit, "closing": key(p.closing), "opened_ms": p.opened_ms,
        "hold": p.hold,
    })
}

/// Equal, numbers to 1e-12 of their size.
fn assert_same(found: &Value, wanted: &Value, place: &str) {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            assert_eq!(found.len(), wanted.len(), "{place}: {found:?} against {wanted:?}");
            for (name, value) in wanted {
                assert_same(&found[name], value, &format!("{place}.{name}"));
            }
        }
        (Value::Number(found), Value::Number(wanted)) => {
            let (a, b) = (found.as_f64().unwrap(), wanted.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1e-6), "{place}: {a} against {b}");
        }
        _ => assert_eq!(found, wanted, "{place}"),
    }
}

#[test]
fn exits_agree_with_the_twin_event_by_event() {
    let vectors = vectors();
    let cases = vectors["exits"].as_array().unwrap();
    let mut reasons = std::collections::BTreeSet::new();
    for (number, case) in cases.iter().enumerate() {
        let params = params_of(case);
        let mut position = Position::FLAT;
        let mut wanted_position = position_as_json(&position);
        let events = case["events"].as_array().unwrap();
        for (step, (event, record)) in
            events.iter().zip(case["records"].as_array().unwrap()).enumerate()
        {
            let place = format!("case {number}, event {step}");
            let (exits, trips) = play(&mut position, event, &params);
            let wanted_exits = record["exits"].as_array().unwrap();
            assert_eq!(exits.len(), wanted_exits.len(), "{place}: {exits:?}");
            for (exit, wanted) in exits.iter().zip(wanted_exits) {
                reasons.insert(exit.reason.key());
                let found = serde_json::json!({
                    "reason": exit.reason.key(), "rung": exit.rung, "lots": exit.lots,
                    "price": exit.price, "bar_close_ms": exit.bar_close_ms,
                });
                assert_same(&found, wanted, &place);
            }
            let wanted_trips = record["round_trips"].as_array().unwrap();
            assert_eq!(trips.len(), wanted_trips.len(), "{place}");
            for (trip, wanted) in trips.iter().zip(wanted_trips) {
                assert_same(trip, wanted, &place);
            }
            for (name, value) in record["position"].as_object().unwrap() {
                wanted_position[name] = value.clone();
            }
            assert_same(&position_as_json(&position), &wanted_position, &place);
        }
    }
    assert_eq!(reasons.len(), 10, "the cases reach only {reasons:?}");
}

#[test]
fn records_agree_with_the_twin_event_by_event() {
    let vectors = vectors();
    for (number, case) in vectors["records"].as_array().unwrap().iter().enumerate() {
        let params = params_of(case);
        let mut records = Records::new(3);
        let told = case["barred"].as_array().unwrap();
        for (step, (event, wanted)) in
            case["events"].as_array().unwrap().iter().zip(told).enumerate()
        {
            let symbol = usize::try_from(event["symbol"].as_u64().unwrap()).unwrap();
            let at_ms = event["at_ms"].as_i64().unwrap();
            if event["kind"] == "stop" {
                let side = Side::BOTH[usize::try_from(event["side"].as_u64().unwrap()).unwrap()];
                records.note_stop(symbol, side, at_ms, &params, &mut [false; 2]);
            } else {
                let net_usdt = event["net_usdt"].as_f64().unwrap();
                records.note_round_trip(symbol, net_usdt, at_ms, &params);
            }
            let mut until_ms = [[0; 2]; 3];
            let mut by = [[Bar::None; 2]; 3];
            records.write_barred(at_ms, &mut until_ms, &mut by);
            for (which, (until, by)) in until_ms.iter().zip(by).enumerate() {
                for side in 0..2 {
                    let found = serde_json::json!([until[side], key(by[side])]);
                    let wanted = &wanted[which][side];
                    assert_eq!(&found, wanted, "case {number}, event {step}, symbol {which}");
                }
            }
        }
    }
}

fn key(bar: Bar) -> Option<&'static str> {
    match bar {
        Bar::None => None,
        Bar::Cooldown => Some("cooldown"),
        Bar::Banned => Some("banned"),
        Bar::Streak => Some("streak"),
        Bar::SymbolLoss => Some("symbol_loss"),
    }
}
