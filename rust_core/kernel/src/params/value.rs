//! A parameter's value on its way in, before the field's own type is known.

use crate::error::{KernelError, Result};

/// What a caller may send for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A name: of a choice.
    Text(String),
    /// A list of whole numbers.
    Ints(Vec<i64>),
    /// A list of real numbers.
    Floats(Vec<f64>),
    /// A list of symbols.
    Texts(Vec<String>),
    /// A list of pairs of real numbers.
    Pairs(Vec<(f64, f64)>),
}

/// How a field of `Params` reads its value.
pub(super) trait FromValue: Sized {
    fn from_value(name: &'static str, value: Value) -> Result<Self>;
    fn to_value(&self) -> Value;
}

pub(super) fn wrong(name: &'static str, wanted: &str, got: &Value) -> KernelError {
    KernelError::Param { name, what: format!("wants {wanted}, got {got:?}") }
}

impl FromValue for bool {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(wrong(name, "true or false", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl FromValue for f64 {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Float(number) if number.is_finite() => Ok(number),
            Value::Int(number) => Ok(number as Self),
            other => Err(wrong(name, "a finite number", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
}

impl FromValue for i64 {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Int(number) => Ok(number),
            other => Err(wrong(name, "a whole number", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
}

impl FromValue for u32 {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Int(number) => Self::try_from(number)
                .map_err(|_| wrong(name, "a whole number from 0 up", &Value::Int(number))),
            other => Err(wrong(name, "a whole number from 0 up", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Int((*self).into())
    }
}

impl FromValue for Vec<u32> {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Ints(list) => {
                list.into_iter().map(|number| u32::from_value(name, Value::Int(number))).collect()
            }
            Value::Floats(list) if list.is_empty() => Ok(Self::new()),
            other => Err(wrong(name, "a list of whole numbers", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Ints(self.iter().map(|number| (*number).into()).collect())
    }
}

impl FromValue for Vec<f64> {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Floats(list) => Ok(list),
            Value::Ints(list) => Ok(list.into_iter().map(|number| number as f64).collect()),
            other => Err(wrong(name, "a list of numbers", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Floats(self.clone())
    }
}

impl FromValue for Vec<String> {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Texts(list) => Ok(list),
            Value::Ints(list) if list.is_empty() => Ok(Self::new()),
            Value::Floats(list) if list.is_empty() => Ok(Self::new()),
            other => Err(wrong(name, "a list of names", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Texts(self.clone())
    }
}

impl FromValue for Vec<(f64, f64)> {
    fn from_value(name: &'static str, value: Value) -> Result<Self> {
        match value {
            Value::Pairs(list) => Ok(list),
            Value::Ints(list) if list.is_empty() => Ok(Self::new()),
            Value::Floats(list) if list.is_empty() => Ok(Self::new()),
            other => Err(wrong(name, "a list of pairs", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Pairs(self.clone())
    }
}
