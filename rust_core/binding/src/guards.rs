//! Guards and records: their state as a dictionary, in and out.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::Side;
use xsmom_kernel::guards::{GUARDS, Guard, Guards, Moment, Standing, SymbolDay, Verdict};
use xsmom_kernel::records::{Records, SymbolRecord};

use crate::arrays::slice2;
use crate::enter::enter;
use crate::fields::{
    action_name, column, length, list, needed, optional, pairs, put, put_changed, within,
};
use crate::params::PyParams;

type Dict<'py> = Bound<'py, PyDict>;
type Table<'py, T> = Bound<'py, PyArray2<T>>;

/// Guards that have seen nothing.
#[pyfunction]
pub(crate) fn new_guards(py: Python<'_>, symbols: usize) -> PyResult<Dict<'_>> {
    write_guards(py, &Guards::new(symbols))
}

/// Take in a moment: the next state, and what is allowed.
#[pyfunction]
pub(crate) fn evaluate_guards<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    moment: &Dict<'py>,
    params: &PyParams,
) -> PyResult<(Dict<'py>, Dict<'py>)> {
    let mut next = read_guards(state)?;
    let symbols = next.symbols.len();
    let symbol_result_usdt: Vec<f64> = column(moment, "symbol_result_usdt", symbols)?;
    let trade_result_usdt: Vec<f64> = column(moment, "trade_result_usdt", symbols)?;
    let exposure_frac: Vec<f64> = column(moment, "exposure_frac", symbols)?;
    let window: Option<PyReadonlyArray2<'_, f64>> = optional(moment, "ret_window")?;
    let (ret_window, ret_rows) = match &window {
        Some(array) => (slice2("ret_window", array)?, array.as_array().nrows()),
        None => (&[][..], 0),
    };
    length("ret_window", ret_window.len(), ret_rows * symbols)?;
    let seen = Moment {
        at_ms: needed(moment, "at_ms")?,
        unit_value: needed(moment, "unit_value")?,
        equity_usdt: needed(moment, "equity_usdt")?,
        symbol_result_usdt: &symbol_result_usdt,
        trade_result_usdt: &trade_result_usdt,
        exposure_frac: &exposure_frac,
        ret_window,
        ret_rows,
    };
    let verdict = enter(py, || Ok(next.evaluate(&seen, &params.inner, &mut Vec::new())))?;
    Ok((write_guards(py, &next)?, give_verdict(py, &verdict)?))
}

/// A protective stop closed a position: the next state.
#[pyfunction]
pub(crate) fn note_guard_stop<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    at_ms: i64,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    let mut next = read_guards(state)?;
    next.note_stop(at_ms, &params.inner);
    write_guards(py, &next)
}

/// The operator lets a latched guard go: the next state, and whether it was latched.
#[pyfunction]
pub(crate) fn rearm_guard<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    guard: &str,
) -> PyResult<(Dict<'py>, bool)> {
    let mut next = read_guards(state)?;
    let latching = [Guard::Drawdown, Guard::LongtermDrawdown];
    let rows = GUARDS.iter().filter(|row| latching.contains(&row.guard));
    let Some(row) = rows.into_iter().find(|row| row.key == guard) else {
        let text = format!("guard is {guard:?}, wants drawdown or longterm_drawdown");
        return Err(PyValueError::new_err(text));
    };
    let latched = next.rearm(row.guard);
    Ok((write_guards(py, &next)?, latched))
}

/// The table of guards: `{key: (limit, measure, action, reset)}`.
#[pyfunction]
pub(crate) fn guard_table(py: Python<'_>) -> PyResult<Dict<'_>> {
    let dict = PyDict::new(py);
    for row in &GUARDS {
        dict.set_item(row.key, (row.limit, row.measure, row.action, row.reset))?;
    }
    Ok(dict)
}

fn give_verdict<'py>(py: Python<'py>, verdict: &Verdict) -> PyResult<Dict<'py>> {
    let readings = PyDict::new(py);
    for (row, reading) in GUARDS.iter().zip(&verdict.readings) {
        let standing = match reading.standing {
            Standing::Off => "off",
            Standing::Clear => "clear",
            Standing::Fired => "fired",
            Standing::Unknown => "unknown",
        };
        readings.set_item(row.key, (standing, reading.measure, reading.limit, reading.until_ms))?;
    }
    let key = |guard: Guard| GUARDS.iter().find(|row| row.guard == guard).map(|row| row.key);
    let dict = PyDict::new(py);
    dict.set_item("action", action_name(verdict.action))?;
    dict.set_item("by", verdict.by.and_then(key))?;
    dict.set_item("readings", readings)?;
    Ok(dict)
}

