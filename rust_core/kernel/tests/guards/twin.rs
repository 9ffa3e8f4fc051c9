//! Lives of a book, told by the slow twin that looks back at all history at every moment.

use serde_json::Value;
use xsmom_kernel::book::GuardAction;
use xsmom_kernel::guards::{GUARDS, Guard, Guards, Standing, Verdict};
use xsmom_kernel::params::{DailyLossBase, Params};

use super::life::Now;

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(float).collect()
}

fn whole(value: &Value) -> i64 {
    value.as_i64().expect("a whole number")
}

fn params(row: &Value) -> Params {
    Params {
        bar_ms: whole(&row["bar_ms"]),
        daily_loss_max_frac: float(&row["daily_loss_max_frac"]),
        daily_loss_base: DailyLossBase::High,
        daily_loss_pause_ms: whole(&row["daily_loss_pause_ms"]),
        emergency_loss_frac: float(&row["emergency_loss_frac"]),
        drawdown_max_frac: float(&row["drawdown_max_frac"]),
        drawdown_days: whole(&row["drawdown_days"]) as u32,
        longterm_drawdown_max_frac: float(&row["longterm_drawdown_max_frac"]),
        symbol_daily_loss_max_frac: float(&row["symbol_daily_loss_max_frac"]),
        trade_loss_max_frac: float(&row["trade_loss_max_frac"]),
        cvar_max_frac: float(&row["cvar_max_frac"]),
        stop_cluster_count: whole(&row["stop_cluster_count"]) as u32,
        stop_cluster_window_ms: whole(&row["stop_cluster_window_ms"]),
        stop_cluster_pause_ms: whole(&row["stop_cluster_pause_ms"]),
        ..Params::default()
    }
}

fn moment(row: &Value) -> Now {
    let rows = row["ret_window"].as_array().expect("rows");
    Now {
        at_ms: whole(&row["at_ms"]),
        unit_value: float(&row["unit_value"]),
        equity_usdt: float(&row["equity_usdt"]),
        symbol_result_usdt: floats(&row["symbol_result_usdt"]),
        trade_result_usdt: floats(&row["trade_result_usdt"]),
        exposure_frac: floats(&row["exposure_frac"]),
        ret_window: rows.iter().flat_map(floats).collect(),
    }
}

fn compare(found: &Verdict, guards: &Guards, expected: &Value, what: &str) {
    let action = match found.action {
        GuardAction::None => "none",
        GuardAction::BlockEntries => "block_entries",
        GuardAction::Flatten => "flatten",
    };
    assert_eq!(Some(action), expected["action"].as_str(), "{what}");
    let by = found.by.map(|guard: Guard| GUARDS[guard as usize].key);
    assert_eq!(by, expected["by"].as_str(), "{what}");
    for (at, reading) in found.readings.iter().enumerate() {
        let what = format!("{what} {}", GUARDS[at].key);
        let standing = match reading.standing {
            Standing::Off => "off",
            Standing::Clear => "clear",
            Standing::Fired => "fired",
            Standing::Unknown => "unknown",
        };
        assert_eq!(Some(standing), expected["standing"][at].as_str(), "{what}");
        assert_eq!(reading.until_ms, whole(&expected["until_ms"][at]), "{what}");
        let measure = float(&expected["measure"][at]);
        let same = (reading.measure.is_nan() && measure.is_nan())
            || (reading.measure - measure).abs() <= 1e-12;
        assert!(same, "{what}: {} is not {measure}", reading.measure);
    }
    for (i, symbol) in guards.symbols.iter().enumerate() {
        assert_eq!(symbol.paused_until_ms, whole(&expected["paused_until_ms"][i]), "{what}");
        assert_eq!(Some(symbol.close), expected["close"][i].as_bool(), "{what}");
    }
}

#[test]
fn the_twin_tells_the_same_story() {
    let text = include_str!("../../../../tests/vectors/guards_twin.json");
    let lives: Vec<Value> = serde_json::from_str(text).expect("cases are JSON");
    for (number, life) in lives.iter().enumerate() {
        let params = params(&life["params"]);
        let mut guards = Guards::new(2);
        let mut verdicts = life["verdicts"].as_array().expect("verdicts").iter();
        for event in life["events"].as_array().expect("events") {
            match event[0].as_str() {
                Some("stop") => guards.note_stop(whole(&event[1]), &params),
                Some("rearm") => {
                    let row = GUARDS.iter().find(|row| Some(row.key) == event[1].as_str());
                    guards.rearm(row.expect("a guard").guard);
                }
                _ => {
                    let now = moment(&event[1]);
                    let found = now.seen_by(&mut guards, &params);
                    let expected = verdicts.next().expect("one verdict a moment");
                    compare(&found, &guards, expected, &format!("life {number} at {}", now.at_ms));
                }
            }
        }
        assert!(verdicts.next().is_none());
    }
}
