//! The guarantees a run is judged by: names, definitions, and Jepsen's names for their violations.
//!
//! How each is checked stands with its checker. Every built guarantee is checked in every run, those of
//! consumer groups in runs that have one; a scenario's `expect` only says what counts as a failure.

use std::fmt;

use super::plan::Plan;

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
    /// A partition has one owner in its group at a time.
    SingleOwnerPerGeneration,
    /// A group that has passed a record has processed it.
    AtLeastOnceProcessing,
    /// Committed offsets only grow.
    CommitsNeverRegress,
    /// Who is no member any more cannot commit.
    ZombieCommitFenced,
    /// A commit that was acknowledged is found again.
    AcknowledgedCommitSurvives,
    /// An assignment gives every partition to one member.
    AssignmentComplete,
    /// A rebalance comes to an end.
    RebalanceEnds,
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
pub(crate) const NOT_BUILT: &[&str] =
    &["no-backwards-reads", "no-read-of-truncated-record", "no-aborted-read"];

impl Guarantee {
    /// Every guarantee that is built, in the order of the report.
    pub const ALL: &'static [Guarantee] = &[
        Guarantee::NoAckedRecordLost,
        Guarantee::OrderPerPartition,
        Guarantee::NoDuplicates,
        Guarantee::OffsetMeansOneRecord,
        Guarantee::NoSkippedRecords,
        Guarantee::SingleOwnerPerGeneration,
        Guarantee::AtLeastOnceProcessing,
        Guarantee::CommitsNeverRegress,
        Guarantee::ZombieCommitFenced,
        Guarantee::AcknowledgedCommitSurvives,
        Guarantee::AssignmentComplete,
        Guarantee::RebalanceEnds,
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
            Guarantee::SingleOwnerPerGeneration => "single-owner-per-generation",
            Guarantee::AtLeastOnceProcessing => "at-least-once-processing",
            Guarantee::CommitsNeverRegress => "commits-never-regress",
            Guarantee::ZombieCommitFenced => "zombie-commit-fenced",
            Guarantee::AcknowledgedCommitSurvives => "acknowledged-commit-survives",
            Guarantee::AssignmentComplete => "assignment-complete",
            Guarantee::RebalanceEnds => "rebalance-ends",
            Guarantee::SingleLeaderPerEpoch => "single-leader-per-epoch",
            Guarantee::MetadataQuorumSafe => "metadata-quorum-safe",
            Guarantee::ReplicasIdenticalBelowHighWatermark => "replicas-identical-below-hw",
            Guarantee::HighWatermarkNeverBack => "high-watermark-never-back",
            Guarantee::Recovers => "recovers",
        }
    }

    /// The guarantees that a plan can be judged by: those of consumer groups need one.
    pub fn of(plan: &Plan) -> impl Iterator<Item = Guarantee> + use<> {
        let has_group = plan.consumers.iter().any(|consumer| consumer.group.is_some());
        Self::ALL.iter().copied().filter(move |guarantee| has_group || !guarantee.is_about_groups())
    }

    /// Whether it is about consumer groups.
    #[must_use]
    pub fn is_about_groups(self) -> bool {
        matches!(
            self,
            Guarantee::SingleOwnerPerGeneration
                | Guarantee::AtLeastOnceProcessing
                | Guarantee::CommitsNeverRegress
                | Guarantee::ZombieCommitFenced
                | Guarantee::AcknowledgedCommitSurvives
                | Guarantee::AssignmentComplete
                | Guarantee::RebalanceEnds
        )
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
            Guarantee::SingleOwnerPerGeneration => {
                "No two members of a group own one partition at a time, as long as the coordinator counts both as members."
            }
            Guarantee::AtLeastOnceProcessing => {
                "Every record that the committed position of a group has passed was processed by one of its members."
            }
            Guarantee::CommitsNeverRegress => {
                "The committed offset of a group in a partition never decreases."
            }
            Guarantee::ZombieCommitFenced => {
                "A commit of a client that is no current member of the group is refused."
            }
            Guarantee::AcknowledgedCommitSurvives => {
                "Whoever takes a partition over starts where the last acknowledged commit says, or behind it."
            }
            Guarantee::AssignmentComplete => {
                "An assignment that stands gives every subscribed partition to exactly one member, and no two members share a group.instance.id."
            }
            Guarantee::RebalanceEnds => {
                "A rebalance ends within the rebalance timeout and the session timeout after the last change that caused it."
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
            Guarantee::SingleOwnerPerGeneration
            | Guarantee::AtLeastOnceProcessing
            | Guarantee::CommitsNeverRegress
            | Guarantee::ZombieCommitFenced
            | Guarantee::AcknowledgedCommitSurvives
            | Guarantee::AssignmentComplete
            | Guarantee::RebalanceEnds
            | Guarantee::SingleLeaderPerEpoch
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
