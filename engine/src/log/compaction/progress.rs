//! A compaction from its first read to its last.

use bytes::Bytes;

use super::rewrite::Retention;
use super::swap::Rewriting;
use super::{CompactionBuffers, OffsetMap};
use crate::log::io::{LogCompletion, LogIo};
use crate::log::partition_log::PartitionLog;
use crate::log::segment::Segment;
use crate::offset::Offset;
use crate::record::{BatchError, RecordBatch, batches};
use crate::storage::DiskOp;
use crate::time::Timestamp;

/// A compaction that goes on. A read is under way for it, and nothing else.
#[derive(Clone, Debug)]
pub(in crate::log) struct Compaction {
    /// Names it, so that the end of another one's read is not taken for its own.
    run: u64,
    now: Timestamp,
    buffers: CompactionBuffers,
    /// Keys are looked at from here on.
    from: Offset,
    /// Nothing from here on is touched.
    to: Offset,
    keys: OffsetMap,
    /// What is written; none while keys are noted.
    rewriting: Option<Rewriting>,
    /// Base offset of the segment that is read.
    segment: Offset,
    position: u64,
    want: u64,
}

/// The log cannot be compacted: what is read are no batches.
struct Unreadable;

impl From<BatchError> for Unreadable {
    fn from(_: BatchError) -> Self {
        Unreadable
    }
}

impl Compaction {
    /// The compaction of `from..to`, which begins to read at `from` in `first`.
    pub(super) fn new(
        run: u64,
        now: Timestamp,
        buffers: CompactionBuffers,
        (from, to): (Offset, Offset),
        first: Option<&Segment>,
    ) -> Compaction {
        let (segment, position) =
            first.map_or((from, 0), |segment| (segment.base, segment.offsets.floor(from)));
        let keys = OffsetMap::default();
        let want = buffers.read_bytes;
        Compaction { run, now, buffers, from, to, keys, rewriting: None, segment, position, want }
    }

    /// It is given up: what it has written so far goes.
    pub(super) fn discard(self, io: &mut LogIo) {
        if let Some(rewriting) = self.rewriting {
            rewriting.discard(io);
        }
    }

    /// How many bytes of a segment are read next.
    fn length_in(&self, segment: &Segment) -> u64 {
        self.want.min(segment.bytes.saturating_sub(self.position))
    }

    fn read_segment(&mut self, base: Offset) {
        (self.segment, self.position, self.want) = (base, 0, self.buffers.read_bytes);
    }

    /// Notes the keys of a chunk; returns how many of its bytes are done with, and whether that was all to note. If
    /// there is no memory for more keys, the compaction ends before the batch that would need it.
    fn note_keys(&mut self, chunk: Bytes) -> Result<(u64, bool), Unreadable> {
        let mut taken = 0;
        for batch in batches(chunk) {
            let batch = batch?;
            if self.keys.bytes() >= self.buffers.keys_bytes_max && batch.base_offset() > self.from {
                self.to = self.to.min(batch.base_offset());
            }
            if batch.base_offset() >= self.to {
                return Ok((taken, true));
            }
            taken += batch.size() as u64;
            if batch.next_offset() <= self.from || batch.is_control() {
                continue;
            }
            for record in batch.records()? {
                let record = record?;
                if let Some(key) = record.key.filter(|_| record.offset >= self.from) {
                    self.keys.put(&key, record.offset);
                }
            }
        }
        Ok((taken, false))
    }
}

impl PartitionLog {
    /// Emits the next read of a compaction; gives it up if its segment is not there.
    pub(super) fn read_on(&mut self, compaction: Box<Compaction>, io: &mut LogIo) {
        let Some(segment) = self.segments.iter().find(|segment| segment.base == compaction.segment) else {
            return compaction.discard(io);
        };
        let (position, length) = (compaction.position, compaction.length_in(segment));
        let op = DiskOp::Read { file: segment.file.clone(), position, length };
        io.push(op, LogCompletion::CompactionRead { run: compaction.run });
        self.compaction.running = Some(compaction);
    }

