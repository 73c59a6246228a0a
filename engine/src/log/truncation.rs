//! Cutting the end of a log.
//!
//! A cut among the last batches is made at once. Further back the log knows only every so many batches: it then
//! reads the ones around the place first. Until that read ends the log takes no batch ([`PartitionLog::is_cutting`]);
//! its end offset is already the new one.

use bytes::Bytes;

use super::io::{LogCompletion, LogIo};
use super::partition_log::PartitionLog;
use super::tail::BatchPlace;
use crate::offset::Offset;
use crate::record::batch_heads;
use crate::storage::DiskOp;

impl PartitionLog {
    /// Cuts the log at the last batch boundary at or below `end`. Returns the new log end offset if the log or
    /// the epoch cache changed.
    ///
    /// The epoch cache is cut even if no record is: a former leader may hold the entry of an epoch in which it
    /// wrote nothing (KAFKA-10706). Segments go from the newest to the oldest, so that a crash in between leaves
    /// a log without a gap. The cut is not synced: after a power loss the records may be back, with the epochs
    /// they were written in, and the leader makes the follower cut them again.
    ///
    /// A cut that needs a read takes `end` for a boundary, which it is whenever two replicas agree up to there; if
    /// it is none, the log end offset moves down once more when the read is done.
    pub fn truncate_to(&mut self, end: Offset, io: &mut LogIo) -> Option<Offset> {
        let cut = end < self.end_offset();
        if cut {
            self.cut(end.max(self.start_offset()), io);
        }
        let end = self.end_offset();
        let epochs_cut = self.epochs.truncate_from(end);
        // Behind the cut of the segment: the checkpoint may not disown batches that are still there.
        if epochs_cut && !self.is_cutting() {
            self.persist_epochs(io);
        }
        (cut || epochs_cut).then_some(end)
    }

    /// True while a cut waits for the read that finds its place: nothing can be appended.
    #[must_use]
    pub fn is_cutting(&self) -> bool {
        self.cutting.is_some()
    }

    fn cut(&mut self, end: Offset, io: &mut LogIo) {
        self.truncate_compaction(end, io);
        if end < self.recovery_point {
            self.write_recovery_point(end, io);
        }
        let mut reopened = false;
        while self.segments.len() > 1 && self.active().base > end {
            let Some(segment) = self.segments.pop() else { break };
            segment.delete(io);
            reopened = true;
        }
        if reopened {
            // Only segments that are closed have index files.
            self.active().delete_indexes(io);
        }
        self.generation += 1;
        self.layout += 1;
        self.cutting = None;
        self.written = self.written.min(end);
        self.unflushed_from = self.unflushed_from.min(end);
        if let Some((end, position)) = self.place_of_cut(end) {
            let rest: Vec<BatchPlace> = self.tail.iter().copied().collect();
            return self.cut_at(end, position, &rest, io);
        }
        self.cutting = Some(end);
        self.tail.clear();
        self.progress.truncate(end);
        self.truncate_producers(end, io);
        let generation = self.generation;
        let active = self.active_mut();
        active.end = end;
        let position = active.offsets.floor(end.plus(-1));
        let length = active.offsets.ceiling(end).unwrap_or(active.bytes).saturating_sub(position);
        let op = DiskOp::Read { file: active.file.clone(), position, length };
        io.push(op, LogCompletion::Located { generation, position });
    }

    /// The last batch boundary of the active segment at or below `end`, with its position; none if it has to be
    /// looked for in the file.
    fn place_of_cut(&self, end: Offset) -> Option<(Offset, u64)> {
        let active = self.active();
        let start = self.tail.start();
        if end <= active.base {
            return Some((active.base, 0));
        }
        let indexed = active.offsets.floor(end.plus(-1));
        let known = start
            .is_some_and(|start| start.base < active.base || (start.base < end && start.position <= indexed));
        if !known {
            return None;
        }
        let mut within = self.tail.iter().rev().filter(|batch| batch.base >= active.base);
        let last = within.find(|batch| batch.next <= end);
        Some(last.map_or((active.base, 0), |last| (last.next, last.end_position())))
    }

    /// Cuts the active segment before the byte `position`, where the batch that begins at `end` would lie. `rest` are
    /// the batches around, at least those from the last index entry before the cut on.
    fn cut_at(&mut self, end: Offset, position: u64, rest: &[BatchPlace], io: &mut LogIo) {
        self.tail.truncate(end);
        let active = self.active_mut();
        let base = active.base;
        active.truncate(end, position, rest.iter().filter(|batch| base <= batch.base && batch.next <= end));
        let op = DiskOp::Truncate { file: active.file.clone(), length: position };
        self.progress.truncate(end);
        self.truncate_producers(end, io);
        io.push(op, LogCompletion::Truncated { generation: self.generation, end });
        self.written = self.written.min(end);
        // The ends of syncs of before the cut are not heard any more.
        if let Some((base, _)) = std::mem::take(&mut self.flushes).front().filter(|(base, _)| *base < end) {
            self.flushes.push_back((*base, end));
            self.sync(io);
        }
    }

    /// The batches around the cut are read: the first lies at `position`. If not even that one is there, the file is
    /// damaged, and nothing of the segment is kept.
    pub(super) fn finish_cut(&mut self, position: u64, bytes: &Bytes, io: &mut LogIo) {
        let Some(end) = self.cutting.take() else { return };
        let mut kept = (self.active().base, 0);
        let mut rest = Vec::new();
        for head in batch_heads(bytes) {
            let Some((offset, head)) = head.ok().filter(|(_, head)| head.next <= end) else { break };
            let place = BatchPlace::of_head(&head, position.saturating_add(offset as u64));
            kept = (place.next, place.end_position());
            rest.push(place);
            self.tail.push(place);
        }
        self.cut_at(kept.0, kept.1, &rest, io);
        self.epochs.truncate_from(self.end_offset());
        self.persist_epochs(io);
        if std::mem::take(&mut self.sync_after_cut) {
            self.sync(io);
        }
    }
}
