//! Many configurations over one panel: what one pass can share is computed once.
//!
//! Each configuration ends with the bits of its own single run, whoever it shares a pass with, in
//! whatever order and on whatever thread. A batch is one thread's work; who spreads batches over
//! threads is not the kernel's business. See docs/explanation/sweep.md.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{KernelError, Result};
use crate::panel::Panel;
use crate::params::Params;
use crate::simulate::strategy::{Setup, check};

mod batch;
mod days;
mod outcome;

pub use batch::{plan_batches, run_batch};
pub use days::Days;
pub use outcome::Outcome;

/// One configuration of a sweep. Many may share a setup.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The strategy.
    pub params: &'a Params,
    /// Costs, timing, cash.
    pub setup: &'a Setup,
}

/// What the outside may say to a running sweep, and read of it.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
    bars: AtomicU64,
}

impl Control {
    /// Ask for the end: batches that are under way are given up.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Bars done so far, summed over configurations.
    pub fn bars(&self) -> u64 {
        self.bars.load(Ordering::Relaxed)
    }

    fn add(&self, bars: usize) {
        self.bars.fetch_add(bars as u64, Ordering::Relaxed);
    }
}

/// Refuse what cannot be run before anything is; the error names the trial by its place.
pub fn check_trials(panel: &Panel<'_>, trials: &[Trial<'_>]) -> Result<()> {
    panel.check_shape()?;
    for (place, trial) in trials.iter().enumerate() {
        check(panel, trial.params, trial.setup)
            .and_then(|()| crate::features::check_warmup(trial.params))
            .map_err(|error| KernelError::Trial { place, error: Box::new(error) })?;
    }
    Ok(())
}
