//! Positions and their exits: one dictionary of arrays, one entry a symbol, in and out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::{Position, Side};
use xsmom_kernel::stops::{
    self as kernel, Advance, BarRow, ExitReason, RoundTrip, SymbolExit, Tick,
};

use crate::arrays::slice1;
use crate::enter::enter;
use crate::fields::{Bits, column, length, needed, optional, put, within};
use crate::params::PyParams;

/// Symbol, code of the reason, rung, lots, price, close of the bar.
type ExitRow = (usize, u8, u32, i64, f64, i64);
type Dict<'py> = Bound<'py, PyDict>;

/// Every reason of an exit as `{code: key}`; 0 is none.
#[pyfunction]
pub(crate) fn exit_reasons(py: Python<'_>) -> PyResult<Dict<'_>> {
    let dict = PyDict::new(py);
    for reason in ExitReason::ALL {
        dict.set_item(reason as u8, reason.key())?;
    }
    Ok(dict)
}

/// No position in any of `symbols` names.
#[pyfunction]
pub(crate) fn flat_positions(py: Python<'_>, symbols: usize) -> PyResult<Dict<'_>> {
    write_positions(py, &vec![Position::FLAT; symbols])
}

/// Advance the stops of all positions by a tick, the range of a bar, or its close.
#[pyfunction]
pub(crate) fn advance_stops<'py>(
    py: Python<'py>,
    positions: &Dict<'py>,
    event: &Dict<'py>,
    params: &PyParams,
) -> PyResult<(Dict<'py>, Vec<ExitRow>)> {
    let mut next = read_positions(positions)?;
    let symbols = next.len();
    let kind: String = needed(event, "kind")?;
    let mut exits = Vec::new();
    if kind == "tick" {
        let symbol = within("symbol", needed(event, "symbol")?, symbols)?;
        let tick = Tick { symbol, price: needed(event, "price")?, at_ms: needed(event, "at_ms")? };
        enter(py, || {
            kernel::advance_stops(&mut next, Advance::Tick(tick), &params.inner, &mut exits);
            Ok(())
        })?;
    } else {
        let bar = BarArrays::read(event, symbols)?;
        let row = bar.view()?;
        let with = match kind.as_str() {
            "range" => Advance::Range(&row),
            "close" => Advance::Close(&row),
            other => {
                let text = format!("kind is {other:?}, wants tick, range or close");
                return Err(PyValueError::new_err(text));
            }
        };
        enter(py, || {
            kernel::advance_stops(&mut next, with, &params.inner, &mut exits);
            Ok(())
        })?;
    }
    Ok((write_positions(py, &next)?, exits.into_iter().map(give_exit).collect()))
}

/// Fold one fill into the positions: the positions, the result of what it closed (price times lots),
/// and the round trip that it ended.
#[pyfunction]
#[pyo3(signature = (positions, symbol, lots, price, atr, at_ms, params))]
pub(crate) fn fold_fill<'py>(
    py: Python<'py>,
    positions: &Dict<'py>,
    symbol: usize,
    lots: i64,
    price: f64,
    atr: f64,
    at_ms: i64,
    params: &PyParams,
) -> PyResult<(Dict<'py>, f64, Option<Dict<'py>>)> {
    let mut next = read_positions(positions)?;
    let symbol = within("symbol", symbol, next.len())?;
    if !(price > 0.0 && price.is_finite()) {
        return Err(PyValueError::new_err(format!("price is {price}, wants a number above 0")));
    }
    let held = next[symbol].lots;
    if held.checked_add(lots).is_none_or(|sum| sum.unsigned_abs() > 1 << 53) {
        return Err(PyValueError::new_err(format!("{lots} lots on {held} are more than 2^53")));
    }
    let folded =
        enter(py, || Ok(kernel::fold_fill(&next[symbol], lots, price, atr, at_ms, &params.inner)))?;
    let before = std::mem::replace(&mut next[symbol], folded.position);
    let closed = folded.closed.map(|trip| give_trip(py, symbol, &trip)).transpose()?;
    // What the fill has not changed stays the array that was given.
    let given = positions.copy()?;
    write_changed(&given, &next, &before, &folded.position)?;
    Ok((given, folded.realised_price_lots, closed))
}

