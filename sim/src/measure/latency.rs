//! A distribution of latencies: an HDR histogram of nanoseconds, and the exact largest value.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Significant digits of every value but the largest, which is exact.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies, in nanoseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
    max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new(SIGNIFICANT_DIGITS).expect("three digits are within the bounds");
        Latencies { histogram, max: 0 }
    }
}

impl Latencies {
    /// Adds a value. What takes longer than 584 years counts as 584 years.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.max = self.max.max(nanos);
        self.histogram.record(nanos.max(1)).expect("a histogram that resizes takes every value");
    }

    /// Adds the values of `other`.
    pub fn add(&mut self, other: &Latencies) {
        self.max = self.max.max(other.max);
        self.histogram.add(&other.histogram).expect("a histogram that resizes takes every value");
    }

    /// How many values there are.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.histogram.len()
    }

    /// The largest value; `None` without values.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.samples() > 0).then_some(Duration::from_nanos(self.max))
    }

    /// The value that so many hundredths of a percent are not above; `None` without values. 9 990 is p99.9.
    #[must_use]
    pub fn percentile(&self, hundredths: u16) -> Option<Duration> {
        (self.samples() > 0).then(|| Duration::from_nanos(self.nanos_at(hundredths)))
    }

    /// The same in nanoseconds; 0 without values.
    #[must_use]
    pub fn nanos_at(&self, hundredths: u16) -> u64 {
        if self.samples() == 0 {
            return 0;
        }
        self.histogram.value_at_quantile(f64::from(hundredths) / 10_000.0).min(self.max)
    }

    /// The cumulative distribution: `(samples at or below, value)`, ascending, some five points for each halving of
    /// the distance to 100 %.
    #[must_use]
    pub fn curve(&self) -> Vec<(u64, u64)> {
        let mut below = 0;
        let mut points: Vec<(u64, u64)> = Vec::new();
        for step in self.histogram.iter_quantiles(5) {
            below += step.count_since_last_iteration();
            let value = step.value_iterated_to().min(self.max);
            match points.last_mut() {
                Some(last) if last.0 == below || last.1 == value => *last = (below, value),
                _ => points.push((below, value)),
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_a_thousandth_and_the_largest_is_exact() {
        let mut latencies = Latencies::default();
        for value in 1..=1_000_u64 {
            latencies.record(Duration::from_nanos(value * 1_234_567));
        }
        let p50 = latencies.nanos_at(5_000);
        assert!(p50.abs_diff(500 * 1_234_567) < 500 * 1_235, "{p50}");
        assert_eq!(latencies.max(), Some(Duration::from_nanos(1_234_567_000)));
        assert_eq!(latencies.percentile(10_000), latencies.max());
    }

    #[test]
    fn without_values_there_is_no_percentile() {
        assert_eq!(Latencies::default().percentile(9_900), None);
    }

    #[test]
    fn the_curve_ascends_and_ends_with_every_sample_at_the_largest_value() {
        let mut latencies = Latencies::default();
        for value in [5, 5, 70, 900, 12_345] {
            latencies.record(Duration::from_nanos(value));
        }
        let curve = latencies.curve();
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{curve:?}");
        assert_eq!(curve.last(), Some(&(5, 12_345)));
    }
}
