//! The beginning of a log moves on: by retention, by DeleteRecords, after its leader's.
//!
//! Only what lies below the high watermark is ever given up (KAFKA-5634). Retention takes whole segments. The new log
//! start offset is on disk before a file goes, so that what was deleted does not come back. Files go at once: a
//! directory's operations end in order, so every read that was planned before a deletion is done before it
//! (`file.delete.delay.ms` has nothing to wait for).

use super::checkpoint::Checkpoint;
use super::io::LogIo;
use super::partition_log::PartitionLog;
use super::segment::Segment;
use crate::offset::Offset;
use crate::storage::Progress;
use crate::time::Timestamp;

impl PartitionLog {
    /// Deletes what `retention.ms` and `retention.bytes` give up (if `cleanup.policy` has `delete`) and what lies
    /// wholly before the log start offset. `now` is the wall clock. Returns the new log start offset if it moved.
    ///
    /// A segment is as old as its largest timestamp; one without timestamps is never too old. If even the active
    /// segment is to go, an empty one takes its place.
    pub fn enforce_retention(
        &mut self,
        now: Timestamp,
        high_watermark: Offset,
        io: &mut LogIo,
    ) -> Option<Offset> {
        if self.is_cutting() {
            return None;
        }
        let count = self.deletable(now, high_watermark.min(self.progress.submitted()));
        let end = count.checked_sub(1).and_then(|last| self.segments.get(last))?.end;
        self.abort_compaction(io);
        if count == self.segments.len() {
            self.roll(io);
        }
        let moved = self.advance_start(end, io);
        self.layout += 1;
        for segment in self.segments.drain(..count) {
            segment.delete(io);
        }
        self.delete_snapshots_before(end, io);
        moved.then_some(end)
    }

    /// How many segments, from the oldest on, may go.
    fn deletable(&self, now: Timestamp, high_watermark: Offset) -> usize {
        let settings = &self.settings;
        let total: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let bytes_max = u64::try_from(settings.retention_bytes).ok();
        let mut excess = bytes_max.map_or(0, |bytes_max| total.saturating_sub(bytes_max));
        let too_old = |segment: &Segment| {
            let newest = segment.newest.0;
            let age = now.0.saturating_sub(newest.0);
            settings.retention_millis >= 0 && newest > Timestamp::NONE && age > settings.retention_millis
        };
        let mut count = 0;
        for segment in self.segments.iter().filter(|segment| !segment.is_empty()) {
            let too_much = bytes_max.is_some() && excess >= segment.bytes;
            let given_up = settings.cleanup.delete && (too_old(segment) || too_much);
            if segment.end > high_watermark || !(given_up || segment.end <= self.start) {
                break;
            }
            excess = excess.saturating_sub(segment.bytes);
            count += 1;
        }
        count
    }

    /// Moves the log start offset to `to`; the caller has checked that the high watermark is not below it. Records
    /// before it are out of range at once; their segments go with the next [`PartitionLog::enforce_retention`]. True
    /// if it moved.
    pub fn advance_start(&mut self, to: Offset, io: &mut LogIo) -> bool {
        if to <= self.start {
            return false;
        }
        assert!(to <= self.end_offset(), "{}: the log cannot start at {to}", self.partition);
        self.start = to;
        self.progress.deleted_before(to);
        Checkpoint::LogStart.write(&self.directory, &self.partition, to, io);
        if self.epochs.truncate_before(to) {
            self.persist_epochs(io);
        }
        true
    }

    /// Gives up everything and begins anew at `start`: what a follower does whose leader has deleted all that the
    /// follower has (Kafka's `truncateFullyAndStartAt`). The new start is on disk first; a crash in between leaves
    /// a log that ends before it, which recovery takes for nothing.
    pub fn restart_at(&mut self, start: Offset, io: &mut LogIo) {
        self.truncate_compaction(start, io);
        Checkpoint::LogStart.write(&self.directory, &self.partition, start, io);
        for segment in self.segments.drain(..).rev() {
            segment.delete(io);
        }
        self.segments.push(Segment::new(&self.directory, start));
        self.tail.clear();
        (self.generation, self.layout) = (self.generation + 1, self.layout + 1);
        (self.start, self.cutting, self.sync_after_cut) = (start, None, false);
        self.written = start;
        self.flushes.clear();
        self.unflushed_from = start;
        self.recovery_point = start;
        self.progress = Progress::recovered(start);
        self.truncate_producers(Offset(-1), io);
        if self.epochs.clear() {
            self.persist_epochs(io);
        }
    }
}
