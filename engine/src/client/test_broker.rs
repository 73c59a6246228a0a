//! Brokers for tests that answer as a script says. They speak the real protocol; ApiVersions, Metadata and
//! InitProducerId they answer by themselves, from one picture of the cluster that a test may change.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::test_platform::TestPlatform;
use crate::driver::{Clock as _, Network as _, Spawner as _};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition};
use crate::message::{
    ApiKey, ApiRange, ApiVersionsResponse, FetchResponse, FetchedPartition, FetchedTopic,
    InitProducerIdResponse, MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic,
    ProduceRequest, ProduceResponse, ProducedPartition, Request, Response,
};
use crate::offset::Offset;
use crate::record::{BatchBuilder, Compression, RecordBatch};
use crate::time::{Duration, Timestamp};
use crate::wire::{FRAME_BYTES_MAX, decode_request, encode_response, split_frame, supported_versions};

/// The topic of all tests.
pub(in crate::client) const TOPIC: &str = "orders";

/// What a broker does with a request.
pub(in crate::client) enum Answer {
    /// Answers.
    Now(Response),
    /// Answers later; requests behind it wait.
    After(Duration, Response),
    /// Never answers, nor anything that comes after it on the connection.
    Silence,
    /// Closes the connection.
    Close,
}

impl<T: Into<Response>> From<T> for Answer {
    fn from(response: T) -> Self {
        Answer::Now(response.into())
    }
}

type Script = Rc<RefCell<dyn FnMut(&Request) -> Answer>>;

/// A cluster of scripted brokers.
#[derive(Clone)]
pub(in crate::client) struct TestCluster {
    pub(in crate::client) platform: TestPlatform,
    metadata: Rc<RefCell<MetadataResponse>>,
    seen: Rc<RefCell<Vec<(i32, Request)>>>,
    metadata_asked: Rc<RefCell<Vec<i32>>>,
    /// Producer ids given out.
    producer_ids: Rc<Cell<i64>>,
}

impl TestCluster {
    /// A cluster in which broker `leaders[i]` leads partition `i` in epoch 0.
    pub(in crate::client) fn new(leaders: &[i32]) -> Self {
        let topic = MetadataTopic {
            error: ErrorCode::None,
            name: Some(TopicName::new(TOPIC)),
            id: topic_id(),
            partitions: Vec::new(),
        };
        let metadata = MetadataResponse {
            brokers: Vec::new(),
            cluster_id: Some("test".to_owned()),
            controller: NodeId(1),
            topics: vec![topic],
        };
        let cluster = TestCluster {
            platform: TestPlatform::default(),
            metadata: Rc::new(RefCell::new(metadata)),
            seen: Rc::default(),
            metadata_asked: Rc::default(),
            producer_ids: Rc::default(),
        };
        for (index, leader) in (0..).zip(leaders) {
            cluster.lead(index, *leader, 0);
        }
        cluster
    }

    /// Makes `leader` the leader of a partition from now on, as far as Metadata tells.
    pub(in crate::client) fn lead(&self, partition: i32, leader: i32, epoch: i32) {
        let partitions = &mut self.metadata.borrow_mut().topics[0].partitions;
        partitions.retain(|known| known.partition.0 != partition);
        partitions.push(MetadataPartition {
            error: ErrorCode::None,
            partition: PartitionIndex(partition),
            leader: NodeId(leader),
            leader_epoch: LeaderEpoch(epoch),
            replicas: vec![NodeId(leader)],
            isr: vec![NodeId(leader)],
            offline: Vec::new(),
        });
        partitions.sort_by_key(|known| known.partition);
    }

    /// Names a broker in the metadata that nobody can connect to.
    pub(in crate::client) fn unreachable_broker(&self, id: i32) {
        let broker = MetadataBroker { id: NodeId(id), endpoint: endpoint(id), rack: None };
        self.metadata.borrow_mut().brokers.push(broker);
    }

    /// Starts a broker.
    pub(in crate::client) fn broker(&self, id: i32, script: impl FnMut(&Request) -> Answer + 'static) {
        self.unreachable_broker(id);
        let script: Script = Rc::new(RefCell::new(script));
        let cluster = self.clone();
        self.platform.spawn("listener", async move {
            let listener = cluster.platform.bind(&endpoint(id)).await.expect("test networks bind");
            loop {
                let stream = cluster.platform.accept(&listener).await.expect("test networks accept");
                cluster.platform.spawn("connection", cluster.clone().serve(id, stream, script.clone()));
            }
        });
    }

    /// Makes Metadata name no broker; gives those it named.
    pub(in crate::client) fn hide_brokers(&self) -> Vec<MetadataBroker> {
        std::mem::take(&mut self.metadata.borrow_mut().brokers)
    }

    /// Makes Metadata name `brokers`.
    pub(in crate::client) fn show_brokers(&self, brokers: Vec<MetadataBroker>) {
        self.metadata.borrow_mut().brokers = brokers;
    }

    /// Where clients start.
    pub(in crate::client) fn bootstrap(&self) -> Vec<Endpoint> {
        self.metadata.borrow().brokers.iter().map(|broker| broker.endpoint.clone()).collect()
    }

    /// The requests that came so far to `broker`, without ApiVersions and Metadata.
    pub(in crate::client) fn seen(&self, broker: i32) -> Vec<Request> {
        let seen = self.seen.borrow();
        seen.iter().filter(|(id, _)| *id == broker).map(|(_, request)| request.clone()).collect()
    }

