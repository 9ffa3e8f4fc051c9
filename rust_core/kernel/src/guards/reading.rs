//! How one guard stands, and the shares that guards measure.

/// How a guard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Its limit is 0.
    #[default]
    Off,
    /// It measures, and nothing is wrong.
    Clear,
    /// In force.
    Fired,
    /// It cannot measure, so it blocks entries.
    Unknown,
}

/// One guard at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// How it stands.
    pub standing: Standing,
    /// What it measured; NaN when it could not.
    pub measure: f64,
    /// Where it fires.
    pub limit: f64,
    /// Until when it is in force; 0 when it is not, [`i64::MAX`] when latched.
    pub until_ms: i64,
}

impl Reading {
    pub(super) fn until(measure: f64, limit: f64, until_ms: i64, at_ms: i64) -> Self {
        let standing = if limit <= 0.0 {
            return Self::default();
        } else if until_ms > at_ms {
            Standing::Fired
        } else if measure.is_nan() {
            Standing::Unknown
        } else {
            Standing::Clear
        };
        let until_ms = if standing == Standing::Fired { until_ms } else { 0 };
        Self { standing, measure, limit, until_ms }
    }

    pub(super) fn latched(measure: f64, limit: f64, latched: bool) -> Self {
        Self::until(measure, limit, if latched { i64::MAX } else { 0 }, 0)
    }
}

pub(super) fn loss_from(base: f64, value: f64) -> f64 {
    if value.is_finite() && base <= 0.0 { 1.0 } else { 1.0 - value / base }
}

pub(super) fn share_of(loss_usdt: f64, equity_usdt: f64) -> f64 {
    if equity_usdt <= 0.0 && loss_usdt > 0.0 { 1.0 } else { loss_usdt / equity_usdt }
}

/// The larger one; one NaN makes it NaN, unlike `f64::max`.
fn max_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The worst of many losses, before it is known what share each is. Some are looked at in turns, so that
/// none waits for the one before.
pub(super) struct Worst {
    most_usdt: [f64; 4],
    unknown: bool,
}

impl Worst {
    pub(super) const NONE: Self = Self { most_usdt: [0.0; 4], unknown: false };

    /// One loss more.
    pub(super) fn add(&mut self, at: usize, loss_usdt: f64) {
        let most = &mut self.most_usdt[at % 4];
        *most = if loss_usdt > *most { loss_usdt } else { *most };
        self.unknown |= loss_usdt.is_nan();
    }

    fn most(&self) -> f64 {
        self.most_usdt.iter().fold(0.0, |most, usdt| if *usdt > most { *usdt } else { most })
    }

    /// Is an equity so ordinary that of two losses the larger is the larger share, rounded or not?
    fn is_plain(equity_usdt: f64) -> bool {
        equity_usdt > 0.0 && equity_usdt.is_finite()
    }

    /// May one of them be so large a share, or is that to be asked of each?
    pub(super) fn may_reach(&self, limit: f64, equity_usdt: f64) -> bool {
        !Self::is_plain(equity_usdt) || self.most() / equity_usdt >= limit
    }

    /// The largest share, of the same `losses`; NaN where one is.
    pub(super) fn share_of<I: Iterator<Item = f64>>(
        &self,
        equity_usdt: f64,
        losses: impl FnOnce() -> I,
    ) -> f64 {
        if Self::is_plain(equity_usdt) {
            if self.unknown { f64::NAN } else { self.most() / equity_usdt }
        } else {
            losses().map(|loss| share_of(loss, equity_usdt)).fold(0.0, max_or_nan)
        }
    }
}
