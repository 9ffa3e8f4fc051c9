//! The lanes against the state machine of one position, over random lives of a small book.

use proptest::prelude::*;

use super::*;
use crate::lanes::{at_baseline, dispatch};
use crate::params::TrailKind;
use crate::stops::{Advance, BarRow, advance_held, advance_stops, fold_into};

const N: usize = 67;
const HOUR_MS: i64 = 3_600_000;

/// What a name does in an hour: its bar, its features, what is traded at its close.
#[derive(Debug, Clone, Copy)]
struct Step {
    drift: f64,
    up: f64,
    down: f64,
    atr: f64,
    slope: f64,
    /// What is traded, and how much of what is held (or of a hundred lots).
    kind: u8,
    share: f64,
}

fn any_step() -> impl Strategy<Value = Step> {
    let bar = (-0.04..0.04f64, 0.0..0.03f64, 0.0..0.03f64);
    let rest = (
        prop_oneof![9 => 0.004..0.03f64, 1 => Just(f64::NAN)],
        prop_oneof![9 => -20.0..20.0f64, 1 => Just(f64::NAN)],
        0u8..20,
        0.05..1.5f64,
    );
    (bar, rest).prop_map(|((drift, up, down), (atr, slope, kind, share))| Step {
        drift,
        up,
        down,
        atr,
        slope,
        kind,
        share,
    })
}

fn any_params() -> impl Strategy<Value = Params> {
    let levels = (
        prop_oneof![Just(0.0), 0.5..4.0],
        prop_oneof![1 => Just(0.0), 3 => 3.0..4.0],
        any::<bool>(),
        any::<bool>(),
        0.3..3.0,
    );
    let latches = (prop_oneof![Just(0.0), 0.2..2.0], any::<bool>(), any::<bool>());
    let rest = (
        any::<bool>(),
        prop::collection::vec((0.2..1.0f64, 0.05..0.25f64), 0..4),
        prop_oneof![2 => Just((0u32, 0u32)), 1 => (2u32..9, 4u32..12)],
        prop_oneof![Just(0.0), 0.0..0.02],
        prop_oneof![3 => Just(180_000i64), 1 => Just(3 * HOUR_MS)],
    );
    (levels, latches, rest).prop_map(|(levels, latches, rest)| {
        let (in_r, rungs, (no_progress_bars, hold_bars_max), stop_move_min_frac, slow_ms) = rest;
        let unit = if in_r { 1.0 } else { 0.03 };
        let mut distance = 0.0;
        let ladder = rungs.into_iter().map(|(step, share)| {
            distance += step * unit;
            (distance, share)
        });
        Params {
            stop_atr_x: levels.0,
            catastrophic_atr_x: levels.1,
            trailing_enabled: levels.2,
            trail_kind: if levels.3 { TrailKind::Chandelier } else { TrailKind::MaAtr },
            trail_atr_x: levels.4,
            breakeven_after_r: latches.0,
            profit_locks_r: if latches.1 { vec![(0.8, 0.0), (1.5, 0.5)] } else { Vec::new() },
            regime_flip_exit: latches.2,
            ladder_unit: if in_r { LadderUnit::R } else { LadderUnit::PriceFrac },
            ladder: ladder.collect(),
            no_progress_bars,
            hold_bars_max,
            stop_move_min_frac,
            stop_move_min_ms: slow_ms,
            bar_ms: HOUR_MS,
            ..Params::default()
        }
    })
}

/// Rows of one hour.
struct Hour {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    atr: Vec<f64>,
    trail_ma: Vec<f64>,
    slope: Vec<f64>,
    close_ms: i64,
}

impl Hour {
    fn new(price: &mut [f64], steps: &[Step], hour: i64) -> Self {
        let mut out = Self {
            open: price.to_vec(),
            high: vec![f64::NAN; N],
            low: vec![f64::NAN; N],
            close: vec![f64::NAN; N],
            atr: vec![f64::NAN; N],
            trail_ma: vec![f64::NAN; N],
            slope: vec![f64::NAN; N],
            close_ms: (400_000 + hour) * HOUR_MS,
        };
        for (i, step) in steps.iter().enumerate() {
            let close = price[i] * (1.0 + step.drift);
            if step.kind == 19 {
                out.open[i] = f64::NAN;
                continue;
            }
            out.high[i] = price[i].max(close) * (1.0 + step.up);
            out.low[i] = price[i].min(close) * (1.0 - step.down);
            out.close[i] = close;
            out.atr[i] = step.atr * close;
            out.trail_ma[i] = close * (1.0 + step.down - step.up);
            out.slope[i] = step.slope;
            price[i] = close;
        }
        out
    }

