//! Requests and responses as the machines know them.
//!
//! Plain data in our own types, one form per API whatever the version: [`crate::wire`] translates between this
//! and the versions on the wire, and nothing below it sees a wire struct. Names and meanings are those of
//! Kafka's message definitions. No behaviour lives here.

mod cluster;
mod configs;
mod consumer_groups;
mod control;
mod data;
mod group_admin;
mod group_offsets;
mod group_refusal;
mod groups;
mod leadership;
mod producer;
mod quorum;
mod refusal;
mod topics;

pub use cluster::{
    DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, LogDirectory, LogSize,
    PushTelemetryRequest, PushTelemetryResponse,
};
pub use configs::{
    AlterConfigsRequest, AlterConfigsResponse, AlteredConfigs, ConfigChange, ConfigChanges, ConfigEntry,
    ConfigOperation, ConfigQuery, ConfigReplacement, ConfigResource, ConfigResourceType, ConfigSource,
    ConfigSynonym, ConfigType, DescribeConfigsRequest, DescribeConfigsResponse, DescribedConfigs,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
pub use consumer_groups::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DescribedConsumerGroup, DescribedConsumerMember, NamedTopicPartitions,
    TopicIdPartitions,
};
pub use control::{
    AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, ApiRange, ApiVersionsRequest,
    ApiVersionsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, IsrMember,
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, NewTopic,
    PartitionAlteration, TopicRef,
};
pub use data::{
    AbortedTransaction, Acks, DivergingEpoch, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse,
    FetchTopic, FetchedPartition, FetchedTopic, ForgottenTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsResponse, ListedOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec,
    PartitionEpochQuery, ProducePartition, ProduceRequest, ProduceResponse, ProducedPartition, RecordError,
};
pub use group_admin::{
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedGroup, DescribedMember, ListGroupsRequest, ListGroupsResponse, ListedGroup,
};
pub use group_offsets::{
    FetchedOffset, FetchedOffsets, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse, OffsetOutcome,
    OffsetToCommit,
};
pub use groups::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, JoinedMember, LeaveGroupRequest, LeaveGroupResponse, LeavingMember,
    LeftMember, SyncGroupRequest, SyncGroupResponse,
};
pub use leadership::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    OngoingReassignment, PartitionOutcome, Reassignment,
};
pub use producer::{
    ActiveProducer, AllocateProducerIdsRequest, AllocateProducerIdsResponse, DescribeProducersRequest,
    DescribeProducersResponse, InitProducerIdRequest, InitProducerIdResponse, PartitionProducers,
};
pub use refusal::refusal;
pub use topics::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DeletedRecords, DeletedTopic,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribedPartition, DescribedTopic,
    MorePartitions, RecordsToDelete,
};

pub use quorum::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    DescribedQuorum, EndQuorumEpochRequest, EndQuorumEpochResponse, FetchSnapshotRequest,
    FetchSnapshotResponse, LeaderIdAndEpoch, QuorumReplica, SnapshotId, VoteRequest, VoteResponse,
};

/// The APIs this engine speaks, with Kafka's keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(i16)]
#[expect(missing_docs, reason = "the names are Kafka's")]
pub enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    DescribeLogDirs = 35,
    CreatePartitions = 37,
    DeleteGroups = 42,
    ElectLeaders = 43,
    IncrementalAlterConfigs = 44,
    AlterPartitionReassignments = 45,
    ListPartitionReassignments = 46,
    OffsetDelete = 47,
    Vote = 52,
    BeginQuorumEpoch = 53,
    EndQuorumEpoch = 54,
    DescribeQuorum = 55,
    AlterPartition = 56,
    FetchSnapshot = 59,
    DescribeCluster = 60,
    DescribeProducers = 61,
    BrokerRegistration = 62,
    BrokerHeartbeat = 63,
    AllocateProducerIds = 67,
    ConsumerGroupHeartbeat = 68,
    ConsumerGroupDescribe = 69,
    GetTelemetrySubscriptions = 71,
    PushTelemetry = 72,
    DescribeTopicPartitions = 75,
}

impl ApiKey {
    /// Every key, ascending.
    pub const ALL: [ApiKey; 45] = [
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::ListOffsets,
        ApiKey::Metadata,
        ApiKey::OffsetCommit,
        ApiKey::OffsetFetch,
        ApiKey::FindCoordinator,
        ApiKey::JoinGroup,
        ApiKey::Heartbeat,
        ApiKey::LeaveGroup,
        ApiKey::SyncGroup,
        ApiKey::DescribeGroups,
        ApiKey::ListGroups,
        ApiKey::ApiVersions,
        ApiKey::CreateTopics,
        ApiKey::DeleteTopics,
        ApiKey::DeleteRecords,
        ApiKey::InitProducerId,
        ApiKey::OffsetForLeaderEpoch,
        ApiKey::DescribeConfigs,
        ApiKey::AlterConfigs,
        ApiKey::DescribeLogDirs,
        ApiKey::CreatePartitions,
        ApiKey::DeleteGroups,
        ApiKey::ElectLeaders,
        ApiKey::IncrementalAlterConfigs,
        ApiKey::AlterPartitionReassignments,
        ApiKey::ListPartitionReassignments,
        ApiKey::OffsetDelete,
        ApiKey::Vote,
        ApiKey::BeginQuorumEpoch,
        ApiKey::EndQuorumEpoch,
        ApiKey::DescribeQuorum,
        ApiKey::AlterPartition,
        ApiKey::FetchSnapshot,
        ApiKey::DescribeCluster,
        ApiKey::DescribeProducers,
        ApiKey::BrokerRegistration,
        ApiKey::BrokerHeartbeat,
        ApiKey::AllocateProducerIds,
        ApiKey::ConsumerGroupHeartbeat,
        ApiKey::ConsumerGroupDescribe,
        ApiKey::GetTelemetrySubscriptions,
        ApiKey::PushTelemetry,
        ApiKey::DescribeTopicPartitions,
    ];

