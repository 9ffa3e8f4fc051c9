//! What a trade costs: price after spread and impact, fee on the executed notional.
//!
//! For a trade of signed quantity q at a reference price P, side s = sign(q):
//!
//! ```text
//! impact  = 2/3 · Y · sigma_day · sqrt(|q|·P / ADV)        (share of price, average over the trade;
//!                                                           at most 10 %, also where it is unknown)
//! price   = P · (1 + s · (half_spread + impact))
//! fee     = |q| · price · (maker_share · maker_fee + (1 − maker_share) · taker_fee)
//! ```
//!
//! The square-root law and its 2/3 are the peak and the average of a meta-order that follows the
//! square root (Tóth et al. 2011; Donier and Bonart 2015 for Bitcoin). A maker pays no spread, so the
//! half-spread is charged on the taker's share only.

use crate::error::{KernelError, Result};

/// The most that impact takes of a price; also what an unknown volatility or volume costs.
pub const IMPACT_FRAC_MAX: f64 = 0.10;

/// Cost assumptions of a simulation, as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Fee of a taker, share of the executed notional.
    pub taker_fee_frac: f64,
    /// Fee of a maker; may be negative (a rebate).
    pub maker_fee_frac: f64,
    /// Share of the quantity that is expected to fill as maker.
    pub maker_share_frac: f64,
    /// Half the bid-ask spread, share of price.
    pub half_spread_frac: f64,
    /// Coefficient Y of the square-root impact; 0 is off.
    pub impact_y: f64,
    /// Charge the funding of the panel.
    pub funding: bool,
}

impl Costs {
    /// No costs at all, funding included.
    pub const FREE: Self = Self {
        taker_fee_frac: 0.0,
        maker_fee_frac: 0.0,
        maker_share_frac: 0.0,
        half_spread_frac: 0.0,
        impact_y: 0.0,
        funding: false,
    };

    /// Refuse costs that no venue has.
    pub fn validate(&self) -> Result<()> {
        for (name, value, low, high) in [
            ("taker_fee_frac", self.taker_fee_frac, 0.0, 0.05),
            ("maker_fee_frac", self.maker_fee_frac, -0.01, 0.05),
            ("maker_share_frac", self.maker_share_frac, 0.0, 1.0),
            ("half_spread_frac", self.half_spread_frac, 0.0, 0.1),
            ("impact_y", self.impact_y, 0.0, 10.0),
        ] {
            if !(low..=high).contains(&value) {
                let what = format!("is {value}, wants {low} to {high}");
                return Err(KernelError::Argument { name, what });
            }
        }
        Ok(())
    }

    /// Expected fee of a trade, share of the executed notional.
    #[inline(always)]
    pub fn fee_frac(&self) -> f64 {
        self.maker_share_frac * self.maker_fee_frac
            + (1.0 - self.maker_share_frac) * self.taker_fee_frac
    }

    /// Expected spread paid, share of the reference price.
    #[inline(always)]
    pub fn spread_frac(&self) -> f64 {
        (1.0 - self.maker_share_frac) * self.half_spread_frac
    }
}

/// What the size of a trade is measured against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depth {
    /// Volatility of a day.
    pub sigma_day_frac: f64,
    /// Average dollar volume of a day.
    pub adv_usdt: f64,
}

impl Depth {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { sigma_day_frac: f64::NAN, adv_usdt: f64::NAN };
}

/// One simulated execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Execution {
    /// Price paid or received per unit.
    pub price: f64,
    /// Fee in USDT.
    pub fee_usdt: f64,
    /// Part of the price that is spread, in USDT; never negative.
    pub spread_usdt: f64,
    /// Part of the price that is impact, in USDT; never negative.
    pub impact_usdt: f64,
}

/// Average impact of a trade of `notional_usdt`, share of price.
#[inline(always)]
pub fn impact_frac(impact_y: f64, notional_usdt: f64, depth: Depth) -> f64 {
    if impact_y == 0.0 || notional_usdt == 0.0 {
        return 0.0;
    }
    let share =
        2.0 / 3.0 * impact_y * depth.sigma_day_frac * (notional_usdt / depth.adv_usdt).sqrt();
    // Asked this way round, so that NaN costs the most.
    if share <= IMPACT_FRAC_MAX { share } else { IMPACT_FRAC_MAX }
}

