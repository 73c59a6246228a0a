//! Fetch: followers and consumers read, by long poll.
//!
//! A request goes through four stages: **open** (its session says what it reads, `session`), **plan** (which bytes
//! of which partitions, `plan`), **wait** (parked until enough bytes are there, there is something to say at once or
//! `max_wait` is over), **read** (disk operations; the answer goes out when the last one ends). A follower's fetch
//! is recorded once, when it arrives. Followers read to the end of what is written, consumers to the high watermark
//! of the replica they ask, which may be a follower (KIP-392).

mod plan;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use self::plan::{Limits, Plan, Reader, Target, Verdict};
use self::session::{Answered, Session, Sessions, TopicKey, Wanted};
use super::parked::{ParkId, Parked};
use super::{Broker, BrokerSettings, DiskWait, Marks, partition_of};
use crate::error::ErrorCode;
use crate::id::{ConnectionId, NodeId, TopicId, TopicName, TopicPartition};
use crate::log::ReadTrim;
use crate::machine::{Effect, Effects, RequestContext, Wakeup};
use crate::message::{FetchRequest, FetchResponse, FetchedTopic, IsrMember, MetadataBroker};
use crate::metadata::TopicImage;
use crate::replica::{FollowerFetch, Leader};
use crate::rng::Rng;
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::{Instant, Now};

/// Names a fetch that reads.
type ReadId = u64;

/// Where the bytes of a read belong.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadSlot {
    fetch: ReadId,
    answer: usize,
    trim: ReadTrim,
}

/// Fetches that wait, fetches that read, and the sessions they belong to.
#[derive(Debug)]
pub(super) struct Fetches {
    sessions: Sessions,
    waiting: Parked<PendingFetch>,
    reading: BTreeMap<ReadId, ReadingFetch>,
    next_read: ReadId,
}

/// A fetch that is not answered yet.
#[derive(Debug)]
struct PendingFetch {
    context: RequestContext,
    reader: Reader,
    session: Session,
    limits: Limits,
    targets: Vec<Target>,
    /// Indexes of the targets that are partitions, by partition: finds the one that changed.
    by_partition: Vec<usize>,
    /// Indexes of the targets that have something to say: found when it was parked, or changed since. The others need
    /// not be looked at again.
    news: BTreeSet<usize>,
    deadline: Instant,
}

#[derive(Debug)]
struct ReadingFetch {
    context: RequestContext,
    session: Session,
    answered: Vec<Answered>,
    reads_left: usize,
}

impl Fetches {
    pub(super) fn new(settings: &BrokerSettings) -> Fetches {
        let slots = settings.config.max_incremental_fetch_session_cache_slots;
        let (boot, _) = settings.incarnation.0.as_u64_pair();
        Fetches {
            sessions: Sessions::new(slots, Rng::from_seed(boot).fork("fetch-session")),
            waiting: Parked::default(),
            reading: BTreeMap::new(),
            next_read: 0,
        }
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.waiting.forget(connection);
    }

    pub(super) fn next_deadline(&self) -> Option<(Instant, Wakeup)> {
        self.waiting.next_deadline()
    }

    /// Panics on a bug of ours.
    pub(super) fn invariants(&self) {
        self.sessions.invariants();
        self.waiting.invariants();
    }
}

impl PendingFetch {
    /// The index of the target that is `partition`, if there is one.
    fn find(&self, partition: &TopicPartition) -> Option<usize> {
        let place = self.by_partition.binary_search_by(|index| {
            self.targets.get(*index).and_then(|target| target.partition.as_ref()).cmp(&Some(partition))
        });
        self.by_partition.get(place.ok()?).copied()
    }

