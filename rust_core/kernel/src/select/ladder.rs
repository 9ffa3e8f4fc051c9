//! The best names of one side in exact order, without sorting all of them.
//!
//! A threshold guessed from the last bar lets through a few more names than are wanted; those are
//! ranked by counting. The guess decides the speed alone: whatever it is, every name at or above
//! the last wanted rank is among those ranked.

use crate::lanes::{LANES, Lane, Row, bits_where, dispatch, end_lane};

/// Above so many names past the threshold, sorting beats counting.
const CROWD: usize = 256;
/// Halvings before a threshold search gives up (ties may make every threshold a bad one).
const HALVINGS: usize = 24;
/// How far below the last wanted key the next guess lies, as a share of the wanted keys' range.
const MARGIN: f64 = 0.12;
/// How often a guess that lets too few through comes down by that much.
const STEPS: usize = 3;

/// Exact ranks of one side. Larger is better; a short's keys are negated on reading.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    sign: f64,
    guess: f64,
    /// Step by which a guess comes down.
    range: f64,
    /// Names from rank 1 on; exact up to `known`.
    order: Vec<u32>,
    /// Their keys, negated for a short.
    order_key: Row,
    known: usize,
    found: Vec<u32>,
    found_key: Row,
    /// One bit for each name past the threshold.
    past: Vec<u64>,
    /// How many of the names found are better than each.
    ahead: Vec<[u64; LANES]>,
}

impl Ladder {
    pub(crate) fn new(sign: f64, names: usize) -> Self {
        let room = names.next_multiple_of(LANES) + LANES;
        Self {
            sign,
            guess: f64::NEG_INFINITY,
            range: 0.0,
            order: vec![0; room],
            order_key: Row::new(room, f64::NAN),
            known: 0,
            found: vec![0; room],
            found_key: Row::new(room, f64::NAN),
            past: vec![0; room.div_ceil(64)],
            ahead: vec![[0; LANES]; room / LANES],
        }
    }

    /// Names from rank 1 on that are known so far.
    #[inline(always)]
    pub(crate) fn known(&self) -> &[u32] {
        &self.order[..self.known]
    }

    /// The same, and behind them room up to whole lanes.
    #[inline(always)]
    pub(crate) fn known_and_room(&self) -> &[u32] {
        &self.order
    }

    /// The keys of these names, negated for a short.
    #[inline(always)]
    pub(crate) fn keys_and_room(&self) -> &[f64] {
        &self.order_key
    }

    /// Make at least the first `want` ranks known; `want` is at most the number of names in `key`
    /// that are not NaN.
    #[inline(always)]
    pub(crate) fn climb(&mut self, key: &[f64], want: usize) {
        if want <= self.known {
            return;
        }
        let count = self.collect(key, self.guess);
        self.rank(key, want, count);
    }

    /// Another bar: nothing is known of its ranks.
    #[inline(always)]
    pub(crate) fn forget(&mut self) {
        self.known = 0;
    }

    /// Both sides up to rank `want`; of a fresh bar in one pass over the names.
    #[inline(always)]
    pub(crate) fn climb_both(ladders: &mut [Self; 2], key: &[f64], want: usize) {
        let [up, down] = ladders;
        if up.known > 0 {
            up.climb(key, want);
            down.climb(key, want);
            return;
        }
        let (floor, ceiling) = (up.guess, -down.guess);
        for (block, part) in key.chunks(64).enumerate() {
            up.past[block] = bits_where(
                part,
                #[inline(always)]
                |key| key >= floor,
            );
            down.past[block] = bits_where(
                part,
                #[inline(always)]
                |key| key <= ceiling,
            );
        }
        let (above, below) = (up.write_found(key), down.write_found(key));
        up.rank(key, want, above);
        down.rank(key, want, below);
    }

