//! What really happened to a partition, as far as promises depend on it: unclean elections, and records that went
//! with the power of their machines.

use std::collections::BTreeSet;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::Excuse;
use crate::checker::Violation;
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::scenario::plan::ProducerPlan;
use crate::view::{Acknowledgement, LOST_AT_RESTART, PartitionView, What};

/// A run and its plan.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunOutcome,
}

/// A record that replicas lost with the power of their machines.
pub(super) struct LostWithPower {
    /// Whose copies went.
    brokers: BTreeSet<NodeId>,
    /// When the last of them went.
    last: Instant,
}

impl<'a> Evidence<'a> {
    /// The table a producer belongs to.
    pub(super) fn producer(&self, index: u32) -> Option<&'a ProducerPlan> {
        let table = self.run.history.producers.get(index as usize)?.table.as_ref()?;
        self.plan.producers.iter().find(|producer| producer.name == *table)
    }

    /// What is known of a partition.
    pub(super) fn partition(&self, partition: &TopicPartition) -> Option<&'a PartitionView> {
        self.run.view.partitions.get(partition)
    }

    /// The broker's side of an acknowledgement that a client got at `completed`: the last for that offset before.
    pub(super) fn acknowledgement(
        &self,
        partition: &TopicPartition,
        offset: Offset,
        completed: Option<Instant>,
    ) -> Option<&'a Acknowledgement> {
        self.partition(partition)?.acknowledgement(offset, completed)
    }

    /// The leader epoch in which what was acknowledged was written: that of the acknowledgement, or an earlier one
    /// if the leader recognised a retry.
    pub(super) fn epoch_of_batch(
        &self,
        partition: &TopicPartition,
        offset: Offset,
        given: &Acknowledgement,
    ) -> LeaderEpoch {
        let appends = self.partition(partition).into_iter().flat_map(|state| state.appends.iter().rev());
        let mut copies = appends.filter(|append| {
            append.broker == given.broker
                && append.at <= given.at
                && append.batch.base <= offset
                && offset <= append.batch.last
        });
        copies.next().map_or(given.epoch, |append| append.batch.epoch)
    }

    /// The last unclean election of the partition: its epoch and its time.
    pub(super) fn unclean_election(&self, wanted: &TopicPartition) -> Option<(LeaderEpoch, Instant)> {
        self.run.view.happenings.iter().rev().find_map(|happening| match &happening.what {
            What::Event(Event::LeaderElected {
                partition, epoch, reason: ElectionReason::Unclean, ..
            }) if partition == wanted => Some((*epoch, happening.at)),
            _ => None,
        })
    }

    /// The ISR as the controller had it at a time.
    fn isr_at(&self, wanted: &TopicPartition, at: Instant) -> Vec<NodeId> {
        let until = self.run.view.happenings.iter().take_while(|happening| happening.at <= at);
        let isrs = until.filter_map(|happening| match &happening.what {
            What::Event(
                Event::LeaderElected { partition, isr, .. } | Event::IsrChanged { partition, isr, .. },
            ) if partition == wanted => Some(isr),
            _ => None,
        });
        isrs.last().cloned().unwrap_or_default()
    }

    /// Whether the last stop of a broker before `at` was a power failure: a process that dies alone loses nothing
    /// that it has acknowledged.
    fn power_failed_before(&self, broker: NodeId, at: Instant) -> bool {
        let happenings = self.run.view.happenings.iter().rev();
        let mut stops = happenings.filter(|happening| {
            happening.node == Some(broker)
                && happening.at <= at
                && matches!(happening.what, What::Crashed | What::PowerLost)
        });
        stops.next().is_some_and(|stop| stop.what == What::PowerLost)
    }

    /// Whose copies of the batch at `offset` went with the power (of `epoch`, if it is known).
    fn lost_with_power(
        &self,
        state: &PartitionView,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Option<LostWithPower> {
        let holds = |batch: &tribunal_engine::event::BatchId| {
            batch.base <= offset && offset <= batch.last && epoch.is_none_or(|epoch| batch.epoch == epoch)
        };
        let cuts = state.cuts.iter().filter(|cut| cut.why == LOST_AT_RESTART && cut.lost.iter().any(holds));
        let cuts = cuts.filter(|cut| self.power_failed_before(cut.broker, cut.at));
        let mut lost: Option<LostWithPower> = None;
        for cut in cuts {
            let all = lost.get_or_insert(LostWithPower { brokers: BTreeSet::new(), last: cut.at });
            all.brokers.insert(cut.broker);
            all.last = all.last.max(cut.at);
        }
        lost
    }

    /// Excuses the loss of a committed record: too many copies went with the power of their machines. Too many are
    /// as many as `min.insync.replicas`, or every member of the ISR at that time (the last replica standing).
    pub(super) fn too_many_lost_power(
        &self,
        partition: &TopicPartition,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Option<Excuse> {
        let state = self.partition(partition)?;
        let lost = self.lost_with_power(state, offset, epoch)?;
        let replicas = state.replicas.len().max(1);
        let min = state.min_insync_replicas.min(replicas);
        let isr = self.isr_at(partition, lost.last);
        let last_standing = !isr.is_empty() && isr.iter().all(|member| lost.brokers.contains(member));
        if lost.brokers.len() < min && !last_standing {
            return None;
        }
        Some(if min == 1 && replicas > 1 && lost.brokers.len() < replicas {
            Excuse::new(
                "min.insync.replicas=1",
                "With min.insync.replicas=1 a record may be committed on one replica, and that one lost it with its power before it was on its disk.",
            )
        } else {
            Excuse::new(
                "log.flush.interval.messages (default)",
                "Kafka does not wait for the disk: a record is safe only while one in-sync replica that has it keeps its power, and here none did.",
            )
        })
    }

    /// Excuses what happens to a partition whose log an unclean election has rewritten.
    pub(super) fn after_unclean_election(&self, violation: &Violation) -> Option<Excuse> {
        let (_, elected) = self.unclean_election(violation.partition.as_ref()?)?;
        violation.at.is_none_or(|at| at >= elected).then(unclean)
    }

    /// Excuses that committed records are gone: by an unclean election, or with the power of too many machines.
    pub(super) fn committed_records_given_up(&self, violation: &Violation) -> Option<Excuse> {
        self.after_unclean_election(violation)
            .or_else(|| self.too_many_lost_power(violation.partition.as_ref()?, violation.offset?, None))
    }
}

/// The excuse of an unclean election.
pub(super) fn unclean() -> Excuse {
    Excuse::new(
        "unclean.leader.election.enable=true",
        "An unclean election made a replica leader that was not in sync: what it lacked was given up.",
    )
}
