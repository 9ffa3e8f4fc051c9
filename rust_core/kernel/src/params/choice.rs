//! Parameters that are a choice by name.

use super::value::{FromValue, Value, wrong};
use crate::error::Result;

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl FromValue for $name {
            fn from_value(name: &'static str, value: Value) -> Result<Self> {
                match &value {
                    $(Value::Text(text) if text == $text => Ok(Self::$variant),)+
                    _ => Err(wrong(name, concat!("one of", $(" ", $text),+), &value)),
                }
            }

            fn to_value(&self) -> Value {
                match self { $(Self::$variant => Value::Text($text.to_owned())),+ }
            }
        }
    };
}

choice! {
    /// How a past move becomes a score.
    SignalKind {
        /// Simple return.
        Raw = "raw",
        /// Log return.
        Log = "log",
        /// Log return over its own expected size, clipped.
        VolScaled = "vol_scaled",
    }
}

choice! {
    /// How the look-backs become one score.
    SignalCombine {
        /// Weighted mean of the values.
        Mean = "mean",
        /// Weighted mean of the cross-sectional ranks.
        Rank = "rank",
    }
}

choice! {
    /// How scores are made comparable across names.
    Standardise {
        /// Mean and population standard deviation.
        Z = "z",
        /// Median and 1.4826 times the median absolute deviation.
        Robust = "robust",
        /// Normal quantile of the rank.
        RankNormal = "rank_normal",
    }
}

choice! {
    /// What happens to same-side names that move together.
    ClusterAction {
        /// The smaller of a pair is halved.
        Halve = "halve",
        /// The cluster's summed weight is capped.
        Cap = "cap",
    }
}

choice! {
    /// How the trailing stop follows.
    TrailKind {
        /// Best price since entry, less a multiple of ATR.
        Chandelier = "chandelier",
        /// Moving average of closes, less a multiple of ATR.
        MaAtr = "ma_atr",
    }
}

choice! {
    /// What a ladder rung is measured in.
    LadderUnit {
        /// Multiples of the initial risk.
        R = "r",
        /// Share of the entry price.
        PriceFrac = "price_frac",
    }
}

choice! {
    /// From where the daily loss is counted.
    DailyLossBase {
        /// Equity at the day's open.
        Open = "open",
        /// Highest equity of the day.
        High = "high",
    }
}

choice! {
    /// What a losing streak pauses.
    StreakScope {
        /// The symbol that lost.
        Symbol = "symbol",
        /// All entries.
        Book = "book",
    }
}
