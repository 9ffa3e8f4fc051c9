//! A batch: configurations that go over the panel together, block by block.

use std::ops::Range;

use super::days::Days;
use super::outcome::{Outcome, Tally};
use super::{Control, Trial};
use crate::decide::{Reader, Signal};
use crate::error::Result;
use crate::features::{Needs, Pool, Seat, blocks};
use crate::panel::Panel;
use crate::params::Params;
use crate::simulate::Settlements;
use crate::simulate::strategy::{Book, Run, shares_signal};

/// Most books that are taken through a bar together: so many stay in the second cache beside the
/// features of a block.
const TOGETHER: usize = 16;
/// Most configurations in one batch: more share the reading of prices, fewer are lost to an interrupt.
const BATCH_MAX: usize = 32;
const BATCH_MIN: usize = 4;

/// Places of the trials, batch by batch, so that those which share features stand together. The last
/// batches are small, so that no thread waits long for another.
pub fn plan_batches(trials: &[Trial<'_>], threads: usize) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..trials.len()).collect();
    places.sort_by_cached_key(|place| signal_key(trials[*place].params));
    let mut batches = Vec::new();
    let mut left = &places[..];
    while !left.is_empty() {
        let share = left.len() / (2 * threads.max(1));
        let size = share.clamp(BATCH_MIN, BATCH_MAX).min(left.len());
        let (batch, rest) = left.split_at(size);
        batches.push(batch.to_vec());
        left = rest;
    }
    batches
}

/// Equal where the signal is, and near where parts of it are. Its order means nothing.
fn signal_key(p: &Params) -> String {
    let moves = (&p.lookback_bars, &p.lookback_weights, p.skip_bars, p.signal_kind);
    let scores = (p.signal_combine, p.vol_scaled_clip, p.standardise, p.zscore_clip, p.redemean);
    let power = if p.redemean { p.signal_power } else { 0.0 };
    let universe = (p.universe_top_n, p.age_min_days, p.price_min_usdt, p.dollar_volume_min_usdt);
    let ranges = (p.atr_bars, p.beta_neutral, p.funding_tilt_x);
    format!("{:06}{moves:?}{scores:?}{power}{universe:?}{ranges:?}", p.vol_bars)
}

/// One configuration on its way.
struct Rider<'a> {
    params: &'a Params,
    seat: Seat,
    book: Book<'a>,
    tally: Tally,
}

/// Neighbours that read the market alike, and who reads it for them.
struct Group {
    riders: Range<usize>,
    reader: Option<Reader>,
}

/// Run one batch. `None` when it was stopped before its end.
pub fn run_batch(
    panel: &Panel<'_>,
    trials: &[Trial<'_>],
    days: &Days,
    control: &Control,
    keep_daily: bool,
) -> Result<Option<Vec<Outcome>>> {
    let wanted: Vec<_> = trials.iter().map(|trial| (trial.params, needs_of(trial))).collect();
    let (mut pool, seats) = Pool::new(panel, &wanted);
    let mut riders = Vec::with_capacity(trials.len());
    for (trial, seat) in trials.iter().zip(seats) {
        let book = Book::new(panel, trial.params, trial.setup)?;
        let tally = Tally::new(trial.setup.cash_usdt, days);
        riders.push(Rider { params: trial.params, seat, book, tally });
    }
    let mut groups = form_groups(panel, trials, &riders)?;
    for rows in blocks(panel.first_bar, 0..panel.rows) {
        if control.stopped() {
            return Ok(None);
        }
        pool.enter_block(panel, rows.clone());
        let settlements = Settlements::of(panel, rows.clone());
        for group in &mut groups {
            group.ride(panel, rows.clone(), settlements, &mut pool, &mut riders, days);
        }
        control.add(rows.len() * trials.len());
    }
    let outcomes = riders.into_iter().map(|rider| {
        let counts = rider.book.finish(Run::default());
        rider.tally.finish(&counts, keep_daily)
    });
    Ok(Some(outcomes.collect()))
}

/// What the decision needs, and what impact does.
fn needs_of(trial: &Trial<'_>) -> Needs {
    let mut needs = Needs::of(trial.params);
    needs.adv |= trial.setup.costs.impact_y > 0.0;
    needs
}

/// Cut the batch where the signal changes, or where enough books ride together.
fn form_groups(
    panel: &Panel<'_>,
    trials: &[Trial<'_>],
    riders: &[Rider<'_>],
) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < trials.len() {
        let leader = &trials[start];
        let shares = |trial: &Trial<'_>| shares_signal(trial.params, trial.setup);
        let like = |place: &usize| {
            shares(leader)
                && shares(&trials[*place])
                && riders[*place].seat.reads_with(&riders[start].seat)
                && Signal::same(leader.params, trials[*place].params)
        };
        let end = trials.len().min(start + TOGETHER);
        let more = (start + 1..end).take_while(like).count();
        let riders = start..start + 1 + more;
        let reader = (more > 0)
            .then(|| Reader::new(panel.symbols, panel.listed_ms, panel.delisted_ms, leader.params));
        start = riders.end;
        groups.push(Group { riders, reader: reader.transpose()? });
    }
    Ok(groups)
}

impl Group {
    /// Take its books through one block.
    fn ride(
        &mut self,
        panel: &Panel<'_>,
        rows: Range<usize>,
        settlements: Settlements,
        pool: &mut Pool,
        riders: &mut [Rider<'_>],
        days: &Days,
    ) {
        let riders = &mut riders[self.riders.clone()];
        for rider in &*riders {
            pool.turn_to(panel, &rider.seat);
        }
        let (seat, books) = (riders[0].seat, riders.iter().map(|rider| rider.params));
        let books: Vec<_> = books.collect();
        for t in rows {
            let bar = panel.first_bar + t as i64;
            let (reader, rates) = (self.reader.as_mut(), settlements.rates(panel, t));
            let mut signal = reader.map(|reader| reader.read(&pool.row(&seat, bar), &books));
            for rider in &mut *riders {
                let row = pool.row(&rider.seat, bar);
                rider.book.bar(panel, t, &row, rates, signal.as_deref_mut());
                let close = rider.book.close();
                rider.tally.note(t, days, close.equity_usdt, close.gross_usdt, close.net_usdt);
                rider.tally.costs = close.costs;
            }
        }
    }
}
