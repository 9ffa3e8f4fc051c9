//! What a Sharpe ratio might have been: the stationary bootstrap of Politis and Romano (1994).
//!
//! A draw of `n` returns is made of stretches of the series, wrapped around its end: at each place a new one begins with
//! probability `1/block` at a place drawn evenly, else the last one goes on.
//!
//! ```text
//! generator     PCG XSL-RR 128/64 (O'Neill 2014), its state spread from a seed by `Spread`
//! place below n high half of 32 random bits times n; drawn again while the low half is below 2³² mod n (Lemire 2019)
//! share         53 random bits over 2⁵³
//! ```
//! These are the numbers of NumPy's `default_rng(seed)`: all places of all draws by `integers(0, n)`, then all shares by
//! `random()`. Sums are taken as NumPy takes them too, so that both come to the same bits.

use crate::metrics::is_flat;

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

/// Sharpe ratio per period of each draw; NaN where the returns drawn do not differ but for rounding.
///
/// `fresh` is the chance that a stretch ends. Fewer than two returns have no ratio.
pub fn sharpe_draws(returns: &[f64], fresh: f64, draws: usize, seed: u64) -> Vec<f64> {
    let n = returns.len();
    let Some(below) = u32::try_from(n).ok().filter(|n| *n > 1) else {
        return vec![f64::NAN; draws];
    };
    let mut random = Pcg64::new(seed);
    let starts: Vec<u32> = (0..draws * n).map(|_| random.place(below)).collect();
    let mut drawn = vec![0.0; n];
    let sharpe = starts.chunks_exact(n).map(|starts| {
        let mut place = 0;
        for (k, (value, start)) in drawn.iter_mut().zip(starts).enumerate() {
            place = if random.share() < fresh || k == 0 { *start as usize } else { place + 1 };
            place = if place == n { 0 } else { place };
            *value = returns[place];
        }
        ratio(&mut drawn)
    });
    sharpe.collect()
}

/// Mean over standard deviation; the values are overwritten.
fn ratio(values: &mut [f64]) -> f64 {
    let n = values.len() as f64;
    let mean = pairwise(values) / n;
    for value in values.iter_mut() {
        let off = *value - mean;
        *value = off * off;
    }
    let spread = (pairwise(values) / (n - 1.0)).sqrt();
    if is_flat(spread, mean) { f64::NAN } else { mean / spread }
}

