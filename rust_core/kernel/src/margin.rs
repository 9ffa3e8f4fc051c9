//! Margin by tiers, and the price or account state at which a venue liquidates.
//!
//! ```text
//! MM(v)      = v·mmr_k − deduction_k          v: position value, k: its tier (continuous in v)
//! account    rate = Σ (MM + close fee) / margin balance; liquidation when it reaches 1
//! isolated   s·q·(LP − entry) + IM + extra = MM, MM on the entry value (older help pages):
//!            LP = entry − s·(IM − MM + extra)/q
//!            MM on the mark value (revision of May 2026), s = ±1:
//!            LP = (q·entry − s·(IM + extra + deduction)) / (q·(1 − s·mmr))
//! ```
//! The two isolated forms differ by about mmr/leverage: treat them as an interval.

use crate::book::Side;
use crate::error::{KernelError, Result};

/// One risk tier of a contract.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// Position value up to which the tier holds, USDT.
    pub value_usdt_max: f64,
    /// Maintenance margin rate.
    pub mmr: f64,
    /// Initial margin rate.
    pub imr: f64,
    /// What makes the maintenance margin continuous across tiers, USDT.
    pub deduction_usdt: f64,
}

/// Rising tiers of one contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiers(Vec<Tier>);

impl Tiers {
    /// Tiers from `(value_usdt_max, mmr, imr)`; the deductions follow from continuity.
    pub fn new(rows: &[(f64, f64, f64)]) -> Result<Self> {
        let refuse =
            |what: &str| Err(KernelError::Argument { name: "tiers", what: what.to_owned() });
        if rows.is_empty() {
            return refuse("wants at least one tier");
        }
        let mut tiers: Vec<Tier> = Vec::with_capacity(rows.len());
        for &(value_usdt_max, mmr, imr) in rows {
            if !(mmr > 0.0 && mmr < imr && imr <= 1.0) {
                return refuse("wants 0 < mmr < imr <= 1 in every tier");
            }
            let deduction_usdt = match tiers.last() {
                None => 0.0,
                Some(last) if value_usdt_max <= last.value_usdt_max || mmr < last.mmr => {
                    return refuse("wants limits and rates that rise");
                }
                Some(last) => last.deduction_usdt + last.value_usdt_max * (mmr - last.mmr),
            };
            tiers.push(Tier { value_usdt_max, mmr, imr, deduction_usdt });
        }
        Ok(Self(tiers))
    }

    /// The tier of a position value; above the last limit the last tier's rates go on.
    pub fn tier(&self, value_usdt: f64) -> &Tier {
        let found = self.0.iter().find(|tier| value_usdt <= tier.value_usdt_max);
        found.unwrap_or(&self.0[self.0.len() - 1])
    }

    /// Maintenance margin of a position value.
    pub fn maintenance_usdt(&self, value_usdt: f64) -> f64 {
        let tier = self.tier(value_usdt);
        value_usdt * tier.mmr - tier.deduction_usdt
    }

    /// Initial margin of a position value at a leverage.
    pub fn initial_usdt(&self, value_usdt: f64, leverage_x: f64) -> f64 {
        value_usdt * self.tier(value_usdt).imr.max(1.0 / leverage_x)
    }
}

/// Tiers of every contract of a panel, for the maintenance margin of a whole account.
#[derive(Debug, Clone, PartialEq)]
pub struct TierTable {
    tiers: Vec<Tiers>,
    /// Greatest rate of all: no book needs more than this share of its gross.
    mmr_max: f64,
}

impl TierTable {
    /// For each contract its rising `(value_usdt_max, mmr)`.
    pub fn new(contracts: &[Vec<(f64, f64)>]) -> Result<Self> {
        let full = |rows: &Vec<(f64, f64)>| {
            // What an opening needs is not asked of a simulated account, so any initial rate will do.
            let rows: Vec<_> = rows.iter().map(|&(value, mmr)| (value, mmr, 1.0)).collect();
            Tiers::new(&rows)
        };
        let tiers = contracts.iter().map(full).collect::<Result<Vec<_>>>()?;
        let rates = tiers.iter().flat_map(|tiers| &tiers.0).map(|tier| tier.mmr);
        let mmr_max = rates.fold(0.0, f64::max);
        Ok(Self { tiers, mmr_max })
    }

    /// Number of contracts.
    pub fn len(&self) -> usize {
        self.tiers.len()
    }

    /// Whether there are no contracts.
    pub fn is_empty(&self) -> bool {
        self.tiers.is_empty()
    }

    /// Whether the account is due for liquidation: maintenance and the fee of closing reach equity.
    /// `values` are contracts held and their signed values; they are summed only where it can matter.
    pub fn is_due(
        &self,
        values: impl Iterator<Item = (usize, f64)>,
        gross_usdt: f64,
        close_fee_frac: f64,
        equity_usdt: f64,
    ) -> bool {
        if gross_usdt * (self.mmr_max + close_fee_frac) < equity_usdt {
            return false;
        }
        let needs = |(i, value): (usize, f64)| {
            self.tiers[i].maintenance_usdt(value.abs()) + value.abs() * close_fee_frac
        };
        let maintenance: f64 = values.map(needs).sum();
        account_rate(maintenance, equity_usdt) >= 1.0
    }
}

/// Share of the margin balance that maintenance takes; at 1 the venue liquidates. An account whose
/// balance is gone is past that point, whatever it holds.
pub fn account_rate(maintenance_usdt: f64, margin_balance_usdt: f64) -> f64 {
    if maintenance_usdt == 0.0 {
        return 0.0;
    }
    if margin_balance_usdt <= 0.0 { f64::INFINITY } else { maintenance_usdt / margin_balance_usdt }
}

/// An isolated position, for its liquidation price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Isolated {
    /// Side held.
    pub side: Side,
    /// Units held, above 0.
    pub units: f64,
    /// Entry price.
    pub entry_price: f64,
    /// Leverage.
    pub leverage_x: f64,
    /// Margin added by hand, USDT.
    pub extra_usdt: f64,
    /// Maintenance margin rate of its tier.
    pub mmr: f64,
    /// Deduction of its tier, USDT.
    pub deduction_usdt: f64,
}

impl Isolated {
    /// Liquidation price with the maintenance margin measured at entry.
    pub fn liquidation_on_entry_value(&self) -> f64 {
        let value = self.units * self.entry_price;
        let initial = value / self.leverage_x;
        let maintenance = value * self.mmr - self.deduction_usdt;
        let room = (initial - maintenance + self.extra_usdt) / self.units;
        self.entry_price - self.side.sign() * room
    }

    /// Liquidation price with the maintenance margin measured at the mark.
    pub fn liquidation_on_mark_value(&self) -> f64 {
        let side = self.side.sign();
        let value = self.units * self.entry_price;
        let cushion = value / self.leverage_x + self.extra_usdt + self.deduction_usdt;
        (value - side * cushion) / (self.units * (1.0 - side * self.mmr))
    }

    /// Price at which nothing of the margin is left.
    pub fn bankruptcy_price(&self) -> f64 {
        let margin = self.entry_price / self.leverage_x + self.extra_usdt / self.units;
        self.entry_price - self.side.sign() * margin
    }
}
