//! Made-up panels with everything that a market does to one: holes, late listings, deaths, flat
//! prices, names that move together.

use xsmom_kernel::panel::Panel;

/// Owned arrays of a panel.
pub(crate) struct Arrays {
    pub(crate) bar_ms: i64,
    pub(crate) first_bar: i64,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    symbols: Vec<String>,
    open: Vec<f64>,
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) close: Vec<f64>,
    pub(crate) volume_usdt: Vec<f64>,
    pub(crate) funding_frac: Vec<f64>,
    listed_ms: Vec<i64>,
    delisted_ms: Vec<i64>,
}

/// A small generator of uniform numbers: tests must not depend on a crate's stream.
pub(crate) struct Uniform(pub(crate) u64);

impl Uniform {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }
}

impl Arrays {
    /// `hole_frac` of the bars are absent; column 1 lists late, column 2 dies, column 3 never moves,
    /// column 4 stops moving half-way, column 5 misses whole stretches.
    pub(crate) fn made_up(
        seed: u64,
        rows: usize,
        cols: usize,
        bar_ms: i64,
        hole_frac: f64,
    ) -> Self {
        let mut uniform = Uniform(seed);
        let nothing = || vec![f64::NAN; rows * cols];
        let mut arrays = Self {
            bar_ms,
            first_bar: 1_700_000_000_000 / bar_ms + uniform.below(200) as i64,
            rows,
            cols,
            symbols: (0..cols).map(|i| format!("S{i:03}")).collect(),
            open: nothing(),
            high: nothing(),
            low: nothing(),
            close: nothing(),
            volume_usdt: nothing(),
            funding_frac: nothing(),
            listed_ms: vec![0; cols],
            delisted_ms: vec![i64::MAX; cols],
        };
        let mut price: Vec<f64> = (0..cols).map(|_| 0.1 + 100.0 * uniform.next()).collect();
        for t in 0..rows {
            let common = 0.01 * (uniform.next() - 0.5);
            for i in 0..cols {
                let moved = common + 0.02 * (uniform.next() - 0.5);
                let flat = i == 3 || (i == 4 && t > rows / 2);
                let before = price[i];
                price[i] *= if flat { 1.0 } else { 1.0 + moved };
                let gone = (i == 1 && t < rows / 3)
                    || (i == 2 && t > 3 * rows / 4)
                    || (i == 5 && t % 211 < 17);
                if !gone && uniform.next() >= hole_frac {
                    arrays.set(
                        t,
                        i,
                        before,
                        price[i],
                        if flat { 0.0 } else { 0.004 },
                        &mut uniform,
                    );
                }
            }
        }
        arrays
    }

    fn set(&mut self, t: usize, i: usize, open: f64, close: f64, wick: f64, uniform: &mut Uniform) {
        let at = t * self.cols + i;
        self.open[at] = open;
        self.close[at] = close;
        self.high[at] = open.max(close) * (1.0 + wick * uniform.next());
        self.low[at] = open.min(close) * (1.0 - wick * uniform.next());
        self.volume_usdt[at] = 1e6 * uniform.next();
        let known = uniform.next() > 0.02;
        self.funding_frac[at] = if known { 2e-4 * (uniform.next() - 0.3) } else { f64::NAN };
    }

    pub(crate) fn panel(&self) -> Panel<'_> {
        self.window(0, self.rows)
    }

    /// Rows `from .. to` as a panel of their own.
    pub(crate) fn window(&self, from: usize, to: usize) -> Panel<'_> {
        let cells = from * self.cols..to * self.cols;
        Panel {
            bar_ms: self.bar_ms,
            first_bar: self.first_bar + from as i64,
            rows: to - from,
            cols: self.cols,
            symbols: &self.symbols,
            open: &self.open[cells.clone()],
            high: &self.high[cells.clone()],
            low: &self.low[cells.clone()],
            close: &self.close[cells.clone()],
            volume_usdt: &self.volume_usdt[cells.clone()],
            funding_frac: &self.funding_frac[cells],
            settles: &[],
            listed_ms: &self.listed_ms,
            delisted_ms: &self.delisted_ms,
        }
    }
}