    fn row(&self) -> BarRow<'_> {
        BarRow {
            close_ms: self.close_ms,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            atr: &self.atr,
            trail_ma: &self.trail_ma,
            slope_bps_day: &self.slope,
        }
    }
}

/// A book whose levels lie in lanes.
struct Book {
    positions: Vec<Position>,
    lots: Vec<i64>,
    levels: Levels,
    folds: Folds,
    words: Vec<u64>,
}

impl Book {
    fn new() -> Self {
        Self {
            positions: vec![Position::FLAT; N],
            lots: vec![0; N],
            levels: Levels::new(N),
            folds: Folds::new(N),
            words: vec![0; N.div_ceil(64)],
        }
    }

    fn named(words: &[u64]) -> Vec<usize> {
        (0..N).filter(|i| words[i / 64] >> (i % 64) & 1 != 0).collect()
    }

    fn whole(&self, i: usize) -> Position {
        let mut position = self.positions[i];
        position.lots = self.lots[i];
        self.levels.write(i, &mut position);
        position
    }

    fn advance(&mut self, with: Advance<'_>, params: &Params) -> Vec<super::super::SymbolExit> {
        let mut exits = Vec::new();
        let concerned = Self::named(&self.words);
        for &i in &concerned {
            self.positions[i] = self.whole(i);
        }
        advance_held(&mut self.positions, concerned.iter().copied(), with, params, &mut exits);
        for &i in &concerned {
            self.levels.put(i, &self.positions[i], params);
        }
        exits
    }

    fn clear(&mut self, i: usize) {
        (self.lots[i], self.positions[i].lots) = (0, 0);
        self.levels.clear(i);
    }

    fn fold(&mut self, i: usize, lots: i64, price: f64, atr: f64, at_ms: i64, params: &Params) {
        let mut position = self.whole(i);
        fold_into(&mut position, lots, price, atr, at_ms, params);
        self.levels.put(i, &position, params);
        self.lots[i] = position.lots;
        self.positions[i] = position;
    }
}

/// Lots that a step trades: nearer to 0, then further away.
fn orders(step: &Step, held: i64) -> (i64, i64) {
    let some = |of: i64| ((of.abs() as f64 * step.share) as i64).max(1);
    match (step.kind, held) {
        (0..4, 0) => (0, if step.kind.is_multiple_of(2) { some(100) } else { -some(100) }),
        (_, 0) | (13.., _) => (0, 0),
        (0..5, _) => (0, held.signum() * some(held)),
        (5..10, _) => (-held.signum() * some(held).min(held.abs()), 0),
        (10, _) => (-held, 0),
        (11, _) => (-held, -held.signum() * some(held)),
        (_, _) => (-held.signum() * some(held).min(held.abs() - 1), held.signum() * some(held)),
    }
}

fn fold_plan(book: &mut Book, one: &mut [Position], steps: &[Step], hour: &Hour, params: &Params) {
    // Only names with a price, as a plan has it; the rest of the last lane trades nothing.
    let named: Vec<u32> = (0..N as u32).filter(|i| !hour.close[*i as usize].is_nan()).collect();
    let room = named.len().next_multiple_of(LANES);
    let mut rows = [vec![0.0; room], vec![0.0; room], vec![0.0; room], vec![1.0; room]];
    for (place, name) in named.iter().enumerate() {
        let i = *name as usize;
        let (less, more) = orders(&steps[i], one[i].lots);
        let price = hour.close[i] * 1.0007;
        let figures = [one[i].lots as f64, less as f64, more as f64, price];
        for (row, figure) in rows.iter_mut().zip(figures) {
            row[place] = figure;
        }
        for lots in [less, more] {
            fold_into(&mut one[i], lots, price, hour.atr[i], hour.close_ms, params);
        }
    }
    let [held, less, more, price] = &rows;
    let (levels, folds) = (&mut book.levels, &mut book.folds);
    let legs = Legs { held, less, more, price };
    dispatch(
        #[inline(always)]
        || levels.fold(&named, &legs, folds),
    );
    book.levels.raise_caps(&named, &book.folds, &book.positions, params);
    let (ends, opens) = (Book::named(book.folds.ends()), Book::named(book.folds.opens()));
    for (places, row) in [(&ends, less), (&opens, more)] {
        for &place in places {
            let i = named[place] as usize;
            let lots = row[place] as i64;
            if lots == -book.lots[i] && i.is_multiple_of(3) {
                book.clear(i);
                continue;
            }
            book.fold(i, lots, price[place], hour.atr[i], hour.close_ms, params);
        }
    }
    for (place, name) in named.iter().enumerate() {
        if !ends.contains(&place) && !opens.contains(&place) {
            book.lots[*name as usize] += (less[place] + more[place]) as i64;
        }
    }
}

