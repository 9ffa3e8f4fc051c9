//! The plan: a table of single rules, properties, and the answers of the slow twin.

mod case;
mod properties;
mod rules;
mod twin;
