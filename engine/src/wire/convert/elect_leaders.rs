//! ElectLeaders (key 43).

use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest as WireRequest, ElectLeadersResponse as WireResponse};

use super::{
    Translate, by_topic, duration, indexes, milliseconds, optional_string, owned, topic_name, topic_partition,
};
use crate::error::ErrorCode;
use crate::message::{ApiKey, ElectLeadersRequest, ElectLeadersResponse, PartitionOutcome};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, INT32_ARRAY, Kind, Shape, field};

/// The first version that knows unclean elections (KIP-460); before it all are of the preferred replica.
const ELECTION_TYPE: i16 = 1;

const REQUEST: Shape = &[field(INT8).since(ELECTION_TYPE), field(Kind::Structs(REQUEST_TOPIC)), field(INT32)];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];

const RESPONSE: Shape =
    &[field(INT32), field(INT16).since(ELECTION_TYPE), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape = &[field(INT32), field(INT16), field(Kind::String)];

impl Translate for ElectLeadersRequest {
    const KEY: ApiKey = ApiKey::ElectLeaders;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let topics = self.partitions.as_ref().map(|partitions| {
            let topics = by_topic(partitions, |partition| partition)
                .map(|(name, run)| TopicPartitions::default().with_topic(name).with_partitions(indexes(run)));
            topics.collect()
        });
        WireRequest::default()
            .with_election_type(if version >= ELECTION_TYPE { self.election_type } else { 0 })
            .with_topic_partitions(topics)
            .with_timeout_ms(milliseconds(self.timeout))
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topic_partitions.map(|topics| {
            let mut partitions = Vec::new();
            for topic in &topics {
                let name = topic_name(&topic.topic);
                partitions.extend(topic.partitions.iter().map(|index| topic_partition(&name, *index)));
            }
            partitions
        });
        Ok(ElectLeadersRequest {
            election_type: wire.election_type,
            partitions,
            timeout: duration(wire.timeout_ms),
        })
    }
}

impl Translate for ElectLeadersResponse {
    const KEY: ApiKey = ApiKey::ElectLeaders;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let partition = |outcome: &PartitionOutcome| {
            PartitionResult::default()
                .with_partition_id(outcome.partition.partition.0)
                .with_error_code(outcome.error.code())
                .with_error_message(optional_string(outcome.error_message.as_deref()))
        };
        let topics = by_topic(&self.partitions, |outcome| &outcome.partition).map(|(name, run)| {
            ReplicaElectionResult::default()
                .with_topic(name)
                .with_partition_result(run.iter().map(partition).collect())
        });
        WireResponse::default()
            .with_error_code(if version >= ELECTION_TYPE { self.error.code() } else { 0 })
            .with_replica_election_results(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let mut partitions = Vec::new();
        for topic in &wire.replica_election_results {
            let name = topic_name(&topic.topic);
            partitions.extend(topic.partition_result.iter().map(|outcome| PartitionOutcome {
                partition: topic_partition(&name, outcome.partition_id),
                error: ErrorCode::from_code(outcome.error_code),
                error_message: outcome.error_message.as_ref().map(owned),
            }));
        }
        Ok(ElectLeadersResponse { error: ErrorCode::from_code(wire.error_code), partitions })
    }
}
