//! Accounting of a book that lives in Python: what one fill costs, what positions are worth.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use xsmom_kernel::fill::{Depth, fill};
use xsmom_kernel::ledger::book_value;
use xsmom_kernel::simulate::strategy::fine_lots;

use crate::arrays::{PanelArrays, slice1};
use crate::enter::{enter, raise};
use crate::simulate::CostFields;

/// Price and fee of a signed quantity at a reference price, and which part of the price is spread and impact.
#[pyfunction]
#[pyo3(signature = (units, reference_price, costs, sigma_day_frac, adv_usdt))]
pub(crate) fn execute_fill(
    py: Python<'_>,
    units: f64,
    reference_price: f64,
    costs: CostFields,
    sigma_day_frac: f64,
    adv_usdt: f64,
) -> PyResult<(f64, f64, f64, f64)> {
    let costs = costs.read();
    let done = enter(py, || {
        costs.validate()?;
        Ok(fill(units, reference_price, &costs, Depth { sigma_day_frac, adv_usdt }))
    })?;
    Ok((done.price, done.fee_usdt, done.spread_usdt, done.impact_usdt))
}

/// Signed value and gross of units at their marks, summed as the simulation sums them.
#[pyfunction]
pub(crate) fn value_book(
    units: PyReadonlyArray1<'_, f64>,
    mark: PyReadonlyArray1<'_, f64>,
) -> PyResult<(f64, f64)> {
    book_value(slice1("units", &units)?, slice1("mark", &mark)?).map_err(|error| raise(&error))
}

/// Lots of about a hundred-thousand-millionth of the cash at the first price of each symbol: for books
/// whose contracts are not known, and that are not to be shaped by rounding.
#[pyfunction]
pub(crate) fn fine_lot_steps(
    py: Python<'_>,
    panel: PanelArrays<'_>,
    cash_usdt: f64,
) -> PyResult<Vec<f64>> {
    let view = panel.view()?;
    enter(py, || Ok(fine_lots(&view, cash_usdt).qty_step))
}
