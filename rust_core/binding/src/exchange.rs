//! The exchange behind one handle. Commands, questions and answers cross as JSON: their names are the
//! kernel's own, so that nothing has to be told twice.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use xsmom_kernel::KernelError;
use xsmom_kernel::exchange::{self as kernel, Command, Query, Setup};

use crate::enter::{enter, raise};

/// A derivatives exchange as one state machine.
#[pyclass(module = "xsmom._core", name = "Exchange")]
#[derive(Debug)]
pub(crate) struct Exchange {
    inner: kernel::Exchange,
}

/// Read JSON, or say where it is not what was asked for.
fn read<'a, T: serde::Deserialize<'a>>(what: &'static str, json: &'a [u8]) -> PyResult<T> {
    serde_json::from_slice(json).map_err(|error| {
        raise(&KernelError::Argument { name: what, what: format!("cannot be read: {error}") })
    })
}

fn write<'py, T: serde::Serialize>(py: Python<'py>, value: &T) -> PyResult<Bound<'py, PyBytes>> {
    let json =
        serde_json::to_vec(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &json))
}

#[pymethods]
impl Exchange {
    #[new]
    fn new(py: Python<'_>, setup: &[u8]) -> PyResult<Self> {
        let setup: Setup = read("setup", setup)?;
        let inner = enter(py, || kernel::Exchange::new(&setup))?;
        Ok(Self { inner })
    }

    /// Carry out one command, and give the events that it made.
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        command: &[u8],
        at_ms: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let command: Command = read("command", command)?;
        let events = self.inner.apply(&command, at_ms);
        write(py, &events)
    }

    /// Carry out many commands of one moment, and give their events in one list.
    fn apply_all<'py>(
        &mut self,
        py: Python<'py>,
        commands: &[u8],
        at_ms: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let commands: Vec<Command> = read("commands", commands)?;
        let inner = &mut self.inner;
        let events: Vec<_> = enter(py, || {
            Ok(commands.iter().flat_map(|command| inner.apply(command, at_ms)).collect())
        })?;
        write(py, &events)
    }

    /// Answer a question; `null` when there is no such thing.
    fn ask<'py>(&self, py: Python<'py>, query: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let query: Query = read("query", query)?;
        write(py, &self.inner.answer(&query))
    }

    #[getter]
    fn log_hash(&self) -> String {
        self.inner.log_hash()
    }

    #[getter]
    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.snapshot())
    }

    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: &[u8]) -> PyResult<Self> {
        let inner = enter(py, || kernel::Exchange::restore(snapshot))?;
        Ok(Self { inner })
    }
}
