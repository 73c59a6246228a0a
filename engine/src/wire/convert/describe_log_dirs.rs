//! DescribeLogDirs (key 35).

use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{
    DescribeLogDirsRequest as WireRequest, DescribeLogDirsResponse as WireResponse,
};

use super::{Translate, by_topic, indexes, owned, string, topic_name, topic_partition};
use crate::error::ErrorCode;
use crate::message::{ApiKey, DescribeLogDirsRequest, DescribeLogDirsResponse, LogDirectory, LogSize};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT32_ARRAY, INT64, Kind, Shape, field};

/// The first version with an error of the whole request.
const REQUEST_ERROR: i16 = 3;
/// The first version that tells the room on the file system (KIP-827).
const ROOM: i16 = 4;

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_TOPIC))];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(INT32_ARRAY)];

const RESPONSE: Shape = &[field(INT32), field(INT16).since(REQUEST_ERROR), field(Kind::Structs(DIRECTORY))];
const DIRECTORY: Shape = &[
    field(INT16),
    field(Kind::String),
    field(Kind::Structs(RESPONSE_TOPIC)),
    field(INT64).since(ROOM),
    field(INT64).since(ROOM),
];
const RESPONSE_TOPIC: Shape = &[field(Kind::String), field(Kind::Structs(PARTITION))];
const PARTITION: Shape = &[field(INT32), field(INT64), field(INT64), field(BOOL)];

impl Translate for DescribeLogDirsRequest {
    const KEY: ApiKey = ApiKey::DescribeLogDirs;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let topics = self.partitions.as_ref().map(|partitions| {
            let topics = by_topic(partitions, |partition| partition).map(|(name, run)| {
                DescribableLogDirTopic::default().with_topic(name).with_partitions(indexes(run))
            });
            topics.collect()
        });
        WireRequest::default().with_topics(topics)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let partitions = wire.topics.map(|topics| {
            let mut partitions = Vec::new();
            for topic in &topics {
                let name = topic_name(&topic.topic);
                partitions.extend(topic.partitions.iter().map(|index| topic_partition(&name, *index)));
            }
            partitions
        });
        Ok(DescribeLogDirsRequest { partitions })
    }
}

impl Translate for DescribeLogDirsResponse {
    const KEY: ApiKey = ApiKey::DescribeLogDirs;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        WireResponse::default()
            .with_error_code(if version >= REQUEST_ERROR { self.error.code() } else { 0 })
            .with_results(self.directories.iter().map(|it| wire_directory(it, version)).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(DescribeLogDirsResponse {
            error: ErrorCode::from_code(wire.error_code),
            directories: wire.results.iter().map(directory).collect(),
        })
    }
}

fn wire_directory(directory: &LogDirectory, version: i16) -> DescribeLogDirsResult {
    let partition = |log: &LogSize| {
        DescribeLogDirsPartition::default()
            .with_partition_index(log.partition.partition.0)
            .with_partition_size(log.bytes)
            .with_offset_lag(log.offset_lag)
            .with_is_future_key(log.is_future)
    };
    let topics = by_topic(&directory.logs, |log| &log.partition).map(|(name, run)| {
        DescribeLogDirsTopic::default().with_name(name).with_partitions(run.iter().map(partition).collect())
    });
    let mut wire = DescribeLogDirsResult::default()
        .with_error_code(directory.error.code())
        .with_log_dir(string(&directory.path))
        .with_topics(topics.collect());
    if version >= ROOM {
        wire.total_bytes = directory.total_bytes;
        wire.usable_bytes = directory.usable_bytes;
    }
    wire
}

fn directory(wire: &DescribeLogDirsResult) -> LogDirectory {
    let mut logs = Vec::new();
    for topic in &wire.topics {
        let name = topic_name(&topic.name);
        logs.extend(topic.partitions.iter().map(|log| LogSize {
            partition: topic_partition(&name, log.partition_index),
            bytes: log.partition_size,
            offset_lag: log.offset_lag,
            is_future: log.is_future_key,
        }));
    }
    LogDirectory {
        error: ErrorCode::from_code(wire.error_code),
        path: owned(&wire.log_dir),
        logs,
        total_bytes: wire.total_bytes,
        usable_bytes: wire.usable_bytes,
    }
}
