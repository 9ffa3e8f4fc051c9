//! Dictionaries of arrays: how state, positions and rows cross. Nothing here computes.

use numpy::{
    Element, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString};
use xsmom_kernel::book::GuardAction;

use crate::arrays::{layout, slice1, slice2};

/// A value that must be there.
pub(crate) fn needed<'py, T>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: FromPyObjectOwned<'py>,
{
    optional(dict, name)?.ok_or_else(|| missing(name))
}

/// A value that may be left out, or be an empty array.
pub(crate) fn optional<'py, T>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: FromPyObjectOwned<'py>,
{
    dict.get_item(name)?.map_or(Ok(None), |value| given(&value, name))
}

/// The value, unless it is an empty array.
fn given<'py, T>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<T>>
where
    T: FromPyObjectOwned<'py>,
{
    // An empty array of any shape says the same as a missing one: no rule needs the feature.
    if is_empty(value)? {
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

fn is_empty(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        return Ok(array.is_empty());
    }
    // Numbers and words have no size, and to look for one in vain is dear.
    if value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyString>()
    {
        return Ok(false);
    }
    Ok(value.getattr_opt("size")?.is_some_and(|size| size.eq(0).unwrap_or(false)))
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
    let value = there(dict, name)?;
    if let Ok(array) = value.cast::<PyArray1<T>>() {
        return array.to_vec().map_err(|_| layout(name));
    }
    let found: Option<PyReadonlyArray1<'py, T>> = given(&value, name)?;
    found.map_or(Ok(Vec::new()), |array| Ok(slice1(name, &array)?.to_vec()))
}

fn there<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> PyErr {
    PyKeyError::new_err(format!("{name} is missing"))
}

/// Rows of `N` values each, any number of rows, copied.
pub(crate) fn rows<'py, T: Element + Copy + 'static, const N: usize>(
    dict: &Bound<'py, PyDict>,
    name: &'static str,
) -> PyResult<Vec<[T; N]>> {
    let found: Option<PyReadonlyArray2<'py, T>> = given(&there(dict, name)?, name)?;
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
    dict.set_item(name, PyArray1::from_slice(dict.py(), &values))
}

/// A value that is the same only to the bit: NaN is itself, and -0 is not 0.
pub(crate) trait Bits: Copy {
    /// All of it.
    fn bits(self) -> u64;

    /// Whether nothing differs.
    fn same(self, other: Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Bits for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl Bits for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Bits for u32 {
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Bits for bool {
    fn bits(self) -> u64 {
        self.into()
    }
}

/// Give a column away if it has changed; else the array that is there stays.
pub(crate) fn put_changed<T: Element + Bits>(
    dict: &Bound<'_, PyDict>,
    name: &str,
    before: impl Iterator<Item = T>,
    after: impl Iterator<Item = T> + Clone,
) -> PyResult<()> {
    if before.zip(after.clone()).all(|(old, new)| old.same(new)) {
        return Ok(());
    }
    put(dict, name, after)
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
