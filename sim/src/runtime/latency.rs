//! How long something takes: shapes of distributions, drawn from a named stream.

use tribunal_engine::rng::Rng;
use tribunal_engine::time::Duration;

/// A distribution of durations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latency {
    /// Always the same. Draws nothing.
    Fixed(Duration),
    /// Anything between the two, alike likely.
    Uniform {
        /// The shortest.
        low: Duration,
        /// The longest.
        high: Duration,
    },
    /// A floor plus an exponential tail, cut off at `high`: what networks and disks look like.
    Tail {
        /// The shortest.
        low: Duration,
        /// Mean of what comes on top, before the cut.
        mean_extra: Duration,
        /// The longest.
        high: Duration,
    },
}

impl Latency {
    /// No time at all.
    pub const ZERO: Latency = Latency::Fixed(Duration::ZERO);

    /// One draw, in nanoseconds.
    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        match *self {
            Latency::Fixed(duration) => nanos(duration),
            Latency::Uniform { low, high } => rng.between(nanos(low), nanos(high)),
            Latency::Tail { low, mean_extra, high } => {
                let (low, high) = (nanos(low), nanos(high));
                low.saturating_add(exponential(nanos(mean_extra), rng)).min(high.max(low))
            }
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Latency::ZERO
    }
}

/// A duration as nanoseconds; the end of time if it does not fit.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long `bytes` take at `bytes_per_second`, in nanoseconds; nothing without a limit.
pub(super) fn transfer_nanos(bytes: u64, bytes_per_second: Option<u64>) -> u64 {
    match bytes_per_second {
        None => 0,
        Some(rate) => {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
            u64::try_from(nanos).unwrap_or(u64::MAX)
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a latency fits a double to the nanosecond, and the cast back saturates"
)]
fn exponential(mean: u64, rng: &mut Rng) -> u64 {
    (-(1.0 - rng.unit()).ln() * mean as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(latency: Latency) -> Vec<u64> {
        let mut rng = Rng::from_seed(3);
        (0..2000).map(|_| latency.draw(&mut rng)).collect()
    }

    #[test]
    fn draws_stay_within_their_bounds_and_differ() {
        let (low, high) = (Duration::from_nanos(100), Duration::from_nanos(900));
        let tail = Latency::Tail { low, mean_extra: Duration::from_nanos(300), high };
        for shape in [Latency::Uniform { low, high }, tail] {
            let drawn = draws(shape);
            assert!(drawn.iter().all(|nanos| (100..=900).contains(nanos)));
            assert!(drawn.iter().any(|nanos| *nanos != drawn[0]));
        }
    }

    #[test]
    fn a_tail_has_the_mean_it_was_given() {
        let mean_extra = Duration::from_micros(100);
        let drawn = draws(Latency::Tail { low: Duration::ZERO, mean_extra, high: Duration::from_secs(1) });
        let mean = drawn.iter().sum::<u64>() / drawn.len() as u64;
        assert!((90_000..110_000).contains(&mean), "{mean}");
    }

    #[test]
    fn a_rate_turns_bytes_into_time() {
        assert_eq!(transfer_nanos(125_000, Some(125_000_000)), 1_000_000);
        assert_eq!(transfer_nanos(u64::MAX, None), 0);
    }
}
