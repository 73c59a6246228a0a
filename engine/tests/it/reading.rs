//! What brokers answer to readers: byte limits, fetch sessions, followers that serve consumers, offsets by time,
//! readers with another idea of the leader epoch.

use bytes::Bytes;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use tribunal_engine::message::{
    CreateTopicsRequest, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
    ListOffsetsPartition, ListOffsetsRequest, ListedOffset, NewTopic, OffsetForLeaderEpochRequest,
    OffsetSpec, PartitionEpochQuery, ProducePartition, ProduceRequest, Response,
};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::{BatchBuilder, Compression, batches};
use tribunal_engine::time::{Duration, Timestamp};
use tribunal_engine::variant::ProtocolVariant;

use crate::mini_cluster::{CONTROLLER, MiniCluster};

/// Three brokers in racks `rack-1` to `rack-3`, and `orders` with these replicas, one list a partition.
fn cluster(properties: &[(&str, &str)], assignments: &[&[i32]]) -> MiniCluster {
    let mut cluster = MiniCluster::new(3, 1, properties, ProtocolVariant::SAFE);
    for id in [CONTROLLER, 1, 2, 3] {
        cluster.start(id);
    }
    cluster.advance(Duration::from_millis(500));
    let assignments = (0..)
        .zip(assignments)
        .map(|(index, replicas)| (PartitionIndex(index), replicas.iter().copied().map(NodeId).collect()));
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: assignments.collect(),
        configs: std::collections::BTreeMap::default(),
    };
    let timeout = Duration::from_secs(30);
    let create = CreateTopicsRequest { topics: vec![topic], timeout, validate_only: false };
    cluster.ask(1, 7, create.into()).expect("an answer");
    cluster
}

/// One batch of records with these timestamps, to a partition that broker `to` leads.
fn produce(cluster: &mut MiniCluster, to: i32, partition: i32, timestamps: &[i64]) {
    let mut batch = BatchBuilder::new(Compression::None);
    for timestamp in timestamps {
        batch.push(Timestamp(*timestamp), None, Some(&[b'x'; 100]), &[]);
    }
    let partition = TopicPartition::new("orders", partition);
    let partitions = vec![ProducePartition { partition, records: Some(batch.build()) }];
    let request = ProduceRequest::new(-1, Duration::from_secs(30), partitions);
    match cluster.ask(to, 9, request.into()) {
        Some(Response::Produce(response)) => assert_eq!(response.partitions[0].error, ErrorCode::None),
        other => panic!("not acknowledged: {other:?}"),
    }
}

fn wanted(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition {
        partition: PartitionIndex(partition),
        current_leader_epoch: LeaderEpoch::NONE,
        fetch_offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset::NONE,
        max_bytes: 1 << 20,
    }
}

fn fetch(partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic { name: Some(TopicName::new("orders")), id: TopicId::ZERO, partitions };
    FetchRequest::new(NodeId::NONE, vec![topic])
}

fn answer(cluster: &mut MiniCluster, to: i32, version: i16, request: FetchRequest) -> FetchResponse {
    match cluster.ask(to, version, request.into()) {
        Some(Response::Fetch(response)) => response,
        other => panic!("no answer to a fetch: {other:?}"),
    }
}

fn read(cluster: &mut MiniCluster, to: i32, version: i16, request: FetchRequest) -> Vec<FetchedPartition> {
    let response = answer(cluster, to, version, request);
    assert_eq!(response.error, ErrorCode::None);
    response.topics.into_iter().flat_map(|topic| topic.partitions).collect()
}

/// The offsets of all records, also those below what was asked for.
fn offsets(records: &Bytes) -> Vec<i64> {
    let batches = batches(records.clone()).map(|batch| batch.expect("a whole batch"));
    batches.flat_map(|batch| batch.base_offset().0..batch.next_offset().0).collect()
}

#[test]
fn q07_the_first_batch_of_an_answer_is_returned_whatever_the_limits() {
    let mut cluster = cluster(&[], &[&[1], &[1]]);
    produce(&mut cluster, 1, 0, &[1]);
    produce(&mut cluster, 1, 1, &[1]);
    let mut request = fetch(vec![wanted(0, 0), wanted(1, 0)]);
    request.max_bytes = 1;
    request.topics[0].partitions.iter_mut().for_each(|wanted| wanted.max_bytes = 1);
    let read = read(&mut cluster, 1, 12, request);
    assert_eq!(read.iter().map(|it| offsets(&it.records)).collect::<Vec<_>>(), [vec![0], vec![]]);
}