fn read_guards(dict: &Dict<'_>) -> PyResult<Guards> {
    let open: Vec<f64> = list(dict, "open_result_usdt")?;
    let symbols = open.len();
    let last: Vec<f64> = column(dict, "last_result_usdt", symbols)?;
    let paused: Vec<i64> = column(dict, "paused_until_ms", symbols)?;
    let close: Vec<bool> = column(dict, "close", symbols)?;
    let days: Vec<i64> = list(dict, "high_day")?;
    let highs: Vec<f64> = column(dict, "high_value", days.len())?;
    let day = (0..symbols).map(|i| SymbolDay {
        open_result_usdt: open[i],
        last_result_usdt: last[i],
        paused_until_ms: paused[i],
        close: close[i],
    });
    Ok(Guards {
        day: needed(dict, "day")?,
        last_value: needed(dict, "last_value")?,
        last_equity_usdt: needed(dict, "last_equity_usdt")?,
        day_open_value: needed(dict, "day_open_value")?,
        day_high_value: needed(dict, "day_high_value")?,
        day_open_equity_usdt: needed(dict, "day_open_equity_usdt")?,
        daily_loss_spent: needed(dict, "daily_loss_spent")?,
        flat_until_ms: needed(dict, "flat_until_ms")?,
        emergency_until_ms: needed(dict, "emergency_until_ms")?,
        highs: days.into_iter().zip(highs).collect(),
        today_high_value: needed(dict, "today_high_value")?,
        drawdown_latched: needed(dict, "drawdown_latched")?,
        peak_value: needed(dict, "peak_value")?,
        longterm_latched: needed(dict, "longterm_latched")?,
        stops_ms: list(dict, "stops_ms")?,
        cluster_until_ms: needed(dict, "cluster_until_ms")?,
        results_known: needed(dict, "results_known")?,
        symbols: day.collect(),
    })
}

fn write_guards<'py>(py: Python<'py>, guards: &Guards) -> PyResult<Dict<'py>> {
    let dict = PyDict::new(py);
    dict.set_item("day", guards.day)?;
    dict.set_item("last_value", guards.last_value)?;
    dict.set_item("last_equity_usdt", guards.last_equity_usdt)?;
    dict.set_item("day_open_value", guards.day_open_value)?;
    dict.set_item("day_high_value", guards.day_high_value)?;
    dict.set_item("day_open_equity_usdt", guards.day_open_equity_usdt)?;
    dict.set_item("daily_loss_spent", guards.daily_loss_spent)?;
    dict.set_item("flat_until_ms", guards.flat_until_ms)?;
    dict.set_item("emergency_until_ms", guards.emergency_until_ms)?;
    dict.set_item("today_high_value", guards.today_high_value)?;
    dict.set_item("drawdown_latched", guards.drawdown_latched)?;
    dict.set_item("peak_value", guards.peak_value)?;
    dict.set_item("longterm_latched", guards.longterm_latched)?;
    dict.set_item("cluster_until_ms", guards.cluster_until_ms)?;
    dict.set_item("results_known", guards.results_known)?;
    put(&dict, "high_day", guards.highs.iter().map(|(day, _)| *day))?;
    put(&dict, "high_value", guards.highs.iter().map(|(_, value)| *value))?;
    put(&dict, "stops_ms", guards.stops_ms.iter().copied())?;
    let symbols = || guards.symbols.iter();
    put(&dict, "open_result_usdt", symbols().map(|one| one.open_result_usdt))?;
    put(&dict, "last_result_usdt", symbols().map(|one| one.last_result_usdt))?;
    put(&dict, "paused_until_ms", symbols().map(|one| one.paused_until_ms))?;
    put(&dict, "close", symbols().map(|one| one.close))?;
    Ok(dict)
}

/// Records of nothing.
#[pyfunction]
pub(crate) fn new_records(py: Python<'_>, symbols: usize) -> PyResult<Dict<'_>> {
    write_records(py, &Records::new(symbols))
}

/// A protective stop closed a side of a symbol: the next records, and the next flags of re-entry.
#[pyfunction]
pub(crate) fn note_stop<'py>(
    py: Python<'py>,
    records: &Dict<'py>,
    state: &Dict<'py>,
    symbol: usize,
    side: i64,
    bar_close_ms: i64,
    params: &PyParams,
) -> PyResult<(Dict<'py>, Bound<'py, PyArray2<bool>>)> {
    let before = read_records(records)?;
    let mut next = before.clone();
    let symbols = next.symbols.len();
    let mut flags = pairs(state, "awaiting_reentry", symbols)?;
    let symbol = within("symbol", symbol, symbols)?;
    let Some(side) = Side::of(side as f64) else {
        return Err(PyValueError::new_err("side is 0, wants 1 (long) or -1 (short)"));
    };
    next.note_stop(symbol, side, bar_close_ms, &params.inner, &mut flags[symbol]);
    let flags = flags.as_flattened().to_vec().into_pyarray(py).reshape([symbols, 2])?;
    Ok((write_changed(records, &before, &next)?, flags))
}

