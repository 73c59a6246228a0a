//! Reading one segment file at boot: whole, with every CRC, or by its indexes.

use bytes::{Bytes, BytesMut};

use super::epoch_cache::EpochCache;
use super::index::{OffsetIndex, TimeIndex};
use super::segment::Segment;
use super::tail::{BatchPlace, Tail};
use crate::offset::Offset;
use crate::record::{BatchError, BatchHead, RecordBatch, batch_heads, batches};
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, FileName};
use crate::time::Timestamp;

/// Bytes asked for at a time.
pub(super) const READ_BYTES: u64 = 1024 * 1024;

const TOO_FAR: &str = "offset too far from the segment's base";
const GAP: &str = "gap between batches";
const OLD_EPOCH: &str = "older epoch than the batch before";
const OTHER_EPOCH: &str = "epoch differs from the checkpoint";

/// The scan of one segment file.
pub(super) struct SegmentScan<'a> {
    pub(super) segment: Segment,
    pub(super) index_interval_bytes: u64,
    /// Between batches before this there may be gaps.
    pub(super) gaps_before: Offset,
    /// The log start offset: the checkpoint knows no epochs before it.
    pub(super) start: Offset,
    pub(super) tail: &'a mut Tail,
    pub(super) epochs: &'a mut EpochCache,
    pub(super) stored: Option<&'a EpochCache>,
}

impl SegmentScan<'_> {
    /// Reads all batches of a file of `length` bytes; returns what ended the scan before the file's end.
    pub(super) async fn read<D: Disk>(
        &mut self,
        disk: &D,
        length: u64,
    ) -> Result<Option<&'static str>, DiskError> {
        let mut want = READ_BYTES;
        loop {
            let position = self.segment.bytes;
            if position >= length {
                return Ok(None);
            }
            let content = read_bytes(disk, &self.segment.file, position, want.min(length - position)).await?;
            let read = content.len() as u64;
            if let Some(reason) = self.take(content) {
                return Ok(Some(reason));
            }
            if self.segment.bytes > position {
                want = READ_BYTES;
            } else if read < want || position + read >= length {
                return Ok(Some(BatchError::Truncated { have: 0, need: 0 }.reason()));
            } else {
                // The batch is longer than what was read.
                want = want.saturating_mul(2);
            }
        }
    }

    /// Takes the whole batches of `content`; returns what is wrong with the first that is.
    fn take(&mut self, content: Bytes) -> Option<&'static str> {
        for batch in batches(content) {
            let wrong = match &batch {
                Err(error) => Some(error.reason()),
                Ok(batch) => self.accept(batch).err(),
            };
            if wrong.is_some() {
                return wrong;
            }
        }
        None
    }

    fn accept(&mut self, batch: &RecordBatch) -> Result<(), &'static str> {
        let (base, end) = (batch.base_offset(), self.segment.end);
        if base != end && !(base > end && base < self.gaps_before) {
            return Err(GAP);
        }
        if !self.segment.can_hold(batch.last_offset()) {
            return Err(TOO_FAR);
        }
        let epoch = batch.leader_epoch();
        if epoch.0 < 0 || self.epochs.latest().is_some_and(|latest| epoch < latest) {
            return Err(OLD_EPOCH);
        }
        let known = |offset: Offset| {
            offset < self.start || self.stored.is_none_or(|stored| stored.epoch_at(offset) == Some(epoch))
        };
        if !known(batch.base_offset()) || !known(batch.last_offset()) {
            return Err(OTHER_EPOCH);
        }
        self.epochs.assign(epoch, batch.base_offset());
        let place = BatchPlace::of(batch, self.segment.bytes);
        self.segment.push(&place, self.index_interval_bytes);
        self.tail.push(place);
        Ok(())
    }
}

/// Makes `segment` of its indexes. `next` is where the next segment begins; of the last one the batches behind the
/// last index entry are read too, into `tail`. None if the files do not fit together.
pub(super) async fn load_segment<D: Disk>(
    disk: &D,
    mut segment: Segment,
    length: u64,
    next: Option<Offset>,
    tail: &mut Tail,
) -> Result<Option<Segment>, DiskError> {
    // What the tail knows must reach up to the end of the log without a gap.
    tail.clear();
    let (offsets, times) = (segment.index_file(), segment.time_index_file());
    let (Some(offsets), Some(times)) = (read_file(disk, &offsets).await?, read_file(disk, &times).await?)
    else {
        return Ok(None);
    };
    let end = next.unwrap_or(Offset(i64::MAX));
    let (Some(offsets), Some(times)) =
        (OffsetIndex::decode(segment.base, &offsets, length), TimeIndex::decode(segment.base, &times, end))
    else {
        return Ok(None);
    };
    segment.newest = times.last().unwrap_or((Timestamp::NONE, segment.base));
    let position = offsets.last_position();
    (segment.offsets, segment.times, segment.bytes) = (offsets, times, length);
    segment.end = end;
    let first = read_bytes(disk, &segment.file, 0, BatchHead::BYTES).await?;
    if let Ok(Some(first)) = BatchHead::read(&first) {
        segment.first_timestamp = first.max_timestamp;
    }
    if next.is_some() {
        return Ok((length > 0).then_some(segment));
    }
    let rest = read_bytes(disk, &segment.file, position, length.saturating_sub(position)).await?;
    segment.end = segment.base;
    let mut behind = position;
    for head in batch_heads(&rest) {
        let Ok((at, head)) = head else { return Ok(None) };
        let place = BatchPlace::of_head(&head, position.saturating_add(at as u64));
        (segment.end, behind) = (place.next, place.end_position());
        tail.push(place);
    }
    segment.reopen(position);
    // A log closed in order ends with a whole batch; whatever else is there must be scanned.
    if behind == length { Ok(Some(segment)) } else { Ok(None) }
}

/// The content of a file; none if it does not exist.
pub(super) async fn read_file<D: Disk>(disk: &D, file: &FileName) -> Result<Option<Bytes>, DiskError> {
    match read_bytes(disk, file, 0, u64::MAX).await {
        Ok(content) => Ok(Some(content)),
        Err(DiskError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads until `length` bytes are there or the file ends.
pub(super) async fn read_bytes<D: Disk>(
    disk: &D,
    file: &FileName,
    position: u64,
    length: u64,
) -> Result<Bytes, DiskError> {
    let mut content = BytesMut::new();
    let mut left = length;
    while left > 0 {
        let position = position + content.len() as u64;
        let op = DiskOp::Read { file: file.clone(), position, length: left };
        let DiskDone::Read(part) = disk.execute(op).await? else { break };
        if part.is_empty() {
            break;
        }
        left = left.saturating_sub(part.len() as u64);
        content.extend_from_slice(&part);
    }
    Ok(content.freeze())
}
