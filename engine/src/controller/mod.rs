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
mod placement;
mod producer_ids;
mod reassign;
mod standby;

use std::collections::{BTreeMap, VecDeque};

use crate::config::BrokerConfig;
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::event::{ElectionReason, Event};
use crate::id::{DirectoryId, Endpoint, NodeId, TopicPartition};
use crate::machine::{Effect, Effects, Input, Machine, RequestContext, Wakeup};
use crate::message::{ApiVersionsResponse, Request, Response};
use crate::metadata::{MetadataImage, MetadataRecord, PartitionChange, PartitionImage};
use crate::offset::Offset;
use crate::quorum::{Committed, Quorum, QuorumSettings};
use crate::rng::Rng;
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
    /// Every voter of the quorum, this one too, and where it listens.
    pub voters: BTreeMap<NodeId, Endpoint>,
    /// The id of its log directory.
    pub directory: DirectoryId,
    /// The directories of all voters when the cluster was formatted; empty if nobody has said so.
    pub directories: BTreeMap<NodeId, DirectoryId>,
    /// The protocol's knobs.
    pub variant: ProtocolVariant,
    /// For topic ids, placement and election timeouts.
    pub rng: Rng,
}

impl ControllerSettings {
    /// What its voter is born with.
    #[must_use]
    pub fn quorum(&self) -> QuorumSettings {
        QuorumSettings {
            node: self.node,
            cluster_id: self.cluster_id.clone(),
            voters: self.voters.clone(),
            directory: self.directory,
            directories: self.directories.clone(),
            config: self.config.quorum,
            variant: self.variant,
            rng: self.rng.fork("quorum"),
        }
    }
}

/// One controller of a cluster. It decides while its voter leads the quorum, and follows otherwise.
#[derive(Debug)]
pub struct Controller {
    settings: ControllerSettings,
    quorum: Quorum,
    /// What the committed records add up to.
    committed: MetadataImage,
    /// While it decides: what all records add up to, those too that are not committed yet. Given up when the
    /// leadership is lost, and taken from `committed` when it is won.
    image: MetadataImage,
    /// The epoch it decides in.
    active: Option<LeaderEpoch>,
    /// What is known of each broker besides its registration.
    contacts: BTreeMap<NodeId, brokers::Contact>,
    parked: VecDeque<Parked>,
    /// When the balance of leaderships is checked next.
    balance_at: Option<Instant>,
    started: bool,
    stopping: bool,
}

impl Controller {
    /// A controller over the voter it recovered. Starts with its first step.
    #[must_use]
    pub fn new(settings: ControllerSettings, quorum: Quorum) -> Controller {
        Controller {
            settings,
            quorum,
            committed: MetadataImage::default(),
            image: MetadataImage::default(),
            active: None,
            contacts: BTreeMap::new(),
            parked: VecDeque::new(),
            balance_at: None,
            started: false,
            stopping: false,
        }
    }

