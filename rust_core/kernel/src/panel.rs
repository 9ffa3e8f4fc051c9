//! Closed bars as arrays: `rows` bars by `cols` symbols, one row after the other.
//!
//! A panel is strictly regular: row `t` closes at `(first_bar + t)·bar_ms`. NaN means *unknown
//! now*, and nothing else; an absent bar is NaN in every price and in volume.

use crate::error::{KernelError, Result};

/// Borrowed, checked panel. The fields are public to read; [`Panel::check`] is the door.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// Length of a bar, milliseconds.
    pub bar_ms: i64,
    /// Bar number (`close_ms / bar_ms`) of row 0.
    pub first_bar: i64,
    /// Number of bars.
    pub rows: usize,
    /// Number of symbols.
    pub cols: usize,
    /// Symbols, sorted, unique.
    pub symbols: &'a [String],
    /// Opens, `rows·cols`.
    pub open: &'a [f64],
    /// Highs.
    pub high: &'a [f64],
    /// Lows.
    pub low: &'a [f64],
    /// Closes.
    pub close: &'a [f64],
    /// Traded value in USDT.
    pub volume_usdt: &'a [f64],
    /// Sum of the funding rates settled inside the bar; NaN where unknown.
    pub funding_frac: &'a [f64],
    /// Whether any rate of a bar is other than 0, one entry a bar; empty where nobody has looked.
    pub settles: &'a [bool],
    /// First moment at which each symbol could be traded, UTC milliseconds.
    pub listed_ms: &'a [i64],
    /// Moment from which it could not any more; `i64::MAX` while alive.
    pub delisted_ms: &'a [i64],
}

impl<'a> Panel<'a> {
    /// Close of row `t`, UTC milliseconds.
    pub fn close_ms(&self, t: usize) -> i64 {
        (self.first_bar + t as i64) * self.bar_ms
    }

    /// Row `t` of a field of this panel.
    pub fn row(&self, field: &'a [f64], t: usize) -> &'a [f64] {
        &field[t * self.cols..(t + 1) * self.cols]
    }

    /// Check shapes, order and every cell; the error names symbol and bar.
    pub fn check(&self) -> Result<()> {
        self.check_shape()?;
        self.check_symbols()?;
        for t in 0..self.rows {
            for i in 0..self.cols {
                self.check_cell(t, i)?;
            }
        }
        Ok(())
    }

    /// Check lengths only: for arrays whose cells were checked when the panel was made.
    pub fn check_shape(&self) -> Result<()> {
        if self.rows == 0 || self.cols == 0 {
            let found = format!("({}, {})", self.rows, self.cols);
            let expected = "at least one bar and one symbol".to_owned();
            return Err(KernelError::Shape { field: "panel", found, expected });
        }
        let cells = self.rows * self.cols;
        for (field, array) in [
            ("open", self.open),
            ("high", self.high),
            ("low", self.low),
            ("close", self.close),
            ("volume_usdt", self.volume_usdt),
            ("funding_frac", self.funding_frac),
        ] {
            if array.len() != cells {
                let found = format!("{} cells", array.len());
                let expected = format!("{} x {} cells", self.rows, self.cols);
                return Err(KernelError::Shape { field, found, expected });
            }
        }
        for (field, len) in [
            ("symbols", self.symbols.len()),
            ("listed_ms", self.listed_ms.len()),
            ("delisted_ms", self.delisted_ms.len()),
        ] {
            if len != self.cols {
                let found = len.to_string();
                return Err(KernelError::Shape { field, found, expected: self.cols.to_string() });
            }
        }
        if !(self.settles.is_empty() || self.settles.len() == self.rows) {
            let (found, expected) = (self.settles.len().to_string(), self.rows.to_string());
            return Err(KernelError::Shape { field: "settles", found, expected });
        }
        Ok(())
    }

    fn check_symbols(&self) -> Result<()> {
        for pair in self.symbols.windows(2) {
            if pair[0] == pair[1] {
                return Err(KernelError::Symbols(format!("{} stands twice", pair[0])));
            }
            if pair[0] > pair[1] {
                let what = format!("{} stands before {}: sort the columns", pair[0], pair[1]);
                return Err(KernelError::Symbols(what));
            }
        }
        Ok(())
    }

    fn check_cell(&self, t: usize, i: usize) -> Result<()> {
        let at = t * self.cols + i;
        let prices = [self.open[at], self.high[at], self.low[at], self.close[at]];
        let (volume, funding) = (self.volume_usdt[at], self.funding_frac[at]);
        let absent = prices.iter().filter(|price| price.is_nan()).count();
        if absent == 4 && volume.is_nan() && !funding.is_infinite() {
            return Ok(());
        }
        let [open, high, low, close] = prices;
        let refusal = if absent != 0 || volume.is_nan() {
            Some((
                "bar",
                "is half there: a bar has all prices and its volume, or is NaN in all".to_owned(),
            ))
        } else if prices.iter().any(|price| !price.is_finite() || *price <= 0.0) {
            Some((
                "price",
                format!("is {prices:?}, wants finite prices above 0, or NaN for no bar"),
            ))
        } else if low > open.min(close) || high < open.max(close) {
            let what =
                format!("open {open}, high {high}, low {low}, close {close} contradict each other");
            Some(("bar", what))
        } else if !volume.is_finite() || volume < 0.0 {
            Some(("volume_usdt", format!("is {volume}, wants a finite value from 0 up")))
        } else if funding.is_infinite() || funding.abs() > 1.0 {
            Some(("funding_frac", format!("is {funding}, wants a fraction such as 0.0001")))
        } else {
            None
        };
        refusal.map_or(Ok(()), |(field, what)| {
            Err(KernelError::Cell {
                field,
                symbol: self.symbols[i].clone(),
                close_ms: self.close_ms(t),
                what,
            })
        })
    }
}

/// The bar length and first bar number of a strictly regular time axis.
pub fn read_axis(close_ms: &[i64], bar_ms: i64) -> Result<i64> {
    let Some(first) = close_ms.first() else {
        return Err(KernelError::Time("is empty; a panel needs at least one bar".to_owned()));
    };
    if bar_ms <= 0 {
        return Err(KernelError::Time(format!("bar_ms is {bar_ms}, wants milliseconds above 0")));
    }
    if first % bar_ms != 0 {
        let what = format!("close_ms {first} is not a multiple of bar_ms {bar_ms}");
        return Err(KernelError::Time(what));
    }
    for pair in close_ms.windows(2) {
        if pair[1] - pair[0] != bar_ms {
            let what = format!(
                "{} is followed by {}, wants steps of {bar_ms} ms: absent bars are rows of NaN, no bar stands twice",
                pair[0], pair[1]
            );
            return Err(KernelError::Time(what));
        }
    }
    Ok(first / bar_ms)
}
