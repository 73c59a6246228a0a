//! Messages about the cluster and its brokers: DescribeCluster, DescribeLogDirs, and the telemetry of clients.

use bytes::Bytes;
use uuid::Uuid;

use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::MetadataBroker;
use crate::time::Duration;

/// DescribeCluster: who is there? (KIP-700)
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeClusterRequest {
    /// Ask for the operations the client may do on the cluster.
    pub include_authorized_operations: bool,
    /// 1 brokers, 2 controllers (version 1 on, KIP-919).
    pub endpoint_type: i8,
}

impl DescribeClusterRequest {
    /// `endpoint_type` of brokers.
    pub const BROKERS: i8 = 1;
    /// `endpoint_type` of controllers.
    pub const CONTROLLERS: i8 = 2;
}

/// The answer to DescribeCluster.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeClusterResponse {
    /// NONE, or UNSUPPORTED_ENDPOINT_TYPE, MISMATCHED_ENDPOINT_TYPE.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// What kind of endpoints the answer lists (version 1 on); as in the request.
    pub endpoint_type: i8,
    /// The cluster's id.
    pub cluster_id: String,
    /// To brokers: a broker that takes admin requests. To controllers: the active one. Or NONE.
    pub controller: NodeId,
    /// Brokers that are alive, ascending by id.
    pub brokers: Vec<MetadataBroker>,
}

/// DescribeLogDirs: how large are the logs? (KIP-113)
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeLogDirsRequest {
    /// The partitions asked about; `None` is all.
    pub partitions: Option<Vec<TopicPartition>>,
}

/// The answer to DescribeLogDirs.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeLogDirsResponse {
    /// An error of the whole request (version 3 on).
    pub error: ErrorCode,
    /// The log directories.
    pub directories: Vec<LogDirectory>,
}

/// One log directory.
#[derive(Clone, PartialEq, Debug)]
pub struct LogDirectory {
    /// NONE, or KAFKA_STORAGE_ERROR.
    pub error: ErrorCode,
    /// Its path.
    pub path: String,
    /// The logs in it.
    pub logs: Vec<LogSize>,
    /// Size of its file system, in bytes; -1 if unknown (version 4 on).
    pub total_bytes: i64,
    /// Free room of its file system, in bytes; -1 if unknown (version 4 on).
    pub usable_bytes: i64,
}

/// The size of one log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSize {
    /// The partition.
    pub partition: TopicPartition,
    /// Size of its segments, in bytes.
    pub bytes: i64,
    /// How far its end lies behind the high watermark (never negative), in records.
    pub offset_lag: i64,
    /// Whether the log will replace another one once it has caught up.
    pub is_future: bool,
}

/// GetTelemetrySubscriptions: which metrics does the cluster want from a client? (KIP-714)
#[derive(Clone, PartialEq, Debug)]
pub struct GetTelemetrySubscriptionsRequest {
    /// The client; nil asks for an id.
    pub client_instance_id: Uuid,
}

/// The answer to GetTelemetrySubscriptions.
#[derive(Clone, PartialEq, Debug)]
pub struct GetTelemetrySubscriptionsResponse {
    /// NONE if the subscription is good.
    pub error: ErrorCode,
    /// The client.
    pub client_instance_id: Uuid,
    /// Names the set of metrics.
    pub subscription_id: i32,
    /// Compression codecs the broker reads, best first.
    pub accepted_compression_types: Vec<i8>,
    /// How often to push.
    pub push_interval: Duration,
    /// Most bytes of one push.
    pub telemetry_max_bytes: i32,
    /// Counters as differences, not as totals.
    pub delta_temporality: bool,
    /// Prefixes of names of metrics; with none the client pushes nothing.
    pub requested_metrics: Vec<String>,
}

/// PushTelemetry: a client's metrics (KIP-714).
#[derive(Clone, PartialEq, Debug)]
pub struct PushTelemetryRequest {
    /// The client.
    pub client_instance_id: Uuid,
    /// Names the set of metrics.
    pub subscription_id: i32,
    /// Whether the client says goodbye.
    pub terminating: bool,
    /// The codec of `metrics`.
    pub compression_type: i8,
    /// The metrics, opaque.
    pub metrics: Bytes,
}

/// The answer to PushTelemetry.
#[derive(Clone, PartialEq, Debug)]
pub struct PushTelemetryResponse {
    /// NONE if taken.
    pub error: ErrorCode,
}