/// Lots that the rungs taken leave to each position; infinite where none was taken.
#[pyfunction]
pub(crate) fn rung_cap_lots<'py>(
    py: Python<'py>,
    positions: &Dict<'py>,
    params: &PyParams,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let positions = read_positions(positions)?;
    let cap = |position| kernel::rung_cap_lots(position, &params.inner);
    let caps: Vec<f64> =
        positions.iter().map(|one| cap(one).map_or(f64::INFINITY, |lots| lots as f64)).collect();
    Ok(caps.into_pyarray(py))
}

/// The fields of a bar that stops read.
struct BarArrays<'py> {
    close_ms: i64,
    prices: [PyReadonlyArray1<'py, f64>; 4],
    features: [Option<PyReadonlyArray1<'py, f64>>; 3],
    symbols: usize,
}

impl<'py> BarArrays<'py> {
    fn read(event: &Dict<'py>, symbols: usize) -> PyResult<Self> {
        let price = |name| needed(event, name);
        let bar = Self {
            close_ms: needed(event, "close_ms")?,
            prices: [price("open")?, price("high")?, price("low")?, price("close")?],
            features: [
                optional(event, "atr")?,
                optional(event, "trail_ma")?,
                optional(event, "slope_bps_day")?,
            ],
            symbols,
        };
        bar.view()?;
        Ok(bar)
    }

    fn view(&self) -> PyResult<BarRow<'_>> {
        let price = |at: usize, name| self.fit(name, slice1(name, &self.prices[at])?);
        let feature = |at: usize, name| match &self.features[at] {
            Some(array) => self.fit(name, slice1(name, array)?),
            None => Ok(&[][..]),
        };
        Ok(BarRow {
            close_ms: self.close_ms,
            open: price(0, "open")?,
            high: price(1, "high")?,
            low: price(2, "low")?,
            close: price(3, "close")?,
            atr: feature(0, "atr")?,
            trail_ma: feature(1, "trail_ma")?,
            slope_bps_day: feature(2, "slope_bps_day")?,
        })
    }

    fn fit<'a>(&self, name: &str, values: &'a [f64]) -> PyResult<&'a [f64]> {
        length(name, values.len(), self.symbols)?;
        Ok(values)
    }
}

fn give_exit(found: SymbolExit) -> ExitRow {
    let SymbolExit { symbol, exit } = found;
    (symbol, exit.reason as u8, exit.rung, exit.lots, exit.price, exit.bar_close_ms)
}

fn give_trip<'py>(py: Python<'py>, symbol: usize, trip: &RoundTrip) -> PyResult<Dict<'py>> {
    let dict = PyDict::new(py);
    dict.set_item("symbol", symbol)?;
    dict.set_item("side", if trip.side == Side::Long { 1 } else { -1 })?;
    dict.set_item("lots_max", trip.lots_max)?;
    dict.set_item("entry_price", trip.entry_price)?;
    dict.set_item("exit_price", trip.exit_price)?;
    dict.set_item("opened_ms", trip.opened_ms)?;
    dict.set_item("closed_ms", trip.closed_ms)?;
    dict.set_item("realised_price_lots", trip.realised_price_lots)?;
    dict.set_item("funding_usdt_cum", trip.funding_usdt_cum)?;
    dict.set_item("exit", trip.exit.map(ExitReason::key))?;
    Ok(dict)
}

