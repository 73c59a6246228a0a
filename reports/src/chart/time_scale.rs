//! The one scale that every panel over time uses: same left edge, same right edge, same ticks.

/// Width of a drawing, in its own units; a unit is a pixel on a wide screen.
pub(crate) const WIDTH: u32 = 1_000;
/// Left edge of the plot: room for labels before it.
pub(crate) const LEFT: u32 = 96;
/// Right edge of the plot: room for the last label and for labels at line ends behind it.
pub(crate) const RIGHT: u32 = 956;

/// From virtual time to a horizontal position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeScale {
    /// Time at the left edge.
    pub(crate) t0_ns: u64,
    /// Time at the right edge; always later than `t0_ns`.
    pub(crate) t1_ns: u64,
}

impl TimeScale {
    /// The scale of that interval; an empty one is stretched, so that no position is undefined.
    pub(crate) fn new(t0_ns: u64, t1_ns: u64) -> Self {
        TimeScale { t0_ns, t1_ns: t1_ns.max(t0_ns.saturating_add(1)) }
    }

    /// Position of a time; times outside are at the edge.
    pub(crate) fn x(self, at_ns: u64) -> f64 {
        let at_ns = at_ns.clamp(self.t0_ns, self.t1_ns);
        let share = (at_ns - self.t0_ns) as f64 / (self.t1_ns - self.t0_ns) as f64;
        f64::from(LEFT) + share * f64::from(RIGHT - LEFT)
    }

    /// Times at round values, five to eleven of them.
    pub(crate) fn ticks(self) -> Vec<u64> {
        let step = round_step((self.t1_ns - self.t0_ns).div_ceil(10));
        let first = self.t0_ns.div_ceil(step);
        (first..)
            .map(|number| number.saturating_mul(step))
            .take_while(|at| *at <= self.t1_ns)
            .take(12)
            .collect()
    }
}

/// The smallest of 1, 2, 5, 10, 20 ... that is not below `least`.
pub(crate) fn round_step(least: u64) -> u64 {
    let mut size: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = size.saturating_mul(factor);
            if step >= least || step == u64::MAX {
                return step;
            }
        }
        size = size.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::{LEFT, RIGHT, TimeScale, round_step};

    #[test]
    fn the_edges_of_the_interval_are_the_edges_of_the_plot() {
        let scale = TimeScale::new(5, 105);
        assert!((scale.x(5) - f64::from(LEFT)).abs() < 1e-9);
        assert!((scale.x(105) - f64::from(RIGHT)).abs() < 1e-9);
        assert!((scale.x(u64::MAX) - f64::from(RIGHT)).abs() < 1e-9);
    }

    #[test]
    fn an_empty_interval_has_a_scale() {
        assert!(TimeScale::new(7, 7).x(7).is_finite());
        assert!(!TimeScale::new(0, 0).ticks().is_empty());
    }

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = TimeScale::new(0, 50_000_000_000).ticks();
        assert_eq!(ticks.len(), 11);
        assert_eq!(ticks[1], 5_000_000_000);
        assert_eq!(round_step(3), 5);
        assert_eq!(round_step(11), 20);
    }
}