    /// The key's number on the wire.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The key of a number from the wire, if we speak it.
    #[must_use]
    pub fn from_code(code: i16) -> Option<ApiKey> {
        Self::ALL.into_iter().find(|key| key.code() == code)
    }
}

macro_rules! messages {
    ($($key:ident: $request:ty => $response:ty,)*) => {
        /// A request, decoded.
        #[derive(Clone, PartialEq, Debug)]
        #[expect(missing_docs, reason = "one variant per API, named after its key")]
        pub enum Request { $($key($request),)* }

        /// A response, before it is encoded.
        #[derive(Clone, PartialEq, Debug)]
        #[expect(missing_docs, reason = "one variant per API, named after its key")]
        pub enum Response { $($key($response),)* }

        impl Request {
            /// The API the request belongs to.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $(Request::$key(_) => ApiKey::$key,)* }
            }
        }

        impl Response {
            /// The API the response belongs to.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $(Response::$key(_) => ApiKey::$key,)* }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(request: $request) -> Self { Request::$key(request) }
            }
            impl From<$response> for Response {
                fn from(response: $response) -> Self { Response::$key(response) }
            }
            impl TryFrom<Response> for $response {
                type Error = ApiKey;
                /// The response of this API, or the key of the one it really is.
                fn try_from(response: Response) -> Result<Self, ApiKey> {
                    match response {
                        Response::$key(inner) => Ok(inner),
                        other => Err(other.key()),
                    }
                }
            }
        )*
    };
}

messages! {
    Produce: ProduceRequest => ProduceResponse,
    Fetch: FetchRequest => FetchResponse,
    ListOffsets: ListOffsetsRequest => ListOffsetsResponse,
    Metadata: MetadataRequest => MetadataResponse,
    OffsetCommit: OffsetCommitRequest => OffsetCommitResponse,
    OffsetFetch: OffsetFetchRequest => OffsetFetchResponse,
    FindCoordinator: FindCoordinatorRequest => FindCoordinatorResponse,
    JoinGroup: JoinGroupRequest => JoinGroupResponse,
    Heartbeat: HeartbeatRequest => HeartbeatResponse,
    LeaveGroup: LeaveGroupRequest => LeaveGroupResponse,
    SyncGroup: SyncGroupRequest => SyncGroupResponse,
    DescribeGroups: DescribeGroupsRequest => DescribeGroupsResponse,
    ListGroups: ListGroupsRequest => ListGroupsResponse,
    ApiVersions: ApiVersionsRequest => ApiVersionsResponse,
    CreateTopics: CreateTopicsRequest => CreateTopicsResponse,
    DeleteTopics: DeleteTopicsRequest => DeleteTopicsResponse,
    DeleteRecords: DeleteRecordsRequest => DeleteRecordsResponse,
    InitProducerId: InitProducerIdRequest => InitProducerIdResponse,
    OffsetForLeaderEpoch: OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse,
    DescribeConfigs: DescribeConfigsRequest => DescribeConfigsResponse,
    AlterConfigs: AlterConfigsRequest => AlterConfigsResponse,
    DescribeLogDirs: DescribeLogDirsRequest => DescribeLogDirsResponse,
    CreatePartitions: CreatePartitionsRequest => CreatePartitionsResponse,
    DeleteGroups: DeleteGroupsRequest => DeleteGroupsResponse,
    ElectLeaders: ElectLeadersRequest => ElectLeadersResponse,
    IncrementalAlterConfigs: IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
    AlterPartitionReassignments: AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse,
    ListPartitionReassignments: ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse,
    OffsetDelete: OffsetDeleteRequest => OffsetDeleteResponse,
    Vote: VoteRequest => VoteResponse,
    BeginQuorumEpoch: BeginQuorumEpochRequest => BeginQuorumEpochResponse,
    EndQuorumEpoch: EndQuorumEpochRequest => EndQuorumEpochResponse,
    DescribeQuorum: DescribeQuorumRequest => DescribeQuorumResponse,
    AlterPartition: AlterPartitionRequest => AlterPartitionResponse,
    FetchSnapshot: FetchSnapshotRequest => FetchSnapshotResponse,
    DescribeCluster: DescribeClusterRequest => DescribeClusterResponse,
    DescribeProducers: DescribeProducersRequest => DescribeProducersResponse,
    BrokerRegistration: BrokerRegistrationRequest => BrokerRegistrationResponse,
    BrokerHeartbeat: BrokerHeartbeatRequest => BrokerHeartbeatResponse,
    AllocateProducerIds: AllocateProducerIdsRequest => AllocateProducerIdsResponse,
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse,
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse,
    GetTelemetrySubscriptions: GetTelemetrySubscriptionsRequest => GetTelemetrySubscriptionsResponse,
    PushTelemetry: PushTelemetryRequest => PushTelemetryResponse,
    DescribeTopicPartitions: DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse,
}
