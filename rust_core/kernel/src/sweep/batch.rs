//! A batch: configurations that go over the panel together, block by block.

use super::days::Days;
use super::outcome::{Counts, Outcome, Tally};
use super::{Control, Trial};
use crate::error::Result;
use crate::panel::Panel;
use crate::simulate::strategy::{self, Setup};

/// Most configurations in one batch.
const BATCH: usize = 16;

/// Places of the trials, batch by batch, so that those which share features stand together.
pub fn plan_batches(trials: &[Trial<'_>]) -> Vec<Vec<usize>> {
    let places: Vec<usize> = (0..trials.len()).collect();
    places.chunks(BATCH).map(<[usize]>::to_vec).collect()
}

/// Run one batch. `None` when it was stopped before its end.
pub fn run_batch(
    panel: &Panel<'_>,
    trials: &[Trial<'_>],
    days: &Days,
    control: &Control,
    keep_daily: bool,
) -> Result<Option<Vec<Outcome>>> {
    let mut all = Vec::new();
    for trial in trials {
        if control.stopped() {
            return Ok(None);
        }
        let setup = Setup { keep_fills: true, keep_trips: true, ..trial.setup.clone() };
        let run = strategy::run(panel, trial.params, &setup)?;
        let mut tally = Tally::new(trial.setup.cash_usdt, days);
        for t in 0..panel.rows {
            tally.note(t, days, run.equity_usdt[t], run.gross_usdt[t], run.net_usdt[t]);
        }
        let counts = Counts {
            costs: run.costs.last().copied().unwrap_or_default(),
            trips: run.trips.len() as u64,
            fills: run.fills.len() as u64,
            decisions: run.decisions,
            guarded_bars: run.guarded_bars,
            bankrupt_at: run.bankrupt_at,
            liquidated_at: run.liquidated_at,
        };
        control.add(panel.rows);
        all.push(tally.finish(counts, keep_daily));
    }
    Ok(Some(all))
}
