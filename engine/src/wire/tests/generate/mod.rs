//! Values of every message, at random.
//!
//! Values are those that can be told apart on the wire: whole milliseconds, no timestamp that means "latest".

mod admin;
mod consumer_groups;
mod groups;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use uuid::Uuid;

use super::generate_quorum as quorum;
use crate::epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch};
use crate::error::ErrorCode;
use crate::id::{
    DirectoryId, Endpoint, IncarnationId, NodeId, PartitionIndex, ProducerId, TopicId, TopicName,
    TopicPartition,
};
use crate::message::{
    AbortedTransaction, AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, ApiKey, ApiRange,
    ApiVersionsRequest, ApiVersionsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, CreateTopicsRequest, CreateTopicsResponse,
    CreatedTopic, DivergingEpoch, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchedPartition, FetchedTopic, ForgottenTopic, IsrMember, LeaderIdAndEpoch, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListedOffset, MetadataBroker, MetadataPartition,
    MetadataRequest, MetadataResponse, MetadataTopic, NewTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, OffsetSpec, PartitionAlteration, PartitionEpochQuery, ProducePartition,
    ProduceRequest, ProduceResponse, ProducedPartition, RecordError, Request, Response, TopicRef,
};
use crate::offset::Offset;
use crate::time::{Duration, Timestamp};

pub(super) fn text() -> impl Strategy<Value = String> {
    "[a-zä]{0,12}"
}

fn name() -> impl Strategy<Value = TopicName> {
    "[a-c]{1,3}".prop_map(|name| TopicName::new(&name))
}

pub(super) fn topic_partition() -> impl Strategy<Value = TopicPartition> {
    (name(), partition_index()).prop_map(|(topic, partition)| TopicPartition { topic, partition })
}

fn partition_index() -> impl Strategy<Value = PartitionIndex> {
    any::<i32>().prop_map(PartitionIndex)
}

pub(super) fn node() -> impl Strategy<Value = NodeId> {
    any::<i32>().prop_map(NodeId)
}

pub(super) fn nodes() -> impl Strategy<Value = Vec<NodeId>> {
    vec(node(), 0..4)
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    any::<u128>().prop_map(|id| TopicId(Uuid::from_u128(id)))
}

pub(super) fn offset() -> impl Strategy<Value = Offset> {
    any::<i64>().prop_map(Offset)
}

pub(super) fn leader_epoch() -> impl Strategy<Value = LeaderEpoch> {
    any::<i32>().prop_map(LeaderEpoch)
}

fn broker_epoch() -> impl Strategy<Value = BrokerEpoch> {
    any::<i64>().prop_map(BrokerEpoch)
}

pub(super) fn error() -> impl Strategy<Value = ErrorCode> {
    (0..ErrorCode::ALL.len()).prop_map(|index| ErrorCode::ALL[index])
}

fn time() -> impl Strategy<Value = Duration> {
    (0..=i32::MAX as u64).prop_map(Duration::from_millis)
}

pub(super) fn endpoint() -> impl Strategy<Value = Endpoint> {
    (text(), any::<u16>()).prop_map(|(host, port)| Endpoint::new(&host, port))
}

pub(super) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

