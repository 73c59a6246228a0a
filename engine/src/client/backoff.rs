//! Waiting longer after each failure (Kafka's `ExponentialBackoff`, KIP-580).

use crate::rng::Rng;
use crate::time::Duration;

/// How far a wait may lie from its nominal length, in percent (Kafka's `RETRY_BACKOFF_JITTER`).
const JITTER_PERCENT: u64 = 20;

/// `base * 2^failures`, at most `max`, spread by 20 percent either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backoff {
    /// The wait after the first failure.
    pub(super) base: Duration,
    /// No wait is longer. Below `base` it lowers `base` too, as in Kafka.
    pub(super) max: Duration,
}

impl Backoff {
    /// How long to wait after `failures` failures before this one.
    pub(super) fn after(self, failures: u32, rng: &mut Rng) -> Duration {
        let doubled = self.base.checked_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        let nominal = doubled.unwrap_or(self.max).min(self.max);
        let share = |percent: u64| nominal * u32::try_from(percent).unwrap_or(100) / 100;
        rng.duration(share(100 - JITTER_PERCENT), share(100 + JITTER_PERCENT)).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_millis(1000) };

    #[test]
    fn a_wait_lies_within_a_fifth_of_its_nominal_length() {
        let mut rng = Rng::from_seed(1);
        for (failures, nominal) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
            for _ in 0..200 {
                let wait = BACKOFF.after(failures, &mut rng).as_micros();
                assert!((nominal * 800..=nominal * 1200).contains(&wait), "{failures}: {wait}");
            }
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let mut rng = Rng::from_seed(2);
        assert!((0..100).all(|failures| BACKOFF.after(failures, &mut rng) <= BACKOFF.max));
    }

    #[test]
    fn waits_are_spread() {
        let mut rng = Rng::from_seed(3);
        assert_ne!(BACKOFF.after(0, &mut rng), BACKOFF.after(0, &mut rng));
    }
}
