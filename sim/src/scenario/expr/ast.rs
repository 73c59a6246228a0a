//! The tree of an expression, and what is known about its quantities.

use std::time::Duration;

use tribunal_engine::id::TopicPartition;

use crate::scenario::guarantee::Guarantee;

/// A condition on what happens in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expr {
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// At least one.
    Or(Box<Expr>, Box<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// A comparison of two terms of one type.
    Compare {
        /// Left side.
        left: Term,
        /// How they compare.
        comparison: Comparison,
        /// Right side.
        right: Term,
    },
    /// The condition over a part of the run only.
    Within(Box<Expr>, Window),
}

/// One side of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    /// A constant.
    Constant(Value),
    /// Something the run says.
    Quantity(Quantity),
}

/// A value of one of the types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Value {
    /// A number of records, brokers, epochs.
    Count(u64),
    /// A time.
    Duration(Duration),
    /// A share, in millionths.
    Share(u32),
}

/// Type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// A plain number.
    Count,
    /// A number with a unit of time.
    Duration,
    /// A percentage.
    Share,
}

/// How two values compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

/// Something the run says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Quantity {
    /// Virtual time since load began.
    Time,
    /// Records handed to producers so far.
    Sent,
    /// Records acknowledged so far.
    Acked,
    /// Records returned to consumers so far.
    Consumed,
    /// Members of the partition's committed ISR.
    Isr(TopicPartition),
    /// Records of the partition that no in-sync replica but the leader has.
    Unreplicated(TopicPartition),
    /// Records cut from the partition's replicas when they followed a new leader.
    Truncated(TopicPartition),
    /// Leader epoch of the partition.
    Epoch(TopicPartition),
    /// Records that the group of `[consumer.NAME]` has not committed: over its partitions, from the committed offset (or
    /// the start of the log) to the high watermark.
    Lag(String),
    /// Members of the group.
    Members(String),
    /// Rebalances of the group that have begun.
    Rebalances(String),
    /// The share of the load's time in which the group's partitions had nobody who worked on them because of rebalances.
    StoppedTime(String),
    /// The longest time the group was rebalancing: from the beginning of a rebalance to the end of it, or of the one that
    /// took its place.
    RebalanceDuration(String),
    /// How often a controller or a broker took a snapshot of the metadata in place of the metadata log.
    SnapshotsLoaded,
    /// From the start of the fault to the first acknowledgement after it.
    Rto(String),
    /// Longest time without an acknowledgement from the partition.
    Unavailable(TopicPartition),
    /// Acknowledged records that cannot be read at the end.
    Lost,
    /// Time between the first and the last acknowledgement of a lost record.
    LostWindow,
    /// A percentile of a latency, in hundredths of a percent: `p99.9(produce)` is 9990.
    Percentile(u16, Metric),
    /// The largest value something had.
    Max(MaxOf),
    /// Violations of a guarantee.
    Violations(Guarantee),
}

/// What `max(...)` is taken of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MaxOf {
    /// The slowest operation.
    Metric(Metric),
    /// The largest value of a quantity, over the run and over all seeds.
    Quantity(Box<Quantity>),
}

/// A latency that is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Metric {
    /// From the intended start of a send to its acknowledgement.
    Produce,
}

/// A part of the run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Window {
    /// While no fault is active.
    OutsideFaults,
    /// While this fault is active.
    During(String),
    /// At the end of the run, when everything has settled.
    ByEnd,
}

