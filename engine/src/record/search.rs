//! Which batches of a file a reader gets, found by their heads alone.
//!
//! The batches themselves are not read, so that they can be sent from the file as they are. What is found is what a
//! reader of all the bytes would find; but a batch in the middle that cannot be one is not noticed here.

use std::ops::Range;

use super::error::BatchError;
use super::head::BatchHead;
use crate::offset::Offset;

/// Bytes read at a time: heads of small batches lie close together.
const WINDOW_BYTES: usize = 1024;

/// What is known before the file is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSearch {
    /// Here begins a batch: the first wanted one, or one before it.
    pub position: u64,
    /// Here begins a batch, too. Every batch between the first wanted one and this is wanted. At `position` if
    /// nothing is known.
    pub wanted_up_to: u64,
    /// Every wanted batch ends at or before this.
    pub end: u64,
    /// The first wanted batch holds this offset, or is the next one.
    pub from: Offset,
    /// Wanted are batches that lie wholly below this.
    pub up_to: Offset,
    /// As many whole batches as fit, and at least one even if it does not (KIP-74).
    pub bytes_max: usize,
}

impl BatchSearch {
    /// Where the wanted batches lie: an empty range if there is none, `None` if something that is no batch lies where
    /// one should. `read` reads at a position and returns how many bytes it got; none at the end of the file.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn run<E>(
        &self,
        read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>,
    ) -> Result<Option<Range<u64>>, E> {
        let mut heads = Heads { read, window: [0; WINDOW_BYTES], filled: 0, at: 0 };
        let mut position = self.position;
        let mut wanted = position..position;
        while let Some(head) = heads.read_head(position)? {
            let Ok(head) = head else { return Ok(None) };
            let end = position.saturating_add(head.size as u64);
            if head.next <= self.from {
                position = end;
                continue;
            }
            let first = wanted.is_empty();
            if first {
                wanted = position..position;
            }
            let fits = first || end - wanted.start <= self.bytes_max as u64;
            if head.next > self.up_to || !fits || end > self.end {
                break;
            }
            wanted.end = if first { end.max(self.wanted_up_to) } else { end };
            position = wanted.end;
        }
        Ok(Some(wanted))
    }
}

/// A window on the file.
struct Heads<R> {
    read: R,
    window: [u8; WINDOW_BYTES],
    filled: usize,
    at: u64,
}

impl<E, R: FnMut(u64, &mut [u8]) -> Result<usize, E>> Heads<R> {
    /// The head of the batch at `position`; none if the file ends before it is whole.
    fn read_head(&mut self, position: u64) -> Result<Option<Result<BatchHead, BatchError>>, E> {
        if let Some(head) = BatchHead::read(self.from(position)).transpose() {
            return Ok(Some(head));
        }
        (self.at, self.filled) = (position, 0);
        while (self.filled as u64) < BatchHead::BYTES {
            let at = position + self.filled as u64;
            match (self.read)(at, self.window.get_mut(self.filled..).unwrap_or_default())? {
                0 => return Ok(None),
                count => self.filled += count,
            }
        }
        Ok(BatchHead::read(self.from(position)).transpose())
    }

    /// What the window holds from `position` on.
    fn from(&self, position: u64) -> &[u8] {
        let skipped = position.checked_sub(self.at).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.window.get(skipped..self.filled)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::record::{BatchBuilder, Compression, RecordBatch, batch_heads};
    use crate::time::Timestamp;

    /// A batch of `records` records at `base`, with this many bytes of values.
    fn batch(base: i64, records: u8, bytes: u16) -> Bytes {
        let mut builder = BatchBuilder::new(Compression::None);
        for _ in 0..records {
            builder.push(Timestamp(0), None, Some(&vec![7; usize::from(bytes)]), &[]);
        }
        let parsed = RecordBatch::parse(builder.build()).expect("built");
        parsed.with_position(Offset(base), LeaderEpoch(3)).to_bytes()
    }

    fn file(batches: &[(u8, u8, u16)]) -> Bytes {
        let mut next = 0;
        let mut bytes = Vec::new();
        for (gap, records, value) in batches {
            let base = next + i64::from(*gap);
            bytes.extend_from_slice(&batch(base, *records, *value));
            next = base + i64::from(*records);
        }
        bytes.into()
    }

    /// Reads as a file does, but never more than `most` bytes at a time.
    fn reader(file: &Bytes, most: usize) -> impl FnMut(u64, &mut [u8]) -> Result<usize, Infallible> {
        move |position, buffer| {
            let rest = file.get(usize::try_from(position).unwrap_or(usize::MAX)..).unwrap_or_default();
            let count = rest.len().min(buffer.len()).min(most);
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    /// The wanted batches, by looking at every one.
    fn expected(file: &Bytes, search: &BatchSearch) -> Range<u64> {
        let mut wanted = 0..0;
        for head in batch_heads(file) {
            let (at, head) = head.expect("sound");
            let end = at + head.size;
            if head.next <= search.from {
                continue;
            }
            let start = if wanted.is_empty() { at } else { wanted.start };
            let fits = wanted.is_empty() || end - start <= search.bytes_max;
            if head.next > search.up_to || !fits || end as u64 > search.end {
                break;
            }
            wanted = start..end;
        }
        wanted.start as u64..wanted.end as u64
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_look_at_every_batch_finds(
            batches in prop::collection::vec((0..3_u8, 1..4_u8, 0..600_u16), 1..20),
            (from, up_to, bytes_max) in (0..40_i64, 0..60_i64, 0..9000_usize),
            (begin, known, most) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..2000_usize),
        ) {
            let file = file(&batches);
            let everything = BatchSearch {
                position: 0,
                wanted_up_to: 0,
                end: file.len() as u64,
                from: Offset(from),
                up_to: Offset(up_to),
                bytes_max,
            };
            let expected = expected(&file, &everything);
            let heads: Vec<(u64, BatchHead)> =
                batch_heads(&file).map(|head| head.expect("sound")).map(|(at, head)| (at as u64, head)).collect();
            // An index may know any batch up to the first wanted one, and any wanted one.
            let before: Vec<u64> =
                heads.iter().filter(|(_, head)| head.base <= Offset(from)).map(|(at, _)| *at).collect();
            let position = if before.is_empty() { 0 } else { before[begin.index(before.len())] };
            let wanted: Vec<u64> =
                heads.iter().map(|(at, _)| *at).filter(|at| expected.contains(at)).chain([position]).collect();
            let wanted_up_to = wanted[known.index(wanted.len())].max(position);
            let search = BatchSearch { position, wanted_up_to, ..everything };
            let Ok(found) = search.run(reader(&file, most));
            let found = found.expect("sound");
            if expected.is_empty() {
                prop_assert!(found.is_empty());
            } else {
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn what_is_no_batch_is_noticed_where_its_head_is_looked_at() {
        let bytes = Bytes::from(vec![9; 200]);
        let search = BatchSearch {
            position: 0,
            wanted_up_to: 0,
            end: 200,
            from: Offset(0),
            up_to: Offset(9),
            bytes_max: 9,
        };
        assert_eq!(search.run(reader(&bytes, 200)), Ok(None));
    }
}
