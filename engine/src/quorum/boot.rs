//! Reading a voter back from its disk: the newest whole snapshot, and the log after it.
//!
//! What recovery finds in the log is on disk, but whether it is committed is not known: the high watermark is not
//! kept. It starts at the end of the snapshot, of which everything is committed, and comes from the leader, or from
//! being one.
//!
//! A snapshot may be ahead of the log: the log lost what was not synced when the power went, or the process ended when
//! it had a leader's snapshot and not yet given up its own log for it. Then the log begins anew at its end (Kafka's
//! `truncateToLatestSnapshot`). Snapshots that are damaged, and those that end before the log starts, are deleted;
//! but without one to begin with nothing is.

use std::collections::VecDeque;

use super::snapshots::{Snapshots, StoredSnapshot};
use super::voters::VoterSets;
use super::{ElectionState, ElectionStateError, QUORUM_STATE, Quorum, QuorumSettings, Role, decode_batch};
use crate::config::QuorumConfig;
use crate::epoch::LeaderEpoch;
use crate::id::TopicPartition;
use crate::log::{LogIo, LogSettings, PartitionLog, Shutdown};
use crate::message::SnapshotId;
use crate::metadata::RecordError;
use crate::offset::Offset;
use crate::record::{BatchError, RecordBatch, batches};
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, FileName};
use crate::time::Instant;

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
    /// The log does not start at offset 0, and there is no snapshot of what lies before.
    #[error("the metadata log starts at {0}, and no whole snapshot says what lies before")]
    NoSnapshot(Offset),
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
        let log_settings = log_settings(&settings.config);
        let partition = TopicPartition::cluster_metadata();
        let (mut log, _cut) = PartitionLog::recover(disk, partition, log_settings, Shutdown::Unclean).await?;
        let stored = read_snapshots(disk, &log).await?;
        let base = join(disk, &mut log, stored.last().map(|stored| stored.id), &stored).await?;
        let newest = stored.last().map_or(&[][..], StoredSnapshot::records);
        let mut voters = VoterSets::of_snapshot(newest, &settings.directories);
        let (snapshots, applied) = Snapshots::recovered(stored);
        let ahead = read_batches(disk, &log, applied).await?;
        for batch in &ahead {
            let mut records = Vec::new();
            decode_batch(batch, &mut records)?;
            voters.read(records.iter().map(|(offset, record)| (*offset, record)));
        }
        let stored = read_election_state(disk, &log).await?;
        let latest = log.latest_epoch().unwrap_or(base.epoch);
        let election = if latest > stored.epoch { ElectionState::of_epoch(latest) } else { stored };
        Ok(Quorum {
            settings,
            log,
            base,
            snapshots,
            voters,
            election,
            role: Role::Unattached { until: Instant::START },
            high_watermark: applied,
            ahead,
            applied,
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

/// Nothing but a snapshot moves the start of the metadata log.
fn log_settings(config: &QuorumConfig) -> LogSettings {
    LogSettings {
        segment_bytes: config.log.segment_bytes,
        segment_millis: config.log.segment_millis,
        retention_bytes: -1,
        retention_millis: -1,
        ..LogSettings::default()
    }
}

/// The whole snapshots that the log may follow on, oldest first; deletes all others.
async fn read_snapshots<D: Disk>(disk: &D, log: &PartitionLog) -> Result<Vec<StoredSnapshot>, QuorumError> {
    let mut stored = Vec::new();
    let mut useless = Vec::new();
    for (name, length) in disk.list(log.directory()).await? {
        let Some(id) = StoredSnapshot::id_of_name(&name) else { continue };
        let file = FileName::new(log.directory(), &name);
        let read = DiskOp::Read { file: file.clone(), position: 0, length };
        let DiskDone::Read(content) = disk.execute(read).await? else { return Err(DiskError::Io.into()) };
        match StoredSnapshot::read(id, content) {
            Ok(snapshot) if id.end_offset >= log.start_offset() => stored.push(snapshot),
            Ok(_) | Err(_) => useless.push(file),
        }
    }
    if stored.is_empty() && log.start_offset() > Offset::ZERO {
        return Err(QuorumError::NoSnapshot(log.start_offset()));
    }
    for file in useless {
        disk.execute(DiskOp::Delete { file }).await?;
    }
    stored.sort_unstable_by_key(|snapshot| snapshot.id);
    Ok(stored)
}

/// Makes the log follow on a snapshot; returns which.
async fn join<D: Disk>(
    disk: &D,
    log: &mut PartitionLog,
    newest: Option<SnapshotId>,
    stored: &[StoredSnapshot],
) -> Result<SnapshotId, DiskError> {
    let Some(newest) = newest else { return Ok(SnapshotId::NONE) };
    let latest = log.latest_epoch().unwrap_or(LeaderEpoch::NONE);
    let (start, end) = (log.start_offset(), log.end_offset());
    let mut io = LogIo::default();
    let base = if newest.end_offset > end || (newest.epoch > latest && start < end) {
        log.restart_at(newest.end_offset, &mut io);
        newest
    } else if start == Offset::ZERO {
        SnapshotId::NONE
    } else if let Some(base) = stored.iter().find(|stored| stored.id.end_offset == start) {
        base.id
    } else {
        log.advance_start(newest.end_offset, &mut io);
        newest
    };
    for (op, _) in io.drain() {
        disk.execute(op).await?;
    }
    Ok(base)
}

/// The batches from `position` on.
async fn read_batches<D: Disk>(
    disk: &D,
    log: &PartitionLog,
    mut position: Offset,
) -> Result<VecDeque<RecordBatch>, QuorumError> {
    let mut ahead = VecDeque::new();
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
        Ok(DiskDone::Done | DiskDone::InFile(_)) => Err(DiskError::Io.into()),
        Err(DiskError::NotFound) => Ok(ElectionState::NEW),
        Err(error) => Err(error.into()),
    }
}
