//! The one door from Python into the kernel: let go of the GIL, map the error.

use pyo3::prelude::*;
use xsmom_kernel::KernelError;

mod python {
    pyo3::import_exception!(xsmom.errors, KernelError);
}

/// Run `work` without the GIL and turn a kernel error into `xsmom.errors.KernelError`.
pub(crate) fn enter<T, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    T: Send,
    F: FnOnce() -> Result<T, KernelError> + Send,
{
    py.detach(work).map_err(|error| raise(&error))
}

/// A kernel error as the Python exception that users catch.
pub(crate) fn raise(error: &KernelError) -> PyErr {
    PyErr::new::<python::KernelError, _>(error.to_string())
}
