//! Features of a panel: dense arrays of every bar, or the row that the newest decision reads.

use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::KernelError;
use xsmom_kernel::features::{self as kernel, Scratch};
use xsmom_kernel::row::FeatureRow;

use crate::arrays::PanelArrays;
use crate::enter::{enter, raise};
use crate::params::PyParams;

/// Bars, the newest included, after which every feature has its final bits.
#[pyfunction]
pub(crate) fn warmup_bars(py: Python<'_>, params: &PyParams) -> PyResult<u32> {
    enter(py, || kernel::check_warmup(&params.inner))
}

/// Every needed feature of every bar: `{name: array}`, bars by symbols (market features: one a bar).
#[pyfunction]
pub(crate) fn features<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    params: &PyParams,
) -> PyResult<Bound<'py, PyDict>> {
    let view = panel.view()?;
    let table = enter(py, || kernel::features(&view, &params.inner))?;
    let dict = PyDict::new(py);
    let (rows, cols) = (table.rows, table.cols);
    for (name, values) in [
        ("score", table.score),
        ("trend", table.trend),
        ("sigma", table.sigma),
        ("atr", table.atr),
        ("trail_ma", table.trail_ma),
        ("slope_bps_day", table.slope_bps_day),
        ("adx", table.adx),
        ("breakout", table.breakout),
        ("beta", table.beta),
        ("funding_frac", table.funding_frac),
        ("dollar_volume_usdt", table.dollar_volume_usdt),
        ("adv_usdt", table.adv_usdt),
    ] {
        if !values.is_empty() {
            dict.set_item(name, values.into_pyarray(py).reshape([rows, cols])?)?;
        }
    }
    if !table.moves.is_empty() {
        let lookbacks = table.moves.len() / (rows * cols);
        let moves = table.moves.into_pyarray(py).reshape([rows, lookbacks, cols])?;
        dict.set_item("moves", moves)?;
    }
    for (name, values) in [
        ("vol_ratio", table.vol_ratio),
        ("dispersion_ratio", table.dispersion_ratio),
        ("implied_corr", table.implied_corr),
        ("router_dispersion_bps", table.router_dispersion_bps),
    ] {
        if !values.is_empty() {
            dict.set_item(name, values.into_pyarray(py))?;
        }
    }
    Ok(dict)
}

/// What the features of one window need to go on from bar to bar; to be handed to `features_last`
/// with the same window each time.
#[pyclass(module = "xsmom._core", name = "Scratch")]
#[derive(Debug)]
pub(crate) struct PyScratch {
    inner: Scratch,
    params: Py<PyParams>,
}

#[pymethods]
impl PyScratch {
    #[new]
    fn new(py: Python<'_>, params: Py<PyParams>, names: usize) -> PyResult<Self> {
        let known = &params.get().inner;
        let inner = enter(py, || Scratch::new(known, names))?;
        Ok(Self { inner, params })
    }

    /// Whether it was made for these parameters.
    fn fits(&self, params: &Bound<'_, PyParams>) -> bool {
        self.params.as_ptr() == params.as_ptr()
    }
}

/// The features of the panel's last bar, as `decide` takes them. A scratch that has seen the bar
/// before goes one step; without one, all that the bar depends on is computed anew.
#[pyfunction]
#[pyo3(signature = (panel, params, scratch=None))]
pub(crate) fn features_last<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    params: &Bound<'py, PyParams>,
    scratch: Option<&Bound<'py, PyScratch>>,
) -> PyResult<Bound<'py, PyDict>> {
    let view = panel.view()?;
    let last = view.first_bar + view.rows as i64 - 1;
    if let Some(kept) = scratch {
        let mut kept = kept.try_borrow_mut()?;
        if !kept.fits(params) {
            let what = "was made for other parameters".to_owned();
            return Err(raise(&KernelError::Argument { name: "scratch", what }));
        }
        let inner = &mut kept.inner;
        enter(py, || kernel::features_last(&view, inner).map(|_| ()))?;
        return give_row(py, &kept.inner.row(last), view.cols);
    }
    let known = &params.get().inner;
    let made = enter(py, || {
        let mut made = Scratch::new(known, view.cols)?;
        kernel::features_last(&view, &mut made)?;
        Ok(made)
    })?;
    give_row(py, &made.row(last), view.cols)
}

/// A row of features as a dictionary; what is not needed is left out.
pub(crate) fn give_row<'py>(
    py: Python<'py>,
    row: &FeatureRow<'_>,
    cols: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("close_ms", row.close_ms)?;
    for (name, values) in [
        ("close", row.close),
        ("score", row.score),
        ("trend", row.trend),
        ("atr", row.atr),
        ("trail_ma", row.trail_ma),
        ("slope_bps_day", row.slope_bps_day),
        ("adx", row.adx),
        ("breakout", row.breakout),
        ("beta", row.beta),
        ("funding_frac", row.funding_frac),
        ("dollar_volume_usdt", row.dollar_volume_usdt),
        ("adv_usdt", row.adv_usdt),
    ] {
        if !values.is_empty() {
            dict.set_item(name, values.to_vec().into_pyarray(py))?;
        }
    }
    let sigma: Vec<f64> = (0..cols).map(|i| row.sigma(i)).collect();
    dict.set_item("sigma", sigma.into_pyarray(py))?;
    for (name, values) in [("moves", row.moves), ("ret_window", row.ret_window)] {
        if !values.is_empty() {
            let table = values.to_vec().into_pyarray(py).reshape([values.len() / cols, cols])?;
            dict.set_item(name, table)?;
        }
    }
    dict.set_item("vol_ratio", row.vol_ratio)?;
    dict.set_item("dispersion_ratio", row.dispersion_ratio)?;
    dict.set_item("implied_corr", row.implied_corr)?;
    dict.set_item("router_dispersion_bps", row.router_dispersion_bps)?;
    Ok(dict)
}
