//! Which versions of each API we speak, and what we tell others about it.
//!
//! One table. The ranges are those in which every mainstream client finds a version of its own; a version is
//! in the table only if our messages can carry what it means.

use std::ops::RangeInclusive;

use crate::message::{ApiKey, ApiRange, ApiVersionsResponse};

/// Who listens on a socket, and so which APIs it serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Listener {
    /// A broker, for clients and other brokers.
    Broker,
    /// A controller, for brokers and other controllers.
    Controller,
}

/// What a broker serves.
///
/// | API | from | to | why not less, why not more |
/// |---|---|---|---|
/// | Produce | 3 | 11 | 3 is the first with record batches v2; 12 is KIP-890, 13 topic ids |
/// | Fetch | 4 | 17 | 4 likewise; 13 carries topic ids, 15 the replica's epoch; the highest of Kafka 3.9 |
/// | ListOffsets | 1 | 7 | 0 answers with many offsets; 8 is tiered storage |
/// | Metadata | 1 | 12 | 0 cannot name the controller or ask for no topic; 13 is KIP-1102 |
/// | OffsetCommit | 2 | 9 | the lowest of Kafka 4; 10 names topics by id |
/// | OffsetFetch | 1 | 9 | likewise |
/// | FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup | 0 | 6, 9, 5, 4, 5 | all there are |
/// | DescribeGroups, ListGroups, DeleteGroups, OffsetDelete | 0 | 5, 5, 2, 0 | the highest of Kafka 3.9 |
/// | ConsumerGroupHeartbeat, ConsumerGroupDescribe | 0 | 1 | all there are; librdkafka speaks 1 and 0 only |
/// | CreateTopics | 2 | 7 | the lowest of Kafka 4 |
/// | OffsetForLeaderEpoch | 2 | 4 | the lowest of Kafka 4 |
/// | DeleteTopics | 1 | 6 | all of Kafka 4 |
/// | InitProducerId | 0 | 4 | 5 is KIP-890 |
/// | DescribeConfigs, DescribeLogDirs | 1 | 4 | all of Kafka 4 |
/// | DescribeCluster | 0 | 1 | 2 lists fenced brokers |
/// | AlterPartitionReassignments | 0 | 0 | 1 is KIP-860 |
/// | the other admin APIs | 0 | highest of Kafka 3.9 | |
/// | Vote | 2 | 2 | 2 is the first with pre-votes; only our own controllers send it |
/// | BeginQuorumEpoch, EndQuorumEpoch | 1 | 1 | the versions that go with Vote 2 |
/// | DescribeQuorum | 0 | 2 | all there are |
/// | FetchSnapshot | 0 | 1 | all there are |
/// | AlterPartition | 2 | 3 | 2 names topics by id; 3 brings broker epochs (KIP-903) |
#[must_use]
pub fn supported_versions(key: ApiKey) -> RangeInclusive<i16> {
    match key {
        ApiKey::Produce => 3..=11,
        ApiKey::Fetch => 4..=17,
        ApiKey::ListOffsets => 1..=7,
        ApiKey::Metadata => 1..=12,
        ApiKey::ApiVersions => 0..=4,
        ApiKey::OffsetCommit => 2..=9,
        ApiKey::OffsetFetch => 1..=9,
        ApiKey::FindCoordinator => 0..=6,
        ApiKey::JoinGroup => 0..=9,
        ApiKey::Heartbeat => 0..=4,
        ApiKey::LeaveGroup | ApiKey::SyncGroup | ApiKey::ListGroups | ApiKey::DescribeGroups => 0..=5,
        ApiKey::CreateTopics => 2..=7,
        ApiKey::OffsetForLeaderEpoch => 2..=4,
        ApiKey::Vote => 2..=2,
        ApiKey::BeginQuorumEpoch | ApiKey::EndQuorumEpoch => 1..=1,
        ApiKey::DescribeQuorum => 0..=2,
        ApiKey::FetchSnapshot => 0..=1,
        ApiKey::AlterPartition => 2..=3,
        ApiKey::BrokerRegistration => 0..=4,
        ApiKey::BrokerHeartbeat => 0..=1,
        ApiKey::DeleteTopics => 1..=6,
        ApiKey::DeleteRecords | ApiKey::AlterConfigs | ApiKey::ElectLeaders | ApiKey::DeleteGroups => 0..=2,
        ApiKey::InitProducerId => 0..=4,
        ApiKey::DescribeConfigs | ApiKey::DescribeLogDirs => 1..=4,
        ApiKey::CreatePartitions => 0..=3,
        ApiKey::IncrementalAlterConfigs
        | ApiKey::DescribeCluster
        | ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe => 0..=1,
        ApiKey::AlterPartitionReassignments
        | ApiKey::ListPartitionReassignments
        | ApiKey::DescribeProducers
        | ApiKey::AllocateProducerIds
        | ApiKey::GetTelemetrySubscriptions
        | ApiKey::PushTelemetry
        | ApiKey::OffsetDelete
        | ApiKey::DescribeTopicPartitions => 0..=0,
    }
}

