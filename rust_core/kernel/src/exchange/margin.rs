//! Margin of an account: cross, at the mark, by tiers.
//!
//! ```text
//! position  IM = v/leverage + c     MM = v·rate − deduction + c     v: value at the mark
//! closing   c = v·(1 ∓ 1/leverage)·taker        − for a long, + for a short
//! orders    IM of what would increase a position, at the orders' own limits, the larger side, with
//!           the fee of opening and of closing
//! free      available = wallet + unrealised − IM of positions − IM of orders
//! ```
//! Everything is rounded up.

use super::event::WalletRow;
use super::order::Order;
use super::spec::share_up;
use super::{E8, Exchange, Id, ONE_E8, Position};

/// `value / leverage`, rounded up.
fn leveraged(value_e8: E8, leverage_e8: i64) -> E8 {
    -(-value_e8 * E8::from(ONE_E8)).div_euclid(E8::from(leverage_e8))
}

/// Fee that closing at the price of bankruptcy would cost.
fn closing(value_e8: E8, side: i64, leverage_e8: i64, taker_e8: i64) -> E8 {
    let at_bankruptcy = value_e8 - E8::from(side) * leveraged(value_e8, leverage_e8);
    share_up(at_bankruptcy.max(0), taker_e8)
}

/// Margins of one position.
#[allow(clippy::struct_field_names)] // money is money: the unit stands in every name
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Margins {
    pub(super) value_e8: E8,
    pub(super) unrealised_e8: E8,
    pub(super) initial_e8: E8,
    pub(super) maintenance_e8: E8,
}

impl Exchange {
    pub(super) fn margins(&self, account: Id, symbol: Id) -> Margins {
        let market = &self.markets[symbol as usize];
        let held = &self.accounts[account as usize].positions[symbol as usize];
        if held.lots == 0 {
            return Margins::default();
        }
        let signed_e8 = market.spec.value_e8(held.lots, market.mark());
        let value_e8 = signed_e8.abs();
        let leverage = held.leverage();
        let (_, taker_e8) = self.fees(account, symbol);
        let tier = market.spec.tier(value_e8);
        let closing_e8 = closing(value_e8, held.lots.signum(), leverage, taker_e8);
        let maintenance_e8 = share_up(value_e8, tier.maintenance_e8) - E8::from(tier.deduction_e8);
        Margins {
            value_e8,
            unrealised_e8: signed_e8 - held.cost_e8,
            initial_e8: leveraged(value_e8, leverage) + closing_e8,
            maintenance_e8: maintenance_e8.max(0) + closing_e8,
        }
    }

    /// Initial margin of the orders in one contract.
    pub(super) fn order_margin_e8(&self, account: Id, symbol: Id) -> E8 {
        let owner = &self.accounts[account as usize];
        let held = &owner.positions[symbol as usize];
        if held.orders.is_empty() {
            return 0;
        }
        let orders = held.orders.iter().filter_map(|id| owner.open.get(id));
        let (mut lots, mut value_e8) = ([0i64; 2], [0 as E8; 2]);
        for order in orders.filter(|order| order.active() && !order.reduce_only) {
            let side = usize::from(order.lots < 0);
            lots[side] += order.rest_lots().abs();
            value_e8[side] += self.order_value_e8(order, order.rest_lots());
        }
        let sides = [1, -1].map(|side: i64| {
            let k = usize::from(side < 0);
            // What only closes the position on the other side needs no margin.
            let closes = (-side * held.lots).max(0).min(lots[k]);
            let excess = lots[k] - closes;
            if excess == 0 {
                return 0;
            }
            let value_e8 = -(-value_e8[k] * E8::from(excess)).div_euclid(E8::from(lots[k]));
            self.opening_e8(account, symbol, side, value_e8, held)
        });
        sides[0].max(sides[1])
    }

    /// What opening a value needs: margin, and the fees of opening and closing.
    fn opening_e8(&self, account: Id, symbol: Id, side: i64, value_e8: E8, held: &Position) -> E8 {
        let (_, taker_e8) = self.fees(account, symbol);
        let leverage = held.leverage();
        leveraged(value_e8, leverage)
            + share_up(value_e8, taker_e8)
            + closing(value_e8, side, leverage, taker_e8)
    }

    /// Worth of lots of an order at its limit, above 0.
    pub(super) fn order_value_e8(&self, order: &Order, lots: i64) -> E8 {
        self.markets[order.symbol as usize].spec.value_e8(lots, order.ticks).abs()
    }

    /// Money and margin of an account.
    pub(super) fn wallet(&self, account: Id) -> WalletRow {
        let owner = &self.accounts[account as usize];
        let mut row = WalletRow {
            wallet_e8: owner.wallet_e8,
            unrealised_e8: 0,
            position_initial_e8: 0,
            order_initial_e8: 0,
            maintenance_e8: 0,
            available_e8: 0,
            realised_e8: owner.realised_e8,
        };
        for &symbol in &owner.busy {
            let margins = self.margins(account, symbol);
            row.unrealised_e8 += margins.unrealised_e8;
            row.position_initial_e8 += margins.initial_e8;
            row.maintenance_e8 += margins.maintenance_e8;
            row.order_initial_e8 += self.order_margin_e8(account, symbol);
        }
        let balance_e8 = row.wallet_e8 + row.unrealised_e8;
        row.available_e8 = balance_e8 - row.position_initial_e8 - row.order_initial_e8;
        row
    }

    /// Whether the position would still be allowed at its leverage with these lots added, at the mark.
    pub(super) fn fits_tier(&self, account: Id, symbol: Id, lots: i64) -> bool {
        let market = &self.markets[symbol as usize];
        let held = &self.accounts[account as usize].positions[symbol as usize];
        let owner = &self.accounts[account as usize];
        let orders = held.orders.iter().filter_map(|id| owner.open.get(id));
        let same_side = |order: &&Order| order.active() && order.side() == lots.signum();
        let waiting: i64 = orders.filter(same_side).map(Order::rest_lots).sum();
        let wanted = held.lots + waiting + lots;
        let value_e8 = market.spec.value_e8(wanted, market.mark()).abs();
        value_e8 <= market.spec.value_max_e8(held.leverage()) || wanted.abs() <= held.lots.abs()
    }
}