    /// Its partitions, in order.
    fn partitions(&self) -> Vec<TopicPartition> {
        let targets = self.by_partition.iter().filter_map(|index| self.targets.get(*index));
        targets.filter_map(|target| target.partition.clone()).collect()
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
        let opened = self.fetches.sessions.open(now.mono, context.api_version, &request);
        let (session, wanted) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let refused = FetchResponse { error, ..FetchResponse::new(Vec::new()) };
                return effects.respond(&context, refused.into());
            }
        };
        let targets = self.targets(wanted);
        let reader = Reader {
            replica: request.replica,
            version: context.api_version,
            read_committed: request.isolation_level == 1,
            rack: request.rack_id,
        };
        let follower = IsrMember { broker: request.replica, broker_epoch: request.replica_epoch };
        let verdicts = if request.replica == NodeId::NONE {
            BTreeMap::new()
        } else {
            self.note_follower(now, follower, &targets, effects)
        };
        let bytes_max = request.max_bytes.min(self.settings.config.fetch_max_bytes);
        let bytes = |limit: i32| usize::try_from(limit).unwrap_or(0);
        let fetch = PendingFetch {
            context,
            reader,
            session,
            limits: Limits {
                bytes_min: bytes(request.min_bytes.min(bytes_max)),
                bytes_max: bytes(bytes_max),
            },
            by_partition: Vec::new(),
            news: BTreeSet::new(),
            targets,
            deadline: now.mono.after(request.max_wait),
        };
        let plan = self.plan_fetch(&fetch, 0..fetch.targets.len(), &verdicts);
        self.serve_or_wait(now, fetch, plan, effects);
    }

    /// Finds the topic of each partition that is wanted. Neighbours are most often of one topic.
    fn targets(&self, wanted: Vec<Wanted>) -> Vec<Target> {
        let mut found: Option<(TopicKey, Option<&TopicImage>)> = None;
        let target = |wanted: Wanted| {
            let image = match &found {
                Some((topic, image)) if *topic == wanted.topic => *image,
                _ => found.insert((wanted.topic.clone(), self.topic(&wanted.topic))).1,
            };
            Target { partition: image.map(|image| partition_of(image, wanted.fetch.partition)), wanted }
        };
        wanted.into_iter().map(target).collect()
    }

    fn topic(&self, topic: &TopicKey) -> Option<&TopicImage> {
        match topic {
            TopicKey::Name(name) => self.image.topics().get(name),
            TopicKey::Id(id) => self.image.topic_by_id(*id),
        }
    }

    /// Tells each leader what its follower has; returns what kept a fetch from counting, by target.
    fn note_follower(
        &mut self,
        now: Now,
        follower: IsrMember,
        targets: &[Target],
        effects: &mut Effects,
    ) -> BTreeMap<usize, Verdict> {
        let mut verdicts = BTreeMap::new();
        for (index, target) in targets.iter().enumerate() {
            let Some(partition) = &target.partition else { continue };
            let Some(replica) = self.replicas.get_mut(partition) else { continue };
            let before = Marks::of(replica);
            match replica.on_follower_fetch(now, follower, &target.wanted.fetch, &self.image, effects) {
                Ok(FollowerFetch::Read { moved }) => {
                    let proposes = replica.leader().is_ok_and(Leader::has_unsent_proposal);
                    // Most partitions of most fetches stand still.
                    if moved || proposes || before != Marks::of(replica) {
                        self.after_change(now, partition, before, effects);
                    }
                }
                Ok(FollowerFetch::Diverging(diverging)) => {
                    verdicts.insert(index, Ok(diverging));
                }
                Err(error) => {
                    verdicts.insert(index, Err(error));
                }
            }
        }
        verdicts
    }

    fn serve_or_wait(&mut self, now: Now, mut fetch: PendingFetch, plan: Plan, effects: &mut Effects) {
        if plan.is_ready(fetch.limits) || fetch.deadline <= now.mono || fetch.targets.is_empty() {
            return self.start_reads(now, fetch, plan, effects);
        }
        let targets = &fetch.targets;
        let mut by_partition: Vec<usize> =
            (0..targets.len()).filter(|index| targets[*index].partition.is_some()).collect();
        by_partition.sort_by(|one, other| targets[*one].partition.cmp(&targets[*other].partition));
        fetch.by_partition = by_partition;
        fetch.news = plan.answers.iter().map(|(index, _)| *index).collect();
        let (connection, partitions, deadline) =
            (fetch.context.connection, fetch.partitions(), fetch.deadline);
        self.fetches.waiting.park(connection, fetch, partitions, deadline);
    }

    /// What these of its targets have to say.
    fn plan_fetch(
        &self,
        fetch: &PendingFetch,
        targets: impl Iterator<Item = usize>,
        verdicts: &BTreeMap<usize, Verdict>,
    ) -> Plan {
        let mut plan = Plan::default();
        for index in targets {
            let Some(target) = fetch.targets.get(index) else { continue };
            plan.add(self, &fetch.reader, fetch.limits, (index, target), verdicts.get(&index));
        }
        plan
    }

    fn start_reads(&mut self, now: Now, fetch: PendingFetch, plan: Plan, effects: &mut Effects) {
        let PendingFetch { context, session, targets, .. } = fetch;
        let answers = plan.answers.into_iter();
        let answered = answers
            .filter_map(|(index, fetched)| Some((targets.get(index)?.wanted.clone(), fetched)))
            .collect();
        if plan.reads.is_empty() {
            return self.answer_fetch(now, &context, session, answered, effects);
        }
        self.fetches.next_read += 1;
        let fetch = self.fetches.next_read;
        let reads_left = plan.reads.len();
        self.fetches.reading.insert(fetch, ReadingFetch { context, session, answered, reads_left });
        for (answer, read) in plan.reads {
            let token = self.disk_token();
            self.disk.insert(token, DiskWait::Fetch(ReadSlot { fetch, answer, trim: read.trim }));
            effects.push(Effect::Disk { token, op: read.to_send() });
        }
    }

    pub(super) fn on_read(&mut self, now: Now, slot: ReadSlot, outcome: DiskOutcome, effects: &mut Effects) {
        let Some(reading) = self.fetches.reading.get_mut(&slot.fetch) else { return };
        match (reading.answered.get_mut(slot.answer), outcome) {
            (Some((_, fetched)), Ok(DiskDone::Read(bytes))) => match slot.trim.apply(bytes) {
                Ok(records) => fetched.records = records,
                Err(error) => fetched.error = error.error_code(),
            },
            (Some((_, fetched)), Ok(DiskDone::InFile(range))) => fetched.records_in_file = Some(range),
            (Some((_, fetched)), Ok(DiskDone::Done) | Err(_)) => fetched.error = ErrorCode::KafkaStorageError,
            (None, _) => panic!("read of a slot the fetch does not have"),
        }
        reading.reads_left -= 1;
        if reading.reads_left == 0
            && let Some(ReadingFetch { context, session, answered, .. }) =
                self.fetches.reading.remove(&slot.fetch)
        {
            self.answer_fetch(now, &context, session, answered, effects);
        }
    }

    fn answer_fetch(
        &mut self,
        now: Now,
        context: &RequestContext,
        session: Session,
        answered: Vec<Answered>,
        effects: &mut Effects,
    ) {
        let response = match self.fetches.sessions.answer(now.mono, session, answered) {
            Ok((session_id, answered)) => {
                let node_endpoints = self.new_leaders(&answered);
                let topics = by_topic(answered);
                FetchResponse { session_id, node_endpoints, ..FetchResponse::new(topics) }
            }
            Err(error) => FetchResponse { error, ..FetchResponse::new(Vec::new()) },
        };
        effects.respond(context, response.into());
    }

    /// Where the leaders listen that an answer names (KIP-951).
    fn new_leaders(&self, answered: &[Answered]) -> Vec<MetadataBroker> {
        let mut leaders: Vec<NodeId> = answered
            .iter()
            .filter_map(|(_, fetched)| fetched.current_leader.map(|current| current.leader))
            .collect();
        leaders.sort_unstable();
        leaders.dedup();
        let brokers = self.image.brokers();
        let known = leaders.into_iter().filter_map(|id| Some((id, brokers.get(&id)?)));
        known
            .map(|(id, broker)| MetadataBroker {
                id,
                endpoint: broker.endpoint.clone(),
                rack: broker.rack.clone(),
            })
            .collect()
    }

    /// Looks at every fetch that waits for this partition, which has changed.
    pub(super) fn release_fetches(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        for id in self.fetches.waiting.waiting_on(partition) {
            if self.is_ready(id, partition) {
                self.serve_parked(now, id, effects);
            }
        }
    }

    /// True if the change of one partition lets the fetch be answered. That partition is looked at first: with
    /// `fetch.min.bytes=1` the others need not be.
    fn is_ready(&mut self, id: ParkId, changed: &TopicPartition) -> bool {
        let Some(fetch) = self.fetches.waiting.get_mut(id) else { return false };
        let Some(index) = fetch.find(changed) else { return false };
        fetch.news.insert(index);
        let Some(fetch) = self.fetches.waiting.get(id) else { return false };
        let plan = self.plan_fetch(fetch, iter::once(index), &BTreeMap::new());
        plan.is_ready(fetch.limits) || plan.bytes > 0 && self.plan_news(fetch).is_ready(fetch.limits)
    }

    fn plan_news(&self, fetch: &PendingFetch) -> Plan {
        self.plan_fetch(fetch, fetch.news.iter().copied(), &BTreeMap::new())
    }

    fn serve_parked(&mut self, now: Now, id: ParkId, effects: &mut Effects) {
        if let Some(fetch) = self.fetches.waiting.take(id) {
            debug_assert!(
                self.knows_news(&fetch),
                "a change of a partition was not told to who waits for it"
            );
            let plan = self.plan_news(&fetch);
            self.serve_or_wait(now, fetch, plan, effects);
        }
    }

    /// True if a follower's fetch knows every target that has something to say.
    fn knows_news(&self, fetch: &PendingFetch) -> bool {
        let all = self.plan_fetch(fetch, 0..fetch.targets.len(), &BTreeMap::new());
        fetch.reader.replica == NodeId::NONE
            || all.answers.iter().all(|(index, _)| fetch.news.contains(index))
    }

    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Effects) {
        while let Some(id) = self.fetches.waiting.expired(now.mono) {
            self.serve_parked(now, id, effects);
        }
    }

    /// This broker leads the partition no more: everybody who waits for it is told.
    pub(super) fn fail_waiting(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        self.release_produces(partition, effects);
        self.release_deletions(partition, effects);
        self.release_fetches(now, partition, effects);
    }
}

/// Groups neighbours of one topic, as the response has them.
fn by_topic(answered: Vec<Answered>) -> Vec<FetchedTopic> {
    let mut topics: Vec<FetchedTopic> = Vec::new();
    for (wanted, fetched) in answered {
        let (name, id): (Option<TopicName>, TopicId) = match wanted.topic {
            TopicKey::Name(name) => (Some(name), TopicId::ZERO),
            TopicKey::Id(id) => (None, id),
        };
        match topics.last_mut() {
            Some(last) if last.name == name && last.id == id => last.partitions.push(fetched),
            _ => topics.push(FetchedTopic { name, id, partitions: vec![fetched] }),
        }
    }
    topics
}
