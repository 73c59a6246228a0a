//! What really happened to a partition, as far as promises depend on it: unclean elections, and copies of records that
//! went with the power of their machines or rotted on their disks.

use std::collections::BTreeSet;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::Excuse;
use crate::checker::Violation;
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::scenario::disk_fault::{DiskFaultKind, FileKind};
use crate::scenario::plan::{Action, ProducerPlan};
use crate::view::{Acknowledgement, Append, LOST_AT_RESTART, PartitionView, What};

/// A run and its plan.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunOutcome,
}

/// A record whose copies went with the power of their machines, or rotted on their disks.
#[derive(Default)]
struct LostCopies {
    /// Whose copies went.
    brokers: BTreeSet<NodeId>,
    /// A fault of a disk without which one of them might have stayed.
    disk_fault: Option<DiskFaultKind>,
}

/// Whether a batch holds that offset (of that epoch, if it is known).
fn holds(batch: &BatchId, offset: Offset, epoch: Option<LeaderEpoch>) -> bool {
    batch.base <= offset && offset <= batch.last && epoch.is_none_or(|epoch| batch.epoch == epoch)
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
            append.broker == given.broker && append.at <= given.at && holds(&append.batch, offset, None)
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

    /// Whether the power of a broker failed between the cut of a replica at `at`, when it was read back, and the time
    /// it was read back before: a process that dies alone loses nothing that it has acknowledged. There may be several
    /// boots in between, none of which came far enough to have the replica.
    fn power_failed_before(&self, wanted: &TopicPartition, broker: NodeId, at: Instant) -> bool {
        let happenings = self.run.view.happenings.iter().rev();
        let before = happenings.filter(|it| it.node == Some(broker) && it.at <= at);
        for happening in before {
            match &happening.what {
                What::PowerLost => return true,
                What::Event(Event::Recovered { partition, .. })
                    if partition == wanted && happening.at < at =>
                {
                    return false;
                }
                _ => {}
            }
        }
        false
    }

    /// The fault that struck the log of a replica on its disk before `at`, if it is one that makes a copy worthless:
    /// rot, or a flush that failed or lied. A full, slow or unreadable disk takes nothing that was acknowledged.
    fn disk_fault(&self, partition: &TopicPartition, broker: NodeId, at: Instant) -> Option<DiskFaultKind> {
        let name = format!("broker {broker}");
        let mut struck = self.run.faults.iter().filter_map(|fault| {
            let Action::Disk(disk) = &fault.planned(self.plan)?.1.action else { return None };
            let here = disk.partition.as_ref().is_none_or(|only| only == partition)
                && matches!(disk.files, FileKind::All | FileKind::Log)
                && fault.targets.contains(&name)
                && fault.struck.is_some_and(|struck| struck > 0)
                && fault.began.is_some_and(|began| began <= at);
            here.then_some(disk.kind)
        });
        struck.find(|kind| {
            matches!(
                kind,
                DiskFaultKind::Corrupt { .. }
                    | DiskFaultKind::FsyncError { .. }
                    | DiskFaultKind::FsyncLies { .. }
            )
        })
    }

    /// Whether bits rotted in the log of a replica before `at`.
    fn rotted(&self, partition: &TopicPartition, broker: NodeId, at: Instant) -> bool {
        matches!(self.disk_fault(partition, broker, at), Some(DiskFaultKind::Corrupt { .. }))
    }

    /// Whose copies of the batch at `offset` went with the power or rotted (of `epoch`, if it is known).
    fn lost_copies(
        &self,
        partition: &TopicPartition,
        state: &PartitionView,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Option<LostCopies> {
        let lost_it = |lost: &[BatchId]| lost.iter().any(|batch| holds(batch, offset, epoch));
        let cuts = state.cuts.iter().filter(|cut| cut.why == LOST_AT_RESTART && lost_it(&cut.lost));
        let cuts = cuts.filter(|cut| {
            self.power_failed_before(partition, cut.broker, cut.at)
                || self.rotted(partition, cut.broker, cut.at)
        });
        let mut lost: Option<LostCopies> = None;
        for cut in cuts {
            let all = lost.get_or_insert_default();
            all.brokers.insert(cut.broker);
            all.disk_fault = all.disk_fault.or(self.disk_fault(partition, cut.broker, cut.at));
        }
        lost
    }

    /// Excuses the loss of a committed record: as many copies as `min.insync.replicas` went with the power of their
    /// machines or rotted. Fewer are never too many: a replica that has left the ISR is still eligible to lead while
    /// the ISR is below the minimum (KIP-966).
    pub(super) fn too_many_copies_lost(
        &self,
        partition: &TopicPartition,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
    ) -> Option<Excuse> {
        let state = self.partition(partition)?;
        let lost = self.lost_copies(partition, state, offset, epoch)?;
        let replicas = state.replicas.len().max(1);
        let min = state.min_insync_replicas.min(replicas);
        if lost.brokers.len() < min {
            return self.last_known_leader_lost(partition, offset, epoch, &lost);
        }
        if let Some(fault) = lost.disk_fault {
            return Some(broken_disk(fault));
        }
        let flush_messages = self.flush_messages(partition);
        if flush_messages == Some(1) {
            return None;
        }
        Some(if min == 1 && replicas > 1 && lost.brokers.len() < replicas {
            Excuse::new(
                "min.insync.replicas=1",
                "With min.insync.replicas=1 a record may be committed on one replica, and that one lost it with its power before it was on its disk.",
            )
        } else {
            Excuse::new(
                flush_messages.map_or_else(
                    || "log.flush.interval.messages (default)".to_owned(),
                    |messages| format!("flush.messages={messages}"),
                ),
                "Kafka does not wait for the disk: a record is safe only while one in-sync replica that has it keeps its power, and here none did.",
            )
        })
    }

    /// `flush.messages` of the partition's topic; `None` where nothing is flushed by count. With 1 every record is on
    /// the disks of all in-sync replicas before it is acknowledged.
    fn flush_messages(&self, partition: &TopicPartition) -> Option<i64> {
        let topic = self.plan.topics.iter().find(|topic| topic.name == partition.topic)?;
        Some(topic.config.log.flush_messages).filter(|messages| *messages < i64::MAX)
    }

    /// Excuses the loss of a record by an election in which nobody was eligible: as many replicas as
    /// `min.insync.replicas` had stopped uncleanly since the record was written, so that the controller trusts none of
    /// them (KIP-966), and the last known leader, which it takes then, is one whose copy is gone.
    fn last_known_leader_lost(
        &self,
        wanted: &TopicPartition,
        offset: Offset,
        epoch: Option<LeaderEpoch>,
        lost: &LostCopies,
    ) -> Option<Excuse> {
        let state = self.partition(wanted)?;
        let appends = state.appends.iter();
        let copies: Vec<&Append> = appends.filter(|append| holds(&append.batch, offset, epoch)).collect();
        let written = copies.first()?.at;
        let elected = self.run.view.happenings.iter().find_map(|happening| match &happening.what {
            What::Event(Event::LeaderElected {
                partition,
                leader: Some(leader),
                reason: ElectionReason::LastKnownLeader,
                ..
            }) if partition == wanted && happening.at >= written && lost.brokers.contains(leader) => {
                Some(happening.at)
            }
            _ => None,
        })?;
        let stops = self.run.view.happenings.iter().filter(|happening| {
            written <= happening.at
                && happening.at <= elected
                && matches!(happening.what, What::Crashed | What::PowerLost)
        });
        let had_it = |node: &NodeId| copies.iter().any(|copy| copy.broker == *node);
        let stopped: BTreeSet<NodeId> = stops.filter_map(|stop| stop.node).filter(had_it).collect();
        let min = state.min_insync_replicas;
        (stopped.len() >= min).then(|| {
            Excuse::new(
                format!("min.insync.replicas={min}"),
                "As many replicas as min.insync.replicas stopped uncleanly, one before the other was back in sync: Kafka trusts none of them then and takes the last known leader (KIP-966), which had lost the record with its power.",
            )
        })
    }

    /// Excuses what happens to a partition whose log an unclean election has rewritten.
    pub(super) fn after_unclean_election(&self, violation: &Violation) -> Option<Excuse> {
        let (_, elected) = self.unclean_election(violation.partition.as_ref()?)?;
        violation.at.is_none_or(|at| at >= elected).then(unclean)
    }

    /// Excuses that a replica of the partition holds, or serves, what no other has: bits rotted on its disk.
    pub(super) fn rot(&self, violation: &Violation) -> Option<Excuse> {
        let partition = violation.partition.as_ref()?;
        let replicas = self.partition(partition)?.replicas.keys();
        let at = violation.at.unwrap_or(Instant::from_nanos(u64::MAX));
        let mut faults = replicas.filter(|broker| self.rotted(partition, **broker, at));
        faults.next().map(|_| broken_disk(DiskFaultKind::Corrupt { bits: 1 }))
    }

    /// Excuses that the cluster does not come back by itself: bits rotted in a log that others have to read.
    pub(super) fn any_rot(&self) -> Option<Excuse> {
        let end = Instant::from_nanos(u64::MAX);
        let mut partitions = self.run.view.partitions.iter();
        partitions
            .any(|(name, state)| state.replicas.keys().any(|broker| self.rotted(name, *broker, end)))
            .then(|| broken_disk(DiskFaultKind::Corrupt { bits: 1 }))
    }

    /// Excuses that committed records are gone: by an unclean election, or with the power of too many machines.
    pub(super) fn committed_records_given_up(&self, violation: &Violation) -> Option<Excuse> {
        self.after_unclean_election(violation)
            .or_else(|| self.too_many_copies_lost(violation.partition.as_ref()?, violation.offset?, None))
    }
}

/// The excuse of a disk that broke its word, or its bits.
fn broken_disk(fault: DiskFaultKind) -> Excuse {
    Excuse::new(
        format!("{} ({} hardware)", fault.name(), fault.hardware()),
        match fault {
            DiskFaultKind::FsyncLies { .. } => {
                "The disk called durable what it had not written, and the power took it from as many replicas as the record could lose: no setting helps against that, only replicas whose disks keep their word."
            }
            DiskFaultKind::FsyncError { .. } => {
                "A flush failed and the kernel forgot the pages it could not write: they went with the power, on as many replicas as the record could lose."
            }
            _ => {
                "Bits rotted on the disk: Kafka finds it when it reads the log, cuts it there or serves nothing behind it, and does not repair it from another replica."
            }
        },
    )
}

/// The excuse of an unclean election.
pub(super) fn unclean() -> Excuse {
    Excuse::new(
        "unclean.leader.election.enable=true",
        "An unclean election made a replica leader that was not in sync: what it lacked was given up.",
    )
}
