//! Targets to lots: what is wanted and held in, orders out.

use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::Targets;
use xsmom_kernel::plan::{Lots, Plan, PlanInput, plan as plan_into};
use xsmom_kernel::reason::Reason;

use crate::arrays::slice1;
use crate::enter::enter;
use crate::fields::{column, length, list, needed, put, read_action};
use crate::params::PyParams;

/// Plan the way from what is held to the targets, in whole lots.
#[pyfunction]
pub(crate) fn plan<'py>(
    py: Python<'py>,
    weight_frac: PyReadonlyArray1<'py, f64>,
    reasons: PyReadonlyArray1<'py, u8>,
    book: &Bound<'py, PyDict>,
    params: &PyParams,
) -> PyResult<Bound<'py, PyDict>> {
    let weight_frac = slice1("weight_frac", &weight_frac)?.to_vec();
    let symbols = weight_frac.len();
    let reason = read_reasons(&reasons, symbols)?;
    let held = Held::read(book, symbols)?;
    let targets = Targets { weight_frac, reason };
    let guard = read_action(&needed::<String>(book, "guard")?)?;
    let (sizing_usdt, rebalance) = (needed(book, "sizing_usdt")?, needed(book, "rebalance")?);
    let cost_week_frac = needed(book, "cost_week_frac")?;
    let done = enter(py, || {
        let input = PlanInput {
            targets: &targets,
            lots: &held.lots,
            price: &held.price,
            mark: &held.mark,
            closing: &held.closing,
            contracts: Lots {
                qty_step: &held.qty_step,
                notional_usdt_min: &held.notional_usdt_min,
                lots_max: &held.lots_max,
            },
            sizing_usdt,
            guard,
            rebalance,
            cost_week_frac,
        };
        let mut done = Plan::new(symbols);
        plan_into(&input, &params.inner, &mut done);
        Ok(done)
    })?;
    let dict = PyDict::new(py);
    put(&dict, "goal_lots", done.goal_lots)?;
    put(&dict, "order_lots", done.order_lots)?;
    put(&dict, "reasons", done.reason.iter().map(|reason| *reason as u8))?;
    let legs: Vec<_> =
        done.legs.iter().map(|leg| (leg.symbol, leg.lots, leg.reduce_only)).collect();
    dict.set_item("legs", legs)?;
    Ok(dict)
}

/// What is held and what the exchange says of it.
struct Held {
    lots: Vec<i64>,
    price: Vec<f64>,
    mark: Vec<f64>,
    closing: Vec<bool>,
    qty_step: Vec<f64>,
    notional_usdt_min: Vec<f64>,
    lots_max: Vec<i64>,
}

impl Held {
    fn read(book: &Bound<'_, PyDict>, symbols: usize) -> PyResult<Self> {
        let held = Self {
            lots: column(book, "lots", symbols)?,
            price: column(book, "price", symbols)?,
            mark: column(book, "mark", symbols)?,
            closing: column(book, "closing", symbols)?,
            qty_step: column(book, "qty_step", symbols)?,
            notional_usdt_min: column(book, "notional_usdt_min", symbols)?,
            lots_max: list(book, "lots_max")?,
        };
        if !held.lots_max.is_empty() {
            length("lots_max", held.lots_max.len(), symbols)?;
        }
        for (name, values, low) in [
            ("qty_step", &held.qty_step, f64::MIN_POSITIVE),
            ("notional_usdt_min", &held.notional_usdt_min, 0.0),
        ] {
            if let Some(value) = values.iter().find(|value| !(low..1e15).contains(*value)) {
                let floor = if low > 0.0 { "above 0" } else { "0 or more" };
                let text = format!("{name} holds {value}, wants finite numbers {floor}");
                return Err(PyValueError::new_err(text));
            }
        }
        if let Some(lots) = held.lots.iter().find(|lots| lots.unsigned_abs() > 1 << 53) {
            return Err(PyValueError::new_err(format!("lots holds {lots}, more than 2^53")));
        }
        Ok(held)
    }
}

/// Reasons from their codes.
pub(crate) fn read_reasons(
    codes: &PyReadonlyArray1<'_, u8>,
    symbols: usize,
) -> PyResult<Vec<Reason>> {
    let read = |code: &u8| {
        let found = Reason::ALL.iter().find(|reason| **reason as u8 == *code);
        found.copied().ok_or_else(|| PyValueError::new_err(format!("{code} is no reason's code")))
    };
    let found: Vec<Reason> = slice1("reasons", codes)?.iter().map(read).collect::<PyResult<_>>()?;
    length("reasons", found.len(), symbols)?;
    Ok(found)
}
