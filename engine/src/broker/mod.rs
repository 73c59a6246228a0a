//! A broker: replicas, the requests about them, and what it says to the controller.
//!
//! [`Broker::step`] only routes. Each API has a file: `produce`, `fetch`, `metadata`, `auto_create`, `offsets`,
//! `delete_records`, `producer_ids`, in `query` those that admin clients ask, and in `forward` what only the controller can do; so has
//! each conversation of the broker's own: `lifecycle` (registration, heartbeats), `maintenance` (retention, flushes),
//! `cleaner` (compaction), `metadata_fetch` (the controller's log), `replication` (fetching from leaders), `isr` (AlterPartition), `shutdown`
//! (stopping). Replies that wait are kept by `parked` and released by what they wait for: the shell makes no protocol
//! decision.
//!
//! A broker that restarts forgets its metadata and reads the controller's log from the start, or the newest snapshot
//! (`metadata_snapshot`) and the log after it; it serves clients
//! when it has applied its own registration and the controller has unfenced it. Kafka's brokers keep a copy of the
//! log on disk; without one a restart is slower and no less safe.

mod auto_create;
mod cleaner;
mod controllers;
mod delete_records;
mod fetch;
mod forward;
mod groups;
mod isr;
mod lifecycle;
mod maintenance;
mod metadata;
mod metadata_fetch;
mod metadata_snapshot;
mod offsets;
mod parked;
mod produce;
mod producer_ids;
mod query;
mod replication;
mod shutdown;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::groups::partition_of_group;
use crate::config::BrokerConfig;
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::{Endpoint, IncarnationId, NodeId, PartitionIndex, TopicName, TopicPartition};
use crate::log::{LogCompletion, LogIo, PartitionLog};
use crate::machine::{CallError, CallToken, Effect, Effects, Input, Lane, Machine, RequestContext, Wakeup};
use crate::message::{ApiVersionsResponse, Request, Response};
use crate::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::offset::Offset;
use crate::replica::{Replica, ReplicaSettings, Role};
use crate::storage::{DiskOp, DiskOutcome, DiskToken};
use crate::time::{Duration, Instant, Now};
use crate::variant::ProtocolVariant;
use crate::wire::{Listener, advertised};

/// What a broker is born with.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Its `node.id`.
    pub node: NodeId,
    /// The cluster's id.
    pub cluster_id: String,
    /// Where it listens, as clients and other brokers reach it.
    pub endpoint: Endpoint,
    /// Its rack.
    pub rack: Option<String>,
    /// This boot.
    pub incarnation: IncarnationId,
    /// The controllers (`controller.quorum.voters`), of which one is active.
    pub voters: BTreeMap<NodeId, Endpoint>,
    /// `server.properties`.
    pub config: BrokerConfig,
    /// The protocol's knobs.
    pub variant: ProtocolVariant,
}

/// What the reply to a call means.
#[derive(Debug)]
enum Call {
    Registration,
    Heartbeat,
    MetadataFetch,
    AlterPartition(TopicPartition),
    ReplicaFetch(NodeId),
    Forward(RequestContext, Box<Request>),
    AllocateProducerIds,
    AutoCreate(Vec<TopicName>),
}

/// What the end of a disk operation means.
#[derive(Debug)]
enum DiskWait {
    Log(TopicPartition, LogCompletion),
    Fetch(fetch::ReadSlot),
    GroupLoad(groups::LoadSlot),
    /// The marker of a clean stop.
    Marker,
    /// Nobody waits for it any more.
    Nothing,
    Lookup(offsets::LookupSlot),
}

/// A broker.
#[derive(Debug)]
pub struct Broker {
    settings: BrokerSettings,
    /// `server.properties`, without what was changed since.
    static_config: BrokerConfig,
    image: MetadataImage,
    lifecycle: lifecycle::Lifecycle,
    controllers: controllers::Controllers,
    metadata_fetch: metadata_fetch::MetadataFetch,
    /// Logs found at boot whose partitions metadata has not named yet.
    recovered: BTreeMap<TopicPartition, PartitionLog>,
    replicas: BTreeMap<TopicPartition, Replica>,
    replication: replication::Replication,
    shutdown: shutdown::Shutdown,
    isr: isr::IsrChecks,
    maintenance: maintenance::Maintenance,
    cleaner: cleaner::Cleaner,
    produces: produce::ParkedProduces,
    deletions: delete_records::ParkedDeletions,
    producer_ids: producer_ids::ProducerIds,
    fetches: fetch::Fetches,
    groups: groups::Groups,
    lookups: offsets::Lookups,
    auto_creation: auto_create::AutoCreation,
    calls: BTreeMap<CallToken, Call>,
    disk: BTreeMap<DiskToken, DiskWait>,
    next_token: u64,
}

