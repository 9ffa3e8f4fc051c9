//! Memory that begins where a cache line does: a wide load that straddles two lines costs two.

use std::ops::{Deref, DerefMut};

/// Numbers in a cache line.
const LINE: usize = 8;

/// A row of numbers, of a length that stays.
#[derive(Debug, Default)]
pub struct Row {
    /// A line longer than the row, which begins at the first line inside.
    data: Vec<f64>,
    start: usize,
    len: usize,
}

impl Row {
    /// `len` times `value`.
    pub fn new(len: usize, value: f64) -> Self {
        let data = vec![value; len + LINE];
        let line_bytes = LINE * size_of::<f64>();
        let start = data.as_ptr().addr().wrapping_neg() % line_bytes / size_of::<f64>();
        Self { data, start, len }
    }

    /// Become at least so long; what was in it is lost where that takes new memory.
    pub fn fit(&mut self, len: usize) {
        if self.len < len {
            *self = Self::new(len, 0.0);
        }
    }
}

impl From<&[f64]> for Row {
    fn from(values: &[f64]) -> Self {
        let mut row = Self::new(values.len(), 0.0);
        row.copy_from_slice(values);
        row
    }
}

impl Clone for Row {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Row {
    type Target = [f64];

    #[inline(always)]
    fn deref(&self) -> &[f64] {
        &self.data[self.start..self.start + self.len]
    }
}

impl DerefMut for Row {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.data[self.start..self.start + self.len]
    }
}

/// One entry of a list whose entries fill whole cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub struct Line<T>(pub T);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_at_a_line_and_copies_do() {
        for len in [0, 1, 8, 100, 5_000] {
            let mut row = Row::new(len, 2.5);
            row.iter_mut().enumerate().for_each(|(i, value)| *value = i as f64);
            let copy = row.clone();
            for row in [&row, &copy] {
                assert_eq!(row.as_ptr().addr() % 64, 0);
                assert_eq!(row.len(), len);
            }
            assert!(copy == row);
        }
    }

    #[test]
    fn a_row_grows_and_never_shrinks() {
        let mut row = Row::default();
        row.fit(9);
        assert_eq!(*row, [0.0; 9]);
        row[8] = 3.0;
        row.fit(4);
        assert_eq!((row.len(), row[8]), (9, 3.0));
    }
}
