//! One decision from one row of features: dictionaries of arrays in, weights and reasons out.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::{Bar, BookRow, DecisionState, GuardAction};
use xsmom_kernel::decide::decide_once;
use xsmom_kernel::reason::Reason;
use xsmom_kernel::row::FeatureRow;

use crate::arrays::{slice1, slice2};
use crate::enter::enter;
use crate::fields::{length, needed, optional, pairs, read_action};
use crate::params::PyParams;

type Weights<'py> = Bound<'py, PyArray1<f64>>;
type Reasons<'py> = Bound<'py, PyArray1<u8>>;

/// Every reason as `{code: (key, sentence)}`.
#[pyfunction]
pub(crate) fn reasons(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for reason in Reason::ALL {
        dict.set_item(*reason as u8, (reason.key(), reason.text().trim()))?;
    }
    Ok(dict)
}

/// The state before the first decision.
#[pyfunction]
pub(crate) fn new_state<'py>(
    py: Python<'py>,
    symbols: usize,
    params: &PyParams,
) -> PyResult<Bound<'py, PyDict>> {
    write_state(py, DecisionState::new(symbols, params.inner.tranches as usize), symbols)
}

/// Decide one row: returns the weights, the reason codes and the next state.
#[pyfunction]
pub(crate) fn decide<'py>(
    py: Python<'py>,
    row: &Bound<'py, PyDict>,
    book: &Bound<'py, PyDict>,
    state: &Bound<'py, PyDict>,
    params: &PyParams,
    facts: FactArrays<'py>,
) -> PyResult<(Weights<'py>, Reasons<'py>, Bound<'py, PyDict>)> {
    let symbols = facts.symbols.len();
    let row = RowArrays::read(row, symbols)?;
    let book = BookArrays::read(book, symbols)?;
    let mut next = read_state(state, symbols, params.inner.tranches as usize)?;
    let (row_view, book_view) = (row.view()?, book.view()?);
    let (listed, delisted) =
        (slice1("listed_ms", &facts.listed_ms)?, slice1("delisted_ms", &facts.delisted_ms)?);
    let names = &facts.symbols;
    let targets = enter(py, || {
        decide_once(names, listed, delisted, &row_view, &book_view, &mut next, &params.inner)
    })?;
    let codes: Vec<u8> = targets.reason.iter().map(|reason| *reason as u8).collect();
    let state = write_state(py, next, symbols)?;
    Ok((targets.weight_frac.into_pyarray(py), codes.into_pyarray(py), state))
}

/// What a decision must know of the names beside their rows.
#[derive(FromPyObject)]
pub(crate) struct FactArrays<'py> {
    symbols: Vec<String>,
    listed_ms: PyReadonlyArray1<'py, i64>,
    delisted_ms: PyReadonlyArray1<'py, i64>,
}

pub(crate) struct RowArrays<'py> {
    close_ms: i64,
    fields: Vec<Option<PyReadonlyArray1<'py, f64>>>,
    /// Squares of the field `sigma`; the root of a square is the number again, to the bit.
    variance: Vec<f64>,
    moves: Option<PyReadonlyArray2<'py, f64>>,
    ret_window: Option<PyReadonlyArray2<'py, f64>>,
    market: [f64; 4],
}

/// One-dimensional features in the order in which `RowArrays::view` takes them.
const ROW_FIELDS: [&str; 13] = [
    "close",
    "score",
    "trend",
    "sigma",
    "atr",
    "trail_ma",
    "slope_bps_day",
    "adx",
    "breakout",
    "beta",
    "funding_frac",
    "dollar_volume_usdt",
    "adv_usdt",
];
const MARKET_FIELDS: [&str; 4] =
    ["vol_ratio", "dispersion_ratio", "implied_corr", "router_dispersion_bps"];

