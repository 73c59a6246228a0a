//! Guarantees in words.

use tribunal_reports::artifact::Guarantee as Worded;

use crate::scenario::{Guarantee, Scenario};

/// Every guarantee the scenario can be judged by, in the order of the report.
pub(super) fn all(scenario: &Scenario) -> Vec<Worded> {
    let about = |guarantee: &Guarantee| {
        scenario.variants.iter().any(|plan| Guarantee::of(plan).any(|one| one == *guarantee))
    };
    Guarantee::ALL.iter().copied().filter(about).map(worded).collect()
}

fn worded(guarantee: Guarantee) -> Worded {
    Worded {
        id: guarantee.name().to_owned(),
        title: title(guarantee).to_owned(),
        definition: guarantee.definition().to_owned(),
        how_checked: how_checked(guarantee).to_owned(),
        also_known_as: guarantee.jepsen_name().map_or_else(String::new, |name| format!("Jepsen: {name}")),
    }
}

fn title(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::NoAckedRecordLost => "No acknowledged record is lost",
        Guarantee::OrderPerPartition => "Order within a partition",
        Guarantee::NoDuplicates => "No duplicates",
        Guarantee::OffsetMeansOneRecord => "An offset means one record",
        Guarantee::NoSkippedRecords => "No record is skipped",
        Guarantee::SingleOwnerPerGeneration => "One owner per partition",
        Guarantee::AtLeastOnceProcessing => "Every record is processed",
        Guarantee::CommitsNeverRegress => "Commits never go back",
        Guarantee::ZombieCommitFenced => "Zombies cannot commit",
        Guarantee::AcknowledgedCommitSurvives => "An acknowledged commit survives",
        Guarantee::AssignmentComplete => "Assignments are complete",
        Guarantee::RebalanceEnds => "Rebalances end",
        Guarantee::SingleLeaderPerEpoch => "One leader per epoch",
        Guarantee::MetadataQuorumSafe => "The controllers keep what they committed",
        Guarantee::ReplicasIdenticalBelowHighWatermark => "Replicas agree below the high watermark",
        Guarantee::HighWatermarkNeverBack => "The high watermark never moves back",
        Guarantee::Recovers => "The cluster recovers",
    }
}

/// What is observed to judge a guarantee, in a sentence.
#[must_use]
pub fn how_checked(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::NoAckedRecordLost => {
            "Every acknowledged send is looked up in what fresh consumers read when all faults are over."
        }
        Guarantee::OrderPerPartition => {
            "For each producer and partition, the final read is compared with the order of the sends."
        }
        Guarantee::NoDuplicates => {
            "Each value is unique; the final read is searched for values that appear twice."
        }
        Guarantee::OffsetMeansOneRecord => {
            "Every read of every consumer, and the final read, is compared offset by offset."
        }
        Guarantee::NoSkippedRecords => {
            "What each consumer was given is compared with the records between its first and its last offset."
        }
        Guarantee::SingleOwnerPerGeneration => {
            "Members say from when to when they own a partition; two that the coordinator counts as members may not overlap."
        }
        Guarantee::AtLeastOnceProcessing => {
            "What members processed is compared with every record below the position their group has reached."
        }
        Guarantee::CommitsNeverRegress => {
            "Every commit a coordinator took is compared with the one before, over failovers."
        }
        Guarantee::ZombieCommitFenced => {
            "Coordinators say with which epoch a commit came and which was the current one."
        }
        Guarantee::AcknowledgedCommitSurvives => {
            "The first record a new owner is given, and the committed offsets at the end, are compared with what was acknowledged."
        }
        Guarantee::AssignmentComplete => {
            "Every assignment a coordinator stored is held against the partitions subscribed to and the members of the group."
        }
        Guarantee::RebalanceEnds => {
            "From its start, and from every change that prolongs it, a rebalance is timed until the group is stable."
        }
        Guarantee::SingleLeaderPerEpoch => {
            "Every broker says when it takes a leadership; no epoch may have two."
        }
        Guarantee::MetadataQuorumSafe => {
            "Every controller says when it leads and what it knows to be committed; nobody may contradict another."
        }
        Guarantee::ReplicasIdenticalBelowHighWatermark => {
            "When all is over, the logs on the disks of all replicas are compared byte by byte."
        }
        Guarantee::HighWatermarkNeverBack => {
            "Every high watermark a legitimate leader commits is compared with the one before."
        }
        Guarantee::Recovers => {
            "After the faults, each partition must have a leader, take a write, and bring every replica back."
        }
    }
}
