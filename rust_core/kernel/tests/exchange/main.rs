//! The exchange, rule by rule and under streams of random commands.

mod money;
mod orders;
mod random;
mod stops;
mod vectors;
mod venue;
