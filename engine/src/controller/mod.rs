//! The controller: who is alive, who leads, which ISR counts.
//!
//! Decide, then replay. A handler reads the image and returns a [`Decision`]: records and a reply. The records go
//! into the metadata log and through [`MetadataImage::replay`], the only mutator; the reply is parked until the
//! records are committed. What is not in the log is soft: when a broker was last heard of.
//!
//! Sources: KIP-500, KIP-631, KIP-497 (AlterPartition), KIP-903 (broker epochs in the ISR); Kafka's
//! `ReplicationControlManager`, `ClusterControlManager`, `PartitionChangeBuilder`.
//!
//! Not here: the quorum's elections ([`crate::quorum`]).

mod alter_partition;
mod balance;
mod brokers;
mod change;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod election;
mod fetch;
mod placement;
mod producer_ids;
mod reassign;

use std::collections::{BTreeMap, VecDeque};

use crate::config::BrokerConfig;
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::event::{ElectionReason, Event};
use crate::id::{NodeId, TopicPartition};
use crate::log::{LogCompletion, LogIo};
use crate::machine::{Effect, Effects, Input, Machine, RequestContext, Wakeup};
use crate::message::{ApiVersionsResponse, Request, Response};
use crate::metadata::{MetadataImage, MetadataRecord, PartitionChange, PartitionImage};
use crate::offset::Offset;
use crate::quorum::Quorum;
use crate::rng::Rng;
use crate::storage::{DiskOutcome, DiskToken};
use crate::time::{Instant, Now};
use crate::variant::ProtocolVariant;
use crate::wire::{Listener, advertised};

/// Why a part of a request is refused: the code and a sentence for a person.
type Refusal = (ErrorCode, String);

/// Most partitions one request may create (Kafka's `MAX_PARTITIONS_PER_BATCH`).
const PARTITIONS_MAX: usize = 10_000;

/// What a handler wants: records to commit, and the reply once they are.
#[derive(Clone, PartialEq, Debug)]
struct Decision {
    records: Vec<MetadataRecord>,
    response: Response,
}

impl Decision {
    /// A reply that needs nothing to be committed.
    fn reply(response: impl Into<Response>) -> Decision {
        Decision { records: Vec::new(), response: response.into() }
    }
}

/// A reply that waits for the high watermark to reach `needs`.
#[derive(Debug)]
struct Parked {
    needs: Offset,
    context: RequestContext,
    response: Response,
}

/// What a controller is born with.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// Its `node.id`.
    pub node: NodeId,
    /// The cluster's id.
    pub cluster_id: String,
    /// `server.properties`.
    pub config: BrokerConfig,
    /// For topic ids and placement.
    pub rng: Rng,
    /// The protocol's knobs.
    pub variant: ProtocolVariant,
}

/// The controller of a cluster.
#[derive(Debug)]
pub struct Controller {
    settings: ControllerSettings,
    quorum: Quorum,
    image: MetadataImage,
    /// What is known of each broker besides its registration.
    contacts: BTreeMap<NodeId, brokers::Contact>,
    parked: VecDeque<Parked>,
    fetches: fetch::ParkedFetches,
    disk: BTreeMap<DiskToken, DiskWait>,
    next_token: u64,
    /// When the balance of leaderships is checked next.
    balance_at: Option<Instant>,
    started: bool,
    stopped: bool,
}

/// What the end of a disk operation means.
#[derive(Debug)]
enum DiskWait {
    Log(LogCompletion),
    Fetch(fetch::PlannedFetch),
}

impl Controller {
    /// A controller over what it recovered. Starts with its first step.
    #[must_use]
    pub fn new(
        settings: ControllerSettings,
        quorum: Quorum,
        records: &[(Offset, MetadataRecord)],
    ) -> Controller {
        let mut image = MetadataImage::default();
        for (offset, record) in records {
            image.replay(*offset, record);
        }
        Controller {
            settings,
            quorum,
            image,
            contacts: BTreeMap::new(),
            parked: VecDeque::new(),
            fetches: fetch::ParkedFetches::default(),
            disk: BTreeMap::new(),
            next_token: 0,
            balance_at: None,
            started: false,
            stopped: false,
        }
    }