    /// Rank the `count` names found, unless they are too few or far too many.
    #[inline(always)]
    fn rank(&mut self, key: &[f64], want: usize, count: usize) {
        let mut count = count;
        let mut threshold = self.guess;
        // A guess that was a little too high comes down by steps; a bad one is replaced by a search.
        for _ in 0..STEPS {
            if count >= want || threshold == f64::NEG_INFINITY {
                break;
            }
            threshold -= self.range;
            count = self.collect(key, threshold);
        }
        if count < want || count > 4 * want + 16 {
            count = self.collect(key, self.search(key, want));
        }
        self.end_found(count);
        if count > CROWD || !self.rank_by_counting(count) {
            self.rank_by_sorting(count);
        }
        // A later, longer climb is an exception; the next bar will want what this one wanted first.
        let first_climb = self.known == 0;
        self.known = count;
        if !first_climb {
            return;
        }
        let (first, last) = (self.order_key[0], self.order_key[want - 1]);
        self.range = MARGIN * (first - last);
        self.guess = last - self.range;
    }

    /// Write the names past the threshold and their keys; returns how many they are. On its own, not in the wide
    /// code around it, which leaves no register free.
    #[inline(never)]
    fn write_found(&mut self, key: &[f64]) -> usize {
        let Self { sign, past, found, found_key, .. } = self;
        let (found, found_key) = (&mut found[..], &mut found_key[..]);
        dispatch(
            #[inline(always)]
            || {
                let mut at = 0;
                for ((part, past), first) in key.chunks(64).zip(past).zip((0..).step_by(64)) {
                    let mut left = *past;
                    let end = at + left.count_ones() as usize;
                    let (names, keys) = (&mut found[at..end], &mut found_key[at..end]);
                    for (name, slot) in names.iter_mut().zip(keys) {
                        let place = left.trailing_zeros();
                        left &= left.wrapping_sub(1);
                        (*name, *slot) = (first + place, *sign * part[place as usize]);
                        end_lane();
                    }
                    at = end;
                }
                at
            },
        )
    }

    /// Behind the keys found, to whole lanes, comes what is worse than any.
    #[inline(always)]
    fn end_found(&mut self, count: usize) {
        let rest = &mut self.found_key[count..];
        if let Some(behind) = rest.first_chunk_mut::<LANES>() {
            *behind = [f64::NEG_INFINITY; LANES];
        }
    }

    /// Write the names at or above the threshold, in the order of symbols.
    #[inline(always)]
    fn collect(&mut self, key: &[f64], threshold: f64) -> usize {
        for (part, past) in key.chunks(64).zip(&mut self.past) {
            *past = bits_where(
                part,
                #[inline(always)]
                |key| self.sign * key >= threshold,
            );
        }
        self.write_found(key)
    }

    /// A threshold that lets through `want` names or a few more.
    #[inline(never)]
    fn search(&self, key: &[f64], want: usize) -> f64 {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in key.iter().map(|value| self.sign * value) {
            low = if value < low { value } else { low };
            high = if value > high { value } else { high };
        }
        let enough = want..=want + want / 4 + 4;
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            let count = key.iter().filter(|value| self.sign * **value >= middle).count();
            if count >= want {
                low = middle;
            } else {
                high = middle;
            }
            if enough.contains(&count) {
                break;
            }
        }
        low
    }

    /// Rank of each found name = 1 + how many are better. Equal keys share a rank and leave a hole,
    /// which the sum of the ranks gives away: then it returns false.
    #[inline(always)]
    fn rank_by_counting(&mut self, count: usize) -> bool {
        let whole = count.next_multiple_of(LANES);
        let (keys, _) = self.found_key[..whole].as_chunks::<LANES>();
        let ahead = &mut self.ahead[..whole / LANES];
        let mut total = [0; LANES];
        for (mine, ahead) in keys.iter().zip(&mut *ahead) {
            *ahead = count_better(keys, *mine);
            for l in 0..LANES {
                total[l] += ahead[l];
            }
        }
        // What stands behind the names found has all of them ahead.
        let pairs = count * count.wrapping_sub(1) / 2 + (whole - count) * count;
        if total.iter().sum::<u64>() != pairs as u64 {
            return false;
        }
        let (order, order_key) = (&mut self.order[..=whole], &mut self.order_key[..=whole]);
        put_in_order(order, order_key, &self.found[..whole], &self.found_key, ahead.as_flattened());
        true
    }

    #[inline(never)]
    fn rank_by_sorting(&mut self, count: usize) {
        let keys = &self.found_key[..count];
        for (place, slot) in self.order[..count].iter_mut().enumerate() {
            *slot = place as u32;
        }
        self.order[..count].sort_unstable_by(|a, b| {
            // A key is never NaN here; `found` is in the order of symbols, so places break ties.
            let better = keys[*b as usize].partial_cmp(&keys[*a as usize]);
            better.unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(b))
        });
        for (slot, key) in self.order[..count].iter_mut().zip(&mut self.order_key[..count]) {
            *key = keys[*slot as usize];
            *slot = self.found[*slot as usize];
        }
    }
}

