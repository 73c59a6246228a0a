//! The canonical text of an expression.
//!
//! Display and [`parse`](super::parse()) are inverse: what is printed reads back as the same tree.

use std::fmt;

use super::ast::{Expr, MaxOf, Metric, Quantity, Term, Value, Window};
use crate::scenario::units::{percent, show};

impl Expr {
    /// How tightly the expression binds; a looser one inside a tighter one needs parentheses.
    fn tightness(&self) -> u8 {
        match self {
            Expr::Or(..) => 0,
            Expr::And(..) => 1,
            Expr::Not(_) => 2,
            Expr::Within(..) => 3,
            Expr::Compare { .. } => 4,
        }
    }

    fn inside(&self, formatter: &mut fmt::Formatter<'_>, tightness: u8) -> fmt::Result {
        if self.tightness() < tightness { write!(formatter, "({self})") } else { write!(formatter, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Both operators group to the left, so only the right side needs parentheses at equal tightness.
            Expr::And(left, right) => {
                left.inside(formatter, 1)?;
                formatter.write_str(" and ")?;
                right.inside(formatter, 2)
            }
            Expr::Or(left, right) => {
                left.inside(formatter, 0)?;
                formatter.write_str(" or ")?;
                right.inside(formatter, 1)
            }
            Expr::Not(inner) => {
                formatter.write_str("not ")?;
                inner.inside(formatter, 2)
            }
            Expr::Within(inner, window) => {
                inner.inside(formatter, 4)?;
                write!(formatter, " {window}")
            }
            Expr::Compare { left, comparison, right } => {
                write!(formatter, "{left} {} {right}", comparison.symbol())
            }
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Constant(value) => value.fmt(formatter),
            Term::Quantity(quantity) => quantity.fmt(formatter),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(count) => count.fmt(formatter),
            Value::Duration(duration) => formatter.write_str(&show(*duration)),
            Value::Share(millionths) => formatter.write_str(&percent(*millionths)),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::OutsideFaults => formatter.write_str("outside faults"),
            Window::ByEnd => formatter.write_str("by end"),
            Window::During(fault) => write!(formatter, "during {fault}"),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Produce => formatter.write_str("produce"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantity::Time => formatter.write_str("time"),
            Quantity::Sent => formatter.write_str("sent"),
            Quantity::Acked => formatter.write_str("acked"),
            Quantity::Consumed => formatter.write_str("consumed"),
            Quantity::Isr(partition) => write!(formatter, "isr({partition})"),
            Quantity::Unreplicated(partition) => write!(formatter, "unreplicated({partition})"),
            Quantity::Truncated(partition) => write!(formatter, "truncated({partition})"),
            Quantity::Epoch(partition) => write!(formatter, "epoch({partition})"),
            Quantity::Lag(group) => write!(formatter, "lag({group})"),
            Quantity::Members(group) => write!(formatter, "members({group})"),
            Quantity::Rebalances(group) => write!(formatter, "rebalances({group})"),
            Quantity::StoppedTime(group) => write!(formatter, "stopped-time({group})"),
            Quantity::RebalanceDuration(group) => write!(formatter, "rebalance-duration({group})"),
            Quantity::SnapshotsLoaded => formatter.write_str("snapshots-loaded"),
            Quantity::Rto(fault) => write!(formatter, "rto({fault})"),
            Quantity::Unavailable(partition) => write!(formatter, "unavailable({partition})"),
            Quantity::Lost => formatter.write_str("lost"),
            Quantity::LostWindow => formatter.write_str("lost-window"),
            Quantity::Percentile(hundredths, metric) => {
                write!(formatter, "p{}", hundredths / 100)?;
                match hundredths % 100 {
                    0 => {}
                    fraction if fraction % 10 == 0 => write!(formatter, ".{}", fraction / 10)?,
                    fraction => write!(formatter, ".{fraction:02}")?,
                }
                write!(formatter, "({metric})")
            }
            Quantity::Max(MaxOf::Metric(metric)) => write!(formatter, "max({metric})"),
            Quantity::Max(MaxOf::Quantity(quantity)) => write!(formatter, "max({quantity})"),
            Quantity::Violations(guarantee) => write!(formatter, "count({guarantee})"),
        }
    }
}
