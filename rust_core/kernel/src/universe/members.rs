//! The largest names by dollar volume, with hysteresis: easy to stay, harder to join.

use crate::momentum::ranks;
use crate::params::Params;
use crate::reason::Reason;

/// Update membership from the ranks of the names that pass every rule before this one.
#[inline(never)]
pub(super) fn update(
    member: &mut [bool],
    scratch: &mut Ranking,
    dollar_volume_usdt: &[f64],
    params: &Params,
    failure: impl Fn(usize) -> Option<Reason>,
) {
    for i in 0..member.len() {
        scratch.volume_usdt[i] = match failure(i) {
            // An unknown volume ranks behind every known one.
            None if dollar_volume_usdt[i].is_nan() => -1.0,
            None => dollar_volume_usdt[i],
            Some(_) => f64::NAN,
        };
    }
    ranks::descending(&scratch.volume_usdt, &mut scratch.rank);
    let join = f64::from(params.universe_top_n);
    let leave = (params.universe_leave_x * join).floor();
    for i in 0..member.len() {
        let rank = scratch.rank[i];
        member[i] = if rank.is_nan() {
            member[i] && matches!(failure(i), Some(Reason::NoData | Reason::OperatorHold))
        } else {
            rank <= if member[i] { leave } else { join }
        };
    }
}

/// Scratch of [`update`], padded to whole lanes.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    volume_usdt: Vec<f64>,
    rank: Vec<f64>,
}

impl Ranking {
    pub(super) fn new(names: usize) -> Self {
        let room = super::padded(names);
        Self { volume_usdt: vec![f64::NAN; room], rank: vec![f64::NAN; room] }
    }
}
