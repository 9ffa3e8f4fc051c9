//! Features of several configurations over one panel, block by block: prices are read once for all of
//! them, and what two neighbours in the list have in common is computed once.
//!
//! Volatility and scores go into one buffer each, which belongs to the configuration whose turn it is,
//! so that they stay in cache however many configurations there are. The bits are those of
//! [`super::Scratch`]: the same code runs over the same bars.

use std::ops::Range;

use super::adx::Adx;
use super::beta::Beta;
use super::dollar_volume::DollarVolume;
use super::ema::{Slope, Trail};
use super::funding::Funding;
use super::market::Market;
use super::moves::Moves;
use super::needs::Needs;
use super::prices::Prices;
use super::range::Ranges;
use super::ring::{Feed, Sheet, block_start};
use super::sigma::Sigma;
use crate::lanes::PACK;
use crate::panel::Panel;
use crate::params::{Params, SignalKind};
use crate::row::FeatureRow;

/// Where the features of one configuration are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    sigma: usize,
    moves: usize,
    ranges: usize,
    rest: usize,
    needs: Needs,
    plain: bool,
}

impl Seat {
    /// Do both find volatility and scores in the same place?
    pub(crate) fn reads_with(&self, other: &Self) -> bool {
        (self.sigma, self.moves) == (other.sigma, other.moves)
    }
}

/// Buffers of a batch of configurations.
#[derive(Debug)]
pub(crate) struct Pool {
    cols: usize,
    bar_ms: i64,
    bars: Range<i64>,
    absent: Vec<f64>,
    prices: Prices,
    sigmas: Vec<Sigma>,
    moves: Vec<Moves>,
    ranges: Vec<Ranges>,
    rest: Vec<Rest>,
    /// Which of each is computed for the block: the one in the buffers, or all up to this bar.
    sigma_now: Option<usize>,
    moves_now: Option<usize>,
    ranges_end: Vec<i64>,
    rest_end: Vec<i64>,
    variance_out: Sheet,
    score_out: Sheet,
}

/// Features that few configurations need.
#[derive(Debug)]
struct Rest {
    slope: Option<Slope>,
    trail: Option<Trail>,
    adx: Option<Adx>,
    beta: Option<Beta>,
    funding: Option<Funding>,
    volume: Option<DollarVolume>,
    market: Market,
}

/// What an instance is computed from, to find its like; 0 stands for what is switched off.
type Key = Vec<u64>;

impl Pool {
    /// Seats for configurations in their order; equal neighbours sit together.
    pub(crate) fn new(panel: &Panel<'_>, wanted: &[(&Params, Needs)]) -> (Self, Vec<Seat>) {
        let (cols, lanes) = (panel.cols, panel.cols.div_ceil(PACK));
        let all = wanted.iter().map(|(_, needs)| *needs).reduce(join);
        let mut pool = Self {
            cols,
            bar_ms: panel.bar_ms,
            bars: 0..0,
            absent: vec![f64::NAN; cols],
            prices: Prices::new(&all.unwrap_or_else(|| Needs::of(&Params::default())), cols),
            sigmas: Vec::new(),
            moves: Vec::new(),
            ranges: Vec::new(),
            rest: Vec::new(),
            sigma_now: None,
            moves_now: None,
            ranges_end: Vec::new(),
            rest_end: Vec::new(),
            variance_out: Sheet::new(lanes),
            score_out: Sheet::new(lanes),
        };
        pool.prices.clear();
        let mut keys = Keys::default();
        let seats = wanted.iter().map(|(params, needs)| pool.seat(params, *needs, &mut keys));
        let seats = seats.collect();
        (pool, seats)
    }

    fn seat(&mut self, params: &Params, needs: Needs, keys: &mut Keys) -> Seat {
        let (cols, lanes) = (self.cols, self.cols.div_ceil(PACK));
        // A buffer holds one block of one instance: only neighbours may share it.
        let rooted = needs.trend || params.signal_kind == SignalKind::VolScaled;
        if keys.sigma.last() != Some(&sigma_key(params, rooted)) {
            keys.sigma.push(sigma_key(params, rooted));
            let mut sigma = Sigma::new(params.vol_bars, lanes, rooted);
            sigma.clear();
            sigma.variance = Sheet::empty();
            self.sigmas.push(sigma);
        }
        let sigma = self.sigmas.len() - 1;
        let moves_key = moves_key(params, &needs, sigma);
        if keys.moves.last() != Some(&moves_key) {
            keys.moves.push(moves_key);
            let mut moves = Moves::new(params, &needs, cols);
            moves.score = Sheet::empty();
            self.moves.push(moves);
        }
        let moves = self.moves.len() - 1;
        let ranges = keys.ranges.iter().position(|key| *key == ranges_key(params, &needs));
        let ranges = ranges.unwrap_or_else(|| {
            keys.ranges.push(ranges_key(params, &needs));
            self.ranges.push(Ranges::new(params, &needs, lanes));
            self.ranges_end.push(i64::MIN);
            self.ranges.len() - 1
        });
        let rest_key = rest_key(params, &needs, moves);
        let rest = keys.rest.iter().position(|key| *key == rest_key).unwrap_or_else(|| {
            keys.rest.push(rest_key);
            self.rest.push(Rest::new(params, &needs, cols));
            self.rest_end.push(i64::MIN);
            self.rest.len() - 1
        });
        Seat { sigma, moves, ranges, rest, needs, plain: needs.plain() }
    }

