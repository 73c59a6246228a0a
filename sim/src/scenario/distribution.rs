//! A random duration: a plain value, a uniform range, or a shape given by percentiles.
//!
//! Drawing takes a position from 0 to 1, so the caller owns the random stream and a draw costs one number. A shape
//! is piecewise linear between its percentiles: exact arithmetic of libm is not asked for, only order and bounds.

use std::fmt;
use std::time::Duration;

use super::units::{DurationRange, between, show};

/// How a duration is distributed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distribution {
    /// One value, or uniform between two.
    Range(DurationRange),
    /// `{ p50 = ..., p99 = ..., max = ... }`.
    Shape {
        /// Half of the draws are below.
        p50: Duration,
        /// 99 of 100 draws are below.
        p99: Duration,
        /// No draw is above.
        max: Duration,
    },
}

impl Distribution {
    /// Uniform between two values in microseconds.
    #[must_use]
    pub const fn micros(min: u64, max: u64) -> Self {
        Distribution::Range(DurationRange {
            min: Duration::from_micros(min),
            max: Duration::from_micros(max),
        })
    }

    /// A shape by its percentiles in microseconds.
    #[must_use]
    pub const fn shape_micros(p50: u64, p99: u64, max: u64) -> Self {
        Distribution::Shape {
            p50: Duration::from_micros(p50),
            p99: Duration::from_micros(p99),
            max: Duration::from_micros(max),
        }
    }

    /// The value at quantile `position`, from 0 to 1. A shape starts at half its median.
    #[must_use]
    pub fn at(self, position: f64) -> Duration {
        match self {
            Distribution::Range(range) => range.at(position),
            Distribution::Shape { p50, .. } if position < 0.5 => between(p50 / 2, p50, position / 0.5),
            Distribution::Shape { p50, p99, .. } if position < 0.99 => {
                between(p50, p99, (position - 0.5) / 0.49)
            }
            Distribution::Shape { p99, max, .. } => between(p99, max, (position - 0.99) / 0.01),
        }
    }

    /// The largest value it can draw.
    #[must_use]
    pub fn max(self) -> Duration {
        match self {
            Distribution::Range(range) => range.max,
            Distribution::Shape { max, .. } => max,
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Range(range) => range.fmt(formatter),
            Distribution::Shape { p50, p99, max } => {
                write!(formatter, "p50 {}, p99 {}, max {}", show(*p50), show(*p99), show(*max))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_goes_through_its_percentiles() {
        let shape = Distribution::shape_micros(2_000, 15_000, 80_000);
        let at = [0.0, 0.5, 0.99, 1.0].map(|position| shape.at(position).as_micros());
        assert_eq!(at, [1_000, 2_000, 15_000, 80_000]);
    }

    #[test]
    fn a_draw_never_leaves_the_range() {
        let range = Distribution::micros(300, 1_500);
        assert_eq!(range.at(-1.0), Duration::from_micros(300));
        assert_eq!(range.at(2.0), range.max());
    }
}
