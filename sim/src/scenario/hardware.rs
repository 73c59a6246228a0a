//! What each fault asks of hardware: whether a machine that keeps its contract may do this at all.
//!
//! A verdict under faults that no sound machine has says something else than one under a power loss, so the report
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
    /// Each with its name and what it means.
    pub const NAMED: &'static [(Hardware, &'static str, &'static str)] = &[
        (
            Hardware::Legal,
            "legal",
            "A fault of legal hardware: sound machines, disks and networks do this, and a configuration has to live \
             with it (a crash, a power loss that takes what was not synced, a full or slow disk, a partition).",
        ),
        (
            Hardware::Rare,
            "rare",
            "A fault of rare hardware: sound disks do this seldom, and report it or leave a wrong checksum (a read \
             error, an fsync that fails, a bit that rots).",
        ),
        (
            Hardware::Illegal,
            "illegal",
            "A fault of illegal hardware: only a disk that breaks its contract does this (it calls data durable that \
             is not). No setting of Kafka protects one replica against it, only other replicas do.",
        ),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Hardware::NAMED.iter().find(|(hardware, ..)| *hardware == self).map_or("", |(_, name, _)| name)
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

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
            | Action::SlowLink { .. } => Hardware::Legal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name() {
        for hardware in [Hardware::Legal, Hardware::Rare, Hardware::Illegal] {
            assert!(!hardware.name().is_empty());
        }
    }
}
