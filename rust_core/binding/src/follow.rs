//! A tape of what moved a live book, led through the core's own: one tuple an entry, its kind first.

use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use xsmom_kernel::follow::{Entry, Fill, Followed, Verdict, follow as run};
use xsmom_kernel::guards::Guard;
use xsmom_kernel::simulate::strategy::Contracts;
use xsmom_kernel::stops::Tick;

use crate::arrays::{PanelArrays, slice1};
use crate::enter::enter;
use crate::fields::{length, read_action, within};
use crate::params::PyParams;
use crate::stops::read_reason;

/// Decisions and plans of a book that is given its fills, funding and verdicts.
#[pyfunction]
#[pyo3(signature = (panel, params, tape, *, contracts, cash_usdt))]
pub(crate) fn follow<'py>(
    py: Python<'py>,
    panel: PanelArrays<'py>,
    params: &PyParams,
    tape: Bound<'py, PyList>,
    contracts: (Vec<f64>, Vec<f64>),
    cash_usdt: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let view = panel.view()?;
    let contracts = read_contracts(contracts, view.cols)?;
    let mut entries = Vec::with_capacity(tape.len());
    for one in tape {
        entries.push(read(one.cast::<PyTuple>()?, view.cols)?);
    }
    let found = enter(py, || run(&view, &params.inner, &contracts, cash_usdt, &entries))?;
    give(py, found)
}

fn read(one: &Bound<'_, PyTuple>, symbols: usize) -> PyResult<Entry> {
    let kind: String = field(one, 0)?;
    let symbol = || within("symbol", field(one, 1)?, symbols);
    Ok(match kind.as_str() {
        "touch" => Entry::Touch(field(one, 1)?),
        "mark" => Entry::Mark(field(one, 1)?),
        "tick" => {
            Entry::Tick(Tick { symbol: symbol()?, price: field(one, 2)?, at_ms: field(one, 3)? })
        }
        "fill" => Entry::Fill(read_fill(one, symbol()?)?),
        "funding" => Entry::Funding(symbol()?, field(one, 2)?),
        "correction" => Entry::Correction(field(one, 1)?),
        "transfer" => Entry::Transfer(field(one, 1)?, field(one, 2)?, field(one, 3)?),
        "hold" => Entry::Hold(symbol()?, field(one, 2)?),
        "close_order" => Entry::CloseOrder(symbol()?),
        "rearm" => Entry::Rearm(read_guard(&field::<String>(one, 1)?)?),
        "specs" => Entry::Specs(read_contracts((field(one, 1)?, field(one, 2)?), symbols)?),
        "close" => Entry::Close(field(one, 1)?, read_verdict(one, symbols)?),
        other => {
            let text = format!("a tape holds no {other:?}");
            return Err(PyValueError::new_err(text));
        }
    })
}

fn read_fill(one: &Bound<'_, PyTuple>, symbol: usize) -> PyResult<Fill> {
    Ok(Fill {
        symbol,
        lots: field(one, 2)?,
        price: field(one, 3)?,
        fee_usdt: field(one, 4)?,
        reference_price: field(one, 5)?,
        atr: field(one, 6)?,
        at_ms: field(one, 7)?,
        exit: read_reason("exit", field(one, 8)?)?,
        on_its_own: field(one, 9)?,
    })
}

fn read_verdict(one: &Bound<'_, PyTuple>, symbols: usize) -> PyResult<Verdict> {
    let waiting: PyReadonlyArray1<'_, i64> = field(one, 5)?;
    let waiting_lots = slice1("waiting_lots", &waiting)?.to_vec();
    length("waiting_lots", waiting_lots.len(), symbols)?;
    Ok(Verdict {
        late: field(one, 2)?,
        plans: field(one, 3)?,
        guard: read_action(&field::<String>(one, 4)?)?,
        waiting_lots,
        works: field(one, 6)?,
    })
}

fn read_guard(key: &str) -> PyResult<Guard> {
    let found = xsmom_kernel::guards::GUARDS.iter().find(|row| row.key == key);
    found
        .map(|row| row.guard)
        .ok_or_else(|| PyValueError::new_err(format!("there is no guard {key:?}")))
}

fn read_contracts(columns: (Vec<f64>, Vec<f64>), symbols: usize) -> PyResult<Contracts> {
    let (qty_step, notional_usdt_min) = columns;
    length("qty_step", qty_step.len(), symbols)?;
    length("notional_usdt_min", notional_usdt_min.len(), symbols)?;
    Ok(Contracts { qty_step, notional_usdt_min })
}

fn field<'py, T>(one: &Bound<'py, PyTuple>, at: usize) -> PyResult<T>
where
    T: FromPyObjectOwned<'py>,
{
    one.get_item(at)?.extract::<T>().map_err(|error| {
        let error: PyErr = error.into();
        PyValueError::new_err(format!("field {at} of {one}: {error}"))
    })
}

fn give(py: Python<'_>, found: Followed) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let decisions = PyList::empty(py);
    for one in found.decisions {
        let codes: Vec<u8> = one.reason.iter().map(|reason| *reason as u8).collect();
        decisions.append((
            one.close_ms,
            one.weight_frac.into_pyarray(py),
            codes.into_pyarray(py),
        ))?;
    }
    let plans = PyList::empty(py);
    for one in found.plans {
        let legs: Vec<_> =
            one.legs.iter().map(|leg| (leg.symbol, leg.lots, leg.reduce_only)).collect();
        plans.append((one.close_ms, one.goal_lots.into_pyarray(py), legs))?;
    }
    dict.set_item("decisions", decisions)?;
    dict.set_item("plans", plans)?;
    dict.set_item("lots", found.lots.into_pyarray(py))?;
    dict.set_item("cash_usdt", found.cash_usdt)?;
    dict.set_item("equity_usdt", found.equity_usdt)?;
    dict.set_item("unit_value_peak", found.unit_value_peak)?;
    Ok(dict)
}
