//! Digits against the standard library's, and against what C writes.

use proptest::prelude::*;

use super::{Column, civil, push_any, push_number, rows};

fn number(value: f64) -> String {
    let mut text = Vec::new();
    push_number(&mut text, value);
    String::from_utf8(text).unwrap_or_default()
}

fn by_library(value: f64) -> String {
    let mut text = Vec::from(if value.is_sign_negative() { "-" } else { "" });
    push_any(&mut text, value.abs());
    String::from_utf8(text).unwrap_or_default()
}

#[test]
fn numbers_are_written_as_c_writes_them() {
    // printf '%.14g' of each.
    let told = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1.0 / 3.0, "0.33333333333333"),
        (1e-4, "0.0001"),
        (9.999_999_999_999_9e-5, "9.9999999999999e-05"),
        (9.999_999_999_999_999e-5, "0.0001"),
        (123_456_789.123_456_78, "123456789.12346"),
        (99_999_999_999_999.4, "99999999999999"),
        (99_999_999_999_999.5, "1e+14"),
        (1e14, "1e+14"),
        (9_999_999_999_999.95, "9999999999999.9"),
        (0.000_123_456_789_012_345, "0.00012345678901234"),
        (1e300, "1e+300"),
        (-1e-300, "-1e-300"),
        (5e-324, "4.9406564584125e-324"),
        (2_500_000_000_000.25, "2500000000000.2"),
        (10_000.0, "10000"),
        (f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ];
    for (value, text) in told {
        assert_eq!(number(value), text, "{value:e}");
    }
}

#[test]
fn halves_go_to_the_even_digit() {
    // Quarters below 2^51 are exact, and have a digit more than fits.
    for whole in [1_000_000_000_000_u64, 1_234_567_890_123, 2_251_799_813_685_247] {
        for part in [0.25, 0.5, 0.75] {
            let value = whole as f64 + part;
            assert_eq!(number(value), by_library(value), "{value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whole_arithmetic_gives_the_digits_of_the_library(bits in any::<u64>(), exponent in -20_i32..60) {
        let fraction = bits & ((1 << 52) - 1);
        let value = f64::from_bits(fraction | (u64::try_from(1023 + exponent).unwrap_or(1) << 52));
        prop_assert_eq!(number(value), by_library(value));
    }

    #[test]
    fn short_decimals_too(units in -10_000_000_000_i64..10_000_000_000, places in 0_u32..9) {
        let value = units as f64 / 10_u64.pow(places) as f64;
        prop_assume!(value != 0.0);
        prop_assert_eq!(number(value), by_library(value));
    }

    #[test]
    fn days_follow_one_another(days in -719_000_i64..2_900_000) {
        let (year, month, day) = civil(days);
        let next = civil(days + 1);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let long = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let last = long[usize::try_from(month - 1).unwrap_or(0)];
        let expected = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            _ if day == last => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
        prop_assert_eq!(next, expected);
    }
}

#[test]
fn a_table_has_its_cells_in_rows() {
    let texts = vec!["BTCUSDT", "a,\"b\"\n"];
    let columns = [
        Column::Stamps(&[0, 1_709_164_799_999]),
        Column::Texts(texts),
        Column::Numbers(&[1.25, f64::NAN]),
    ];
    let expected =
        "1970-01-01T00:00:00.000Z,BTCUSDT,1.25\n2024-02-28T23:59:59.999Z,\"a,\"\"b\"\"\n\",nan\n";
    assert_eq!(rows(&columns).as_deref(), Ok(expected.as_bytes()));
    assert_eq!(rows(&[]).as_deref(), Ok(&b""[..]));
}

#[test]
fn what_is_no_table_is_refused() {
    let uneven = [Column::Numbers(&[1.0]), Column::Numbers(&[])];
    assert!(rows(&uneven).is_err_and(|error| error.to_string().contains("cells")));
    for stamp in [i64::MIN, i64::MAX, 253_402_300_800_000] {
        let late = [Column::Stamps(&[stamp])];
        assert!(rows(&late).is_err_and(|error| error.to_string().contains("four digits")));
    }
}
