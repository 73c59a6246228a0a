//! Which bytes answer a fetch. Nothing is read here.
//!
//! Near the end of the log every batch is known and a plan reads exactly what is wanted. Before that the sparse
//! index bounds it: the plan begins and ends a little too early and too late, and [`ReadTrim::apply`] cuts what was
//! read to whole batches. No bytes are copied either way. Who only sends the bytes on need not have them read
//! ([`ReadPlan::to_send`]): the disk then finds the same batches by their heads.

use bytes::Bytes;

use super::partition_log::PartitionLog;
use super::segment::Segment;
use super::tail::BatchPlace;
use crate::offset::Offset;
use crate::record::{BatchError, BatchSearch, batch_heads};
use crate::storage::DiskOp;

/// A read within one segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadPlan {
    /// The [`DiskOp::Read`].
    pub op: DiskOp,
    /// How many bytes it yields: exactly near the end of the log, at most before that.
    pub bytes: usize,
    /// Makes whole batches of what was read.
    pub trim: ReadTrim,
    /// Finds them in the file instead; none if the plan reads exactly what is wanted.
    pub search: Option<BatchSearch>,
}

impl ReadPlan {
    /// The [`DiskOp::ReadToSend`] that yields the same batches. Bytes it yields are to be trimmed, too.
    #[must_use]
    pub fn to_send(&self) -> DiskOp {
        match self.op.clone() {
            DiskOp::Read { file, position, length } => {
                DiskOp::ReadToSend { file, position, length, search: self.search }
            }
            op => op,
        }
    }
}

/// What of the bytes read is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadTrim {
    from: Offset,
    up_to: Offset,
    bytes_max: usize,
    /// The plan reads exactly what is wanted.
    exact: bool,
}

/// The offset is neither in the log nor at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("offset {from} is not in {start}..={end}")]
pub struct OutOfRange {
    /// The offset asked for.
    pub from: Offset,
    /// The log start offset.
    pub start: Offset,
    /// The log end offset.
    pub end: Offset,
}

impl ReadTrim {
    /// The batches from the one that holds the offset asked for on: as many whole ones as fit, and at least one even
    /// if it does not (KIP-74). A slice of `bytes`; empty if none lies wholly below the bound.
    ///
    /// # Errors
    /// [`BatchError`] if what was read are no batches.
    pub fn apply(&self, bytes: Bytes) -> Result<Bytes, BatchError> {
        if self.exact {
            return Ok(bytes);
        }
        let (mut start, mut end) = (None, 0);
        for head in batch_heads(&bytes) {
            let (position, head) = head?;
            if head.next <= self.from {
                continue;
            }
            let first = start.is_none();
            let from = *start.get_or_insert(position);
            let batch_end = position.saturating_add(head.size);
            let fits = first || batch_end - from <= self.bytes_max;
            if head.next > self.up_to || !fits || batch_end > bytes.len() {
                break;
            }
            end = batch_end;
        }
        Ok(start.filter(|start| *start < end).map_or_else(Bytes::new, |start| bytes.slice(start..end)))
    }
}

impl PartitionLog {
    /// The batches from the one that holds `from` on, or the next one if compaction removed that: as many whole ones
    /// as fit `bytes_max`, and at least one even if it does not fit (KIP-74). Only batches that lie wholly below
    /// `up_to` and are written are read; none if there is no such batch. A plan stays within one segment, so a fetch
    /// may get less than there is.
    ///
    /// # Errors
    /// [`OutOfRange`] if `from` lies before the log start or after the log end offset.
    pub fn read(
        &self,
        from: Offset,
        bytes_max: usize,
        up_to: Offset,
    ) -> Result<Option<ReadPlan>, OutOfRange> {
        let (start, end) = (self.start_offset(), self.end_offset());
        if from < start || from > end {
            return Err(OutOfRange { from, start, end });
        }
        let bound = up_to.min(self.progress.submitted());
        if from >= bound {
            return Ok(None);
        }
        let Some(segment) = self.segment_of(from) else { return Ok(None) };
        Ok(match self.plan_exactly(segment, from, bytes_max, bound) {
            Some(plan) => plan,
            None => plan_sparsely(segment, from, bytes_max, bound),
        })
    }

    /// A plan by the exact places of the last batches; none if they do not reach back to `from`.
    fn plan_exactly(
        &self,
        segment: &Segment,
        from: Offset,
        bytes_max: usize,
        bound: Offset,
    ) -> Option<Option<ReadPlan>> {
        let batches = self.tail.from(from)?;
        let readable = |batch: &BatchPlace| batch.base < segment.end && batch.next <= bound;
        let Some(first) = batches.first().filter(|first| readable(first)) else { return Some(None) };
        let position_max = first.position.saturating_add(bytes_max as u64);
        let last = batches.last_while(|batch| readable(batch) && batch.end_position() <= position_max);
        let last = last.unwrap_or(first);
        let length = last.end_position() - first.position;
        let op = DiskOp::Read { file: segment.file.clone(), position: first.position, length };
        let trim = ReadTrim { from, up_to: bound, bytes_max, exact: true };
        Some(usize::try_from(length).ok().map(|bytes| ReadPlan { op, bytes, trim, search: None }))
    }
}

/// A plan by the sparse index: from an indexed batch at or before the one wanted, to the first indexed one behind
/// both that batch and `bytes_max`.
fn plan_sparsely(segment: &Segment, from: Offset, bytes_max: usize, bound: Offset) -> Option<ReadPlan> {
    let position = segment.offsets.floor(from);
    let first_ends = segment.offsets.ceiling(from).unwrap_or(segment.bytes);
    let wanted = first_ends.saturating_add(bytes_max as u64);
    let end = segment.offsets.boundary_from(wanted).unwrap_or(segment.bytes);
    let length = end.saturating_sub(position);
    let op = DiskOp::Read { file: segment.file.clone(), position, length };
    let bytes = usize::try_from(length.min((first_ends - position).max(bytes_max as u64))).ok()?;
    let wanted_up_to = segment.offsets.last_within(position.saturating_add(bytes_max as u64), bound);
    let wanted_up_to = wanted_up_to.unwrap_or(position).max(position);
    let search = BatchSearch { position, wanted_up_to, end, from, up_to: bound, bytes_max };
    (length > 0).then_some(ReadPlan {
        op,
        bytes,
        trim: ReadTrim { from, up_to: bound, bytes_max, exact: false },
        search: Some(search),
    })
}
