//! What polls do for a group, one after the other: tell the listener what it gains and what it gives up.

use crate::id::TopicPartition;

/// One thing to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Work {
    /// These partitions may belong to somebody else by now: nothing of them can be committed.
    Lose(Vec<TopicPartition>),
    /// These partitions are to be given up; until that is said they are this member's.
    Revoke(Vec<TopicPartition>),
    /// These are all of the member's partitions from now on.
    Assign(Vec<TopicPartition>),
}
