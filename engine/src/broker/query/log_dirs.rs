//! DescribeLogDirs (KIP-113): how large the logs of this broker are.
//!
//! A broker has one log directory. The room on its file system is not known.

use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::message::{DescribeLogDirsRequest, DescribeLogDirsResponse, LogDirectory, LogSize};
use crate::replica::Replica;

/// The name of the one log directory: paths are relative to it everywhere else.
const LOG_DIR: &str = "data";
/// "Unknown", where bytes are meant.
const UNKNOWN_BYTES: i64 = -1;

impl Broker {
    pub(super) fn describe_log_dirs(&self, request: &DescribeLogDirsRequest) -> DescribeLogDirsResponse {
        let asked = |partition: &TopicPartition| {
            request.partitions.as_ref().is_none_or(|all| all.contains(partition))
        };
        let logs = self.replicas.iter().filter(|(partition, _)| asked(partition));
        let directory = LogDirectory {
            error: ErrorCode::None,
            path: LOG_DIR.to_owned(),
            logs: logs.map(|(partition, replica)| size(partition, replica)).collect(),
            total_bytes: UNKNOWN_BYTES,
            usable_bytes: UNKNOWN_BYTES,
        };
        DescribeLogDirsResponse { error: ErrorCode::None, directories: vec![directory] }
    }
}

fn size(partition: &TopicPartition, replica: &Replica) -> LogSize {
    let lag = replica.high_watermark().since(replica.log().end_offset());
    LogSize {
        partition: partition.clone(),
        bytes: i64::try_from(replica.log().size_bytes()).unwrap_or(i64::MAX),
        offset_lag: lag.max(0),
        is_future: false,
    }
}
