//! Simulations: any weights through the ledger.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::fill::Costs;
use xsmom_kernel::ledger::CostTotals;
use xsmom_kernel::simulate::weights::{Run, Setup, run};
use xsmom_kernel::simulate::{FillAt, Timing};

use crate::arrays::{PanelArrays, slice2};
use crate::enter::enter;

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
    fn read(&self) -> Costs {
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

fn read_timing(fill_at: &str, delay_bars: usize) -> PyResult<Timing> {
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

fn give(py: Python<'_>, done: Run, cols: usize) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let rows = done.equity_usdt.len();
    dict.set_item("equity_usdt", done.equity_usdt.into_pyarray(py))?;
    let column = |read: fn(&CostTotals) -> f64| -> Bound<'_, PyArray1<f64>> {
        done.costs.iter().map(read).collect::<Vec<_>>().into_pyarray(py)
    };
    dict.set_item("fee_usdt", column(|c| c.fee_usdt))?;
    dict.set_item("spread_usdt", column(|c| c.spread_usdt))?;
    dict.set_item("impact_usdt", column(|c| c.impact_usdt))?;
    dict.set_item("funding_usdt", column(|c| c.funding_usdt))?;
    dict.set_item("traded_usdt", column(|c| c.traded_usdt))?;
    if !done.units.is_empty() {
        dict.set_item("units", done.units.into_pyarray(py).reshape([rows, cols])?)?;
    }
    dict.set_item("bankrupt_at", done.bankrupt_at)?;
    Ok(dict)
}
