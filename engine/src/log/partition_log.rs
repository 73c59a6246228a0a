//! The log itself: appending, truncating, syncing.

use std::sync::Arc;

use super::EPOCH_CHECKPOINT;
use super::epoch_cache::{EpochCache, EpochEnd};
use super::io::{LogCompletion, LogIo};
use super::producer_state::ProducerStates;
use super::segment::Segment;
use crate::epoch::LeaderEpoch;
use crate::event::BatchId;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::{DiskOp, FileName, Progress};

/// What a topic's configuration says about its logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// `segment.bytes`: a batch that would make a segment longer begins a new one. A single larger batch gets a
    /// segment of its own.
    pub segment_bytes: usize,
}

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
    pub(super) epochs: EpochCache,
    pub(super) progress: Progress,
    pub(super) producers: ProducerStates,
    /// Offsets of the snapshot files of the producers, ascending.
    pub(super) snapshots: Vec<Offset>,
    /// Truncations so far.
    generation: u64,
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
            epochs,
            progress,
            producers: ProducerStates::default(),
            snapshots: Vec::new(),
            generation: 0,
            newest_epoch: LeaderEpoch::NONE,
        }
    }

    /// Which partition it is.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The first offset it holds (log start offset).
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        self.segments.first().map_or(Offset::ZERO, |segment| segment.base)
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
        let last = self.segments.iter().rev().find_map(|segment| segment.batches.last());
        last.map(|batch| batch.epoch)
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
    /// [`AppendError`] if the batch does not begin at the log end offset or its epoch is below the latest. The
    /// log is unchanged then.
    #[expect(clippy::needless_pass_by_value, reason = "the log takes the batch, whoever wrote it")]
    pub fn append_as_follower(&mut self, batch: RecordBatch, io: &mut LogIo) -> Result<BatchId, AppendError> {
        let (base, end) = (batch.base_offset(), self.end_offset());
        if base != end {
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
        let length = self.active().bytes();
        if length > 0 && length + batch.size() as u64 > self.settings.segment_bytes as u64 {
            let segment = Segment::new(&self.directory, self.end_offset());
            self.segments.push(segment);
            self.snapshot_producers(io);
        }
        let active = self.active_mut();
        active.push(batch);
        let op = DiskOp::Append { file: active.file.clone(), parts: batch.parts().to_vec() };
        let end = batch.next_offset();
        self.progress.accept(end);
        self.producers.update(batch);
        io.push(op, LogCompletion::Appended { generation: self.generation, end });
        batch.id()
    }

    /// Cuts the log at the last batch boundary at or below `end`. Returns the new log end offset if the log or
    /// the epoch cache changed.
    ///
    /// The epoch cache is cut even if no record is: a former leader may hold the entry of an epoch in which it
    /// wrote nothing (KAFKA-10706). Segments go from the newest to the oldest, so that a crash in between leaves
    /// a log without a gap. The cut is not synced: after a power loss the records may be back, with the epochs
    /// they were written in, and the leader makes the follower cut them again.
    pub fn truncate_to(&mut self, end: Offset, io: &mut LogIo) -> Option<Offset> {
        let cut = end < self.end_offset();
        if cut {
            self.cut_segments(end.max(self.start_offset()), io);
        }
        let end = self.end_offset();
        let epochs_cut = self.epochs.truncate_from(end);
        if epochs_cut {
            self.persist_epochs(io);
        }
        (cut || epochs_cut).then_some(end)
    }

    fn cut_segments(&mut self, end: Offset, io: &mut LogIo) {
        while self.segments.len() > 1 && self.active().base > end {
            let Some(segment) = self.segments.pop() else { break };
            io.push(DiskOp::Delete { file: segment.file }, LogCompletion::Housekeeping);
        }
        self.generation += 1;
        let active = self.active_mut();
        active.truncate(end);
        let (end, length) = (active.end(), active.bytes());
        let op = DiskOp::Truncate { file: active.file.clone(), length };
        self.progress.truncate(end);
        io.push(op, LogCompletion::Truncated { generation: self.generation, end });
        self.truncate_producers(end, io);
    }

    /// Makes everything accepted so far durable: one sync for each segment with batches that are not, oldest
    /// first. Nothing is emitted if everything is durable.
    pub fn sync(&mut self, io: &mut LogIo) {
        let durable = self.progress.durable();
        let first = self.segments.partition_point(|segment| segment.end() <= durable);
        for segment in self.segments.iter().skip(first) {
            let completion =
                LogCompletion::Synced { generation: self.generation, from: segment.base, end: segment.end() };
            io.push(DiskOp::Sync { file: segment.file.clone() }, completion);
        }
    }

    /// An operation of this log ended well. Operations that failed are not reported: the replica goes offline.
    pub fn complete(&mut self, completion: LogCompletion) {
        match completion {
            LogCompletion::Appended { generation, end } | LogCompletion::Truncated { generation, end }
                if generation == self.generation =>
            {
                self.progress.submit(end);
            }
            // A segment that is on disk counts only if all before it is.
            LogCompletion::Synced { generation, from, end }
                if generation == self.generation && from <= self.progress.durable() =>
            {
                self.progress.sync(end);
            }
            _ => {}
        }
    }

    /// Panics on a bug of ours. Cheap enough to be called after every step: looks at ends, not at every batch.
    pub fn invariants(&self) {
        self.progress.invariants();
        self.epochs.invariants(self.end_offset());
        self.producers.invariants(self.end_offset());
        assert_eq!(
            self.active().end(),
            self.end_offset(),
            "{}: the last segment ends the log",
            self.partition
        );
        assert!(
            self.progress.durable() >= self.start_offset(),
            "{}: durable before the start",
            self.partition
        );
        for (before, after) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            assert_eq!(before.end(), after.base, "{}: segments follow each other", self.partition);
            assert!(!before.batches.is_empty(), "{}: only the last segment may be empty", self.partition);
        }
        assert!(
            self.snapshots.last().is_none_or(|snapshot| *snapshot <= self.end_offset()),
            "{}: a snapshot beyond the log",
            self.partition
        );
        if let Some(last) = self.active().batches.last() {
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

    fn persist_epochs(&self, io: &mut LogIo) {
        let file = FileName::new(&self.directory, EPOCH_CHECKPOINT);
        io.push(DiskOp::Replace { file, content: self.epochs.encode() }, LogCompletion::Housekeeping);
    }

    fn active(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has at least one segment")
    }
}

/// The directory of a partition's files, as Kafka names it.
fn directory_of(partition: &TopicPartition) -> Arc<str> {
    Arc::from(format!("{}-{}", partition.topic, partition.partition))
}
