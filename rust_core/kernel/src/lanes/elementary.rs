//! `ln`, `exp` and `pow` without a branch, a table, a fused multiply-add or the platform's libm.
//!
//! Being straight-line arithmetic they vectorise across lanes, and give the same bits scalar or
//! vectorised, on every CPU. The polynomials interpolate at Chebyshev nodes over the reduced range
//! (coefficients computed with 200 bits, rounded to nearest).

const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
/// Bits of `sqrt(1/2)`, cut to the upper half: mantissas are reduced to `sqrt(1/2) .. sqrt(2)`.
const SQRT_HALF: u64 = 0x3fe6_a09e_0000_0000;
const ONE: u64 = 0x3ff0_0000_0000_0000;
/// `ln 2` in two parts; the first has 32 bits, so that it times an exponent is exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding `1.5·2^52` leaves the nearest whole number in the low bits of a double.
const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;
const TWO_54: f64 = 18_014_398_509_481_984.0;

/// Natural logarithm, within 1 ulp of the true value: −∞ at 0, NaN below.
///
/// `x = 2^k·m` with `m` in `sqrt(1/2) .. sqrt(2)`, `f = m − 1`, `s = f/(2 + f)`, `w = s²`:
/// `ln m = 2·atanh s = f − s·(f − w·g(w))`, `g` the series of `2·atanh` after its first term.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * TWO_54 } else { x };
    let shift = if tiny { 54.0 } else { 0.0 };
    let moved = scaled.to_bits().wrapping_add(ONE - SQRT_HALF);
    // The exponent as a double without an integer conversion, which AVX2 does not have.
    let k = f64::from_bits((moved >> 52) | TWO_52.to_bits()) - (TWO_52 + 1_023.0) - shift;
    let f = f64::from_bits((moved & MANTISSA) + SQRT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let w = s * s;
    let w2 = w * w;
    let even = 0.666_666_666_666_667
        + w2 * (0.285_714_286_265_336_2
            + w2 * (0.181_828_957_501_191_93 + w2 * 0.146_191_661_348_879_7));
    let odd =
        0.399_999_999_998_982_7 + w2 * (0.222_222_110_437_768_57 + w2 * 0.153_315_016_111_453_3);
    let g = even + w * odd;
    let value = k * LN2_HIGH - ((s * (f - w * g) - k * LN2_LOW) - f);
    let value = if x <= f64::MAX { value } else { x };
    let value = if x > 0.0 { value } else { f64::NAN };
    if x == 0.0 { f64::NEG_INFINITY } else { value }
}

/// Exponential, within 1 ulp where the result is normal: `e^x = 2^k·e^r`, `|r| ≤ ln 2 / 2`,
/// `e^r = 1 + r + r²·q(r)`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Beyond these bounds the result is 0 or ∞ anyway; NaN passes through both.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + TO_WHOLE;
    let k = shifted - TO_WHOLE;
    let high = x - k * LN2_HIGH;
    let low = k * LN2_LOW;
    let r = high - low;
    let r2 = r * r;
    let r4 = r2 * r2;
    let q0 = 0.5 + r * 0.166_666_666_666_666_7;
    let q1 = 0.041_666_666_666_666_67 + r * 0.008_333_333_333_326_084;
    let q2 = 0.001_388_888_888_888_371_1 + r * 0.000_198_412_698_750_022_8;
    let q3 = 2.480_158_732_567_746e-5 + r * 2.755_725_517_000_089e-6;
    let q4 =
        2.755_727_347_871_858e-7 + r * (2.510_531_272_962_210_3e-8 + r * 2.091_475_532_589_32e-9);
    let q = (q0 + r2 * q1) + r4 * ((q2 + r2 * q3) + r4 * q4);
    // What the subtraction of `low` rounded off goes back in with the small terms.
    let rest = (high - r) - low;
    let value = 1.0 + (r + (r2 * q + rest));
    // 2^k in two halves: either alone is a normal number, together they reach 0 and infinity.
    let whole = shifted.to_bits().wrapping_sub(TO_WHOLE.to_bits()).wrapping_add(2_048);
    let first = (whole >> 1) & 0x7ff;
    let second = whole.wrapping_sub(first) & 0x7ff;
    value
        * f64::from_bits(first.wrapping_sub(1) << 52)
        * f64::from_bits(second.wrapping_sub(1) << 52)
}

