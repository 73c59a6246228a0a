//! The first bytes of a batch: enough to step over it, without looking at its content or its CRC.

use bytes::Buf as _;

use super::batch::{OFFSET_MAX, batch_size};
use super::error::BatchError;
use crate::epoch::LeaderEpoch;
use crate::offset::Offset;
use crate::time::Timestamp;

/// What the head of a batch says. Nothing of it is proven: the CRC was not checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHead {
    /// Offset of the first record.
    pub base: Offset,
    /// The offset after the last record.
    pub next: Offset,
    /// Size of the whole batch in bytes.
    pub size: usize,
    /// The leader epoch it was written in.
    pub epoch: LeaderEpoch,
    /// Largest timestamp of its records.
    pub max_timestamp: Timestamp,
}

impl BatchHead {
    /// Bytes it is read from.
    pub const BYTES: u64 = 43;

    /// Reads the head of the batch that `bytes` begins with; none if there are too few of them.
    ///
    /// # Errors
    /// [`BatchError`] if this cannot be a batch of format v2.
    pub fn read(mut bytes: &[u8]) -> Result<Option<BatchHead>, BatchError> {
        match BatchHead::fields(&mut bytes) {
            None => Ok(None),
            Some(fields) => fields.map(Some),
        }
    }

    fn fields(bytes: &mut &[u8]) -> Option<Result<BatchHead, BatchError>> {
        let base = bytes.try_get_i64().ok()?;
        let length = bytes.try_get_i32().ok()?;
        let epoch = LeaderEpoch(bytes.try_get_i32().ok()?);
        let magic = bytes.try_get_i8().ok()?;
        let _crc = bytes.try_get_u32().ok()?;
        let _attributes = bytes.try_get_i16().ok()?;
        let last_offset_delta = bytes.try_get_i32().ok()?;
        let _base_timestamp = bytes.try_get_i64().ok()?;
        let max_timestamp = Timestamp(bytes.try_get_i64().ok()?);
        if magic != 2 {
            return Some(Err(BatchError::Magic { magic }));
        }
        let last =
            base.checked_add(last_offset_delta.into()).filter(|last| (base..=OFFSET_MAX.0).contains(last));
        let Some(last) = last.filter(|_| base >= 0) else {
            return Some(Err(BatchError::OffsetRange { base }));
        };
        Some(batch_size(length).map(|size| BatchHead {
            base: Offset(base),
            next: Offset(last).next(),
            size,
            epoch,
            max_timestamp,
        }))
    }
}

/// The heads of the batches `bytes` begins with, each with its position. The last batch may be cut short behind
/// its head. Ends with the bytes, or after the first error.
pub fn batch_heads(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, BatchHead), BatchError>> {
    let mut position = Some(0);
    std::iter::from_fn(move || {
        let at = position.take()?;
        match BatchHead::read(bytes.get(at..)?) {
            Ok(None) => None,
            Ok(Some(head)) => {
                position = at.checked_add(head.size);
                Some(Ok((at, head)))
            }
            Err(error) => Some(Err(error)),
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::record::{BatchBuilder, Compression, RecordBatch};

    fn batch(base: i64, records: i64) -> RecordBatch {
        let mut builder = BatchBuilder::new(Compression::None);
        for index in 0..records {
            builder.push(Timestamp(base + index), None, Some(b"value"), &[]);
        }
        RecordBatch::parse(builder.build()).expect("built").with_position(Offset(base), LeaderEpoch(3))
    }

    #[test]
    fn heads_say_what_the_batches_say() {
        let batches = [batch(4, 2), batch(6, 1), batch(20, 5)];
        let bytes: Vec<Bytes> = batches.iter().map(RecordBatch::to_bytes).collect();
        let bytes = bytes.concat();
        let heads: Vec<_> = batch_heads(&bytes).map(|head| head.expect("sound")).collect();
        let mut position = 0;
        for ((at, head), batch) in heads.iter().zip(&batches) {
            assert_eq!(*at, position);
            assert_eq!((head.base, head.next), (batch.base_offset(), batch.next_offset()));
            assert_eq!((head.epoch, head.max_timestamp), (batch.leader_epoch(), batch.max_timestamp()));
            assert_eq!(head.size, batch.size());
            position += head.size;
        }
        assert_eq!(heads.len(), 3);
    }

    #[test]
    fn a_batch_cut_short_still_has_its_head_and_half_a_head_is_none() {
        let bytes = batch(4, 2).to_bytes();
        assert_eq!(batch_heads(&bytes[..50]).count(), 1);
        assert_eq!(batch_heads(&bytes[..42]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_heads_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for head in batch_heads(&bytes) {
                let _ = head;
            }
        }
    }
}
