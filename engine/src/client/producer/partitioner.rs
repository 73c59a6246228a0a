//! Which partition a record goes to.
//!
//! With a key: Kafka's murmur2, so that a key lands where Kafka's own producer puts it. Without: one partition until
//! a batch is full (KIP-794, without its weighting by queue length), or one after the other (`RoundRobinPartitioner`).

use std::collections::BTreeMap;

use crate::id::{PartitionIndex, TopicName};
use crate::rng::Rng;

/// Kafka's `Utils.murmur2`.
pub(super) fn murmur2(bytes: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let mut mixed = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(MIX);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MIX) ^ mixed.wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// The partition of a key among `count` partitions (`BuiltInPartitioner.partitionForKey`).
pub(super) fn partition_for_key(key: &[u8], count: usize) -> PartitionIndex {
    index(u64::from(murmur2(key) & 0x7fff_ffff) % (count.max(1) as u64))
}

fn index(number: u64) -> PartitionIndex {
    PartitionIndex(i32::try_from(number).unwrap_or(i32::MAX))
}

/// Where the next record without a key goes, by topic.
pub(super) struct Sticky {
    rng: Rng,
    current: BTreeMap<TopicName, PartitionIndex>,
}

impl Sticky {
    pub(super) fn new(rng: Rng) -> Self {
        Sticky { rng, current: BTreeMap::new() }
    }

    /// The partition of `topic` records stick to now, if there is one among `count`.
    pub(super) fn current(&self, topic: &TopicName, count: usize) -> Option<PartitionIndex> {
        self.current
            .get(topic)
            .copied()
            .filter(|partition| usize::try_from(partition.0).is_ok_and(|it| it < count))
    }

    /// Moves on to another partition: any of those `available`, of all `count` if none is.
    pub(super) fn advance(
        &mut self,
        topic: &TopicName,
        available: &[PartitionIndex],
        count: usize,
    ) -> PartitionIndex {
        let current = self.current(topic, count);
        let others: Vec<PartitionIndex> =
            available.iter().copied().filter(|partition| Some(*partition) != current).collect();
        let chosen = match (others.is_empty(), available.first()) {
            (false, _) => others[usize::try_from(self.rng.below(others.len() as u64)).unwrap_or(0)],
            (true, Some(only)) => *only,
            (true, None) => index(self.rng.below(count as u64)),
        };
        self.current.insert(topic.clone(), chosen);
        chosen
    }
}

/// A counter for each topic.
#[derive(Default)]
pub(super) struct RoundRobin {
    next: BTreeMap<TopicName, usize>,
}

impl RoundRobin {
    /// The next of those `available`, of all `count` if none is.
    pub(super) fn next(
        &mut self,
        topic: &TopicName,
        available: &[PartitionIndex],
        count: usize,
    ) -> PartitionIndex {
        if !self.next.contains_key(topic) {
            self.next.insert(topic.clone(), 0);
        }
        let next = self.next.get_mut(topic).expect("inserted above");
        let turn = *next;
        *next = next.wrapping_add(1);
        match available.len() {
            0 => index((turn % count.max(1)) as u64),
            length => available[turn % length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_kafkas_own_vectors() {
        // `UtilsTest.testMurmur2`.
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn a_key_goes_to_its_hash_without_sign_modulo_the_partitions() {
        // 0x7fffffff & -973932308 = 1173551340.
        assert_eq!(partition_for_key(b"21", 7), PartitionIndex(1_173_551_340 % 7));
    }

    #[test]
    fn sticky_moves_on_to_another_available_partition() {
        let topic = TopicName::new("orders");
        let mut sticky = Sticky::new(Rng::from_seed(1));
        let available = [PartitionIndex(0), PartitionIndex(2)];
        let first = sticky.advance(&topic, &available, 3);
        let second = sticky.advance(&topic, &available, 3);
        assert_ne!(first, second);
        assert_eq!(sticky.current(&topic, 3), Some(second));
    }

    #[test]
    fn round_robin_visits_every_available_partition_in_turn() {
        let topic = TopicName::new("orders");
        let mut round_robin = RoundRobin::default();
        let available = [PartitionIndex(0), PartitionIndex(2)];
        let turns: Vec<i32> = (0..4).map(|_| round_robin.next(&topic, &available, 3).0).collect();
        assert_eq!(turns, [0, 2, 0, 2]);
    }
}
