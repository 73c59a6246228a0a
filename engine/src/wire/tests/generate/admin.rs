//! Values of the messages of admin clients, producers' ids and telemetry.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use uuid::Uuid;

use super::{
    broker, broker_epoch, bytes, error, leader_epoch, name, node, nodes, offset, partition_index, text, time,
    topic_id, topic_partition,
};
use crate::id::ProducerId;
use crate::message::{
    ActiveProducer, AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterConfigsRequest,
    AlterConfigsResponse, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    AlteredConfigs, ConfigChange, ConfigChanges, ConfigEntry, ConfigOperation, ConfigQuery,
    ConfigReplacement, ConfigResource, ConfigResourceType, ConfigSource, ConfigSynonym, ConfigType,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DeletedRecords, DeletedTopic,
    DescribeClusterRequest, DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribedConfigs, DescribedPartition,
    DescribedTopic, ElectLeadersRequest, ElectLeadersResponse, GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, LogDirectory, LogSize, MorePartitions, OngoingReassignment,
    PartitionOutcome, PartitionProducers, PushTelemetryRequest, PushTelemetryResponse, Reassignment,
    RecordsToDelete, TopicRef,
};
use crate::offset::Offset;
use crate::time::Timestamp;

fn message() -> impl Strategy<Value = Option<String>> {
    option::of(text())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn producer_id() -> impl Strategy<Value = ProducerId> {
    any::<i64>().prop_map(ProducerId)
}

fn resource() -> impl Strategy<Value = ConfigResource> {
    (any::<i8>(), text())
        .prop_map(|(kind, name)| ConfigResource { kind: ConfigResourceType::from_code(kind), name })
}

fn source() -> impl Strategy<Value = ConfigSource> {
    any::<i8>().prop_map(ConfigSource::from_code)
}

pub(super) fn delete_topics_request() -> impl Strategy<Value = DeleteTopicsRequest> {
    let topic = (option::of(name()), topic_id()).prop_map(|(name, id)| TopicRef { name, id });
    (vec(topic, 0..4), time()).prop_map(|(topics, timeout)| DeleteTopicsRequest { topics, timeout })
}

pub(super) fn delete_topics_response() -> impl Strategy<Value = DeleteTopicsResponse> {
    let topic = (option::of(name()), topic_id(), error(), message())
        .prop_map(|(name, id, error, error_message)| DeletedTopic { name, id, error, error_message });
    vec(topic, 0..4).prop_map(|topics| DeleteTopicsResponse { topics })
}

pub(super) fn delete_records_request() -> impl Strategy<Value = DeleteRecordsRequest> {
    let records =
        (topic_partition(), offset()).prop_map(|(partition, before)| RecordsToDelete { partition, before });
    (vec(records, 0..5), time())
        .prop_map(|(partitions, timeout)| DeleteRecordsRequest { partitions, timeout })
}

pub(super) fn delete_records_response() -> impl Strategy<Value = DeleteRecordsResponse> {
    let deleted = (topic_partition(), error(), offset())
        .prop_map(|(partition, error, low_watermark)| DeletedRecords { partition, error, low_watermark });
    vec(deleted, 0..5).prop_map(|partitions| DeleteRecordsResponse { partitions })
}

pub(super) fn init_producer_id_request() -> impl Strategy<Value = InitProducerIdRequest> {
    (message(), any::<i32>(), producer_id(), any::<i16>()).prop_map(
        |(transactional_id, transaction_timeout_ms, producer_id, producer_epoch)| InitProducerIdRequest {
            transactional_id,
            transaction_timeout_ms,
            producer_id,
            producer_epoch,
        },
    )
}

pub(super) fn init_producer_id_response() -> impl Strategy<Value = InitProducerIdResponse> {
    (error(), producer_id(), any::<i16>()).prop_map(|(error, producer_id, producer_epoch)| {
        InitProducerIdResponse { error, producer_id, producer_epoch }
    })
}

pub(super) fn allocate_request() -> impl Strategy<Value = AllocateProducerIdsRequest> {
    (node(), broker_epoch())
        .prop_map(|(broker, broker_epoch)| AllocateProducerIdsRequest { broker, broker_epoch })
}

pub(super) fn allocate_response() -> impl Strategy<Value = AllocateProducerIdsResponse> {
    (error(), producer_id(), any::<i32>()).prop_map(|(error, producer_id_start, producer_id_len)| {
        AllocateProducerIdsResponse { error, producer_id_start, producer_id_len }
    })
}

pub(super) fn describe_configs_request() -> impl Strategy<Value = DescribeConfigsRequest> {
    let query = (resource(), option::of(vec(text(), 0..4)))
        .prop_map(|(resource, keys)| ConfigQuery { resource, keys });
    (vec(query, 0..4), any::<[bool; 2]>()).prop_map(
        |(resources, [include_synonyms, include_documentation])| DescribeConfigsRequest {
            resources,
            include_synonyms,
            include_documentation,
        },
    )
}

pub(super) fn describe_configs_response() -> impl Strategy<Value = DescribeConfigsResponse> {
    let synonym =
        (text(), message(), source()).prop_map(|(name, value, source)| ConfigSynonym { name, value, source });
    let meaning = (any::<[bool; 2]>(), source(), any::<i8>(), message());
    let entry = (text(), message(), meaning, vec(synonym, 0..3)).prop_map(
        |(name, value, ([is_read_only, is_sensitive], source, config_type, documentation), synonyms)| {
            ConfigEntry {
                name,
                value,
                is_read_only,
                source,
                is_sensitive,
                synonyms,
                config_type: ConfigType::from_code(config_type),
                documentation,
            }
        },
    );
    let described = (resource(), error(), message(), vec(entry, 0..4)).prop_map(
        |(resource, error, error_message, configs)| DescribedConfigs {
            resource,
            error,
            error_message,
            configs,
        },
    );
    vec(described, 0..3).prop_map(|resources| DescribeConfigsResponse { resources })
}

pub(super) fn alter_configs_request() -> impl Strategy<Value = AlterConfigsRequest> {
    let replacement = (resource(), vec((text(), message()), 0..4))
        .prop_map(|(resource, configs)| ConfigReplacement { resource, configs });
    (vec(replacement, 0..4), any::<bool>())
        .prop_map(|(resources, validate_only)| AlterConfigsRequest { resources, validate_only })
}

pub(super) fn incremental_request() -> impl Strategy<Value = IncrementalAlterConfigsRequest> {
    let change = (text(), any::<i8>(), message()).prop_map(|(name, operation, value)| ConfigChange {
        name,
        operation: ConfigOperation::from_code(operation),
        value,
    });
    let changes =
        (resource(), vec(change, 0..4)).prop_map(|(resource, changes)| ConfigChanges { resource, changes });
    (vec(changes, 0..4), any::<bool>())
        .prop_map(|(resources, validate_only)| IncrementalAlterConfigsRequest { resources, validate_only })
}

fn altered() -> impl Strategy<Value = Vec<AlteredConfigs>> {
    let altered = (resource(), error(), message())
        .prop_map(|(resource, error, error_message)| AlteredConfigs { resource, error, error_message });
    vec(altered, 0..4)
}

pub(super) fn alter_configs_response() -> impl Strategy<Value = AlterConfigsResponse> {
    altered().prop_map(|resources| AlterConfigsResponse { resources })
}

pub(super) fn incremental_response() -> impl Strategy<Value = IncrementalAlterConfigsResponse> {
    altered().prop_map(|resources| IncrementalAlterConfigsResponse { resources })
}

pub(super) fn log_dirs_request() -> impl Strategy<Value = DescribeLogDirsRequest> {
    option::of(vec(topic_partition(), 0..5)).prop_map(|partitions| DescribeLogDirsRequest { partitions })
}

pub(super) fn log_dirs_response() -> impl Strategy<Value = DescribeLogDirsResponse> {
    let log = (topic_partition(), any::<[i64; 2]>(), any::<bool>()).prop_map(
        |(partition, [bytes, offset_lag], is_future)| LogSize { partition, bytes, offset_lag, is_future },
    );
    let directory = (error(), text(), vec(log, 0..5), any::<[i64; 2]>()).prop_map(
        |(error, path, logs, [total_bytes, usable_bytes])| LogDirectory {
            error,
            path,
            logs,
            total_bytes,
            usable_bytes,
        },
    );
    (error(), vec(directory, 0..3))
        .prop_map(|(error, directories)| DescribeLogDirsResponse { error, directories })
}

pub(super) fn create_partitions_request() -> impl Strategy<Value = CreatePartitionsRequest> {
    let topic = (name(), any::<i32>(), option::of(vec(nodes(), 0..3)))
        .prop_map(|(topic, count, assignments)| MorePartitions { topic, count, assignments });
    (vec(topic, 0..4), time(), any::<bool>()).prop_map(|(topics, timeout, validate_only)| {
        CreatePartitionsRequest { topics, timeout, validate_only }
    })
}

pub(super) fn create_partitions_response() -> impl Strategy<Value = CreatePartitionsResponse> {
    let topic = (name(), error(), message()).prop_map(|(topic, error, error_message)| CreatedPartitions {
        topic,
        error,
        error_message,
    });
    vec(topic, 0..4).prop_map(|topics| CreatePartitionsResponse { topics })
}

fn outcomes() -> impl Strategy<Value = Vec<PartitionOutcome>> {
    let outcome = (topic_partition(), error(), message())
        .prop_map(|(partition, error, error_message)| PartitionOutcome { partition, error, error_message });
    vec(outcome, 0..5)
}

pub(super) fn elect_leaders_request() -> impl Strategy<Value = ElectLeadersRequest> {
    (any::<i8>(), option::of(vec(topic_partition(), 0..5)), time()).prop_map(
        |(election_type, partitions, timeout)| ElectLeadersRequest { election_type, partitions, timeout },
    )
}

pub(super) fn elect_leaders_response() -> impl Strategy<Value = ElectLeadersResponse> {
    (error(), outcomes()).prop_map(|(error, partitions)| ElectLeadersResponse { error, partitions })
}

pub(super) fn reassign_request() -> impl Strategy<Value = AlterPartitionReassignmentsRequest> {
    let reassignment = (topic_partition(), option::of(nodes()))
        .prop_map(|(partition, replicas)| Reassignment { partition, replicas });
    (time(), vec(reassignment, 0..5))
        .prop_map(|(timeout, partitions)| AlterPartitionReassignmentsRequest { timeout, partitions })
}

pub(super) fn reassign_response() -> impl Strategy<Value = AlterPartitionReassignmentsResponse> {
    (error(), message(), outcomes()).prop_map(|(error, error_message, partitions)| {
        AlterPartitionReassignmentsResponse { error, error_message, partitions }
    })
}

pub(super) fn reassignments_request() -> impl Strategy<Value = ListPartitionReassignmentsRequest> {
    (time(), option::of(vec(topic_partition(), 0..5)))
        .prop_map(|(timeout, partitions)| ListPartitionReassignmentsRequest { timeout, partitions })
}

pub(super) fn reassignments_response() -> impl Strategy<Value = ListPartitionReassignmentsResponse> {
    let ongoing =
        (topic_partition(), nodes(), nodes(), nodes()).prop_map(|(partition, replicas, adding, removing)| {
            OngoingReassignment { partition, replicas, adding, removing }
        });
    (error(), message(), vec(ongoing, 0..5)).prop_map(|(error, error_message, partitions)| {
        ListPartitionReassignmentsResponse { error, error_message, partitions }
    })
}

pub(super) fn describe_cluster_request() -> impl Strategy<Value = DescribeClusterRequest> {
    (any::<bool>(), any::<i8>()).prop_map(|(include_authorized_operations, endpoint_type)| {
        DescribeClusterRequest { include_authorized_operations, endpoint_type }
    })
}

pub(super) fn describe_cluster_response() -> impl Strategy<Value = DescribeClusterResponse> {
    (error(), message(), any::<i8>(), text(), node(), vec(broker(), 0..4)).prop_map(
        |(error, error_message, endpoint_type, cluster_id, controller, brokers)| DescribeClusterResponse {
            error,
            error_message,
            endpoint_type,
            cluster_id,
            controller,
            brokers,
        },
    )
}

pub(super) fn producers_request() -> impl Strategy<Value = DescribeProducersRequest> {
    vec(topic_partition(), 0..5).prop_map(|partitions| DescribeProducersRequest { partitions })
}

pub(super) fn producers_response() -> impl Strategy<Value = DescribeProducersResponse> {
    let producer = (any::<[i64; 3]>(), any::<[i32; 3]>()).prop_map(|(long, short)| ActiveProducer {
        producer_id: ProducerId(long[0]),
        producer_epoch: short[0],
        last_sequence: short[1],
        last_timestamp: Timestamp(long[1]),
        coordinator_epoch: short[2],
        current_txn_start_offset: Offset(long[2]),
    });
    let partition = (topic_partition(), error(), message(), vec(producer, 0..3)).prop_map(
        |(partition, error, error_message, producers)| PartitionProducers {
            partition,
            error,
            error_message,
            producers,
        },
    );
    vec(partition, 0..4).prop_map(|partitions| DescribeProducersResponse { partitions })
}

pub(super) fn subscriptions_request() -> impl Strategy<Value = GetTelemetrySubscriptionsRequest> {
    uuid().prop_map(|client_instance_id| GetTelemetrySubscriptionsRequest { client_instance_id })
}

pub(super) fn subscriptions_response() -> impl Strategy<Value = GetTelemetrySubscriptionsResponse> {
    let limits = (any::<[i32; 2]>(), time(), any::<bool>());
    (error(), uuid(), limits, vec(any::<i8>(), 0..4), vec(text(), 0..3)).prop_map(
        |(error, client_instance_id, limits, accepted_compression_types, requested_metrics)| {
            let ([subscription_id, telemetry_max_bytes], push_interval, delta_temporality) = limits;
            GetTelemetrySubscriptionsResponse {
                error,
                client_instance_id,
                subscription_id,
                accepted_compression_types,
                push_interval,
                telemetry_max_bytes,
                delta_temporality,
                requested_metrics,
            }
        },
    )
}

pub(super) fn push_request() -> impl Strategy<Value = PushTelemetryRequest> {
    (uuid(), any::<i32>(), any::<bool>(), any::<i8>(), bytes()).prop_map(
        |(client_instance_id, subscription_id, terminating, compression_type, metrics): (
            _,
            _,
            _,
            _,
            Bytes,
        )| {
            PushTelemetryRequest {
                client_instance_id,
                subscription_id,
                terminating,
                compression_type,
                metrics,
            }
        },
    )
}

pub(super) fn push_response() -> impl Strategy<Value = PushTelemetryResponse> {
    error().prop_map(|error| PushTelemetryResponse { error })
}

pub(super) fn topic_partitions_request() -> impl Strategy<Value = DescribeTopicPartitionsRequest> {
    (vec(name(), 0..4), any::<i32>(), option::of(topic_partition())).prop_map(
        |(topics, partitions_max, cursor)| DescribeTopicPartitionsRequest { topics, partitions_max, cursor },
    )
}

pub(super) fn topic_partitions_response() -> impl Strategy<Value = DescribeTopicPartitionsResponse> {
    let eligible = (option::of(nodes()), option::of(nodes()));
    let partition = (error(), partition_index(), node(), leader_epoch(), nodes(), nodes(), nodes());
    let partition = (partition, eligible).prop_map(
        |((error, partition, leader, leader_epoch, replicas, isr, offline), eligible)| DescribedPartition {
            error,
            partition,
            leader,
            leader_epoch,
            replicas,
            isr,
            eligible_leader_replicas: eligible.0,
            last_known_eligible: eligible.1,
            offline,
        },
    );
    let topic = (error(), option::of(name()), topic_id(), any::<bool>(), vec(partition, 0..3)).prop_map(
        |(error, name, id, is_internal, partitions)| DescribedTopic {
            error,
            name,
            id,
            is_internal,
            partitions,
        },
    );
    (vec(topic, 0..3), option::of(topic_partition()))
        .prop_map(|(topics, next_cursor)| DescribeTopicPartitionsResponse { topics, next_cursor })
}
