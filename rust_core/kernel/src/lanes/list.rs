//! A list of names that never grows: written and copied without a call.

use std::ops::Deref;

use super::{LANES, end_lane};

/// Numbers of names, fewer than it was made for.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Whole lanes of them, and a lane more, so that copies need not end where the names do.
    slots: Vec<u32>,
    len: usize,
}

impl List {
    /// An empty list with room for `names` names.
    pub fn with_room(names: usize) -> Self {
        Self { slots: vec![0; names.next_multiple_of(LANES) + LANES], len: 0 }
    }

    /// Take all names out.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// One name more.
    #[inline(always)]
    pub fn push(&mut self, name: u32) {
        self.slots[self.len] = name;
        self.len += 1;
    }

    /// Append the first `count` of `names`, behind which it has room up to whole lanes. Eight at a time,
    /// because a call costs more than the names that it would copy.
    #[inline(always)]
    pub fn append(&mut self, names: &[u32], count: usize) {
        let whole = count.next_multiple_of(LANES);
        let (from, _) = names[..whole].as_chunks::<LANES>();
        let (to, _) = self.slots[self.len..self.len + whole].as_chunks_mut::<LANES>();
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
            end_lane();
        }
        self.len += count;
    }

    /// The names, and behind them room up to whole lanes.
    #[inline(always)]
    pub fn whole_lanes(&self) -> &[u32] {
        &self.slots[..self.len.next_multiple_of(LANES)]
    }
}

impl Deref for List {
    type Target = [u32];

    #[inline(always)]
    fn deref(&self) -> &[u32] {
        &self.slots[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_there() {
        let from: Vec<u32> = (100..124).collect();
        let mut list = List::with_room(40);
        list.push(7);
        list.append(&from, 9);
        list.append(&from, 11);
        list.push(8);
        let want = [&[7][..], &from[..9], &from[..11], &[8]].concat();
        assert_eq!(*list, *want);
        assert_eq!(list.whole_lanes().len(), 24);
        list.clear();
        assert!(list.is_empty() && list.whole_lanes().is_empty());
    }
}
