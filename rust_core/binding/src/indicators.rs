//! Public indicators on bars by symbols; each is one call of the kernel's function of the same name.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use xsmom_kernel::indicators::{self as kernel, Bars};
use xsmom_kernel::{KernelError, Result};

use crate::arrays::slice2;
use crate::enter::enter;

type Table<'py> = PyReadonlyArray2<'py, f64>;
type Found<'py> = PyResult<Bound<'py, PyArray2<f64>>>;

/// Run `work` over one table and give back a table of the same shape.
fn over_one<'py>(
    py: Python<'py>,
    x: &Table<'py>,
    work: impl FnOnce(&[f64], usize) -> Result<Vec<f64>> + Send,
) -> Found<'py> {
    let cells = slice2("x", x)?;
    let shape = [x.shape()[0], x.shape()[1]];
    enter(py, || work(cells, shape[1]))?.into_pyarray(py).reshape(shape)
}

/// The same over two tables of one shape.
fn over_two<'py>(
    py: Python<'py>,
    x: &Table<'py>,
    y: &Table<'py>,
    work: impl FnOnce(&[f64], &[f64], usize) -> Result<Vec<f64>> + Send,
) -> Found<'py> {
    let other = slice2("y", y)?;
    let (found, expected) = (format!("{:?}", y.shape()), format!("{:?}", x.shape()));
    over_one(py, x, |cells, cols| {
        if other.len() != cells.len() || found != expected {
            return Err(KernelError::Shape { field: "y", found, expected });
        }
        work(cells, other, cols)
    })
}

/// The same over high, low and close.
fn over_bars<'py>(
    py: Python<'py>,
    high: &Table<'py>,
    low: &Table<'py>,
    close: &Table<'py>,
    work: impl FnOnce(Bars<'_>) -> Result<Vec<f64>> + Send,
) -> Found<'py> {
    let (low, close) = (slice2("low", low)?, slice2("close", close)?);
    over_one(py, high, |high, cols| work(Bars { high, low, close, cols }))
}

macro_rules! by_period {
    ($($name:ident),+) => { $(
        #[pyfunction]
        pub(crate) fn $name<'py>(py: Python<'py>, x: Table<'py>, period: usize) -> Found<'py> {
            over_one(py, &x, |cells, cols| kernel::$name(cells, cols, period))
        }
    )+ };
}

macro_rules! by_spread {
    ($($name:ident),+) => { $(
        #[pyfunction]
        pub(crate) fn $name<'py>(
            py: Python<'py>, x: Table<'py>, period: usize, ddof: usize,
        ) -> Found<'py> {
            over_one(py, &x, |cells, cols| kernel::$name(cells, cols, period, ddof))
        }
    )+ };
}

macro_rules! by_bars {
    ($($name:ident),+) => { $(
        #[pyfunction]
        pub(crate) fn $name<'py>(
            py: Python<'py>, high: Table<'py>, low: Table<'py>, close: Table<'py>, period: usize,
        ) -> Found<'py> {
            over_bars(py, &high, &low, &close, |bars| kernel::$name(bars, period))
        }
    )+ };
}

by_period!(ema, wilder, sma, rolling_mean, rolling_median, rolling_mad);
by_spread!(rolling_std, rolling_zscore);
by_bars!(atr, plus_dm, minus_dm, plus_di, minus_di, dx, adx);

#[pyfunction]
pub(crate) fn true_range<'py>(
    py: Python<'py>,
    high: Table<'py>,
    low: Table<'py>,
    close: Table<'py>,
) -> Found<'py> {
    over_bars(py, &high, &low, &close, kernel::true_range)
}

#[pyfunction]
pub(crate) fn rolling_correlation<'py>(
    py: Python<'py>,
    x: Table<'py>,
    y: Table<'py>,
    period: usize,
) -> Found<'py> {
    over_two(py, &x, &y, |x, y, cols| kernel::rolling_correlation(x, y, cols, period))
}

/// Slope of `y` on `x`.
#[pyfunction]
pub(crate) fn rolling_beta<'py>(
    py: Python<'py>,
    y: Table<'py>,
    x: Table<'py>,
    period: usize,
) -> Found<'py> {
    over_two(py, &y, &x, |y, x, cols| kernel::rolling_beta(y, x, cols, period))
}

#[pyfunction]
pub(crate) fn ranks<'py>(py: Python<'py>, x: Table<'py>) -> Found<'py> {
    over_one(py, &x, kernel::ranks)
}

#[pyfunction]
pub(crate) fn zscores<'py>(py: Python<'py>, x: Table<'py>, ddof: usize) -> Found<'py> {
    over_one(py, &x, |cells, cols| kernel::zscores(cells, cols, ddof))
}

#[pyfunction]
pub(crate) fn robust_zscores<'py>(py: Python<'py>, x: Table<'py>) -> Found<'py> {
    over_one(py, &x, kernel::robust_zscores)
}
