//! The meta-labeller's state as a dictionary, and its three steps at a bar.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::{Side, Targets};
use xsmom_kernel::meta::{
    Calibration, Estimate, FEATURES, Labelled, Labels, LabelsReport, Logistic, MetaLabeller,
    Pending, Scaler, Trial,
};

use crate::arrays::slice1;
use crate::decide::RowArrays;
use crate::enter::enter;
use crate::fields::{column, length, list, needed, put, put_rows, rows, within};
use crate::params::PyParams;
use crate::plan::read_reasons;

type Dict<'py> = Bound<'py, PyDict>;

/// A labeller that has seen nothing.
#[pyfunction]
pub(crate) fn new_labels<'py>(
    py: Python<'py>,
    symbols: usize,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    write_labels(py, &Labels::new(symbols, &params.inner))
}

/// A bar has closed: the state after the labels that were due.
#[pyfunction]
pub(crate) fn observe_labels<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    row: &Dict<'py>,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    let mut next = read_labels(state, params)?;
    let row = RowArrays::read(row, next.side.len())?;
    let view = row.view()?;
    length("close", view.close.len(), next.side.len())?;
    enter(py, || {
        next.observe(&view, &params.inner);
        Ok(())
    })?;
    write_labels(py, &next)
}

/// Multipliers of size for each name, `[long, short]`, before a decision.
#[pyfunction]
pub(crate) fn estimate_labels<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    row: &Dict<'py>,
    params: &PyParams,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let mut labels = read_labels(state, params)?;
    let row = RowArrays::read(row, labels.side.len())?;
    let (view, mut scale) = (row.view()?, vec![[1.0; 2]; labels.side.len()]);
    enter(py, || {
        labels.estimate(&view, &params.inner, &mut scale);
        Ok(())
    })?;
    scale.as_flattened().to_vec().into_pyarray(py).reshape([scale.len(), 2])
}

/// A decision has been taken on those multipliers: the state with its entries.
#[pyfunction]
pub(crate) fn enter_labels<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    row: &Dict<'py>,
    weight_frac: PyReadonlyArray1<'py, f64>,
    reasons: PyReadonlyArray1<'py, u8>,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    let mut next = read_labels(state, params)?;
    let symbols = next.side.len();
    let row = RowArrays::read(row, symbols)?;
    let view = row.view()?;
    let weight_frac = slice1("weight_frac", &weight_frac)?.to_vec();
    length("weight_frac", weight_frac.len(), symbols)?;
    length("close", view.close.len(), symbols)?;
    let targets = Targets { weight_frac, reason: read_reasons(&reasons, symbols)? };
    enter(py, || {
        next.estimate(&view, &params.inner, &mut vec![[1.0; 2]; symbols]);
        next.enter(&view, &targets, &params.inner);
        Ok(())
    })?;
    write_labels(py, &next)
}

/// Whether it is promoted, and how it stands against the base rate.
#[pyfunction]
pub(crate) fn report_labels<'py>(
    py: Python<'py>,
    state: &Dict<'py>,
    params: &PyParams,
) -> PyResult<Dict<'py>> {
    give_report(py, &read_labels(state, params)?.report())
}

/// A report as a dictionary.
pub(crate) fn give_report<'py>(py: Python<'py>, report: &LabelsReport) -> PyResult<Dict<'py>> {
    let dict = PyDict::new(py);
    dict.set_item("promoted", report.promoted)?;
    dict.set_item("bars_promoted", report.bars_promoted)?;
    dict.set_item("bars", report.bars)?;
    dict.set_item("labels", report.labels)?;
    dict.set_item("base_rate", report.base_rate)?;
    dict.set_item("lost", report.lost)?;
    dict.set_item("pending", report.pending)?;
    dict.set_item("blocks", report.blocks)?;
    dict.set_item("gain_nats", report.gain_nats)?;
    dict.set_item("statistic", report.statistic)?;
    dict.set_item("calibration_excess", report.calibration_excess)?;
    Ok(dict)
}

fn read_labels(dict: &Dict<'_>, params: &PyParams) -> PyResult<Labels> {
    let sides: Vec<i8> = list(dict, "side")?;
    let side: Vec<_> = sides.iter().map(|sign| Side::of(f64::from(*sign))).collect();
    let fixed = |name| -> PyResult<[f64; FEATURES]> {
        let values: Vec<f64> = column(dict, name, FEATURES)?;
        Ok(std::array::from_fn(|at| values[at]))
    };
    let mut learner = MetaLabeller::new(side.len(), &params.inner);
    learner.scaler = Scaler {
        count: fixed("scaler_count")?,
        mean: fixed("scaler_mean")?,
        sum_sq: fixed("scaler_sum_sq")?,
    };
    learner.model = Logistic { weights: fixed("weights")?, intercept: needed(dict, "intercept")? };
    learner.pending.extend(read_pending(dict, side.len())?);
    learner.calibration = read_calibration(dict)?;
    learner.trial = Trial {
        block: needed(dict, "block")?,
        gain_sum: needed(dict, "gain_sum")?,
        gain_count: needed(dict, "gain_count")?,
        gains: list::<f64>(dict, "gains")?.into(),
        statistic: needed(dict, "statistic")?,
        calibration_excess: needed(dict, "calibration_excess")?,
        promoted: needed(dict, "promoted")?,
    };
    learner.labels = needed(dict, "labels")?;
    learner.labels_paid = needed(dict, "labels_paid")?;
    learner.lost = needed(dict, "lost")?;
    Ok(Labels::of(learner, side, needed(dict, "bars_promoted")?, needed(dict, "bars")?))
}