/// A round trip ended: the next records.
#[pyfunction]
pub(crate) fn note_round_trip<'py>(
    records: &Dict<'py>,
    symbol: usize,
    net_usdt: f64,
    bar_close_ms: i64,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    let before = read_records(records)?;
    let mut next = before.clone();
    let symbol = within("symbol", symbol, next.symbols.len())?;
    next.note_round_trip(symbol, net_usdt, bar_close_ms, &params.inner);
    write_changed(records, &before, &next)
}

/// Until when, and why, each side is barred from entries decided at `close_ms`: as a book has it.
#[pyfunction]
pub(crate) fn barred<'py>(
    py: Python<'py>,
    records: &Dict<'py>,
    close_ms: i64,
) -> PyResult<(Table<'py, i64>, Table<'py, u8>)> {
    let records = read_records(records)?;
    let symbols = records.symbols.len();
    let found: Vec<_> = (0..symbols).map(|i| records.barred(i, close_ms)).collect();
    let until: Vec<i64> = found.iter().flat_map(|(until, _)| *until).collect();
    let by: Vec<u8> = found.iter().flat_map(|(_, by)| by.map(|bar| bar as u8)).collect();
    let until = until.into_pyarray(py).reshape([symbols, 2])?;
    Ok((until, by.into_pyarray(py).reshape([symbols, 2])?))
}

fn read_records(dict: &Dict<'_>) -> PyResult<Records> {
    let wins: Vec<u32> = list(dict, "wins")?;
    let symbols = wins.len();
    let losses: Vec<u32> = column(dict, "losses", symbols)?;
    let gain: Vec<f64> = column(dict, "gain_usdt", symbols)?;
    let loss: Vec<f64> = column(dict, "loss_usdt", symbols)?;
    let streak: Vec<u32> = column(dict, "streak", symbols)?;
    let mut records = Records::new(symbols);
    if symbols > 0 {
        let until: PyReadonlyArray3<'_, i64> = needed(dict, "until_ms")?;
        let until = until.as_array();
        if until.shape() != [symbols, 4, 2] {
            let text = format!("until_ms has shape {:?}, wants ({symbols}, 4, 2)", until.shape());
            return Err(PyValueError::new_err(text));
        }
        for (i, record) in records.symbols.iter_mut().enumerate() {
            *record = SymbolRecord {
                wins: wins[i],
                losses: losses[i],
                gain_usdt: gain[i],
                loss_usdt: loss[i],
                streak: streak[i],
                until_ms: [0, 1, 2, 3].map(|kind| [until[[i, kind, 0]], until[[i, kind, 1]]]),
            };
        }
    }
    records.book_streak = needed(dict, "book_streak")?;
    records.book_until_ms = needed(dict, "book_until_ms")?;
    Ok(records)
}

fn write_records<'py>(py: Python<'py>, records: &Records) -> PyResult<Dict<'py>> {
    let dict = PyDict::new(py);
    let symbols = || records.symbols.iter();
    put(&dict, "wins", symbols().map(|one| one.wins))?;
    put(&dict, "losses", symbols().map(|one| one.losses))?;
    put(&dict, "gain_usdt", symbols().map(|one| one.gain_usdt))?;
    put(&dict, "loss_usdt", symbols().map(|one| one.loss_usdt))?;
    put(&dict, "streak", symbols().map(|one| one.streak))?;
    write_until(&dict, records)?;
    write_book(&dict, records)?;
    Ok(dict)
}

/// The records as they are `after`, with every array of `given` that they have not changed.
fn write_changed<'py>(given: &Dict<'py>, before: &Records, after: &Records) -> PyResult<Dict<'py>> {
    let dict = given.copy()?;
    let (old, new) = (|| before.symbols.iter(), || after.symbols.iter());
    put_changed(&dict, "wins", old().map(|one| one.wins), new().map(|one| one.wins))?;
    put_changed(&dict, "losses", old().map(|one| one.losses), new().map(|one| one.losses))?;
    put_changed(
        &dict,
        "gain_usdt",
        old().map(|one| one.gain_usdt),
        new().map(|one| one.gain_usdt),
    )?;
    put_changed(
        &dict,
        "loss_usdt",
        old().map(|one| one.loss_usdt),
        new().map(|one| one.loss_usdt),
    )?;
    put_changed(&dict, "streak", old().map(|one| one.streak), new().map(|one| one.streak))?;
    if old().zip(new()).any(|(old, new)| old.until_ms != new.until_ms) {
        write_until(&dict, after)?;
    }
    write_book(&dict, after)?;
    Ok(dict)
}

fn write_until(dict: &Dict<'_>, records: &Records) -> PyResult<()> {
    let symbols = &records.symbols;
    let until: Vec<i64> = symbols.iter().flat_map(|one| one.until_ms).flatten().collect();
    dict.set_item("until_ms", until.into_pyarray(dict.py()).reshape([symbols.len(), 4, 2])?)
}

fn write_book(dict: &Dict<'_>, records: &Records) -> PyResult<()> {
    dict.set_item("book_streak", records.book_streak)?;
    dict.set_item("book_until_ms", records.book_until_ms)
}
