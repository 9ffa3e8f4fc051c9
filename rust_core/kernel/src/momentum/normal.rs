//! Inverse of the standard normal distribution.
//!
//! Wichura (1988), Algorithm AS 241, Applied Statistics 37(3), routine PPND16: rational
//! approximations on a central part and two tails, relative error about 1e-16.

const CENTRAL: ([f64; 8], [f64; 8]) = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ],
);

const MIDDLE: ([f64; 8], [f64; 8]) = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

const FAR: ([f64; 8], [f64; 8]) = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

fn ratio((above, below): &([f64; 8], [f64; 8]), r: f64) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, coefficient| sum * r + coefficient);
    horner(above) / horner(below)
}

/// The value below which a standard normal variable falls with probability `p` (0 < p < 1).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&CENTRAL, 0.180_625 - q * q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-libm::log(tail)).sqrt();
    let size = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    size.copysign(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles to 17 digits from tables made with mpmath (`sqrt(2)·erfinv(2p − 1)`, 40 digits).
    #[test]
    fn it_reproduces_published_quantiles() {
        for (p, want) in TABLE {
            let got = normal_quantile(*p);
            assert!((got - want).abs() <= 1e-14 * want.abs().max(1.0), "{p}: {got} {want}");
        }
    }

    #[test]
    fn it_is_odd_and_rises() {
        let mut last = f64::NEG_INFINITY;
        for k in 1..2_000 {
            let p = f64::from(k) / 2_000.0;
            let z = normal_quantile(p);
            assert!(z > last, "falls at {p}");
            assert!((z + normal_quantile(1.0 - p)).abs() < 1e-13 * z.abs().max(1.0));
            last = z;
        }
        assert_eq!(normal_quantile(0.5), 0.0);
    }

    /// The distribution function, by libm's complementary error function, undoes it.
    #[test]
    fn the_distribution_function_undoes_it() {
        for k in 1..1_000 {
            let p = f64::from(k) / 1_000.0;
            let back = 0.5 * libm::erfc(-normal_quantile(p) / std::f64::consts::SQRT_2);
            assert!((back - p).abs() < 1e-15 + 1e-14 * p, "{p} {back}");
        }
    }

    // Digits as the table prints them, to be compared at sight.
    #[allow(clippy::unreadable_literal)]
    const TABLE: &[(f64, f64)] = &[
        (1e-20, -9.262_340_089_798_407),
        (1e-10, -6.361_340_902_404_057),
        (1e-05, -4.264_890_793_922_825),
        (0.001, -3.090_232_306_167_813_6),
        (0.005, -2.575_829_303_548_901),
        (0.075, -1.439_531_470_938_456),
        (0.0750001, -1.4395307645017297),
        (0.1, -1.2815515655446004),
        (0.25, -0.6744897501960817),
        (0.4, -0.2533471031357997),
        (0.6, 0.2533471031357997),
        (0.75, 0.6744897501960817),
        (0.925, 1.4395314709384561),
        (0.99, 2.3263478740408408),
        (0.995, 2.5758293035489004),
    ];
}