impl Broker {
    /// A broker over the logs it recovered. Starts with its first step.
    #[must_use]
    pub fn new(settings: BrokerSettings, recovered: Vec<PartitionLog>) -> Broker {
        let fetches = fetch::Fetches::new(&settings);
        Broker {
            controllers: controllers::Controllers::new(&settings.voters),
            static_config: settings.config.clone(),
            settings,
            image: MetadataImage::default(),
            lifecycle: lifecycle::Lifecycle::default(),
            metadata_fetch: metadata_fetch::MetadataFetch::default(),
            recovered: recovered.into_iter().map(|log| (log.partition().clone(), log)).collect(),
            replicas: BTreeMap::new(),
            replication: replication::Replication::default(),
            shutdown: shutdown::Shutdown::default(),
            isr: isr::IsrChecks::default(),
            maintenance: maintenance::Maintenance::default(),
            cleaner: cleaner::Cleaner::default(),
            produces: produce::ParkedProduces::default(),
            deletions: delete_records::ParkedDeletions::default(),
            producer_ids: producer_ids::ProducerIds::default(),
            fetches,
            groups: groups::Groups::default(),
            lookups: offsets::Lookups::default(),
            auto_creation: auto_create::AutoCreation::default(),
            calls: BTreeMap::new(),
            disk: BTreeMap::new(),
            next_token: 0,
        }
    }

    /// The epoch it had before, if it stopped in order then: what it acknowledged is all there (KIP-966).
    #[must_use]
    pub fn with_previous_epoch(mut self, epoch: BrokerEpoch) -> Broker {
        self.lifecycle.previous_epoch = epoch;
        self
    }

    /// Its replicas, for snapshots.
    #[must_use]
    pub fn replicas(&self) -> &BTreeMap<TopicPartition, Replica> {
        &self.replicas
    }

