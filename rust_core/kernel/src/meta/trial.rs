//! Does the model beat the base rate? Log-loss of both, before each label was known, in blocks.

use std::collections::VecDeque;

use crate::lanes;

/// Newest blocks that are tested.
pub const BLOCKS_MAX: usize = 64;
/// Fewest blocks from which anything is said.
pub const BLOCKS_MIN: usize = 10;
/// Statistic from which a model is promoted.
const PROMOTE_T: f64 = 2.5;
/// Calibration error beyond luck up to which a model is promoted.
const PROMOTE_EXCESS: f64 = 0.05;
/// Calibration error beyond luck above which a model is demoted.
const DEMOTE_EXCESS: f64 = 0.10;
/// Distance that probabilities keep from 0 and 1.
const EDGE: f64 = 1e-12;

/// Gains over the base rate, and what they say.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Number of the block in progress.
    pub block: Option<i64>,
    /// Sum of the gains in it.
    pub gain_sum: f64,
    /// Labels in it.
    pub gain_count: u32,
    /// Mean gain of each past block, oldest first.
    pub gains: VecDeque<f64>,
    /// Statistic at the last block's end.
    pub statistic: f64,
    /// Calibration error beyond luck at the last block's end.
    pub calibration_excess: f64,
    /// The model may change sizes.
    pub promoted: bool,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            block: None,
            gain_sum: 0.0,
            gain_count: 0,
            gains: VecDeque::with_capacity(BLOCKS_MAX),
            statistic: 0.0,
            calibration_excess: 0.0,
            promoted: false,
        }
    }
}

impl Trial {
    /// Move to a block; whether another one has just ended with it.
    pub fn enter_block(&mut self, block: i64) -> bool {
        let ended = self.block.is_some_and(|known| known != block);
        self.block = Some(block);
        if ended && self.gain_count > 0 {
            if self.gains.len() == BLOCKS_MAX {
                self.gains.pop_front();
            }
            self.gains.push_back(self.gain_sum / f64::from(self.gain_count));
            (self.gain_sum, self.gain_count) = (0.0, 0);
        }
        ended
    }

    /// A label has come for an entry with these chances.
    pub fn score(&mut self, chance: f64, base_rate: f64, paid: bool) {
        let loss = |chance: f64| {
            let right = if paid { chance } else { 1.0 - chance };
            -lanes::ln(right.clamp(EDGE, 1.0 - EDGE))
        };
        self.gain_sum += loss(base_rate) - loss(chance);
        self.gain_count += 1;
    }

    /// Promote or demote at a block's end.
    pub fn judge(&mut self, calibration_excess: f64, enough_labels: bool) {
        self.statistic = diebold_mariano(&self.gains);
        self.calibration_excess = calibration_excess;
        self.promoted = if self.promoted {
            self.statistic >= 0.0 && calibration_excess <= DEMOTE_EXCESS
        } else {
            enough_labels && self.statistic >= PROMOTE_T && calibration_excess <= PROMOTE_EXCESS
        };
    }
}

/// Mean gain over its standard error with a Bartlett window of lag 1; 0 when too little is known.
pub fn diebold_mariano(gains: &VecDeque<f64>) -> f64 {
    let count = gains.len() as f64;
    if gains.len() < BLOCKS_MIN {
        return 0.0;
    }
    let mean = gains.iter().sum::<f64>() / count;
    let own: f64 = gains.iter().map(|gain| (gain - mean) * (gain - mean)).sum();
    let pairs = gains.iter().zip(gains.iter().skip(1));
    let neighbours: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    let variance = (own + neighbours) / count;
    if variance > 0.0 { mean / (variance / count).sqrt() } else { 0.0 }
}