/// A request of an API.
pub(super) fn request(key: ApiKey) -> BoxedStrategy<Request> {
    match key {
        ApiKey::Produce => produce_request().prop_map(Request::from).boxed(),
        ApiKey::Fetch => fetch_request().prop_map(Request::from).boxed(),
        ApiKey::ListOffsets => list_offsets_request().prop_map(Request::from).boxed(),
        ApiKey::Metadata => metadata_request().prop_map(Request::from).boxed(),
        ApiKey::ApiVersions => api_versions_request().prop_map(Request::from).boxed(),
        ApiKey::CreateTopics => create_topics_request().prop_map(Request::from).boxed(),
        ApiKey::OffsetForLeaderEpoch => epoch_request().prop_map(Request::from).boxed(),
        ApiKey::Vote => quorum::vote_request().prop_map(Request::from).boxed(),
        ApiKey::BeginQuorumEpoch => quorum::begin_request().prop_map(Request::from).boxed(),
        ApiKey::EndQuorumEpoch => quorum::end_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeQuorum => quorum::describe_request().prop_map(Request::from).boxed(),
        ApiKey::FetchSnapshot => quorum::snapshot_request().prop_map(Request::from).boxed(),
        ApiKey::AlterPartition => alter_partition_request().prop_map(Request::from).boxed(),
        ApiKey::BrokerRegistration => registration_request().prop_map(Request::from).boxed(),
        ApiKey::BrokerHeartbeat => heartbeat_request().prop_map(Request::from).boxed(),
        ApiKey::FindCoordinator => groups::find_request().prop_map(Request::from).boxed(),
        ApiKey::JoinGroup => groups::join_request().prop_map(Request::from).boxed(),
        ApiKey::SyncGroup => groups::sync_request().prop_map(Request::from).boxed(),
        ApiKey::Heartbeat => groups::heartbeat_request().prop_map(Request::from).boxed(),
        ApiKey::LeaveGroup => groups::leave_request().prop_map(Request::from).boxed(),
        ApiKey::OffsetCommit => groups::commit_request().prop_map(Request::from).boxed(),
        ApiKey::OffsetFetch => groups::fetch_request().prop_map(Request::from).boxed(),
        ApiKey::OffsetDelete => groups::delete_offsets_request().prop_map(Request::from).boxed(),
        ApiKey::ListGroups => groups::list_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeGroups => groups::describe_request().prop_map(Request::from).boxed(),
        ApiKey::DeleteGroups => groups::delete_request().prop_map(Request::from).boxed(),
        ApiKey::ConsumerGroupHeartbeat => {
            consumer_groups::heartbeat_request().prop_map(Request::from).boxed()
        }
        ApiKey::ConsumerGroupDescribe => consumer_groups::describe_request().prop_map(Request::from).boxed(),
        ApiKey::DeleteTopics => admin::delete_topics_request().prop_map(Request::from).boxed(),
        ApiKey::DeleteRecords => admin::delete_records_request().prop_map(Request::from).boxed(),
        ApiKey::InitProducerId => admin::init_producer_id_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeConfigs => admin::describe_configs_request().prop_map(Request::from).boxed(),
        ApiKey::AlterConfigs => admin::alter_configs_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeLogDirs => admin::log_dirs_request().prop_map(Request::from).boxed(),
        ApiKey::CreatePartitions => admin::create_partitions_request().prop_map(Request::from).boxed(),
        ApiKey::ElectLeaders => admin::elect_leaders_request().prop_map(Request::from).boxed(),
        ApiKey::IncrementalAlterConfigs => admin::incremental_request().prop_map(Request::from).boxed(),
        ApiKey::AlterPartitionReassignments => admin::reassign_request().prop_map(Request::from).boxed(),
        ApiKey::ListPartitionReassignments => admin::reassignments_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeCluster => admin::describe_cluster_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeProducers => admin::producers_request().prop_map(Request::from).boxed(),
        ApiKey::AllocateProducerIds => admin::allocate_request().prop_map(Request::from).boxed(),
        ApiKey::GetTelemetrySubscriptions => admin::subscriptions_request().prop_map(Request::from).boxed(),
        ApiKey::PushTelemetry => admin::push_request().prop_map(Request::from).boxed(),
        ApiKey::DescribeTopicPartitions => admin::topic_partitions_request().prop_map(Request::from).boxed(),
    }
}

