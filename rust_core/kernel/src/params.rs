//! All that shapes a target, an exit or a guard: one flat struct, every unit in its name.
//!
//! The table below is the only place where a parameter is declared. The binding builds `Params`
//! from it by name, so a name that Python sends and Rust does not know is an error, and so is one
//! that Rust knows and Python does not send.

use crate::error::{KernelError, Result};

pub use choice::{
    ClusterAction, DailyLossBase, LadderUnit, SignalCombine, SignalKind, Standardise, StreakScope,
    TrailKind,
};
pub use value::Value;

mod check;
mod choice;
mod table;
mod value;

pub use check::WARMUP_BARS_MAX;
pub use table::Params;

impl Params {
    /// Build from named values; every field must be named exactly once, then all are checked.
    pub fn from_values(values: impl IntoIterator<Item = (String, Value)>) -> Result<Self> {
        let mut params = Self::default();
        let mut missing: std::collections::BTreeSet<&str> = Self::FIELDS.iter().copied().collect();
        for (name, value) in values {
            let Some(field) = Self::FIELDS.iter().find(|field| **field == name) else {
                let what = format!("there is no parameter {name:?} in the core");
                return Err(KernelError::Param { name: "params", what });
            };
            if !missing.remove(field) {
                return Err(KernelError::Param { name: field, what: "named twice".to_owned() });
            }
            params.set(field, value)?;
        }
        if let Some(name) = missing.into_iter().next() {
            let what = "is missing; the core takes every parameter by name".to_owned();
            return Err(KernelError::Param { name: Self::static_name(name), what });
        }
        params.validate()?;
        Ok(params)
    }

    /// Refuse values outside their range and combinations that contradict each other.
    pub fn validate(&self) -> Result<()> {
        check::validate(self)
    }

    fn static_name(name: &str) -> &'static str {
        Self::FIELDS.iter().copied().find(|field| *field == name).unwrap_or("params")
    }
}
