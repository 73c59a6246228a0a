//! Snapshots of what is committed: writing them, letting go of what they replace, serving them (KIP-630).
//!
//! A voter asks for one ([`Quorum::wants_snapshot`]) when enough was committed since the last; whoever holds the image
//! writes it. The file, `<offset>-<epoch>.checkpoint`, is written aside, synced and renamed, in the queue of the log's
//! directory. Once it is on disk, older snapshots and the log between them may go (`metadata.max.retention.*`): the
//! log start moves to the end of the next snapshot, never to another place, and the newest snapshot always stays.
//!
//! Kafka looks for what may go every minute, this voter when a snapshot is written: nothing else makes it possible.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{DiskWait, Quorum};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::NodeId;
use crate::machine::{Effect, Effects, RequestContext, Wakeup};
use crate::message::{FetchSnapshotRequest, FetchSnapshotResponse, SnapshotId};
use crate::metadata::{MetadataRecord, Snapshot, SnapshotError};
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::{DiskDone, DiskOp, DiskOutcome, FileName};
use crate::time::{Instant, Now, Timestamp};

/// Ends the name of a snapshot's file.
const SUFFIX: &str = ".checkpoint";

/// A snapshot that was read back.
#[derive(Debug)]
pub(super) struct StoredSnapshot {
    pub(super) id: SnapshotId,
    file: SnapshotFile,
    records: Vec<MetadataRecord>,
}

impl StoredSnapshot {
    /// The snapshot that a file's name promises.
    pub(super) fn id_of_name(name: &str) -> Option<SnapshotId> {
        let (offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let id =
            SnapshotId { end_offset: Offset(offset.parse().ok()?), epoch: LeaderEpoch(epoch.parse().ok()?) };
        (name_of(id) == name && id.end_offset > Offset::ZERO && id.epoch >= LeaderEpoch::ZERO).then_some(id)
    }

    /// What adds up to the image.
    pub(super) fn records(&self) -> &[MetadataRecord] {
        &self.records
    }

    /// Reads a file.
    pub(super) fn read(id: SnapshotId, content: Bytes) -> Result<StoredSnapshot, SnapshotError> {
        let bytes = content.len() as u64;
        let Snapshot { last_contained, records } = Snapshot::decode(content)?;
        Ok(StoredSnapshot { id, file: SnapshotFile { bytes, last_contained }, records })
    }
}

fn name_of(id: SnapshotId) -> String {
    format!("{:020}-{:010}{SUFFIX}", id.end_offset.0, id.epoch.0)
}

/// A snapshot's file.
#[derive(Clone, Copy, Debug)]
struct SnapshotFile {
    bytes: u64,
    /// When its last record was written.
    last_contained: Timestamp,
}

/// The snapshots of a voter.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// Those on disk.
    files: BTreeMap<SnapshotId, SnapshotFile>,
    /// Those on their way there.
    writing: BTreeMap<SnapshotId, SnapshotFile>,
    /// One that was read or fetched and not handed out yet.
    loaded: Option<(SnapshotId, Vec<MetadataRecord>)>,
    /// Bytes of the batches handed out since the last one.
    bytes_since: u64,
    /// When the last batch handed out was written.
    last_contained: Timestamp,
    /// When the last one was begun, or the voter booted.
    began: Instant,
}

impl Snapshots {
    /// Those that were read back, oldest first, and where the log is to be read from.
    pub(super) fn recovered(stored: Vec<StoredSnapshot>) -> (Snapshots, Offset) {
        let mut snapshots = Snapshots {
            files: BTreeMap::new(),
            writing: BTreeMap::new(),
            loaded: None,
            bytes_since: 0,
            last_contained: Timestamp::NONE,
            began: Instant::START,
        };
        let mut applied = Offset::ZERO;
        for StoredSnapshot { id, file, records } in stored {
            snapshots.files.insert(id, file);
            snapshots.last_contained = file.last_contained;
            snapshots.loaded = Some((id, records));
            applied = id.end_offset;
        }
        (snapshots, applied)
    }

    /// The time to the next one counts from now.
    pub(super) fn began(&mut self, now: Instant) {
        self.began = now;
        self.bytes_since = 0;
    }

    /// The newest on disk.
    pub(super) fn newest(&self) -> Option<SnapshotId> {
        self.files.keys().next_back().copied()
    }

    pub(super) fn is_writing(&self, id: SnapshotId) -> bool {
        self.writing.contains_key(&id)
    }

