//! The names of a plan side by side: what lanes read, and what is to be traded.

use super::{Leg, Name, Plan, PlanInput};
use crate::lanes::{LANES, Row};
use crate::reason::Reason;

/// Lots beyond it are left to the long way.
pub(crate) const LOTS_MANY: i64 = 1 << 50;

/// One place for each name that the plan concerns, padded to whole lanes. Lots are whole numbers that
/// a double holds exactly.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rows {
    /// Price at which the lots are counted; 1 where nothing can be traded.
    pub(crate) price: Row,
    /// Units of base in one lot.
    pub(crate) step: Row,
    pub(super) weight: Row,
    /// Lots held.
    pub(crate) held: Row,
    /// Lots that bring the position nearer to 0, and lots that open or increase it.
    pub(crate) less: Row,
    pub(crate) more: Row,
}

impl Rows {
    pub(super) fn fit(&mut self, symbols: usize) {
        let room = symbols.next_multiple_of(LANES);
        for row in [
            &mut self.price,
            &mut self.step,
            &mut self.weight,
            &mut self.held,
            &mut self.less,
            &mut self.more,
        ] {
            row.fit(room);
        }
    }

    /// A name more than is there: worth nothing, wanted by nobody.
    #[inline(always)]
    fn pad(&mut self, count: usize) {
        for at in count..count.next_multiple_of(LANES) {
            (self.price[at], self.step[at]) = (1.0, 1.0);
            (self.weight[at], self.held[at]) = (0.0, 0.0);
            (self.less[at], self.more[at]) = (0.0, 0.0);
        }
    }

    /// Write the names side by side; false where one is not ordinary. A caller who knows that the plan
    /// is `calm` ([`super::plan_named`]) is not asked about each.
    #[inline(always)]
    pub(super) fn gather(&mut self, input: &PlanInput, named: &[u32], calm: bool) -> bool {
        let (count, n) = (named.len(), input.lots.len());
        let weights = &input.targets.weight_frac[..n];
        let (price, step) = (&mut self.price[..count], &mut self.step[..count]);
        let (weight, held) = (&mut self.weight[..count], &mut self.held[..count]);
        let mut many = 0;
        for at in 0..count {
            let i = named[at] as usize;
            let lots = input.lots[i];
            price[at] = input.price[i];
            step[at] = input.contracts.qty_step[i];
            weight[at] = weights[i];
            held[at] = lots as f64;
            many |= lots.wrapping_add(LOTS_MANY) as u64;
        }
        self.pad(count);
        many < 2 * LOTS_MANY as u64 && (calm || !named.iter().any(|name| is_odd(input, *name)))
    }

    /// Write what the long way found.
    pub(super) fn take(&mut self, input: &PlanInput, names: &[Name]) {
        self.fit(input.lots.len());
        for (at, name) in names.iter().enumerate() {
            let i = name.symbol as usize;
            let price = input.price[i];
            self.price[at] = if price.is_nan() { 1.0 } else { price };
            self.step[at] = input.contracts.qty_step[i];
            let (held, goal) = (name.held, name.goal);
            let same_side = i64::from((goal ^ held) >= 0);
            let side = 1 | (held >> 63);
            let kept = same_side * side * goal.abs().min(held.abs());
            self.held[at] = held as f64;
            self.less[at] = (kept - held) as f64;
            self.more[at] = (goal - kept) as f64;
        }
        self.pad(names.len());
    }
}

/// Does the name ask for more than lots out of a weight?
#[inline(always)]
fn is_odd(input: &PlanInput, name: u32) -> bool {
    let i = name as usize;
    matches!(input.targets.reason[i], Reason::Stale | Reason::OperatorHold)
        || input.closing[i]
        || input.contracts.notional_usdt_min[i] != 0.0
}

impl Plan {
    /// The orders out of the rows, reduce-only ones first. Whether a name has one, two or none is a coin
    /// that nobody predicts, so each is written always and counted where meant.
    pub(crate) fn write_legs(&mut self, named: &[u32]) {
        let Self { rows, legs, .. } = self;
        let blank = Leg { symbol: 0, lots: 0, reduce_only: true };
        legs.clear();
        legs.resize(2 * named.len(), blank);
        let mut count = 0;
        for (lots, reduce_only) in [(&rows.less, true), (&rows.more, false)] {
            for (symbol, lots) in named.iter().zip(&**lots) {
                legs[count] = Leg { symbol: *symbol as usize, lots: *lots as i64, reduce_only };
                count += usize::from(*lots != 0.0);
            }
        }
        legs.truncate(count);
    }
}
