//! Simulations: any weights through the ledger.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::Side;
use xsmom_kernel::fill::Costs;
use xsmom_kernel::ledger::CostTotals;
use xsmom_kernel::margin::TierTable;
use xsmom_kernel::simulate::strategy::{self, Contracts};
use xsmom_kernel::simulate::weights::{Run, Setup, run};
use xsmom_kernel::simulate::{FillAt, FillRow, Timing, TripRow};

use crate::arrays::{PanelArrays, SimulatedPanel, slice2};
use crate::enter::{enter, raise};
use crate::meta::give_report;
use crate::params::PyParams;

/// Cost assumptions as the kernel takes them: any object with these attributes.
#[derive(FromPyObject)]
pub(crate) struct CostFields {
    taker_fee_frac: f64,
    maker_fee_frac: f64,
    maker_share_frac: f64,
    half_spread_frac: f64,
    impact_y: f64,
    funding: bool,
}

impl CostFields {
    pub(crate) fn read(&self) -> Costs {
        Costs {
            taker_fee_frac: self.taker_fee_frac,
            maker_fee_frac: self.maker_fee_frac,
            maker_share_frac: self.maker_share_frac,
            half_spread_frac: self.half_spread_frac,
            impact_y: self.impact_y,
            funding: self.funding,
        }
    }
}

pub(crate) fn read_timing(fill_at: &str, delay_bars: usize) -> PyResult<Timing> {
    let fill_at = match fill_at {
        "open" => FillAt::Open,
        "close" => FillAt::Close,
        "vwap" => FillAt::Vwap,
        other => {
            let text = format!("fill_at is {other:?}, wants open, close or vwap");
            return Err(PyValueError::new_err(text));
        }
    };
    Ok(Timing { fill_at, delay_bars })
}

pub(crate) fn read_tiers(rows: Option<&[Vec<(f64, f64)>]>) -> PyResult<Option<TierTable>> {
    rows.map(TierTable::new).transpose().map_err(|error| raise(&error))
}

/// Run target weights through the ledger: equity and cumulative costs at every close.
#[pyfunction]
#[pyo3(signature = (panel, weights, costs, *, fill_at, delay_bars, cash_usdt, depth=None, keep_units=false))]
pub(crate) fn run_weights<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    weights: PyReadonlyArray2<'py, f64>,
    costs: CostFields,
    fill_at: &str,
    delay_bars: usize,
    cash_usdt: f64,
    depth: Option<(PyReadonlyArray2<'py, f64>, PyReadonlyArray2<'py, f64>)>,
    keep_units: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let view = panel.view()?;
    let depth = match &depth {
        Some((sigma, adv)) => Some([slice2("sigma_day", sigma)?, slice2("adv", adv)?]),
        None => None,
    };
    let setup = Setup {
        weights: slice2("weights", &weights)?,
        costs: costs.read(),
        timing: read_timing(fill_at, delay_bars)?,
        cash_usdt,
        depth,
    };
    let done = enter(py, || run(&view, &setup, keep_units))?;
    give(py, done, view.cols)
}

/// Run the strategy over a panel: the fast loop.
#[pyfunction]
#[pyo3(signature = (panel, params, costs, *, fill_at, delay_bars, cash_usdt, contracts=None,
                    maintenance_frac=0.01, tiers=None, keep_fills=false, keep_trips=true, keep_units=false))]
pub(crate) fn simulate<'py>(
    py: Python<'py>,
    panel: &Bound<'py, PyAny>,
    params: &PyParams,
    costs: CostFields,
    fill_at: &str,
    delay_bars: usize,
    cash_usdt: f64,
    contracts: Option<(Vec<f64>, Vec<f64>)>,
    maintenance_frac: f64,
    tiers: Option<Vec<Vec<(f64, f64)>>>,
    keep_fills: bool,
    keep_trips: bool,
    keep_units: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let panel = SimulatedPanel::read(panel)?;
    let view = panel.view()?;
    let setup = strategy::Setup {
        costs: costs.read(),
        timing: read_timing(fill_at, delay_bars)?,
        cash_usdt,
        contracts: contracts
            .map(|(qty_step, notional_usdt_min)| Contracts { qty_step, notional_usdt_min }),
        maintenance_frac,
        tiers: read_tiers(tiers.as_deref())?,
        keep_fills,
        keep_trips,
        keep_units,
    };
    let done = enter(py, || strategy::run(&view, &params.inner, &setup))?;
    let dict = PyDict::new(py);
    let rows = done.equity_usdt.len();
    dict.set_item("equity_usdt", done.equity_usdt.into_pyarray(py))?;
    dict.set_item("gross_usdt", done.gross_usdt.into_pyarray(py))?;
    dict.set_item("net_usdt", done.net_usdt.into_pyarray(py))?;
    give_costs(&dict, &done.costs)?;
    if keep_units {
        dict.set_item("units", done.units.into_pyarray(py).reshape([rows, view.cols])?)?;
    }
    dict.set_item("fills", give_fills(py, &done.fills)?)?;
    dict.set_item("trips", give_trips(py, &done.trips)?)?;
    let counts: Vec<_> =
        done.reason_counts.iter().map(|(reason, count)| (reason.key(), *count)).collect();
    dict.set_item("reason_counts", counts)?;
    let labels = done.labels.map(|report| give_report(py, &report)).transpose()?;
    dict.set_item("labels", labels)?;
    dict.set_item("guarded_bars", done.guarded_bars)?;
    dict.set_item("decisions", done.decisions)?;
    dict.set_item("bankrupt_at", done.bankrupt_at)?;
    dict.set_item("liquidated_at", done.liquidated_at)?;
    Ok(dict)
}

