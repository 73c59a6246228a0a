//! Produce: append to leaders, then wait for what `acks` asks.
//!
//! acks=0 is not answered. acks=1 waits until the leader's own log has the records in the page cache, acks=all
//! until the high watermark has passed them. A leader that loses its epoch meanwhile answers
//! NOT_LEADER_OR_FOLLOWER, which says nothing about the records' fate. A batch that an idempotent producer sent
//! before is answered like a new one, with its old offsets, once they are what `acks` asks.

use super::Broker;
use super::parked::{ParkId, Parked};
use super::validate::{self, Refusal};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::TopicPartition;
use crate::log::LogIo;
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{Acks, ProducePartition, ProduceRequest, ProduceResponse, ProducedPartition};
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::replica::Replica;
use crate::time::{Now, Timestamp};

/// Produce requests that wait.
pub(super) type ParkedProduces = Parked<Waiting>;

/// A request some of whose records are not acknowledged yet.
#[derive(Debug)]
pub(super) struct Waiting {
    context: RequestContext,
    acks: Acks,
    partitions: Vec<PartitionOutcome>,
}

#[derive(Debug)]
enum PartitionOutcome {
    Known(ProducedPartition),
    Waits(Appended),
}

/// Records appended and not yet acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Appended {
    partition: TopicPartition,
    epoch: LeaderEpoch,
    base: Offset,
    last: Offset,
    /// The broker's time, if the records carry it.
    log_append_time: Timestamp,
}

impl Appended {
    /// The offset behind the records.
    pub(super) fn end(&self) -> Offset {
        self.last.next()
    }
}

impl Waiting {
    /// The partitions whose records are not acknowledged yet.
    fn unknown(&self) -> Vec<TopicPartition> {
        let unknown = self.partitions.iter().filter_map(|outcome| match outcome {
            PartitionOutcome::Waits(appended) => Some(appended.partition.clone()),
            PartitionOutcome::Known(_) => None,
        });
        unknown.collect()
    }
}

impl Broker {
    pub(super) fn on_produce(
        &mut self,
        now: Now,
        context: RequestContext,
        request: ProduceRequest,
        effects: &mut Effects,
    ) {
        let Some(acks) = Acks::from_code(request.acks) else {
            let refused = |part: ProducePartition| refused(part.partition, ErrorCode::InvalidRequiredAcks);
            let partitions = request.partitions.into_iter().map(refused).collect();
            return effects.respond(&context, ProduceResponse::new(partitions).into());
        };
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for part in request.partitions {
            let partition = part.partition.clone();
            partitions.push(match self.append(now, (acks, context.api_version), part, effects) {
                Ok(appended) => PartitionOutcome::Waits(appended),
                Err(refusal) => PartitionOutcome::Known(refused(partition, refusal)),
            });
        }
        if acks == Acks::None {
            return finish_unacknowledged(context, &partitions, effects);
        }
        let waiting = Waiting { context, acks, partitions };
        let (connection, unknown) = (waiting.context.connection, waiting.unknown());
        let id = self.produces.park(connection, waiting, unknown, now.mono.after(request.timeout));
        self.try_release(id, effects);
    }

    /// Checks one batch and appends it to its leader.
    fn append(
        &mut self,
        now: Now,
        (acks, version): (Acks, i16),
        part: ProducePartition,
        effects: &mut Effects,
    ) -> Result<Appended, Refusal> {
        let partition = part.partition;
        let replica = self.replica(&partition)?;
        replica.leader()?;
        if partition.topic.is_internal() {
            // Coordinators alone write there.
            return Err(ErrorCode::InvalidTopicException.into());
        }
        let batch = validate::check(part.records, &replica.config(), version, now.wall)?;
        if acks == Acks::All && replica.is_under_min_isr() {
            return Err(ErrorCode::NotEnoughReplicas.into());
        }
        Ok(self.append_to_leader(now, partition, batch, effects)?)
    }

