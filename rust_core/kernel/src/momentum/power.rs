//! The amplifier `sign(z)·|z|^p` over many values.
//!
//! `|z|^p = exp(p·ln|z|)`, in two passes: the logarithms of all, then their exponentials. A core
//! keeps more of one straight line in flight than of both, which saves a third; the bits are those
//! of `lanes::pow`.

use crate::lanes;

/// `sign(z)·|z|^power` of every value; NaN stays NaN. `power` is above 0.
#[inline(always)]
pub(crate) fn amplify(z: &[f64], power: f64, out: &mut [f64]) {
    out.copy_from_slice(z);
    if power == 1.0 {
        return;
    }
    for value in out.iter_mut() {
        *value = power * lanes::ln(value.abs());
    }
    for (value, from) in out.iter_mut().zip(z) {
        *value = lanes::exp(*value).copysign(*from);
    }
}

/// `x^power` of every value (`x ≥ 0`); any value to the power of 0 is 1.
#[inline(always)]
pub(crate) fn raise(x: &mut [f64], power: f64) {
    if power == 1.0 {
        return;
    }
    if power == 0.0 {
        x.fill(1.0);
        return;
    }
    for value in x.iter_mut() {
        *value = power * lanes::ln(*value);
    }
    for value in x.iter_mut() {
        *value = lanes::exp(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_give_the_bits_of_pow() {
        let z: Vec<f64> = (-60..60).map(|i| f64::from(i) * 0.07).collect();
        for power in [0.1, 0.5, 1.0, 1.35, 2.0, 5.0] {
            let mut out = vec![0.0; z.len()];
            amplify(&z, power, &mut out);
            let mut size: Vec<f64> = z.iter().map(|value| value.abs()).collect();
            raise(&mut size, power);
            for i in 0..z.len() {
                let want = lanes::pow(z[i].abs(), power);
                assert_eq!(size[i].to_bits(), want.to_bits());
                assert_eq!(out[i].to_bits(), want.copysign(z[i]).to_bits());
            }
        }
    }

    #[test]
    fn edges_are_the_usual_ones() {
        let mut out = [1.0; 3];
        amplify(&[f64::NAN, 0.0, -0.0], 1.35, &mut out);
        assert!(out[0].is_nan());
        assert_eq!(out[1..], [0.0, 0.0]);
        let mut x = [0.0, 7.0];
        raise(&mut x, 0.0);
        assert_eq!(x, [1.0, 1.0]);
    }
}
