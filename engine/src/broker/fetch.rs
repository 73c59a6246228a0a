//! Fetch: followers and consumers read, by long poll.
//!
//! A request goes through three stages: **plan** (which bytes of which partitions), **wait** (parked until enough
//! bytes are there, an error shows or `max_wait` is over), **read** (disk operations; the answer goes out when the
//! last one ends). A follower's fetch is recorded once, when it arrives. Followers read to the end of what is
//! written, consumers to the high watermark. No fetch sessions: every fetch names all its partitions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, DiskWait, Marks, partition_of};
use crate::error::ErrorCode;
use crate::id::{ConnectionId, NodeId, TopicId, TopicPartition};
use crate::log::ReadPlan;
use crate::machine::{Effect, Effects, RequestContext, Wakeup};
use crate::message::{
    DivergingEpoch, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, FetchedTopic,
    IsrMember,
};
use crate::metadata::TopicImage;
use crate::replica::{FollowerFetch, Replica};
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::{Instant, Now};

/// Names a fetch that waits or reads.
type FetchId = u64;

/// Where the bytes of a read belong.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadSlot {
    fetch: FetchId,
    topic: usize,
    partition: usize,
}

/// Fetches that wait, and fetches that read.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    next: FetchId,
    waiting: BTreeMap<FetchId, WaitingFetch>,
    by_partition: BTreeMap<TopicPartition, BTreeSet<FetchId>>,
    deadlines: BTreeSet<(Instant, FetchId)>,
    reading: BTreeMap<FetchId, ReadingFetch>,
}

#[derive(Debug)]
struct WaitingFetch {
    context: RequestContext,
    request: FetchRequest,
    deadline: Instant,
}

#[derive(Debug)]
struct ReadingFetch {
    context: RequestContext,
    topics: Vec<FetchedTopic>,
    reads_left: usize,
}

/// What a fetch would return right now.
struct Plan {
    topics: Vec<FetchedTopic>,
    reads: Vec<(usize, usize, ReadPlan)>,
    bytes: usize,
    /// There is something to say at once: an error or a divergence.
    urgent: bool,
}

impl Fetches {
    fn take(&mut self, id: FetchId) -> Option<WaitingFetch> {
        let fetch = self.waiting.remove(&id)?;
        self.deadlines.remove(&(fetch.deadline, id));
        for ids in self.by_partition.values_mut() {
            ids.remove(&id);
        }
        Some(fetch)
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        let gone: Vec<FetchId> = self
            .waiting
            .iter()
            .filter(|(_, fetch)| fetch.context.connection == connection)
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.take(id);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<(Instant, Wakeup)> {
        self.deadlines.first().map(|(deadline, _)| (*deadline, Wakeup::Parked))
    }
}

impl Broker {
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        context: RequestContext,
        request: FetchRequest,
        effects: &mut Effects,
    ) {
        let diverging = if request.replica == NodeId::NONE {
            BTreeMap::new()
        } else {
            self.note_follower(now, &request, effects)
        };
        let deadline = now.mono.after(request.max_wait);
        self.serve_or_wait(now, WaitingFetch { context, request, deadline }, &diverging, effects);
    }

    /// Tells each leader what its follower has; returns what kept a fetch from counting.
    fn note_follower(
        &mut self,
        now: Now,
        request: &FetchRequest,
        effects: &mut Effects,
    ) -> BTreeMap<TopicPartition, Result<DivergingEpoch, ErrorCode>> {
        let follower = IsrMember { broker: request.replica, broker_epoch: request.replica_epoch };
        let mut verdicts = BTreeMap::new();
        for topic in &request.topics {
            let Some(image) = resolve(self, topic) else { continue };
            let partitions: Vec<TopicPartition> =
                topic.partitions.iter().map(|fetch| partition_of(image, fetch.partition)).collect();
            for (fetch, partition) in topic.partitions.iter().zip(partitions) {
                let Some(replica) = self.replicas.get_mut(&partition) else { continue };
                let before = Marks::of(replica);
                match replica.on_follower_fetch(now, follower, fetch, &self.image, effects) {
                    Ok(FollowerFetch::Read) => self.after_change(now, &partition, before, effects),
                    Ok(FollowerFetch::Diverging(diverging)) => {
                        verdicts.insert(partition, Ok(diverging));
                    }
                    Err(error) => {
                        verdicts.insert(partition, Err(error));
                    }
                }
            }
        }
        verdicts
    }