    pub(super) fn append_to_leader(
        &mut self,
        now: Now,
        partition: TopicPartition,
        batch: RecordBatch,
        effects: &mut Effects,
    ) -> Result<Appended, ErrorCode> {
        let replica = self.replicas.get_mut(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let log_append_time =
            if batch.is_log_append_time() { batch.max_timestamp() } else { Timestamp::NONE };
        let mut io = LogIo::default();
        let (base, last) = replica.append(now, batch, &mut io, effects)?;
        let epoch = replica.leader_epoch();
        self.submit(&partition, io, effects);
        Ok(Appended { partition, epoch, base, last, log_append_time })
    }

    /// Looks at every request that waits for this partition.
    pub(super) fn release_produces(&mut self, partition: &TopicPartition, effects: &mut Effects) {
        for id in self.produces.waiting_on(partition) {
            self.try_release(id, effects);
        }
    }

    fn try_release(&mut self, id: ParkId, effects: &mut Effects) {
        let Some(waiting) = self.produces.get_mut(id) else { return };
        let acks = waiting.acks;
        for outcome in &mut waiting.partitions {
            let PartitionOutcome::Waits(appended) = outcome else { continue };
            if let Some(known) = judge(self.replicas.get(&appended.partition), acks, appended, effects) {
                *outcome = PartitionOutcome::Known(known);
            }
        }
        if waiting.partitions.iter().all(|outcome| matches!(outcome, PartitionOutcome::Known(_))) {
            self.respond_produce(id, ErrorCode::None, effects);
        }
    }

    /// Answers a parked request; what is still waiting gets `error`.
    fn respond_produce(&mut self, id: ParkId, error: ErrorCode, effects: &mut Effects) {
        let Some(waiting) = self.produces.take(id) else { return };
        let known = |outcome| match outcome {
            PartitionOutcome::Known(known) => known,
            PartitionOutcome::Waits(appended) => refused(appended.partition, error),
        };
        let partitions = waiting.partitions.into_iter().map(known).collect();
        effects.respond(&waiting.context, ProduceResponse::new(partitions).into());
    }

    pub(super) fn expire_produces(&mut self, now: Now, effects: &mut Effects) {
        while let Some(id) = self.produces.expired(now.mono) {
            self.respond_produce(id, ErrorCode::RequestTimedOut, effects);
        }
    }
}

/// The outcome of appended records, once it is known.
fn judge(
    replica: Option<&Replica>,
    acks: Acks,
    appended: &Appended,
    effects: &mut Effects,
) -> Option<ProducedPartition> {
    let partition = appended.partition.clone();
    let Some(replica) = replica else {
        return Some(refused(partition, ErrorCode::NotLeaderOrFollower));
    };
    let leader = match replica.leader() {
        Ok(leader) if leader.epoch() == appended.epoch => leader,
        Ok(_) => return Some(refused(partition, ErrorCode::NotLeaderOrFollower)),
        Err(error) => return Some(refused(partition, error)),
    };
    let end = match acks {
        Acks::All => replica.high_watermark(),
        Acks::Leader | Acks::None => replica.log().progress().submitted(),
    };
    if end <= appended.last {
        return None;
    }
    if acks == Acks::All && !replica.has_enough_replicas() {
        return Some(refused(partition, ErrorCode::NotEnoughReplicasAfterAppend));
    }
    effects.note(Event::Acknowledged {
        partition: partition.clone(),
        base: appended.base,
        last: appended.last,
        epoch: appended.epoch,
        acks,
        isr: leader.isr().to_vec(),
    });
    Some(ProducedPartition {
        base_offset: appended.base,
        log_append_time: appended.log_append_time,
        log_start_offset: replica.log().start_offset(),
        ..ProducedPartition::new(partition)
    })
}

/// acks=0 has no answer; an error closes the connection, which is all the producer can be told (q25).
fn finish_unacknowledged(context: RequestContext, partitions: &[PartitionOutcome], effects: &mut Effects) {
    if partitions.iter().any(|outcome| matches!(outcome, PartitionOutcome::Known(_))) {
        let reason = "acks=0 request failed";
        return effects.push(Effect::Close { connection: context.connection, reason });
    }
    effects.push(Effect::Respond { context, response: None });
}

fn refused(partition: TopicPartition, refusal: impl Into<Refusal>) -> ProducedPartition {
    let Refusal { error, message, records } = refusal.into();
    ProducedPartition {
        error,
        error_message: message,
        record_errors: records,
        ..ProducedPartition::new(partition)
    }
}