/// What [`fill`] makes of the cost assumptions, for a caller with many fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    spread_frac: f64,
    fee_frac: f64,
    impact_y: f64,
}

impl Rates {
    /// The rates of these costs.
    #[inline(always)]
    pub fn of(costs: &Costs) -> Self {
        Self {
            spread_frac: costs.spread_frac(),
            fee_frac: costs.fee_frac(),
            impact_y: costs.impact_y,
        }
    }

    /// The same without impact, which then costs no time either.
    #[inline(always)]
    pub(crate) fn without_impact(self) -> Self {
        Self { impact_y: 0.0, ..self }
    }

    /// Is an impact charged, so that depth is read?
    #[inline(always)]
    pub fn has_impact(&self) -> bool {
        self.impact_y > 0.0
    }
}

/// Execute a signed quantity at a reference price. `depth` is read only when impact is on.
#[inline(always)]
pub fn fill(units: f64, reference_price: f64, costs: &Costs, depth: Depth) -> Execution {
    fill_at(units, reference_price, Rates::of(costs), depth)
}

/// [`fill`] at rates that are known already.
#[inline(always)]
pub fn fill_at(units: f64, reference_price: f64, rates: Rates, depth: Depth) -> Execution {
    let notional = units.abs() * reference_price;
    let spread = rates.spread_frac;
    let impact = impact_frac(rates.impact_y, notional, depth);
    let side = if units < 0.0 { -1.0 } else { 1.0 };
    let price = reference_price * (1.0 + side * (spread + impact));
    Execution {
        price,
        fee_usdt: units.abs() * price * rates.fee_frac,
        spread_usdt: notional * spread,
        impact_usdt: notional * impact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_DEPTH: Depth = Depth { sigma_day_frac: f64::NAN, adv_usdt: f64::NAN };

    #[test]
    fn a_buyer_pays_up_and_a_seller_gets_less() {
        let costs = Costs { half_spread_frac: 0.001, taker_fee_frac: 0.0005, ..Costs::FREE };
        let buy = fill(2.0, 100.0, &costs, NO_DEPTH);
        let sell = fill(-2.0, 100.0, &costs, NO_DEPTH);
        assert!((buy.price - 100.1).abs() < 1e-12 && (sell.price - 99.9).abs() < 1e-12);
        assert!((buy.fee_usdt - 2.0 * 100.1 * 0.0005).abs() < 1e-12);
        assert!((sell.fee_usdt - 2.0 * 99.9 * 0.0005).abs() < 1e-12);
        assert_eq!(buy.spread_usdt, sell.spread_usdt);
    }

    #[test]
    fn impact_has_a_ceiling_and_an_unknown_depth_costs_it() {
        let share = |sigma_day_frac, adv_usdt| {
            impact_frac(1.0, 10_000.0, Depth { sigma_day_frac, adv_usdt })
        };
        assert!((share(0.03, 1e6) - 2.0 / 3.0 * 0.03 * 0.1).abs() < 1e-15);
        for (sigma, adv) in
            [(0.05, 1.0), (f64::NAN, 1e9), (0.05, f64::NAN), (0.05, 0.0), (0.0, 0.0)]
        {
            assert_eq!(share(sigma, adv), IMPACT_FRAC_MAX);
        }
        let costs = Costs { impact_y: 1.0, ..Costs::FREE };
        assert_eq!(fill(-1_000.0, 100.0, &costs, NO_DEPTH).price, 90.0);
    }

    #[test]
    fn a_maker_pays_no_spread() {
        let costs = Costs { half_spread_frac: 0.001, maker_share_frac: 1.0, ..Costs::FREE };
        assert_eq!(fill(1.0, 50.0, &costs, NO_DEPTH).price, 50.0);
    }

    #[test]
    fn free_trades_cost_nothing() {
        let free = fill(-3.0, 7.0, &Costs::FREE, NO_DEPTH);
        assert_eq!(
            (free.price, free.fee_usdt, free.spread_usdt, free.impact_usdt),
            (7.0, 0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn costs_outside_their_range_are_refused_by_name() {
        let negative = Costs { taker_fee_frac: -0.1, ..Costs::FREE };
        let text = negative.validate().unwrap_err().to_string();
        assert!(text.contains("taker_fee_frac") && text.contains("-0.1"), "{text}");
        assert!(Costs { half_spread_frac: f64::NAN, ..Costs::FREE }.validate().is_err());
    }
}