    /// The metadata as this controller holds it; while it decides, with records that are not committed yet.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        if self.active.is_some() { &self.image } else { &self.committed }
    }

    /// Its voter.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    fn on_request(&mut self, now: Now, context: RequestContext, request: Request, effects: &mut Effects) {
        if self.active.is_none() && !matches!(request, Request::ApiVersions(_)) {
            return standby::refuse(&context, &request, effects);
        }
        let decision = match request {
            Request::ApiVersions(_) => {
                let response =
                    ApiVersionsResponse { error: ErrorCode::None, apis: advertised(Listener::Controller) };
                return effects.respond(&context, response.into());
            }
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
        self.quorum.append(now, records, effects);
        for (offset, record) in (base.0..).map(Offset).zip(records) {
            self.image.replay(offset, record);
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

    fn release(&mut self, effects: &mut Effects) {
        let committed = self.quorum.high_watermark();
        while self.parked.front().is_some_and(|parked| parked.needs <= committed) {
            if let Some(parked) = self.parked.pop_front() {
                effects.respond(&parked.context, parked.response);
            }
        }
    }

    /// Takes over what the voter has learnt: a lost leadership, committed records, a won leadership.
    fn follow_quorum(&mut self, now: Now, effects: &mut Effects) {
        if self.active.is_some() && self.active != self.quorum.active_epoch() {
            self.stand_by(effects);
        }
        while let Some(committed) = self.quorum.take_committed(effects) {
            match committed {
                Committed::Snapshot { records, .. } => self.committed = MetadataImage::of_snapshot(&records),
                Committed::Batch { records, .. } => self.replay_committed(&records, effects),
            }
        }
        if self.quorum.wants_snapshot(now) {
            self.quorum.write_snapshot(now, self.committed.records(), effects);
        }
        if self.active.is_none() && self.quorum.active_epoch().is_some() {
            self.active = self.quorum.active_epoch();
            self.image = self.committed.clone();
            let brokers = self.image.brokers().keys();
            self.contacts = brokers.map(|broker| (*broker, brokers::Contact::new(now.mono))).collect();
            self.schedule_balance(now);
        }
        self.release(effects);
    }

    fn replay_committed(&mut self, records: &[(Offset, MetadataRecord)], effects: &mut Effects) {
        for (offset, record) in records {
            let reason = self.election_reason(record);
            let touched = self.committed.replay(*offset, record);
            // One voice is enough: what the leader commits is what happens.
            if self.quorum.is_leader() {
                self.note(*offset, record, touched, reason, effects);
            }
        }
    }

    /// Decides no more. What is not committed may be or may never be: whoever waits for it is not told, but loses
    /// the connection.
    fn stand_by(&mut self, effects: &mut Effects) {
        self.active = None;
        self.image = MetadataImage::default();
        for parked in std::mem::take(&mut self.parked) {
            let reason = "the controller has lost its leadership";
            effects.push(Effect::Close { connection: parked.context.connection, reason });
        }
    }

    /// Why a record about to be replayed elects a leader, if it does.
    fn election_reason(&self, record: &MetadataRecord) -> Option<ElectionReason> {
        match record {
            MetadataRecord::Partition { .. } => Some(ElectionReason::Created),
            MetadataRecord::PartitionChange(change) if change.leader.is_some() => {
                let before = self.committed.topic_by_id(change.topic)?.partitions.get(&change.partition)?;
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
        let Some(image) = self.committed.partition(&partition) else { return };
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
            self.started = true;
            self.quorum.start(now, effects);
        }
        match input {
            Input::Request { context, request } => {
                if let Some((context, request)) = self.quorum.on_request(now, context, request, effects) {
                    self.on_request(now, context, request, effects);
                }
            }
            Input::Disk { token, outcome } => self.quorum.on_disk(now, token, outcome, effects),
            Input::Closed { connection } => self.quorum.forget(connection),
            Input::Reply { token, outcome } => self.quorum.on_reply(now, token, outcome, effects),
            Input::Shutdown { .. } => {
                self.stopping = true;
                self.quorum.step_down(now, effects);
            }
            Input::Tick => {}
        }
        self.quorum.tick(now, effects);
        self.follow_quorum(now, effects);
        if self.active.is_some() {
            self.expire_sessions(now, effects);
            self.maybe_balance(now, effects);
        }
    }

    fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let deciding = [self.next_session_end(), self.next_balance()].into_iter().flatten().min();
        let deciding = self.active.and(deciding);
        [deciding, self.quorum.next_wakeup()].into_iter().flatten().min()
    }

    /// What it has promised is on disk: it waits for nothing but that the others hear it goes.
    fn may_stop(&self) -> bool {
        self.stopping && !self.quorum.is_telling()
    }

    fn invariants(&self) {
        self.quorum.invariants();
        for (topic, index, partition) in self.image().partitions() {
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