/// A response of an API.
pub(super) fn response(key: ApiKey) -> BoxedStrategy<Response> {
    match key {
        ApiKey::Produce => produce_response().prop_map(Response::from).boxed(),
        ApiKey::Fetch => fetch_response().prop_map(Response::from).boxed(),
        ApiKey::ListOffsets => list_offsets_response().prop_map(Response::from).boxed(),
        ApiKey::Metadata => metadata_response().prop_map(Response::from).boxed(),
        ApiKey::ApiVersions => api_versions_response().prop_map(Response::from).boxed(),
        ApiKey::CreateTopics => create_topics_response().prop_map(Response::from).boxed(),
        ApiKey::OffsetForLeaderEpoch => epoch_response().prop_map(Response::from).boxed(),
        ApiKey::Vote => quorum::vote_response().prop_map(Response::from).boxed(),
        ApiKey::BeginQuorumEpoch => quorum::begin_response().prop_map(Response::from).boxed(),
        ApiKey::EndQuorumEpoch => quorum::end_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeQuorum => quorum::describe_response().prop_map(Response::from).boxed(),
        ApiKey::FetchSnapshot => quorum::snapshot_response().prop_map(Response::from).boxed(),
        ApiKey::AlterPartition => alter_partition_response().prop_map(Response::from).boxed(),
        ApiKey::BrokerRegistration => registration_response().prop_map(Response::from).boxed(),
        ApiKey::BrokerHeartbeat => heartbeat_response().prop_map(Response::from).boxed(),
        ApiKey::FindCoordinator => groups::find_response().prop_map(Response::from).boxed(),
        ApiKey::JoinGroup => groups::join_response().prop_map(Response::from).boxed(),
        ApiKey::SyncGroup => groups::sync_response().prop_map(Response::from).boxed(),
        ApiKey::Heartbeat => groups::heartbeat_response().prop_map(Response::from).boxed(),
        ApiKey::LeaveGroup => groups::leave_response().prop_map(Response::from).boxed(),
        ApiKey::OffsetCommit => groups::commit_response().prop_map(Response::from).boxed(),
        ApiKey::OffsetFetch => groups::fetch_response().prop_map(Response::from).boxed(),
        ApiKey::OffsetDelete => groups::delete_offsets_response().prop_map(Response::from).boxed(),
        ApiKey::ListGroups => groups::list_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeGroups => groups::describe_response().prop_map(Response::from).boxed(),
        ApiKey::DeleteGroups => groups::delete_response().prop_map(Response::from).boxed(),
        ApiKey::ConsumerGroupHeartbeat => {
            consumer_groups::heartbeat_response().prop_map(Response::from).boxed()
        }
        ApiKey::ConsumerGroupDescribe => {
            consumer_groups::describe_response().prop_map(Response::from).boxed()
        }
        ApiKey::DeleteTopics => admin::delete_topics_response().prop_map(Response::from).boxed(),
        ApiKey::DeleteRecords => admin::delete_records_response().prop_map(Response::from).boxed(),
        ApiKey::InitProducerId => admin::init_producer_id_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeConfigs => admin::describe_configs_response().prop_map(Response::from).boxed(),
        ApiKey::AlterConfigs => admin::alter_configs_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeLogDirs => admin::log_dirs_response().prop_map(Response::from).boxed(),
        ApiKey::CreatePartitions => admin::create_partitions_response().prop_map(Response::from).boxed(),
        ApiKey::ElectLeaders => admin::elect_leaders_response().prop_map(Response::from).boxed(),
        ApiKey::IncrementalAlterConfigs => admin::incremental_response().prop_map(Response::from).boxed(),
        ApiKey::AlterPartitionReassignments => admin::reassign_response().prop_map(Response::from).boxed(),
        ApiKey::ListPartitionReassignments => {
            admin::reassignments_response().prop_map(Response::from).boxed()
        }
        ApiKey::DescribeCluster => admin::describe_cluster_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeProducers => admin::producers_response().prop_map(Response::from).boxed(),
        ApiKey::AllocateProducerIds => admin::allocate_response().prop_map(Response::from).boxed(),
        ApiKey::GetTelemetrySubscriptions => admin::subscriptions_response().prop_map(Response::from).boxed(),
        ApiKey::PushTelemetry => admin::push_response().prop_map(Response::from).boxed(),
        ApiKey::DescribeTopicPartitions => {
            admin::topic_partitions_response().prop_map(Response::from).boxed()
        }
    }
}

fn produce_request() -> impl Strategy<Value = ProduceRequest> {
    let partition = (topic_partition(), option::of(bytes()))
        .prop_map(|(partition, records)| ProducePartition { partition, records });
    (option::of(text()), any::<i16>(), time(), vec(partition, 0..5)).prop_map(
        |(transactional_id, acks, timeout, partitions)| ProduceRequest {
            transactional_id,
            acks,
            timeout,
            partitions,
        },
    )
}

