//! `Params`: the strategy as one frozen object, built from named values.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use xsmom_kernel::params::{Params, Value};

use crate::enter::raise;

/// The strategy as the kernel sees it; frozen.
#[pyclass(frozen, module = "xsmom._core", name = "Params")]
pub(crate) struct PyParams {
    pub(crate) inner: Params,
}

#[pymethods]
impl PyParams {
    #[new]
    #[pyo3(signature = (**fields))]
    fn new(fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut values = Vec::new();
        if let Some(fields) = fields {
            for (name, value) in fields {
                let name: String = name.extract()?;
                let value = read(&name, &value)?;
                values.push((name, value));
            }
        }
        let inner = Params::from_values(values).map_err(|error| raise(&error))?;
        Ok(Self { inner })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.inner)
    }
}

/// Names of all parameters, in the order of their declaration.
#[pyfunction]
pub(crate) fn params_fields() -> Vec<&'static str> {
    Params::FIELDS.to_vec()
}

/// The neutral values: everything optional is off.
#[pyfunction]
pub(crate) fn params_defaults(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in Params::default().values() {
        match value {
            Value::Bool(flag) => dict.set_item(name, flag)?,
            Value::Int(number) => dict.set_item(name, number)?,
            Value::Float(number) => dict.set_item(name, number)?,
            Value::Text(text) => dict.set_item(name, text)?,
            Value::Ints(list) => dict.set_item(name, list)?,
            Value::Floats(list) => dict.set_item(name, list)?,
            Value::Texts(list) => dict.set_item(name, list)?,
            Value::Pairs(list) => dict.set_item(name, list)?,
        }
    }
    Ok(dict)
}

fn read(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    // bool before int: in Python a bool is an int.
    if value.is_instance_of::<PyBool>() {
        return Ok(Value::Bool(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Value::Int(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Value::Float(value.extract()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::Text(value.extract()?));
    }
    if let Ok(list) = value.extract::<Vec<i64>>() {
        return Ok(Value::Ints(list));
    }
    if let Ok(list) = value.extract::<Vec<f64>>() {
        return Ok(Value::Floats(list));
    }
    if let Ok(list) = value.extract::<Vec<String>>() {
        return Ok(Value::Texts(list));
    }
    if let Ok(list) = value.extract::<Vec<(f64, f64)>>() {
        return Ok(Value::Pairs(list));
    }
    let text = format!("parameter {name}: {} is no value a parameter can have", value.repr()?);
    Err(PyTypeError::new_err(text))
}
