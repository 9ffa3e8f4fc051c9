//! Any target weights through the ledger: what a user brings, or what is checked against others.
//!
//! At each bar the whole row of weights is a rebalance: `units = w·E/P`. A name without a price at
//! the fill is not traded and keeps its units.

use super::{FillAt, Timing};
use crate::error::{KernelError, Result};
use crate::fill::{Costs, Depth, impact_frac};
use crate::lanes::{LANES, Lane, dispatch, dot, fold, zip};
use crate::ledger::CostTotals;
use crate::panel::Panel;

/// What a run needs beside the panel.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Signed shares of equity decided at each close, `rows x cols`; 0 is flat.
    pub weights: &'a [f64],
    /// Cost assumptions.
    pub costs: Costs,
    /// When a decision is filled.
    pub timing: Timing,
    /// Equity at the start.
    pub cash_usdt: f64,
    /// Depth of each name at each bar for the impact: `[sigma_day, adv]`; read only with impact on.
    pub depth: Option<[&'a [f64]; 2]>,
}

/// Equity and cumulative costs at every close.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Equity at each close, after a fill at that close.
    pub equity_usdt: Vec<f64>,
    /// Cumulative costs at each close.
    pub costs: Vec<CostTotals>,
    /// Units held after each close, `rows x cols`; empty unless asked for.
    pub units: Vec<f64>,
    /// Bar at which equity was gone.
    pub bankrupt_at: Option<usize>,
}

/// Run `setup` over the panel; `keep_units` asks for the dense positions.
pub fn run(panel: &Panel<'_>, setup: &Setup<'_>, keep_units: bool) -> Result<Run> {
    check(panel, setup)?;
    let mut run = Run {
        equity_usdt: Vec::with_capacity(panel.rows),
        costs: Vec::with_capacity(panel.rows),
        units: Vec::with_capacity(if keep_units { panel.rows * panel.cols } else { 0 }),
        bankrupt_at: None,
    };
    let mut book = Lanes::new(panel.cols, setup.cash_usdt);
    for t in 0..panel.rows {
        if run.bankrupt_at.is_none() {
            dispatch(|| book.step(panel, setup, t));
            if book.equity() <= 0.0 {
                book.wind_up();
                run.bankrupt_at = Some(t);
            }
        }
        run.equity_usdt.push(book.equity());
        run.costs.push(book.costs);
        if keep_units {
            run.units.extend_from_slice(&book.units[..panel.cols]);
        }
    }
    Ok(run)
}

fn check(panel: &Panel<'_>, setup: &Setup<'_>) -> Result<()> {
    setup.costs.validate()?;
    let cells = panel.rows * panel.cols;
    if setup.weights.len() != cells {
        let found = format!("{} cells", setup.weights.len());
        let expected = format!("{} x {} cells", panel.rows, panel.cols);
        return Err(KernelError::Shape { field: "weights", found, expected });
    }
    if !(setup.cash_usdt > 0.0 && setup.cash_usdt.is_finite()) {
        let what = format!("is {}, wants a finite amount above 0", setup.cash_usdt);
        return Err(KernelError::Argument { name: "cash_usdt", what });
    }
    if setup.costs.impact_y > 0.0 && setup.depth.is_none() {
        let what = "wants the depth of each name at each bar".to_owned();
        return Err(KernelError::Argument { name: "impact_y", what });
    }
    let Some(at) = setup.weights.iter().position(|weight| !weight.is_finite()) else {
        return Ok(());
    };
    Err(KernelError::Cell {
        field: "weights",
        symbol: panel.symbols[at % panel.cols].clone(),
        close_ms: panel.close_ms(at / panel.cols),
        what: format!("is {}, wants a finite share of equity; 0 is flat", setup.weights[at]),
    })
}

/// The account with its arrays padded to whole lanes, so that no loop has a tail.
struct Lanes {
    cash: f64,
    units: Vec<f64>,
    mark: Vec<f64>,
    price: Vec<f64>,
    impact: Vec<f64>,
    value: f64,
    costs: CostTotals,
}

impl Lanes {
    fn new(cols: usize, cash: f64) -> Self {
        let padded = cols.next_multiple_of(LANES);
        Self {
            cash,
            units: vec![0.0; padded],
            // A name without a price yet is worth nothing; a price of 0 is never traded at.
            mark: vec![0.0; padded],
            price: vec![0.0; padded],
            impact: vec![0.0; padded],
            value: 0.0,
            costs: CostTotals::default(),
        }
    }

    fn equity(&self) -> f64 {
        self.cash + self.value
    }

    fn wind_up(&mut self) {
        self.units.fill(0.0);
        (self.cash, self.value) = (0.0, 0.0);
    }

    #[inline(always)]
    fn step(&mut self, panel: &Panel<'_>, setup: &Setup<'_>, t: usize) {
        let lag = setup.timing.lag_bars();
        let at_close = setup.timing.fill_at == FillAt::Close;
        if !at_close && t >= lag {
            self.trade(panel, setup, t, t - lag);
        }
        self.settle(panel, setup.costs.funding, t);
        if at_close && t >= lag {
            // Settled at this very close, so funding is paid on what was held before the fill.
            self.trade(panel, setup, t, t - lag);
            self.value = self.value_at(&self.mark);
        }
    }

