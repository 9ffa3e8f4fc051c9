//! The one error type of the kernel: bad input, named by symbol, bar and field.
//!
//! A refusal that trading can meet every day (a name is stale, a target is too small) is a
//! [`crate::reason::Reason`], never an error.

/// Why the kernel would not touch its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// An array does not have the shape that the others promise.
    #[error("{field} has shape {found}, expected {expected}")]
    Shape {
        /// Name of the array as the caller knows it.
        field: &'static str,
        /// What came in.
        found: String,
        /// What had to come in.
        expected: String,
    },
    /// A cell of the panel holds a value that no market can produce.
    #[error("{field} of {symbol} at bar {close_ms} (UTC ms of its close): {what}")]
    Cell {
        /// Name of the field.
        field: &'static str,
        /// Symbol of the column.
        symbol: String,
        /// Close of the row, UTC milliseconds.
        close_ms: i64,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The time axis is not strictly regular.
    #[error("time axis: {0}")]
    Time(String),
    /// The list of symbols is empty, unsorted or not unique.
    #[error("symbols: {0}")]
    Symbols(String),
    /// A parameter is outside its range or contradicts another one.
    #[error("parameter {name}: {what}")]
    Param {
        /// Name of the parameter as in `Params`.
        name: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A configuration of a sweep cannot be run.
    #[error("config {place}: {error}")]
    Trial {
        /// Its place in the list, from 0.
        place: usize,
        /// Why it cannot.
        error: Box<KernelError>,
    },
    /// A length, period or window that cannot be computed.
    #[error("{name}: {what}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// Result of a kernel function that checks its input.
pub type Result<T> = std::result::Result<T, KernelError>;