#[test]
fn q07_the_limits_hold_for_each_partition_and_for_all_together() {
    let mut cluster = cluster(&[], &[&[1], &[1]]);
    for (partition, timestamp) in [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)] {
        produce(&mut cluster, 1, partition, &[timestamp]);
    }
    let size = read(&mut cluster, 1, 12, fetch(vec![wanted(1, 1)]))[0].records.len();
    let limited = |answer: usize, partition: usize| {
        let mut request = fetch(vec![wanted(0, 0), wanted(1, 0)]);
        let bytes = |batches: usize| i32::try_from(batches * size + size / 2).expect("a small number");
        request.max_bytes = bytes(answer);
        request.topics[0].partitions.iter_mut().for_each(|wanted| wanted.max_bytes = bytes(partition));
        request
    };
    for (answer, partition, read_0, read_1) in
        [(2, 9, vec![0, 1], vec![]), (9, 1, vec![0], vec![0]), (3, 9, vec![0, 1, 2], vec![])]
    {
        let read = read(&mut cluster, 1, 12, limited(answer, partition));
        assert_eq!(read.iter().map(|it| offsets(&it.records)).collect::<Vec<_>>(), [read_0, read_1]);
    }
}

#[test]
fn q06_an_offset_inside_a_batch_returns_the_whole_batch() {
    let mut cluster = cluster(&[], &[&[1]]);
    produce(&mut cluster, 1, 0, &[1, 2, 3]);
    let read = read(&mut cluster, 1, 12, fetch(vec![wanted(0, 2)]));
    assert_eq!(offsets(&read[0].records), [0, 1, 2]);
}

#[test]
fn a_fetch_waits_for_the_bytes_it_asks_for_and_no_longer() {
    let mut cluster = cluster(&[], &[&[1], &[1]]);
    let mut request = fetch(vec![wanted(0, 0), wanted(1, 0)]);
    (request.min_bytes, request.max_wait) = (250, Duration::from_secs(10));
    assert_eq!(cluster.ask(1, 12, request.into()), None);
    let waits = cluster.asked();
    produce(&mut cluster, 1, 0, &[1]);
    assert_eq!(cluster.answer_to(waits), None, "one batch is too little");
    produce(&mut cluster, 1, 1, &[1]);
    let Some(Response::Fetch(response)) = cluster.answer_to(waits) else { panic!("enough bytes are there") };
    let partitions = &response.topics[0].partitions;
    assert_eq!(partitions.iter().map(|it| offsets(&it.records)).collect::<Vec<_>>(), [vec![0], vec![0]]);
}

#[test]
fn q29_a_session_is_told_only_what_is_new() {
    let mut cluster = cluster(&[], &[&[1], &[1], &[1]]);
    let mut first = fetch(vec![wanted(0, 0), wanted(1, 0), wanted(2, 0)]);
    (first.session_id, first.session_epoch) = (0, FetchRequest::INITIAL_EPOCH);
    let first = answer(&mut cluster, 1, 12, first);
    assert_ne!(first.session_id, 0);
    produce(&mut cluster, 1, 1, &[1]);
    let next = |epoch, id| {
        let mut next = FetchRequest::new(NodeId::NONE, Vec::new());
        (next.session_id, next.session_epoch) = (id, epoch);
        next
    };
    let second = answer(&mut cluster, 1, 12, next(1, first.session_id));
    let told: Vec<i32> =
        second.topics.iter().flat_map(|it| &it.partitions).map(|it| it.partition.0).collect();
    assert_eq!((second.session_id, told), (first.session_id, vec![1]));
    let again = answer(&mut cluster, 1, 12, next(1, first.session_id));
    assert_eq!(again.error, ErrorCode::InvalidFetchSessionEpoch);
    let unknown = answer(&mut cluster, 1, 12, next(1, first.session_id ^ 1));
    assert_eq!(unknown.error, ErrorCode::FetchSessionIdNotFound);
}

