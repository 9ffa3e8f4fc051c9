//! The margin of an account, for whoever keeps one beside the simulation.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use crate::arrays::slice1;
use crate::enter::{enter, raise};
use crate::fields::length;
use xsmom_kernel::margin::TierTable;

/// Whether maintenance margin and the fee of closing have reached equity. `values` holds the signed value of
/// each contract, 0 where nothing is held; `tiers` its rising rows.
#[pyfunction]
pub(crate) fn margin_due(
    py: Python<'_>,
    values: PyReadonlyArray1<'_, f64>,
    tiers: Vec<Vec<(f64, f64)>>,
    gross_usdt: f64,
    close_fee_frac: f64,
    equity_usdt: f64,
) -> PyResult<bool> {
    let table = TierTable::new(&tiers).map_err(|error| raise(&error))?;
    let values = slice1("values", &values)?;
    length("values", values.len(), table.len())?;
    enter(py, || {
        let held = values.iter().copied().enumerate().filter(|(_, value)| *value != 0.0);
        Ok(table.is_due(held, gross_usdt, close_fee_frac, equity_usdt))
    })
}