    /// The metadata it has applied.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    fn on_request(&mut self, now: Now, context: RequestContext, request: Request, effects: &mut Effects) {
        match request {
            Request::ApiVersions(_) => {
                let response =
                    ApiVersionsResponse { error: ErrorCode::None, apis: advertised(Listener::Broker) };
                effects.respond(&context, response.into());
            }
            Request::Metadata(request) => {
                self.auto_create(&request, effects);
                effects.respond(&context, self.metadata_response(&request).into());
            }
            Request::Produce(request) => self.on_produce(now, context, request, effects),
            Request::Fetch(request) => self.on_fetch(now, context, request, effects),
            Request::DeleteRecords(request) => self.on_delete_records(now, context, request, effects),
            Request::ListOffsets(request) => self.on_list_offsets(context, &request, effects),
            Request::OffsetForLeaderEpoch(request) => {
                effects.respond(&context, self.offsets_for_epochs(&request).into());
            }
            Request::CreateTopics(_)
            | Request::DeleteTopics(_)
            | Request::CreatePartitions(_)
            | Request::ElectLeaders(_)
            | Request::AlterPartitionReassignments(_)
            | Request::ListPartitionReassignments(_)
            | Request::AlterConfigs(_)
            | Request::IncrementalAlterConfigs(_)
            | Request::DescribeQuorum(_) => self.forward(context, request, effects),
            Request::FindCoordinator(_)
            | Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::OffsetDelete(_)
            | Request::ListGroups(_)
            | Request::DescribeGroups(_)
            | Request::ConsumerGroupHeartbeat(_)
            | Request::ConsumerGroupDescribe(_)
            | Request::DeleteGroups(_) => self.on_group_request(now, &context, request, effects),
            Request::InitProducerId(request) => self.on_init_producer_id(context, &request, effects),
            Request::DescribeProducers(request) => {
                effects.respond(&context, self.describe_producers(&request).into());
            }
            request => self.on_query(&context, request, effects),
        }
    }

    fn on_reply(
        &mut self,
        now: Now,
        token: CallToken,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        match self.calls.remove(&token) {
            Some(Call::Registration) => self.on_registered(now, &outcome, effects),
            Some(Call::Heartbeat) => self.on_heartbeat(now, outcome, effects),
            Some(Call::MetadataFetch) => self.on_metadata(now, outcome, effects),
            Some(Call::AlterPartition(partition)) => self.on_altered(now, &partition, outcome, effects),
            Some(Call::ReplicaFetch(leader)) => self.on_fetched(now, (leader, token), outcome, effects),
            Some(Call::AllocateProducerIds) => self.on_producer_ids(&outcome, effects),
            Some(Call::Forward(context, request)) => {
                Broker::on_forwarded(&context, &request, outcome, effects);
            }
            Some(Call::AutoCreate(names)) => self.on_auto_created(&names),
            None => panic!("reply to a call that was never made"),
        }
    }

    fn on_disk(&mut self, now: Now, token: DiskToken, outcome: DiskOutcome, effects: &mut Effects) {
        match self.disk.remove(&token) {
            Some(DiskWait::Log(partition, completion)) => {
                let Some(replica) = self.replicas.get_mut(&partition) else { return };
                let before = Marks::of(replica);
                let mut io = LogIo::default();
                match outcome {
                    Ok(done) => replica.complete(now, completion, &done, &mut io, effects),
                    Err(_) => {
                        replica.fail(effects);
                        self.lifecycle.storage_failed(now.mono);
                        self.note_leader(now, &partition, effects);
                    }
                }
                self.submit(&partition, io, effects);
                self.after_change(now, &partition, before, effects);
            }
            Some(DiskWait::Fetch(slot)) => self.on_read(now, slot, outcome, effects),
            Some(DiskWait::GroupLoad(slot)) => self.on_group_load(now, &slot, outcome, effects),
            Some(DiskWait::Lookup(slot)) => self.on_lookup_read(slot, outcome, effects),
            Some(DiskWait::Marker | DiskWait::Nothing) => {}
            None => panic!("end of a disk operation that was never started"),
        }
    }

    /// A partition of this broker in metadata: a new replica, or a new state of one.
    fn apply_partition(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let topic = self.image.topics().get(&partition.topic).cloned();
        let image = topic.as_ref().and_then(|topic| topic.partitions.get(&partition.partition)).cloned();
        let (Some(topic), Some(image)) = (topic, image) else {
            return self.remove_replica(now, partition, effects);
        };
        let other = self.replicas.get(partition).is_some_and(|replica| replica.topic_id() != topic.id);
        if other || !image.replicas.contains(&self.settings.node) {
            self.remove_replica(now, partition, effects);
        }
        if !image.replicas.contains(&self.settings.node) {
            return;
        }
        let config = topic.config(self.settings.config.topic_defaults);
        if !self.replicas.contains_key(partition) {
            self.add_replica(partition, &topic, effects);
        }
        if config.log.cleanup.compact {
            self.wake_cleaner(now);
        }
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let before = Marks::of(replica);
        let mut io = LogIo::default();
        replica.apply_metadata(now, &image, config, &mut io, effects);
        replica.brokers_changed(now, &self.image, effects);
        self.submit(partition, io, effects);
        self.after_role_change(now, partition, &image, effects);
        self.after_change(now, partition, before, effects);
    }

    fn add_replica(&mut self, partition: &TopicPartition, topic: &TopicImage, effects: &mut Effects) {
        let config = topic.config(self.settings.config.topic_defaults);
        let settings = config.log;
        let log = self
            .recovered
            .remove(partition)
            .unwrap_or_else(|| PartitionLog::new(partition.clone(), settings));
        effects.note(Event::Recovered { partition: partition.clone(), end: log.end_offset() });
        let settings = ReplicaSettings {
            broker: self.settings.node,
            lag_time_max: self.settings.config.replica_lag_time_max,
            variant: self.settings.variant,
        };
        self.replicas.insert(partition.clone(), Replica::new(settings, topic.id, config, log));
    }

    /// The partition is no more, or this broker has no replica of it any more: its log goes, and with it whatever
    /// still happens to it.
    fn remove_replica(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let Some(replica) = self.replicas.remove(partition) else { return };
        let end = replica.log().end_offset();
        effects.note(Event::ReplicaRemoved { partition: partition.clone(), end });
        for wait in self.disk.values_mut() {
            if matches!(wait, DiskWait::Log(of, _) if of == partition) {
                *wait = DiskWait::Nothing;
            }
        }
        self.remove_directory(replica.log().directory().clone(), effects);
        self.fail_waiting(now, partition, effects);
        self.attend_group(now, partition, effects);
        self.note_leader(now, partition, effects);
    }

    fn remove_directory(&mut self, directory: Arc<str>, effects: &mut Effects) {
        let token = self.disk_token();
        self.disk.insert(token, DiskWait::Nothing);
        effects.push(Effect::Disk { token, op: DiskOp::RemoveDirectory { directory } });
    }

    fn after_role_change(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        image: &PartitionImage,
        effects: &mut Effects,
    ) {
        if image.leader == Some(self.settings.node) {
            self.isr.schedule(now, self.settings.config.replica_lag_time_max);
        } else {
            self.fail_waiting(now, partition, effects);
        }
        self.attend_group(now, partition, effects);
        self.note_leader(now, partition, effects);
    }

    /// Releases what waited for the change a replica has just made.
    fn after_change(&mut self, now: Now, partition: &TopicPartition, before: Marks, effects: &mut Effects) {
        let Some(replica) = self.replicas.get(partition) else { return };
        let after = Marks::of(replica);
        if after != before {
            self.release_produces(partition, effects);
            self.release_fetches(now, partition, effects);
            self.attend_group(now, partition, effects);
        }
        self.release_deletions(partition, effects);
        self.propose_isr(now, partition, effects);
        self.fetch_on(now, partition, effects);
    }

    fn submit(&mut self, partition: &TopicPartition, mut io: LogIo, effects: &mut Effects) {
        for (op, completion) in io.drain() {
            let token = self.disk_token();
            self.disk.insert(token, DiskWait::Log(partition.clone(), completion));
            effects.push(Effect::Disk { token, op });
        }
    }

    fn disk_token(&mut self) -> DiskToken {
        self.next_token += 1;
        DiskToken(self.next_token)
    }

    fn call(
        &mut self,
        to: (NodeId, Endpoint),
        lane: Lane,
        call: Call,
        request: Request,
        timeout: Duration,
        effects: &mut Effects,
    ) -> CallToken {
        self.next_token += 1;
        let token = CallToken(self.next_token);
        self.calls.insert(token, call);
        effects.push(Effect::Call { to: to.0, endpoint: to.1, lane, token, request, timeout });
        token
    }

    fn call_controller(&mut self, call: Call, request: impl Into<Request>, effects: &mut Effects) {
        let timeout = self.settings.config.controller_quorum_request_timeout;
        let controller = self.controller();
        self.call(controller, Lane::Control, call, request.into(), timeout, effects);
    }

    fn replica(&self, partition: &TopicPartition) -> Result<&Replica, ErrorCode> {
        match self.replicas.get(partition) {
            Some(replica) => Ok(replica),
            None if self.image.partition(partition).is_some() => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        }
    }
}

