//! A contract as the exchange specifies it.

use serde::{Deserialize, Serialize};

use super::{E8, ONE_E8};
use crate::error::{KernelError, Result};

/// Up to a position value: maintenance = value · rate − deduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecTier {
    /// Position value up to which the tier holds.
    pub value_max_e8: i64,
    /// Maintenance margin rate.
    pub maintenance_e8: i64,
    /// What makes maintenance continuous from tier to tier.
    pub deduction_e8: i64,
    /// Largest leverage.
    pub leverage_max_e8: i64,
}

/// What is fixed of a contract until its exchange changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Name, for messages alone.
    pub symbol: String,
    /// Worth of one lot at a price of one tick.
    pub unit_e8: i64,
    /// Smallest order.
    pub lots_min: i64,
    /// Largest order with a limit.
    pub lots_max: i64,
    /// Largest market order.
    pub lots_max_market: i64,
    /// Smallest worth of an order that does not only reduce.
    pub notional_min_e8: i64,
    /// Fees, unless the account has its own; a maker's may be negative.
    pub maker_e8: i64,
    /// Fee of whoever takes.
    pub taker_e8: i64,
    /// Farthest that a limit may lie from the mark on the paying side; beyond, it is moved there.
    pub band_e8: i64,
    /// How far a market order may walk from the best price.
    pub protection_e8: i64,
    /// Active orders of one account.
    pub orders_max: u32,
    /// Conditional orders of one account, position stops aside.
    pub conditional_max: u32,
    /// Partial stops of one position.
    pub partial_stops_max: u32,
    /// Rising tiers.
    pub tiers: Vec<SpecTier>,
}

impl Spec {
    /// Refuse what would not compute.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str| {
            let what = format!("of {}: {what}", self.symbol);
            Err(KernelError::Argument { name: "specification", what })
        };
        if self.unit_e8 < 1 {
            return refuse("tick times step is below 1e-8 USDT, wants a coarser tick or step");
        }
        if self.lots_min < 1
            || self.lots_max < self.lots_min
            || self.lots_max_market < self.lots_min
        {
            return refuse("wants 1 <= lots_min <= lots_max and lots_max_market");
        }
        if self.notional_min_e8 < 0 || self.band_e8 <= 0 || self.protection_e8 <= 0 {
            return refuse("wants a least notional from 0, a band and a protection above 0");
        }
        let tenth = ONE_E8 / 10;
        if !(-tenth..tenth).contains(&self.maker_e8) || !(0..tenth).contains(&self.taker_e8) {
            return refuse("wants fees below a tenth");
        }
        if self.tiers.is_empty() {
            return refuse("wants at least one tier");
        }
        let rising = self.tiers.windows(2).all(|two| {
            two[0].value_max_e8 < two[1].value_max_e8
                && two[0].maintenance_e8 <= two[1].maintenance_e8
                && two[0].leverage_max_e8 >= two[1].leverage_max_e8
        });
        let sound = self.tiers.iter().all(|tier| {
            tier.maintenance_e8 > 0
                && tier.maintenance_e8 < ONE_E8
                && tier.leverage_max_e8 >= ONE_E8
                && tier.deduction_e8 >= 0
        });
        if !rising || !sound {
            return refuse("wants tiers that rise, with rates in (0, 1) and leverage from 1");
        }
        Ok(())
    }

    /// Worth of signed lots at a price.
    pub fn value_e8(&self, lots: i64, ticks: i64) -> E8 {
        E8::from(lots) * E8::from(ticks) * E8::from(self.unit_e8)
    }

    /// The tier of a position value; the last one goes on for ever.
    pub fn tier(&self, value_e8: E8) -> &SpecTier {
        let found = self.tiers.iter().find(|tier| value_e8 <= E8::from(tier.value_max_e8));
        found.unwrap_or(&self.tiers[self.tiers.len() - 1])
    }

    /// Largest position value at a leverage.
    pub fn value_max_e8(&self, leverage_e8: i64) -> E8 {
        let fits = self.tiers.iter().rev().find(|tier| tier.leverage_max_e8 >= leverage_e8);
        fits.map_or(0, |tier| E8::from(tier.value_max_e8))
    }
}

/// `value · share`, rounded up: what an account pays.
pub(super) fn share_up(value_e8: E8, share_e8: i64) -> E8 {
    let product = value_e8 * E8::from(share_e8);
    -(-product).div_euclid(E8::from(ONE_E8))
}