#[test]
fn q04_a_topic_is_found_by_its_id_and_an_unknown_one_is_told() {
    let mut cluster = cluster(&[], &[&[1]]);
    produce(&mut cluster, 1, 0, &[1]);
    let by_id = |id| {
        FetchRequest::new(NodeId::NONE, vec![FetchTopic { name: None, id, partitions: vec![wanted(0, 0)] }])
    };
    let id = cluster.topic_id("orders");
    assert_eq!(offsets(&read(&mut cluster, 1, 13, by_id(id))[0].records), [0]);
    let other = TopicId(uuid::Uuid::from_u128(99));
    assert_eq!(read(&mut cluster, 1, 13, by_id(other))[0].error, ErrorCode::UnknownTopicId);
    let mut named = fetch(vec![wanted(0, 0)]);
    named.topics[0].name = Some(TopicName::new("nothing"));
    assert_eq!(read(&mut cluster, 1, 12, named)[0].error, ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn a_follower_serves_consumers_up_to_its_high_watermark_if_they_know_how() {
    let mut cluster = cluster(&[], &[&[1, 2, 3]]);
    produce(&mut cluster, 1, 0, &[1]);
    cluster.advance(Duration::from_secs(1));
    produce(&mut cluster, 1, 0, &[2]);
    let follower = read(&mut cluster, 2, 11, fetch(vec![wanted(0, 0)]));
    assert_eq!((offsets(&follower[0].records), follower[0].high_watermark), (vec![0], Offset(1)));
    let old = read(&mut cluster, 2, 10, fetch(vec![wanted(0, 0)]));
    assert_eq!(old[0].error, ErrorCode::NotLeaderOrFollower);
    let beyond = read(&mut cluster, 2, 11, fetch(vec![wanted(0, 9)]));
    assert_eq!(beyond[0].error, ErrorCode::OffsetOutOfRange);
}

#[test]
fn a_consumer_is_sent_to_the_in_sync_replica_in_its_rack() {
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let preferred = |properties: &[(&str, &str)], rack: &str, version| {
        let mut cluster = cluster(properties, &[&[1, 2, 3]]);
        produce(&mut cluster, 1, 0, &[1]);
        let mut request = fetch(vec![wanted(0, 0)]);
        request.rack_id = rack.to_owned();
        let read = read(&mut cluster, 1, version, request).remove(0);
        assert_eq!(read.records.is_empty(), read.preferred_read_replica != NodeId::NONE);
        read.preferred_read_replica
    };
    let aware = [("replica.selector.class", selector)];
    assert_eq!(preferred(&aware, "rack-3", 11), NodeId(3));
    assert_eq!(preferred(&aware, "rack-1", 11), NodeId::NONE, "the leader's own rack");
    assert_eq!(preferred(&aware, "rack-9", 11), NodeId::NONE, "nobody is there");
    assert_eq!(preferred(&aware, "rack-3", 10), NodeId::NONE, "it could not be told");
    assert_eq!(preferred(&[], "rack-3", 11), NodeId::NONE, "the cluster does not want it");
}

fn list(cluster: &mut MiniCluster, to: i32, version: i16, spec: OffsetSpec, epoch: i32) -> ListedOffset {
    let question = ListOffsetsPartition {
        partition: TopicPartition::new("orders", 0),
        current_leader_epoch: LeaderEpoch(epoch),
        spec,
    };
    let request =
        ListOffsetsRequest { replica: NodeId::NONE, isolation_level: 0, partitions: vec![question] };
    match cluster.ask(to, version, request.into()) {
        Some(Response::ListOffsets(mut response)) => response.partitions.remove(0),
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn q24_offsets_are_listed_by_end_and_by_time() {
    let mut cluster = cluster(&[], &[&[1, 2, 3]]);
    produce(&mut cluster, 1, 0, &[100, 300, 200]);
    produce(&mut cluster, 1, 0, &[250, 400, 350]);
    let mut found = |spec| {
        let listed = list(&mut cluster, 1, 7, spec, 0);
        assert_eq!(listed.error, ErrorCode::None);
        (listed.offset.0, listed.timestamp.0, listed.leader_epoch.0)
    };
    assert_eq!(found(OffsetSpec::Earliest), (0, -1, 0));
    assert_eq!(found(OffsetSpec::Latest), (6, -1, 0));
    assert_eq!(found(OffsetSpec::Timestamp(Timestamp(0))), (0, 100, 0));
    assert_eq!(found(OffsetSpec::Timestamp(Timestamp(150))), (1, 300, 0));
    assert_eq!(found(OffsetSpec::Timestamp(Timestamp(301))), (4, 400, 0));
    assert_eq!(found(OffsetSpec::Timestamp(Timestamp(401))), (-1, -1, -1));
    assert_eq!(found(OffsetSpec::MaxTimestamp), (4, 400, 0));
}

/// Broker 2 leads epoch 1 with a high watermark below what broker 1 acknowledged; broker 3, in sync, is silent.
fn stale_leader() -> MiniCluster {
    let mut cluster = cluster(&[("broker.session.timeout.ms", "6000")], &[&[1, 2, 3]]);
    produce(&mut cluster, 1, 0, &[1]);
    cluster.cut(2, 3);
    cluster.crash(1);
    cluster.advance(Duration::from_secs(7));
    cluster
}

#[test]
fn a_new_leader_does_not_tell_an_end_it_does_not_know() {
    let mut cluster = stale_leader();
    assert_eq!(list(&mut cluster, 2, 7, OffsetSpec::Latest, 1).error, ErrorCode::OffsetNotAvailable);
    assert_eq!(list(&mut cluster, 2, 4, OffsetSpec::Latest, 1).error, ErrorCode::LeaderNotAvailable);
    assert_eq!(list(&mut cluster, 2, 7, OffsetSpec::Earliest, 1).offset, Offset(0));
}

#[test]
fn q31_readers_of_another_leader_epoch_are_refused_by_every_api() {
    let mut cluster = stale_leader();
    for (epoch, refused) in [(0, ErrorCode::FencedLeaderEpoch), (2, ErrorCode::UnknownLeaderEpoch)] {
        let mut request = fetch(vec![wanted(0, 0)]);
        request.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(epoch);
        for broker in [2, 3] {
            assert_eq!(read(&mut cluster, broker, 12, request.clone())[0].error, refused);
            assert_eq!(list(&mut cluster, broker, 7, OffsetSpec::Earliest, epoch).error, refused);
            let query = PartitionEpochQuery {
                partition: TopicPartition::new("orders", 0),
                current_leader_epoch: LeaderEpoch(epoch),
                leader_epoch: LeaderEpoch(0),
            };
            let request = OffsetForLeaderEpochRequest { replica: NodeId::NONE, partitions: vec![query] };
            match cluster.ask(broker, 4, request.into()) {
                Some(Response::OffsetForLeaderEpoch(ends)) => assert_eq!(ends.partitions[0].error, refused),
                other => panic!("no answer: {other:?}"),
            }
        }
    }
}

#[test]
fn a_session_checks_the_leader_epoch_with_every_fetch() {
    let mut cluster = cluster(&[("broker.session.timeout.ms", "6000")], &[&[1, 2, 3]]);
    produce(&mut cluster, 1, 0, &[1]);
    let mut first = fetch(vec![wanted(0, 0)]);
    first.session_epoch = FetchRequest::INITIAL_EPOCH;
    first.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(0);
    let first = answer(&mut cluster, 2, 12, first);
    assert_ne!(first.session_id, 0);
    cluster.crash(1);
    cluster.advance(Duration::from_secs(7));
    let mut next = FetchRequest::new(NodeId::NONE, Vec::new());
    (next.session_id, next.session_epoch) = (first.session_id, 1);
    assert_eq!(read(&mut cluster, 2, 12, next)[0].error, ErrorCode::FencedLeaderEpoch);
}

#[test]
fn a_fenced_reader_is_told_the_new_leader_if_its_version_has_room_for_it() {
    let mut cluster = stale_leader();
    let id = cluster.topic_id("orders");
    let mut request = fetch(vec![wanted(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(0);
    request.topics[0].id = id;
    request.topics[0].name = None;
    let told = answer(&mut cluster, 3, 16, request.clone());
    let leader = told.topics[0].partitions[0].current_leader.expect("a leader");
    assert_eq!((leader.leader, leader.epoch), (NodeId(2), LeaderEpoch(1)));
    assert_eq!(told.node_endpoints.iter().map(|it| it.id).collect::<Vec<_>>(), [NodeId(2)]);
    let silent = answer(&mut cluster, 3, 15, request);
    assert_eq!((silent.topics[0].partitions[0].current_leader, silent.node_endpoints), (None, vec![]));
}