/// What parked replies depend on; compared before and after a replica's step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Marks {
    high_watermark: Offset,
    submitted: Offset,
    epoch: LeaderEpoch,
    offline: bool,
}

impl Marks {
    fn of(replica: &Replica) -> Marks {
        Marks {
            high_watermark: replica.high_watermark(),
            submitted: replica.log().progress().submitted(),
            epoch: replica.leader_epoch(),
            offline: matches!(replica.role(), Role::Offline),
        }
    }
}

impl Machine for Broker {
    fn step(&mut self, now: Now, input: Input, effects: &mut Effects) {
        if self.shutdown.is_closed() {
            return self.step_closed(now, input, effects);
        }
        match input {
            Input::Request { context, request } => self.on_request(now, context, request, effects),
            Input::Reply { token, outcome } => self.on_reply(now, token, outcome, effects),
            Input::Disk { token, outcome } => self.on_disk(now, token, outcome, effects),
            Input::Closed { connection } => {
                self.produces.forget(connection);
                self.deletions.forget(connection);
                self.producer_ids.forget(connection);
                self.fetches.forget(connection);
                self.groups.forget(connection);
            }
            Input::Shutdown { patience } => self.begin_shutdown(now, patience, effects),
            Input::Tick => {}
        }
        self.check_shutdown(now, effects);
        self.live(now, effects);
        self.fetch_metadata(now, effects);
        self.check_isr(now, effects);
        self.resume_replication(now, effects);
        self.expire_produces(now, effects);
        self.expire_deletions(now, effects);
        self.expire_producers(now);
        self.expire_fetches(now, effects);
        self.tick_groups(now, effects);
        self.maintain(now, effects);
        self.clean(now, effects);
    }

    fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        if self.shutdown.is_closed() {
            return None;
        }
        [
            self.lifecycle.next_wakeup(),
            self.metadata_fetch.next_wakeup(),
            self.isr.next_wakeup(),
            self.maintenance.next_wakeup(),
            self.cleaner.next_wakeup(),
            self.replication.next_wakeup(),
            self.produces.next_deadline(),
            self.deletions.next_deadline(),
            self.producer_ids.next_wakeup(),
            self.fetches.next_deadline(),
            self.groups.next_wakeup(),
            self.shutdown.next_wakeup(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn may_stop(&self) -> bool {
        self.shutdown == shutdown::Shutdown::Stopped
    }

    fn invariants(&self) {
        for replica in self.replicas.values() {
            replica.invariants();
        }
        self.produces.invariants();
        self.deletions.invariants();
        self.fetches.invariants();
        self.replication_invariants();
        self.groups.invariants();
    }
}

/// The partition of a request that names topic and index apart.
fn partition_of(topic: &TopicImage, index: PartitionIndex) -> TopicPartition {
    TopicPartition { topic: topic.name.clone(), partition: index }
}