impl<'py> RowArrays<'py> {
    pub(crate) fn read(dict: &Bound<'py, PyDict>, symbols: usize) -> PyResult<Self> {
        let mut fields = Vec::with_capacity(ROW_FIELDS.len());
        for name in ROW_FIELDS {
            let array: Option<PyReadonlyArray1<'py, f64>> = optional(dict, name)?;
            if let Some(array) = &array {
                length(name, slice1("row", array)?.len(), symbols)?;
            }
            fields.push(array);
        }
        let sigma = ROW_FIELDS.iter().position(|name| *name == "sigma");
        let variance = match sigma.and_then(|at| fields[at].as_ref()) {
            Some(array) => slice1("row", array)?.iter().map(|sigma| sigma * sigma).collect(),
            None => Vec::new(),
        };
        let mut market = [f64::NAN; 4];
        for (slot, name) in market.iter_mut().zip(MARKET_FIELDS) {
            if let Some(value) = optional(dict, name)? {
                *slot = value;
            }
        }
        Ok(Self {
            close_ms: needed(dict, "close_ms")?,
            fields,
            variance,
            moves: optional(dict, "moves")?,
            ret_window: optional(dict, "ret_window")?,
            market,
        })
    }

    pub(crate) fn view(&self) -> PyResult<FeatureRow<'_>> {
        let mut slices: [&[f64]; 13] = [&[]; 13];
        for (slot, field) in slices.iter_mut().zip(&self.fields) {
            if let Some(array) = field {
                *slot = slice1("row", array)?;
            }
        }
        let [close, score, trend, _, atr, trail_ma, slope, adx, rest @ ..] = slices;
        let [breakout, beta, funding_frac, dollar_volume_usdt, adv_usdt] = rest;
        let (ret_window, ret_rows) = match &self.ret_window {
            Some(array) => (slice2("ret_window", array)?, array.as_array().nrows()),
            None => (&[][..], 0),
        };
        let moves = self.moves.as_ref().map_or(Ok(&[][..]), |array| slice2("moves", array))?;
        let [vol_ratio, dispersion_ratio, implied_corr, router_dispersion_bps] = self.market;
        Ok(FeatureRow {
            close_ms: self.close_ms,
            close,
            score,
            moves,
            trend,
            variance: &self.variance,
            atr,
            trail_ma,
            slope_bps_day: slope,
            adx,
            breakout,
            beta,
            funding_frac,
            dollar_volume_usdt,
            adv_usdt,
            ret_window,
            ret_rows,
            vol_ratio,
            dispersion_ratio,
            implied_corr,
            router_dispersion_bps,
        })
    }
}

struct BookArrays<'py> {
    close_ms: i64,
    equity_usdt: f64,
    unit_value: f64,
    unit_value_peak: f64,
    guard: GuardAction,
    weight_now_frac: PyReadonlyArray1<'py, f64>,
    stale_bars: PyReadonlyArray1<'py, u32>,
    hold: PyReadonlyArray1<'py, bool>,
    barred_until_ms: Vec<[i64; 2]>,
    barred_by: Vec<[Bar; 2]>,
    rung_cap_frac: PyReadonlyArray1<'py, f64>,
    meta_scale: Vec<[f64; 2]>,
    order_usdt_min: PyReadonlyArray1<'py, f64>,
}

