//! All arithmetic of deciding, filling and accounting for a cross-sectional momentum book.
//!
//! Rules that hold everywhere in this crate:
//! * no clock, no randomness, no I/O, no global state, no `unsafe`;
//! * one value at bar `t` depends on a finite stretch of bars at an absolute place (bar number =
//!   `close_ms / bar_ms`), never on where the history happened to begin;
//! * the same input gives the same bits on any CPU, SIMD width and thread count.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod book;
pub mod bootstrap;
pub mod decide;
pub mod error;
pub mod exchange;
pub mod features;
pub mod fill;
pub mod follow;
pub mod guards;
pub mod indicators;
pub mod lanes;
pub mod ledger;
pub mod margin;
pub mod meta;
pub mod metrics;
pub mod model_book;
pub mod momentum;
pub mod overfit;
mod overlay;
pub mod panel;
pub mod params;
pub mod plan;
pub mod reason;
pub mod records;
pub mod row;
pub mod select;
pub mod simulate;
mod size;
pub mod stops;
pub mod sweep;
pub mod table;
pub mod universe;

pub use error::{KernelError, Result};
