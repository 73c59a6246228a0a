//! One replica of one partition: its log, its role, its high watermark.
//!
//! The protocol is Kafka's with leader epochs (KIP-101, 279, 320, 497, 595, 903; kafka.md 3.1, 3.2): a leader
//! appends, followers fetch, the high watermark is what every member of the maximal ISR has, a follower whose log
//! parts from the leader's is told so in the fetch response and truncates.
//!
//! A replica is told what to do (metadata, records, fetches) and returns what follows: disk operations in a
//! [`LogIo`], facts in [`Effects`]. It knows no connection, no request and no other partition.
//!
//! Two deliberate differences from Kafka, both on the safe side:
//! - a leader counts itself into the high watermark, and a follower asks for the next offset, only up to what is
//!   written to the page cache, because here appending and writing are two steps;
//! - a replica that failed at its disk is offline until the process restarts.

mod follower;
mod leader;
mod reading;
mod upkeep;

use crate::config::TopicConfig;
use crate::epoch::{LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::event::{Event, TruncationReason};
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::log::{EpochEnd, LogCompletion, LogIo, PartitionLog};
use crate::machine::Effects;
use crate::metadata::PartitionImage;
use crate::offset::Offset;
use crate::storage::DiskDone;
use crate::time::{Duration, Now, Timestamp};
use crate::variant::{Guard, ProtocolVariant, Reconciliation, Truncation};

pub use follower::{FetchPosition, Follower};
pub use leader::{FollowerFetch, Leader};
pub use reading::ReadBound;

/// What a replica does at present. Changes only in [`Replica::apply_metadata`] and [`Replica::fail`].
#[derive(Debug)]
pub enum Role {
    /// It takes writes and serves fetches.
    Leader(Leader),
    /// It copies a leader, or waits for one.
    Follower(Follower),
    /// Its disk failed.
    Offline,
}

/// What the replica must know besides its partition's metadata.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaSettings {
    /// The broker it lives on.
    pub broker: NodeId,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: Duration,
    /// The protocol's knobs.
    pub variant: ProtocolVariant,
}

/// One replica.
#[derive(Debug)]
pub struct Replica {
    settings: ReplicaSettings,
    topic_id: TopicId,
    config: TopicConfig,
    log: PartitionLog,
    high_watermark: Offset,
    leader_epoch: LeaderEpoch,
    partition_epoch: PartitionEpoch,
    role: Role,
}

impl Replica {
    /// A replica over its log, following nobody until metadata says whom.
    #[must_use]
    pub fn new(
        settings: ReplicaSettings,
        topic_id: TopicId,
        config: TopicConfig,
        log: PartitionLog,
    ) -> Replica {
        // The high watermark is not kept on disk: it starts at the log start and comes back from the leader, or
        // with the first fetches of the followers.
        let high_watermark = log.start_offset();
        Replica {
            settings,
            topic_id,
            config,
            log,
            high_watermark,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch::NONE,
            role: Role::Follower(Follower::waiting()),
        }
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        self.log.partition()
    }

