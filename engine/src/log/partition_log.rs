//! The log itself: appending, rolling, syncing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::compaction::CompactionState;
use super::epoch_cache::{EpochCache, EpochEnd};
use super::io::{LogCompletion, LogIo};
use super::producer_state::ProducerStates;
use super::segment::Segment;
use super::tail::{BatchPlace, Tail};
use super::{EPOCH_CHECKPOINT, LogSettings};
use crate::epoch::LeaderEpoch;
use crate::event::BatchId;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::{DiskDone, DiskOp, FileName, Progress};
use crate::time::Timestamp;

/// Why a follower cannot append what its leader sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    /// The batch does not begin at the log end offset.
    #[error("the batch begins at {base} and the log ends at {end}")]
    NotAtEnd {
        /// Base offset of the batch.
        base: Offset,
        /// The log end offset.
        end: Offset,
    },
    /// The batch was written in an older epoch than the log's latest, or in none.
    #[error("the batch was written in epoch {epoch} and the log knows {latest}")]
    OldEpoch {
        /// Epoch of the batch.
        epoch: LeaderEpoch,
        /// The log's latest epoch, or [`LeaderEpoch::NONE`].
        latest: LeaderEpoch,
    },
}

/// The log of one partition on one broker.
#[derive(Clone, Debug)]
pub struct PartitionLog {
    pub(super) partition: TopicPartition,
    pub(super) settings: LogSettings,
    pub(super) directory: Arc<str>,
    /// Oldest first, never empty, each beginning where the one before ends. Only the last may be empty.
    pub(super) segments: Vec<Segment>,
    /// The last batches, exactly.
    pub(super) tail: Tail,
    pub(super) epochs: EpochCache,
    pub(super) producers: ProducerStates,
    /// Offsets of the snapshot files of the producers, ascending.
    pub(super) snapshots: Vec<Offset>,
    pub(super) progress: Progress,
    /// The log start offset.
    pub(super) start: Offset,
    /// How far batches are in the page cache. [`Progress`] calls that submitted, less what still waits for a flush
    /// that its append had to bring about.
    pub(super) written: Offset,
    /// First and end offset of the batches that brought about a flush (`flush.messages`) that is not done.
    pub(super) flushes: VecDeque<(Offset, Offset)>,
    /// End of the log when it was synced for the last time, done or not.
    pub(super) unflushed_from: Offset,
    /// What the recovery-point checkpoint says.
    pub(super) recovery_point: Offset,
    /// Where the log is to be cut, while the place is looked for.
    pub(super) cutting: Option<Offset>,
    /// A sync was asked for meanwhile.
    pub(super) sync_after_cut: bool,
    /// Truncations so far.
    pub(super) generation: u64,
    /// Changes so far that moved batches within files or removed files.
    pub(super) layout: u64,
    pub(super) compaction: CompactionState,
    /// The latest epoch begun or appended since boot. What was read from files is not in it.
    newest_epoch: LeaderEpoch,
}

impl PartitionLog {
    /// An empty log that begins at offset 0. No file is made before the first write.
    #[must_use]
    pub fn new(partition: TopicPartition, settings: LogSettings) -> Self {
        PartitionLog::starting_at(partition, settings, Offset::ZERO)
    }

    /// An empty log that begins at `start`.
    pub(super) fn starting_at(partition: TopicPartition, settings: LogSettings, start: Offset) -> Self {
        let directory = directory_of(&partition);
        let segments = vec![Segment::new(&directory, start)];
        let epochs = EpochCache::new();
        let progress = Progress::recovered(start);
        PartitionLog {
            partition,
            settings,
            directory,
            segments,
            tail: Tail::default(),
            epochs,
            producers: ProducerStates::default(),
            snapshots: Vec::new(),
            progress,
            start,
            written: start,
            flushes: VecDeque::new(),
            unflushed_from: start,
            recovery_point: Offset::ZERO,
            cutting: None,
            sync_after_cut: false,
            generation: 0,
            layout: 0,
            compaction: CompactionState::default(),
            newest_epoch: LeaderEpoch::NONE,
        }
    }