/// Who serves an API, and so advertises it. An API is advertised by those whose handler is there, and by nobody
/// else: a key that is advertised and then closes the connection is worse than one that is missing.
fn served_by(key: ApiKey) -> &'static [Listener] {
    const BROKER: &[Listener] = &[Listener::Broker];
    const CONTROLLER: &[Listener] = &[Listener::Controller];
    const BOTH: &[Listener] = &[Listener::Broker, Listener::Controller];
    match key {
        ApiKey::Produce => BROKER,
        ApiKey::Fetch => BOTH,
        ApiKey::ListOffsets => BROKER,
        ApiKey::Metadata => BROKER,
        ApiKey::ApiVersions => BOTH,
        ApiKey::OffsetCommit => BROKER,
        ApiKey::OffsetFetch => BROKER,
        ApiKey::FindCoordinator => BROKER,
        ApiKey::JoinGroup => BROKER,
        ApiKey::Heartbeat => BROKER,
        ApiKey::LeaveGroup => BROKER,
        ApiKey::SyncGroup => BROKER,
        ApiKey::DescribeGroups => BROKER,
        ApiKey::ListGroups => BROKER,
        ApiKey::DeleteGroups => BROKER,
        ApiKey::OffsetDelete => BROKER,
        ApiKey::ConsumerGroupHeartbeat => BROKER,
        ApiKey::ConsumerGroupDescribe => BROKER,
        ApiKey::CreateTopics => BOTH,
        ApiKey::DeleteTopics => BOTH,
        ApiKey::DeleteRecords => BROKER,
        ApiKey::InitProducerId => BROKER,
        ApiKey::OffsetForLeaderEpoch => BROKER,
        ApiKey::DescribeConfigs => BROKER,
        ApiKey::AlterConfigs => BOTH,
        ApiKey::DescribeLogDirs => BROKER,
        ApiKey::CreatePartitions => BOTH,
        ApiKey::ElectLeaders => BOTH,
        ApiKey::IncrementalAlterConfigs => BOTH,
        ApiKey::AlterPartitionReassignments => BOTH,
        ApiKey::ListPartitionReassignments => BOTH,
        ApiKey::Vote => CONTROLLER,
        ApiKey::BeginQuorumEpoch => CONTROLLER,
        ApiKey::EndQuorumEpoch => CONTROLLER,
        ApiKey::DescribeQuorum => BOTH,
        ApiKey::AlterPartition => CONTROLLER,
        ApiKey::FetchSnapshot => CONTROLLER,
        ApiKey::DescribeCluster => BROKER,
        ApiKey::DescribeProducers => BROKER,
        ApiKey::BrokerRegistration => CONTROLLER,
        ApiKey::BrokerHeartbeat => CONTROLLER,
        ApiKey::AllocateProducerIds => CONTROLLER,
        ApiKey::GetTelemetrySubscriptions => BROKER,
        ApiKey::PushTelemetry => BROKER,
        ApiKey::DescribeTopicPartitions => BROKER,
    }
}

