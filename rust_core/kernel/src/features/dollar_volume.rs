//! Dollar volume by complete UTC days: median for the universe, mean for the size caps.
//!
//! The newest days of a symbol are kept sorted, so a new day costs one removal and one insertion.
//! Days before the panel, like days without a bar, count as 0.

use super::needs::Needs;
use super::ring::{BLOCK, Feed};
use crate::params::Params;

const DAY_MS: i64 = 86_400_000;

#[derive(Debug)]
pub(super) struct DollarVolume {
    cols: usize,
    bar_ms: i64,
    median_days: usize,
    mean_days: usize,
    /// Complete days, day by day, in a ring.
    days: Vec<f64>,
    kept_days: usize,
    today: Vec<f64>,
    /// The days of the median, by symbol, rising.
    sorted: Vec<f64>,
    median: Vec<f64>,
    mean: Vec<f64>,
    /// What stood at each bar of the block.
    median_rows: Vec<f64>,
    mean_rows: Vec<f64>,
}

impl DollarVolume {
    pub(super) fn new(params: &Params, needs: &Needs, cols: usize) -> Self {
        let days = |on: bool, days: u32| if on { days as usize } else { 0 };
        let median_days = days(needs.dollar_volume, params.dollar_volume_days);
        let mean_days = days(needs.adv, params.adv_days);
        let kept_days = median_days.max(mean_days);
        let rows = |on: bool| if on { BLOCK as usize * cols } else { 0 };
        Self {
            cols,
            bar_ms: params.bar_ms,
            median_days,
            mean_days,
            days: vec![0.0; kept_days * cols],
            kept_days,
            today: vec![0.0; cols],
            sorted: vec![0.0; median_days * cols],
            median: vec![0.0; cols],
            mean: vec![0.0; cols],
            median_rows: vec![0.0; rows(needs.dollar_volume)],
            mean_rows: vec![0.0; rows(needs.adv)],
        }
    }

    pub(super) fn clear(&mut self) {
        for array in
            [&mut self.days, &mut self.today, &mut self.sorted, &mut self.median, &mut self.mean]
        {
            array.fill(0.0);
        }
    }

    pub(super) fn median(&self, bar: i64) -> &[f64] {
        row_of(&self.median_rows, self.cols, bar)
    }

    pub(super) fn mean(&self, bar: i64) -> &[f64] {
        row_of(&self.mean_rows, self.cols, bar)
    }

    pub(super) fn run(&mut self, feed: &Feed, bars: std::ops::Range<i64>) {
        for bar in bars {
            let volume = feed.row(feed.panel.volume_usdt, bar);
            for (sum, value) in self.today.iter_mut().zip(volume) {
                *sum += if value.is_nan() { 0.0 } else { *value };
            }
            if (bar * self.bar_ms) % DAY_MS == 0 {
                self.end_day(bar * self.bar_ms / DAY_MS);
            }
            let at = bar.rem_euclid(BLOCK) as usize * self.cols;
            for (rows, now) in
                [(&mut self.median_rows, &self.median), (&mut self.mean_rows, &self.mean)]
            {
                if !rows.is_empty() {
                    rows[at..at + self.cols].copy_from_slice(now);
                }
            }
        }
    }

    fn end_day(&mut self, day: i64) {
        if self.median_days > 0 {
            self.turn_median(day);
        }
        let slot = day.rem_euclid(self.kept_days as i64) as usize * self.cols;
        self.days[slot..slot + self.cols].copy_from_slice(&self.today);
        self.today.fill(0.0);
        if self.mean_days > 0 {
            self.turn_mean(day);
        }
    }

    /// Put today among the sorted days in place of the day that leaves; called before `days` has
    /// today, because the two may share a slot.
    fn turn_median(&mut self, day: i64) {
        let n = self.median_days;
        let leaving = (day - n as i64).rem_euclid(self.kept_days as i64) as usize * self.cols;
        for i in 0..self.cols {
            let sorted = &mut self.sorted[i * n..(i + 1) * n];
            let (old, new) = (self.days[leaving + i], self.today[i]);
            let from = sorted.partition_point(|value| *value < old);
            let to = sorted.partition_point(|value| *value < new);
            if from < to {
                sorted.copy_within(from + 1..to, from);
                sorted[to - 1] = new;
            } else {
                sorted.copy_within(to..from, to + 1);
                sorted[to] = new;
            }
            self.median[i] = if n % 2 == 1 {
                sorted[n / 2]
            } else {
                f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])
            };
        }
    }

    /// Mean of the newest days, oldest first.
    fn turn_mean(&mut self, day: i64) {
        let n = self.mean_days as i64;
        self.mean.fill(0.0);
        for past in day - n + 1..=day {
            let slot = past.rem_euclid(self.kept_days as i64) as usize * self.cols;
            for (sum, value) in self.mean.iter_mut().zip(&self.days[slot..slot + self.cols]) {
                *sum += value;
            }
        }
        for sum in &mut self.mean {
            *sum /= n as f64;
        }
    }
}

fn row_of(rows: &[f64], cols: usize, bar: i64) -> &[f64] {
    if rows.is_empty() {
        return &[];
    }
    let at = bar.rem_euclid(BLOCK) as usize * cols;
    &rows[at..at + cols]
}