impl Quantity {
    /// Type of its value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Quantity::Time
            | Quantity::Rto(_)
            | Quantity::Unavailable(_)
            | Quantity::LostWindow
            | Quantity::RebalanceDuration(_)
            | Quantity::Percentile(..)
            | Quantity::Max(MaxOf::Metric(_)) => ValueType::Duration,
            Quantity::Max(MaxOf::Quantity(quantity)) => quantity.value_type(),
            Quantity::Sent
            | Quantity::Acked
            | Quantity::Consumed
            | Quantity::Isr(_)
            | Quantity::Unreplicated(_)
            | Quantity::Truncated(_)
            | Quantity::Epoch(_)
            | Quantity::SnapshotsLoaded
            | Quantity::Lag(_)
            | Quantity::Members(_)
            | Quantity::Rebalances(_)
            | Quantity::Lost
            | Quantity::Violations(_) => ValueType::Count,
            Quantity::StoppedTime(_) => ValueType::Share,
        }
    }

    /// Whether the cluster knows it while the run goes on, so that a trigger can use it.
    #[must_use]
    pub fn is_known_at_run_time(&self) -> bool {
        match self {
            Quantity::Time
            | Quantity::Sent
            | Quantity::Acked
            | Quantity::Isr(_)
            | Quantity::Unreplicated(_)
            | Quantity::Truncated(_)
            | Quantity::Epoch(_)
            | Quantity::Lag(_)
            | Quantity::Members(_)
            | Quantity::Rebalances(_)
            | Quantity::SnapshotsLoaded => true,
            Quantity::Consumed
            | Quantity::StoppedTime(_)
            | Quantity::RebalanceDuration(_)
            | Quantity::Rto(_)
            | Quantity::Unavailable(_)
            | Quantity::Lost
            | Quantity::LostWindow
            | Quantity::Percentile(..)
            | Quantity::Max(_)
            | Quantity::Violations(_) => false,
        }
    }

    /// Whether it can be measured over that part of the run: latencies while something lasts, the others at a moment.
    #[must_use]
    pub fn can_be_measured(&self, window: &Window) -> bool {
        let latency = matches!(self, Quantity::Percentile(..) | Quantity::Max(MaxOf::Metric(_)));
        latency != matches!(window, Window::ByEnd)
    }

    /// The consumer table whose group it is about.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match self {
            Quantity::Lag(group)
            | Quantity::Members(group)
            | Quantity::Rebalances(group)
            | Quantity::StoppedTime(group)
            | Quantity::RebalanceDuration(group) => Some(group),
            Quantity::Max(MaxOf::Quantity(quantity)) => quantity.group(),
            _ => None,
        }
    }

    /// The partition it is about.
    #[must_use]
    pub fn partition(&self) -> Option<&TopicPartition> {
        match self {
            Quantity::Isr(partition)
            | Quantity::Unreplicated(partition)
            | Quantity::Truncated(partition)
            | Quantity::Epoch(partition)
            | Quantity::Unavailable(partition) => Some(partition),
            Quantity::Max(MaxOf::Quantity(quantity)) => quantity.partition(),
            _ => None,
        }
    }
}

impl Comparison {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Greater => ">",
        }
    }
}

impl Value {
    /// Its type.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Value::Count(_) => ValueType::Count,
            Value::Duration(_) => ValueType::Duration,
            Value::Share(_) => ValueType::Share,
        }
    }
}

impl Expr {
    /// Every quantity of the expression with the window it is measured in, from left to right.
    #[must_use]
    pub fn quantities(&self) -> Vec<(&Quantity, Option<&Window>)> {
        let mut found = Vec::new();
        self.collect(None, &mut found);
        found
    }

    fn collect<'e>(
        &'e self,
        window: Option<&'e Window>,
        found: &mut Vec<(&'e Quantity, Option<&'e Window>)>,
    ) {
        match self {
            Expr::And(left, right) | Expr::Or(left, right) => {
                left.collect(window, found);
                right.collect(window, found);
            }
            Expr::Not(inner) => inner.collect(window, found),
            Expr::Within(inner, window) => inner.collect(Some(window), found),
            Expr::Compare { left, right, .. } => {
                for term in [left, right] {
                    if let Term::Quantity(quantity) = term {
                        found.push((quantity, window));
                    }
                }
            }
        }
    }
}
