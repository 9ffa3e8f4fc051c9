//! The extension module `xsmom._core`. A table of contents: every function borrows its arrays,
//! calls the kernel outside the GIL through [`enter::enter`], and gives the result away.

// PyO3 hands arguments over by value; a reference is not something Python can pass.
#![allow(clippy::needless_pass_by_value)]

mod arrays;
mod build;
mod decide;
mod enter;
mod exchange;
mod features;
mod fields;
mod follow;
mod guards;
mod indicators;
mod ledger;
mod margin;
mod meta;
mod model_book;
mod panel;
mod params;
mod plan;
mod simulate;
mod stats;
mod stops;
mod sweep;
mod table;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    build::warn_if_debug(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(build::build_info, module)?)?;
    module.add_class::<params::PyParams>()?;
    module.add_function(wrap_pyfunction!(params::params_fields, module)?)?;
    module.add_function(wrap_pyfunction!(params::params_defaults, module)?)?;
    module.add_function(wrap_pyfunction!(panel::check_panel, module)?)?;
    module.add_function(wrap_pyfunction!(simulate::run_weights, module)?)?;
    module.add_function(wrap_pyfunction!(stats::metrics, module)?)?;
    module.add_function(wrap_pyfunction!(stats::hac_sharpe, module)?)?;
    module.add_function(wrap_pyfunction!(stats::newey_west_t, module)?)?;
    module.add_function(wrap_pyfunction!(stats::automatic_lags, module)?)?;
    module.add_function(wrap_pyfunction!(stats::psr, module)?)?;
    module.add_function(wrap_pyfunction!(stats::min_track_record, module)?)?;
    module.add_function(wrap_pyfunction!(stats::expected_max, module)?)?;
    module.add_function(wrap_pyfunction!(stats::sharpe_draws, module)?)?;
    module.add_function(wrap_pyfunction!(decide::decide, module)?)?;
    module.add_function(wrap_pyfunction!(decide::new_state, module)?)?;
    module.add_function(wrap_pyfunction!(decide::reasons, module)?)?;
    module.add_class::<features::PyScratch>()?;
    module.add_function(wrap_pyfunction!(features::features, module)?)?;
    module.add_function(wrap_pyfunction!(features::features_last, module)?)?;
    module.add_function(wrap_pyfunction!(features::warmup_bars, module)?)?;
    module.add_function(wrap_pyfunction!(model_book::model_book, module)?)?;
    module.add_function(wrap_pyfunction!(model_book::model_weights, module)?)?;
    module.add_function(wrap_pyfunction!(simulate::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(follow::follow, module)?)?;
    module.add_function(wrap_pyfunction!(margin::margin_due, module)?)?;
    module.add_class::<exchange::Exchange>()?;
    add_book(module)?;
    module.add_function(wrap_pyfunction!(sweep::sweep, module)?)?;
    module.add_function(wrap_pyfunction!(table::table_rows, module)?)?;
    add_indicators(module)?;
    Ok(())
}

fn add_book(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ledger::execute_fill, module)?)?;
    module.add_function(wrap_pyfunction!(ledger::value_book, module)?)?;
    module.add_function(wrap_pyfunction!(ledger::fine_lot_steps, module)?)?;
    module.add_function(wrap_pyfunction!(stops::exit_reasons, module)?)?;
    module.add_function(wrap_pyfunction!(stops::flat_positions, module)?)?;
    module.add_function(wrap_pyfunction!(stops::advance_stops, module)?)?;
    module.add_function(wrap_pyfunction!(stops::fold_fill, module)?)?;
    module.add_function(wrap_pyfunction!(stops::rung_cap_lots, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)?;
    module.add_function(wrap_pyfunction!(guards::new_guards, module)?)?;
    module.add_function(wrap_pyfunction!(guards::evaluate_guards, module)?)?;
    module.add_function(wrap_pyfunction!(guards::note_guard_stop, module)?)?;
    module.add_function(wrap_pyfunction!(guards::rearm_guard, module)?)?;
    module.add_function(wrap_pyfunction!(guards::guard_table, module)?)?;
    module.add_function(wrap_pyfunction!(guards::new_records, module)?)?;
    module.add_function(wrap_pyfunction!(guards::note_stop, module)?)?;
    module.add_function(wrap_pyfunction!(guards::note_round_trip, module)?)?;
    module.add_function(wrap_pyfunction!(guards::barred, module)?)?;
    module.add_function(wrap_pyfunction!(meta::new_labels, module)?)?;
    module.add_function(wrap_pyfunction!(meta::observe_labels, module)?)?;
    module.add_function(wrap_pyfunction!(meta::estimate_labels, module)?)?;
    module.add_function(wrap_pyfunction!(meta::enter_labels, module)?)?;
    module.add_function(wrap_pyfunction!(meta::report_labels, module)?)?;
    Ok(())
}

fn add_indicators(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(indicators::ema, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::wilder, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::sma, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_mean, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_median, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_mad, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_std, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_zscore, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::atr, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::plus_dm, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::minus_dm, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::plus_di, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::minus_di, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::dx, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::adx, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::true_range, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_correlation, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::rolling_beta, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::ranks, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::zscores, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::robust_zscores, module)?)?;
    Ok(())
}
