//! Any target weights through the ledger: what a user brings, or what is checked against others.
//!
//! At each bar the whole row of weights is a rebalance: `units = w·E/P`. A name without a price at
//! the fill is not traded and keeps its units.

use super::{FillAt, Timing};
use crate::error::{KernelError, Result};
use crate::fill::{Costs, Depth, impact_frac};
use crate::lanes::{LANES, Row, dispatch, dot, fold, sum};
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
            dispatch(
                #[inline(always)]
                || book.step(panel, setup, t),
            );
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
    let finite = dispatch(
        #[inline(always)]
        || all_finite(setup.weights),
    );
    let first = || setup.weights.iter().position(|weight| !weight.is_finite());
    let Some(at) = (!finite).then(first).flatten() else { return Ok(()) };
    Err(KernelError::Cell {
        field: "weights",
        symbol: panel.symbols[at % panel.cols].clone(),
        close_ms: panel.close_ms(at / panel.cols),
        what: format!("is {}, wants a finite share of equity; 0 is flat", setup.weights[at]),
    })
}

/// Asked of all, without a branch for each.
#[inline(always)]
fn all_finite(weights: &[f64]) -> bool {
    weights.iter().fold(0, |odd, weight| odd | u64::from(!weight.is_finite()).wrapping_neg()) == 0
}

/// The account with its arrays padded to whole lanes, so that no loop has a tail.
struct Lanes {
    cash: f64,
    units: Row,
    mark: Row,
    /// Prices of the fill; NaN in the padding, which is never traded.
    price: Row,
    weight: Row,
    rate: Row,
    impact: Row,
    bills: Bills,
    value: f64,
    costs: CostTotals,
}

/// What each name pays. Rows, because a loop that sums nothing is packed best.
struct Bills {
    paid: Row,
    fee: Row,
    impact: Row,
    notional: Row,
}

impl Lanes {
    fn new(cols: usize, cash: f64) -> Self {
        let padded = cols.next_multiple_of(LANES);
        Self {
            cash,
            units: Row::new(padded, 0.0),
            // A name without a price yet is worth nothing; a price of 0 is never traded at.
            mark: Row::new(padded, 0.0),
            price: Row::new(padded, f64::NAN),
            weight: Row::new(padded, 0.0),
            rate: Row::new(padded, 0.0),
            impact: Row::new(padded, 0.0),
            bills: Bills {
                paid: Row::new(padded, 0.0),
                fee: Row::new(padded, 0.0),
                impact: Row::new(padded, 0.0),
                notional: Row::new(padded, 0.0),
            },
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
            self.value = dot(&self.units, &self.mark);
        }
    }

    /// Prices of the fill at bar `t`; NaN, and no trade, where the bar is absent.
    #[inline(always)]
    fn load_price(&mut self, panel: &Panel<'_>, at: FillAt, t: usize) {
        let row = |field| panel.row(field, t);
        let price = &mut self.price[..panel.cols];
        match at {
            FillAt::Close => price.copy_from_slice(row(panel.close)),
            FillAt::Open => price.copy_from_slice(row(panel.open)),
            FillAt::Vwap => {
                let ends = row(panel.open).iter().zip(row(panel.close));
                let extremes = row(panel.high).iter().zip(row(panel.low));
                for ((price, (open, close)), (high, low)) in
                    price.iter_mut().zip(ends).zip(extremes)
                {
                    *price = 0.25 * ((open + close) + (high + low));
                }
            }
        }
    }

    /// Move every name with a price to its weight of the equity at these prices.
    #[inline(always)]
    fn trade(&mut self, panel: &Panel<'_>, setup: &Setup<'_>, t: usize, decided: usize) {
        self.load_price(panel, setup.timing.fill_at, t);
        let weights = panel.row(setup.weights, decided);
        self.weight[..panel.cols].copy_from_slice(weights);
        let equity = self.cash + self.value_at_fill();
        if self.impact(panel, setup, t, weights, equity) {
            self.fill::<true>(setup.costs, equity);
            self.costs.impact_usdt += sum(&self.bills.impact);
        } else {
            self.fill::<false>(setup.costs, equity);
        }
        let Bills { paid, fee, notional, .. } = &self.bills;
        self.cash -= sum(paid);
        self.costs.fee_usdt += sum(fee);
        self.costs.spread_usdt += sum_of(notional, setup.costs.spread_frac());
        self.costs.traded_usdt += sum(notional);
    }

    /// Units to their targets, and what each name pays for it.
    #[inline(always)]
    fn fill<const IMPACT: bool>(&mut self, costs: Costs, equity: f64) {
        let (spread, fee) = (costs.spread_frac(), costs.fee_frac());
        // All rows of one length, so that an index is asked about its bounds once.
        let n = self.units.len();
        let (units, price, weight) = (&mut self.units[..n], &self.price[..n], &self.weight[..n]);
        let Bills { paid, fee: fees, impact: impacts, notional: notionals } = &mut self.bills;
        let (paid, fees) = (&mut paid[..n], &mut fees[..n]);
        let (impacts, notionals, extra) =
            (&mut impacts[..n], &mut notionals[..n], &self.impact[..n]);
        for i in 0..n {
            let (price, held) = (price[i], units[i]);
            let tradable = price > 0.0;
            let wanted = weight[i] * equity / price;
            let target = if tradable { wanted } else { held };
            let step = target - held;
            let worth = step.abs() * price;
            let notional = if tradable { worth } else { 0.0 };
            let worse = notional * if IMPACT { spread + extra[i] } else { spread };
            // Buying pays the notional and what is worse; selling brings it less that.
            let executed = notional + if step < 0.0 { -worse } else { worse };
            let bought = if step < 0.0 { -executed } else { executed };
            paid[i] = bought + executed * fee;
            fees[i] = executed * fee;
            if IMPACT {
                impacts[i] = notional * extra[i];
            }
            notionals[i] = notional;
            units[i] = target;
        }
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

    /// Funding of the bar on the units held, then the new marks.
    #[inline(always)]
    fn settle(&mut self, panel: &Panel<'_>, charge: bool, t: usize) {
        for (mark, close) in self.mark.iter_mut().zip(panel.row(panel.close, t)) {
            let last = *mark;
            *mark = if *close > 0.0 { *close } else { last };
        }
        self.value = dot(&self.units, &self.mark);
        if charge {
            let rates = panel.row(panel.funding_frac, t);
            for (rate, found) in self.rate.iter_mut().zip(rates) {
                *rate = if found.is_nan() { 0.0 } else { *found };
            }
            let paid = sum_funding(&self.units, &self.mark, &self.rate);
            self.cash -= paid;
            self.costs.funding_usdt += paid;
        }
    }
}

/// Sum of `share·x` over eight fixed lanes.
#[inline(always)]
fn sum_of(x: &[f64], share: f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for chunk in x.as_chunks::<LANES>().0 {
        for k in 0..LANES {
            lanes[k] += chunk[k] * share;
        }
    }
    fold(lanes)
}

/// What the units pay at these marks and rates, over eight fixed lanes.
#[inline(always)]
fn sum_funding(units: &[f64], mark: &[f64], rate: &[f64]) -> f64 {
    let (units, _) = units.as_chunks::<LANES>();
    let (marks, _) = mark.as_chunks::<LANES>();
    let (rates, _) = rate.as_chunks::<LANES>();
    let mut paid = [0.0; LANES];
    for ((units, mark), rate) in units.iter().zip(marks).zip(rates) {
        for k in 0..LANES {
            paid[k] += units[k] * mark[k] * rate[k];
        }
    }
    fold(paid)
}