    /// Its topic's id.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// Its topic's settings.
    #[must_use]
    pub fn config(&self) -> TopicConfig {
        self.config
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// Its role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Its own view of the high watermark.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The leader epoch it knows.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The partition epoch it knows.
    #[must_use]
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    /// Whether a reader with that idea of the leader epoch may be served (KIP-320); NONE is "no idea".
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH if the reader is behind, UNKNOWN_LEADER_EPOCH if this replica is.
    pub fn check_epoch(&self, current: LeaderEpoch) -> Result<(), ErrorCode> {
        match current {
            _ if self.settings.variant.leader_epoch_check == Guard::Off => Ok(()),
            LeaderEpoch::NONE => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            epoch if epoch > self.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The leader, if this replica is it.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, or KAFKA_STORAGE_ERROR if the disk failed.
    pub fn leader(&self) -> Result<&Leader, ErrorCode> {
        match &self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower(_) => Err(ErrorCode::NotLeaderOrFollower),
            Role::Offline => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// The follower, if this replica is one.
    #[must_use]
    pub fn follower(&self) -> Option<&Follower> {
        match &self.role {
            Role::Follower(follower) => Some(follower),
            Role::Leader(_) | Role::Offline => None,
        }
    }

    /// Where an epoch ends in this log (OffsetForLeaderEpoch, KIP-101/279).
    #[must_use]
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        self.log.end_offset_for(epoch)
    }

    /// Takes the partition's state from metadata: the only place where roles change. State that is not newer than
    /// what the replica knows is ignored.
    pub fn apply_metadata(
        &mut self,
        now: Now,
        image: &PartitionImage,
        config: TopicConfig,
        io: &mut LogIo,
        effects: &mut Effects,
    ) {
        let config_changed = std::mem::replace(&mut self.config, config) != config;
        self.log.configure(config.log);
        if !config.log.cleanup.compact {
            self.log.abort_compaction(io);
        }
        if image.partition_epoch <= self.partition_epoch || matches!(self.role, Role::Offline) {
            if config_changed {
                // A lower `min.insync.replicas` may let the high watermark move.
                self.maybe_advance_high_watermark(now, effects);
            }
            return;
        }
        assert!(image.leader_epoch >= self.leader_epoch, "{}: leader epoch went back", self.partition());
        self.partition_epoch = image.partition_epoch;
        let new_epoch = image.leader_epoch > self.leader_epoch;
        self.leader_epoch = image.leader_epoch;
        if image.leader == Some(self.settings.broker) {
            self.lead(now, image, new_epoch, io, effects);
        } else if new_epoch {
            self.follow(now, image.leader, io, effects);
        }
    }

    fn lead(
        &mut self,
        now: Now,
        image: &PartitionImage,
        new_epoch: bool,
        io: &mut LogIo,
        effects: &mut Effects,
    ) {
        match &mut self.role {
            Role::Leader(leader) if !new_epoch => leader.isr_committed(self.settings.broker, image),
            _ => {
                self.log.start_epoch(image.leader_epoch, io);
                if self.settings.variant.producer_state == Guard::Off {
                    self.log.forget_producers();
                }
                self.role =
                    Role::Leader(Leader::elected(&self.settings, image, self.log.end_offset(), now.mono));
                let (partition, epoch) = (self.partition().clone(), image.leader_epoch);
                let (start, isr) = (self.log.end_offset(), image.isr.clone());
                effects.note(Event::BecameLeader { partition, epoch, start, isr });
            }
        }
        let (isr, partition_epoch) = (image.isr.clone(), image.partition_epoch);
        effects.note(Event::IsrCommitted { partition: self.partition().clone(), isr, partition_epoch });
        self.maybe_advance_high_watermark(now, effects);
    }

    fn follow(&mut self, now: Now, leader: Option<NodeId>, io: &mut LogIo, effects: &mut Effects) {
        let reconciled = self.settings.variant.reconciliation == Reconciliation::LeaderChange
            && self.follower().is_some_and(|follower| follower.has_reconciled_with(leader));
        self.role = Role::Follower(Follower::of(leader, now.mono, reconciled));
        let (partition, epoch) = (self.partition().clone(), self.leader_epoch);
        effects.note(Event::BecameFollower { partition, epoch, leader, end: self.log.end_offset() });
        if self.settings.variant.truncation == Truncation::ToHighWatermark {
            self.truncate(self.high_watermark, TruncationReason::ToHighWatermark, io, effects);
        }
    }

    /// The disk failed: the replica gives up its role. What it acknowledged stays acknowledged, nothing more is.
    pub fn fail(&mut self, effects: &mut Effects) {
        self.role = Role::Offline;
        effects.note(Event::StorageFailed { partition: self.partition().clone() });
    }

    /// Forgets the idempotent producers that wrote nothing for `expiration`.
    pub fn expire_producers(&mut self, now: Timestamp, expiration: Duration) {
        self.log.expire_producers(now, expiration);
    }

    /// A disk operation of the log ended well; what the log does next goes to `io`.
    pub fn complete(
        &mut self,
        now: Now,
        completion: LogCompletion,
        done: &DiskDone,
        io: &mut LogIo,
        effects: &mut Effects,
    ) {
        self.log.complete(completion, done, io);
        self.note_compacted(effects);
        if self.high_watermark > self.log.end_offset() {
            self.set_high_watermark(self.log.end_offset(), effects);
        }
        if let Role::Leader(_) = self.role {
            self.maybe_advance_high_watermark(now, effects);
        }
    }

    fn truncate(&mut self, to: Offset, reason: TruncationReason, io: &mut LogIo, effects: &mut Effects) {
        let from = self.log.end_offset();
        if let Some(end) = self.log.truncate_to(to, io) {
            if end < from {
                effects.note(Event::Truncated { partition: self.partition().clone(), from, to: end, reason });
            }
            if self.high_watermark > end {
                self.set_high_watermark(end, effects);
            }
        }
    }

    fn set_high_watermark(&mut self, high_watermark: Offset, effects: &mut Effects) {
        if high_watermark != self.high_watermark {
            self.high_watermark = high_watermark;
            self.log.settle_producers(high_watermark);
            effects.note(Event::HighWatermark { partition: self.partition().clone(), high_watermark });
        }
    }

    /// Panics on a bug of ours.
    pub fn invariants(&self) {
        self.log.invariants();
        assert!(
            self.log.start_offset() <= self.high_watermark,
            "{}: log start above the high watermark",
            self.partition()
        );
        assert!(
            self.high_watermark <= self.log.end_offset(),
            "{}: high watermark above the log end",
            self.partition()
        );
    }
}