    pub(super) fn take_loaded(&mut self) -> Option<(SnapshotId, Vec<MetadataRecord>)> {
        self.loaded.take()
    }

    pub(super) fn handed_out(&mut self, batch: &RecordBatch) {
        self.bytes_since = self.bytes_since.saturating_add(batch.size() as u64);
        self.last_contained = batch.max_timestamp();
    }

    pub(super) fn invariants(&self, applied: Offset) {
        let newest = self.files.keys().chain(self.writing.keys()).map(|id| id.end_offset).max();
        assert!(newest.is_none_or(|end| end <= applied), "a snapshot of what was not handed out");
    }
}

impl Quorum {
    /// True if it is time for a snapshot of all that was handed out: [`Quorum::write_snapshot`] takes it.
    #[must_use]
    pub fn wants_snapshot(&self, now: Now) -> bool {
        let enough = self.snapshots.bytes_since >= self.settings.config.log.snapshot_bytes;
        let due = self.snapshot_wakeup().is_some_and(|(at, _)| at <= now.mono);
        self.may_snapshot() && (enough || due)
    }

    fn may_snapshot(&self) -> bool {
        let newest = self.snapshots.newest().unwrap_or(SnapshotId::NONE);
        self.snapshots.writing.is_empty() && self.applied > newest.end_offset
    }

    /// When a snapshot is due by time.
    pub(super) fn snapshot_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let interval = self.settings.config.log.snapshot_interval;
        let by_time = !interval.is_zero() && self.may_snapshot();
        by_time.then(|| (self.snapshots.began.after(interval), Wakeup::Snapshot))
    }

    /// Writes a snapshot. `records` add up to the image of everything that was handed out, and nothing else.
    pub fn write_snapshot(&mut self, now: Now, records: Vec<MetadataRecord>, effects: &mut Effects) {
        let id = SnapshotId { end_offset: self.applied, epoch: self.epoch_before(self.applied) };
        let last_contained = self.snapshots.last_contained;
        // What no image holds: who votes.
        let records = self.voters.for_snapshot(id.end_offset).into_iter().chain(records).collect();
        let content = Snapshot { last_contained, records }.encode();
        self.snapshots.began(now.mono);
        self.store_snapshot(id, last_contained, content, effects);
    }

    /// Sends a snapshot to the disk.
    pub(super) fn store_snapshot(
        &mut self,
        id: SnapshotId,
        last_contained: Timestamp,
        content: Bytes,
        effects: &mut Effects,
    ) {
        self.snapshots.writing.insert(id, SnapshotFile { bytes: content.len() as u64, last_contained });
        let file = FileName::new(self.log.directory(), &name_of(id));
        let token = self.disk_token(DiskWait::Snapshot(id));
        effects.push(Effect::Disk { token, op: DiskOp::Replace { file, content } });
    }

    /// Takes a leader's snapshot for everything there is.
    pub(super) fn snapshot_loaded(&mut self, now: Now, id: SnapshotId, snapshot: Snapshot) {
        self.snapshots.began(now.mono);
        self.snapshots.last_contained = snapshot.last_contained;
        self.snapshots.loaded = Some((id, snapshot.records));
    }

    /// The newest snapshot, for whoever cannot be served from the log. The one that the log follows on may still be on
    /// its way to the disk: then it is not found, and asked for again.
    pub(super) fn newest_snapshot(&self) -> SnapshotId {
        self.snapshots.newest().unwrap_or(self.base)
    }

    /// The epoch of the record before `offset`.
    fn epoch_before(&self, offset: Offset) -> LeaderEpoch {
        let within = (offset > self.log.start_offset()).then(|| self.log.epochs().epoch_at(offset.plus(-1)));
        within.flatten().unwrap_or(self.base.epoch)
    }

    /// A snapshot is on disk.
    pub(super) fn snapshot_written(&mut self, now: Now, id: SnapshotId, effects: &mut Effects) {
        let Some(file) = self.snapshots.writing.remove(&id) else { return };
        self.snapshots.files.insert(id, file);
        effects.note(Event::MetadataSnapshotWritten { end: id.end_offset, epoch: id.epoch });
        self.forget_snapshots(effects);
        self.clean(now, effects);
        self.follow_on(now, effects);
    }

    /// Lets go of the oldest snapshots and the log between them, while they are too old or too large (Kafka's
    /// `KafkaMetadataLog.maybeClean`).
    fn clean(&mut self, now: Now, effects: &mut Effects) {
        let config = self.settings.config.log;
        let bytes_max = u64::try_from(config.retention_bytes).ok();
        loop {
            let mut files = self.snapshots.files.iter();
            let (Some((_, oldest)), Some((next, _))) = (files.next(), files.next()) else { break };
            let bytes: u64 = self.snapshots.files.values().map(|file| file.bytes).sum();
            let too_large = bytes_max.is_some_and(|max| self.log.size_bytes().saturating_add(bytes) > max);
            let age = now.wall.0.saturating_sub(oldest.last_contained.0);
            let too_old = config.retention_millis >= 0 && age > config.retention_millis;
            // Only a planted bug cuts the log below a snapshot.
            if (!too_large && !too_old) || next.end_offset > self.log.end_offset() {
                break;
            }
            self.base = *next;
            let end = self.base.end_offset;
            self.with_log(effects, |log, io| log.advance_start(end, io));
            self.forget_snapshots(effects);
        }
        let committed = self.high_watermark;
        self.with_log(effects, |log, io| log.enforce_retention(now.wall, committed, io));
    }

    /// Deletes the snapshots that end before the log starts.
    pub(super) fn forget_snapshots(&mut self, effects: &mut Effects) {
        let start = self.log.start_offset();
        let old: Vec<SnapshotId> =
            self.snapshots.files.keys().copied().filter(|id| id.end_offset < start).collect();
        for id in old {
            self.snapshots.files.remove(&id);
            let file = FileName::new(self.log.directory(), &name_of(id));
            let token = self.disk_token(DiskWait::Housekeeping);
            effects.push(Effect::Disk { token, op: DiskOp::Delete { file } });
        }
    }
}