    /// The metadata as this controller holds it, with records that are not committed yet.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    fn start(&mut self, now: Now, effects: &mut Effects) {
        self.started = true;
        let mut io = LogIo::default();
        self.quorum.lead(&mut io);
        self.submit(io, effects);
        self.schedule_balance(now);
        for broker in self.image.brokers().keys() {
            self.contacts.insert(*broker, brokers::Contact::new(now.mono));
        }
    }

    fn on_request(&mut self, now: Now, context: RequestContext, request: Request, effects: &mut Effects) {
        let decision = match request {
            Request::ApiVersions(_) => Decision::reply(ApiVersionsResponse {
                error: ErrorCode::None,
                apis: advertised(Listener::Controller),
            }),
            Request::Fetch(fetch) => return self.on_fetch(now, context, &fetch, effects),
            Request::BrokerRegistration(request) => self.decide_registration(now, &request),
            Request::BrokerHeartbeat(request) => self.decide_heartbeat(now, &request),
            Request::AlterPartition(request) => self.decide_alter_partition(&request),
            Request::CreateTopics(request) => self.decide_create_topics(&request),
            Request::DeleteTopics(request) => self.decide_delete_topics(&request),
            Request::CreatePartitions(request) => self.decide_create_partitions(&request),
            Request::ElectLeaders(request) => self.decide_elect_leaders(&request),
            Request::AlterPartitionReassignments(request) => self.decide_alter_reassignments(&request),
            Request::ListPartitionReassignments(request) => self.list_reassignments(&request),
            Request::AlterConfigs(request) => self.decide_alter_configs(&request),
            Request::IncrementalAlterConfigs(request) => self.decide_incremental_alter_configs(&request),
            Request::AllocateProducerIds(request) => self.decide_allocate_producer_ids(&request),
            _ => {
                let reason = "request that controllers do not serve";
                return effects.push(Effect::Close { connection: context.connection, reason });
            }
        };
        let needs = self.apply(now, &decision.records, effects);
        self.park(Parked { needs, context, response: decision.response }, effects);
    }

    /// Writes records to the log and replays them; returns the offset that must be committed for them to count.
    fn apply(&mut self, now: Now, records: &[MetadataRecord], effects: &mut Effects) -> Offset {
        if records.is_empty() {
            // Even a reply without records may reveal what an earlier decision wrote: it waits with it.
            return self.quorum.end_offset();
        }
        let base = self.quorum.end_offset();
        let mut io = LogIo::default();
        self.quorum.append(now.wall, records, &mut io);
        self.submit(io, effects);
        for (offset, record) in (base.0..).map(Offset).zip(records) {
            let reason = self.election_reason(record);
            let touched = self.image.replay(offset, record);
            self.note(offset, record, touched, reason, effects);
        }
        self.quorum.end_offset()
    }

    /// Keeps a reply until what it reveals is committed.
    fn park(&mut self, parked: Parked, effects: &mut Effects) {
        if parked.needs <= self.quorum.high_watermark() {
            effects.respond(&parked.context, parked.response);
        } else {
            self.parked.push_back(parked);
        }
    }

    fn release(&mut self, now: Now, effects: &mut Effects) {
        let committed = self.quorum.high_watermark();
        while self.parked.front().is_some_and(|parked| parked.needs <= committed) {
            if let Some(parked) = self.parked.pop_front() {
                effects.respond(&parked.context, parked.response);
            }
        }
        self.release_fetches(now, effects);
    }

    fn submit(&mut self, mut io: LogIo, effects: &mut Effects) {
        for (op, completion) in io.drain() {
            let token = self.token();
            self.disk.insert(token, DiskWait::Log(completion));
            effects.push(Effect::Disk { token, op });
        }
    }

    fn token(&mut self) -> DiskToken {
        self.next_token += 1;
        DiskToken(self.next_token)
    }

    fn on_disk(&mut self, now: Now, token: DiskToken, outcome: DiskOutcome, effects: &mut Effects) {
        match (self.disk.remove(&token), outcome) {
            (Some(DiskWait::Log(completion)), Ok(done)) => {
                let mut io = LogIo::default();
                if self.quorum.complete(completion, &done, &mut io) {
                    self.release(now, effects);
                }
                self.submit(io, effects);
            }
            // A controller that cannot write its log must not go on: what it replayed would never be committed.
            (Some(DiskWait::Log(_)), Err(error)) => panic!("the metadata log failed: {error}"),
            (Some(DiskWait::Fetch(planned)), outcome) => Self::finish_fetch(planned, outcome, effects),
            (None, _) => panic!("end of a disk operation that was never started"),
        }
    }

    /// Why a record about to be replayed elects a leader, if it does.
    fn election_reason(&self, record: &MetadataRecord) -> Option<ElectionReason> {
        match record {
            MetadataRecord::Partition { .. } => Some(ElectionReason::Created),
            MetadataRecord::PartitionChange(change) if change.leader.is_some() => {
                let before = self.image.topic_by_id(change.topic)?.partitions.get(&change.partition)?;
                Some(election::reason(before, change))
            }
            _ => None,
        }
    }

    fn note(
        &self,
        offset: Offset,
        record: &MetadataRecord,
        touched: Option<TopicPartition>,
        reason: Option<ElectionReason>,
        effects: &mut Effects,
    ) {
        match record {
            MetadataRecord::RegisterBroker { broker, .. } => {
                let broker_epoch = BrokerEpoch(offset.0);
                effects.note(Event::BrokerRegistered { broker: *broker, broker_epoch });
            }
            MetadataRecord::FenceBroker { broker, .. } => {
                effects.note(Event::BrokerFenced { broker: *broker });
            }
            MetadataRecord::UnfenceBroker { broker, .. } => {
                effects.note(Event::BrokerUnfenced { broker: *broker });
            }
            MetadataRecord::ControlledShutdown { broker, .. } => {
                effects.note(Event::BrokerShuttingDown { broker: *broker });
            }
            _ => {}
        }
        let Some(partition) = touched else { return };
        let Some(image) = self.image.partition(&partition) else { return };
        let isr = image.isr.clone();
        if let Some(reason) = reason {
            let (leader, epoch) = (image.leader, image.leader_epoch);
            effects.note(Event::LeaderElected { partition: partition.clone(), leader, epoch, isr, reason });
        } else {
            let partition_epoch = image.partition_epoch;
            effects.note(Event::IsrChanged { partition: partition.clone(), isr, partition_epoch });
        }
        if let MetadataRecord::PartitionChange(PartitionChange { elr: Some(elr), .. }) = record {
            effects.note(Event::EligibleLeadersChanged { partition, elr: elr.clone() });
        }
    }
}

