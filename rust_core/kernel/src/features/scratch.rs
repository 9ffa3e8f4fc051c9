//! All memory of the features: allocated once, then reused block by block.

use std::ops::Range;

use super::adx::Adx;
use super::beta::Beta;
use super::dollar_volume::DollarVolume;
use super::ema::{Slope, Trail};
use super::funding::Funding;
use super::market::Market;
use super::moves::Moves;
use super::needs::{Needs, check_warmup};
use super::prices::Prices;
use super::range::Ranges;
use super::ring::{BLOCK, Feed, block_start};
use super::sigma::Sigma;
use crate::error::{KernelError, Result};
use crate::lanes::PACK;
use crate::panel::Panel;
use crate::params::{Params, SignalKind};
use crate::row::FeatureRow;

/// Bars that pass through all features together: few enough to stay in the first cache.
pub(super) const STRIDE: i64 = 16;

/// Buffers of one run over one panel (or over windows of it that move forward), and the features of
/// the newest block.
#[derive(Debug)]
pub struct Scratch {
    needs: Needs,
    plain: bool,
    cols: usize,
    bar_ms: i64,
    warmup_bars: u32,
    /// Bars of the newest block, by absolute number; the next block continues where they end.
    bars: Range<i64>,
    absent: Vec<f64>,
    prices: Prices,
    sigma: Sigma,
    moves: Moves,
    ranges: Ranges,
    slope: Option<Slope>,
    trail: Option<Trail>,
    adx: Option<Adx>,
    beta: Option<Beta>,
    funding: Option<Funding>,
    volume: Option<DollarVolume>,
    market: Market,
}

impl Scratch {
    /// Buffers for panels of `cols` symbols; refuses a configuration that looks back too far.
    pub fn new(params: &Params, cols: usize) -> Result<Self> {
        Self::with_needs(params, Needs::of(params), cols)
    }

    /// The same for more features than the decision needs: a simulation reads depth for its costs.
    pub fn with_needs(params: &Params, needs: Needs, cols: usize) -> Result<Self> {
        if cols == 0 {
            let what = "is 0, wants at least one symbol".to_owned();
            return Err(KernelError::Argument { name: "cols", what });
        }
        let warmup_bars = check_warmup(params)?;
        let p = params;
        let lanes = cols.div_ceil(PACK);
        Ok(Self {
            needs,
            plain: needs.plain(),
            cols,
            bar_ms: p.bar_ms,
            warmup_bars,
            bars: 0..0,
            absent: vec![f64::NAN; cols],
            prices: Prices::new(&needs, cols),
            sigma: Sigma::new(
                p.vol_bars,
                lanes,
                needs.trend || p.signal_kind == SignalKind::VolScaled,
            ),
            moves: Moves::new(p, &needs, cols),
            ranges: Ranges::new(p, &needs, lanes),
            slope: needs
                .slope
                .then(|| Slope::new(p.regime_ema_bars, p.regime_slope_bars, p.bar_ms, lanes)),
            trail: needs.trail_ma.then(|| Trail::new(p.trail_ma_bars, lanes)),
            adx: needs.adx.then(|| Adx::new(p.adx_bars, lanes)),
            beta: needs.beta.then(|| Beta::new(p.beta_bars, lanes)),
            funding: needs.funding.then(|| Funding::new(p.funding_bars, lanes)),
            volume: (needs.dollar_volume || needs.adv).then(|| DollarVolume::new(p, &needs, cols)),
            market: Market::new(p, &needs, cols),
        })
    }

    /// What the configuration needs.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Bars, the newest included, after which a feature has its final bits.
    pub fn warmup_bars(&self) -> u32 {
        self.warmup_bars
    }

    /// Forget everything: the next block starts cold. To be called when the scratch goes over to
    /// other data; [`super::features_block`] itself notices any step that does not continue.
    pub fn reset(&mut self) {
        self.bars = 0..0;
        self.prices.clear();
        self.sigma.clear();
        self.ranges.clear();
        if let Some(slope) = &mut self.slope {
            slope.clear();
        }
        if let Some(trail) = &mut self.trail {
            trail.clear();
        }
        if let Some(adx) = &mut self.adx {
            adx.clear();
        }
        if let Some(beta) = &mut self.beta {
            beta.clear();
        }
        if let Some(funding) = &mut self.funding {
            funding.clear();
        }
        if let Some(volume) = &mut self.volume {
            volume.clear();
        }
        self.market.clear();
    }

    /// Compute rows `rows` of `panel`: see [`super::features_block`].
    pub(super) fn advance(&mut self, panel: &Panel, rows: Range<usize>) -> Result<()> {
        self.check(panel, &rows)?;
        let first = panel.first_bar + rows.start as i64;
        let end = panel.first_bar + rows.end as i64;
        if !self.continues(panel, first) {
            self.warm_up(panel, first);
        }
        self.run(panel, first..end);
        Ok(())
    }