/// A sum by halves down to 128 values, and in eight lanes there.
fn pairwise(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let n = values.len();
    if n < LANES {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if n > 128 {
        let (first, second) = values.split_at(n / 2 - n / 2 % LANES);
        return pairwise(first) + pairwise(second);
    }
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = whole[0];
    for chunk in &whole[1..] {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// The generator, and the half of its last 64 bits that nobody has taken yet.
struct Pcg64 {
    state: u128,
    increment: u128,
    half: Option<u32>,
}

impl Pcg64 {
    fn new(seed: u64) -> Self {
        let [a, b, c, d] = Spread::new(seed).words();
        let join = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut new = Self { state: 0, increment: join(c, d) << 1 | 1, half: None };
        new.step();
        new.state = new.state.wrapping_add(join(a, b));
        new.step();
        new
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn bits64(&mut self) -> u64 {
        self.step();
        let (high, low) = ((self.state >> 64) as u64, self.state as u64);
        (high ^ low).rotate_right((high >> 58) as u32)
    }

    fn bits32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let bits = self.bits64();
        self.half = Some((bits >> 32) as u32);
        bits as u32
    }

    /// Evenly from 0 up to, not with, `below`.
    fn place(&mut self, below: u32) -> u32 {
        let mut product = u64::from(self.bits32()) * u64::from(below);
        if (product as u32) < below {
            let least = below.wrapping_neg() % below;
            while (product as u32) < least {
                product = u64::from(self.bits32()) * u64::from(below);
            }
        }
        (product >> 32) as u32
    }

    /// Evenly from 0 up to, not with, 1.
    fn share(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A seed spread over as many bits as a generator wants (O'Neill, "Developing a `seed_seq` alternative", 2015).
struct Spread {
    pool: [u32; 4],
}

impl Spread {
    fn new(seed: u64) -> Self {
        let mut factor = 0x43B0_D7E5;
        let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0]
            .map(|word| hash(word, &mut factor, 0x931E_8875));
        for source in 0..pool.len() {
            for target in 0..pool.len() {
                if source != target {
                    let hashed = hash(pool[source], &mut factor, 0x931E_8875);
                    pool[target] = mix(pool[target], hashed);
                }
            }
        }
        Self { pool }
    }

    fn words(&self) -> [u64; 4] {
        let mut factor = 0x8B51_F9DD;
        let mut next = |word: u32| u64::from(hash(word, &mut factor, 0x58F3_8DED));
        let [a, b, c, d] = self.pool;
        [(a, b), (c, d), (a, b), (c, d)].map(|(low, high)| next(low) | next(high) << 32)
    }
}

fn hash(word: u32, factor: &mut u32, growth: u32) -> u32 {
    let mixed = word ^ *factor;
    *factor = factor.wrapping_mul(growth);
    let hashed = mixed.wrapping_mul(*factor);
    hashed ^ hashed >> 16
}

fn mix(left: u32, right: u32) -> u32 {
    let mixed = left.wrapping_mul(0xCA01_F9DD).wrapping_sub(right.wrapping_mul(0x4973_F715));
    mixed ^ mixed >> 16
}

#[cfg(test)]
mod tests {
    use super::{Pcg64, pairwise, sharpe_draws};

    #[test]
    fn bits_are_those_of_the_generator_that_numpy_seeds() {
        // numpy.random.PCG64(seed).random_raw(3)
        let told: [(u64, [u64; 3]); 3] = [
            (0, [0xA30F_EBCF_D9C2_825F, 0x4510_BDF8_82D9_D721, 0x0A7D_3DA9_4ECD_E8B8]),
            (7, [0xA006_41A9_F1E5_4A8B, 0xE5AF_CDBC_AF26_6A95, 0xC693_565F_940A_F962]),
            (
                1_099_511_640_121,
                [0x30AB_EFEB_4E07_26D8, 0xCD63_B0C3_29A4_CC7E, 0x262A_5E9B_C334_B2D0],
            ),
        ];
        for (seed, words) in told {
            let mut random = Pcg64::new(seed);
            assert_eq!([random.bits64(), random.bits64(), random.bits64()], words, "seed {seed}");
        }
    }

    #[test]
    fn a_sum_of_whole_numbers_is_exact_at_every_length() {
        for n in 0..1_000_u32 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(pairwise(&values), f64::from(n * n.saturating_sub(1) / 2));
        }
    }

    #[test]
    fn places_are_even() {
        let mut random = Pcg64::new(5);
        let mut counts = [0_u32; 7];
        (0..70_000).for_each(|_| counts[random.place(7) as usize] += 1);
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_does_not_differ_has_no_ratio() {
        assert!(sharpe_draws(&[0.25; 40], 0.2, 9, 1).iter().all(|ratio| ratio.is_nan()));
        assert!(sharpe_draws(&[0.25], 0.2, 9, 1).iter().all(|ratio| ratio.is_nan()));
        assert!(sharpe_draws(&[], 0.2, 0, 1).is_empty());
    }

    #[test]
    fn one_stretch_is_the_series_turned() {
        // Each draw holds every return once: the mean is the series' own, whatever the order.
        let returns: Vec<f64> = (0..64).map(f64::from).collect();
        let ratios = sharpe_draws(&returns, 0.0, 20, 3);
        assert!(ratios.iter().all(|ratio| (ratio - ratios[0]).abs() < 1e-12), "{ratios:?}");
    }
}
