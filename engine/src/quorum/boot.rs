//! Reading a voter back from its disk.
//!
//! What recovery finds in the log is on disk, but whether it is committed is not known: the high watermark is not
//! kept. It starts at the log start and comes from the leader, or from being one.

use std::collections::VecDeque;

use super::{ElectionState, ElectionStateError, QUORUM_STATE, Quorum, QuorumSettings, Role, decode_batch};
use crate::epoch::LeaderEpoch;
use crate::id::TopicPartition;
use crate::log::{LogSettings, PartitionLog, Shutdown};
use crate::metadata::RecordError;
use crate::record::{BatchError, RecordBatch, batches};
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, FileName};
use crate::time::Instant;

/// Segment size of the metadata log, in bytes (Kafka's `metadata.log.segment.bytes` is 1 GiB as well).
const SEGMENT_BYTES: usize = 1 << 30;
/// Most bytes read at once on boot.
const READ_BYTES: usize = 1 << 20;
/// Longest `quorum-state` that is read; ours has under 100 bytes.
const STATE_BYTES_MAX: u64 = 4096;

/// Why a voter could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum QuorumError {
    /// The disk failed.
    #[error("the metadata log cannot be read: {0}")]
    Disk(#[from] DiskError),
    /// A batch is damaged in a way recovery did not cut.
    #[error("the metadata log is damaged: {0}")]
    Batch(#[from] BatchError),
    /// A record is not one of ours.
    #[error("the metadata log is damaged: {0}")]
    Record(#[from] RecordError),
    /// The voter does not know any more how it voted.
    #[error(transparent)]
    ElectionState(#[from] ElectionStateError),
}

impl Quorum {
    /// Reads the log and the vote back. Starts with [`Quorum::start`].
    ///
    /// # Errors
    /// If the disk fails or holds something that is no metadata log.
    pub async fn recover<D: Disk>(disk: &D, settings: QuorumSettings) -> Result<Quorum, QuorumError> {
        let log_settings = LogSettings { segment_bytes: SEGMENT_BYTES, ..LogSettings::default() };
        let partition = TopicPartition::cluster_metadata();
        let (log, _cut) = PartitionLog::recover(disk, partition, log_settings, Shutdown::Unclean).await?;
        let ahead = read_batches(disk, &log).await?;
        let stored = read_election_state(disk, &log).await?;
        let latest = log.latest_epoch().unwrap_or(LeaderEpoch::NONE);
        let election = if latest > stored.epoch { ElectionState::of_epoch(latest) } else { stored };
        let start = log.start_offset();
        Ok(Quorum {
            settings,
            log,
            election,
            role: Role::Unattached { until: Instant::START },
            high_watermark: start,
            ahead,
            applied: start,
            fetches: super::ParkedFetches::default(),
            calls: std::collections::BTreeMap::new(),
            disk: std::collections::BTreeMap::new(),
            next_token: 0,
            states_written: 0,
            states_durable: 0,
            held: VecDeque::new(),
        })
    }
}

async fn read_batches<D: Disk>(disk: &D, log: &PartitionLog) -> Result<VecDeque<RecordBatch>, QuorumError> {
    let mut ahead = VecDeque::new();
    let mut position = log.start_offset();
    while let Some(plan) =
        log.read(position, READ_BYTES, log.end_offset()).map_err(|_| DiskError::NotFound)?
    {
        let DiskDone::Read(bytes) = disk.execute(plan.op).await? else {
            return Err(DiskError::Io.into());
        };
        for batch in batches(plan.trim.apply(bytes)?) {
            let batch = batch?;
            position = batch.next_offset();
            // Damage is found now and not when the batch is committed.
            decode_batch(&batch, &mut Vec::new())?;
            ahead.push_back(batch);
        }
    }
    Ok(ahead)
}

async fn read_election_state<D: Disk>(disk: &D, log: &PartitionLog) -> Result<ElectionState, QuorumError> {
    let file = FileName::new(log.directory(), QUORUM_STATE);
    match disk.execute(DiskOp::Read { file, position: 0, length: STATE_BYTES_MAX }).await {
        Ok(DiskDone::Read(content)) => Ok(ElectionState::decode(&content)?),
        Ok(DiskDone::Done) => Err(DiskError::Io.into()),
        Err(DiskError::NotFound) => Ok(ElectionState::NEW),
        Err(error) => Err(error.into()),
    }
}
