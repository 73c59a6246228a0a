//! DeleteRecords (KIP-107): log start offsets move forward, and followers follow.
//!
//! The leader moves its own log start at once. The answer waits until the log of every live replica starts there too
//! (Kafka's `DelayedDeleteRecords`): followers learn of the new start with the answer to a fetch, and say that they
//! have it with the next one. A replica whose broker is fenced is not waited for; it catches up when it is back. A leader
//! that loses its partition meanwhile answers NOT_LEADER_OR_FOLLOWER; what it deleted stays deleted.
//!
//! Only what lies below the high watermark can be deleted.

use super::parked::{ParkId, Parked};
use super::{Broker, Marks};
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::log::LogIo;
use crate::machine::{Effects, RequestContext};
use crate::message::{DeleteRecordsRequest, DeleteRecordsResponse, DeletedRecords, RecordsToDelete};
use crate::offset::Offset;
use crate::time::Now;

/// DeleteRecords requests that wait for followers.
pub(super) type ParkedDeletions = Parked<Waiting>;

/// A request some of whose partitions are not deleted everywhere yet.
#[derive(Debug)]
pub(super) struct Waiting {
    context: RequestContext,
    partitions: Vec<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Known(DeletedRecords),
    /// The log of every live replica has to start at `before` or later.
    Waits {
        partition: TopicPartition,
        before: Offset,
    },
}

impl Broker {
    pub(super) fn on_delete_records(
        &mut self,
        now: Now,
        context: RequestContext,
        request: DeleteRecordsRequest,
        effects: &mut Effects,
    ) {
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for RecordsToDelete { partition, before } in request.partitions {
            partitions.push(match self.delete_before(now, &partition, before, effects) {
                Ok(before) => Outcome::Waits { partition, before },
                Err(error) => Outcome::Known(failed(partition, error)),
            });
        }
        let waited_for = partitions.iter().filter_map(|outcome| match outcome {
            Outcome::Waits { partition, .. } => Some(partition.clone()),
            Outcome::Known(_) => None,
        });
        let (waited_for, connection) = (waited_for.collect(), context.connection);
        let deadline = now.mono.after(request.timeout);
        let id = self.deletions.park(connection, Waiting { context, partitions }, waited_for, deadline);
        self.try_answer_deletion(id, effects);
    }

    /// Moves the log start of a partition this broker leads; returns where every replica's log has to start.
    fn delete_before(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        before: Offset,
        effects: &mut Effects,
    ) -> Result<Offset, ErrorCode> {
        self.replica(partition)?;
        let replica = self.replicas.get_mut(partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let marks = Marks::of(replica);
        let before = if before == Offset::NONE { replica.high_watermark() } else { before };
        let mut io = LogIo::default();
        replica.delete_records(before, &mut io, effects)?;
        self.submit(partition, io, effects);
        self.after_change(now, partition, marks, effects);
        Ok(before)
    }

    /// Looks at every request that waits for this partition.
    pub(super) fn release_deletions(&mut self, partition: &TopicPartition, effects: &mut Effects) {
        if self.deletions.is_empty() {
            return;
        }
        for id in self.deletions.waiting_on(partition) {
            self.try_answer_deletion(id, effects);
        }
    }

    fn try_answer_deletion(&mut self, id: ParkId, effects: &mut Effects) {
        let Some(waiting) = self.deletions.get_mut(id) else { return };
        for outcome in &mut waiting.partitions {
            let Outcome::Waits { partition, before } = outcome else { continue };
            let low_watermark = match self.replicas.get(partition) {
                Some(replica) => replica.low_watermark(),
                None => Err(ErrorCode::NotLeaderOrFollower),
            };
            *outcome = Outcome::Known(match low_watermark {
                Ok(low_watermark) if low_watermark < *before => continue,
                Ok(low_watermark) => {
                    DeletedRecords { partition: partition.clone(), error: ErrorCode::None, low_watermark }
                }
                Err(error) => failed(partition.clone(), error),
            });
        }
        if waiting.partitions.iter().all(|outcome| matches!(outcome, Outcome::Known(_))) {
            self.answer_deletion(id, effects);
        }
    }

    /// Answers a parked request; what is still waiting has timed out.
    fn answer_deletion(&mut self, id: ParkId, effects: &mut Effects) {
        let Some(waiting) = self.deletions.take(id) else { return };
        let known = |outcome| match outcome {
            Outcome::Known(deleted) => deleted,
            Outcome::Waits { partition, .. } => failed(partition, ErrorCode::RequestTimedOut),
        };
        let partitions = waiting.partitions.into_iter().map(known).collect();
        effects.respond(&waiting.context, DeleteRecordsResponse { partitions }.into());
    }

    pub(super) fn expire_deletions(&mut self, now: Now, effects: &mut Effects) {
        while let Some(id) = self.deletions.expired(now.mono) {
            self.answer_deletion(id, effects);
        }
    }
}

fn failed(partition: TopicPartition, error: ErrorCode) -> DeletedRecords {
    DeletedRecords { partition, error, low_watermark: Offset::NONE }
}
