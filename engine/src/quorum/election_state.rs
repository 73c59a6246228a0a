//! What a voter must never forget: its epoch, its vote in it, the leader of it.
//!
//! Kept in the file `quorum-state` beside the metadata log, as Kafka does, and written and synced before anything
//! that depends on it is said to anybody: a voter that forgets its vote can elect two leaders in one epoch.
//!
//! The content is our own (lines of a word and a number): nobody else reads it.

use bytes::Bytes;

use crate::epoch::LeaderEpoch;
use crate::id::NodeId;

/// Name of the file.
pub const QUORUM_STATE: &str = "quorum-state";
const VERSION: &str = "version 0";

/// A voter's epoch with what it has done in it (Kafka's `ElectionState`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ElectionState {
    /// The highest epoch the voter knows of.
    pub epoch: LeaderEpoch,
    /// Who got its vote in this epoch.
    pub voted: Option<NodeId>,
    /// Who leads in this epoch, if it has learnt it.
    pub leader: Option<NodeId>,
}

/// A `quorum-state` file that cannot be read. A voter without its memory must not vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the file `quorum-state` is damaged")]
pub struct ElectionStateError;

impl ElectionState {
    /// A voter that has never heard of an epoch.
    pub const NEW: ElectionState = ElectionState { epoch: LeaderEpoch::ZERO, voted: None, leader: None };

    /// An epoch in which nothing has been done yet.
    #[must_use]
    pub fn of_epoch(epoch: LeaderEpoch) -> ElectionState {
        ElectionState { epoch, voted: None, leader: None }
    }

    /// The content of the file.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let ElectionState { epoch, voted, leader } = self;
        let id = |node: &Option<NodeId>| node.unwrap_or(NodeId::NONE);
        Bytes::from(format!(
            "{VERSION}\nleaderEpoch {epoch}\nvotedId {}\nleaderId {}\n",
            id(voted),
            id(leader)
        ))
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// If it is not what [`ElectionState::encode`] writes.
    pub fn decode(content: &[u8]) -> Result<ElectionState, ElectionStateError> {
        let text = std::str::from_utf8(content).map_err(|_| ElectionStateError)?;
        let mut lines = text.lines();
        if lines.next() != Some(VERSION) {
            return Err(ElectionStateError);
        }
        let mut number = |name: &str| {
            let (word, value) =
                lines.next().and_then(|line| line.split_once(' ')).ok_or(ElectionStateError)?;
            if word != name {
                return Err(ElectionStateError);
            }
            value.parse::<i32>().map_err(|_| ElectionStateError)
        };
        let epoch = LeaderEpoch(number("leaderEpoch")?);
        let voted = NodeId(number("votedId")?);
        let leader = NodeId(number("leaderId")?);
        if epoch < LeaderEpoch::ZERO || lines.next().is_some() {
            return Err(ElectionStateError);
        }
        let known = |node: NodeId| (node != NodeId::NONE).then_some(node);
        Ok(ElectionState { epoch, voted: known(voted), leader: known(leader) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(epoch in 0..=i32::MAX, voted in option::of(0..1000), leader in option::of(0..1000)) {
            let state = ElectionState {
                epoch: LeaderEpoch(epoch),
                voted: voted.map(NodeId),
                leader: leader.map(NodeId),
            };
            prop_assert_eq!(ElectionState::decode(&state.encode()), Ok(state));
        }

        #[test]
        fn no_content_makes_it_panic(content in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = ElectionState::decode(&content);
        }
    }

    #[test]
    fn a_torn_file_is_refused() {
        let whole = ElectionState { epoch: LeaderEpoch(7), voted: Some(NodeId(101)), leader: None }.encode();
        for length in 0..whole.len() - 1 {
            let torn = ElectionState::decode(&whole[..length]);
            assert!(torn.is_err() || torn == ElectionState::decode(&whole), "{length}");
        }
        assert_eq!(
            ElectionState::decode(b"version 0\nleaderEpoch 7\nvotedId 101\n"),
            Err(ElectionStateError)
        );
    }
}
