//! The same indicators for a caller that has no array to write to.

use super::Bars;
use crate::error::Result;

/// An array of `len` cells, filled by `work`.
fn filled(len: usize, work: impl FnOnce(&mut [f64]) -> Result<()>) -> Result<Vec<f64>> {
    let mut out = vec![0.0; len];
    work(&mut out)?;
    Ok(out)
}

/// True range; see [`super::true_range_into`].
pub fn true_range(bars: Bars) -> Result<Vec<f64>> {
    filled(bars.high.len(), |out| super::true_range_into(bars, out))
}

macro_rules! by_period {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[doc = concat!("[`super::", stringify!($into), "`] into a new array.")]
        pub fn $name(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
            filled(x.len(), |out| super::$into(x, cols, period, out))
        }
    )+ };
}

macro_rules! by_spread {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[doc = concat!("[`super::", stringify!($into), "`] into a new array.")]
        pub fn $name(x: &[f64], cols: usize, period: usize, ddof: usize) -> Result<Vec<f64>> {
            filled(x.len(), |out| super::$into(x, cols, period, ddof, out))
        }
    )+ };
}

macro_rules! by_bars {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[doc = concat!("[`super::", stringify!($into), "`] into a new array.")]
        pub fn $name(bars: Bars, period: usize) -> Result<Vec<f64>> {
            filled(bars.high.len(), |out| super::$into(bars, period, out))
        }
    )+ };
}

by_period!(ema, ema_into; wilder, wilder_into; rolling_mean, rolling_mean_into);
by_spread!(rolling_std, rolling_std_into; rolling_zscore, rolling_zscore_into);
by_bars!(
    atr, atr_into;
    plus_dm, plus_dm_into;
    minus_dm, minus_dm_into;
    plus_di, plus_di_into;
    minus_di, minus_di_into;
    dx, dx_into;
    adx, adx_into;
);
