//! Checkers: one property, one file.
//!
//! A checker sees every happening with the view after it (invariants), and at the end the whole run (history
//! checks). It draws nothing, changes nothing and reaches into no machine. It says how much it observed: one that
//! saw nothing has tested nothing. Whether a violation breaks a promise is not its business: `promise` decides.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use crate::history::{History, RecordId};
use crate::scenario::{Guarantee, Plan};
use crate::view::{ClusterView, Happening};

mod found;
pub mod group;
pub mod high_watermark_never_back;
pub mod metadata_quorum_safe;
pub mod no_acked_record_lost;
pub mod no_duplicates;
pub mod no_skipped_records;
pub mod offset_means_one_record;
pub mod order_per_partition;
pub mod recovers;
pub mod replicas_identical_below_hw;
#[cfg(test)]
pub(crate) mod sample;
pub mod single_leader_per_epoch;

/// Violations kept of one property in one run; the count goes on.
pub const VIOLATIONS_KEPT_MAX: usize = 100;

/// One way in which a property failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// When it happened, as far as it has a moment.
    pub at: Option<Instant>,
    /// The partition.
    pub partition: Option<TopicPartition>,
    /// The offset.
    pub offset: Option<Offset>,
    /// The record.
    pub record: Option<RecordId>,
    /// The replica.
    pub broker: Option<NodeId>,
    /// A sentence with the figures.
    pub text: String,
}

/// What a checker found in one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The property.
    pub guarantee: Guarantee,
    /// How many things it looked at (records, pairs, moments); 0 is "saw nothing".
    pub checked: u64,
    /// What `checked` counts: "acknowledged records".
    pub unit: &'static str,
    /// How many violations there were.
    pub violated: u64,
    /// The first of them.
    pub violations: Vec<Violation>,
}

/// How the cluster came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// After this time, counted from the end of the faults.
    After(std::time::Duration),
    /// It did not; each entry says what is pending: "orders/0: replica 2 ends at 40, leader at 57".
    Pending(Vec<String>),
}

/// A run that is over.
#[derive(Debug)]
pub struct FinishedRun<'a> {
    /// What was run.
    pub plan: &'a Plan,
    /// What clients saw.
    pub history: &'a History,
    /// What machines said.
    pub view: &'a ClusterView,
    /// The log of each replica as its disk holds it: the segments one after the other.
    pub replica_logs: &'a BTreeMap<(TopicPartition, NodeId), Bytes>,
    /// How the cluster came back.
    pub recovery: &'a Recovery,
    /// True virtual time at the end.
    pub end: Instant,
}

/// A checker of one property.
pub trait Checker {
    /// The property.
    fn guarantee(&self) -> Guarantee;

    /// Sees a happening; `view` is as it is after it.
    fn on_happening(&mut self, view: &ClusterView, happening: &Happening) {
        let _ = (view, happening);
    }

    /// Judges the run that is over.
    fn finish(&mut self, run: &FinishedRun<'_>) -> Finding;
}

/// One checker of each guarantee a plan can be judged by, in the order of [`Guarantee::ALL`].
#[must_use]
pub fn all(plan: &Plan) -> Vec<Box<dyn Checker>> {
    Guarantee::of(plan).map(of).collect()
}

/// A fresh checker of a guarantee.
#[must_use]
pub fn of(guarantee: Guarantee) -> Box<dyn Checker> {
    match guarantee {
        Guarantee::NoAckedRecordLost => Box::new(no_acked_record_lost::NoAckedRecordLost),
        Guarantee::OrderPerPartition => Box::new(order_per_partition::OrderPerPartition),
        Guarantee::NoDuplicates => Box::new(no_duplicates::NoDuplicates),
        Guarantee::OffsetMeansOneRecord => Box::new(offset_means_one_record::OffsetMeansOneRecord),
        Guarantee::NoSkippedRecords => Box::new(no_skipped_records::NoSkippedRecords),
        Guarantee::SingleOwnerPerGeneration => {
            Box::new(group::single_owner_per_generation::SingleOwnerPerGeneration)
        }
        Guarantee::AtLeastOnceProcessing => Box::new(group::at_least_once_processing::AtLeastOnceProcessing),
        Guarantee::CommitsNeverRegress => Box::new(group::commits_never_regress::CommitsNeverRegress),
        Guarantee::ZombieCommitFenced => Box::new(group::zombie_commit_fenced::ZombieCommitFenced),
        Guarantee::AcknowledgedCommitSurvives => {
            Box::new(group::acknowledged_commit_survives::AcknowledgedCommitSurvives)
        }
        Guarantee::AssignmentComplete => Box::new(group::assignment_complete::AssignmentComplete),
        Guarantee::RebalanceEnds => Box::new(group::rebalance_ends::RebalanceEnds),
        Guarantee::SingleLeaderPerEpoch => Box::new(single_leader_per_epoch::SingleLeaderPerEpoch::default()),
        Guarantee::MetadataQuorumSafe => Box::new(metadata_quorum_safe::MetadataQuorumSafe::default()),
        Guarantee::ReplicasIdenticalBelowHighWatermark => {
            Box::new(replicas_identical_below_hw::ReplicasIdentical::default())
        }
        Guarantee::HighWatermarkNeverBack => {
            Box::new(high_watermark_never_back::HighWatermarkNeverBack::default())
        }
        Guarantee::Recovers => Box::new(recovers::Recovers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_checker_of_each_guarantee_in_the_order_of_the_report() {
        let guarantees: Vec<Guarantee> = Guarantee::ALL.iter().map(|one| of(*one).guarantee()).collect();
        assert_eq!(guarantees, Guarantee::ALL);
    }

    #[test]
    fn a_run_without_a_group_is_not_judged_by_the_guarantees_of_groups() {
        let about_groups = |plan: &Plan| Guarantee::of(plan).any(Guarantee::is_about_groups);
        assert!(!about_groups(&sample::plan(&[])));
        assert!(about_groups(&group::sample::GroupSample::new().sample.plan));
    }
}
