//! The guards: one test a row of the table, the clock, the twin, and lives cut in two.

mod life;
mod rules;
mod twin;
