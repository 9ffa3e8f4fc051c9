//! Tables as text.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;
use xsmom_kernel::table::{self as kernel, Column};

use crate::arrays::slice1;
use crate::enter::enter;

/// One column as Python has it.
#[derive(FromPyObject)]
pub(crate) enum Given<'py> {
    Numbers(PyReadonlyArray1<'py, f64>),
    Stamps(PyReadonlyArray1<'py, i64>),
    Texts(Vec<PyBackedStr>),
}

impl Given<'_> {
    fn view(&self) -> PyResult<Column<'_>> {
        Ok(match self {
            Self::Numbers(numbers) => Column::Numbers(slice1("columns", numbers)?),
            Self::Stamps(stamps) => Column::Stamps(slice1("columns", stamps)?),
            Self::Texts(texts) => Column::Texts(texts.iter().map(|text| &**text).collect()),
        })
    }
}

/// The rows of a table, separated by commas, as UTF-8.
#[pyfunction]
pub(crate) fn table_rows<'py>(
    py: Python<'py>,
    columns: Vec<Given<'py>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let views = columns.iter().map(Given::view).collect::<PyResult<Vec<_>>>()?;
    let text = enter(py, || kernel::rows(&views))?;
    Ok(PyBytes::new(py, &text))
}