/// Everything but what no account of a simulation reads.
fn told(mut position: Position) -> String {
    position.realised_price_lots = 0.0;
    if position.lots == 0 {
        position = Position { lots: 0, ..Position::FLAT };
    }
    format!("{position:?}")
}

fn same(book: &Book, one: &[Position], params: &Params, when: &str) -> Result<(), TestCaseError> {
    for (i, position) in one.iter().enumerate() {
        prop_assert_eq!(told(book.whole(i)), told(*position), "name {} {}", i, when);
        let cap = rung_cap_lots(position, params).map_or(f64::INFINITY, |lots| lots as f64);
        prop_assert_eq!(book.levels.cap_lots()[i], cap, "cap of name {} {}", i, when);
    }
    Ok(())
}

fn live(hours: &[Vec<Step>], params: &Params) -> Result<(), TestCaseError> {
    let rules = CloseRules::of(params, false);
    let (mut book, mut one) = (Book::new(), vec![Position::FLAT; N]);
    let mut price = vec![100.0; N];
    for (at, steps) in hours.iter().enumerate() {
        let hour = Hour::new(&mut price, steps, at as i64);
        let bar = hour.row();
        let mut exits = Vec::new();
        advance_stops(&mut one, Advance::Range(&bar), params, &mut exits);
        let (levels, words) = (&book.levels, &mut book.words);
        dispatch(
            #[inline(always)]
            || levels.find_touched(bar.high, bar.low, params.ladder_unit, words),
        );
        prop_assert_eq!(&book.advance(Advance::Range(&bar), params), &exits);
        same(&book, &one, params, "after the touches")?;
        for found in &exits {
            let (i, exit) = (found.symbol, found.exit);
            let at_ms = exit.bar_close_ms - 1;
            fold_into(&mut one[i], exit.lots, exit.price, f64::NAN, at_ms, params);
            book.fold(i, exit.lots, exit.price, f64::NAN, at_ms, params);
        }
        let mut called = Vec::new();
        advance_stops(&mut one, Advance::Close(&bar), params, &mut called);
        let (levels, words) = (&mut book.levels, &mut book.words);
        dispatch(
            #[inline(always)]
            || levels.close(&bar, &rules, words),
        );
        prop_assert_eq!(&book.advance(Advance::Close(&bar), params), &called);
        same(&book, &one, params, "after the close")?;
        // The others wait, and the next bar finds them called already.
        for found in called.iter().filter(|found| found.symbol % 2 == 0) {
            let (i, exit) = (found.symbol, found.exit);
            fold_into(&mut one[i], exit.lots, exit.price, f64::NAN, hour.close_ms, params);
            book.fold(i, exit.lots, exit.price, f64::NAN, hour.close_ms, params);
        }
        fold_plan(&mut book, &mut one, steps, &hour, params);
        same(&book, &one, params, "after the plan")?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn lanes_are_the_state_machine(
        hours in prop::collection::vec(prop::collection::vec(any_step(), N..=N), 2..14),
        params in any_params(),
    ) {
        live(&hours, &params)?;
        at_baseline(|| live(&hours, &params))?;
    }
}

/// A position that was opened inside the bar, or at its close, is left to the long way.
#[test]
fn a_young_position_is_told_by_its_bit() {
    let params = Params { stop_atr_x: 2.0, trailing_enabled: true, ..Params::default() };
    let params = Params { bar_ms: HOUR_MS, ..params };
    let rules = CloseRules::of(&params, true);
    let mut price = vec![100.0; N];
    let quiet =
        Step { drift: 0.0, up: 0.02, down: 0.02, atr: 0.01, slope: 0.0, kind: 0, share: 0.0 };
    let hour = Hour::new(&mut price, &[quiet; N], 1);
    for (late_ms, odd) in [(0, false), (1, true), (HOUR_MS, true)] {
        let mut book = Book::new();
        let opened_ms = hour.close_ms - HOUR_MS + late_ms;
        book.fold(65, 10, 100.0, 1.0, opened_ms, &params);
        let before = told(book.whole(65));
        let found = book.levels.close(&hour.row(), &rules, &mut book.words);
        assert_eq!((found, Book::named(&book.words)), (odd, if odd { vec![65] } else { vec![] }));
        assert_eq!(told(book.whole(65)) == before, odd);
    }
}
