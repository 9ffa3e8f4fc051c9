//! Borrow NumPy arrays and check them once. Nothing here computes.

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use xsmom_kernel::KernelError;
use xsmom_kernel::panel::{Panel, read_axis};

use crate::enter::raise;

/// The arrays of a panel, borrowed for one call.
#[derive(FromPyObject)]
pub(crate) struct PanelArrays<'py> {
    bar_ms: i64,
    close_ms: PyReadonlyArray1<'py, i64>,
    symbols: Vec<String>,
    open: PyReadonlyArray2<'py, f64>,
    high: PyReadonlyArray2<'py, f64>,
    low: PyReadonlyArray2<'py, f64>,
    close: PyReadonlyArray2<'py, f64>,
    volume_usdt: PyReadonlyArray2<'py, f64>,
    funding_frac: PyReadonlyArray2<'py, f64>,
    listed_ms: PyReadonlyArray1<'py, i64>,
    delisted_ms: PyReadonlyArray1<'py, i64>,
}

impl PanelArrays<'_> {
    /// The kernel's view of these arrays; lengths are checked, cells are not.
    pub(crate) fn view(&self) -> PyResult<Panel<'_>> {
        let first_bar = read_axis(slice1("close_ms", &self.close_ms)?, self.bar_ms)
            .map_err(|error| raise(&error))?;
        let (rows, cols) = (self.close_ms.len(), self.symbols.len());
        let field = |name, array| field(name, array, rows, cols);
        let panel = Panel {
            bar_ms: self.bar_ms,
            first_bar,
            rows,
            cols,
            symbols: &self.symbols,
            open: field("open", &self.open)?,
            high: field("high", &self.high)?,
            low: field("low", &self.low)?,
            close: field("close", &self.close)?,
            volume_usdt: field("volume_usdt", &self.volume_usdt)?,
            funding_frac: field("funding_frac", &self.funding_frac)?,
            settles: &[],
            listed_ms: slice1("listed_ms", &self.listed_ms)?,
            delisted_ms: slice1("delisted_ms", &self.delisted_ms)?,
        };
        panel.check_shape().map_err(|error| raise(&error))?;
        Ok(panel)
    }
}

/// The arrays of a panel that is simulated over, and which of its bars settle funding, where the panel says so.
pub(crate) struct SimulatedPanel<'py> {
    arrays: PanelArrays<'py>,
    settles: Option<PyReadonlyArray1<'py, bool>>,
}

impl<'py> SimulatedPanel<'py> {
    pub(crate) fn read(panel: &Bound<'py, PyAny>) -> PyResult<Self> {
        let settles = panel.getattr_opt("settles")?.map(|found| found.extract()).transpose()?;
        Ok(Self { arrays: panel.extract()?, settles })
    }

    /// The kernel's view of these arrays; lengths are checked, cells are not.
    pub(crate) fn view(&self) -> PyResult<Panel<'_>> {
        let mut panel = self.arrays.view()?;
        if let Some(settles) = &self.settles {
            panel.settles = slice1("settles", settles)?;
            panel.check_shape().map_err(|error| raise(&error))?;
        }
        Ok(panel)
    }
}

/// A one-dimensional array as a slice.
pub(crate) fn slice1<'a, T: numpy::Element>(
    name: &'static str,
    array: &'a PyReadonlyArray1<'_, T>,
) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| layout(name))
}

/// A two-dimensional array as a slice, row by row.
pub(crate) fn slice2<'a, T: numpy::Element>(
    name: &'static str,
    array: &'a PyReadonlyArray2<'_, T>,
) -> PyResult<&'a [T]> {
    // Fortran order is contiguous too, but would be read as its own transpose.
    if array.is_c_contiguous() {
        array.as_slice().map_err(|_| layout(name))
    } else {
        Err(layout(name))
    }
}

fn field<'a>(
    name: &'static str,
    array: &'a PyReadonlyArray2<'_, f64>,
    rows: usize,
    cols: usize,
) -> PyResult<&'a [f64]> {
    if array.shape() != [rows, cols] {
        let found = format!("{:?}", array.shape());
        let expected = format!("[{rows}, {cols}] (bars x symbols)");
        return Err(raise(&KernelError::Shape { field: name, found, expected }));
    }
    slice2(name, array)
}

/// An array that is no slice.
pub(crate) fn layout(name: &'static str) -> PyErr {
    let what = "wants a C-contiguous, aligned array".to_owned();
    raise(&KernelError::Argument { name, what })
}
