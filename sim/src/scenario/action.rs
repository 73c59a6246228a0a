//! The actions of faults: their names, what each does, and what it asks of hardware.
//!
//! Hardware is asked whether a machine that keeps its contract may do this at all. A verdict under faults that no sound machine has says something else than one under a power loss, so the report
//! names the kind of every fault that struck.

use std::fmt;

use super::plan::Action;

/// How a fault stands to the contract of the hardware.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hardware {
    /// Sound hardware does it.
    Legal,
    /// Sound hardware does it seldom, and says so or can be found out.
    Rare,
    /// Only broken hardware, or firmware that cheats, does it.
    Illegal,
}

impl Hardware {
    /// Each with its name.
    pub const NAMED: &'static [(Hardware, &'static str)] =
        &[(Hardware::Legal, "legal"), (Hardware::Rare, "rare"), (Hardware::Illegal, "illegal")];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Hardware::NAMED.iter().find(|(hardware, _)| *hardware == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Every action that is built: its name in scenario files, and what happens.
pub const ACTIONS: &[(&str, &str)] = &[
    (
        "crash",
        "The process dies, its machine lives: peers see the connections close, the page cache stays. It starts again \
         when the fault ends.",
    ),
    (
        "power-loss",
        "The machine goes dark: peers see silence, bytes that were not synced are lost as \
         `cluster.disk.on-power-loss` says. It boots when the fault ends.",
    ),
    (
        "restart",
        "The process stops in good order and starts again, after `for` if it is given. A member of a consumer group leaves it, \
         unless it has a group.instance.id.",
    ),
    (
        "pause",
        "The process stands still, its connections stay: a long garbage collection, a stopped process.",
    ),
    (
        "partition",
        "Messages between `side-a` and `side-b` do not arrive until the fault ends. With cut = \"one-way\" only b cannot \
         hear a.",
    ),
    ("slow-link", "Messages between the two ends of `link(A, B)` take `latency`, both ways."),
    (
        "disk-full",
        "ENOSPC once `free` bytes (0B) are used up; the last write is cut where the room ended. The log goes offline \
         until somebody makes room and starts the broker again.",
    ),
    (
        "disk-slow",
        "Every write and flush takes `latency` longer, one after the other, as when the kernel holds writers back. \
         Reads come from the page cache.",
    ),
    ("disk-stall", "Nothing on the disk ends before the fault does."),
    ("disk-read-error", "A `share` (100%) of the reads fails with EIO."),
    (
        "disk-corrupt",
        "So many `bits` (1) turn over, once and for good. A record batch with one has a wrong checksum from then on.",
    ),
    (
        "fsync-error",
        "A `share` (100%) of the flushes fails with EIO, and the kernel forgets the pages (fsyncgate): a later flush \
         succeeds without them, and the next power loss takes them.",
    ),
    ("fsync-lies", "A `share` (100%) of the flushes succeeds and makes nothing durable."),
    (
        "add",
        "New brokers: the targets, as `broker 4`, are not there from the beginning but start when the fault fires. With \
         target = \"consumer billing\" one more member of that group.",
    ),
    ("remove", "Members of consumer groups leave in good order and never come back."),
    (
        "slow-work",
        "Members of consumer groups work `factor` times longer on each record until the fault ends: a poll that comes too \
         late for max.poll.interval.ms costs the member its partitions.",
    ),
    (
        "reassign",
        "The operator moves `partition` to `replicas` = [4, 2, 3], the preferred leader first. It ends when every one of \
         them has all of it.",
    ),
    ("move-leader", "The operator asks that the preferred replica of `partition` leads."),
];

impl Action {
    /// Its name in scenario files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::Crash => "crash",
            Action::PowerLoss => "power-loss",
            Action::Restart => "restart",
            Action::Pause => "pause",
            Action::Partition { .. } => "partition",
            Action::SlowLink { .. } => "slow-link",
            Action::Disk(fault) => fault.kind.name(),
            Action::Add => "add",
            Action::Remove => "remove",
            Action::SlowWork { .. } => "slow-work",
            Action::Reassign { .. } => "reassign",
            Action::MoveLeader(_) => "move-leader",
        }
    }

    /// What it asks of hardware.
    #[must_use]
    pub fn hardware(&self) -> Hardware {
        match self {
            Action::Disk(fault) => fault.kind.hardware(),
            Action::Crash
            | Action::PowerLoss
            | Action::Restart
            | Action::Pause
            | Action::Partition { .. }
            | Action::SlowLink { .. }
            | Action::Add
            | Action::Remove
            | Action::SlowWork { .. }
            | Action::Reassign { .. }
            | Action::MoveLeader(_) => Hardware::Legal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk_fault::DiskFaultKind;
    use super::*;

    #[test]
    fn every_kind_of_hardware_has_a_name() {
        for hardware in [Hardware::Legal, Hardware::Rare, Hardware::Illegal] {
            assert!(!hardware.name().is_empty());
        }
    }

    #[test]
    fn every_action_on_disks_is_explained() {
        for (name, _) in DiskFaultKind::NAMED {
            assert!(ACTIONS.iter().any(|(action, _)| action == name), "{name}");
        }
    }
}
