//! A repeatable random market: one common factor, own noise, funding every eighth bar, and, where
//! asked for, absent bars, late listings and names that vanish.

use xsmom_kernel::panel::Panel;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// `SplitMix64`.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Roughly normal.
    fn normal(&mut self) -> f64 {
        (0..4).map(|_| self.uniform()).sum::<f64>() * 1.732 - 3.464
    }
}

pub(crate) struct Market {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    symbols: Vec<String>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
    funding: Vec<f64>,
    listed_ms: Vec<i64>,
    delisted_ms: Vec<i64>,
}

const FIRST_BAR: i64 = 400_000;

impl Market {
    pub(crate) fn new(rows: usize, cols: usize, seed: u64, holes: bool) -> Self {
        let mut noise = Noise(seed);
        let cells = rows * cols;
        let mut market = Self {
            rows,
            cols,
            symbols: (0..cols).map(|i| format!("S{i:03}")).collect(),
            open: Vec::with_capacity(cells),
            high: Vec::with_capacity(cells),
            low: Vec::with_capacity(cells),
            close: Vec::with_capacity(cells),
            volume: Vec::with_capacity(cells),
            funding: Vec::with_capacity(cells),
            listed_ms: vec![0; cols],
            delisted_ms: vec![i64::MAX; cols],
        };
        let own: Vec<f64> = (0..cols).map(|_| 0.005 + 0.011 * noise.uniform()).collect();
        let beta: Vec<f64> = (0..cols).map(|_| 0.6 + 0.8 * noise.uniform()).collect();
        let mut price: Vec<f64> = (0..cols).map(|_| 0.05 + 900.0 * noise.uniform()).collect();
        for t in 0..rows {
            let common = 0.006 * noise.normal();
            for i in 0..cols {
                let open = price[i];
                let step = (common * beta[i] + own[i] * noise.normal()).clamp(-0.4, 0.4);
                price[i] = open * (1.0 + step);
                let reach = 1.0 + own[i] * noise.uniform();
                let bar = [open, open.max(price[i]) * reach, open.min(price[i]) / reach, price[i]];
                market.push(bar, 1e6 * (0.1 + noise.uniform()));
                let rate = if t % 8 == 0 { 1e-4 * (1.0 + 0.5 * noise.normal()) } else { 0.0 };
                market.funding.push(rate);
            }
        }
        if holes {
            market.tear(&mut noise);
        }
        market
    }

    fn push(&mut self, bar: [f64; 4], volume: f64) {
        let fields = [&mut self.open, &mut self.high, &mut self.low, &mut self.close];
        for (field, price) in fields.into_iter().zip(bar) {
            field.push(price);
        }
        self.volume.push(volume);
    }

    fn tear(&mut self, noise: &mut Noise) {
        for i in 0..self.cols {
            let mut t = 0;
            while t < self.rows {
                t += 20 + (noise.uniform() * 800.0) as usize;
                let end = (t + 1 + (noise.uniform() * 7.0) as usize).min(self.rows);
                self.clear(i, t..end);
            }
            if i % 7 == 3 {
                let first = self.rows / 3;
                self.clear(i, 0..first);
                self.listed_ms[i] = (FIRST_BAR + first as i64) * HOUR_MS;
            }
            if i % 9 == 4 {
                let last = self.rows * 2 / 3;
                self.clear(i, last..self.rows);
                self.delisted_ms[i] = (FIRST_BAR + last as i64 - 1) * HOUR_MS;
            }
        }
    }

    fn clear(&mut self, i: usize, rows: std::ops::Range<usize>) {
        for t in rows {
            let at = t * self.cols + i;
            for field in [&mut self.open, &mut self.high, &mut self.low, &mut self.close] {
                field[at] = f64::NAN;
            }
            (self.volume[at], self.funding[at]) = (f64::NAN, f64::NAN);
        }
    }

    pub(crate) fn panel(&self) -> Panel<'_> {
        Panel {
            bar_ms: HOUR_MS,
            first_bar: FIRST_BAR,
            rows: self.rows,
            cols: self.cols,
            symbols: &self.symbols,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            volume_usdt: &self.volume,
            funding_frac: &self.funding,
            settles: &[],
            listed_ms: &self.listed_ms,
            delisted_ms: &self.delisted_ms,
        }
    }
}
