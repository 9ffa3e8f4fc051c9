//! Dictionaries of arrays: how state, positions and rows cross. Nothing here computes.

use numpy::{
    Element, IntoPyArray, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::book::GuardAction;

use crate::arrays::{slice1, slice2};

/// A value that must be there.
pub(crate) fn needed<'py, T>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: FromPyObjectOwned<'py>,
{
    optional(dict, name)?.ok_or_else(|| PyKeyError::new_err(format!("{name} is missing")))
}

/// A value that may be left out, or be an empty array.
pub(crate) fn optional<'py, T>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: FromPyObjectOwned<'py>,
{
    let Some(value) = dict.get_item(name)? else { return Ok(None) };
    // An empty array of any shape says the same as a missing one: no rule needs the feature.
    let empty = value.getattr_opt("size")?.is_some_and(|size| size.eq(0).unwrap_or(false));
    if empty {
        return Ok(None);
    }
    match value.extract::<T>() {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let error: PyErr = error.into();
            Err(PyValueError::new_err(format!("{name}: {error}")))
        }
    }
}

/// One value a symbol, copied.
pub(crate) fn column<T: Element + Copy + 'static>(
    dict: &Bound<'_, PyDict>,
    name: &'static str,
    len: usize,
) -> PyResult<Vec<T>> {
    let found = list(dict, name)?;
    length(name, found.len(), len)?;
    Ok(found)
}

/// Values of any number, copied; there must be an array, though it may be empty.
pub(crate) fn list<'py, T: Element + Copy + 'static>(
    dict: &Bound<'py, PyDict>,
    name: &'static str,
) -> PyResult<Vec<T>> {
    if !dict.contains(name)? {
        return Err(PyKeyError::new_err(format!("{name} is missing")));
    }
    let found: Option<PyReadonlyArray1<'py, T>> = optional(dict, name)?;
    found.map_or(Ok(Vec::new()), |array| Ok(slice1(name, &array)?.to_vec()))
}

/// Rows of `N` values each, any number of rows, copied.
pub(crate) fn rows<'py, T: Element + Copy + 'static, const N: usize>(
    dict: &Bound<'py, PyDict>,
    name: &'static str,
) -> PyResult<Vec<[T; N]>> {
    if !dict.contains(name)? {
        return Err(PyKeyError::new_err(format!("{name} is missing")));
    }
    let found: Option<PyReadonlyArray2<'py, T>> = optional(dict, name)?;
    let Some(array) = found else { return Ok(Vec::new()) };
    if array.shape()[1] != N {
        let text = format!("{name} has {} columns, wants {N}", array.shape()[1]);
        return Err(PyValueError::new_err(text));
    }
    Ok(slice2(name, &array)?.as_chunks::<N>().0.to_vec())
}

/// `[long, short]` of each symbol, copied.
pub(crate) fn pairs<T: Element + Copy + 'static>(
    dict: &Bound<'_, PyDict>,
    name: &'static str,
    symbols: usize,
) -> PyResult<Vec<[T; 2]>> {
    let found = rows(dict, name)?;
    length(name, found.len(), symbols)?;
    Ok(found)
}

/// Give a column away.
pub(crate) fn put<T: Element>(
    dict: &Bound<'_, PyDict>,
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> PyResult<()> {
    let values: Vec<T> = values.into_iter().collect();
    dict.set_item(name, values.into_pyarray(dict.py()))
}

/// Give rows of `N` values away.
pub(crate) fn put_rows<T: Element + Clone, const N: usize>(
    dict: &Bound<'_, PyDict>,
    name: &str,
    values: &[[T; N]],
) -> PyResult<()> {
    let flat = values.as_flattened().to_vec();
    dict.set_item(name, flat.into_pyarray(dict.py()).reshape([values.len(), N])?)
}

/// Refuse a column of another length.
pub(crate) fn length(name: &str, found: usize, expected: usize) -> PyResult<()> {
    if found == expected {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{name} has {found} entries, wants {expected}")))
}

/// Refuse a number that is no symbol.
pub(crate) fn within(name: &str, symbol: usize, symbols: usize) -> PyResult<usize> {
    if symbol < symbols {
        return Ok(symbol);
    }
    let text = format!("{name} is {symbol}, the state has {symbols} symbols");
    Err(PyValueError::new_err(text))
}

/// The action of a guard by its name.
pub(crate) fn read_action(name: &str) -> PyResult<GuardAction> {
    match name {
        "none" => Ok(GuardAction::None),
        "block_entries" => Ok(GuardAction::BlockEntries),
        "flatten" => Ok(GuardAction::Flatten),
        other => {
            let text = format!("guard is {other:?}, wants none, block_entries or flatten");
            Err(PyValueError::new_err(text))
        }
    }
}

/// Its name.
pub(crate) fn action_name(action: GuardAction) -> &'static str {
    match action {
        GuardAction::None => "none",
        GuardAction::BlockEntries => "block_entries",
        GuardAction::Flatten => "flatten",
    }
}
