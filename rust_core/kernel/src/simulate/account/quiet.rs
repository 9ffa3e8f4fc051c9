//! Which positions a bar may touch: all names compared at once, so that the stops of the others are left
//! alone.

use super::Account;
use crate::book::Position;
use crate::lanes::{bits_where_two, dispatch};
use crate::params::Params;
use crate::simulate::names::NameSet;
use crate::stops::quiet_range;
use crate::universe::padded;

/// Prices between which nothing happens to a position; NaN where there is none.
#[derive(Debug)]
pub(in crate::simulate) struct Quiet {
    below: Vec<f64>,
    above: Vec<f64>,
    /// Names of which a rung has been taken.
    pub(in crate::simulate) on_ladder: NameSet,
    has_ladder: bool,
}

impl Quiet {
    pub(super) fn new(cols: usize, params: &Params) -> Self {
        let room = padded(cols);
        Self {
            below: vec![f64::NAN; room],
            above: vec![f64::NAN; room],
            on_ladder: NameSet::new(cols),
            has_ladder: !params.ladder.is_empty(),
        }
    }

    /// A position has changed.
    #[inline(always)]
    pub(in crate::simulate) fn note(&mut self, i: usize, position: &Position, params: &Params) {
        [self.below[i], self.above[i]] = quiet_range(position, params);
        if self.has_ladder {
            self.on_ladder.put(i, position.lots != 0 && position.rungs_hit > 0);
        }
    }
}

impl Account<'_> {
    /// Find the names whose bar reaches a stop or a rung; whether there is any.
    pub(in crate::simulate) fn find_touched(&mut self, high: &[f64], low: &[f64]) -> bool {
        let (quiet, touched) = (&self.quiet, &mut self.touched);
        dispatch(
            #[inline(always)]
            || {
                let mut any = 0;
                for (at, word) in touched.words_mut().iter_mut().enumerate() {
                    let part = at * 64..high.len().min(at * 64 + 64);
                    let (below, above) = (&quiet.below[part.clone()], &quiet.above[part.clone()]);
                    *word = bits_where_two(
                        &low[part.clone()],
                        below,
                        #[inline(always)]
                        |a, b| a <= b,
                    ) | bits_where_two(
                        &high[part],
                        above,
                        #[inline(always)]
                        |a, b| a >= b,
                    );
                    any |= *word;
                }
                any != 0
            },
        )
    }
}