    /// How often `broker` was asked for metadata.
    pub(in crate::client) fn metadata_asked(&self, broker: i32) -> usize {
        self.metadata_asked.borrow().iter().filter(|id| **id == broker).count()
    }

    /// The Produce requests that came so far to `broker`.
    pub(in crate::client) fn produced(&self, broker: i32) -> Vec<ProduceRequest> {
        let produce = |request| match request {
            Request::Produce(produce) => Some(produce),
            _ => None,
        };
        self.seen(broker).into_iter().filter_map(produce).collect()
    }

    async fn serve(self, id: i32, mut stream: DuplexStream, script: Script) {
        let mut reading = BytesMut::new();
        let mut silent = false;
        loop {
            let frame = match split_frame(&mut reading, FRAME_BYTES_MAX).expect("clients send frames") {
                Some(frame) => frame,
                None => match stream.read_buf(&mut reading).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                },
            };
            let (header, request) = decode_request(frame).expect("clients send requests");
            let answer = match &request {
                Request::ApiVersions(_) => {
                    ApiVersionsResponse { error: ErrorCode::None, apis: every_api() }.into()
                }
                Request::Metadata(_) => {
                    self.metadata_asked.borrow_mut().push(id);
                    self.metadata.borrow().clone().into()
                }
                Request::InitProducerId(_) => {
                    let count = self.producer_ids.get();
                    self.producer_ids.set(count + 1);
                    InitProducerIdResponse {
                        error: ErrorCode::None,
                        producer_id: ProducerId(1000 + count),
                        producer_epoch: 0,
                    }
                    .into()
                }
                request => {
                    self.seen.borrow_mut().push((id, request.clone()));
                    (script.borrow_mut())(request)
                }
            };
            let response = match answer {
                Answer::Now(response) => response,
                Answer::After(wait, response) => {
                    self.platform.sleep(wait).await;
                    response
                }
                Answer::Silence => {
                    silent = true;
                    continue;
                }
                Answer::Close => return,
            };
            if silent || matches!(&request, Request::Produce(produce) if produce.acks == 0) {
                continue;
            }
            let mut out = BytesMut::new();
            encode_response(header.key, header.version, header.correlation, &response, &mut out);
            if stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }
}

/// Every API there is: a script may answer those that no broker of ours serves.
fn every_api() -> Vec<ApiRange> {
    let range = |key: ApiKey| {
        let (min, max) = supported_versions(key).into_inner();
        ApiRange { key: key.code(), min, max }
    };
    ApiKey::ALL.into_iter().map(range).collect()
}

/// The id of the topic of all tests.
pub(in crate::client) fn topic_id() -> TopicId {
    TopicId(uuid::Uuid::from_u128(77))
}

fn endpoint(id: i32) -> Endpoint {
    Endpoint::new(&format!("broker-{id}"), 9092)
}

/// Answers a Produce with the same for every partition; appended at offset 100.
pub(in crate::client) fn produced(request: &Request, error: ErrorCode) -> Answer {
    let Request::Produce(request) = request else { return Answer::Close };
    let outcome = |partition: &TopicPartition| ProducedPartition {
        error,
        base_offset: if error.is_error() { Offset::NONE } else { Offset(100) },
        log_start_offset: Offset::ZERO,
        ..ProducedPartition::new(partition.clone())
    };
    let partitions = request.partitions.iter().map(|produce| outcome(&produce.partition)).collect();
    ProduceResponse::new(partitions).into()
}

/// How many records each batch of a Produce holds.
pub(in crate::client) fn record_counts(request: &ProduceRequest) -> Vec<i32> {
    let parse = |records: &Option<Bytes>| {
        let records = records.clone().expect("clients send records");
        RecordBatch::parse(records).expect("clients send whole batches").record_count()
    };
    request.partitions.iter().map(|produce| parse(&produce.records)).collect()
}

/// A batch of one record for each of `values`.
pub(in crate::client) fn batch(base: i64, epoch: i32, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.push(Timestamp(1), None, Some(value.as_bytes()), &[]);
    }
    let batch = RecordBatch::parse(builder.build()).expect("a built batch");
    batch.with_position(Offset(base), LeaderEpoch(epoch)).to_bytes()
}

/// Answers a Fetch of one partition.
pub(in crate::client) fn fetched(request: &Request, error: ErrorCode, records: &Bytes) -> Response {
    let Request::Fetch(request) = request else { panic!("not a fetch: {request:?}") };
    let topic = |topic: &crate::message::FetchTopic| FetchedTopic {
        name: topic.name.clone(),
        id: topic.id,
        partitions: topic
            .partitions
            .iter()
            .map(|wanted| partition(wanted.partition, error, records))
            .collect(),
    };
    let topics = request.topics.iter().map(topic).collect();
    FetchResponse::new(topics).into()
}

fn partition(partition: PartitionIndex, error: ErrorCode, records: &Bytes) -> FetchedPartition {
    FetchedPartition {
        error,
        high_watermark: Offset(1000),
        last_stable_offset: Offset(1000),
        log_start_offset: Offset::ZERO,
        records: records.clone(),
        ..FetchedPartition::new(partition)
    }
}

/// The first offset a Fetch asks for, and the epoch it believes in.
pub(in crate::client) fn asked(request: &Request) -> Option<(Offset, LeaderEpoch)> {
    let Request::Fetch(request) = request else { return None };
    let wanted = request.topics.first()?.partitions.first()?;
    Some((wanted.fetch_offset, wanted.current_leader_epoch))
}