    fn check(&self, panel: &Panel, rows: &Range<usize>) -> Result<()> {
        panel.check_shape()?;
        if panel.cols != self.cols || panel.bar_ms != self.bar_ms {
            let found = format!("{} symbols, bars of {} ms", panel.cols, panel.bar_ms);
            let expected = format!("{} symbols, bars of {} ms", self.cols, self.bar_ms);
            return Err(KernelError::Shape { field: "panel", found, expected });
        }
        let first = panel.first_bar + rows.start as i64;
        let last = panel.first_bar + rows.end as i64 - 1;
        if rows.is_empty() || rows.end > panel.rows || block_start(first) != block_start(last) {
            let what = format!(
                "is {rows:?} of {} rows from bar {}, wants rows of one block of {BLOCK} bars",
                panel.rows, panel.first_bar
            );
            return Err(KernelError::Argument { name: "rows", what });
        }
        Ok(())
    }

    /// Whether the block starting at `first` follows the newest one of the same data.
    fn continues(&self, panel: &Panel, first: i64) -> bool {
        if first != self.bars.end || first <= panel.first_bar {
            return false;
        }
        let before = panel.row(panel.close, (first - 1 - panel.first_bar) as usize);
        let known = self.prices.close.values(first - 1, self.cols);
        before.iter().zip(known).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }

    /// Come to `first` from as far back as any feature there depends on, by whole blocks.
    fn warm_up(&mut self, panel: &Panel, first: i64) {
        self.reset();
        let from = (first + 1 - i64::from(self.warmup_bars)).max(panel.first_bar);
        let mut bar = block_start(from);
        while bar < first {
            let end = (bar + BLOCK).min(first);
            self.run(panel, bar..end);
            bar = end;
        }
    }

    fn run(&mut self, panel: &Panel, bars: Range<i64>) {
        self.sigma.begin(bars.start);
        self.moves.begin(bars.start);
        let mut bar = bars.start;
        while bar < bars.end {
            let end = (bar + STRIDE).min(bars.end);
            self.run_stride(panel, bar..end);
            bar = end;
        }
        self.bars = bars;
    }

    fn run_stride(&mut self, panel: &Panel, bars: Range<i64>) {
        let feed = Feed { panel, absent: &self.absent };
        self.prices.run(&feed, bars.clone());
        self.market.run_mean(&self.prices, bars.clone());
        self.sigma.run(&self.prices, bars.clone());
        self.moves.run(&self.prices, &self.sigma, bars.clone());
        self.ranges.run(&self.prices, bars.clone());
        if let Some(slope) = &mut self.slope {
            slope.run(&self.prices, bars.clone());
        }
        if let Some(trail) = &mut self.trail {
            trail.run(&self.prices, bars.clone());
        }
        if let Some(adx) = &mut self.adx {
            adx.run(&self.prices, bars.clone());
        }
        if let Some(beta) = &mut self.beta {
            beta.run(&self.prices, &self.market.mean, bars.clone());
        }
        if let Some(funding) = &mut self.funding {
            funding.run(&feed, bars.clone());
        }
        if let Some(volume) = &mut self.volume {
            volume.run(&feed, bars.clone());
        }
        self.market.run_ratios(&self.prices, &self.moves.score, bars);
    }

    /// Features of a bar of the newest block, by absolute bar number.
    ///
    /// # Panics
    /// When `bar` is not in the newest block: its buffers hold another one.
    pub fn row(&self, bar: i64) -> FeatureRow<'_> {
        assert!(self.bars.contains(&bar), "bar {bar} is not in the block {:?}", self.bars);
        let cols = self.cols;
        let plain = FeatureRow {
            close_ms: bar * self.bar_ms,
            close: self.prices.close.values(bar, cols),
            score: self.moves.score.values(bar, cols),
            variance: self.sigma.variance.values(bar, cols),
            ..FeatureRow::EMPTY
        };
        if self.plain { plain } else { self.with_more(&plain, bar) }
    }

    fn with_more<'s>(&'s self, plain: &FeatureRow<'s>, bar: i64) -> FeatureRow<'s> {
        let (cols, market) = (self.cols, self.market.row(bar));
        FeatureRow {
            moves: self.moves.each(bar),
            trend: self.moves.trend(bar),
            atr: self.ranges.atr(bar, cols),
            trail_ma: self.trail.as_ref().map_or(&[], |trail| trail.out.values(bar, cols)),
            slope_bps_day: self.slope.as_ref().map_or(&[], |slope| slope.out.values(bar, cols)),
            adx: self.adx.as_ref().map_or(&[], |adx| adx.out.values(bar, cols)),
            breakout: self.ranges.breakout(bar, cols),
            beta: self.beta.as_ref().map_or(&[], |beta| beta.out.values(bar, cols)),
            funding_frac: self
                .funding
                .as_ref()
                .map_or(&[], |funding| funding.out.values(bar, cols)),
            dollar_volume_usdt: self.volume.as_ref().map_or(&[], |volume| volume.median(bar)),
            adv_usdt: self.volume.as_ref().map_or(&[], |volume| volume.mean(bar)),
            ret_window: self.prices.newest_returns(bar),
            ret_rows: self.needs.ret_rows,
            vol_ratio: market.vol_ratio,
            dispersion_ratio: market.dispersion_ratio,
            implied_corr: market.implied_corr,
            router_dispersion_bps: market.router_dispersion_bps,
            ..*plain
        }
    }
}
