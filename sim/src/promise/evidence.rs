//! What really happened to a partition, as far as promises depend on it: unclean elections, and copies of records that
//! went with the power of their machines or rotted on their disks.

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
use crate::scenario::disk_fault::{DiskFaultKind, FileKind};
use crate::scenario::plan::{Action, ProducerPlan};
use crate::view::{Acknowledgement, LOST_AT_RESTART, PartitionView, What};

/// A run and its plan.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) plan: &'a Plan,
    pub(super) run: &'a RunOutcome,
}

/// A record whose copies went with the power of their machines, or rotted on their disks.
struct LostCopies {
    /// Whose copies went.
    brokers: BTreeSet<NodeId>,
    /// When the last of them went.
    last: Instant,
    /// A fault of a disk without which one of them might have stayed.
    disk_fault: Option<DiskFaultKind>,
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
                && matches!(happening.what, What::Crashed | What::Stopped | What::PowerLost)
        });
        stops.next().is_some_and(|stop| stop.what == What::PowerLost)
    }

    /// The fault that struck the log of a replica on its disk before `at`, if it is one that makes a copy worthless:
    /// rot, or a flush that failed or lied. A full, slow or unreadable disk takes nothing that was acknowledged.
    fn disk_fault(&self, partition: &TopicPartition, broker: NodeId, at: Instant) -> Option<DiskFaultKind> {
        let name = format!("broker {broker}");
        let faults = self.plan.faults.iter().zip(&self.run.faults);
        let mut struck = faults.filter_map(|(planned, fault)| {
            let Action::Disk(disk) = &planned.action else { return None };
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
        let holds = |batch: &tribunal_engine::event::BatchId| {
            batch.base <= offset && offset <= batch.last && epoch.is_none_or(|epoch| batch.epoch == epoch)
        };
        let cuts = state.cuts.iter().filter(|cut| cut.why == LOST_AT_RESTART && cut.lost.iter().any(holds));
        let cuts = cuts.filter(|cut| {
            self.power_failed_before(cut.broker, cut.at) || self.rotted(partition, cut.broker, cut.at)
        });
        let mut lost: Option<LostCopies> = None;
        for cut in cuts {
            let none = LostCopies { brokers: BTreeSet::new(), last: cut.at, disk_fault: None };
            let all = lost.get_or_insert(none);
            all.brokers.insert(cut.broker);
            all.last = all.last.max(cut.at);
            all.disk_fault = all.disk_fault.or(self.disk_fault(partition, cut.broker, cut.at));
        }
        lost
    }

    /// Excuses the loss of a committed record: too many copies went with the power of their machines or rotted. Too
    /// many are as many as `min.insync.replicas`, or every member of the ISR at that time (the last replica standing).
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
        let isr = self.isr_at(partition, lost.last);
        let last_standing = !isr.is_empty() && isr.iter().all(|member| lost.brokers.contains(member));
        if lost.brokers.len() < min && !last_standing {
            return None;
        }
        if let Some(fault) = lost.disk_fault {
            return Some(broken_disk(fault));
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
