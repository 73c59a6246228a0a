//! One broker that leads `orders/0` with two followers, driven by hand: no socket, no task, no runtime.
//!
//! Disk operations end at once and followers fetch when told; what the controller and the followers would say is
//! made up here. Time stands still, so nothing but what is asked for happens.

use std::collections::BTreeMap;

use bytes::Bytes;
use tribunal_engine::broker::{Broker, BrokerSettings};
use tribunal_engine::config::{BrokerConfig, Properties};
use tribunal_engine::epoch::{BrokerEpoch, LeaderEpoch};
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{
    ConnectionId, CorrelationId, Endpoint, IncarnationId, NodeId, PartitionIndex, TopicId, TopicName,
    TopicPartition,
};
use tribunal_engine::machine::{Effect, Effects, Input, Machine, RequestContext};
use tribunal_engine::message::{
    BrokerHeartbeatResponse, BrokerRegistrationResponse, FetchPartition, FetchRequest, FetchResponse,
    FetchTopic, FetchedPartition, FetchedTopic, ProducePartition, ProduceRequest, Request, Response,
};
use tribunal_engine::metadata::{MetadataRecord, PartitionImage};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::{BatchBuilder, Compression};
use tribunal_engine::storage::{DiskDone, DiskOp};
use tribunal_engine::time::{Duration, Instant, Now, Timestamp};
use tribunal_engine::variant::ProtocolVariant;
use uuid::Uuid;

const LEADER: NodeId = NodeId(1);
const CONTROLLER: NodeId = NodeId(100);
const FOLLOWERS: [NodeId; 2] = [NodeId(2), NodeId(3)];
const BROKERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const TOPIC: TopicId = TopicId(Uuid::from_u128(7));
const EPOCH: LeaderEpoch = LeaderEpoch::ZERO;
const PRODUCER: ConnectionId = ConnectionId(1);
const BYTES_MAX: i32 = 1 << 20;

/// The leader, and what was done with it.
pub struct Leader {
    broker: Broker,
    effects: Effects,
    now: Now,
    /// Its log end offset.
    end: Offset,
    /// What the last request asked to write, which is what followers read next.
    written: Bytes,
    acknowledged: u64,
    fetched: u64,
}

impl Default for Leader {
    fn default() -> Self {
        Leader::new()
    }
}

impl Leader {
    /// A leader in service, with both followers in sync and waiting at the end of its empty log.
    #[must_use]
    pub fn new() -> Leader {
        let mut leader = Leader {
            broker: Broker::new(settings(), Vec::new()),
            effects: Effects::default(),
            now: Now { mono: Instant::from_nanos(1_000_000_000), wall: Timestamp(1_700_000_000_000) },
            end: Offset::ZERO,
            written: Bytes::new(),
            acknowledged: 0,
            fetched: 0,
        };
        leader.step(Input::Tick);
        // The first registration arrived before the metadata did; what it fell due for is asked for now.
        leader.step(Input::Tick);
        for follower in FOLLOWERS {
            leader.fetch(follower);
        }
        leader
    }

    /// Produces a batch of `records` records with `acks=all` and goes on until it is acknowledged: the append ends,
    /// both followers read it, and both fetch again, which moves the high watermark. They wait at the new end then.
    pub fn produce(&mut self, batch: &Bytes, records: i64) {
        self.send(batch, records);
        for follower in FOLLOWERS {
            self.fetch(follower);
        }
    }

    /// Produces a batch and leaves it parked: followers read it and do not come back.
    pub fn send(&mut self, batch: &Bytes, records: i64) {
        self.written = batch.clone();
        self.end = self.end.plus(records);
        let partitions = vec![ProducePartition { partition: orders(), records: Some(batch.clone()) }];
        let request = ProduceRequest::new(-1, Duration::from_secs(30), partitions);
        self.request(PRODUCER, request.into());
    }

