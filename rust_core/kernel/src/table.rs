//! Rows of a table as text, separated by commas: what a run writes for every bar and round trip.
//!
//! A number has fourteen significant digits, as C's `%.14g` writes it. With `x = m·2^e` (`m` whole, below 2^53) and
//! `k` the places after the point that fourteen digits leave, `m·5^k·2^(e + k)` is the number of units in
//! the last place: whole arithmetic in 128 bits, rounded once, to even where two are as near. Beyond the range in which
//! that fits, the standard library's exact digits are taken.

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
const TOO_LONG: u64 = 100_000_000_000_000;
const LONG_ENOUGH: u64 = TOO_LONG / 10;
/// The year 0 and the year 10,000: outside, a year has no four digits.
const STAMP_MIN: i64 = -62_167_219_200_000;
const STAMP_MAX: i64 = 253_402_300_800_000;
const CELL_BYTES: usize = 18;
const ZEROS: [u8; 20] = [b'0'; 20];
/// Powers of five, as many as 64 bits hold.
const FIVES: [u64; 28] = powers_of_five();

const fn powers_of_five() -> [u64; 28] {
    let mut powers = [1; 28];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = 5 * powers[place - 1];
        place += 1;
    }
    powers
}

/// Every row, each ended by a line feed, in UTF-8.
pub fn rows(columns: &[Column<'_>]) -> Result<Vec<u8>> {
    let count = columns.first().map_or(0, Column::len);
    if let Some(other) = columns.iter().find(|column| column.len() != count) {
        let (found, expected) = (format!("{} cells", other.len()), format!("{count} cells"));
        return Err(KernelError::Shape { field: "columns", found, expected });
    }
    for column in columns {
        check_stamps(column)?;
    }
    let mut text = Vec::with_capacity(CELL_BYTES * count * columns.len());
    for row in 0..count {
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(b',');
            }
            match column {
                Column::Numbers(numbers) => push_number(&mut text, numbers[row]),
                Column::Stamps(stamps) => push_stamp(&mut text, stamps[row]),
                Column::Texts(texts) => push_text(&mut text, texts[row]),
            }
        }
        text.push(b'\n');
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

fn push_text(text: &mut Vec<u8>, cell: &str) {
    if !cell.bytes().any(|part| matches!(part, b',' | b'"' | b'\r' | b'\n')) {
        text.extend_from_slice(cell.as_bytes());
        return;
    }
    text.push(b'"');
    for part in cell.bytes() {
        if part == b'"' {
            text.push(b'"');
        }
        text.push(part);
    }
    text.push(b'"');
}

/// `2024-01-31T23:00:00.000Z`.
fn push_stamp(text: &mut Vec<u8>, stamp: i64) {
    let (days, rest) = (stamp.div_euclid(DAY_MS), stamp.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let mut cell = *b"0000-00-00T00:00:00.000Z";
    put_whole(&mut cell[..4], year);
    put_whole(&mut cell[5..7], month);
    put_whole(&mut cell[8..10], day);
    put_whole(&mut cell[11..13], rest / 3_600_000);
    put_whole(&mut cell[14..16], rest / 60_000 % 60);
    put_whole(&mut cell[17..19], rest / 1_000 % 60);
    put_whole(&mut cell[20..23], rest % 1_000);
    text.extend_from_slice(&cell);
}

/// A whole number's last digits, in the width of `digits`.
fn put_whole(digits: &mut [u8], number: i64) {
    let mut rest = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
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

fn push_number(text: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        text.extend_from_slice(b"nan");
        return;
    }
    if number.is_sign_negative() {
        text.push(b'-');
    }
    let size = number.abs();
    if size.is_infinite() {
        text.extend_from_slice(b"inf");
    } else if size == 0.0 {
        text.push(b'0');
    } else if let Some((units, places)) = plain_units(size) {
        push_digits(text, &fourteen(units), DIGITS - places);
    } else {
        push_any(text, size);
    }
}

/// Fourteen digits as a whole number, and how many of them stand behind the point; where neither needs an exponent.
fn plain_units(size: f64) -> Option<(u64, i32)> {
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
fn scaled(bits: u64, binary: i32, places: i32) -> Option<u64> {
    let whole = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let product = whole * u128::from(*FIVES.get(usize::try_from(places).ok()?)?);
    let shift = 52 - binary - places;
    if shift <= 0 {
        return u64::try_from(product << u32::try_from(-shift).ok()?).ok();
    }
    let shift = u32::try_from(shift).ok()?;
    let (kept, lost) = (product >> shift, product & ((1 << shift) - 1));
    let half = 1_u128 << (shift - 1);
    u64::try_from(kept + u128::from(lost > half || (lost == half && kept & 1 == 1))).ok()
}

/// The digits of a number below `TOO_LONG`, by halves: each is then divided in 32 bits.
fn fourteen(units: u64) -> [u8; DIGITS as usize] {
    let mut digits = [b'0'; DIGITS as usize];
    let (first, second) = digits.split_at_mut(7);
    put_seven(first, (units / 10_000_000) as u32);
    put_seven(second, (units % 10_000_000) as u32);
    digits
}

fn put_seven(digits: &mut [u8], number: u32) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Digits with the point behind the first `point` of them, without the zeros at their end.
fn push_digits(text: &mut Vec<u8>, digits: &[u8], point: i32) {
    let last = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    let before = usize::try_from(point).unwrap_or(0).min(digits.len());
    if before == 0 {
        text.extend_from_slice(b"0.");
        text.extend_from_slice(&ZEROS[..point.unsigned_abs() as usize]);
    }
    text.extend_from_slice(&digits[..before]);
    if last > before {
        if before > 0 {
            text.push(b'.');
        }
        text.extend_from_slice(&digits[before..last]);
    }
}

/// The same for every number, by the standard library's digits.
fn push_any(text: &mut Vec<u8>, size: f64) {
    let scientific = format!("{size:.13e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    if (-4..DIGITS).contains(&exponent) {
        push_digits(text, &digits, exponent + 1);
        return;
    }
    push_digits(text, &digits, 1);
    let sign = if exponent < 0 { '-' } else { '+' };
    text.extend_from_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
}

#[cfg(test)]
mod tests;
