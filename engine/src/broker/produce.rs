//! Produce: append to leaders, then wait for what `acks` asks.
//!
//! acks=0 is not answered. acks=1 waits until the leader's own log has the records in the page cache, acks=all
//! until the high watermark has passed them. A leader that loses its epoch meanwhile answers
//! NOT_LEADER_OR_FOLLOWER, which says nothing about the records' fate.

use super::Broker;
use super::parked::{ParkId, Parked};
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
use crate::time::Now;

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
struct Appended {
    partition: TopicPartition,
    epoch: LeaderEpoch,
    base: Offset,
    last: Offset,
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
            let refused =
                |part: ProducePartition| refused(part.partition, ErrorCode::InvalidRequiredAcks, None);
            let partitions = request.partitions.into_iter().map(refused).collect();
            return effects.respond(&context, ProduceResponse::new(partitions).into());
        };
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for part in request.partitions {
            let partition = part.partition.clone();
            partitions.push(match self.append(now, acks, part, effects) {
                Ok(appended) => PartitionOutcome::Waits(appended),
                Err((error, message)) => PartitionOutcome::Known(refused(partition, error, message)),
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
        acks: Acks,
        part: ProducePartition,
        effects: &mut Effects,
    ) -> Result<Appended, (ErrorCode, Option<String>)> {
        let partition = part.partition;
        let replica = self.replica(&partition).map_err(|error| (error, None))?;
        replica.leader().map_err(|error| (error, None))?;
        let records = part.records.ok_or((ErrorCode::InvalidRecord, Some("no records".to_owned())))?;
        let bytes_max = replica.config().max_message_bytes;
        if records.len() > bytes_max {
            let message = format!("batch of {} bytes; max.message.bytes is {bytes_max}", records.len());
            return Err((ErrorCode::MessageTooLarge, Some(message)));
        }
        let batch =
            RecordBatch::parse(records).map_err(|error| (error.error_code(), Some(error.to_string())))?;
        batch.check_from_producer().map_err(|error| (error.error_code(), Some(error.to_string())))?;
        if acks == Acks::All && replica.is_under_min_isr() {
            return Err((ErrorCode::NotEnoughReplicas, None));
        }
        self.append_to_leader(now, partition, batch, effects).map_err(|error| (error, None))
    }

    fn append_to_leader(
        &mut self,
        now: Now,
        partition: TopicPartition,
        batch: RecordBatch,
        effects: &mut Effects,
    ) -> Result<Appended, ErrorCode> {
        let replica = self.replicas.get_mut(&partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let mut io = LogIo::default();
        let (base, last) = replica.append(now, batch, &mut io, effects)?;
        let epoch = replica.leader_epoch();
        self.submit(&partition, io, effects);
        Ok(Appended { partition, epoch, base, last })
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
            PartitionOutcome::Waits(appended) => refused(appended.partition, error, None),
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
        return Some(refused(partition, ErrorCode::NotLeaderOrFollower, None));
    };
    let leader = match replica.leader() {
        Ok(leader) if leader.epoch() == appended.epoch => leader,
        Ok(_) => return Some(refused(partition, ErrorCode::NotLeaderOrFollower, None)),
        Err(error) => return Some(refused(partition, error, None)),
    };
    let end = match acks {
        Acks::All => replica.high_watermark(),
        Acks::Leader | Acks::None => replica.log().progress().submitted(),
    };
    if end <= appended.last {
        return None;
    }
    if acks == Acks::All && !replica.has_enough_replicas() {
        return Some(refused(partition, ErrorCode::NotEnoughReplicasAfterAppend, None));
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

fn refused(partition: TopicPartition, error: ErrorCode, error_message: Option<String>) -> ProducedPartition {
    ProducedPartition { error, error_message, ..ProducedPartition::new(partition) }
}
