//! AlterPartition (key 56).

use kafka_protocol::messages::alter_partition_request::{
    BrokerState, PartitionData as WireAlteration, TopicData as WireRequestTopic,
};
use kafka_protocol::messages::alter_partition_response::{
    PartitionData as WireAltered, TopicData as WireResponseTopic,
};
use kafka_protocol::messages::{
    AlterPartitionRequest as WireRequest, AlterPartitionResponse as WireResponse,
};

use super::{Translate, nodes, wire_broker, wire_brokers};
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId};
use crate::message::{
    AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, ApiKey, IsrMember, PartitionAlteration,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT8, INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, UUID, field};

/// The first version that carries the broker epoch of each member (KIP-903).
const BROKER_EPOCHS: i16 = 3;

const REQUEST: Shape = &[field(INT32), field(INT64), field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(UUID), field(Kind::Structs(REQUEST_PARTITION))];
const REQUEST_PARTITION: Shape = &[
    field(INT32),
    field(INT32),
    field(INT32_ARRAY).until(2),
    field(Kind::Structs(BROKER_STATE)).since(BROKER_EPOCHS),
    field(INT8),
    field(INT32),
];
const BROKER_STATE: Shape = &[field(INT32), field(INT64)];

const RESPONSE: Shape = &[field(INT32), field(INT16), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape = &[field(UUID), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape =
    &[field(INT32), field(INT16), field(INT32), field(INT32), field(INT32_ARRAY), field(INT8), field(INT32)];

impl Translate for AlterPartitionRequest {
    const KEY: ApiKey = ApiKey::AlterPartition;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let topics = self.partitions.chunk_by(|a, b| a.topic == b.topic).map(|run| {
            WireRequestTopic::default()
                .with_topic_id(run[0].topic.0)
                .with_partitions(run.iter().map(|change| wire_alteration(change, version)).collect())
        });
        WireRequest::default()
            .with_broker_id(wire_broker(self.broker))
            .with_broker_epoch(self.broker_epoch.0)
            .with_topics(topics.collect())
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|change| alteration(TopicId(topic.topic_id), change, version))
        });
        Ok(AlterPartitionRequest {
            broker: NodeId(wire.broker_id.0),
            broker_epoch: BrokerEpoch(wire.broker_epoch),
            partitions: partitions.collect(),
        })
    }
}

fn wire_alteration(change: &PartitionAlteration, version: i16) -> WireAlteration {
    let mut wire = WireAlteration::default()
        .with_partition_index(change.partition.0)
        .with_leader_epoch(change.leader_epoch.0)
        .with_leader_recovery_state(change.leader_recovery_state)
        .with_partition_epoch(change.partition_epoch.0);
    let members = change.new_isr.iter();
    if version >= BROKER_EPOCHS {
        let state = |member: &IsrMember| {
            BrokerState::default()
                .with_broker_id(wire_broker(member.broker))
                .with_broker_epoch(member.broker_epoch.0)
        };
        wire.new_isr_with_epochs = members.map(state).collect();
    } else {
        wire.new_isr = members.map(|member| wire_broker(member.broker)).collect();
    }
    wire
}

fn alteration(topic: TopicId, wire: &WireAlteration, version: i16) -> PartitionAlteration {
    let with_epoch = |state: &BrokerState| IsrMember {
        broker: NodeId(state.broker_id.0),
        broker_epoch: BrokerEpoch(state.broker_epoch),
    };
    let without_epoch = |broker| IsrMember { broker, broker_epoch: BrokerEpoch::NONE };
    PartitionAlteration {
        topic,
        partition: PartitionIndex(wire.partition_index),
        leader_epoch: LeaderEpoch(wire.leader_epoch),
        new_isr: if version >= BROKER_EPOCHS {
            wire.new_isr_with_epochs.iter().map(with_epoch).collect()
        } else {
            nodes(&wire.new_isr).into_iter().map(without_epoch).collect()
        },
        leader_recovery_state: wire.leader_recovery_state,
        partition_epoch: PartitionEpoch(wire.partition_epoch),
    }
}

impl Translate for AlterPartitionResponse {
    const KEY: ApiKey = ApiKey::AlterPartition;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let partition = |altered: &AlteredPartition| {
            WireAltered::default()
                .with_partition_index(altered.partition.0)
                .with_error_code(altered.error.code())
                .with_leader_id(wire_broker(altered.leader))
                .with_leader_epoch(altered.leader_epoch.0)
                .with_isr(wire_brokers(&altered.isr))
                .with_leader_recovery_state(altered.leader_recovery_state)
                .with_partition_epoch(altered.partition_epoch.0)
        };
        let topics = self.partitions.chunk_by(|a, b| a.topic == b.topic).map(|run| {
            WireResponseTopic::default()
                .with_topic_id(run[0].topic.0)
                .with_partitions(run.iter().map(partition).collect())
        });
        WireResponse::default().with_error_code(self.error.code()).with_topics(topics.collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|altered| AlteredPartition {
                topic: TopicId(topic.topic_id),
                partition: PartitionIndex(altered.partition_index),
                error: ErrorCode::from_code(altered.error_code),
                leader: NodeId(altered.leader_id.0),
                leader_epoch: LeaderEpoch(altered.leader_epoch),
                isr: nodes(&altered.isr),
                leader_recovery_state: altered.leader_recovery_state,
                partition_epoch: PartitionEpoch(altered.partition_epoch),
            })
        });
        Ok(AlterPartitionResponse {
            error: ErrorCode::from_code(wire.error_code),
            partitions: partitions.collect(),
        })
    }
}
