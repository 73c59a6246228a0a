//! The guarantees a run is judged by: names, definitions, and Jepsen's names for their violations.
//!
//! How each is checked stands with its checker. Every built guarantee is checked in every run; a scenario's `expect`
//! only says what counts as a failure.

use std::fmt;

/// A guarantee that is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Guarantee {
    /// An acknowledged record is readable at the end.
    NoAckedRecordLost,
    /// One producer's records keep their order within a partition.
    OrderPerPartition,
    /// A record sent once is stored once.
    NoDuplicates,
    /// An offset stands for one record, for every reader, for ever.
    OffsetMeansOneRecord,
    /// A reader that reads on misses nothing.
    NoSkippedRecords,
    /// At most one broker leads a partition in one leader epoch.
    SingleLeaderPerEpoch,
    /// The controllers agree on what is committed, and keep it.
    MetadataQuorumSafe,
    /// Replicas agree below the high watermark.
    ReplicasIdenticalBelowHighWatermark,
    /// The high watermark of a partition, as clients see it, never moves back.
    HighWatermarkNeverBack,
    /// After the faults the cluster serves again.
    Recovers,
}

/// Guarantees of the format that are not built yet.
pub(crate) const NOT_BUILT: &[&str] = &[
    "no-backwards-reads",
    "no-read-of-truncated-record",
    "no-aborted-read",
    "at-least-once-processing",
    "single-owner-per-generation",
];

impl Guarantee {
    /// Every guarantee that is built, in the order of the report.
    pub const ALL: &'static [Guarantee] = &[
        Guarantee::NoAckedRecordLost,
        Guarantee::OrderPerPartition,
        Guarantee::NoDuplicates,
        Guarantee::OffsetMeansOneRecord,
        Guarantee::NoSkippedRecords,
        Guarantee::SingleLeaderPerEpoch,
        Guarantee::MetadataQuorumSafe,
        Guarantee::ReplicasIdenticalBelowHighWatermark,
        Guarantee::HighWatermarkNeverBack,
        Guarantee::Recovers,
    ];

    /// The name in scenario files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::NoAckedRecordLost => "no-acked-record-lost",
            Guarantee::OrderPerPartition => "order-per-partition",
            Guarantee::NoDuplicates => "no-duplicates",
            Guarantee::OffsetMeansOneRecord => "offset-means-one-record",
            Guarantee::NoSkippedRecords => "no-skipped-records",
            Guarantee::SingleLeaderPerEpoch => "single-leader-per-epoch",
            Guarantee::MetadataQuorumSafe => "metadata-quorum-safe",
            Guarantee::ReplicasIdenticalBelowHighWatermark => "replicas-identical-below-hw",
            Guarantee::HighWatermarkNeverBack => "high-watermark-never-back",
            Guarantee::Recovers => "recovers",
        }
    }

    /// The guarantee of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Guarantee> {
        Self::ALL.iter().find(|guarantee| guarantee.name() == name).copied()
    }

    /// What it says, in a sentence.
    #[must_use]
    pub fn definition(self) -> &'static str {
        match self {
            Guarantee::NoAckedRecordLost => {
                "Every record the cluster acknowledged can still be read when all faults are over."
            }
            Guarantee::OrderPerPartition => {
                "Records that one producer sent to one partition one after the other are stored in that order."
            }
            Guarantee::NoDuplicates => "A record that was sent once is stored at most once.",
            Guarantee::OffsetMeansOneRecord => {
                "Whoever reads an offset of a partition, whenever and from whichever replica, finds the same record."
            }
            Guarantee::NoSkippedRecords => {
                "A consumer that reads on from its position gets every record between the first and the last it saw."
            }
            Guarantee::SingleLeaderPerEpoch => {
                "In one leader epoch of a partition, at most one broker acts as its leader."
            }
            Guarantee::MetadataQuorumSafe => {
                "Each epoch of the metadata quorum is led once, and metadata that was committed is never lost or replaced."
            }
            Guarantee::ReplicasIdenticalBelowHighWatermark => {
                "All replicas of a partition hold the same records below its high watermark."
            }
            Guarantee::HighWatermarkNeverBack => {
                "The offset below which records of a partition count as committed never decreases."
            }
            Guarantee::Recovers => {
                "After all faults are healed every partition has a leader, accepts writes, and every replica catches up."
            }
        }
    }

    /// What Jepsen's Kafka workload calls a violation, where it has a name for it.
    #[must_use]
    pub fn jepsen_name(self) -> Option<&'static str> {
        match self {
            Guarantee::NoAckedRecordLost => Some("lost-write"),
            Guarantee::OrderPerPartition => Some("nonmonotonic-send"),
            Guarantee::NoDuplicates => Some("duplicate"),
            Guarantee::OffsetMeansOneRecord => Some("inconsistent-offsets"),
            Guarantee::NoSkippedRecords => Some("poll-skip"),
            Guarantee::SingleLeaderPerEpoch
            | Guarantee::MetadataQuorumSafe
            | Guarantee::ReplicasIdenticalBelowHighWatermark
            | Guarantee::HighWatermarkNeverBack
            | Guarantee::Recovers => None,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_is_found_by_its_name() {
        for guarantee in Guarantee::ALL {
            assert_eq!(Guarantee::named(guarantee.name()), Some(*guarantee));
            assert!(!NOT_BUILT.contains(&guarantee.name()));
        }
    }
}