impl Machine for Controller {
    fn step(&mut self, now: Now, input: Input, effects: &mut Effects) {
        if !self.started {
            self.start(now, effects);
        }
        match input {
            Input::Request { context, request } => self.on_request(now, context, request, effects),
            Input::Disk { token, outcome } => self.on_disk(now, token, outcome, effects),
            Input::Closed { connection } => self.fetches.forget(connection),
            Input::Reply { .. } => panic!("a controller of one voter calls nobody"),
            // What it has promised is on disk: there is nothing to wait for.
            Input::Shutdown { .. } => self.stopped = true,
            Input::Tick => {}
        }
        self.expire_sessions(now, effects);
        self.maybe_balance(now, effects);
        self.expire_fetches(now, effects);
    }

    fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        [self.next_session_end(), self.fetches.next_deadline(), self.next_balance()]
            .into_iter()
            .flatten()
            .min()
    }

    fn may_stop(&self) -> bool {
        self.stopped
    }

    fn invariants(&self) {
        self.quorum.invariants();
        for (topic, index, partition) in self.image.partitions() {
            let name = &topic.name;
            let PartitionImage { replicas, isr, leader, .. } = partition;
            assert!(
                isr.iter().all(|member| replicas.contains(member)),
                "{name}/{index}: ISR outside the replicas"
            );
            assert!(self.keeps_elr() || !isr.is_empty(), "{name}/{index}: empty ISR");
            assert!(
                !partition.elr.iter().any(|eligible| isr.contains(eligible)),
                "{name}/{index}: in sync and merely eligible at once"
            );
            if let Some(leader) = leader {
                assert!(isr.contains(leader), "{name}/{index}: leader {leader} outside the ISR");
            }
        }
    }
}