    fn serve_or_wait(
        &mut self,
        now: Now,
        fetch: WaitingFetch,
        verdicts: &BTreeMap<TopicPartition, Result<DivergingEpoch, ErrorCode>>,
        effects: &mut Effects,
    ) {
        let plan = self.plan_fetch(&fetch.request, verdicts);
        let min_bytes = usize::try_from(fetch.request.min_bytes).unwrap_or(0);
        if plan.urgent
            || plan.bytes >= min_bytes
            || fetch.deadline <= now.mono
            || fetch.request.topics.is_empty()
        {
            return self.start_reads(fetch.context, plan, effects);
        }
        self.fetches.next += 1;
        let id = self.fetches.next;
        for topic in &fetch.request.topics {
            let Some(name) = resolve(self, topic).map(|image| image.name.clone()) else { continue };
            for part in &topic.partitions {
                let partition = TopicPartition { topic: name.clone(), partition: part.partition };
                self.fetches.by_partition.entry(partition).or_default().insert(id);
            }
        }
        self.fetches.deadlines.insert((fetch.deadline, id));
        self.fetches.waiting.insert(id, fetch);
    }

    fn plan_fetch(
        &self,
        request: &FetchRequest,
        verdicts: &BTreeMap<TopicPartition, Result<DivergingEpoch, ErrorCode>>,
    ) -> Plan {
        let mut plan = Plan {
            topics: Vec::with_capacity(request.topics.len()),
            reads: Vec::new(),
            bytes: 0,
            urgent: false,
        };
        let bytes_max =
            usize::try_from(request.max_bytes.min(self.settings.config.fetch_max_bytes)).unwrap_or(0);
        for topic in &request.topics {
            let image = resolve(self, topic);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for fetch in &topic.partitions {
                let position = (plan.topics.len(), partitions.len());
                let planned = match image {
                    None => Err(unknown(topic)),
                    Some(image) => {
                        let partition = partition_of(image, fetch.partition);
                        self.plan_partition(
                            request,
                            fetch,
                            &partition,
                            verdicts.get(&partition),
                            bytes_max,
                            &mut plan,
                            position,
                        )
                    }
                };
                partitions.push(planned.unwrap_or_else(|error| {
                    plan.urgent = true;
                    failed(fetch, error)
                }));
            }
            plan.topics.push(FetchedTopic { name: topic.name.clone(), id: topic.id, partitions });
        }
        plan
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one partition of one plan: the pieces have no life of their own"
    )]
    fn plan_partition(
        &self,
        request: &FetchRequest,
        fetch: &FetchPartition,
        partition: &TopicPartition,
        verdict: Option<&Result<DivergingEpoch, ErrorCode>>,
        bytes_max: usize,
        plan: &mut Plan,
        (topic_slot, partition_slot): (usize, usize),
    ) -> Result<FetchedPartition, ErrorCode> {
        let replica = self.replica(partition)?;
        replica.leader()?;
        replica.check_epoch(fetch.current_leader_epoch)?;
        let mut fetched = described(replica, fetch);
        match verdict {
            Some(Err(error)) => return Err(*error),
            Some(Ok(diverging)) => {
                plan.urgent = true;
                fetched.diverging_epoch = Some(*diverging);
                return Ok(fetched);
            }
            None => {}
        }
        let up_to = if request.replica == NodeId::NONE {
            replica.high_watermark()
        } else {
            replica.log().end_offset()
        };
        let left = bytes_max.saturating_sub(plan.bytes);
        let wanted = usize::try_from(fetch.max_bytes).unwrap_or(0).min(left);
        let read =
            replica.log().read(fetch.fetch_offset, wanted, up_to).map_err(|_| ErrorCode::OffsetOutOfRange)?;
        // The first batch of a response is returned whatever its size (KIP-74), later ones only if they fit (q7).
        if let Some(read) = read.filter(|read| plan.bytes == 0 || read.bytes <= left) {
            plan.bytes += read.bytes;
            plan.reads.push((topic_slot, partition_slot, read));
        }
        Ok(fetched)
    }

    fn start_reads(&mut self, context: RequestContext, plan: Plan, effects: &mut Effects) {
        if plan.reads.is_empty() {
            return respond(&context, plan.topics, effects);
        }
        self.fetches.next += 1;
        let fetch = self.fetches.next;
        let reads_left = plan.reads.len();
        self.fetches.reading.insert(fetch, ReadingFetch { context, topics: plan.topics, reads_left });
        for (topic, partition, read) in plan.reads {
            let token = self.disk_token();
            self.disk.insert(token, DiskWait::Fetch(ReadSlot { fetch, topic, partition }));
            effects.push(Effect::Disk { token, op: read.op });
        }
    }

    pub(super) fn on_read(&mut self, slot: ReadSlot, outcome: DiskOutcome, effects: &mut Effects) {
        let Some(reading) = self.fetches.reading.get_mut(&slot.fetch) else { return };
        let fetched =
            reading.topics.get_mut(slot.topic).and_then(|topic| topic.partitions.get_mut(slot.partition));
        match (fetched, outcome) {
            (Some(fetched), Ok(DiskDone::Read(bytes))) => fetched.records = bytes,
            (Some(fetched), Ok(DiskDone::Done) | Err(_)) => fetched.error = ErrorCode::KafkaStorageError,
            (None, _) => panic!("read of a slot the fetch does not have"),
        }
        reading.reads_left -= 1;
        if reading.reads_left == 0
            && let Some(reading) = self.fetches.reading.remove(&slot.fetch)
        {
            respond(&reading.context, reading.topics, effects);
        }
    }

    /// Looks at every fetch that waits for this partition.
    pub(super) fn release_fetches(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let Some(ids) = self.fetches.by_partition.get(partition) else { return };
        for id in ids.iter().copied().collect::<Vec<_>>() {
            if self.is_ready(id) {
                self.serve_parked(now, id, effects);
            }
        }
    }

    fn is_ready(&self, id: FetchId) -> bool {
        self.fetches.waiting.get(&id).is_some_and(|fetch| {
            let plan = self.plan_fetch(&fetch.request, &BTreeMap::new());
            plan.urgent || plan.bytes >= usize::try_from(fetch.request.min_bytes).unwrap_or(0)
        })
    }

    fn serve_parked(&mut self, now: Now, id: FetchId, effects: &mut Effects) {
        if let Some(fetch) = self.fetches.take(id) {
            self.serve_or_wait(now, fetch, &BTreeMap::new(), effects);
        }
    }

    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Effects) {
        while let Some((deadline, id)) = self.fetches.deadlines.first().copied() {
            if deadline > now.mono {
                break;
            }
            self.serve_parked(now, id, effects);
        }
    }

    /// This broker leads the partition no more: everybody who waits for it is told.
    pub(super) fn fail_waiting(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        self.release_produces(partition, effects);
        self.release_fetches(now, partition, effects);
    }
}

fn resolve<'a>(broker: &'a Broker, topic: &FetchTopic) -> Option<&'a TopicImage> {
    match &topic.name {
        Some(name) => broker.image.topics().get(name),
        None => broker.image.topic_by_id(topic.id),
    }
}

fn unknown(topic: &FetchTopic) -> ErrorCode {
    if topic.id == TopicId::ZERO { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::UnknownTopicId }
}

fn described(replica: &Replica, fetch: &FetchPartition) -> FetchedPartition {
    FetchedPartition {
        high_watermark: replica.high_watermark(),
        last_stable_offset: replica.high_watermark(),
        log_start_offset: replica.log().start_offset(),
        ..FetchedPartition::new(fetch.partition)
    }
}

fn failed(fetch: &FetchPartition, error: ErrorCode) -> FetchedPartition {
    FetchedPartition { error, ..FetchedPartition::new(fetch.partition) }
}

fn respond(context: &RequestContext, topics: Vec<FetchedTopic>, effects: &mut Effects) {
    effects.respond(context, FetchResponse::new(topics).into());
}
