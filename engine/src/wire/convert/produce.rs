//! Produce (key 0).

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch as WireLeader, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest as WireRequest, ProduceResponse as WireResponse};

use super::{
    Translate, duration, milliseconds, optional_string, owned, port, string, topic_name, wire_broker,
    wire_name,
};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex, TopicPartition};
use crate::message::{
    ApiKey, LeaderIdAndEpoch, MetadataBroker, ProducePartition, ProduceRequest, ProduceResponse,
    ProducedPartition, RecordError,
};
use crate::offset::Offset;
use crate::time::Timestamp;
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT64, Kind, Shape, field};

/// The first version that says why a batch is refused (KIP-467).
const RECORD_ERRORS: i16 = 8;
/// The first version that names a new leader (KIP-951).
const NEW_LEADER: i16 = 10;

const REQUEST: Shape =
    &[field(Kind::String), field(INT16), field(INT32), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[field(INT32), field(Kind::Bytes)];

const RESPONSE: Shape = &[
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(INT32),
    field(Kind::Structs(NODE_ENDPOINT)).since(NEW_LEADER).tagged(0),
];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[
    field(INT32),
    field(INT16),
    field(INT64),
    field(INT64),
    field(INT64).since(5),
    field(Kind::Structs(RECORD_ERROR)).since(RECORD_ERRORS),
    field(Kind::String).since(RECORD_ERRORS),
    field(Kind::Struct(CURRENT_LEADER)).since(NEW_LEADER).tagged(0),
];
const RECORD_ERROR: Shape = &[field(INT32), field(Kind::String)];
const CURRENT_LEADER: Shape = &[field(INT32), field(INT32)];
const NODE_ENDPOINT: Shape = &[field(INT32), field(Kind::String), field(INT32), field(Kind::String)];

impl Translate for ProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let partition = |data: &ProducePartition| {
            PartitionProduceData::default()
                .with_index(data.partition.partition.0)
                .with_records(data.records.clone())
        };
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            TopicProduceData::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partition_data(run.iter().map(partition).collect())
        });
        WireRequest::default()
            .with_transactional_id(optional_string(self.transactional_id.as_deref()).map(Into::into))
            .with_acks(self.acks)
            .with_timeout_ms(milliseconds(self.timeout))
            .with_topic_data(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.topic_data {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partition_data.into_iter().map(|data| ProducePartition {
                partition: TopicPartition { topic: name.clone(), partition: PartitionIndex(data.index) },
                records: data.records,
            }));
        }
        Ok(ProduceRequest {
            transactional_id: wire.transactional_id.as_ref().map(|id| owned(id)),
            acks: wire.acks,
            timeout: duration(wire.timeout_ms),
            partitions,
        })
    }
}

impl Translate for ProduceResponse {
    const KEY: ApiKey = ApiKey::Produce;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let topics = self.partitions.chunk_by(|a, b| a.partition.topic == b.partition.topic).map(|run| {
            TopicProduceResponse::default()
                .with_name(wire_name(&run[0].partition.topic))
                .with_partition_responses(run.iter().map(|it| wire_outcome(it, version)).collect())
        });
        let mut wire = WireResponse::default().with_responses(topics.collect());
        if version >= NEW_LEADER {
            let endpoint = |node: &MetadataBroker| {
                NodeEndpoint::default()
                    .with_node_id(wire_broker(node.id))
                    .with_host(string(&node.endpoint.host))
                    .with_port(node.endpoint.port.into())
                    .with_rack(optional_string(node.rack.as_deref()))
            };
            wire.node_endpoints = self.node_endpoints.iter().map(endpoint).collect();
        }
        wire
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in wire.responses {
            let name = topic_name(&topic.name);
            partitions.extend(topic.partition_responses.into_iter().map(|wire| {
                let partition = TopicPartition { topic: name.clone(), partition: PartitionIndex(wire.index) };
                outcome(partition, &wire)
            }));
        }
        let endpoint = |wire: &NodeEndpoint| {
            Ok(MetadataBroker {
                id: NodeId(wire.node_id.0),
                endpoint: Endpoint::new(&wire.host, port(wire.port)?),
                rack: wire.rack.as_ref().map(owned),
            })
        };
        let node_endpoints = wire.node_endpoints.iter().map(endpoint).collect::<Result<_, DecodeError>>()?;
        Ok(ProduceResponse { partitions, node_endpoints })
    }
}

fn wire_outcome(outcome: &ProducedPartition, version: i16) -> PartitionProduceResponse {
    let mut wire = PartitionProduceResponse::default()
        .with_index(outcome.partition.partition.0)
        .with_error_code(outcome.error.code())
        .with_base_offset(outcome.base_offset.0)
        .with_log_append_time_ms(outcome.log_append_time.0);
    if version >= 5 {
        wire.log_start_offset = outcome.log_start_offset.0;
    }
    if version >= RECORD_ERRORS {
        let error = |error: &RecordError| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(error.batch_index)
                .with_batch_index_error_message(optional_string(error.message.as_deref()))
        };
        wire.record_errors = outcome.record_errors.iter().map(error).collect();
        wire.error_message = optional_string(outcome.error_message.as_deref());
    }
    if let (Some(leader), NEW_LEADER..) = (outcome.current_leader, version) {
        wire.current_leader = WireLeader::default()
            .with_leader_id(wire_broker(leader.leader))
            .with_leader_epoch(leader.epoch.0);
    }
    wire
}

fn outcome(partition: TopicPartition, wire: &PartitionProduceResponse) -> ProducedPartition {
    let error = |error: &BatchIndexAndErrorMessage| RecordError {
        batch_index: error.batch_index,
        message: error.batch_index_error_message.as_ref().map(owned),
    };
    let leader = LeaderIdAndEpoch {
        leader: NodeId(wire.current_leader.leader_id.0),
        epoch: LeaderEpoch(wire.current_leader.leader_epoch),
    };
    ProducedPartition {
        partition,
        error: ErrorCode::from_code(wire.error_code),
        base_offset: Offset(wire.base_offset),
        log_append_time: Timestamp(wire.log_append_time_ms),
        log_start_offset: Offset(wire.log_start_offset),
        record_errors: wire.record_errors.iter().map(error).collect(),
        error_message: wire.error_message.as_ref().map(owned),
        current_leader: (wire.current_leader != WireLeader::default()).then_some(leader),
    }
}
