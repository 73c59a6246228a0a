//! OffsetFetch (key 9). Versions up to 7 ask for one group, version 8 on for many (KIP-709).

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetFetchRequest as WireRequest, OffsetFetchResponse as WireResponse, TopicName as WireTopicName,
};

use super::{Translate, by_topic, indexes, optional_string, owned, topic_name, topic_partition, wire_group};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::message::{
    ApiKey, FetchedOffset, FetchedOffsets, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse,
};
use crate::offset::Offset;
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, field};

/// The first version that may ask for all partitions, and tells an error of the group.
const ALL_PARTITIONS: i16 = 2;
/// The first version with leader epochs (KIP-320).
const LEADER_EPOCH: i16 = 5;
/// The first version that may wait for transactions (KIP-447).
const REQUIRE_STABLE: i16 = 7;
/// The first version with many groups.
const MANY: i16 = 8;
/// The first version in which a member says who it is (KIP-848).
const MEMBER: i16 = 9;

const REQUEST: Shape = &[
    field(Kind::String).until(MANY - 1),
    field(Kind::Structs(REQUEST_TOPIC)).until(MANY - 1),
    field(Kind::Structs(REQUEST_GROUP)).since(MANY),
    field(BOOL).since(REQUIRE_STABLE),
];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];
const REQUEST_GROUP: Shape = &[
    field(Kind::String),
    field(Kind::String).since(MEMBER),
    field(INT32).since(MEMBER),
    field(Kind::Structs(REQUEST_TOPIC)),
];

const RESPONSE: Shape = &[
    field(INT32).since(3),
    field(Kind::Structs(RESPONSE_TOPIC)).until(MANY - 1),
    field(INT16).since(ALL_PARTITIONS).until(MANY - 1),
    field(Kind::Structs(RESPONSE_GROUP)).since(MANY),
];
const RESPONSE_GROUP: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_TOPIC)), field(INT16)];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(RESPONSE_PARTITION))];
const RESPONSE_PARTITION: Shape =
    &[field(INT32), field(INT64), field(INT32).since(LEADER_EPOCH), field(Kind::String), field(INT16)];

fn partitions<'a>(topics: impl Iterator<Item = (&'a WireTopicName, &'a Vec<i32>)>) -> Vec<TopicPartition> {
    topics
        .flat_map(|(name, indexes)| {
            let name = topic_name(name);
            indexes.iter().map(move |index| topic_partition(&name, *index))
        })
        .collect()
}

fn one_group(group: &OffsetFetchGroup) -> Option<Vec<OffsetFetchRequestTopic>> {
    let topic = |(name, run): (_, &[_])| {
        OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(indexes(run))
    };
    group.partitions.as_ref().map(|all| by_topic(all, |one| one).map(topic).collect())
}

fn group_of_many(group: &OffsetFetchGroup, version: i16) -> OffsetFetchRequestGroup {
    let topic = |(name, run): (_, &[_])| {
        OffsetFetchRequestTopics::default().with_name(name).with_partition_indexes(indexes(run))
    };
    let topics = group.partitions.as_ref().map(|all| by_topic(all, |one| one).map(topic).collect());
    let mut wire =
        OffsetFetchRequestGroup::default().with_group_id(wire_group(&group.group_id)).with_topics(topics);
    if version >= MEMBER {
        wire.member_id = optional_string(group.member_id.as_deref());
        wire.member_epoch = group.member_epoch;
    }
    wire
}

impl Translate for OffsetFetchRequest {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default();
        if version >= REQUIRE_STABLE {
            wire.require_stable = self.require_stable;
        }
        if version >= MANY {
            wire.groups = self.groups.iter().map(|group| group_of_many(group, version)).collect();
        } else if let Some(group) = self.groups.first() {
            wire.group_id = wire_group(&group.group_id);
            let all = if version >= ALL_PARTITIONS { None } else { Some(Vec::new()) };
            wire.topics = one_group(group).or(all);
        }
        wire
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let group = |group: &OffsetFetchRequestGroup| OffsetFetchGroup {
            group_id: owned(&group.group_id),
            member_id: group.member_id.as_ref().map(owned),
            member_epoch: group.member_epoch,
            partitions: group
                .topics
                .as_ref()
                .map(|topics| partitions(topics.iter().map(|topic| (&topic.name, &topic.partition_indexes)))),
        };
        let groups = if version >= MANY {
            wire.groups.iter().map(group).collect()
        } else {
            let named = wire
                .topics
                .as_ref()
                .map(|topics| partitions(topics.iter().map(|topic| (&topic.name, &topic.partition_indexes))));
            let (group_id, member_epoch) = (owned(&wire.group_id), -1);
            vec![OffsetFetchGroup { group_id, member_id: None, member_epoch, partitions: named }]
        };
        Ok(OffsetFetchRequest { groups, require_stable: wire.require_stable })
    }
}

