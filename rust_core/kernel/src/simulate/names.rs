//! A set of names, walked in their order without looking at those that are not in it.

use crate::lanes::bits_with_value;

/// One bit a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NameSet {
    words: Vec<u64>,
}

impl NameSet {
    /// An empty set over `names` names.
    pub(super) fn new(names: usize) -> Self {
        Self { words: vec![0; names.div_ceil(64)] }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, name: usize, inside: bool) {
        let (word, bit) = (&mut self.words[name / 64], 1 << (name % 64));
        *word = if inside { *word | bit } else { *word & !bit };
    }

    /// Become these names.
    #[inline(always)]
    pub(super) fn become_names(&mut self, names: &[u32]) {
        let words = &mut self.words[..];
        words.fill(0);
        for name in names {
            words[*name as usize / 64] |= 1 << (name % 64);
        }
    }

    /// Put a name in where `inside` says so, without a branch.
    #[inline(always)]
    pub(super) fn add_where(&mut self, name: usize, inside: bool) {
        self.words[name / 64] |= u64::from(inside) << (name % 64);
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// One bit a name, 64 names a word.
    #[inline(always)]
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// The names inside, rising, into `list`.
    #[inline(always)]
    pub(super) fn list(&self, list: &mut Vec<u32>) {
        let count = |word: &u64| word.count_ones() as usize;
        let total = self.words.iter().map(count).sum();
        if list.len() < total {
            list.resize(total, 0);
        }
        list.truncate(total);
        let mut rest = &mut list[..];
        for (at, word) in self.words.iter().enumerate() {
            let (part, others) = rest.split_at_mut(count(word));
            let mut left = *word;
            for slot in part {
                *slot = at as u32 * 64 + left.trailing_zeros();
                left &= left.wrapping_sub(1);
            }
            rest = others;
        }
    }

    /// One bit a name, 64 names a word.
    #[inline(always)]
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Become the names of another set and those with a value, of as many names.
    #[inline(always)]
    pub(super) fn join(&mut self, other: &Self, values: &[f64]) {
        let words = self.words.iter_mut().zip(&other.words);
        for ((word, other), part) in words.zip(values.chunks(64)) {
            *word = other | bits_with_value(part);
        }
    }

    /// `look` at the names inside, rising.
    #[inline(always)]
    pub(super) fn each(&self, mut look: impl FnMut(usize)) {
        for (at, word) in self.words.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                look(at * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// `look` at the names inside that are not in another set, rising.
    #[inline(always)]
    pub(super) fn each_but(&self, other: &Self, mut look: impl FnMut(usize)) {
        for (at, (word, other)) in self.words.iter().zip(&other.words).enumerate() {
            let mut left = word & !other;
            while left != 0 {
                look(at * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// The names inside, rising.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let name = (left != 0).then(|| at * 64 + left.trailing_zeros() as usize);
                left &= left.wrapping_sub(1);
                name
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::NameSet;

    #[test]
    fn names_come_in_their_order_and_leave() {
        let mut set = NameSet::new(200);
        for name in [199, 3, 64, 63, 128] {
            set.put(name, true);
        }
        set.put(64, false);
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 63, 128, 199]);
        let mut list = vec![7; 9];
        set.list(&mut list);
        assert_eq!(list, [3, 63, 128, 199]);
        set.add_where(64, false);
        set.add_where(65, true);
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 63, 65, 128, 199]);
    }
}
