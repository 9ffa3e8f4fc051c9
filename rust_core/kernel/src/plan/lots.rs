//! Counting lots without rounding up.

/// Most lots in a position: beyond it a lot is no longer a whole `f64`.
pub const LOTS_MAX: i64 = 1 << 53;

/// Smallest order in lots that is worth `notional_usdt_min` at `unit_usdt` a lot; at least 1.
#[inline]
pub fn lots_least(notional_usdt_min: f64, unit_usdt: f64) -> i64 {
    if notional_usdt_min == 0.0 && unit_usdt > 0.0 {
        return 1;
    }
    let lots = (notional_usdt_min / unit_usdt).ceil().clamp(1.0, LOTS_MAX as f64);
    // The division may have rounded down onto a whole number.
    let short = lots * unit_usdt < notional_usdt_min;
    lots as i64 + i64::from(short)
}

/// `trunc(weight·equity / (price·step))` of the exact quotient; 0 when equity is not above 0, at
/// most [`LOTS_MAX`]. `price` and `step` are above 0.
#[inline]
pub fn target_lots(weight: f64, equity_usdt: f64, price: f64, step: f64) -> i64 {
    if weight == 0.0 || weight.is_nan() || equity_usdt.is_nan() || equity_usdt <= 0.0 {
        return 0;
    }
    let sign = 1 - 2 * i64::from(weight < 0.0);
    let rough = (weight.abs() * equity_usdt) / (price * step);
    // Three roundings stay below 1e-15 of the quotient; further than that from a whole number the
    // quick answer is the exact one.
    // The cast cuts like `trunc`; a quotient that it cannot hold is too large to be quick anyhow.
    let (whole, margin) = ((rough as i64) as f64, rough * 1e-15);
    let clear = rough - whole > margin && whole + 1.0 - rough > margin;
    if clear && rough < 1e14 && weight.abs() * equity_usdt > 1e-280 && price * step > 1e-280 {
        return sign * whole as i64;
    }
    sign * exact_lots(weight.abs(), equity_usdt, price, step)
}

#[cold]
#[inline(never)]
fn exact_lots(weight: f64, equity_usdt: f64, price: f64, step: f64) -> i64 {
    quotient(product(weight, equity_usdt), product(price, step))
}

/// `mantissa·2^exponent`, exact.
#[derive(Clone, Copy)]
struct Exact {
    mantissa: u128,
    exponent: i32,
}

fn product(a: f64, b: f64) -> Exact {
    let (a, b) = (parts(a), parts(b));
    Exact { mantissa: a.mantissa * b.mantissa, exponent: a.exponent + b.exponent }
}

fn parts(x: f64) -> Exact {
    const FRACTION_BITS: u32 = 52;
    let bits = x.to_bits();
    let fraction = u128::from(bits & ((1 << FRACTION_BITS) - 1));
    match (bits >> FRACTION_BITS & 0x7ff) as i32 {
        0 => Exact { mantissa: fraction, exponent: -1_074 },
        biased => Exact { mantissa: fraction | 1 << FRACTION_BITS, exponent: biased - 1_075 },
    }
}

/// Whole part of `above/below`, at most [`LOTS_MAX`]. Mantissas have at most 106 bits.
fn quotient(above: Exact, below: Exact) -> i64 {
    let most = LOTS_MAX as u128;
    let shift = above.exponent - below.exponent;
    if shift <= 0 {
        let dropped = above.mantissa.checked_shr(shift.unsigned_abs()).unwrap_or(0);
        return (dropped / below.mantissa).min(most) as i64;
    }
    let mut whole = above.mantissa / below.mantissa;
    let mut rest = above.mantissa % below.mantissa;
    for _ in 0..shift {
        if whole > most {
            break;
        }
        whole <<= 1;
        rest <<= 1;
        if rest >= below.mantissa {
            rest -= below.mantissa;
            whole += 1;
        }
    }
    whole.min(most) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_quotients_are_not_lifted_over_the_target() {
        // 0.1 and 0.3 as floats: 0.3/0.1 is a hair below 3.
        for (weight, equity, price, step, lots) in [
            (0.3, 1.0, 1.0, 0.1, 2),
            (-0.3, 1.0, 1.0, 0.1, -2),
            (0.5, 1_000.0, 100.0, 1.0, 5),
            (0.5, 1_000.0, 100.0, 0.25, 20),
            (1.0, 3.0, 1.0, 1.0, 3),
            (0.999_999_999_999_999_9, 3.0, 1.0, 1.0, 2),
            (1.0, 1e300, 1e-300, 1e-8, LOTS_MAX),
            (1e-300, 1e-20, 1e300, 1e8, 0),
            (5e-324, 1.0, 5e-324, 1.0, 1),
            (5e-324, 1e10, 5e-324, 1.0, 10_000_000_000),
            (0.2, 0.0, 1.0, 1.0, 0),
            (0.2, -5.0, 1.0, 1.0, 0),
            (f64::NAN, 5.0, 1.0, 1.0, 0),
            (0.0, 5.0, 1.0, 1.0, 0),
        ] {
            assert_eq!(
                target_lots(weight, equity, price, step),
                lots,
                "{weight} {equity} {price} {step}"
            );
        }
    }

    #[test]
    fn the_smallest_order_is_worth_the_minimum() {
        for (minimum, unit, lots) in [
            (5.0, 1.0, 5),
            (5.0, 0.1, 50),
            (5.0, 0.3, 17),
            (5.0, 100.0, 1),
            (0.0, 1.0, 1),
            (5.0, 5.0, 1),
            (f64::INFINITY, 5.0, LOTS_MAX + 1),
        ] {
            assert_eq!(lots_least(minimum, unit), lots, "{minimum} at {unit}");
        }
    }
}
