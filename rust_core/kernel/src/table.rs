//! Rows of a table as text, separated by commas: what a run writes for every bar and round trip.
//!
//! A number has fourteen significant digits, as C's `%.14g` writes it. With `x = m·2^e` (`m` whole, below 2^53) and
//! `k` the places after the point that fourteen digits leave, `m·5^k·2^(e + k)` is the number of units in
//! the last place: whole arithmetic in 128 bits, rounded once, to even where two are as near. Beyond the range in which
//! that fits, the standard library's exact digits are taken.

use std::fmt::Write;

use crate::error::{KernelError, Result};

/// One column; all columns of a table have the same length.
#[derive(Debug, Clone)]
pub enum Column<'a> {
    /// Numbers with fourteen digits.
    Numbers(&'a [f64]),
    /// Instants in UTC milliseconds, as ISO 8601.
    Stamps(&'a [i64]),
    /// Text, quoted where it must be.
    Texts(Vec<&'a str>),
}

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Stamps(stamps) => stamps.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

const DIGITS: i32 = 14;
const DAY_MS: i64 = 86_400_000;
/// Whole numbers from here on have fifteen digits.
const TOO_LONG: u128 = 100_000_000_000_000;
const LONG_ENOUGH: u128 = TOO_LONG / 10;
/// The year 0 and the year 10,000: outside, a year has no four digits.
const STAMP_MIN: i64 = -62_167_219_200_000;
const STAMP_MAX: i64 = 253_402_300_800_000;
const CELL_BYTES: usize = 18;

/// Every row, each ended by a line feed.
pub fn rows(columns: &[Column<'_>]) -> Result<String> {
    let count = columns.first().map_or(0, Column::len);
    if let Some(other) = columns.iter().find(|column| column.len() != count) {
        let (found, expected) = (format!("{} cells", other.len()), format!("{count} cells"));
        return Err(KernelError::Shape { field: "columns", found, expected });
    }
    for column in columns {
        check_stamps(column)?;
    }
    let mut text = String::with_capacity(CELL_BYTES * count * columns.len());
    for row in 0..count {
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            match column {
                Column::Numbers(numbers) => push_number(&mut text, numbers[row]),
                Column::Stamps(stamps) => push_stamp(&mut text, stamps[row]),
                Column::Texts(texts) => push_text(&mut text, texts[row]),
            }
        }
        text.push('\n');
    }
    Ok(text)
}

fn check_stamps(column: &Column<'_>) -> Result<()> {
    let Column::Stamps(stamps) = column else { return Ok(()) };
    match stamps.iter().find(|stamp| !(STAMP_MIN..STAMP_MAX).contains(*stamp)) {
        None => Ok(()),
        Some(stamp) => {
            let what = format!("holds {stamp} ms, which is in no year of four digits");
            Err(KernelError::Argument { name: "columns", what })
        }
    }
}

fn push_text(text: &mut String, cell: &str) {
    if !cell.contains([',', '"', '\r', '\n']) {
        text.push_str(cell);
        return;
    }
    text.push('"');
    for part in cell.chars() {
        if part == '"' {
            text.push('"');
        }
        text.push(part);
    }
    text.push('"');
}

/// `2024-01-31T23:00:00.000Z`.
fn push_stamp(text: &mut String, stamp: i64) {
    let (days, rest) = (stamp.div_euclid(DAY_MS), stamp.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    for (number, width, end) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (rest / 3_600_000, 2, ':'),
        (rest / 60_000 % 60, 2, ':'),
        (rest / 1_000 % 60, 2, '.'),
        (rest % 1_000, 3, 'Z'),
    ] {
        push_padded(text, number, width);
        text.push(end);
    }
}

fn push_padded(text: &mut String, number: i64, width: u32) {
    for place in (0..width).rev() {
        text.push(digit(number.unsigned_abs() / 10_u64.pow(place) % 10));
    }
}

fn digit(value: u64) -> char {
    char::from(b'0' + u8::try_from(value % 10).unwrap_or(0))
}

/// Year, month and day of the Gregorian calendar, from days since 1970. Years are counted from March, so that the leap day
/// ends one; an era is 400 of them, 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn push_number(text: &mut String, number: f64) {
    if number.is_nan() {
        text.push_str("nan");
        return;
    }
    if number.is_sign_negative() {
        text.push('-');
    }
    let size = number.abs();
    if size.is_infinite() {
        text.push_str("inf");
    } else if size == 0.0 {
        text.push('0');
    } else if let Some((units, places)) = plain_units(size) {
        push_plain(text, units, places);
    } else {
        push_any(text, size);
    }
}

/// Fourteen digits as a whole number, and how many of them stand behind the point; where neither needs an exponent.
fn plain_units(size: f64) -> Option<(u128, i32)> {
    if !(1e-4..9e13).contains(&size) {
        return None;
    }
    // A guess, one too low or too high at most; the digits themselves tell.
    let bits = size.to_bits();
    let binary = i32::try_from(bits >> 52).ok()? - 1023;
    let mut places = DIGITS - 1 - (binary * 30_103).div_euclid(100_000);
    loop {
        let units = scaled(bits, binary, places)?;
        if units >= TOO_LONG {
            places -= 1;
        } else if units < LONG_ENOUGH {
            places += 1;
        } else {
            return Some((units, places));
        }
    }
}

/// `size·10^places`, rounded to the nearest whole number, and to the even one of two that are as near.
fn scaled(bits: u64, binary: i32, places: i32) -> Option<u128> {
    let whole = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let product = whole * 5_u128.pow(u32::try_from(places).ok()?);
    let shift = 52 - binary - places;
    if shift <= 0 {
        return Some(product << u32::try_from(-shift).ok()?);
    }
    let shift = u32::try_from(shift).ok()?;
    let (kept, lost) = (product >> shift, product & ((1 << shift) - 1));
    let half = 1_u128 << (shift - 1);
    Some(kept + u128::from(lost > half || (lost == half && kept & 1 == 1)))
}

/// Write a number of units without the zeros at its end.
fn push_plain(text: &mut String, units: u128, places: i32) {
    let mut rest = u64::try_from(units).unwrap_or(0);
    let mut digits = [b'0'; DIGITS as usize];
    for place in digits.iter_mut().rev() {
        *place += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    let point = DIGITS - places;
    push_digits(text, &digits, point);
}

/// Digits with the point behind the first `point` of them.
fn push_digits(text: &mut String, digits: &[u8], point: i32) {
    let last = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    let before = usize::try_from(point).unwrap_or(0).min(digits.len());
    if before == 0 {
        text.push_str("0.");
        (point..0).for_each(|_| text.push('0'));
    }
    for (place, digit) in digits.iter().enumerate().take(last.max(before)) {
        if place == before && before > 0 {
            text.push('.');
        }
        text.push(char::from(*digit));
    }
}

/// The same for every number, by the standard library's digits.
fn push_any(text: &mut String, size: f64) {
    let mut scientific = String::with_capacity(24);
    let _ = write!(scientific, "{size:.13e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    if (-4..DIGITS).contains(&exponent) {
        push_digits(text, &digits, exponent + 1);
        return;
    }
    push_digits(text, &digits, 1);
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
}

#[cfg(test)]
mod tests;
