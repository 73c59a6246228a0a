//! Requests and responses as the machines know them.
//!
//! Plain data in our own types, one form per API whatever the version: [`crate::wire`] translates between this
//! and the versions on the wire, and nothing below it sees a wire struct. Names and meanings are those of
//! Kafka's message definitions. No behaviour lives here.

mod control;
mod data;
mod quorum;

pub use control::{
    AlterPartitionRequest, AlterPartitionResponse, AlteredPartition, ApiRange, ApiVersionsRequest,
    ApiVersionsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    BrokerRegistrationResponse, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, IsrMember,
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, NewTopic,
    PartitionAlteration, TopicRef,
};
pub use data::{
    Acks, DivergingEpoch, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchedPartition, FetchedTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse,
    ListedOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, PartitionEpochQuery,
    ProducePartition, ProduceRequest, ProduceResponse, ProducedPartition,
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
    ApiVersions = 18,
    CreateTopics = 19,
    OffsetForLeaderEpoch = 23,
    Vote = 52,
    BeginQuorumEpoch = 53,
    EndQuorumEpoch = 54,
    DescribeQuorum = 55,
    AlterPartition = 56,
    FetchSnapshot = 59,
    BrokerRegistration = 62,
    BrokerHeartbeat = 63,
}

impl ApiKey {
    /// Every key, ascending.
    pub const ALL: [ApiKey; 15] = [
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::ListOffsets,
        ApiKey::Metadata,
        ApiKey::ApiVersions,
        ApiKey::CreateTopics,
        ApiKey::OffsetForLeaderEpoch,
        ApiKey::Vote,
        ApiKey::BeginQuorumEpoch,
        ApiKey::EndQuorumEpoch,
        ApiKey::DescribeQuorum,
        ApiKey::AlterPartition,
        ApiKey::FetchSnapshot,
        ApiKey::BrokerRegistration,
        ApiKey::BrokerHeartbeat,
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
    ApiVersions: ApiVersionsRequest => ApiVersionsResponse,
    CreateTopics: CreateTopicsRequest => CreateTopicsResponse,
    OffsetForLeaderEpoch: OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse,
    Vote: VoteRequest => VoteResponse,
    BeginQuorumEpoch: BeginQuorumEpochRequest => BeginQuorumEpochResponse,
    EndQuorumEpoch: EndQuorumEpochRequest => EndQuorumEpochResponse,
    DescribeQuorum: DescribeQuorumRequest => DescribeQuorumResponse,
    AlterPartition: AlterPartitionRequest => AlterPartitionResponse,
    FetchSnapshot: FetchSnapshotRequest => FetchSnapshotResponse,
    BrokerRegistration: BrokerRegistrationRequest => BrokerRegistrationResponse,
    BrokerHeartbeat: BrokerHeartbeatRequest => BrokerHeartbeatResponse,
}
