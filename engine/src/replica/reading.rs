//! What a replica lets its readers see: who may read it, how far, and from whom they should rather read.

use super::{Replica, Role};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{DivergingEpoch, FetchPartition};
use crate::metadata::MetadataImage;
use crate::offset::Offset;

/// How far a reader may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadBound {
    /// Followers: everything.
    LogEnd,
    /// Consumers: what is committed.
    HighWatermark,
    /// Consumers that read committed transactions only.
    LastStableOffset,
}

impl Replica {
    /// Whether a reader with that idea of the leader epoch may read this replica: the leader, or with
    /// `any_replica` a follower too (KIP-392). The epoch is looked at first, as Kafka does: a reader that is behind
    /// is told so by a former leader too.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER.
    pub fn check_reader(&self, current: LeaderEpoch, any_replica: bool) -> Result<(), ErrorCode> {
        if matches!(self.role, Role::Offline) {
            return Err(ErrorCode::KafkaStorageError);
        }
        self.check_epoch(current)?;
        match self.role {
            Role::Follower(_) if any_replica => Ok(()),
            _ => self.leader().map(|_| ()),
        }
    }

    /// The first offset such a reader may not read. On a follower the high watermark may be behind the leader's.
    #[must_use]
    pub fn read_bound(&self, bound: ReadBound) -> Offset {
        match bound {
            ReadBound::LogEnd => self.log.end_offset(),
            ReadBound::HighWatermark => self.high_watermark,
            // No transaction is ever open: everything committed is stable.
            ReadBound::LastStableOffset => self.high_watermark,
        }
    }

    /// Where the reader's log parts from this one; `None` if it does not, or if the reader does not say what it has
    /// (KIP-595).
    #[must_use]
    pub fn divergence(&self, fetch: &FetchPartition) -> Option<DivergingEpoch> {
        if fetch.last_fetched_epoch == LeaderEpoch::NONE {
            return None;
        }
        match self.log.end_offset_for(fetch.last_fetched_epoch) {
            Some(ours) if ours.epoch == fetch.last_fetched_epoch && ours.end >= fetch.fetch_offset => None,
            Some(ours) => Some(DivergingEpoch { epoch: ours.epoch, end_offset: ours.end }),
            // We know no epoch at or below the reader's: it has nothing in common with us.
            None => Some(DivergingEpoch { epoch: LeaderEpoch::NONE, end_offset: self.log.start_offset() }),
        }
    }

    /// The replica in `rack` that a consumer at `offset` should read from rather than from this leader (KIP-392;
    /// Kafka's `RackAwareReplicaSelector`). Only in-sync replicas that are alive and have the offset: one that lags
    /// would hold the consumer back for good (KAFKA-14379, KAFKA-15390).
    #[must_use]
    pub fn nearer_replica(&self, rack: &str, offset: Offset, metadata: &MetadataImage) -> Option<NodeId> {
        let leader = self.leader().ok()?;
        let in_rack = |broker: NodeId| {
            let known = metadata.brokers().get(&broker);
            known.is_some_and(|known| !known.fenced && known.rack.as_deref() == Some(rack))
        };
        if in_rack(self.settings.broker) {
            return None;
        }
        leader.best_follower(offset, in_rack)
    }
}
