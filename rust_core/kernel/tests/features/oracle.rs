//! Every feature straight from docs/explanation/decision.md §1: plain loops over the window, one
//! cell at a time, without a thought for speed.

use xsmom_kernel::params::{Params, SignalKind};

use super::panels::Arrays;

const NAN: f64 = f64::NAN;

/// A field by bar for one symbol, or one number a bar; bars before the first are NaN.
pub(crate) type Line = Vec<f64>;

pub(crate) fn at(line: &[f64], t: i64) -> f64 {
    if t < 0 { NAN } else { line[t as usize] }
}

/// Present values of the window of `bars` at `t`, oldest first, when 95 % are present.
fn window(line: &[f64], t: i64, bars: u32) -> Option<Vec<f64>> {
    let bars = i64::from(bars);
    let values: Vec<f64> =
        (t - bars + 1..=t).map(|u| at(line, u)).filter(|x| !x.is_nan()).collect();
    (values.len() as i64 * 100 >= bars * 95).then_some(values)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64], ddof: usize) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|x| (x - centre) * (x - centre)).sum();
    (squares / (values.len() - ddof) as f64).sqrt()
}

fn window_mean(line: &[f64], t: i64, bars: u32) -> f64 {
    window(line, t, bars).map_or(NAN, |values| mean(&values))
}

fn window_sigma(line: &[f64], t: i64, bars: u32) -> f64 {
    match window(line, t, bars) {
        Some(values) if values.len() >= 2 => deviation(&values, 1),
        _ => NAN,
    }
}

fn exponential(line: &[f64], t: i64, alpha: f64, bars: u32) -> f64 {
    let (mut sum, mut weights, mut weight, mut all) = (0.0, 0.0, 1.0, 0.0);
    for back in 0..i64::from(bars) {
        let x = at(line, t - back);
        if !x.is_nan() {
            sum += weight * x;
            weights += weight;
        }
        all += weight;
        weight *= 1.0 - alpha;
    }
    if weights < 0.95 * all { NAN } else { sum / weights }
}

fn wilder(line: &[f64], t: i64, length: u32) -> f64 {
    exponential(line, t, 1.0 / f64::from(length), 4 * (2 * length - 1))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n % 2 == 1 { values[n / 2] } else { f64::midpoint(values[n / 2 - 1], values[n / 2]) }
}