    /// Read the prices of the next block, `rows` of the panel; blocks come in their order, from the first.
    pub(crate) fn enter_block(&mut self, panel: &Panel<'_>, rows: Range<usize>) {
        let first = panel.first_bar + rows.start as i64;
        // Before the first row lie rows of NaN, back to where its block begins.
        let first = if rows.start == 0 { block_start(first) } else { first };
        self.bars = first..panel.first_bar + rows.end as i64;
        let feed = Feed { panel, absent: &self.absent };
        self.prices.run(&feed, self.bars.clone());
        (self.sigma_now, self.moves_now) = (None, None);
        self.variance_out.begin(self.bars.start);
        self.score_out.begin(self.bars.start);
    }

    /// Compute what the configuration in `seat` needs of the block and what is not there yet.
    pub(crate) fn turn_to(&mut self, panel: &Panel<'_>, seat: &Seat) {
        let bars = self.bars.clone();
        if self.sigma_now != Some(seat.sigma) {
            let sigma = &mut self.sigmas[seat.sigma];
            std::mem::swap(&mut sigma.variance, &mut self.variance_out);
            sigma.run(&self.prices, bars.clone());
            std::mem::swap(&mut sigma.variance, &mut self.variance_out);
            self.sigma_now = Some(seat.sigma);
        }
        if self.moves_now != Some(seat.moves) {
            let moves = &mut self.moves[seat.moves];
            std::mem::swap(&mut moves.score, &mut self.score_out);
            moves.run(&self.prices, &self.sigmas[seat.sigma], bars.clone());
            std::mem::swap(&mut moves.score, &mut self.score_out);
            self.moves_now = Some(seat.moves);
        }
        if std::mem::replace(&mut self.ranges_end[seat.ranges], bars.end) != bars.end {
            self.ranges[seat.ranges].run(&self.prices, bars.clone());
        }
        if std::mem::replace(&mut self.rest_end[seat.rest], bars.end) != bars.end {
            let feed = Feed { panel, absent: &self.absent };
            self.rest[seat.rest].run(&feed, &self.prices, &self.score_out, bars);
        }
    }

    /// Features of a bar of the block, of the configuration whose turn it is.
    pub(crate) fn row(&self, seat: &Seat, bar: i64) -> FeatureRow<'_> {
        debug_assert_eq!((self.sigma_now, self.moves_now), (Some(seat.sigma), Some(seat.moves)));
        let cols = self.cols;
        let plain = FeatureRow {
            close_ms: bar * self.bar_ms,
            close: self.prices.close.values(bar, cols),
            score: self.score_out.values(bar, cols),
            variance: self.variance_out.values(bar, cols),
            ..FeatureRow::EMPTY
        };
        if seat.plain { plain } else { self.with_more(&plain, seat, bar) }
    }

    fn with_more<'p>(&'p self, plain: &FeatureRow<'p>, seat: &Seat, bar: i64) -> FeatureRow<'p> {
        let (cols, rest) = (self.cols, &self.rest[seat.rest]);
        let (moves, ranges, market) =
            (&self.moves[seat.moves], &self.ranges[seat.ranges], rest.market.row(bar));
        let window = self.prices.newest_returns(bar);
        FeatureRow {
            moves: moves.each(bar),
            trend: moves.trend(bar),
            atr: ranges.atr(bar, cols),
            trail_ma: rest.trail.as_ref().map_or(&[], |trail| trail.out.values(bar, cols)),
            slope_bps_day: rest.slope.as_ref().map_or(&[], |slope| slope.out.values(bar, cols)),
            adx: rest.adx.as_ref().map_or(&[], |adx| adx.out.values(bar, cols)),
            breakout: ranges.breakout(bar, cols),
            beta: rest.beta.as_ref().map_or(&[], |beta| beta.out.values(bar, cols)),
            funding_frac: rest
                .funding
                .as_ref()
                .map_or(&[], |funding| funding.out.values(bar, cols)),
            dollar_volume_usdt: rest.volume.as_ref().map_or(&[], |volume| volume.median(bar)),
            adv_usdt: rest.volume.as_ref().map_or(&[], |volume| volume.mean(bar)),
            ret_window: &window[window.len() - seat.needs.ret_rows * cols..],
            ret_rows: seat.needs.ret_rows,
            vol_ratio: market.vol_ratio,
            dispersion_ratio: market.dispersion_ratio,
            implied_corr: market.implied_corr,
            router_dispersion_bps: market.router_dispersion_bps,
            ..*plain
        }
    }
}

