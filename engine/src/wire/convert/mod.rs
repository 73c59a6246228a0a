//! Translation: one module for each API, with the shapes of its two messages beside the code that turns them
//! into ours and back.
//!
//! A translation is total on the way out: what a version cannot carry is left out, and strings longer than the
//! wire can say are cut. On the way in it fails only on values our types cannot hold.

mod allocate_producer_ids;
mod alter_configs;
mod alter_partition;
mod alter_partition_reassignments;
mod api_versions;
mod begin_quorum_epoch;
mod broker_heartbeat;
mod broker_registration;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod end_quorum_epoch;
mod fetch;
mod fetch_parts;
mod fetch_snapshot;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod offset_outcomes;
mod produce;
mod sync_group;
mod telemetry;
mod vote;

pub(super) use fetch_parts::{Splice, Spliced, write_fetch_response};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{BrokerId, GroupId, TopicName as WireTopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::error::{DecodeError, malformed};
use super::guard::{self, STRING_BYTES_MAX};
use super::shape::Shape;
use super::version::is_flexible;
use crate::id::{NodeId, PartitionIndex, TopicName, TopicPartition};
use crate::message::{ApiKey, ConfigResource, ConfigResourceType, Request, Response};
use crate::time::Duration;

/// A message of ours that has a form on the wire.
pub(super) trait Translate: Sized {
    /// The API it belongs to.
    const KEY: ApiKey;
    /// Its layout on the wire.
    const SHAPE: Shape;
    /// The crate's struct for it.
    type Wire: Encodable + Decodable;

    /// The struct to encode in `version`.
    fn to_wire(&self, version: i16) -> Self::Wire;

    /// The message that was decoded in `version`.
    fn from_wire(wire: Self::Wire, version: i16) -> Result<Self, DecodeError>;
}

/// Decodes a guarded body.
///
/// Bytes behind the message are ignored, as Kafka does: librdkafka 2.16 asks for the metadata of all topics in
/// version 12 with three bytes too many, the rest of an array count of four bytes.
fn read<M: Translate>(version: i16, mut body: Bytes) -> Result<M, DecodeError> {
    let length = guard::check(M::SHAPE, version, is_flexible(M::KEY, version), &body)?;
    body.truncate(length);
    let wire = M::Wire::decode(&mut body, version).map_err(|error| malformed(error.to_string()))?;
    if !body.is_empty() {
        return Err(malformed(format!("{} bytes were not read", body.len())));
    }
    M::from_wire(wire, version)
}

/// Appends an encoded body. Room is made once, so that record bytes are copied once.
fn write<M: Translate>(message: &M, version: i16, out: &mut BytesMut) {
    let wire = message.to_wire(version);
    out.reserve(wire.compute_size(version).expect("a translation sets only what its version carries"));
    wire.encode(out, version).expect("a translation sets only what its version carries");
}

macro_rules! dispatch {
    ($($key:ident),* $(,)?) => {
        /// Decodes the body of a request.
        pub(super) fn read_request(key: ApiKey, version: i16, body: Bytes) -> Result<Request, DecodeError> {
            match key { $(ApiKey::$key => read(version, body).map(Request::$key),)* }
        }

        /// Decodes the body of a response.
        pub(super) fn read_response(key: ApiKey, version: i16, body: Bytes) -> Result<Response, DecodeError> {
            match key { $(ApiKey::$key => read(version, body).map(Response::$key),)* }
        }

        /// Appends the body of a request.
        pub(super) fn write_request(request: &Request, version: i16, out: &mut BytesMut) {
            match request { $(Request::$key(request) => write(request, version, out),)* }
        }

        /// Appends the body of a response.
        pub(super) fn write_response(response: &Response, version: i16, out: &mut BytesMut) {
            match response { $(Response::$key(response) => write(response, version, out),)* }
        }
    };
}

dispatch! {
    Produce,
    Fetch,
    ListOffsets,
    Metadata,
    OffsetCommit,
    OffsetFetch,
    FindCoordinator,
    JoinGroup,
    Heartbeat,
    LeaveGroup,
    SyncGroup,
    DescribeGroups,
    ListGroups,
    ApiVersions,
    CreateTopics,
    DeleteTopics,
    DeleteRecords,
    InitProducerId,
    OffsetForLeaderEpoch,
    DescribeConfigs,
    AlterConfigs,
    DescribeLogDirs,
    CreatePartitions,
    DeleteGroups,
    ElectLeaders,
    IncrementalAlterConfigs,
    AlterPartitionReassignments,
    ListPartitionReassignments,
    OffsetDelete,
    Vote,
    BeginQuorumEpoch,
    EndQuorumEpoch,
    DescribeQuorum,
    AlterPartition,
    FetchSnapshot,
    DescribeCluster,
    DescribeProducers,
    BrokerRegistration,
    BrokerHeartbeat,
    AllocateProducerIds,
    ConsumerGroupHeartbeat,
    ConsumerGroupDescribe,
    GetTelemetrySubscriptions,
    PushTelemetry,
    DescribeTopicPartitions,
}

/// The longest beginning of `text` that a string on the wire can hold. Only texts for people get so long.
pub(super) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(STRING_BYTES_MAX)]
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(clipped(text).to_owned())
}