fn produce_response() -> impl Strategy<Value = ProduceResponse> {
    let record_error = (any::<i32>(), option::of(text()))
        .prop_map(|(batch_index, message)| RecordError { batch_index, message });
    let reason = (vec(record_error, 0..3), option::of(text()), option::of(leader()));
    let partition = (topic_partition(), error(), any::<[i64; 3]>(), reason).prop_map(
        |(partition, error, numbers, (record_errors, error_message, current_leader))| ProducedPartition {
            partition,
            error,
            base_offset: Offset(numbers[0]),
            log_append_time: Timestamp(numbers[1]),
            log_start_offset: Offset(numbers[2]),
            record_errors,
            error_message,
            current_leader,
        },
    );
    (vec(partition, 0..5), vec(broker(), 0..3))
        .prop_map(|(partitions, node_endpoints)| ProduceResponse { partitions, node_endpoints })
}

/// A leader, but not the one that looks on the wire as if there were none.
fn leader() -> impl Strategy<Value = LeaderIdAndEpoch> {
    quorum::current_leader().prop_filter("none is no leader", |leader| *leader != LeaderIdAndEpoch::NONE)
}

fn broker() -> impl Strategy<Value = MetadataBroker> {
    (node(), endpoint(), option::of(text())).prop_map(|(id, endpoint, rack)| MetadataBroker {
        id,
        endpoint,
        rack,
    })
}

fn fetch_request() -> impl Strategy<Value = FetchRequest> {
    let partition = (partition_index(), leader_epoch(), offset(), leader_epoch(), offset(), any::<i32>())
        .prop_map(
            |(
                partition,
                current_leader_epoch,
                fetch_offset,
                last_fetched_epoch,
                log_start_offset,
                max_bytes,
            )| {
                FetchPartition {
                    partition,
                    current_leader_epoch,
                    fetch_offset,
                    last_fetched_epoch,
                    log_start_offset,
                    max_bytes,
                }
            },
        );
    let topic = (option::of(name()), topic_id(), vec(partition, 0..4))
        .prop_map(|(name, id, partitions)| FetchTopic { name, id, partitions });
    let forgotten = (option::of(name()), topic_id(), vec(partition_index(), 0..4))
        .prop_map(|(name, id, partitions)| ForgottenTopic { name, id, partitions });
    let reader = (option::of(text()), node(), broker_epoch(), text());
    (reader, time(), any::<[i32; 4]>(), any::<i8>(), vec(topic, 0..4), vec(forgotten, 0..3)).prop_map(
        |(reader, max_wait, numbers, isolation_level, topics, forgotten_topics)| {
            let (cluster_id, replica, replica_epoch, rack_id) = reader;
            let [min_bytes, max_bytes, session_id, session_epoch] = numbers;
            FetchRequest {
                cluster_id,
                replica,
                replica_epoch,
                replica_directory: DirectoryId::NONE,
                max_wait,
                min_bytes,
                max_bytes,
                isolation_level,
                session_id,
                session_epoch,
                topics,
                forgotten_topics,
                rack_id,
            }
        },
    )
}

fn fetch_response() -> impl Strategy<Value = FetchResponse> {
    let diverging = (leader_epoch(), 0..i64::MAX)
        .prop_map(|(epoch, end)| DivergingEpoch { epoch, end_offset: Offset(end) });
    let aborted = any::<[i64; 2]>().prop_map(|[producer, first]| AbortedTransaction {
        producer_id: ProducerId(producer),
        first_offset: Offset(first),
    });
    let tags = (option::of(diverging), option::of(leader()), option::of(quorum::snapshot_id()));
    let rest = (vec(aborted, 0..3), node(), bytes());
    let partition = (partition_index(), error(), any::<[i64; 3]>(), tags, rest).prop_map(
        |(partition, error, offsets, (diverging_epoch, current_leader, snapshot), rest)| {
            let (aborted_transactions, preferred_read_replica, records) = rest;
            FetchedPartition {
                partition,
                error,
                high_watermark: Offset(offsets[0]),
                last_stable_offset: Offset(offsets[1]),
                log_start_offset: Offset(offsets[2]),
                diverging_epoch,
                current_leader,
                snapshot,
                aborted_transactions,
                preferred_read_replica,
                records,
                records_in_file: None,
            }
        },
    );
    let topic = (option::of(name()), topic_id(), vec(partition, 0..4))
        .prop_map(|(name, id, partitions)| FetchedTopic { name, id, partitions });
    (error(), any::<i32>(), vec(topic, 0..4), vec(broker(), 0..3)).prop_map(
        |(error, session_id, topics, node_endpoints)| FetchResponse {
            error,
            session_id,
            topics,
            node_endpoints,
        },
    )
}

