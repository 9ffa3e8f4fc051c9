//! What this build is: version, profile, CPU features that the kernel will use.

use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Version, profile, compiler target and SIMD level of the loaded core.
#[pyfunction]
pub(crate) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", profile())?;
    info.set_item("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))?;
    info.set_item("simd", xsmom_kernel::lanes::simd_level())?;
    info.set_item("cpu_features", xsmom_kernel::lanes::cpu_features())?;
    Ok(info)
}

/// A debug build is some twenty times slower: nobody should benchmark or trade on it by accident.
pub(crate) fn warn_if_debug(py: Python<'_>) -> PyResult<()> {
    if cfg!(debug_assertions) {
        let category = py.get_type::<PyRuntimeWarning>();
        let text =
            c"xsmom._core is a debug build: results are the same, but it is many times slower";
        PyErr::warn(py, &category, text, 1)?;
    }
    Ok(())
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
