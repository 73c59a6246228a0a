//! CreatePartitions (key 37).

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest as WireRequest, CreatePartitionsResponse as WireResponse,
};

use super::{
    Translate, duration, milliseconds, nodes, optional_string, owned, topic_name, wire_brokers, wire_name,
};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{
    ApiKey, CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, MorePartitions,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT32_ARRAY, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC)), field(INT32), field(BOOL)];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32), field(Kind::Structs(ASSIGNMENT))];
const ASSIGNMENT: Shape = &[field(INT32_ARRAY)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(INT16), field(Kind::String)];

impl Translate for CreatePartitionsRequest {
    const KEY: ApiKey = ApiKey::CreatePartitions;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let assignment = |replicas: &Vec<NodeId>| {
            CreatePartitionsAssignment::default().with_broker_ids(wire_brokers(replicas))
        };
        let topic = |topic: &MorePartitions| {
            CreatePartitionsTopic::default()
                .with_name(wire_name(&topic.topic))
                .with_count(topic.count)
                .with_assignments(topic.assignments.as_ref().map(|all| all.iter().map(assignment).collect()))
        };
        WireRequest::default()
            .with_topics(self.topics.iter().map(topic).collect())
            .with_timeout_ms(milliseconds(self.timeout))
            .with_validate_only(self.validate_only)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &CreatePartitionsTopic| MorePartitions {
            topic: topic_name(&topic.name),
            count: topic.count,
            assignments: topic
                .assignments
                .as_ref()
                .map(|all| all.iter().map(|assignment| nodes(&assignment.broker_ids)).collect()),
        };
        Ok(CreatePartitionsRequest {
            topics: wire.topics.iter().map(topic).collect(),
            timeout: duration(wire.timeout_ms),
            validate_only: wire.validate_only,
        })
    }
}

impl Translate for CreatePartitionsResponse {
    const KEY: ApiKey = ApiKey::CreatePartitions;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let topic = |topic: &CreatedPartitions| {
            CreatePartitionsTopicResult::default()
                .with_name(wire_name(&topic.topic))
                .with_error_code(topic.error.code())
                .with_error_message(optional_string(topic.error_message.as_deref()))
        };
        WireResponse::default().with_results(self.topics.iter().map(topic).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &CreatePartitionsTopicResult| CreatedPartitions {
            topic: topic_name(&topic.name),
            error: ErrorCode::from_code(topic.error_code),
            error_message: topic.error_message.as_ref().map(owned),
        };
        Ok(CreatePartitionsResponse { topics: wire.results.iter().map(topic).collect() })
    }
}