/// Put each name and its key to the place that says how many are better. On its own, not in the wide code around
/// it, which leaves no register free.
#[inline(never)]
fn put_in_order(
    order: &mut [u32],
    order_key: &mut [f64],
    found: &[u32],
    found_key: &[f64],
    ahead: &[u64],
) {
    let whole = found.len();
    let (order, order_key) = (&mut order[..=whole], &mut order_key[..=whole]);
    let (found_key, ahead) = (&found_key[..whole], &ahead[..whole]);
    for at in 0..whole {
        // All that was found is better than what stands behind it: that goes to the place after.
        let place = (ahead[at] as usize).min(whole);
        (order[place], order_key[place]) = (found[at], found_key[at]);
        end_lane();
    }
}

/// How many of `keys` are better than each of `mine`.
#[inline(always)]
fn count_better(keys: &[Lane], mine: Lane) -> [u64; LANES] {
    let mut ahead = [0; LANES];
    for others in keys {
        for other in others {
            for l in 0..LANES {
                ahead[l] += u64::from(*other > mine[l]);
            }
            // Or the compiler would go over the others side by side, and add up at the end.
            end_lane();
        }
    }
    ahead
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_sorting(key: &[f64], sign: f64) -> Vec<u32> {
        let mut names: Vec<u32> =
            (0..key.len() as u32).filter(|i| !key[*i as usize].is_nan()).collect();
        names.sort_by(|a, b| {
            let (a, b) = (sign * key[*a as usize], sign * key[*b as usize]);
            b.partial_cmp(&a).expect("no NaN")
        });
        names
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_a_stable_sort(
            coarse in any::<bool>(),
            values in prop::collection::vec(prop::option::weighted(0.9, -3.0..3.0), 1..300),
            guess in -4.0..4.0,
            share in 0.0_f64..1.0,
        ) {
            let mut key: Vec<f64> = values.iter().map(|v| v.map_or(f64::NAN, |v: f64| {
                if coarse { (v * 2.0).round() / 2.0 } else { v }
            })).collect();
            key.resize(key.len().next_multiple_of(LANES), f64::NAN);
            for sign in [1.0, -1.0] {
                let wanted = by_sorting(&key, sign);
                let want = (wanted.len() as f64 * share).ceil() as usize;
                let mut ladder = Ladder::new(sign, key.len());
                (ladder.guess, ladder.range) = (guess, share);
                ladder.climb(&key, want);
                prop_assert!(ladder.known().len() >= want);
                prop_assert_eq!(ladder.known(), &wanted[..ladder.known().len()]);
                ladder.climb(&key, wanted.len());
                prop_assert_eq!(ladder.known(), &wanted[..]);
            }
        }
    }

    #[test]
    fn ties_everywhere_rank_by_symbol() {
        let mut ladder = Ladder::new(-1.0, 504);
        ladder.climb(&[1.5; 504], 3);
        assert_eq!(ladder.known()[..3], [0, 1, 2]);
    }
}
