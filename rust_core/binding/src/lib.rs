//! The extension module `xsmom._core`. A table of contents: every function borrows its arrays,
//! calls the kernel outside the GIL through [`enter::enter`], and gives the result away.

mod build;
mod enter;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    build::warn_if_debug(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(build::build_info, module)?)?;
    Ok(())
}
