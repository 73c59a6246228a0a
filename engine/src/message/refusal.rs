//! The answer that refuses a whole request with one error, in the shape its API has for that.
//!
//! For what only the active controller can do: a controller that is not active refuses so, and a broker that gets no
//! answer from any. APIs that have no room for an error, or are answered by nobody else, have no such answer.

use super::group_refusal;
use super::{
    AllocateProducerIdsResponse, AlterConfigsResponse, AlterPartitionReassignmentsResponse,
    AlterPartitionResponse, AlteredConfigs, BrokerHeartbeatResponse, BrokerRegistrationResponse,
    ConfigResource, CreatePartitionsResponse, CreateTopicsResponse, CreatedPartitions, CreatedTopic,
    DeleteTopicsResponse, DeletedTopic, DescribeQuorumResponse, ElectLeadersResponse,
    IncrementalAlterConfigsResponse, ListPartitionReassignmentsResponse, NewTopic, Request, Response,
    TopicRef,
};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::{ProducerId, TopicId};

/// The answer that says `error`, and where the API has room for it `why`, of everything the request names. `None` if
/// the API has no such answer.
#[must_use]
pub fn refusal(request: &Request, error: ErrorCode, why: &str) -> Option<Response> {
    let message = || Some(why.to_owned());
    let configs = |resource: &ConfigResource| AlteredConfigs {
        resource: resource.clone(),
        error,
        error_message: message(),
    };
    Some(match request {
        Request::BrokerRegistration(_) => {
            BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE }.into()
        }
        Request::BrokerHeartbeat(_) => {
            let (is_caught_up, is_fenced, should_shut_down) = (false, true, false);
            BrokerHeartbeatResponse { error, is_caught_up, is_fenced, should_shut_down }.into()
        }
        Request::AlterPartition(_) => AlterPartitionResponse { error, partitions: Vec::new() }.into(),
        Request::AllocateProducerIds(_) => {
            let producer_id_start = ProducerId::NONE;
            AllocateProducerIdsResponse { error, producer_id_start, producer_id_len: 0 }.into()
        }
        Request::CreateTopics(request) => {
            let refused = |topic: &NewTopic| not_created(topic, error, message());
            CreateTopicsResponse { topics: request.topics.iter().map(refused).collect() }.into()
        }
        Request::DeleteTopics(request) => {
            let refused = |topic: &TopicRef| DeletedTopic {
                name: topic.name.clone(),
                id: topic.id,
                error,
                error_message: message(),
            };
            DeleteTopicsResponse { topics: request.topics.iter().map(refused).collect() }.into()
        }
        Request::CreatePartitions(request) => {
            let topics = request.topics.iter().map(|more| more.topic.clone());
            let refused = |topic| CreatedPartitions { topic, error, error_message: message() };
            CreatePartitionsResponse { topics: topics.map(refused).collect() }.into()
        }
        Request::ElectLeaders(_) => ElectLeadersResponse { error, partitions: Vec::new() }.into(),
        Request::AlterPartitionReassignments(_) => {
            let partitions = Vec::new();
            AlterPartitionReassignmentsResponse { error, error_message: message(), partitions }.into()
        }
        Request::ListPartitionReassignments(_) => {
            let partitions = Vec::new();
            ListPartitionReassignmentsResponse { error, error_message: message(), partitions }.into()
        }
        Request::AlterConfigs(request) => {
            let resources = request.resources.iter().map(|one| configs(&one.resource)).collect();
            AlterConfigsResponse { resources }.into()
        }
        Request::IncrementalAlterConfigs(request) => {
            let resources = request.resources.iter().map(|one| configs(&one.resource)).collect();
            IncrementalAlterConfigsResponse { resources }.into()
        }
        Request::DescribeQuorum(_) => {
            DescribeQuorumResponse { error, partitions: Vec::new(), nodes: Vec::new() }.into()
        }
        other => return group_refusal::of_group(other, error),
    })
}

fn not_created(topic: &NewTopic, error: ErrorCode, error_message: Option<String>) -> CreatedTopic {
    CreatedTopic {
        name: topic.name.clone(),
        id: TopicId::ZERO,
        error,
        error_message,
        partitions: -1,
        replication_factor: -1,
    }
}