fn list_offsets_request() -> impl Strategy<Value = ListOffsetsRequest> {
    let spec = prop_oneof![
        Just(OffsetSpec::Latest),
        Just(OffsetSpec::Earliest),
        Just(OffsetSpec::MaxTimestamp),
        prop_oneof![0..i64::MAX, i64::MIN..-3].prop_map(|at| OffsetSpec::Timestamp(Timestamp(at))),
    ];
    let partition =
        (topic_partition(), leader_epoch(), spec).prop_map(|(partition, current_leader_epoch, spec)| {
            ListOffsetsPartition { partition, current_leader_epoch, spec }
        });
    (node(), any::<i8>(), vec(partition, 0..5)).prop_map(|(replica, isolation_level, partitions)| {
        ListOffsetsRequest { replica, isolation_level, partitions }
    })
}

fn list_offsets_response() -> impl Strategy<Value = ListOffsetsResponse> {
    let partition = (topic_partition(), error(), any::<i64>(), offset(), leader_epoch()).prop_map(
        |(partition, error, timestamp, offset, leader_epoch)| ListedOffset {
            partition,
            error,
            timestamp: Timestamp(timestamp),
            offset,
            leader_epoch,
        },
    );
    vec(partition, 0..5).prop_map(|partitions| ListOffsetsResponse { partitions })
}

fn metadata_request() -> impl Strategy<Value = MetadataRequest> {
    let topic = (option::of(name()), topic_id()).prop_map(|(name, id)| TopicRef { name, id });
    (option::of(vec(topic, 0..4)), any::<bool>())
        .prop_map(|(topics, allow_auto_topic_creation)| MetadataRequest { topics, allow_auto_topic_creation })
}

fn metadata_response() -> impl Strategy<Value = MetadataResponse> {
    let partition = (error(), partition_index(), node(), leader_epoch(), nodes(), nodes(), nodes()).prop_map(
        |(error, partition, leader, leader_epoch, replicas, isr, offline)| MetadataPartition {
            error,
            partition,
            leader,
            leader_epoch,
            replicas,
            isr,
            offline,
        },
    );
    let topic = (error(), option::of(name()), topic_id(), vec(partition, 0..3))
        .prop_map(|(error, name, id, partitions)| MetadataTopic { error, name, id, partitions });
    (vec(broker(), 0..4), option::of(text()), node(), vec(topic, 0..3)).prop_map(
        |(brokers, cluster_id, controller, topics)| MetadataResponse {
            brokers,
            cluster_id,
            controller,
            topics,
        },
    )
}

fn api_versions_request() -> impl Strategy<Value = ApiVersionsRequest> {
    (text(), text()).prop_map(|(client_software_name, client_software_version)| ApiVersionsRequest {
        client_software_name,
        client_software_version,
    })
}

/// An error UNSUPPORTED_VERSION has a test of its own: it changes the version of the body.
fn api_versions_response() -> impl Strategy<Value = ApiVersionsResponse> {
    let range = any::<[i16; 3]>().prop_map(|[key, min, max]| ApiRange { key, min, max });
    let error = error().prop_filter("answered in version 0", |error| *error != ErrorCode::UnsupportedVersion);
    (error, vec(range, 0..5)).prop_map(|(error, apis)| ApiVersionsResponse { error, apis })
}

fn create_topics_request() -> impl Strategy<Value = CreateTopicsRequest> {
    let counts = (any::<i32>(), any::<i16>());
    let assignments = vec((partition_index(), nodes()), 0..3);
    let configs = btree_map(text(), option::of(text()), 0..3);
    let topic = (text(), counts, assignments, configs).prop_map(
        |(name, (partitions, replication_factor), assignments, configs)| NewTopic {
            name,
            partitions,
            replication_factor,
            assignments,
            configs,
        },
    );
    (vec(topic, 0..4), time(), any::<bool>())
        .prop_map(|(topics, timeout, validate_only)| CreateTopicsRequest { topics, timeout, validate_only })
}

fn create_topics_response() -> impl Strategy<Value = CreateTopicsResponse> {
    let topic = (text(), topic_id(), error(), option::of(text()), any::<i32>(), any::<i16>()).prop_map(
        |(name, id, error, error_message, partitions, replication_factor)| CreatedTopic {
            name,
            id,
            error,
            error_message,
            partitions,
            replication_factor,
        },
    );
    vec(topic, 0..4).prop_map(|topics| CreateTopicsResponse { topics })
}