/// Declares how each plain field of a `Position` crosses, both ways, under its own name.
macro_rules! position_fields {
    ($($field:ident: $kind:ty),+ $(,)?) => {
        fn read_plain(dict: &Dict<'_>, positions: &mut [Position]) -> PyResult<()> {
            $(
                let values = column::<$kind>(dict, stringify!($field), positions.len())?;
                positions.iter_mut().zip(values).for_each(|(one, value)| one.$field = value);
            )+
            Ok(())
        }

        fn write_plain(dict: &Dict<'_>, positions: &[Position]) -> PyResult<()> {
            $( put::<$kind>(dict, stringify!($field), positions.iter().map(|one| one.$field))?; )+
            Ok(())
        }

        /// The fields that differ between one position's `before` and `after`, for all of them.
        fn write_changed_plain(
            dict: &Dict<'_>,
            positions: &[Position],
            before: &Position,
            after: &Position,
        ) -> PyResult<()> {
            $(
                if !before.$field.same(after.$field) {
                    let values = positions.iter().map(|one| one.$field);
                    put::<$kind>(dict, stringify!($field), values)?;
                }
            )+
            Ok(())
        }
    };
}

position_fields!(
    lots: i64,
    lots_initial: i64,
    entry_price: f64,
    cost_price_lots: f64,
    realised_price_lots: f64,
    entry_atr: f64,
    r_usdt: f64,
    best_price: f64,
    stop_price: f64,
    stop_moved_ms: i64,
    breakeven_latched: bool,
    lock_step: u32,
    rungs_hit: u32,
    opened_ms: i64,
    funding_usdt_cum: f64,
    basis_bps_entry: f64,
    hold: bool,
);

/// Positions from their dictionary; `lots` says how many there are.
pub(crate) fn read_positions(dict: &Dict<'_>) -> PyResult<Vec<Position>> {
    let lots: PyReadonlyArray1<'_, i64> = needed(dict, "lots")?;
    let mut positions = vec![Position::FLAT; slice1("lots", &lots)?.len()];
    read_plain(dict, &mut positions)?;
    let codes = |name| column::<u8>(dict, name, positions.len());
    let (stop_by, closing) = (codes("stop_by")?, codes("closing")?);
    for (position, (stop_by, closing)) in positions.iter_mut().zip(stop_by.iter().zip(&closing)) {
        position.stop_by = read_reason("stop_by", *stop_by)?;
        position.closing = read_reason("closing", *closing)?;
    }
    Ok(positions)
}

/// Positions as their dictionary.
pub(crate) fn write_positions<'py>(py: Python<'py>, positions: &[Position]) -> PyResult<Dict<'py>> {
    let dict = PyDict::new(py);
    write_plain(&dict, positions)?;
    write_stop_by(&dict, positions)?;
    write_closing(&dict, positions)?;
    Ok(dict)
}

fn write_changed(
    dict: &Dict<'_>,
    positions: &[Position],
    before: &Position,
    after: &Position,
) -> PyResult<()> {
    write_changed_plain(dict, positions, before, after)?;
    if before.stop_by != after.stop_by {
        write_stop_by(dict, positions)?;
    }
    if before.closing != after.closing {
        write_closing(dict, positions)?;
    }
    Ok(())
}

fn write_stop_by(dict: &Dict<'_>, positions: &[Position]) -> PyResult<()> {
    put::<u8>(dict, "stop_by", positions.iter().map(|one| code(one.stop_by)))
}

fn write_closing(dict: &Dict<'_>, positions: &[Position]) -> PyResult<()> {
    put::<u8>(dict, "closing", positions.iter().map(|one| code(one.closing)))
}

fn code(reason: Option<ExitReason>) -> u8 {
    reason.map_or(0, |reason| reason as u8)
}

pub(crate) fn read_reason(name: &str, code: u8) -> PyResult<Option<ExitReason>> {
    if code == 0 {
        return Ok(None);
    }
    let found = ExitReason::ALL.into_iter().find(|reason| *reason as u8 == code);
    found.map(Some).ok_or_else(|| {
        let most = ExitReason::ALL.len();
        PyValueError::new_err(format!("{name} holds {code}, wants 0 to {most}"))
    })
}