fn optional_string(text: Option<&str>) -> Option<StrBytes> {
    text.map(string)
}

fn owned(text: &StrBytes) -> String {
    text.as_str().to_owned()
}

fn wire_name(name: &TopicName) -> WireTopicName {
    WireTopicName(string(name.as_str()))
}

fn topic_name(name: &WireTopicName) -> TopicName {
    TopicName::new(name.as_str())
}

fn topic_partition(topic: &TopicName, index: i32) -> TopicPartition {
    TopicPartition { topic: topic.clone(), partition: PartitionIndex(index) }
}

fn indexes(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|partition| partition.partition.0).collect()
}

/// Runs of neighbours that belong to one topic, with its name.
fn by_topic<T>(
    items: &[T],
    partition: fn(&T) -> &TopicPartition,
) -> impl Iterator<Item = (WireTopicName, &[T])> {
    items
        .chunk_by(move |a, b| partition(a).topic == partition(b).topic)
        .map(move |run| (wire_name(&partition(&run[0]).topic), run))
}

fn wire_group(group: &str) -> GroupId {
    GroupId(string(group))
}

fn config_resource(kind: i8, name: &StrBytes) -> ConfigResource {
    ConfigResource { kind: ConfigResourceType::from_code(kind), name: owned(name) }
}

fn wire_broker(node: NodeId) -> BrokerId {
    BrokerId(node.0)
}

fn wire_brokers(nodes: &[NodeId]) -> Vec<BrokerId> {
    nodes.iter().copied().map(wire_broker).collect()
}

fn nodes(brokers: &[BrokerId]) -> Vec<NodeId> {
    brokers.iter().map(|broker| NodeId(broker.0)).collect()
}

/// A TCP port from the wire, where it has four bytes.
fn port(port: i32) -> Result<u16, DecodeError> {
    u16::try_from(port).map_err(|_| malformed(format!("{port} is not a TCP port")))
}

/// The name of the metadata log's topic: messages of the quorum speak of nothing else.
fn metadata_topic() -> WireTopicName {
    WireTopicName(StrBytes::from_static_str(TopicName::CLUSTER_METADATA))
}

/// The single element of an array that could have more: messages of the quorum are about one partition.
fn only_one<T>(mut elements: Vec<T>) -> Result<T, DecodeError> {
    match (elements.pop(), elements.is_empty()) {
        (Some(element), true) => Ok(element),
        _ => Err(malformed("a message of the quorum is about one partition")),
    }
}

/// Whole milliseconds; a duration that does not fit is the longest one.
fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A duration from the wire; a negative one is none at all.
fn duration(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
