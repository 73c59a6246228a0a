//! FindCoordinator: which broker leads the partition of `__consumer_offsets` that a group hashes to.
//!
//! The topic appears when the first group is looked for. Until it has a leader, clients are told to come back.

use super::offsets_topic;
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, PartitionIndex};
use crate::machine::Effects;
use crate::message::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

impl Broker {
    pub(super) fn find_coordinators(
        &mut self,
        request: &FindCoordinatorRequest,
        effects: &mut Effects,
    ) -> FindCoordinatorResponse {
        let mut coordinators = Vec::with_capacity(request.keys.len());
        for key in &request.keys {
            let found = if request.key_type == FindCoordinatorRequest::GROUP {
                self.find_coordinator(key, effects)
            } else {
                // There are no transactions yet, and no share groups.
                Err(ErrorCode::InvalidRequest)
            };
            coordinators.push(Coordinator {
                key: key.clone(),
                error: found.as_ref().err().copied().unwrap_or(ErrorCode::None),
                error_message: None,
                node: found.ok(),
            });
        }
        FindCoordinatorResponse { coordinators }
    }

    fn find_coordinator(
        &mut self,
        group: &str,
        effects: &mut Effects,
    ) -> Result<(NodeId, Endpoint), ErrorCode> {
        if !self.metadata_fetch.published {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let Some(index) = self.partition_of_group(group) else {
            self.create_missing(vec![offsets_topic()], effects);
            return Err(ErrorCode::CoordinatorNotAvailable);
        };
        let topic = self.image.topics().get(&offsets_topic());
        let leader =
            topic.and_then(|topic| topic.partitions.get(&index)).and_then(|partition| partition.leader);
        let leader = leader.filter(|leader| self.image.is_active(*leader));
        let found = leader.and_then(|leader| Some((leader, self.endpoint(leader)?)));
        found.ok_or(ErrorCode::CoordinatorNotAvailable)
    }

    /// The partition of `__consumer_offsets` that a group hashes to; `None` if the topic does not exist.
    pub(super) fn partition_of_group(&self, group: &str) -> Option<PartitionIndex> {
        let count = self.image.topics().get(&offsets_topic())?.partitions.len();
        let count = i32::try_from(count).ok().filter(|count| *count > 0)?;
        Some(partition_of_group(group, count))
    }
}

/// The partition of `__consumer_offsets` that a group hashes to, of so many (Kafka `GroupCoordinator.partitionFor`).
///
/// # Panics
/// If there is no partition.
#[must_use]
pub fn partition_of_group(group: &str, count: i32) -> PartitionIndex {
    assert!(count > 0, "a topic without partitions");
    PartitionIndex(hash(group) % count)
}

/// Java's `String.hashCode`, made positive as Kafka's `Utils.abs` does it.
fn hash(text: &str) -> i32 {
    let hash = text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    hash.checked_abs().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn a_group_hashes_as_in_java() {
        assert_eq!((hash(""), hash("a"), hash("orders-service")), (0, 97, 23_943_117));
        assert_eq!((hash("console-consumer-12345"), hash("größe-𝄞")), (158_455_506, 175_616_166));
        assert_eq!(hash("polygenelubricants"), 0, "the one number that has no positive twin");
    }
}