impl Rest {
    fn new(p: &Params, needs: &Needs, cols: usize) -> Self {
        let lanes = cols.div_ceil(PACK);
        let slope = || Slope::new(p.regime_ema_bars, p.regime_slope_bars, p.bar_ms, lanes);
        Self {
            slope: needs.slope.then(slope),
            trail: needs.trail_ma.then(|| Trail::new(p.trail_ma_bars, lanes)),
            adx: needs.adx.then(|| Adx::new(p.adx_bars, lanes)),
            beta: needs.beta.then(|| Beta::new(p.beta_bars, lanes)),
            funding: needs.funding.then(|| Funding::new(p.funding_bars, lanes)),
            volume: (needs.dollar_volume || needs.adv).then(|| DollarVolume::new(p, needs, cols)),
            market: Market::new(p, needs, cols),
        }
    }

    fn run(&mut self, feed: &Feed<'_>, prices: &Prices, score: &Sheet, bars: Range<i64>) {
        self.market.run_mean(prices, bars.clone());
        if let Some(slope) = &mut self.slope {
            slope.run(prices, bars.clone());
        }
        if let Some(trail) = &mut self.trail {
            trail.run(prices, bars.clone());
        }
        if let Some(adx) = &mut self.adx {
            adx.run(prices, bars.clone());
        }
        if let Some(beta) = &mut self.beta {
            beta.run(prices, &self.market.mean, bars.clone());
        }
        if let Some(funding) = &mut self.funding {
            funding.run(feed, bars.clone());
        }
        if let Some(volume) = &mut self.volume {
            volume.run(feed, bars.clone());
        }
        self.market.run_ratios(prices, score, bars);
    }
}

/// Keys of the instances made so far.
#[derive(Default)]
struct Keys {
    sigma: Vec<Key>,
    moves: Vec<Key>,
    ranges: Vec<Key>,
    rest: Vec<Key>,
}

/// What every configuration of a batch needs of the prices.
fn join(a: Needs, b: Needs) -> Needs {
    Needs {
        atr: a.atr | b.atr,
        breakout: a.breakout | b.breakout,
        adx: a.adx | b.adx,
        ret_rows: a.ret_rows.max(b.ret_rows),
        close_bars: a.close_bars.max(b.close_bars),
        move_bars: a.move_bars.max(b.move_bars),
        return_bars: a.return_bars.max(b.return_bars),
        ..a
    }
}

fn on(on: bool, numbers: &[u32]) -> Key {
    numbers.iter().map(|number| if on { u64::from(*number) + 1 } else { 0 }).collect()
}

fn sigma_key(p: &Params, rooted: bool) -> Key {
    on(true, &[p.vol_bars, u32::from(rooted)])
}

fn moves_key(p: &Params, needs: &Needs, sigma: usize) -> Key {
    let scaled = p.signal_kind == SignalKind::VolScaled || needs.trend;
    let mut key = on(true, &[p.skip_bars, p.signal_kind as u32]);
    key.push(if scaled { sigma as u64 + 1 } else { 0 });
    key.push(p.vol_scaled_clip.to_bits());
    key.extend([u64::from(needs.moves), u64::from(needs.trend)]);
    key.extend(p.lookback_bars.iter().map(|bars| u64::from(*bars)));
    key.extend(p.lookback_weights.iter().map(|weight| weight.to_bits()));
    key
}

fn ranges_key(p: &Params, needs: &Needs) -> Key {
    let breakout = on(needs.breakout, &[p.breakout_fast_bars, p.breakout_base_bars]);
    [on(needs.atr, &[p.atr_bars]), breakout].concat()
}

fn rest_key(p: &Params, needs: &Needs, moves: usize) -> Key {
    [
        on(needs.slope, &[p.regime_ema_bars, p.regime_slope_bars]),
        on(needs.trail_ma, &[p.trail_ma_bars]),
        on(needs.adx, &[p.adx_bars]),
        on(needs.beta, &[p.beta_bars]),
        on(needs.funding, &[p.funding_bars]),
        on(needs.dollar_volume, &[p.dollar_volume_days]),
        on(needs.adv, &[p.adv_days]),
        on(needs.vol_ratio, &[p.vol_regime_fast_bars, p.vol_regime_base_bars]),
        // It is taken of the scores.
        on(needs.dispersion, &[p.k_dispersion_bars, moves as u32]),
        on(needs.router, &[p.router_bars]),
    ]
    .concat()
}