fn give_fills<'py>(py: Python<'py>, fills: &[FillRow]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let ints = |read: fn(&FillRow) -> i64| -> Bound<'py, PyArray1<i64>> {
        fills.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    let floats = |read: fn(&FillRow) -> f64| -> Bound<'py, PyArray1<f64>> {
        fills.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    dict.set_item("bar", ints(|fill| fill.bar as i64))?;
    dict.set_item("at_ms", ints(|fill| fill.at_ms))?;
    dict.set_item("symbol", ints(|fill| fill.symbol as i64))?;
    dict.set_item("units", floats(|fill| fill.units))?;
    dict.set_item("price", floats(|fill| fill.price))?;
    dict.set_item("reference_price", floats(|fill| fill.reference_price))?;
    dict.set_item("fee_usdt", floats(|fill| fill.fee_usdt))?;
    let exits: Vec<_> =
        fills.iter().map(|fill| fill.exit.map_or("plan", |exit| exit.key())).collect();
    dict.set_item("exit", exits)?;
    Ok(dict)
}

fn give_trips<'py>(py: Python<'py>, trips: &[TripRow]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let ints = |read: fn(&TripRow) -> i64| -> Bound<'py, PyArray1<i64>> {
        trips.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    let floats = |read: fn(&TripRow) -> f64| -> Bound<'py, PyArray1<f64>> {
        trips.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    dict.set_item("symbol", ints(|trip| trip.symbol as i64))?;
    dict.set_item("side", ints(|trip| if trip.side == Side::Long { 1 } else { -1 }))?;
    dict.set_item("opened_ms", ints(|trip| trip.opened_ms))?;
    dict.set_item("closed_ms", ints(|trip| trip.closed_ms))?;
    dict.set_item("units_max", floats(|trip| trip.units_max))?;
    dict.set_item("entry_price", floats(|trip| trip.entry_price))?;
    dict.set_item("exit_price", floats(|trip| trip.exit_price))?;
    dict.set_item("net_usdt", floats(|trip| trip.net_usdt))?;
    dict.set_item("funding_usdt", floats(|trip| trip.funding_usdt))?;
    let exits: Vec<_> =
        trips.iter().map(|trip| trip.exit.map_or("plan", |exit| exit.key())).collect();
    dict.set_item("exit", exits)?;
    Ok(dict)
}

fn give_costs(dict: &Bound<'_, PyDict>, costs: &[CostTotals]) -> PyResult<()> {
    let py = dict.py();
    let column = |read: fn(&CostTotals) -> f64| -> Bound<'_, PyArray1<f64>> {
        costs.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    dict.set_item("fee_usdt", column(|c| c.fee_usdt))?;
    dict.set_item("spread_usdt", column(|c| c.spread_usdt))?;
    dict.set_item("impact_usdt", column(|c| c.impact_usdt))?;
    dict.set_item("funding_usdt", column(|c| c.funding_usdt))?;
    dict.set_item("traded_usdt", column(|c| c.traded_usdt))
}

fn give(py: Python<'_>, done: Run, cols: usize) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let rows = done.equity_usdt.len();
    dict.set_item("equity_usdt", done.equity_usdt.into_pyarray(py))?;
    give_costs(&dict, &done.costs)?;
    if !done.units.is_empty() {
        dict.set_item("units", done.units.into_pyarray(py).reshape([rows, cols])?)?;
    }
    dict.set_item("bankrupt_at", done.bankrupt_at)?;
    Ok(dict)
}