/// Whether a version has compact lengths and tagged fields (KIP-482).
pub(super) fn is_flexible(key: ApiKey, version: i16) -> bool {
    let first = match key {
        ApiKey::Produce | ApiKey::Metadata => 9,
        ApiKey::Fetch => 12,
        ApiKey::ListOffsets | ApiKey::JoinGroup | ApiKey::OffsetFetch => 6,
        ApiKey::OffsetCommit => 8,
        ApiKey::OffsetDelete => i16::MAX,
        ApiKey::ApiVersions | ApiKey::FindCoordinator | ApiKey::ListGroups => 3,
        ApiKey::CreateTopics | ApiKey::DescribeGroups => 5,
        ApiKey::OffsetForLeaderEpoch | ApiKey::SyncGroup | ApiKey::Heartbeat | ApiKey::LeaveGroup => 4,
        ApiKey::InitProducerId
        | ApiKey::DeleteRecords
        | ApiKey::AlterConfigs
        | ApiKey::DescribeLogDirs
        | ApiKey::CreatePartitions
        | ApiKey::DeleteGroups
        | ApiKey::ElectLeaders => 2,
        ApiKey::DeleteTopics | ApiKey::DescribeConfigs => 4,
        ApiKey::IncrementalAlterConfigs | ApiKey::BeginQuorumEpoch | ApiKey::EndQuorumEpoch => 1,
        ApiKey::AlterPartitionReassignments
        | ApiKey::ListPartitionReassignments
        | ApiKey::Vote
        | ApiKey::DescribeQuorum
        | ApiKey::AlterPartition
        | ApiKey::FetchSnapshot
        | ApiKey::DescribeCluster
        | ApiKey::DescribeProducers
        | ApiKey::BrokerRegistration
        | ApiKey::BrokerHeartbeat
        | ApiKey::AllocateProducerIds
        | ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe
        | ApiKey::GetTelemetrySubscriptions
        | ApiKey::PushTelemetry
        | ApiKey::DescribeTopicPartitions => 0,
    };
    version >= first
}

/// The version to speak with a broker: the highest both know, or `None` if there is none.
///
/// Without an answer to ApiVersions it is the version our own brokers use among each other, our highest.
/// Fetch from version 13 on names topics by id only: a caller that does not know the id must stay at 12.
#[must_use]
pub fn client_version(key: ApiKey, broker: Option<&ApiVersionsResponse>) -> Option<i16> {
    let ours = supported_versions(key);
    let Some(broker) = broker else { return Some(*ours.end()) };
    let theirs = broker.apis.iter().find(|api| api.key == key.code())?;
    let highest = theirs.max.min(*ours.end());
    (highest >= theirs.min && ours.contains(&highest)).then_some(highest)
}

/// The answer of a listener to "which versions do you speak?", ascending by key.
///
/// Produce is told from 0 though served from 3: librdkafka before 2.11.1 takes a higher start for a broker
/// without record batches v2, and never sends the old versions (KAFKA-18659).
#[must_use]
pub fn advertised(listener: Listener) -> Vec<ApiRange> {
    let serves = |key: &ApiKey| served_by(*key).contains(&listener);
    let range = |key: ApiKey| {
        let (min, max) = supported_versions(key).into_inner();
        ApiRange { key: key.code(), min: if key == ApiKey::Produce { 0 } else { min }, max }
    };
    ApiKey::ALL.into_iter().filter(serves).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn broker(key: ApiKey, min: i16, max: i16) -> ApiVersionsResponse {
        ApiVersionsResponse { error: ErrorCode::None, apis: vec![ApiRange { key: key.code(), min, max }] }
    }

    #[test]
    fn the_client_speaks_the_highest_version_both_know() {
        let version = |min, max| client_version(ApiKey::Fetch, Some(&broker(ApiKey::Fetch, min, max)));
        assert_eq!(version(0, 11), Some(11));
        assert_eq!(version(4, 99), Some(17));
        assert_eq!(version(17, 99), Some(17));
    }

    #[test]
    fn without_a_common_version_there_is_none() {
        let version = |min, max| client_version(ApiKey::Fetch, Some(&broker(ApiKey::Fetch, min, max)));
        assert_eq!(version(0, 3), None);
        assert_eq!(version(18, 19), None);
        assert_eq!(version(9, 5), None);
        assert_eq!(client_version(ApiKey::Produce, Some(&broker(ApiKey::Fetch, 0, 9))), None);
    }

    #[test]
    fn without_an_answer_it_is_our_highest() {
        for key in ApiKey::ALL {
            assert_eq!(client_version(key, None), Some(*supported_versions(key).end()));
        }
    }

    #[test]
    fn a_listener_advertises_what_it_serves_and_nothing_else() {
        for listener in [Listener::Broker, Listener::Controller] {
            let told: Vec<i16> = advertised(listener).iter().map(|range| range.key).collect();
            let served = ApiKey::ALL.into_iter().filter(|key| served_by(*key).contains(&listener));
            assert_eq!(told, served.map(ApiKey::code).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_advertised_range_has_a_version() {
        for range in [Listener::Broker, Listener::Controller].into_iter().flat_map(advertised) {
            assert!(range.min <= range.max, "API {}", range.key);
        }
    }
}