    /// Prices of the fill at bar `t`; the last mark, and no trade, where the bar is absent.
    #[inline(always)]
    fn load_price(&mut self, panel: &Panel<'_>, at: FillAt, t: usize) {
        let row = |field| panel.row(field, t);
        let close = row(panel.close);
        for (c, price) in self.price.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *price = match at {
                FillAt::Close => lane(close, c),
                FillAt::Open => lane(row(panel.open), c),
                FillAt::Vwap => {
                    let ends = zip(lane(row(panel.open), c), lane(close, c), |a, b| a + b);
                    let extremes =
                        zip(lane(row(panel.high), c), lane(row(panel.low), c), |a, b| a + b);
                    zip(ends, extremes, |a, b| 0.25 * (a + b))
                }
            };
        }
    }

    /// Move every name with a price to its weight of the equity at these prices.
    #[inline(always)]
    fn trade(&mut self, panel: &Panel<'_>, setup: &Setup<'_>, t: usize, decided: usize) {
        self.load_price(panel, setup.timing.fill_at, t);
        let weights = panel.row(setup.weights, decided);
        let equity = self.cash + self.value_at_fill();
        let (spread, fee) = (setup.costs.spread_frac(), setup.costs.fee_frac());
        let impact = self.impact(panel, setup, t, weights, equity);
        let mut sums = [[0.0; LANES]; 5];
        let (units, _) = self.units.as_chunks_mut::<LANES>();
        let (prices, _) = self.price.as_chunks::<LANES>();
        for (c, (units, price)) in units.iter_mut().zip(prices).enumerate() {
            let weight = lane(weights, c);
            let extra = if impact { lane(&self.impact, c) } else { [0.0; LANES] };
            for k in 0..LANES {
                let tradable = price[k] > 0.0;
                let target = if tradable { weight[k] * equity / price[k] } else { units[k] };
                let step = target - units[k];
                let notional = if tradable { step.abs() * price[k] } else { 0.0 };
                let worse = notional * (spread + extra[k]);
                // Buying pays the notional and what is worse; selling brings it less that.
                let executed = if step < 0.0 { notional - worse } else { notional + worse };
                let paid = if step < 0.0 { -executed } else { executed };
                sums[0][k] += paid + executed * fee;
                sums[1][k] += executed * fee;
                sums[2][k] += notional * spread;
                sums[3][k] += notional * extra[k];
                sums[4][k] += notional;
                units[k] = target;
            }
        }
        self.cash -= fold(sums[0]);
        self.costs.fee_usdt += fold(sums[1]);
        self.costs.spread_usdt += fold(sums[2]);
        self.costs.impact_usdt += fold(sums[3]);
        self.costs.traded_usdt += fold(sums[4]);
    }

    /// Impact of each trade as a share of its price; false when none is charged.
    #[inline(always)]
    fn impact(
        &mut self,
        panel: &Panel<'_>,
        setup: &Setup<'_>,
        t: usize,
        weights: &[f64],
        equity: f64,
    ) -> bool {
        let Some([sigma, adv]) = setup.depth.map(|depth| depth.map(|field| panel.row(field, t)))
        else {
            return false;
        };
        for (i, weight) in weights.iter().enumerate() {
            let price = self.price[i];
            let notional = (weight * equity - self.units[i] * price).abs();
            let depth = Depth { sigma_day_frac: sigma[i], adv_usdt: adv[i] };
            self.impact[i] = impact_frac(setup.costs.impact_y, notional, depth);
        }
        true
    }

    /// Value of the positions at the fill prices; at the last mark where a bar is absent.
    #[inline(always)]
    fn value_at_fill(&self) -> f64 {
        let mut sum = [0.0; LANES];
        let (units, _) = self.units.as_chunks::<LANES>();
        let (prices, _) = self.price.as_chunks::<LANES>();
        let (marks, _) = self.mark.as_chunks::<LANES>();
        for ((units, price), mark) in units.iter().zip(prices).zip(marks) {
            for k in 0..LANES {
                sum[k] += units[k] * if price[k] > 0.0 { price[k] } else { mark[k] };
            }
        }
        fold(sum)
    }

    #[inline(always)]
    fn value_at(&self, prices: &[f64]) -> f64 {
        dot(&self.units, prices)
    }

    /// Funding of the bar on the units held, then the new marks.
    #[inline(always)]
    fn settle(&mut self, panel: &Panel<'_>, charge: bool, t: usize) {
        let (close, rate) = (panel.row(panel.close, t), panel.row(panel.funding_frac, t));
        let (mut value, mut paid) = ([0.0; LANES], [0.0; LANES]);
        let (units, _) = self.units.as_chunks::<LANES>();
        let (marks, _) = self.mark.as_chunks_mut::<LANES>();
        for (c, (units, mark)) in units.iter().zip(marks).enumerate() {
            let (close, rate) = (lane(close, c), lane(rate, c));
            for k in 0..LANES {
                mark[k] = if close[k] > 0.0 { close[k] } else { mark[k] };
                let worth = units[k] * mark[k];
                value[k] += worth;
                paid[k] += if rate[k].is_nan() { 0.0 } else { worth * rate[k] };
            }
        }
        self.value = fold(value);
        if charge {
            let paid = fold(paid);
            self.cash -= paid;
            self.costs.funding_usdt += paid;
        }
    }
}

/// Chunk `c` of a row; NaN beyond its end, which is how an absent bar looks.
#[inline(always)]
fn lane(row: &[f64], c: usize) -> Lane {
    let rest = &row[(c * LANES).min(row.len())..];
    if let Some(full) = rest.first_chunk::<LANES>() {
        return *full;
    }
    let mut out = [f64::NAN; LANES];
    out[..rest.len()].copy_from_slice(rest);
    out
}