    /// A chunk was read for compaction `run`.
    pub(in crate::log) fn continue_compaction(&mut self, run: u64, chunk: &Bytes, io: &mut LogIo) {
        if self.compaction.running.as_ref().is_none_or(|running| running.run != run) {
            return;
        }
        let Some(mut compaction) = self.compaction.running.take() else { return };
        match self.take_chunk(&mut compaction, chunk, io) {
            Ok(true) => self.read_on(compaction, io),
            Ok(false) => {}
            Err(Unreadable) => {
                self.compaction.given_up = true;
                compaction.discard(io);
            }
        }
    }

    /// Takes a chunk; true if there is more to read.
    fn take_chunk(
        &mut self,
        compaction: &mut Compaction,
        chunk: &Bytes,
        io: &mut LogIo,
    ) -> Result<bool, Unreadable> {
        let (taken, all_noted) = match compaction.rewriting.take() {
            None => compaction.note_keys(chunk.clone())?,
            Some(mut rewriting) => {
                let taken = self.rewrite_chunk(compaction, &mut rewriting, chunk.clone(), io);
                compaction.rewriting = Some(rewriting);
                (taken?, false)
            }
        };
        let index = self.segments.iter().position(|segment| segment.base == compaction.segment);
        let index = index.ok_or(Unreadable)?;
        let segment = self.segments.get(index).ok_or(Unreadable)?;
        let asked = compaction.length_in(segment);
        compaction.position += taken;
        if all_noted || compaction.position >= segment.bytes {
            return Ok(self.read_next_segment(compaction, index, io));
        }
        if taken > 0 {
            compaction.want = compaction.buffers.read_bytes;
        } else if (chunk.len() as u64) < asked || asked < compaction.want {
            // The file ends, or all that is left of it was read, and it is no batch.
            return Err(Unreadable);
        } else {
            // The batch is longer than what was read.
            compaction.want = compaction.want.saturating_mul(2);
        }
        Ok(true)
    }

    /// The segment at `index` is done with; true if another one is to be read.
    fn read_next_segment(&mut self, compaction: &mut Compaction, index: usize, io: &mut LogIo) -> bool {
        let next = self.segments.get(index + 1).map(|next| next.base);
        let reads_on = match &compaction.rewriting {
            None => next.filter(|base| *base < compaction.to),
            Some(rewriting) => next.filter(|base| *base < rewriting.end()),
        };
        if let Some(base) = reads_on {
            compaction.read_segment(base);
            return true;
        }
        // All keys are noted, or a group of segments is rewritten: on to the next group.
        let mut first = 0;
        if let Some(rewriting) = compaction.rewriting.take() {
            first = self.replace_group(rewriting, compaction.to, io);
        }
        match Rewriting::of_group(self, first, compaction.to) {
            Some(rewriting) => {
                compaction.read_segment(rewriting.base());
                compaction.rewriting = Some(rewriting);
                true
            }
            None => {
                self.note_compacted_before(compaction.to, io);
                false
            }
        }
    }

    /// Writes what is kept of a chunk; returns how many of its bytes are done with.
    fn rewrite_chunk(
        &mut self,
        compaction: &Compaction,
        rewriting: &mut Rewriting,
        chunk: Bytes,
        io: &mut LogIo,
    ) -> Result<u64, Unreadable> {
        let retention = Retention {
            keys: &compaction.keys,
            to: compaction.to,
            now: compaction.now,
            delete_retention_millis: self.settings.delete_retention_millis,
        };
        let (mut taken, mut parts) = (0, Vec::new());
        for batch in batches(chunk) {
            let batch = batch?;
            taken += batch.size() as u64;
            let kept = retention.judge(&batch, self.needs_header(&batch, compaction.to, rewriting.end()))?;
            if let Some(batch) = rewriting.take(batch, kept, self.settings.index_interval_bytes) {
                parts.extend(batch.parts());
            }
        }
        if !parts.is_empty() {
            let op = DiskOp::Append { file: rewriting.cleaned_file(), parts };
            io.push(op, LogCompletion::Housekeeping);
        }
        Ok(taken)
    }

    /// Whether at least the header of a batch has to stay: see the module's documentation.
    fn needs_header(&self, batch: &RecordBatch, to: Offset, group_end: Offset) -> bool {
        let (base, next) = (batch.base_offset(), batch.next_offset());
        next >= group_end || self.epochs.begins_within(base, next) || self.producers.is_last_before(batch, to)
    }
}
