//! OffsetDelete (key 47).

use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest as WireRequest, OffsetDeleteResponse as WireResponse};

use super::{Translate, by_topic, indexes, offset_outcomes, owned, topic_name, topic_partition, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, OffsetDeleteRequest, OffsetDeleteResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, INT32_ARRAY, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::String), field(Kind::Structs(REQUEST_TOPIC))];
/// A partition is a struct with one number in it; in a version that is not flexible that is the number.
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];

const RESPONSE: Shape = &[field(INT16), field(INT32), field(Kind::Structs(offset_outcomes::TOPIC))];

impl Translate for OffsetDeleteRequest {
    const KEY: ApiKey = ApiKey::OffsetDelete;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let partition = |index: i32| OffsetDeleteRequestPartition::default().with_partition_index(index);
        let topics = by_topic(&self.partitions, |partition| partition).map(|(name, run)| {
            OffsetDeleteRequestTopic::default()
                .with_name(name)
                .with_partitions(indexes(run).into_iter().map(partition).collect())
        });
        WireRequest::default().with_group_id(wire_group(&self.group_id)).with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.topics {
            let name = topic_name(&topic.name);
            let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
            partitions.extend(indexes.map(|index| topic_partition(&name, index)));
        }
        Ok(OffsetDeleteRequest { group_id: owned(&wire.group_id), partitions })
    }
}

impl Translate for OffsetDeleteResponse {
    const KEY: ApiKey = ApiKey::OffsetDelete;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let topics = offset_outcomes::to_topics(&self.partitions);
        WireResponse::default().with_error_code(self.error.code()).with_topics(topics)
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let partitions = offset_outcomes::from_topics(&wire.topics);
        Ok(OffsetDeleteResponse { error: ErrorCode::from_code(wire.error_code), partitions })
    }
}
