//! Random numbers with a fixed stream for ever.
//!
//! One seed, one independent stream per purpose: `fork("disk/broker-2")` depends on the seed and the label
//! only, so a new consumer of randomness shifts no other stream. The algorithms (SplitMix64 to mix,
//! xoshiro256** to draw) are pinned; a seed printed by one release replays in the next.

use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256StarStar;

use crate::time::Duration;

/// A seeded generator. There is no default seed and no entropy.
#[derive(Clone, Debug)]
pub struct Rng {
    seed: u64,
    generator: Xoshiro256StarStar,
}

impl Rng {
    /// The stream of `seed`.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Rng { seed, generator: Xoshiro256StarStar::seed_from_u64(seed) }
    }

    /// An independent stream named `label`. Does not depend on what was drawn so far.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        let mut mixed = self.seed;
        for byte in label.bytes() {
            mixed = split_mix(mixed ^ u64::from(byte));
        }
        Rng::from_seed(split_mix(mixed))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in `0..bound`; 0 if `bound` is 0. Bias below 2^-32 for bounds under 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Uniform in `low..=high`; `low` if the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { low + self.below((high - low).saturating_add(1)) }
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let bits = (self.next_u64() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// True with probability `share` (0 to 1).
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Uniform between two durations, in whole nanoseconds.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }
}

fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut rng = Rng::from_seed(42).fork("disk/broker-2");
        let drawn: Vec<u64> = (0..3).map(|_| rng.below(1000)).collect();
        let mut again = Rng::from_seed(42);
        again.next_u64();
        let mut again = again.fork("disk/broker-2");
        assert_eq!(drawn, (0..3).map(|_| again.below(1000)).collect::<Vec<_>>());
    }

    #[test]
    fn streams_of_different_labels_differ() {
        let root = Rng::from_seed(42);
        assert_ne!(root.fork("net").next_u64(), root.fork("sched").next_u64());
    }

    #[test]
    fn bounds_are_kept() {
        let mut rng = Rng::from_seed(7);
        assert!((0..1000).all(|_| (3..=5).contains(&rng.between(3, 5))));
        assert_eq!(rng.below(0), 0);
    }
}
