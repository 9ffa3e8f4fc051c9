//! A book led by what was recorded elsewhere: fills, funding and verdicts are given, decisions and plans come out.
//!
//! The simulation invents its fills; this loop is told them, in the order in which they came, and does all else itself
//! as the simulation does: features in blocks over the whole panel, levels, guards, records, targets, plans. A live
//! run that is followed to the same targets and the same planned lots has therefore decided as a backtest would have on
//! those fills. What only the live side can know is told too: which names the operator holds, what still works at
//! the venue, whether its gates let a plan be made.

use crate::book::{GuardAction, Targets};
use crate::error::{KernelError, Result};
use crate::features::{Scratch, blocks, features_block};
use crate::guards::Guard;
use crate::panel::Panel;
use crate::params::Params;
use crate::plan::Leg;
use crate::reason::Reason;
use crate::row::FeatureRow;
use crate::simulate::bar_row;
use crate::simulate::strategy::Contracts;
use crate::stops::{BarRow, ExitReason, Tick};

mod bar;
mod book;

use book::Book;

/// One thing that was recorded; bars by their row in the panel.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The range of a bar met the stops.
    Touch(usize),
    /// A price called an exit.
    Tick(Tick),
    /// An execution that does not cross 0.
    Fill(Fill),
    /// A settlement: symbol, and what it cost.
    Funding(usize, f64),
    /// A result that the operator named, USDT.
    Correction(f64),
    /// Money in or out, the shares of the book after it, and what one was worth last.
    Transfer(f64, f64, f64),
    /// A symbol comes under the operator's hand, or leaves it.
    Hold(usize, bool),
    /// The operator wants a position closed.
    CloseOrder(usize),
    /// The operator lets a guard go.
    Rearm(Guard),
    /// The exchange prescribes other contracts from now on.
    Specs(Contracts),
    /// The book is valued at the close of a bar.
    Mark(usize),
    /// A bar has closed, and this is what the live side knew then.
    Close(usize, Verdict),
}

/// One execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// Number of the symbol.
    pub symbol: usize,
    /// Signed lots.
    pub lots: i64,
    /// Price.
    pub price: f64,
    /// Fee.
    pub fee_usdt: f64,
    /// Price that slippage is counted from.
    pub reference_price: f64,
    /// ATR at the decision behind it.
    pub atr: f64,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// The exit that it carries out.
    pub exit: Option<ExitReason>,
    /// It left inside a bar, and no plan had counted it.
    pub on_its_own: bool,
}

/// What the live side knew at a close.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The bar was too old to be decided.
    pub late: bool,
    /// The mode let a plan be made.
    pub plans: bool,
    /// What a plan was told of guards and gates together.
    pub guard: GuardAction,
    /// Signed lots by name that still worked at the venue.
    pub waiting_lots: Vec<i64>,
    /// Something worked there, though it may have had no lots left.
    pub works: bool,
}

/// A decision that came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Close of its bar, UTC milliseconds.
    pub close_ms: i64,
    /// Signed shares of sizing equity.
    pub weight_frac: Vec<f64>,
    /// The rule behind each.
    pub reason: Vec<Reason>,
}

/// A plan that came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Close of its bar, UTC milliseconds.
    pub close_ms: i64,
    /// Lots that it wants held.
    pub goal_lots: Vec<i64>,
    /// Its orders.
    pub legs: Vec<Leg>,
}

/// All that came out, and where the book stood at the end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Followed {
    /// Every decision, oldest first.
    pub decisions: Vec<Decision>,
    /// Every plan, oldest first.
    pub plans: Vec<Planned>,
    /// Signed lots at the end.
    pub lots: Vec<i64>,
    /// Cash at the end.
    pub cash_usdt: f64,
    /// Equity at the last marks.
    pub equity_usdt: f64,
    /// Highest value of a share.
    pub unit_value_peak: f64,
}

/// Lead a flat book of `cash_usdt` through everything on the tape.
pub fn follow(
    panel: &Panel<'_>,
    params: &Params,
    contracts: &Contracts,
    cash_usdt: f64,
    tape: &[Entry],
) -> Result<Followed> {
    let mut features = Features::new(panel, params)?;
    let mut book = Book::new(panel, params, contracts, cash_usdt)?;
    let mut found = Followed::default();
    for entry in tape {
        match entry {
            Entry::Touch(t) => book.touch(&prices(panel, *t, &FeatureRow::EMPTY)?, params),
            Entry::Tick(tick) => book.tick(*tick, params),
            Entry::Fill(fill) => book.fill(fill, params),
            Entry::Funding(symbol, paid_usdt) => book.settle(*symbol, *paid_usdt),
            Entry::Correction(amount_usdt) => book.cash_usdt += amount_usdt,
            Entry::Transfer(amount, shares, last) => book.transfer(*amount, *shares, *last),
            Entry::Hold(symbol, on) => book.positions[*symbol].hold = *on,
            Entry::CloseOrder(symbol) => book.close_ordered[*symbol] = true,
            Entry::Rearm(guard) => {
                book.guards.rearm(*guard);
            }
            Entry::Specs(contracts) => book.contracts = contracts.clone(),
            Entry::Mark(t) => {
                check_bar(panel, *t)?;
                book.mark_to(panel.row(panel.close, *t))?;
            }
            Entry::Close(t, verdict) => {
                let row = features.row(*t)?;
                let bar = prices(panel, *t, &row)?;
                book.close(&bar, &row, verdict, params, &mut found)?;
            }
        }
    }
    found.lots = book.lots();
    found.cash_usdt = book.cash_usdt;
    found.equity_usdt = book.equity_usdt()?;
    found.unit_value_peak = book.peak;
    Ok(found)
}

/// Features of rising bars, a block at a time.
struct Features<'a> {
    panel: &'a Panel<'a>,
    scratch: Scratch,
    blocks: Box<dyn Iterator<Item = std::ops::Range<usize>> + 'a>,
    rows: std::ops::Range<usize>,
}

impl<'a> Features<'a> {
    fn new(panel: &'a Panel<'a>, params: &Params) -> Result<Self> {
        Ok(Self {
            panel,
            scratch: Scratch::new(params, panel.cols)?,
            blocks: Box::new(blocks(panel.first_bar, 0..panel.rows)),
            rows: 0..0,
        })
    }

    fn row(&mut self, t: usize) -> Result<FeatureRow<'_>> {
        check_bar(self.panel, t)?;
        if t < self.rows.start {
            let what = format!("goes back to bar {t}, bar {} has passed", self.rows.start);
            return Err(KernelError::Argument { name: "tape", what });
        }
        while t >= self.rows.end {
            let Some(rows) = self.blocks.next() else { break };
            features_block(self.panel, rows.clone(), &mut self.scratch)?;
            self.rows = rows;
        }
        Ok(self.scratch.row(self.panel.first_bar + t as i64))
    }
}

fn check_bar(panel: &Panel<'_>, t: usize) -> Result<()> {
    if t < panel.rows {
        return Ok(());
    }
    let what = format!("speaks of bar {t}, the panel has {}", panel.rows);
    Err(KernelError::Argument { name: "tape", what })
}

fn prices<'a>(panel: &Panel<'a>, t: usize, row: &FeatureRow<'a>) -> Result<BarRow<'a>> {
    check_bar(panel, t)?;
    Ok(bar_row(panel, t, panel.close_ms(t), row))
}

impl Decision {
    fn of(close_ms: i64, targets: &Targets) -> Self {
        Self { close_ms, weight_frac: targets.weight_frac.clone(), reason: targets.reason.clone() }
    }
}
