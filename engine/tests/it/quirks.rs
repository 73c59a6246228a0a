//! What real clients need of a broker beyond the specification, as dialogues. Quirks of the bytes are tested with
//! `wire`, those of the sockets with `tribunal serve`; the numbers are the same everywhere.

use bytes::Bytes;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use tribunal_engine::message::{
    CreateTopicsRequest, FetchPartition, FetchRequest, FetchTopic, FetchedPartition, MetadataRequest,
    MetadataResponse, NewTopic, OffsetForLeaderEpochRequest, PartitionEpochQuery, ProducePartition,
    ProduceRequest, ProducedPartition, Request, Response, TopicRef,
};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::{BatchBuilder, Compression, batches};
use tribunal_engine::time::{Duration, Timestamp};
use tribunal_engine::variant::ProtocolVariant;

use crate::mini_cluster::{CONTROLLER, MiniCluster};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Three brokers, and `orders` on all of them with these settings.
fn cluster(broker: &[(&str, &str)], topic: &[(&str, &str)]) -> MiniCluster {
    let mut cluster = MiniCluster::new(3, 1, broker, ProtocolVariant::SAFE);
    for id in [CONTROLLER, 1, 2, 3] {
        cluster.start(id);
    }
    cluster.advance(Duration::from_millis(500));
    let replicas = vec![NodeId(1), NodeId(2), NodeId(3)];
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: [(PartitionIndex(0), replicas)].into(),
        configs: topic.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect(),
    };
    let create = CreateTopicsRequest { topics: vec![topic], timeout: TIMEOUT, validate_only: false };
    cluster.ask(1, 7, create.into()).expect("an answer");
    cluster.transcript.clear();
    cluster
}

fn batch_of(key: Option<&[u8]>, value: &[u8], headers: &[(&[u8], Option<&[u8]>)]) -> Bytes {
    let mut batch = BatchBuilder::new(Compression::None);
    batch.push(Timestamp(5), key, Some(value), headers);
    batch.build()
}

fn produce_request(acks: i16, topic: &str, records: Bytes) -> Request {
    let partition = TopicPartition::new(topic, 0);
    ProduceRequest::new(acks, TIMEOUT, vec![ProducePartition { partition, records: Some(records) }]).into()
}

fn produce(cluster: &mut MiniCluster, to: i32, records: Bytes) -> ProducedPartition {
    match cluster.ask(to, 9, produce_request(-1, "orders", records)) {
        Some(Response::Produce(mut response)) => response.partitions.remove(0),
        other => panic!("no answer: {other:?}"),
    }
}

fn fetch(cluster: &mut MiniCluster, to: i32, isolation_level: i8, from: i64) -> FetchedPartition {
    let wanted = FetchPartition {
        partition: PartitionIndex(0),
        current_leader_epoch: LeaderEpoch::NONE,
        fetch_offset: Offset(from),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset::NONE,
        max_bytes: 1 << 20,
    };
    let topic =
        FetchTopic { name: Some(TopicName::new("orders")), id: TopicId::ZERO, partitions: vec![wanted] };
    let mut request = FetchRequest::new(NodeId::NONE, vec![topic]);
    request.isolation_level = isolation_level;
    request.max_wait = Duration::ZERO;
    match cluster.ask(to, 12, request.into()) {
        Some(Response::Fetch(mut response)) => response.topics.remove(0).partitions.remove(0),
        other => panic!("no answer: {other:?}"),
    }
}

