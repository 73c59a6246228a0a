//! Compaction (`cleanup.policy=compact`): of each key the last record is kept. Kafka's `LogCleaner`, with the delete
//! horizons of KIP-534.
//!
//! A compaction reads the closed segments that were not compacted yet and notes the last offset of each key
//! ([`OffsetMap`]), then rewrites all segments from the oldest on with what is still wanted ([`rewrite`]), a few of them
//! into one, and puts the result into their place ([`swap`]). It goes chunk by chunk: the end of a read decides, emits
//! the writes, and emits the next read. Appends and fetches go on meanwhile; a truncation, a deletion or a stop ends it
//! without a trace.
//!
//! **Only below the high watermark**: a record above it may be cut again, and would then have taken with it the older
//! one of its key that everybody was promised. **Never the active segment**: it grows. Offsets never change.
//!
//! Kept besides the last record of each key, as headers without records if need be:
//! - the last batch of each producer, so that its next sequence number is known;
//! - the batch in which a leader epoch begins: a log copied from this one must know exactly where epochs begin, or it
//!   would not see where it parts from others. Kafka gives these up;
//! - the last batch of what becomes one segment: segments follow each other without a gap.
//!
//! Between other batches there are gaps from now on. The `offset-gaps-checkpoint` says up to where, durably and before
//! the first appears, so that recovery still tells a gap from damage; the `cleaner-offset-checkpoint` is written when
//! all is done.
//!
//! Deliberately absent: control batches of transactions are kept for ever; nobody writes any.

mod offset_map;
mod progress;
mod recovery;
mod rewrite;
mod swap;

use offset_map::OffsetMap;
pub(super) use progress::Compaction;

use super::checkpoint::Checkpoint;
use super::io::LogIo;
use super::partition_log::PartitionLog;
use super::segment::Segment;
use crate::offset::Offset;
use crate::time::Timestamp;

/// How much memory a compaction takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompactionBuffers {
    /// For keys (`log.cleaner.dedupe.buffer.size`). One batch of keys may go beyond it.
    pub keys_bytes_max: usize,
    /// For what is read at a time (`log.cleaner.io.buffer.size`). A larger batch is read whole.
    pub read_bytes: u64,
}

/// Segments that were replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compacted {
    /// The first offset of them.
    pub from: Offset,
    /// The offset after the last.
    pub to: Offset,
    /// Their bytes.
    pub bytes_before: u64,
    /// The bytes of what took their place.
    pub bytes_after: u64,
}

/// What a log knows of its compactions.
#[derive(Clone, Debug)]
pub(super) struct CompactionState {
    /// The one that goes on.
    running: Option<Box<Compaction>>,
    /// How many there were since boot.
    runs: u64,
    /// Everything before was compacted: what the cleaner's checkpoint says.
    pub(super) done_before: Offset,
    /// Between batches before this there may be gaps.
    pub(super) gaps_before: Offset,
    /// A batch could not be read: the log is left alone until it was recovered.
    given_up: bool,
    /// What was replaced and not told yet.
    told: Vec<Compacted>,
}

impl Default for CompactionState {
    fn default() -> Self {
        CompactionState {
            running: None,
            runs: 0,
            done_before: Offset::ZERO,
            gaps_before: Offset::ZERO,
            given_up: false,
            told: Vec::new(),
        }
    }
}

/// The part of a log that can be compacted now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct DirtyPart {
    from: Offset,
    to: Offset,
    /// Bytes of the segments that were not compacted, and of those that were.
    dirty: u64,
    clean: u64,
    /// `max.compaction.lag.ms` has passed.
    overdue: bool,
}

impl PartitionLog {
    /// How much this log needs to be compacted, in millionths of its bytes; none if it does not. `now` is the wall
    /// clock.
    #[must_use]
    pub fn compaction_need(&self, now: Timestamp, high_watermark: Offset) -> Option<u64> {
        let part = self.dirty_part(now, high_watermark)?;
        let need = part.dirty.saturating_mul(1_000_000) / (part.dirty + part.clean).max(1);
        let due = part.overdue || need > u64::from(self.settings.min_cleanable_dirty_millionths);
        due.then_some(need)
    }

    /// The closed segments below the high watermark that are old enough and not compacted.
    fn dirty_part(&self, now: Timestamp, high_watermark: Offset) -> Option<DirtyPart> {
        let settings = &self.settings;
        let state = &self.compaction;
        if !settings.cleanup.compact || self.is_cutting() || state.running.is_some() || state.given_up {
            return None;
        }
        let committed = high_watermark.min(self.progress.submitted());
        let too_young = |segment: &Segment| {
            settings.min_compaction_lag_millis > 0
                && segment.newest.0.0 > now.0.saturating_sub(settings.min_compaction_lag_millis)
        };
        let closed = self.segments.split_last().map(|(_, closed)| closed)?;
        let ready = closed.iter().take_while(|segment| segment.end <= committed && !too_young(segment));
        let from = state.done_before.max(self.start);
        let mut part = DirtyPart { from, to: from, dirty: 0, clean: 0, overdue: false };
        for segment in ready {
            if segment.end <= from {
                part.clean += segment.bytes;
                continue;
            }
            part.to = segment.end;
            part.dirty += segment.bytes;
            let first = segment.first_timestamp;
            let age = now.0.saturating_sub(first.0);
            part.overdue |= first > Timestamp::NONE && age > settings.max_compaction_lag_millis;
        }
        (part.to > part.from).then_some(part)
    }

    /// True while a compaction goes on.
    #[must_use]
    pub fn is_compacting(&self) -> bool {
        self.compaction.running.is_some()
    }

    /// Begins to compact what can be compacted; nothing if there is nothing.
    pub fn compact(
        &mut self,
        now: Timestamp,
        high_watermark: Offset,
        buffers: CompactionBuffers,
        io: &mut LogIo,
    ) {
        let Some(part) = self.dirty_part(now, high_watermark) else { return };
        self.compaction.runs += 1;
        let (run, first) = (self.compaction.runs, self.segment_of(part.from));
        let compaction = Compaction::new(run, now, buffers, (part.from, part.to), first);
        self.read_on(Box::new(compaction), io);
    }

    /// Ends a compaction that goes on, if there is one. What was replaced stays replaced.
    pub fn abort_compaction(&mut self, io: &mut LogIo) {
        if let Some(compaction) = self.compaction.running.take() {
            compaction.discard(io);
        }
    }

    /// What was replaced since this was asked last.
    pub fn take_compacted(&mut self) -> Vec<Compacted> {
        std::mem::take(&mut self.compaction.told)
    }

    /// Between batches before `end` there may be gaps: the log they are copied from was compacted. Noted durably,
    /// before such a batch is appended.
    pub fn allow_gaps_before(&mut self, end: Offset, io: &mut LogIo) {
        if end > self.compaction.gaps_before {
            self.compaction.gaps_before = end;
            Checkpoint::Gaps.write(&self.directory, &self.partition, end, io);
        }
    }

    /// The log was cut at `end`: what comes there is not compacted.
    pub(super) fn truncate_compaction(&mut self, end: Offset, io: &mut LogIo) {
        self.abort_compaction(io);
        if self.compaction.done_before > end {
            self.note_compacted_before(end, io);
        }
    }

    fn note_compacted_before(&mut self, end: Offset, io: &mut LogIo) {
        self.compaction.done_before = end;
        Checkpoint::Cleaner.write(&self.directory, &self.partition, end, io);
    }
}
