//! What a message keeps of itself on its way through a version: fields the version does not carry fall back to
//! what an older peer means.

use super::carried_groups;
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{NodeId, ProducerId, TopicId, TopicName};
use crate::message::{
    ConfigType, DeleteTopicsResponse, DescribeClusterRequest, DescribeQuorumResponse, ElectLeadersRequest,
    FetchRequest, FetchResponse, MetadataResponse, ProduceResponse, Request, Response,
};
use crate::offset::Offset;
use crate::time::Timestamp;

/// The part of a request that a version carries.
pub(super) fn carried_request(mut request: Request, version: i16) -> Request {
    carried_groups::carried_request(&mut request, version);
    match &mut request {
        Request::Fetch(fetch) => carried_fetch_request(fetch, version),
        Request::ListOffsets(list) => {
            if version < 2 {
                list.isolation_level = 0;
            }
            if version < 4 {
                list.partitions.iter_mut().for_each(|it| it.current_leader_epoch = LeaderEpoch::NONE);
            }
        }
        Request::Metadata(metadata) => {
            metadata.allow_auto_topic_creation |= version < 4;
            for topic in metadata.topics.iter_mut().flatten() {
                topic.id = if version < 10 { TopicId::ZERO } else { topic.id };
                topic.name = carried_name(topic.name.take(), version >= 10);
            }
        }
        Request::ApiVersions(versions) if version < 3 => {
            versions.client_software_name.clear();
            versions.client_software_version.clear();
        }
        Request::OffsetForLeaderEpoch(query) if version < 3 => query.replica = NodeId::NONE,
        Request::AlterPartition(alter) if version < 3 => {
            let members = alter.partitions.iter_mut().flat_map(|it| it.new_isr.iter_mut());
            members.for_each(|it| it.broker_epoch = BrokerEpoch::NONE);
        }
        Request::BrokerRegistration(registration) if version < 3 => {
            registration.previous_broker_epoch = BrokerEpoch::NONE;
        }
        Request::DeleteTopics(delete) if version < 6 => {
            for topic in &mut delete.topics {
                topic.id = TopicId::ZERO;
                topic.name.get_or_insert_with(|| TopicName::new(""));
            }
        }
        Request::InitProducerId(init) if version < 3 => {
            init.producer_id = ProducerId::NONE;
            init.producer_epoch = -1;
        }
        Request::DescribeConfigs(describe) if version < 3 => describe.include_documentation = false,
        Request::DescribeCluster(describe) if version < 1 => {
            describe.endpoint_type = DescribeClusterRequest::BROKERS;
        }
        Request::ElectLeaders(elect) if version < 1 => elect.election_type = ElectLeadersRequest::PREFERRED,
        _ => {}
    }
    request
}

/// The part of a response that a version carries.
pub(super) fn carried_response(mut response: Response, version: i16) -> Response {
    carried_groups::carried_response(&mut response, version);
    match &mut response {
        Response::Produce(produce) => carried_produced(produce, version),
        Response::Fetch(fetch) => carried_fetched(fetch, version),
        Response::DescribeQuorum(described) => carried_quorum(described, version),
        Response::ListOffsets(list) if version < 4 => {
            list.partitions.iter_mut().for_each(|it| it.leader_epoch = LeaderEpoch::NONE);
        }
        Response::Metadata(metadata) => carried_metadata(metadata, version),
        Response::CreateTopics(create) => {
            for topic in &mut create.topics {
                if version < 5 {
                    topic.partitions = -1;
                    topic.replication_factor = -1;
                }
                if version < 7 {
                    topic.id = TopicId::ZERO;
                }
            }
        }
        Response::DeleteTopics(delete) => carried_deleted(delete, version),
        Response::DescribeConfigs(describe) if version < 3 => {
            for entry in describe.resources.iter_mut().flat_map(|it| it.configs.iter_mut()) {
                entry.config_type = ConfigType::Unknown(0);
                entry.documentation = None;
            }
        }
        Response::DescribeCluster(describe) if version < 1 => {
            describe.endpoint_type = DescribeClusterRequest::BROKERS;
        }
        Response::ElectLeaders(elect) if version < 1 => elect.error = ErrorCode::None,
        Response::DescribeLogDirs(describe) => {
            if version < 3 {
                describe.error = ErrorCode::None;
            }
            if version < 4 {
                for directory in &mut describe.directories {
                    (directory.total_bytes, directory.usable_bytes) = (-1, -1);
                }
            }
        }
        _ => {}
    }
    response
}

