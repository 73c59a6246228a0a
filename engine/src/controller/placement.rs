//! Where the replicas of a new topic go (Kafka's `StripedReplicaPlacer`, without racks).
//!
//! Replicas are striped over the active brokers from a drawn start, so that leaders and followers of many
//! partitions spread evenly.

use crate::id::NodeId;
use crate::rng::Rng;

/// The replicas of `partitions` partitions, the first of each being its preferred leader.
///
/// `brokers` must hold at least `replication` of them.
pub(super) fn place(
    brokers: &[NodeId],
    partitions: usize,
    replication: usize,
    rng: &mut Rng,
) -> Vec<Vec<NodeId>> {
    assert!(replication >= 1 && replication <= brokers.len(), "cannot place {replication} replicas");
    let count = brokers.len();
    let start = usize::try_from(rng.below(count as u64)).unwrap_or(0);
    let replica = |partition: usize, index: usize| brokers[(start + partition + index) % count];
    (0..partitions)
        .map(|partition| (0..replication).map(|index| replica(partition, index)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn replicas_of_a_partition_are_on_different_brokers_and_leaders_spread() {
        let brokers: Vec<NodeId> = (1..=5).map(NodeId).collect();
        let placed = place(&brokers, 10, 3, &mut Rng::from_seed(1));
        for replicas in &placed {
            assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), 3);
        }
        for broker in brokers {
            assert_eq!(placed.iter().filter(|replicas| replicas[0] == broker).count(), 2);
        }
    }
}