fn metadata(cluster: &mut MiniCluster, topic: &str) -> MetadataResponse {
    let topics = Some(vec![TopicRef { name: Some(TopicName::new(topic)), id: TopicId::ZERO }]);
    match cluster.ask(1, 9, MetadataRequest { topics, allow_auto_topic_creation: true }.into()) {
        Some(Response::Metadata(response)) => response,
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn q05_a_reader_at_the_end_gets_no_bytes_and_no_error() {
    let mut cluster = cluster(&[], &[]);
    produce(&mut cluster, 1, batch_of(None, b"a", &[]));
    let fetched = fetch(&mut cluster, 1, 0, 1);
    assert_eq!((fetched.error, fetched.records), (ErrorCode::None, Bytes::new()));
}

#[test]
fn q09_a_read_committed_reader_without_transactions_sees_what_everybody_sees() {
    let mut cluster = cluster(&[], &[]);
    produce(&mut cluster, 1, batch_of(None, b"a", &[]));
    let (committed, all) = (fetch(&mut cluster, 1, 1, 0), fetch(&mut cluster, 1, 0, 0));
    assert_eq!((committed.high_watermark, committed.last_stable_offset), (Offset(1), Offset(1)));
    assert_eq!(committed.records, all.records);
    assert!(!committed.records.is_empty());
}

#[test]
fn q16_a_topic_named_in_metadata_appears_with_the_clusters_defaults() {
    let broker =
        [("auto.create.topics.enable", "true"), ("num.partitions", "4"), ("default.replication.factor", "3")];
    let mut cluster = cluster(&broker, &[]);
    assert_eq!(metadata(&mut cluster, "new").topics[0].error, ErrorCode::UnknownTopicOrPartition);
    let topic = metadata(&mut cluster, "new").topics.remove(0);
    assert_eq!(topic.error, ErrorCode::None);
    assert_eq!(topic.partitions.iter().map(|one| one.replicas.len()).collect::<Vec<_>>(), [3; 4]);
}

#[test]
fn q21_a_batch_above_the_topics_max_message_bytes_is_refused_and_not_written() {
    let mut cluster = cluster(&[], &[("max.message.bytes", "200")]);
    let refused = produce(&mut cluster, 1, batch_of(None, &[b'x'; 200], &[]));
    assert_eq!(refused.error, ErrorCode::MessageTooLarge);
    assert_eq!(fetch(&mut cluster, 1, 0, 0).high_watermark, Offset(0));
}

#[test]
fn q23_duplicate_headers_come_back_in_their_order() {
    let mut cluster = cluster(&[], &[]);
    let headers: [(&[u8], Option<&[u8]>); 3] = [(b"h", Some(b"1")), (b"h", Some(b"2")), (b"h", None)];
    let sent = batch_of(Some(b"k"), b"v", &headers);
    produce(&mut cluster, 1, sent.clone());
    let fetched = fetch(&mut cluster, 1, 0, 0).records;
    // Behind base offset, length, leader epoch and magic, everything is as it was sent: the checksum, too.
    assert_eq!(fetched[17..], sent[17..]);
    let batch = batches(fetched).next().expect("a batch").expect("sound");
    assert_eq!(batch.record_count(), 1);
}

#[test]
fn q25_acks_0_is_never_answered() {
    let mut cluster = cluster(&[], &[]);
    assert_eq!(cluster.ask(1, 9, produce_request(0, "orders", batch_of(None, b"a", &[]))), None);
    assert!(!cluster.transcript.contains("close"), "{}", cluster.transcript);
    assert_eq!(fetch(&mut cluster, 1, 0, 0).high_watermark, Offset(1));
}

#[test]
fn q25_acks_0_that_fails_closes_the_connection() {
    let mut cluster = cluster(&[], &[]);
    assert_eq!(cluster.ask(2, 9, produce_request(0, "orders", batch_of(None, b"a", &[]))), None);
    assert!(cluster.transcript.contains("acks=0 request failed"), "{}", cluster.transcript);
}

#[test]
fn q30_a_consumer_asks_where_an_epoch_ends() {
    let mut cluster = cluster(&[], &[]);
    produce(&mut cluster, 1, batch_of(None, b"a", &[]));
    let query = PartitionEpochQuery {
        partition: TopicPartition::new("orders", 0),
        current_leader_epoch: LeaderEpoch::NONE,
        leader_epoch: LeaderEpoch(0),
    };
    let request = OffsetForLeaderEpochRequest { replica: NodeId::NONE, partitions: vec![query] };
    let Some(Response::OffsetForLeaderEpoch(response)) = cluster.ask(1, 2, request.into()) else {
        panic!("no answer")
    };
    let end = &response.partitions[0];
    assert_eq!((end.error, end.leader_epoch, end.end_offset), (ErrorCode::None, LeaderEpoch(0), Offset(1)));
}

#[test]
fn q31_who_leads_no_more_says_so() {
    let mut cluster = cluster(&[], &[]);
    let refused = produce(&mut cluster, 2, batch_of(None, b"a", &[]));
    assert_eq!(refused.error, ErrorCode::NotLeaderOrFollower);
    assert_eq!(metadata(&mut cluster, "orders").topics[0].partitions[0].leader, NodeId(1));
}
