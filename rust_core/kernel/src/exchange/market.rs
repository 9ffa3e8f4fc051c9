//! One contract: its specification, its prices, its book.

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::event::Refusal;
use super::order::TriggerBy;
use super::{E8, Exchange, Id, ONE_E8, Prices, Spec};

/// What may be done with a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything.
    Open,
    /// Orders that wait may be placed, nothing trades: maintenance.
    PostOnly,
    /// Positions may be reduced.
    Closing,
    /// Nothing.
    Closed,
}

/// Prices of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    pub(super) last: i64,
    pub(super) mark: i64,
    pub(super) index: i64,
}

impl Marks {
    pub(super) fn of(self, by: TriggerBy) -> i64 {
        match by {
            TriggerBy::Last => self.last,
            TriggerBy::Mark => self.mark,
            TriggerBy::Index => self.index,
        }
    }
}

/// A contract as it trades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Market {
    pub(super) spec: Spec,
    pub(super) status: Status,
    pub(super) marks: Option<Marks>,
    pub(super) book: Book,
}

impl Market {
    pub(super) fn new(spec: Spec) -> Self {
        Self { spec, status: Status::Open, marks: None, book: Book::default() }
    }

    /// The mark, 0 before there is one.
    pub(super) fn mark(&self) -> i64 {
        self.marks.map_or(0, |marks| marks.mark)
    }

    /// The farthest limit that an order of this side may have.
    pub(super) fn band(&self, side: i64) -> i64 {
        let mark = E8::from(self.mark());
        let wide = mark * E8::from(ONE_E8 + side * self.spec.band_e8);
        // Towards the mark: a limit on the edge is inside.
        let edge = if side > 0 {
            wide.div_euclid(E8::from(ONE_E8))
        } else {
            -(-wide).div_euclid(E8::from(ONE_E8))
        };
        (edge as i64).max(1)
    }

    /// The worst price that a market order of this side may have.
    pub(super) fn protection(&self, side: i64) -> Option<i64> {
        let best = E8::from(self.book.best(side)?);
        let far = best * E8::from(ONE_E8 + side * self.spec.protection_e8);
        Some((far.div_euclid(E8::from(ONE_E8)) as i64).max(1))
    }
}

impl Exchange {
    /// Take over new prices: stops wake first, then what stands in the book is met, then accounts are
    /// looked at. Whoever is stopped is so before the same prices could liquidate them.
    pub(super) fn move_prices(&mut self, moved: &Prices) {
        let Some(market) = self.markets.get_mut(moved.symbol as usize) else {
            return self.refuse(0, Refusal::NoSymbol);
        };
        if moved.last <= 0 || moved.mark <= 0 || moved.index <= 0 {
            return self.refuse(0, Refusal::Price);
        }
        market.marks = Some(Marks { last: moved.last, mark: moved.mark, index: moved.index });
        market.book = Book::new(&moved.bids, &moved.asks);
        if market.status == Status::Closed || market.status == Status::PostOnly {
            return;
        }
        self.wake_orders(moved.symbol);
        self.meet_orders(moved.symbol);
        self.watch_margins(moved.symbol);
    }

    pub(super) fn set_status(&mut self, symbol: Id, status: Status) {
        match self.markets.get_mut(symbol as usize) {
            Some(market) => market.status = status,
            None => self.refuse(0, Refusal::NoSymbol),
        }
    }

    /// Take in a new contract; nobody holds any of it.
    pub(super) fn list(&mut self, spec: &Spec) {
        if spec.check().is_err() {
            return self.refuse(0, Refusal::Price);
        }
        self.markets.push(Market::new(spec.clone()));
        for account in &mut self.accounts {
            account.positions.push(super::Position::default());
        }
    }

    pub(super) fn respec(&mut self, symbol: Id, spec: &Spec) {
        match self.markets.get_mut(symbol as usize) {
            None => self.refuse(0, Refusal::NoSymbol),
            Some(market) if spec.check().is_err() || spec.unit_e8 != market.spec.unit_e8 => {
                self.refuse(0, Refusal::Price);
            }
            Some(market) => market.spec = spec.clone(),
        }
        self.watch_margins(symbol);
    }
}
