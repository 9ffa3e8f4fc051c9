//! Stretches in which the same names are present, where several bars pass through a window together: prices
//! that jump and prices that stop must not be told by how many went at a time.

use super::oracle::Oracle;
use super::panels::Arrays;
use super::{HOUR_MS, assert_near, assert_same_row, streamed};
use xsmom_kernel::features::{Scratch, features, features_block};
use xsmom_kernel::lanes;
use xsmom_kernel::params::Params;

/// No hole, and two relistings at ten million times the price: a sum out of which such a return goes is taken afresh.
fn relisted(seed: u64, cols: usize) -> Arrays {
    let mut arrays = Arrays::made_up(seed, 900, cols, HOUR_MS, 0.0);
    for (t, i) in [(430, 0), (677, 4)] {
        if i < cols {
            for at in (t * cols + i..arrays.close.len()).step_by(cols) {
                arrays.close[at] *= 1e7;
            }
        }
    }
    arrays
}

fn of_windows(vol_bars: u32) -> Params {
    Params { catastrophic_atr_x: 0.0, vol_bars, ..Params::default() }
}

#[test]
fn what_a_relisting_leaves_behind_is_taken_afresh() {
    for (cols, vol_bars) in [(1, 30), (1, 96), (5, 7), (5, 96), (6, 64), (9, 150)] {
        let (arrays, params) = (relisted(3, cols), of_windows(vol_bars));
        let want = Oracle::new(&arrays, &params).sigma();
        let got = features(&arrays.panel(), &params).unwrap().sigma;
        assert_near(&format!("sigma over {vol_bars} of {cols}"), &got, &want, 1e-9);
        let baseline = lanes::at_baseline(|| features(&arrays.panel(), &params).unwrap().sigma);
        assert!(super::all_same(&got, &baseline), "{cols} names over {vol_bars}: levels differ");
    }
}

#[test]
fn one_bar_at_a_time_gives_the_bits_of_several() {
    for (seed, cols) in [(5, 1), (6, 5), (7, 8), (8, 17)] {
        for vol_bars in [2, 30, 96, 150] {
            let (arrays, params) = (relisted(seed, cols), of_windows(vol_bars));
            let rows = streamed(&arrays, &params);
            let panel = arrays.panel();
            let mut scratch = Scratch::new(&params, cols).unwrap();
            for (t, row) in rows.iter().enumerate() {
                features_block(&panel, t..t + 1, &mut scratch).unwrap();
                let one = scratch.row(panel.first_bar + t as i64);
                assert_same_row(&format!("{cols} names over {vol_bars}, bar {t}"), &one, row);
            }
        }
    }
}
