//! The model book: decisions walked over a panel with perfect fills.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadwriteArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::KernelError;
use xsmom_kernel::model_book::{ModelBook, weights_into};

use crate::arrays::PanelArrays;
use crate::decide::write_state;
use crate::enter::{enter, raise};
use crate::fields::put_rows;
use crate::meta::give_report;
use crate::params::PyParams;

/// The book after the panel's last bar, and the inputs of its last decision.
#[pyfunction]
#[pyo3(signature = (panel, params, *, cash_usdt=10_000.0))]
pub(crate) fn model_book<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    params: &PyParams,
    cash_usdt: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let view = panel.view()?;
    let book = enter(py, || ModelBook::walk(&view, &params.inner, cash_usdt, |_, _| ()))?;
    let dict = PyDict::new(py);
    let codes: Vec<u8> = book.targets.reason.iter().map(|reason| *reason as u8).collect();
    dict.set_item("decided_ms", book.decided_ms)?;
    dict.set_item("weight_frac", book.targets.weight_frac.into_pyarray(py))?;
    dict.set_item("reasons", codes.into_pyarray(py))?;
    dict.set_item("weight_before_frac", book.weight_before_frac.into_pyarray(py))?;
    dict.set_item("stale_bars", book.stale_bars.into_pyarray(py))?;
    dict.set_item("equity_usdt", book.equity_usdt)?;
    put_rows(&dict, "meta_scale", &book.meta_scale)?;
    let labels = book.labels.map(|labels| give_report(py, &labels.report())).transpose()?;
    dict.set_item("labels", labels)?;
    dict.set_item("state", write_state(py, book.state, view.cols)?)?;
    dict.set_item("state_before", write_state(py, book.state_before, view.cols)?)?;
    Ok(dict)
}

/// Weights held after each bar, bars by symbols; written into `out` where it is given.
#[pyfunction]
#[pyo3(signature = (panel, params, *, cash_usdt=10_000.0, out=None))]
pub(crate) fn model_weights<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    params: &PyParams,
    cash_usdt: f64,
    out: Option<Bound<'py, PyArray2<f64>>>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let view = panel.view()?;
    if let Some(out) = out {
        let mut borrowed: PyReadwriteArray2<'_, f64> = out.try_readwrite().map_err(|error| {
            let what = format!("cannot be written to: {error}");
            raise(&KernelError::Argument { name: "out", what })
        })?;
        let cells = borrowed.as_slice_mut().map_err(|_| {
            let what = "wants a C-contiguous array".to_owned();
            raise(&KernelError::Argument { name: "out", what })
        })?;
        enter(py, || weights_into(&view, &params.inner, cash_usdt, cells).map(|_| ()))?;
        drop(borrowed);
        return Ok(out);
    }
    let cells = enter(py, || {
        let mut cells = vec![0.0; view.rows * view.cols];
        weights_into(&view, &params.inner, cash_usdt, &mut cells)?;
        Ok(cells)
    })?;
    cells.into_pyarray(py).reshape([view.rows, view.cols])
}
