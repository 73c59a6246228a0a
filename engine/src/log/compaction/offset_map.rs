//! Which offset each key was written at last (Kafka's `SkimpyOffsetMap`).
//!
//! Kafka's map holds a hash of each key, this one the key. Both are bounded: what does not fit is compacted in another
//! go.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::offset::Offset;

/// What an entry counts besides its key: that of Kafka's map without the hash's collisions.
const ENTRY_BYTES: usize = 24;

/// The latest offset of each key.
#[derive(Clone, Default, Debug)]
pub(super) struct OffsetMap {
    latest: BTreeMap<Bytes, Offset>,
    bytes: usize,
}

impl OffsetMap {
    /// A record of `key` lies at `offset`, behind all that were put before. The key is copied: it must not hold what
    /// was read around it.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) {
        if let Some(latest) = self.latest.get_mut(key) {
            *latest = offset;
            return;
        }
        self.bytes += key.len() + ENTRY_BYTES;
        self.latest.insert(Bytes::copy_from_slice(key), offset);
    }

    /// Where `key` was written last; none if it was not put.
    pub(super) fn latest(&self, key: &[u8]) -> Option<Offset> {
        self.latest.get(key).copied()
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_of_a_key_counts_and_a_key_takes_its_memory_once() {
        let mut map = OffsetMap::default();
        for (key, offset) in [("a", 1), ("b", 2), ("a", 3)] {
            map.put(key.as_bytes(), Offset(offset));
        }
        assert_eq!(
            (map.latest(b"a"), map.latest(b"b"), map.latest(b"c")),
            (Some(Offset(3)), Some(Offset(2)), None)
        );
        assert_eq!(map.bytes(), 2 * (1 + ENTRY_BYTES));
    }
}
