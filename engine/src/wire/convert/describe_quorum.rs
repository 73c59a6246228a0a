//! DescribeQuorum (key 55). A voter has one listener, named CONTROLLER. Texts of errors are not sent.

use kafka_protocol::messages::describe_quorum_request::{
    PartitionData as WireAsk, TopicData as WireRequestTopic,
};
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData as WireAnswer, ReplicaState, TopicData as WireResponseTopic,
};
use kafka_protocol::messages::{
    DescribeQuorumRequest as WireRequest, DescribeQuorumResponse as WireResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Translate, string, topic_name, wire_broker, wire_name};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, TopicName, TopicPartition};
use crate::message::{
    ApiKey, DescribeQuorumRequest, DescribeQuorumResponse, DescribedQuorum, LeaderIdAndEpoch, QuorumReplica,
};
use crate::offset::Offset;
use crate::time::Timestamp;
use crate::wire::error::{DecodeError, malformed};
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, UUID, field};

/// Name of a voter's listener.
const LISTENER_NAME: StrBytes = StrBytes::from_static_str("CONTROLLER");
/// The first version with times.
const TIMES: i16 = 1;
/// The first version with nodes and error messages (KIP-853).
const NODES: i16 = 2;

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32)];

const RESPONSE: Shape = &[
    field(INT16),
    field(Kind::String).since(NODES),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(Kind::Structs(NODE)).since(NODES),
];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[
    field(INT32),
    field(INT16),
    field(Kind::String).since(NODES),
    field(INT32),
    field(INT32),
    field(INT64),
    field(Kind::Structs(REPLICA)),
    field(Kind::Structs(REPLICA)),
];
const REPLICA: Shape = &[
    field(INT32),
    field(UUID).since(NODES),
    field(INT64),
    field(INT64).since(TIMES),
    field(INT64).since(TIMES),
];
const NODE: Shape = &[field(INT32), field(Kind::Structs(LISTENER))];
const LISTENER: Shape = &[field(Kind::String), field(Kind::String), field(INT16)];

impl Translate for DescribeQuorumRequest {
    const KEY: ApiKey = ApiKey::DescribeQuorum;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let topics = self.partitions.chunk_by(|a, b| a.topic == b.topic).map(|run| {
            let asks = run.iter().map(|asked| WireAsk::default().with_partition_index(asked.partition.0));
            WireRequestTopic::default()
                .with_topic_name(wire_name(&run[0].topic))
                .with_partitions(asks.collect())
        });
        WireRequest::default().with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topics.iter().flat_map(|topic| {
            let name = topic_name(&topic.topic_name);
            topic.partitions.iter().map(move |ask| partition(&name, ask.partition_index))
        });
        Ok(DescribeQuorumRequest { partitions: partitions.collect() })
    }
}

impl Translate for DescribeQuorumResponse {
    const KEY: ApiKey = ApiKey::DescribeQuorum;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            WireResponseTopic::default()
                .with_topic_name(wire_name(&run[0].partition.topic))
                .with_partitions(run.iter().map(|quorum| wire_quorum(quorum, version)).collect())
        });
        let mut wire =
            WireResponse::default().with_error_code(self.error.code()).with_topics(topics.collect());
        if version >= NODES {
            wire.error_message = None;
            wire.nodes = self.nodes.iter().map(wire_node).collect();
        }
        wire
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.topic_name);
            partitions.extend(topic.partitions.iter().map(|answer| quorum(&name, answer)));
        }
        Ok(DescribeQuorumResponse {
            error: ErrorCode::from_code(wire.error_code),
            partitions,
            nodes: wire.nodes.iter().map(node).collect::<Result<_, _>>()?,
        })
    }
}

fn partition(topic: &TopicName, index: i32) -> TopicPartition {
    TopicPartition { topic: topic.clone(), partition: PartitionIndex(index) }
}

fn wire_quorum(quorum: &DescribedQuorum, version: i16) -> WireAnswer {
    let replicas = |replicas: &[QuorumReplica]| replicas.iter().map(|it| wire_replica(it, version)).collect();
    let mut wire = WireAnswer::default()
        .with_partition_index(quorum.partition.partition.0)
        .with_error_code(quorum.error.code())
        .with_leader_id(wire_broker(quorum.current_leader.leader))
        .with_leader_epoch(quorum.current_leader.epoch.0)
        .with_high_watermark(quorum.high_watermark.0)
        .with_current_voters(replicas(&quorum.voters))
        .with_observers(replicas(&quorum.observers));
    if version >= NODES {
        wire.error_message = None;
    }
    wire
}

fn wire_replica(replica: &QuorumReplica, version: i16) -> ReplicaState {
    let mut wire = ReplicaState::default()
        .with_replica_id(wire_broker(replica.replica))
        .with_log_end_offset(replica.log_end_offset.0);
    if version >= TIMES {
        wire.last_fetch_timestamp = replica.last_fetch.0;
        wire.last_caught_up_timestamp = replica.last_caught_up.0;
    }
    wire
}

fn wire_node((id, endpoint): &(NodeId, Endpoint)) -> Node {
    let listener = Listener::default()
        .with_name(LISTENER_NAME)
        .with_host(string(&endpoint.host))
        .with_port(endpoint.port);
    Node::default().with_node_id(wire_broker(*id)).with_listeners(vec![listener])
}

fn quorum(topic: &TopicName, wire: &WireAnswer) -> DescribedQuorum {
    DescribedQuorum {
        partition: partition(topic, wire.partition_index),
        error: ErrorCode::from_code(wire.error_code),
        current_leader: LeaderIdAndEpoch {
            leader: NodeId(wire.leader_id.0),
            epoch: LeaderEpoch(wire.leader_epoch),
        },
        high_watermark: Offset(wire.high_watermark),
        voters: wire.current_voters.iter().map(replica).collect(),
        observers: wire.observers.iter().map(replica).collect(),
    }
}

fn replica(wire: &ReplicaState) -> QuorumReplica {
    QuorumReplica {
        replica: NodeId(wire.replica_id.0),
        log_end_offset: Offset(wire.log_end_offset),
        last_fetch: Timestamp(wire.last_fetch_timestamp),
        last_caught_up: Timestamp(wire.last_caught_up_timestamp),
    }
}

fn node(wire: &Node) -> Result<(NodeId, Endpoint), DecodeError> {
    let listener = wire.listeners.first().ok_or_else(|| malformed("the voter has no listener"))?;
    Ok((NodeId(wire.node_id.0), Endpoint::new(&listener.host, listener.port)))
}