/// `x^power` for `x ≥ 0` as `exp(power·ln x)`: within `2 + 2·|power·ln x|` ulp. Powers 0 and 1
/// are exact; a negative `x` gives NaN.
#[inline(always)]
pub fn pow(x: f64, power: f64) -> f64 {
    let value = exp(power * ln(x));
    let value = if power == 1.0 { x } else { value };
    if power == 0.0 { 1.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(got: f64, want: f64) -> f64 {
        if got == want || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        (got - want).abs() / (f64::from_bits(want.abs().to_bits() + 1) - want.abs())
    }

    /// Doubles spread over bit patterns: every exponent comes up.
    fn patterns(count: u64) -> impl Iterator<Item = f64> {
        (0..count).map(|i| {
            let bits = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i << 7)) & 0x7fff_ffff_ffff_ffff;
            f64::from_bits(bits)
        })
    }

    #[test]
    fn ln_is_within_two_ulp_of_libm_everywhere() {
        let near_one = (0..200_000).map(|i| 0.5 + f64::from(i) * 7.5e-6);
        let worst = patterns(400_000)
            .chain(near_one)
            .filter(|x| x.is_finite())
            .map(|x| ulps(ln(x), libm::log(x)))
            .fold(0.0, f64::max);
        assert!(worst <= 2.0, "worst error {worst} ulp");
    }

    #[test]
    fn exp_is_within_two_ulp_of_libm_where_the_result_is_normal() {
        let worst = (0..600_000)
            .map(|i| -708.0 + f64::from(i) * (1_417.0 / 600_000.0))
            .chain((0..100_000).map(|i| -1.0 + f64::from(i) * 2e-5))
            .chain(patterns(100_000).filter(|x| *x < 1.0))
            .map(|x| ulps(exp(x), libm::exp(x)))
            .fold(0.0, f64::max);
        assert!(worst <= 2.0, "worst error {worst} ulp");
    }

    #[test]
    fn pow_is_as_close_as_it_says() {
        for power in [0.5, 1.35, 2.0, -0.75, 5.0] {
            for i in 1..40_000 {
                let x = f64::from(i) * 2.5e-4;
                let bound = 2.0 + 2.0 * (power * libm::log(x)).abs();
                assert!(ulps(pow(x, power), libm::pow(x, power)) <= bound, "{x} ^ {power}");
            }
        }
    }

    #[test]
    fn edges_are_the_usual_ones() {
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(ln(-0.0), f64::NEG_INFINITY);
        assert_eq!(ln(f64::INFINITY), f64::INFINITY);
        assert_eq!(ln(1.0).to_bits(), 0.0_f64.to_bits());
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan() && ln(f64::NEG_INFINITY).is_nan());
        for x in [5e-324, 1e-310, 2.2e-308] {
            assert!(ulps(ln(x), libm::log(x)) <= 2.0);
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(709.8), f64::INFINITY);
        assert_eq!(exp(-746.0), 0.0);
        assert!(exp(f64::NAN).is_nan());
        for x in [-708.5, -720.0, -740.0, -745.0, 709.7] {
            let (got, want) = (exp(x), libm::exp(x));
            assert!((got - want).abs() <= 5e-324 || ulps(got, want) <= 2.0, "{x}: {got} {want}");
        }
        assert_eq!(pow(0.0, 1.35), 0.0);
        assert_eq!(pow(0.0, -1.0), f64::INFINITY);
        assert_eq!(pow(0.0, 0.0), 1.0);
        assert_eq!(pow(1.0, 123.4), 1.0);
        assert_eq!(pow(f64::INFINITY, 2.0), f64::INFINITY);
        assert!(pow(f64::NAN, 2.0).is_nan() && pow(-1.0, 2.0).is_nan());
        assert_eq!(pow(3.3, 1.0), 3.3);
    }
}
