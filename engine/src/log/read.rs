//! Which bytes answer a fetch. Nothing is read here.

use super::partition_log::PartitionLog;
use super::segment::Segment;
use crate::offset::Offset;
use crate::storage::DiskOp;
use crate::time::Timestamp;

/// A read within one segment that yields whole batches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadPlan {
    /// The [`DiskOp::Read`].
    pub op: DiskOp,
    /// How many bytes it yields.
    pub bytes: usize,
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

impl PartitionLog {
    /// The batches from the one that holds `from` on: as many whole ones as fit `bytes_max`, and at least one
    /// even if it does not fit (KIP-74). Only batches that lie wholly below `up_to` and are written are read; none
    /// if there is no such batch. A plan stays within one segment, so a fetch may get less than there is.
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
        let index = self.segments.partition_point(|segment| segment.end() <= from);
        Ok(self.segments.get(index).and_then(|segment| plan(segment, from, bytes_max, bound)))
    }

    /// The base offset and the largest timestamp of the batch below `up_to` that has the latest timestamp of all;
    /// the first such batch.
    #[must_use]
    pub fn offset_of_max_timestamp(&self, up_to: Offset) -> Option<(Offset, Timestamp)> {
        let batches = self.segments.iter().flat_map(|segment| &segment.batches);
        let latest = batches
            .take_while(|batch| batch.next <= up_to)
            .reduce(|latest, batch| if batch.max_timestamp > latest.max_timestamp { batch } else { latest });
        latest.map(|batch| (batch.base, batch.max_timestamp))
    }

    /// The base offset and the largest timestamp of the first batch that has a record at `timestamp` or later.
    #[must_use]
    pub fn offset_for_timestamp(&self, timestamp: Timestamp) -> Option<(Offset, Timestamp)> {
        let found = self.segments.iter().find_map(|segment| segment.batch_at_time(timestamp));
        found.map(|batch| (batch.base, batch.max_timestamp))
    }
}

fn plan(segment: &Segment, from: Offset, bytes_max: usize, bound: Offset) -> Option<ReadPlan> {
    let batches = segment.batches.get(segment.batches.partition_point(|batch| batch.next <= from)..)?;
    let first = batches.first().filter(|batch| batch.next <= bound)?;
    let position_max = first.position.saturating_add(bytes_max as u64);
    let count = batches.partition_point(|batch| batch.next <= bound && batch.end_position() <= position_max);
    let last = count.checked_sub(1).and_then(|index| batches.get(index)).unwrap_or(first);
    let length = last.end_position() - first.position;
    let op = DiskOp::Read { file: segment.file.clone(), position: first.position, length };
    Some(ReadPlan { op, bytes: usize::try_from(length).ok()? })
}