    /// Produce requests answered without an error.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Fetches answered with records.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        self.fetched
    }

    /// The machine.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    fn fetch(&mut self, follower: NodeId) {
        let partition = FetchPartition {
            partition: PartitionIndex(0),
            current_leader_epoch: EPOCH,
            fetch_offset: self.end,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::ZERO,
            max_bytes: BYTES_MAX,
        };
        let request = FetchRequest {
            replica_epoch: broker_epoch(follower),
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: BYTES_MAX,
            ..FetchRequest::new(
                follower,
                vec![FetchTopic { name: None, id: TOPIC, partitions: vec![partition] }],
            )
        };
        self.request(ConnectionId(follower.0.unsigned_abs().into()), request.into());
    }

    fn request(&mut self, connection: ConnectionId, request: Request) {
        let context =
            RequestContext { connection, correlation: CorrelationId(0), api_version: 15, client_id: None };
        self.step(Input::Request { context, request });
    }

    /// One step, and every step that its effects lead to at once.
    fn step(&mut self, input: Input) {
        self.broker.step(self.now, input, &mut self.effects);
        while !self.effects.is_empty() {
            let mut effects = std::mem::take(&mut self.effects);
            for effect in effects.drain() {
                if let Some(input) = self.perform(effect) {
                    self.broker.step(self.now, input, &mut self.effects);
                }
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Disk { token, op } => {
                let done = match op {
                    DiskOp::Read { .. } | DiskOp::ReadToSend { .. } => DiskDone::Read(self.written.clone()),
                    _ => DiskDone::Done,
                };
                Some(Input::Disk { token, outcome: Ok(done) })
            }
            Effect::Call { token, request, .. } => {
                answer(&request).map(|response| Input::Reply { token, outcome: Ok(response) })
            }
            Effect::Respond { response, .. } => {
                self.note(response.as_ref());
                None
            }
            Effect::Note(_) | Effect::Close { .. } | Effect::Disconnect { .. } => None,
        }
    }

    fn note(&mut self, response: Option<&Response>) {
        match response {
            Some(Response::Produce(produced)) => {
                let good = produced.partitions.iter().all(|part| part.error == ErrorCode::None);
                self.acknowledged += u64::from(good);
            }
            Some(Response::Fetch(fetched)) => {
                let parts = fetched.topics.iter().flat_map(|topic| &topic.partitions);
                self.fetched += u64::from(parts.into_iter().any(|part| !part.records.is_empty()));
            }
            _ => {}
        }
    }
}

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// The controller's answer. It says what there is to know once and then leaves fetches unanswered.
fn answer(request: &Request) -> Option<Response> {
    match request {
        Request::BrokerRegistration(_) => {
            let broker_epoch = broker_epoch(LEADER);
            Some(BrokerRegistrationResponse { error: ErrorCode::None, broker_epoch }.into())
        }
        Request::BrokerHeartbeat(_) => {
            let response = BrokerHeartbeatResponse {
                error: ErrorCode::None,
                is_caught_up: true,
                is_fenced: false,
                should_shut_down: false,
            };
            Some(response.into())
        }
        Request::Fetch(fetch) => {
            let first = fetch.topics.first()?.partitions.first()?.fetch_offset == Offset::ZERO;
            first.then(|| metadata().into())
        }
        _ => None,
    }
}

/// A broker's epoch is the offset of its registration in [`metadata`].
fn broker_epoch(broker: NodeId) -> BrokerEpoch {
    BrokerEpoch(i64::from(broker.0) - 1)
}

/// Three registered brokers and a topic that the first leads, in one batch.
fn metadata() -> FetchResponse {
    let mut batch = BatchBuilder::new(Compression::None);
    let registrations = BROKERS.into_iter().map(|broker| MetadataRecord::RegisterBroker {
        broker,
        incarnation: IncarnationId(Uuid::from_u128(1)),
        endpoint: endpoint(broker),
        rack: None,
    });
    let unfencings = BROKERS
        .into_iter()
        .map(|broker| MetadataRecord::UnfenceBroker { broker, broker_epoch: broker_epoch(broker) });
    let partition = MetadataRecord::Partition {
        topic: TOPIC,
        partition: PartitionIndex(0),
        state: PartitionImage {
            leader_epoch: EPOCH,
            ..PartitionImage::new(BROKERS.to_vec(), BROKERS.to_vec(), Some(LEADER))
        },
    };
    let topic = MetadataRecord::Topic { name: TopicName::new("orders"), id: TOPIC };
    for record in registrations.chain(unfencings).chain([topic, partition]) {
        batch.push(Timestamp(0), None, Some(&record.encode()), &[]);
    }
    let count = i64::from(batch.count());
    let partition = FetchedPartition {
        high_watermark: Offset(count),
        last_stable_offset: Offset(count),
        log_start_offset: Offset::ZERO,
        records: batch.build(),
        ..FetchedPartition::new(PartitionIndex(0))
    };
    let topic = FetchedTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
    FetchResponse::new(vec![topic])
}

fn endpoint(node: NodeId) -> Endpoint {
    Endpoint::new(&format!("host-{node}"), 9092)
}

fn settings() -> BrokerSettings {
    BrokerSettings {
        node: LEADER,
        cluster_id: "bench".to_owned(),
        endpoint: endpoint(LEADER),
        rack: None,
        incarnation: IncarnationId(Uuid::from_u128(1)),
        voters: BTreeMap::from([(CONTROLLER, endpoint(CONTROLLER))]),
        config: BrokerConfig::from_properties(&Properties::new()).expect("defaults are valid"),
        variant: ProtocolVariant::default(),
    }
}