/// A piece of a snapshot that is being read for somebody.
#[derive(Debug)]
pub(super) struct PlannedPiece {
    context: RequestContext,
    snapshot: SnapshotId,
    size: u64,
    position: u64,
}

impl Quorum {
    pub(super) fn on_fetch_snapshot(
        &mut self,
        now: Now,
        context: RequestContext,
        request: &FetchSnapshotRequest,
        effects: &mut Effects,
    ) {
        let snapshot = request.snapshot;
        if let Some(error) = self.epoch_error(request.cluster_id.as_deref(), request.current_leader_epoch) {
            return self.refuse_piece(&context, snapshot, error, effects);
        }
        // It is the leader that it hears from: that counts for check-quorum (KAFKA-15489).
        if self.is_other_voter(request.replica) {
            self.voter_fetched(now, request.replica, None);
        }
        let Some(size) = self.snapshots.files.get(&snapshot).map(|file| file.bytes) else {
            return self.refuse_piece(&context, snapshot, ErrorCode::SnapshotNotFound, effects);
        };
        let position = u64::try_from(request.position).ok().filter(|position| *position < size);
        let Some(position) = position else {
            return self.refuse_piece(&context, snapshot, ErrorCode::PositionOutOfRange, effects);
        };
        let length = u64::try_from(request.max_bytes).unwrap_or(0).clamp(1, size - position);
        let file = FileName::new(self.log.directory(), &name_of(snapshot));
        let token = self.disk_token(DiskWait::Piece(PlannedPiece { context, snapshot, size, position }));
        effects.push(Effect::Disk { token, op: DiskOp::Read { file, position, length } });
    }

    fn is_other_voter(&self, replica: NodeId) -> bool {
        self.is_voter(replica) && replica != self.settings.node
    }

    pub(super) fn finish_piece(
        &mut self,
        planned: &PlannedPiece,
        outcome: DiskOutcome,
        effects: &mut Effects,
    ) {
        let PlannedPiece { context, snapshot, size, position } = planned;
        let Ok(DiskDone::Read(bytes)) = outcome else {
            return self.refuse_piece(context, *snapshot, ErrorCode::KafkaStorageError, effects);
        };
        let response = FetchSnapshotResponse {
            error: ErrorCode::None,
            snapshot: *snapshot,
            current_leader: self.current_leader(),
            size: i64::try_from(*size).unwrap_or(i64::MAX),
            position: i64::try_from(*position).unwrap_or(i64::MAX),
            bytes,
        };
        // It tells epoch and leader: not before they are on disk.
        self.answer(context, response, effects);
    }

    fn refuse_piece(
        &mut self,
        context: &RequestContext,
        snapshot: SnapshotId,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        let current_leader = self.current_leader();
        let (size, position, bytes) = (0, 0, Bytes::new());
        let response = FetchSnapshotResponse { error, snapshot, current_leader, size, position, bytes };
        self.answer(context, response, effects);
    }
}
