//! Which bars end a UTC day.

use crate::guards::DAY_MS;
use crate::panel::Panel;

/// UTC days of a panel; the first and the last may be shorter than a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Days since 1970.
    pub number: Vec<i64>,
    /// Last bar of each.
    pub last_bar: Vec<usize>,
}

impl Days {
    /// A close at midnight ends the day before it.
    pub fn of(panel: &Panel<'_>) -> Self {
        let (mut number, mut last_bar): (Vec<i64>, Vec<usize>) = (Vec::new(), Vec::new());
        for t in 0..panel.rows {
            let day = (panel.close_ms(t) - 1).div_euclid(DAY_MS);
            if number.last() == Some(&day) {
                last_bar.pop();
            } else {
                number.push(day);
            }
            last_bar.push(t);
        }
        Self { number, last_bar }
    }
}
