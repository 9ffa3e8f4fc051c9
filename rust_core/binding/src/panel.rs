//! The panel's door: every cell checked once, when a `Panel` is made.

use pyo3::prelude::*;

use crate::arrays::PanelArrays;
use crate::enter::enter;

/// Refuse a panel with a bad cell, an irregular clock or unsorted symbols; the error names the place.
#[pyfunction]
pub(crate) fn check_panel(py: Python<'_>, panel: PanelArrays<'_>) -> PyResult<()> {
    let view = panel.view()?;
    enter(py, || view.check())
}