    /// Takes new settings; they count from the next batch on.
    pub fn configure(&mut self, settings: LogSettings) {
        self.settings = settings;
    }

    /// Which partition it is.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The directory of its files.
    #[must_use]
    pub fn directory(&self) -> &Arc<str> {
        &self.directory
    }

    /// The first offset it holds (log start offset).
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        self.start
    }

    /// The log end offset: the offset the next record gets. What is accepted counts, written or not.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.progress.accepted()
    }

    /// How far its writes have come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Size of its segments, in bytes. What is accepted counts, written or not.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The leader epochs it knows.
    #[must_use]
    pub fn epochs(&self) -> &EpochCache {
        &self.epochs
    }

    /// The latest leader epoch it knows: the last entry of the epoch cache. After [`PartitionLog::start_epoch`]
    /// this may be an epoch without records.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// What a follower sends as `LastFetchedEpoch`: the latest epoch of its cache, as Kafka does. A former leader
    /// that wrote nothing in its epoch must name that epoch, so that the new leader makes it cut the entry
    /// (KAFKA-10706); the epoch of its last record would hide the conflict.
    #[must_use]
    pub fn last_fetched_epoch(&self) -> Option<LeaderEpoch> {
        self.latest_epoch()
    }

    /// The epoch its last record was written in.
    #[must_use]
    pub fn epoch_of_last_record(&self) -> Option<LeaderEpoch> {
        match self.tail.last() {
            Some(last) => Some(last.epoch),
            None if self.end_offset() > self.start => self.epochs.epoch_at(self.end_offset().plus(-1)),
            None => None,
        }
    }

    /// Where `epoch` ends in this log; none if it is unknown here.
    #[must_use]
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        self.epochs.end_offset_for(epoch, self.end_offset())
    }

    /// The leader notes that its `epoch` begins at the log end offset. The entry is persisted at once and not
    /// with the first record: followers ask where the epoch before ends even if nothing is ever written in this
    /// one (KAFKA-7415).
    pub fn start_epoch(&mut self, epoch: LeaderEpoch, io: &mut LogIo) {
        self.assign_epoch(epoch, self.end_offset(), io);
    }

    /// Appends what a producer sent: the batch gets the next offsets and `epoch`. Its bytes are not copied.
    /// `epoch` must not be below one this log was given since boot. If damaged files brought a higher one, its
    /// entry is dropped.
    pub fn append_as_leader(&mut self, batch: RecordBatch, epoch: LeaderEpoch, io: &mut LogIo) -> BatchId {
        assert!(
            epoch >= self.newest_epoch && epoch >= LeaderEpoch::ZERO,
            "{}: a leader of epoch {epoch} cannot append after epoch {}",
            self.partition,
            self.newest_epoch
        );
        self.append(&batch.with_position(self.end_offset(), epoch), io)
    }

    /// Appends what the leader sent, as it is.
    ///
    /// # Errors
    /// [`AppendError`] if the batch does not begin at the log end offset or its epoch is below the latest. No batch
    /// is taken then; a gap is taken where [`PartitionLog::allow_gaps_before`] said so. An empty log takes a batch that begins before it and ends behind, and begins with it.
    #[expect(clippy::needless_pass_by_value, reason = "the log takes the batch, whoever wrote it")]
    pub fn append_as_follower(&mut self, batch: RecordBatch, io: &mut LogIo) -> Result<BatchId, AppendError> {
        if self.start == self.end_offset()
            && batch.base_offset() < self.start
            && batch.next_offset() > self.start
        {
            // The leader's log starts in the middle of a batch, and only whole batches are copied.
            self.restart_at(batch.base_offset(), io);
        }
        let (base, end) = (batch.base_offset(), self.end_offset());
        if base != end && !(base > end && base < self.compaction.gaps_before) {
            return Err(AppendError::NotAtEnd { base, end });
        }
        let (epoch, latest) = (batch.leader_epoch(), self.latest_epoch().unwrap_or(LeaderEpoch::NONE));
        if epoch < latest || epoch < LeaderEpoch::ZERO {
            return Err(AppendError::OldEpoch { epoch, latest });
        }
        Ok(self.append(&batch, io))
    }

    fn append(&mut self, batch: &RecordBatch, io: &mut LogIo) -> BatchId {
        self.assign_epoch(batch.leader_epoch(), batch.base_offset(), io);
        assert!(self.cutting.is_none(), "{}: an append while the log is being cut", self.partition);
        if self.must_roll(batch) {
            self.roll(io);
        }
        let place = BatchPlace::of(batch, self.active().bytes);
        let interval = self.settings.index_interval_bytes;
        self.active_mut().push(&place, interval);
        self.tail.push(place);
        let active = self.active();
        let op = DiskOp::Append { file: active.file.clone(), parts: batch.parts().to_vec() };
        let end = batch.next_offset();
        self.progress.accept(end);
        self.producers.update(batch);
        io.push(op, LogCompletion::Appended { generation: self.generation, end });
        if end.since(self.unflushed_from) >= self.settings.flush_messages {
            self.flushes.push_back((batch.base_offset(), end));
            self.sync(io);
        }
        batch.id()
    }

    /// Whether the batch has to begin a new segment: the active one would be too long, too old (by the timestamps of
    /// the batches, as Kafka does it where there are any), or too far from its base offset.
    fn must_roll(&self, batch: &RecordBatch) -> bool {
        let active = self.active();
        let first = active.first_timestamp;
        let age = batch.max_timestamp().0.saturating_sub(first.0);
        let too_long = active.bytes + batch.size() as u64 > self.settings.segment_bytes as u64;
        let too_old = first > Timestamp::NONE && age > self.settings.segment_millis_max();
        !active.is_empty() && (too_long || too_old || !active.can_hold(batch.last_offset()))
    }

    /// Closes the active segment, with its indexes and everything of it on disk, and begins the next.
    pub(super) fn roll(&mut self, io: &mut LogIo) {
        self.active_mut().write_indexes(io);
        self.sync(io);
        self.active().sync_indexes(io);
        let segment = Segment::new(&self.directory, self.end_offset());
        self.segments.push(segment);
        self.snapshot_producers(io);
    }

    /// The segment that holds `offset`; none at the end of the log.
    pub(super) fn segment_of(&self, offset: Offset) -> Option<&Segment> {
        self.segments.get(self.segments.partition_point(|segment| segment.end <= offset))
    }

    /// Makes everything accepted so far durable: one sync for each segment with batches that are not, oldest
    /// first. Nothing is emitted if everything is durable.
    pub fn sync(&mut self, io: &mut LogIo) {
        if self.is_cutting() {
            // What is left is known to be written only when the cut is done.
            self.sync_after_cut = true;
            return;
        }
        self.unflushed_from = self.end_offset();
        let durable = self.progress.durable();
        let first = self.segments.partition_point(|segment| segment.end <= durable);
        for segment in self.segments.iter().skip(first) {
            let completion =
                LogCompletion::Synced { generation: self.generation, from: segment.base, end: segment.end };
            io.push(DiskOp::Sync { file: segment.file.clone() }, completion);
        }
    }

    /// An operation of this log ended well with `done`; what follows from it is emitted. Operations that failed are
    /// not reported: the replica goes offline.
    pub fn complete(&mut self, completion: LogCompletion, done: &DiskDone, io: &mut LogIo) {
        match completion {
            LogCompletion::Appended { generation, end } | LogCompletion::Truncated { generation, end }
                if generation == self.generation =>
            {
                self.written = self.written.max(end);
                self.settle();
            }
            // A segment that is on disk counts only if all before it is.
            LogCompletion::Synced { generation, from, end }
                if generation == self.generation && from <= self.progress.durable() =>
            {
                while self.flushes.front().is_some_and(|(_, flushed)| *flushed <= end) {
                    self.flushes.pop_front();
                }
                self.settle();
                self.progress.sync(end);
            }
            LogCompletion::Located { generation, position } if generation == self.generation => {
                if let DiskDone::Read(bytes) = done {
                    self.finish_cut(position, bytes, io);
                }
            }
            LogCompletion::CompactionRead { run } => {
                if let DiskDone::Read(chunk) = done {
                    self.continue_compaction(run, chunk, io);
                }
            }
            _ => {}
        }
    }

    /// What is written counts, up to the first batch that had to be flushed and is not.
    fn settle(&mut self) {
        let bound = self.flushes.front().map_or(self.written, |(base, _)| *base);
        self.progress.submit(self.written.min(bound));
    }

    /// Notes on disk how much of the log is durable, so that recovery need not read that again
    /// (`log.flush.offset.checkpoint.interval.ms`).
    pub fn checkpoint_recovery_point(&mut self, io: &mut LogIo) {
        if self.progress.durable() > self.recovery_point {
            self.write_recovery_point(self.progress.durable(), io);
        }
    }

    pub(super) fn write_recovery_point(&mut self, point: Offset, io: &mut LogIo) {
        self.recovery_point = point;
        Checkpoint::RecoveryPoint.write(&self.directory, &self.partition, point, io);
    }

    /// The log is to be left in order: everything durable, with its indexes and its recovery point. Nothing may be
    /// appended afterwards.
    pub fn close(&mut self, io: &mut LogIo) {
        self.abort_compaction(io);
        self.sync(io);
        if self.is_cutting() || self.active().is_empty() {
            return;
        }
        self.active_mut().write_indexes(io);
        self.active().sync_indexes(io);
        self.snapshot_producers(io);
        self.write_recovery_point(self.end_offset(), io);
    }

    /// Panics on a bug of ours. Cheap enough to be called after every step: looks at ends, not at every batch.
    pub fn invariants(&self) {
        self.progress.invariants();
        self.epochs.invariants(self.end_offset());
        self.producers.invariants(self.end_offset());
        assert!(
            self.snapshots.last().is_none_or(|snapshot| *snapshot <= self.end_offset()),
            "{}: a snapshot beyond the log",
            self.partition
        );
        assert!(self.start <= self.end_offset(), "{}: the log starts behind its end", self.partition);
        assert_eq!(self.active().end, self.end_offset(), "{}: the last segment ends the log", self.partition);
        assert!(
            self.progress.durable() >= self.start_offset(),
            "{}: durable before the start",
            self.partition
        );
        for (before, after) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            assert_eq!(before.end, after.base, "{}: segments follow each other", self.partition);
            assert!(!before.is_empty(), "{}: only the last segment may be empty", self.partition);
        }
        let first = self.segments.first().map(|segment| segment.base);
        assert!(
            first.is_some_and(|base| base <= self.start),
            "{}: the log starts in a segment",
            self.partition
        );
        if let Some(last) = self.tail.last() {
            assert_eq!(last.next, self.end_offset(), "{}: the last batch ends the log", self.partition);
            // Not equal if damaged files brought an epoch that a later leader's did not allow to stay.
            let known = self.epochs.epoch_at(last.base);
            assert!(known.is_none_or(|known| known <= last.epoch), "{}: epoch of the end", self.partition);
        }
    }

    fn assign_epoch(&mut self, epoch: LeaderEpoch, start: Offset, io: &mut LogIo) {
        self.newest_epoch = self.newest_epoch.max(epoch);
        if self.epochs.assign(epoch, start) {
            self.persist_epochs(io);
        }
    }

    pub(super) fn persist_epochs(&self, io: &mut LogIo) {
        let file = FileName::new(&self.directory, EPOCH_CHECKPOINT);
        io.push(DiskOp::Replace { file, content: self.epochs.encode() }, LogCompletion::Housekeeping);
    }

    pub(super) fn active(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has at least one segment")
    }
}

/// The directory of a partition's files, as Kafka names it.
fn directory_of(partition: &TopicPartition) -> Arc<str> {
    Arc::from(format!("{}-{}", partition.topic, partition.partition))
}