fn epoch_request() -> impl Strategy<Value = OffsetForLeaderEpochRequest> {
    let query = (topic_partition(), leader_epoch(), leader_epoch()).prop_map(
        |(partition, current_leader_epoch, leader_epoch)| PartitionEpochQuery {
            partition,
            current_leader_epoch,
            leader_epoch,
        },
    );
    (node(), vec(query, 0..5))
        .prop_map(|(replica, partitions)| OffsetForLeaderEpochRequest { replica, partitions })
}

fn epoch_response() -> impl Strategy<Value = OffsetForLeaderEpochResponse> {
    let answer = (topic_partition(), error(), leader_epoch(), offset()).prop_map(
        |(partition, error, leader_epoch, end_offset)| EpochEndOffset {
            partition,
            error,
            leader_epoch,
            end_offset,
        },
    );
    vec(answer, 0..5).prop_map(|partitions| OffsetForLeaderEpochResponse { partitions })
}

fn alter_partition_request() -> impl Strategy<Value = AlterPartitionRequest> {
    let member =
        (node(), broker_epoch()).prop_map(|(broker, broker_epoch)| IsrMember { broker, broker_epoch });
    let change =
        (topic_id(), partition_index(), leader_epoch(), vec(member, 0..4), any::<i8>(), any::<i32>())
            .prop_map(|(topic, partition, leader_epoch, new_isr, leader_recovery_state, partition_epoch)| {
                PartitionAlteration {
                    topic,
                    partition,
                    leader_epoch,
                    new_isr,
                    leader_recovery_state,
                    partition_epoch: PartitionEpoch(partition_epoch),
                }
            });
    (node(), broker_epoch(), vec(change, 0..4)).prop_map(|(broker, broker_epoch, partitions)| {
        AlterPartitionRequest { broker, broker_epoch, partitions }
    })
}

fn alter_partition_response() -> impl Strategy<Value = AlterPartitionResponse> {
    let state = (node(), leader_epoch(), nodes(), any::<i8>(), any::<i32>());
    let altered = (topic_id(), partition_index(), error(), state).prop_map(
        |(topic, partition, error, (leader, leader_epoch, isr, leader_recovery_state, partition_epoch))| {
            AlteredPartition {
                topic,
                partition,
                error,
                leader,
                leader_epoch,
                isr,
                leader_recovery_state,
                partition_epoch: PartitionEpoch(partition_epoch),
            }
        },
    );
    (error(), vec(altered, 0..4)).prop_map(|(error, partitions)| AlterPartitionResponse { error, partitions })
}

fn registration_request() -> impl Strategy<Value = BrokerRegistrationRequest> {
    (node(), text(), any::<u128>(), endpoint(), option::of(text()), broker_epoch()).prop_map(
        |(broker, cluster_id, incarnation, endpoint, rack, previous_broker_epoch)| {
            BrokerRegistrationRequest {
                broker,
                cluster_id,
                incarnation: IncarnationId(Uuid::from_u128(incarnation)),
                endpoint,
                rack,
                previous_broker_epoch,
            }
        },
    )
}

fn registration_response() -> impl Strategy<Value = BrokerRegistrationResponse> {
    (error(), broker_epoch())
        .prop_map(|(error, broker_epoch)| BrokerRegistrationResponse { error, broker_epoch })
}

fn heartbeat_request() -> impl Strategy<Value = BrokerHeartbeatRequest> {
    (node(), broker_epoch(), offset(), any::<[bool; 2]>()).prop_map(
        |(broker, broker_epoch, current_metadata_offset, [want_fence, want_shut_down])| {
            BrokerHeartbeatRequest {
                broker,
                broker_epoch,
                current_metadata_offset,
                want_fence,
                want_shut_down,
            }
        },
    )
}

fn heartbeat_response() -> impl Strategy<Value = BrokerHeartbeatResponse> {
    (error(), any::<[bool; 3]>()).prop_map(|(error, [is_caught_up, is_fenced, should_shut_down])| {
        BrokerHeartbeatResponse { error, is_caught_up, is_fenced, should_shut_down }
    })
}