fn read_pending(dict: &Dict<'_>, symbols: usize) -> PyResult<Vec<Pending>> {
    let due: Vec<i64> = list(dict, "pending_due_bar")?;
    let entries = due.len();
    let name: Vec<i64> = column(dict, "pending_symbol", entries)?;
    let long: Vec<bool> = column(dict, "pending_long", entries)?;
    let price: Vec<f64> = column(dict, "pending_price", entries)?;
    let x: Vec<[f64; FEATURES]> = rows(dict, "pending_x")?;
    length("pending_x", x.len(), entries)?;
    // Logit, chance, base rate, scale.
    let said: Vec<[f64; 4]> = rows(dict, "pending_said")?;
    length("pending_said", said.len(), entries)?;
    let entry = |at: usize| {
        let [logit, chance, base_rate, scale] = said[at];
        let symbol = usize::try_from(name[at]).unwrap_or(usize::MAX);
        Ok(Pending {
            due_bar: due[at],
            symbol: within("pending_symbol", symbol, symbols)?,
            side: if long[at] { Side::Long } else { Side::Short },
            price: price[at],
            estimate: Estimate { x: x[at], logit, chance, base_rate, scale },
        })
    };
    (0..entries).map(entry).collect()
}

fn read_calibration(dict: &Dict<'_>) -> PyResult<Calibration> {
    let logit: Vec<f64> = list(dict, "label_logit")?;
    let chance: Vec<f64> = column(dict, "label_chance", logit.len())?;
    let paid: Vec<bool> = column(dict, "label_paid", logit.len())?;
    let mut found = Calibration {
        slope: needed(dict, "slope")?,
        offset: needed(dict, "offset")?,
        ..Calibration::default()
    };
    for at in 0..logit.len() {
        found.push(Labelled { logit: logit[at], chance: chance[at], paid: paid[at] });
    }
    Ok(found)
}

fn write_labels<'py>(py: Python<'py>, labels: &Labels) -> PyResult<Dict<'py>> {
    let MetaLabeller { scaler, model, pending, calibration, trial, .. } = &labels.learner;
    let dict = PyDict::new(py);
    let sign = |side: &Option<Side>| side.map_or(0, |side| if side == Side::Long { 1 } else { -1 });
    put::<i8>(&dict, "side", labels.side.iter().map(sign))?;
    put(&dict, "scaler_count", scaler.count)?;
    put(&dict, "scaler_mean", scaler.mean)?;
    put(&dict, "scaler_sum_sq", scaler.sum_sq)?;
    put(&dict, "weights", model.weights)?;
    dict.set_item("intercept", model.intercept)?;
    put(&dict, "pending_due_bar", pending.iter().map(|one| one.due_bar))?;
    put(&dict, "pending_symbol", pending.iter().map(|one| one.symbol as i64))?;
    put(&dict, "pending_long", pending.iter().map(|one| one.side == Side::Long))?;
    put(&dict, "pending_price", pending.iter().map(|one| one.price))?;
    let x: Vec<_> = pending.iter().map(|one| one.estimate.x).collect();
    put_rows(&dict, "pending_x", &x)?;
    let said = |one: &Pending| {
        let Estimate { logit, chance, base_rate, scale, .. } = one.estimate;
        [logit, chance, base_rate, scale]
    };
    put_rows(&dict, "pending_said", &pending.iter().map(said).collect::<Vec<_>>())?;
    dict.set_item("slope", calibration.slope)?;
    dict.set_item("offset", calibration.offset)?;
    put(&dict, "label_logit", calibration.labels.iter().map(|one| one.logit))?;
    put(&dict, "label_chance", calibration.labels.iter().map(|one| one.chance))?;
    put(&dict, "label_paid", calibration.labels.iter().map(|one| one.paid))?;
    dict.set_item("block", trial.block)?;
    dict.set_item("gain_sum", trial.gain_sum)?;
    dict.set_item("gain_count", trial.gain_count)?;
    put(&dict, "gains", trial.gains.iter().copied())?;
    dict.set_item("statistic", trial.statistic)?;
    dict.set_item("calibration_excess", trial.calibration_excess)?;
    dict.set_item("promoted", trial.promoted)?;
    dict.set_item("labels", labels.learner.labels)?;
    dict.set_item("labels_paid", labels.learner.labels_paid)?;
    dict.set_item("lost", labels.learner.lost)?;
    dict.set_item("bars_promoted", labels.bars_promoted)?;
    dict.set_item("bars", labels.bars)?;
    Ok(dict)
}
