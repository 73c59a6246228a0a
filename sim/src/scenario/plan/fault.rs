//! The faults of a plan: when they fire, what they do, to whom.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tribunal_engine::id::{NodeId, TopicPartition};

use crate::scenario::disk_fault::{DiskFaultKind, DiskFaultPlan};
use crate::scenario::distribution::Distribution;
use crate::scenario::expr::Expr;
use crate::scenario::target::{Target, TargetExpr};
use crate::scenario::units::{DurationRange, show};

/// One fault.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultPlan {
    /// Name of its table.
    pub name: String,
    /// Line of its table, from 1.
    pub line: usize,
    /// When it fires.
    pub trigger: Trigger,
    /// The share of those moments at which it really does, from above 0 to 1.
    pub chance: f64,
    /// What it does: of several, one is drawn each time it fires. Never empty.
    pub strikes: Vec<Strike>,
    /// Whether it may stay away: otherwise a fault that fires in no seed makes the result `not tested`.
    pub optional: bool,
}

/// What a fault does when it fires.
#[derive(Clone, PartialEq, Debug)]
pub struct Strike {
    /// How often it is drawn, against the other strikes of its fault.
    pub weight: u32,
    /// What happens.
    pub action: Action,
    /// To whom; empty for [`Action::Partition`] and [`Action::SlowLink`], which name their own, and for what the
    /// operator does to a partition.
    pub targets: TargetExpr,
    /// How long; `None`: until the end of load, and for a restart no pause at all.
    pub duration: Option<DurationRange>,
}

impl Strike {
    /// Whether it adds a member to the group of `[consumer.NAME]`.
    #[must_use]
    pub fn adds_member_of(&self, consumer: &str) -> bool {
        let is = |target: &Target| matches!(target, Target::Consumer(name) if name == consumer);
        self.action == Action::Add && self.targets.0.iter().any(is)
    }

    /// Whether it ends by itself, at the latest when what it began is done; otherwise it ends with the load.
    #[must_use]
    pub fn ends_before_load(&self) -> bool {
        match &self.action {
            Action::Add
            | Action::Remove
            | Action::Restart
            | Action::Reassign { .. }
            | Action::MoveLeader(_) => true,
            Action::Disk(fault) if matches!(fault.kind, DiskFaultKind::Corrupt { .. }) => true,
            Action::Crash
            | Action::PowerLoss
            | Action::Pause
            | Action::Partition { .. }
            | Action::SlowLink { .. }
            | Action::Disk(_)
            | Action::SlowWork { .. } => self.duration.is_some(),
        }
    }
}

/// When a fault fires.
#[derive(Clone, PartialEq, Debug)]
pub enum Trigger {
    /// At this time after load began, drawn from the seed if it is a range.
    At(DurationRange),
    /// When this becomes true for the first time.
    When(Expr),
    /// So long after a moment of another fault, each time that moment comes.
    After {
        /// The other fault.
        fault: String,
        /// Its moment.
        moment: Moment,
        /// So long after it, drawn each time.
        delay: DurationRange,
    },
    /// Again and again.
    Every {
        /// From one time to the next, drawn each time.
        gap: DurationRange,
        /// The first time, after load began; `None`: after one gap.
        from: Option<Duration>,
        /// No time is at or after this; `None`: the end of load.
        until: Option<Duration>,
        /// At most so often.
        times: Option<u32>,
    },
}

/// A moment of a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Each time it begins.
    Begin,
    /// Each time it ends.
    End,
    /// Its first beginning.
    First,
}

impl Moment {
    /// Each with what is written after the fault's name.
    pub const NAMED: &'static [(&'static str, Moment)] =
        &[("", Moment::Begin), (".end", Moment::End), (".first", Moment::First)];
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::At(at) => write!(formatter, "at {at}"),
            Trigger::When(condition) => write!(formatter, "when {condition}"),
            Trigger::After { fault, moment, delay } => {
                let named = Moment::NAMED.iter().find(|(_, known)| known == moment);
                write!(formatter, "after {fault}{} + {delay}", named.map_or("", |(name, _)| name))
            }
            Trigger::Every { gap, from, until, times } => {
                write!(formatter, "every {gap}")?;
                for (word, time) in [("from", from), ("until", until)] {
                    time.map_or(Ok(()), |time| write!(formatter, " {word} {}", show(time)))?;
                }
                times.map_or(Ok(()), |times| write!(formatter, ", {times} times at most"))
            }
        }
    }
}

impl FaultPlan {
    /// Whether one run may see it more than once.
    #[must_use]
    pub fn repeats(&self) -> bool {
        match &self.trigger {
            Trigger::Every { .. } => true,
            Trigger::After { moment, .. } => *moment != Moment::First,
            Trigger::At(_) | Trigger::When(_) => false,
        }
    }
}

/// What a fault does.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// The process dies, the machine lives: peers see the connections close, the page cache stays. It starts again
    /// when the fault ends.
    Crash,
    /// The machine goes dark: peers see silence, unsynced bytes are lost as the disk model says.
    PowerLoss,
    /// An orderly stop and, after the fault's duration, a start.
    Restart,
    /// The process stands still; its connections stay.
    Pause,
    /// Messages between the two sides are lost.
    Partition {
        /// One side.
        side_a: TargetExpr,
        /// The other; [`Target::Rest`] is everything that is not in `side_a`.
        side_b: TargetExpr,
        /// Which direction.
        cut: Cut,
    },
    /// Messages between two targets take this long, both ways.
    SlowLink {
        /// One end and the other.
        link: (Target, Target),
        /// Latency of each message while the fault lasts.
        latency: Distribution,
    },
    /// Something is wrong with the disks of the targets.
    Disk(DiskFaultPlan),
    /// The targets are new machines: they are not there until the fault fires. Of a group, its next member.
    Add,
    /// Members of groups leave in good order and never come back.
    Remove,
    /// Members of groups work so many times longer on each record.
    SlowWork {
        /// So many times.
        factor: u32,
    },
    /// The operator moves a partition to other replicas. Over when every one of them has all of it.
    Reassign {
        /// The partition.
        partition: TopicPartition,
        /// Where to, the preferred leader first.
        replicas: Vec<NodeId>,
    },
    /// The operator asks for the preferred leader of a partition. Over when the controller has answered.
    MoveLeader(TopicPartition),
}

/// Direction of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Neither side hears the other.
    Full,
    /// Side b cannot hear side a; side a still hears side b.
    OneWay,
}

/// Brokers that one of `faults` adds, each once, however many faults add it.
pub(crate) fn late_brokers(faults: &[FaultPlan]) -> BTreeSet<NodeId> {
    let strikes = faults.iter().flat_map(|fault| &fault.strikes);
    let targets = strikes.filter(|strike| strike.action == Action::Add).flat_map(|strike| &strike.targets.0);
    targets.filter_map(|target| if let Target::Broker(id) = target { Some(*id) } else { None }).collect()
}