fn topic_of_one(name: WireTopicName, run: &[FetchedOffset], version: i16) -> OffsetFetchResponseTopic {
    let partition = |fetched: &FetchedOffset| {
        let mut wire = OffsetFetchResponsePartition::default()
            .with_partition_index(fetched.partition.partition.0)
            .with_committed_offset(fetched.offset.0)
            .with_metadata(optional_string(fetched.metadata.as_deref()))
            .with_error_code(fetched.error.code());
        if version >= LEADER_EPOCH {
            wire.committed_leader_epoch = fetched.leader_epoch.0;
        }
        wire
    };
    OffsetFetchResponseTopic::default().with_name(name).with_partitions(run.iter().map(partition).collect())
}

fn topic_of_many(name: WireTopicName, run: &[FetchedOffset]) -> OffsetFetchResponseTopics {
    let partition = |fetched: &FetchedOffset| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(fetched.partition.partition.0)
            .with_committed_offset(fetched.offset.0)
            .with_committed_leader_epoch(fetched.leader_epoch.0)
            .with_metadata(optional_string(fetched.metadata.as_deref()))
            .with_error_code(fetched.error.code())
    };
    OffsetFetchResponseTopics::default().with_name(name).with_partitions(run.iter().map(partition).collect())
}

impl Translate for OffsetFetchResponse {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let mut wire = WireResponse::default();
        if version >= MANY {
            let group = |group: &FetchedOffsets| {
                let topics = by_topic(&group.partitions, |one| &one.partition);
                OffsetFetchResponseGroup::default()
                    .with_group_id(wire_group(&group.group_id))
                    .with_error_code(group.error.code())
                    .with_topics(topics.map(|(name, run)| topic_of_many(name, run)).collect())
            };
            wire.groups = self.groups.iter().map(group).collect();
        } else if let Some(group) = self.groups.first() {
            let topics = by_topic(&group.partitions, |one| &one.partition);
            wire.topics = topics.map(|(name, run)| topic_of_one(name, run, version)).collect();
            if version >= ALL_PARTITIONS {
                wire.error_code = group.error.code();
            }
        }
        wire
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        if version < MANY {
            let partitions = wire.topics.iter().flat_map(|topic| {
                let name = topic_name(&topic.name);
                topic.partitions.iter().map(move |fetched| FetchedOffset {
                    partition: topic_partition(&name, fetched.partition_index),
                    offset: Offset(fetched.committed_offset),
                    leader_epoch: LeaderEpoch(fetched.committed_leader_epoch),
                    metadata: fetched.metadata.as_ref().map(owned),
                    error: ErrorCode::from_code(fetched.error_code),
                })
            });
            let (group_id, error) = (String::new(), ErrorCode::from_code(wire.error_code));
            let group = FetchedOffsets { group_id, error, partitions: partitions.collect() };
            return Ok(OffsetFetchResponse { groups: vec![group] });
        }
        let group = |group: &OffsetFetchResponseGroup| {
            let partitions = group.topics.iter().flat_map(|topic| {
                let name = topic_name(&topic.name);
                topic.partitions.iter().map(move |fetched| FetchedOffset {
                    partition: topic_partition(&name, fetched.partition_index),
                    offset: Offset(fetched.committed_offset),
                    leader_epoch: LeaderEpoch(fetched.committed_leader_epoch),
                    metadata: fetched.metadata.as_ref().map(owned),
                    error: ErrorCode::from_code(fetched.error_code),
                })
            });
            FetchedOffsets {
                group_id: owned(&group.group_id),
                error: ErrorCode::from_code(group.error_code),
                partitions: partitions.collect(),
            }
        };
        Ok(OffsetFetchResponse { groups: wire.groups.iter().map(group).collect() })
    }
}