impl<'py> BookArrays<'py> {
    fn read(dict: &Bound<'py, PyDict>, symbols: usize) -> PyResult<Self> {
        let guard = read_action(&needed::<String>(dict, "guard")?)?;
        let barred_by = pairs::<u8>(dict, "barred_by", symbols)?;
        let book = Self {
            close_ms: needed(dict, "close_ms")?,
            equity_usdt: needed(dict, "equity_usdt")?,
            unit_value: needed(dict, "unit_value")?,
            unit_value_peak: needed(dict, "unit_value_peak")?,
            guard,
            weight_now_frac: needed(dict, "weight_now_frac")?,
            stale_bars: needed(dict, "stale_bars")?,
            hold: needed(dict, "hold")?,
            barred_until_ms: pairs(dict, "barred_until_ms", symbols)?,
            barred_by: barred_by.into_iter().map(read_bars).collect::<PyResult<_>>()?,
            rung_cap_frac: needed(dict, "rung_cap_frac")?,
            meta_scale: pairs(dict, "meta_scale", symbols)?,
            order_usdt_min: needed(dict, "order_usdt_min")?,
        };
        for (name, len) in [
            ("weight_now_frac", slice1("weight_now_frac", &book.weight_now_frac)?.len()),
            ("stale_bars", slice1("stale_bars", &book.stale_bars)?.len()),
            ("hold", slice1("hold", &book.hold)?.len()),
            ("rung_cap_frac", slice1("rung_cap_frac", &book.rung_cap_frac)?.len()),
            ("order_usdt_min", slice1("order_usdt_min", &book.order_usdt_min)?.len()),
        ] {
            length(name, len, symbols)?;
        }
        Ok(book)
    }

    fn view(&self) -> PyResult<BookRow<'_>> {
        Ok(BookRow {
            close_ms: self.close_ms,
            equity_usdt: self.equity_usdt,
            unit_value: self.unit_value,
            unit_value_peak: self.unit_value_peak,
            guard: self.guard,
            weight_now_frac: slice1("weight_now_frac", &self.weight_now_frac)?,
            stale_bars: slice1("stale_bars", &self.stale_bars)?,
            quiet: false,
            hold: slice1("hold", &self.hold)?,
            barred_until_ms: &self.barred_until_ms,
            barred_by: &self.barred_by,
            rung_cap_frac: slice1("rung_cap_frac", &self.rung_cap_frac)?,
            meta_scale: &self.meta_scale,
            order_usdt_min: slice1("order_usdt_min", &self.order_usdt_min)?,
        })
    }
}

fn read_bars(codes: [u8; 2]) -> PyResult<[Bar; 2]> {
    let read = |code| match code {
        0 => Ok(Bar::None),
        1 => Ok(Bar::Cooldown),
        2 => Ok(Bar::Banned),
        3 => Ok(Bar::Streak),
        4 => Ok(Bar::SymbolLoss),
        _ => Err(PyValueError::new_err(format!("barred_by holds {code}, wants 0 to 4"))),
    };
    Ok([read(codes[0])?, read(codes[1])?])
}

fn read_state(
    dict: &Bound<'_, PyDict>,
    symbols: usize,
    tranches: usize,
) -> PyResult<DecisionState> {
    let tranche: PyReadonlyArray2<'_, f64> = needed(dict, "tranche_weight")?;
    let member: PyReadonlyArray1<'_, bool> = needed(dict, "member")?;
    let state = DecisionState {
        tranche_weight: slice2("tranche_weight", &tranche)?.to_vec(),
        member: slice1("member", &member)?.to_vec(),
        awaiting_reentry: pairs(dict, "awaiting_reentry", symbols)?,
        router_called: needed(dict, "router_called")?,
        router_mix: needed(dict, "router_mix")?,
    };
    length("tranche_weight", state.tranche_weight.len(), symbols * tranches)?;
    length("member", state.member.len(), symbols)?;
    Ok(state)
}

/// A decision's state as a dictionary.
pub(crate) fn write_state(
    py: Python<'_>,
    state: DecisionState,
    symbols: usize,
) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let tranches = state.tranche_weight.len() / symbols.max(1);
    let weights = state.tranche_weight.into_pyarray(py).reshape([tranches, symbols])?;
    dict.set_item("tranche_weight", weights)?;
    dict.set_item("member", state.member.into_pyarray(py))?;
    let flags: Vec<bool> = state.awaiting_reentry.into_iter().flatten().collect();
    dict.set_item("awaiting_reentry", flags.into_pyarray(py).reshape([symbols, 2])?)?;
    dict.set_item("router_called", state.router_called)?;
    dict.set_item("router_mix", state.router_mix)?;
    Ok(dict)
}