fn carried_fetch_request(fetch: &mut FetchRequest, version: i16) {
    if version < 7 {
        fetch.session_id = 0;
        fetch.session_epoch = FetchRequest::FINAL_EPOCH;
        fetch.forgotten_topics.clear();
    }
    if version < 11 {
        fetch.rack_id.clear();
    }
    if version < 12 {
        fetch.cluster_id = None;
    }
    for topic in &mut fetch.forgotten_topics {
        (topic.name, topic.id) = carried_topic(topic.name.take(), topic.id, version);
    }
    if version < 15 {
        fetch.replica_epoch = BrokerEpoch::NONE;
    }
    for topic in &mut fetch.topics {
        (topic.name, topic.id) = carried_topic(topic.name.take(), topic.id, version);
        for partition in &mut topic.partitions {
            if version < 5 {
                partition.log_start_offset = Offset::NONE;
            }
            if version < 9 {
                partition.current_leader_epoch = LeaderEpoch::NONE;
            }
            if version < 12 {
                partition.last_fetched_epoch = LeaderEpoch::NONE;
            }
        }
    }
}

fn carried_produced(produce: &mut ProduceResponse, version: i16) {
    if version < 10 {
        produce.node_endpoints.clear();
    }
    for partition in &mut produce.partitions {
        if version < 5 {
            partition.log_start_offset = Offset::NONE;
        }
        if version < 8 {
            partition.record_errors.clear();
            partition.error_message = None;
        }
        if version < 10 {
            partition.current_leader = None;
        }
    }
}

fn carried_fetched(fetch: &mut FetchResponse, version: i16) {
    if version < 7 {
        fetch.error = ErrorCode::None;
        fetch.session_id = 0;
    }
    if version < 16 {
        fetch.node_endpoints.clear();
    }
    for topic in &mut fetch.topics {
        (topic.name, topic.id) = carried_topic(topic.name.take(), topic.id, version);
        for partition in &mut topic.partitions {
            if version < 5 {
                partition.log_start_offset = Offset::NONE;
            }
            if version < 11 {
                partition.preferred_read_replica = NodeId::NONE;
            }
            if version < 12 {
                partition.diverging_epoch = None;
                partition.current_leader = None;
                partition.snapshot = None;
            }
        }
    }
}

fn carried_metadata(metadata: &mut MetadataResponse, version: i16) {
    if version < 2 {
        metadata.cluster_id = None;
    }
    for topic in &mut metadata.topics {
        topic.id = if version < 10 { TopicId::ZERO } else { topic.id };
        topic.name = carried_name(topic.name.take(), version >= 12);
        for partition in &mut topic.partitions {
            if version < 5 {
                partition.offline.clear();
            }
            if version < 7 {
                partition.leader_epoch = LeaderEpoch::NONE;
            }
        }
    }
}

fn carried_deleted(delete: &mut DeleteTopicsResponse, version: i16) {
    for topic in &mut delete.topics {
        if version < 5 {
            topic.error_message = None;
        }
        if version < 6 {
            topic.id = TopicId::ZERO;
            topic.name.get_or_insert_with(|| TopicName::new(""));
        }
    }
}

fn carried_quorum(described: &mut DescribeQuorumResponse, version: i16) {
    if version < 2 {
        described.nodes.clear();
    }
    let quorums = described.partitions.iter_mut().filter(|_| version < 1);
    for replica in quorums.flat_map(|it| it.voters.iter_mut().chain(&mut it.observers)) {
        (replica.last_fetch, replica.last_caught_up) = (Timestamp::NONE, Timestamp::NONE);
    }
}

/// Fetch names topics up to version 12 and carries their ids from 13 on.
fn carried_topic(name: Option<TopicName>, id: TopicId, version: i16) -> (Option<TopicName>, TopicId) {
    if version < 13 { (name.or_else(|| Some(TopicName::new(""))), TopicId::ZERO) } else { (None, id) }
}

/// A name where the version may leave it out, or an empty one where it may not: Metadata's requests may from version 10
/// on, its answers from version 12 on.
fn carried_name(name: Option<TopicName>, may_be_absent: bool) -> Option<TopicName> {
    if may_be_absent { name } else { name.or_else(|| Some(TopicName::new(""))) }
}
