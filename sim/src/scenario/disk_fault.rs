//! Faults of a broker's disk, as a plan has them.
//!
//! | action            | hardware | what the broker meets                                                        |
//! |-------------------|----------|------------------------------------------------------------------------------|
//! | `disk-full`       | legal    | ENOSPC once `free` is used up; the last write is cut where the room ended      |
//! | `disk-slow`       | legal    | every write and flush takes `latency` longer, one after the other             |
//! | `disk-stall`      | legal    | nothing on the disk ends before the fault does                                |
//! | `disk-read-error` | rare     | a `share` of the reads fails with EIO                                         |
//! | `fsync-error`     | rare     | a `share` of the flushes fails with EIO; the data is gone after a power loss   |
//! | `disk-corrupt`    | rare     | single `bits` turn over, once and for good                                    |
//! | `fsync-lies`      | illegal  | a `share` of the flushes succeeds and makes nothing durable                   |
//!
//! What each does to an operation is `runtime::DiskFault`'s business; here is what a scenario may ask for.

use tribunal_engine::id::TopicPartition;

use super::action::Hardware;
use super::distribution::Distribution;

/// A fault of a disk: what is wrong, and with which files.
#[derive(Clone, PartialEq, Debug)]
pub struct DiskFaultPlan {
    /// What is wrong.
    pub kind: DiskFaultKind,
    /// With which kind of file.
    pub files: FileKind,
    /// With the files of this partition only.
    pub partition: Option<TopicPartition>,
}

/// What is wrong with a disk. Shares are from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum DiskFaultKind {
    /// No room but this.
    Full {
        /// Bytes that may still be written.
        free: u64,
    },
    /// Writes and flushes take longer.
    Slow {
        /// By so much each.
        latency: Distribution,
    },
    /// Nothing ends.
    Stall,
    /// Reads fail.
    ReadError {
        /// This share of them.
        share: f64,
    },
    /// Flushes fail, and what they should have written is lost with the next power loss.
    FsyncError {
        /// This share of them.
        share: f64,
    },
    /// Flushes succeed and do nothing.
    FsyncLies {
        /// This share of them.
        share: f64,
    },
    /// Bits turn over.
    Corrupt {
        /// So many.
        bits: u32,
    },
}

impl DiskFaultKind {
    /// Names of the actions in scenario files, each with what it asks of hardware.
    pub const NAMED: &'static [(&'static str, Hardware)] = &[
        ("disk-full", Hardware::Legal),
        ("disk-slow", Hardware::Legal),
        ("disk-stall", Hardware::Legal),
        ("disk-read-error", Hardware::Rare),
        ("disk-corrupt", Hardware::Rare),
        ("fsync-error", Hardware::Rare),
        ("fsync-lies", Hardware::Illegal),
    ];

    /// Name of its action.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DiskFaultKind::Full { .. } => "disk-full",
            DiskFaultKind::Slow { .. } => "disk-slow",
            DiskFaultKind::Stall => "disk-stall",
            DiskFaultKind::ReadError { .. } => "disk-read-error",
            DiskFaultKind::FsyncError { .. } => "fsync-error",
            DiskFaultKind::FsyncLies { .. } => "fsync-lies",
            DiskFaultKind::Corrupt { .. } => "disk-corrupt",
        }
    }

    /// What it asks of hardware.
    #[must_use]
    pub fn hardware(self) -> Hardware {
        let named = DiskFaultKind::NAMED.iter().find(|(name, _)| *name == self.name());
        named.map_or(Hardware::Illegal, |(_, hardware)| *hardware)
    }
}

/// A kind of file in a broker's log directory, by the names Kafka gives them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Every file.
    All,
    /// Segments of records.
    Log,
    /// Offset and time indexes.
    Index,
    /// The leader-epoch checkpoint of each partition.
    EpochCheckpoint,
    /// Snapshots of the producer state.
    ProducerSnapshot,
}

impl FileKind {
    /// Each with its name in scenario files and the endings of its files' names; no ending means every file.
    pub const NAMED: &'static [(FileKind, &'static str, &'static [&'static str])] = &[
        (FileKind::All, "all", &[]),
        (FileKind::Log, "log", &[".log"]),
        (FileKind::Index, "index", &[".index", ".timeindex", ".txnindex"]),
        (FileKind::EpochCheckpoint, "epoch-checkpoint", &["leader-epoch-checkpoint"]),
        (FileKind::ProducerSnapshot, "producer-snapshot", &[".snapshot"]),
    ];

    /// Its name in scenario files.
    #[must_use]
    pub fn name(self) -> &'static str {
        FileKind::NAMED.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    /// How names of its files end; empty for every file.
    #[must_use]
    pub fn endings(self) -> &'static [&'static str] {
        FileKind::NAMED.iter().find(|(kind, ..)| *kind == self).map_or(&[], |(.., endings)| endings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_table_is_named() {
        let latency =
            Distribution::Range(super::super::units::DurationRange::exactly(std::time::Duration::ZERO));
        let kinds = [
            DiskFaultKind::Full { free: 0 },
            DiskFaultKind::Slow { latency },
            DiskFaultKind::Stall,
            DiskFaultKind::ReadError { share: 1.0 },
            DiskFaultKind::Corrupt { bits: 1 },
            DiskFaultKind::FsyncError { share: 1.0 },
            DiskFaultKind::FsyncLies { share: 1.0 },
        ];
        let named: Vec<&str> = DiskFaultKind::NAMED.iter().map(|(name, _)| *name).collect();
        assert_eq!(kinds.map(DiskFaultKind::name).to_vec(), named);
    }
}
