//! A whole derivatives exchange as one pure state machine: `apply(command, time) -> events`.
//!
//! Prices are whole ticks, sizes whole lots, money whole 1e-8 USDT: nothing is rounded but fees,
//! funding and margin, and those against the account. The clock is an argument, chance does not occur,
//! and each command enters a chain of hashes: the same commands give the same chain. What is matched,
//! charged and closed, and in which order, is told in docs/explanation/exchange-core.md.

mod account;
mod book;
mod chain;
mod close;
mod command;
mod entry;
mod event;
mod liquidation;
mod margin;
mod market;
mod matching;
mod order;
mod query;
mod spec;
mod stops;

pub use account::{Account, Position, Transaction, TransactionKind};
pub use command::{Command, Filter, Place, Prices, StopsAsked};
pub use event::{Event, Execution, ExecutionKind, OrderNews, Refusal, WalletRow};
pub use market::Status;
pub use order::{
    CancelReason, CreatedBy, Order, OrderState, StopKind, TimeInForce, Trigger, TriggerBy,
};
pub use query::{Answer, MarketRow, PositionRow, Query};
pub use spec::{Spec, SpecTier};

use serde::{Deserialize, Serialize};

use chain::Chain;
use market::Market;

/// One unit of money: 1e-8 USDT. Products of prices and sizes need more than 64 bits.
pub type E8 = i128;

/// A share of one, or a factor, in 1e-8.
pub const ONE_E8: i64 = 100_000_000;

/// Number of an account, of a contract: its place in the list it came with.
pub type Id = u32;

/// Closed orders and executions that are remembered for each account.
pub const HISTORY_MAX: usize = 20_000;

/// Every contract, account and order, and the log's hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    markets: Vec<Market>,
    accounts: Vec<Account>,
    /// What the other side of every trade, fee and payment has gained: with it money is conserved.
    house_e8: E8,
    next_order: u64,
    next_execution: u64,
    seq: u64,
    now_ms: i64,
    chain: Chain,
    #[serde(skip)]
    events: Vec<Event>,
}

/// What an exchange begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Contracts.
    pub specs: Vec<Spec>,
}

impl Exchange {
    /// An exchange without accounts and prices; refuses a contract that cannot be computed exactly.
    pub fn new(setup: &Setup) -> crate::Result<Self> {
        for spec in &setup.specs {
            spec.check()?;
        }
        Ok(Self {
            markets: setup.specs.iter().cloned().map(Market::new).collect(),
            accounts: Vec::new(),
            house_e8: 0,
            next_order: 1,
            next_execution: 1,
            seq: 1,
            now_ms: 0,
            chain: Chain::default(),
            events: Vec::new(),
        })
    }

    /// Carry out a command at `at_ms`; time never goes back. A command that is refused says so in an
    /// event and changes nothing else.
    pub fn apply(&mut self, command: &Command, at_ms: i64) -> Vec<Event> {
        self.now_ms = self.now_ms.max(at_ms);
        self.chain.add(command, self.now_ms);
        self.run(command);
        std::mem::take(&mut self.events)
    }

    fn run(&mut self, command: &Command) {
        match command {
            Command::OpenAccount { name, wallet_e8 } => {
                self.open_account(name, E8::from(*wallet_e8));
            }
            Command::Transfer { account, change_e8 } => {
                self.transfer(*account, E8::from(*change_e8));
            }
            Command::SetLeverage { account, symbol, leverage_e8 } => {
                self.set_leverage(*account, *symbol, *leverage_e8);
            }
            Command::SetFees { account, symbol, maker_e8, taker_e8 } => {
                self.set_fees(*account, *symbol, *maker_e8, *taker_e8);
            }
            Command::Place(place) => self.place(place),
            Command::Amend { account, order, client_id, lots, ticks, trigger_ticks } => {
                let change = entry::Change { lots: *lots, ticks: *ticks, trigger: *trigger_ticks };
                self.amend(*account, *order, client_id, change);
            }
            Command::Cancel { account, order, client_id } => {
                self.cancel(*account, *order, client_id);
            }
            Command::CancelAll { account, symbol, filter } => {
                self.cancel_all(*account, *symbol, *filter);
            }
            Command::SetStops(asked) => self.set_stops(asked),
            Command::Prices(moved) => self.move_prices(moved),
            Command::Trade { symbol, ticks, lots } => self.see_trade(*symbol, *ticks, *lots),
            Command::Funding { symbol, rate_e8 } => self.settle_funding(*symbol, *rate_e8),
            Command::Status { symbol, status } => self.set_status(*symbol, *status),
            Command::Delist { symbol, ticks } => self.delist(*symbol, *ticks),
            Command::List { spec } => self.list(spec),
            Command::Respec { symbol, spec } => self.respec(*symbol, spec),
            Command::Deleverage { account, symbol, lots } => {
                self.deleverage(*account, *symbol, *lots);
            }
            Command::ForgetClosed {} => {
                self.accounts.iter_mut().for_each(Account::forget_closed);
            }
        }
    }

    /// The hash over every command so far, in hexadecimal.
    pub fn log_hash(&self) -> String {
        self.chain.hex()
    }

    /// Market time: the newest that a command came with.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// What accounts hold and what the house has gained, in all; only transfers change it.
    pub fn money_e8(&self) -> E8 {
        self.accounts.iter().map(|account| account.wallet_e8).sum::<E8>() + self.house_e8
    }

    /// All of the state as bytes; [`Self::restore`] goes on from there with the same future.
    pub fn snapshot(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a state of numbers and text has a byte form")
    }

    /// The state that [`Self::snapshot`] wrote.
    pub fn restore(bytes: &[u8]) -> crate::Result<Self> {
        postcard::from_bytes(bytes).map_err(|error| crate::KernelError::Argument {
            name: "snapshot",
            what: format!("cannot be read: {error}"),
        })
    }

    fn seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn refuse(&mut self, account: Id, refusal: Refusal) {
        self.events.push(Event::Refused { account, refusal });
    }

    /// Whether there is such an account and such a contract.
    fn known(&self, account: Id, symbol: Id) -> bool {
        (account as usize) < self.accounts.len() && (symbol as usize) < self.markets.len()
    }
}