/// Lines of one panel, by symbol.
pub(crate) struct Oracle<'a> {
    pub(crate) arrays: &'a Arrays,
    pub(crate) params: &'a Params,
    close: Vec<Line>,
    returns: Vec<Line>,
    sigma: Vec<Line>,
    market: Line,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(arrays: &'a Arrays, params: &'a Params) -> Self {
        let close: Vec<Line> = (0..arrays.cols).map(|i| column(arrays, &arrays.close, i)).collect();
        let bars = 0..arrays.rows as i64;
        let returns: Vec<Line> = close
            .iter()
            .map(|p| bars.clone().map(|t| at(p, t) / at(p, t - 1) - 1.0).collect())
            .collect();
        let sigma = returns
            .iter()
            .map(|r| bars.clone().map(|t| window_sigma(r, t, params.vol_bars)).collect())
            .collect();
        let market = bars.clone().map(|t| mean(&present(&returns, t))).collect();
        Self { arrays, params, close, returns, sigma, market }
    }

    fn bars(&self) -> std::ops::Range<i64> {
        0..self.arrays.rows as i64
    }

    /// `feature(symbol, bar)` by bar, then symbol.
    fn dense(&self, feature: impl Fn(usize, i64) -> f64) -> Vec<f64> {
        self.bars()
            .flat_map(|t| (0..self.arrays.cols).map(move |i| (t, i)))
            .map(|(t, i)| feature(i, t))
            .collect()
    }

    pub(crate) fn sigma(&self) -> Vec<f64> {
        self.dense(|i, t| at(&self.sigma[i], t))
    }

    pub(crate) fn one_move(
        &self,
        i: usize,
        t: i64,
        lookback: u32,
        kind: SignalKind,
        clip: f64,
    ) -> f64 {
        let p = &self.close[i];
        let end = t - i64::from(self.params.skip_bars);
        let start = end - i64::from(lookback);
        if window(p, end, lookback).is_none() {
            return NAN;
        }
        let ratio = at(p, end) / at(p, start);
        match kind {
            SignalKind::Raw => ratio - 1.0,
            SignalKind::Log => libm::log(ratio),
            SignalKind::VolScaled => {
                let sigma = at(&self.sigma[i], t);
                if sigma.is_nan() || ratio.is_nan() {
                    return NAN;
                }
                let scaled = libm::log(ratio) / (sigma.max(1e-7) * f64::from(lookback).sqrt());
                if clip > 0.0 { scaled.clamp(-clip, clip) } else { scaled }
            }
        }
    }

    fn combined(&self, i: usize, t: i64, kind: SignalKind, clip: f64) -> f64 {
        let p = self.params;
        let moves = p.lookback_bars.iter().map(|l| self.one_move(i, t, *l, kind, clip));
        moves.zip(&p.lookback_weights).map(|(moved, weight)| weight * moved).sum()
    }

    pub(crate) fn score(&self) -> Vec<f64> {
        let p = self.params;
        self.dense(|i, t| self.combined(i, t, p.signal_kind, p.vol_scaled_clip))
    }

    pub(crate) fn trend(&self) -> Vec<f64> {
        self.dense(|i, t| self.combined(i, t, SignalKind::VolScaled, 3.0))
    }

    pub(crate) fn moves(&self) -> Vec<f64> {
        let p = self.params;
        let mut all = Vec::new();
        for t in self.bars() {
            for lookback in &p.lookback_bars {
                for i in 0..self.arrays.cols {
                    all.push(self.one_move(i, t, *lookback, p.signal_kind, p.vol_scaled_clip));
                }
            }
        }
        all
    }

    fn true_range(&self, i: usize) -> Line {
        let (high, low) =
            (column(self.arrays, &self.arrays.high, i), column(self.arrays, &self.arrays.low, i));
        let range = |t: i64| {
            let before = at(&self.close[i], t - 1);
            if before.is_nan() || at(&high, t).is_nan() {
                return NAN;
            }
            at(&high, t).max(before) - at(&low, t).min(before)
        };
        self.bars().map(range).collect()
    }

    pub(crate) fn atr(&self) -> Vec<f64> {
        let ranges: Vec<Line> = (0..self.arrays.cols).map(|i| self.true_range(i)).collect();
        self.dense(|i, t| wilder(&ranges[i], t, self.params.atr_bars))
    }

    pub(crate) fn trail_ma(&self) -> Vec<f64> {
        self.dense(|i, t| window_mean(&self.close[i], t, self.params.trail_ma_bars))
    }

    pub(crate) fn slope(&self) -> Vec<f64> {
        let (n, q) = (self.params.regime_ema_bars, self.params.regime_slope_bars);
        let average =
            |i: usize, t: i64| exponential(&self.close[i], t, 2.0 / f64::from(n + 1), 4 * n);
        let a_day = 86_400_000.0 / self.arrays.bar_ms as f64;
        self.dense(|i, t| {
            (average(i, t) / average(i, t - i64::from(q)) - 1.0) / f64::from(q) * a_day * 1e4
        })
    }

    pub(crate) fn adx(&self) -> Vec<f64> {
        let n = self.params.adx_bars;
        let dx: Vec<Line> = (0..self.arrays.cols).map(|i| self.dx(i)).collect();
        self.dense(|i, t| wilder(&dx[i], t, n))
    }

    fn dx(&self, i: usize) -> Line {
        let n = self.params.adx_bars;
        let (high, low) =
            (column(self.arrays, &self.arrays.high, i), column(self.arrays, &self.arrays.low, i));
        let range = self.true_range(i);
        let (mut plus, mut minus) = (Line::new(), Line::new());
        for t in self.bars() {
            let up = at(&high, t) - at(&high, t - 1);
            let down = at(&low, t - 1) - at(&low, t);
            let absent = at(&range, t).is_nan();
            plus.push(if absent {
                NAN
            } else if up > down && up > 0.0 {
                up
            } else {
                0.0
            });
            minus.push(if absent {
                NAN
            } else if down > up && down > 0.0 {
                down
            } else {
                0.0
            });
        }
        let index = |t: i64| {
            let width = wilder(&range, t, n);
            let (up, down) = (wilder(&plus, t, n) / width, wilder(&minus, t, n) / width);
            if width.is_nan() {
                NAN
            } else if width == 0.0 || up + down == 0.0 {
                0.0
            } else {
                100.0 * (up - down).abs() / (up + down)
            }
        };
        self.bars().map(index).collect()
    }

    pub(crate) fn breakout(&self) -> Vec<f64> {
        let (fast, base) = (self.params.breakout_fast_bars, self.params.breakout_base_bars);
        let shares: Vec<Line> = (0..self.arrays.cols)
            .map(|i| self.true_range(i).iter().zip(&self.close[i]).map(|(r, p)| r / p).collect())
            .collect();
        self.dense(|i, t| {
            let before = window_mean(&shares[i], t - i64::from(fast), base);
            if before > 1e-12 { window_mean(&shares[i], t, fast) / before } else { NAN }
        })
    }

    pub(crate) fn beta(&self) -> Vec<f64> {
        let bars = self.params.beta_bars;
        self.dense(|i, t| {
            let Some(own) = window(&self.returns[i], t, bars) else { return NAN };
            let market: Vec<f64> = (t - i64::from(bars) + 1..=t)
                .filter(|u| !at(&self.returns[i], *u).is_nan())
                .map(|u| at(&self.market, u))
                .collect();
            let (own_mean, market_mean) = (mean(&own), mean(&market));
            let joint: f64 =
                own.iter().zip(&market).map(|(r, m)| (r - own_mean) * (m - market_mean)).sum();
            let spread: f64 = market.iter().map(|m| (m - market_mean) * (m - market_mean)).sum();
            if spread / own.len() as f64 > 1e-14 { joint / spread } else { NAN }
        })
    }

    pub(crate) fn funding(&self) -> Vec<f64> {
        let bars = i64::from(self.params.funding_bars);
        let rates: Vec<Line> = (0..self.arrays.cols)
            .map(|i| column(self.arrays, &self.arrays.funding_frac, i))
            .collect();
        self.dense(|i, t| {
            let known = (t - bars + 1..=t).map(|u| at(&rates[i], u)).filter(|f| !f.is_nan());
            known.sum::<f64>() / bars as f64
        })
    }

    /// Volume of the last `days` complete days, oldest first.
    fn days(&self, i: usize, t: i64, days: u32) -> Vec<f64> {
        let a_day = 86_400_000 / self.arrays.bar_ms;
        let number = |t: i64| self.arrays.first_bar + t;
        let complete = number(t).div_euclid(a_day);
        let volume = column(self.arrays, &self.arrays.volume_usdt, i);
        (complete - i64::from(days)..complete)
            .map(|day| {
                let closes = day * a_day + 1..=(day + 1) * a_day;
                let values = closes.map(|bar| at(&volume, bar - self.arrays.first_bar));
                values.filter(|v| !v.is_nan()).sum()
            })
            .collect()
    }

    pub(crate) fn dollar_volume(&self) -> Vec<f64> {
        self.dense(|i, t| median(self.days(i, t, self.params.dollar_volume_days)))
    }

    pub(crate) fn adv(&self) -> Vec<f64> {
        self.dense(|i, t| mean(&self.days(i, t, self.params.adv_days)))
    }

    pub(crate) fn vol_ratio(&self) -> Line {
        let (fast, base) = (self.params.vol_regime_fast_bars, self.params.vol_regime_base_bars);
        let squares: Line = self.market.iter().map(|m| m * m).collect();
        let size = |t: i64, bars: u32| window_mean(&squares, t, bars).sqrt();
        let ratio = |t: i64| {
            let before = size(t - i64::from(fast), base);
            if before > 1e-7 { size(t, fast) / before } else { NAN }
        };
        self.bars().map(ratio).collect()
    }

    pub(crate) fn dispersion_ratio(&self) -> Line {
        let score = self.score();
        let across = |t: i64| {
            let row = &score[t as usize * self.arrays.cols..][..self.arrays.cols];
            let known: Vec<f64> = row.iter().copied().filter(|x| !x.is_nan()).collect();
            if known.len() < 3 { NAN } else { deviation(&known, 0) }
        };
        let all: Line = self.bars().map(across).collect();
        let ratio = |t: i64| {
            let before = window_mean(&all, t - 1, self.params.k_dispersion_bars);
            if before > 1e-12 { at(&all, t) / before } else { NAN }
        };
        self.bars().map(ratio).collect()
    }

    pub(crate) fn implied_corr(&self) -> Line {
        let bars = self.params.router_bars;
        let correlation = |t: i64| {
            let own: Vec<f64> = self
                .returns
                .iter()
                .map(|r| window_sigma(r, t, bars))
                .filter(|s| !s.is_nan())
                .collect();
            let n = own.len() as f64;
            let alone = own.iter().map(|s| s * s).sum::<f64>() / (n * n);
            let together = mean(&own) * mean(&own);
            let market = window_sigma(&self.market, t, bars);
            let known = own.len() >= 3 && together - alone > 1e-14;
            if known { (market * market - alone) / (together - alone) } else { NAN }
        };
        self.bars().map(correlation).collect()
    }

    pub(crate) fn router_dispersion_bps(&self) -> Line {
        let back = i64::from(self.params.router_bars);
        let across = |t: i64| {
            let moves = self.close.iter().map(|p| at(p, t) / at(p, t - back) - 1.0);
            let known: Vec<f64> = moves.filter(|m| !m.is_nan()).collect();
            if known.len() < 3 { NAN } else { 1e4 * deviation(&known, 0) }
        };
        self.bars().map(across).collect()
    }
}

fn column(arrays: &Arrays, field: &[f64], i: usize) -> Line {
    (0..arrays.rows).map(|t| field[t * arrays.cols + i]).collect()
}

fn present(lines: &[Line], t: i64) -> Vec<f64> {
    lines.iter().map(|line| at(line, t)).filter(|x| !x.is_nan()).collect()
}
