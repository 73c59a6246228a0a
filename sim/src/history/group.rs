//! What members of consumer groups saw: which partitions they owned when, what they were given, what they processed,
//! what they committed.
//!
//! A [`MemberLife`] is one boot of one member's process. What a member believes it owns lies between two of its own
//! callbacks; whether the coordinator agrees is for checkers to say. Nothing here is judged.

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::RecordId;

/// One boot of one member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberLife {
    /// The group's id.
    pub group: String,
    /// Name of its host: `billing-0`.
    pub name: String,
    /// When the process started.
    pub began: Instant,
    /// When it ended, however it did; `None` if it outlived the run.
    pub ended: Option<Instant>,
    /// The partitions of its subscription; other fields index them.
    pub partitions: Vec<TopicPartition>,
    /// What it owned, by start.
    pub ownerships: Vec<Ownership>,
    /// What it was given, in order.
    pub deliveries: Vec<Delivery>,
    /// What it committed, one entry a partition, in the order they were sent.
    pub commits: Vec<Commit>,
    /// Positions that `auto.offset.reset` or a truncated log set anew.
    pub resets: Vec<PositionReset>,
}

/// A member owned a partition, as it saw it: from the end of the callback that gave it to the end of the one that took
/// it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// Index into [`MemberLife::partitions`].
    pub partition: u32,
    /// The member id it had.
    pub member: String,
    /// The generation, or the member epoch, it got the partition in.
    pub epoch: i32,
    /// From.
    pub from: Instant,
    /// To; `None` while it lasts, and for ever if the process died.
    pub until: Option<Instant>,
    /// The member learned that it had lost the partition before, instead of being asked to give it back.
    pub lost: bool,
}

/// A record that a member was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Index into [`MemberLife::partitions`].
    pub partition: u32,
    /// Its offset.
    pub offset: Offset,
    /// The leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
    /// What it is; `None` if the value is not one of ours.
    pub record: Option<RecordId>,
    /// When the poll returned it.
    pub at: Instant,
    /// When its processing ended; `None` if it never did.
    pub processed: Option<Instant>,
    /// Index into [`MemberLife::ownerships`].
    pub ownership: u32,
}

/// A position that was set anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionReset {
    /// When.
    pub at: Instant,
    /// Index into [`MemberLife::partitions`].
    pub partition: u32,
    /// The position it had; `None` if it had none, because nothing was committed.
    pub from: Option<Offset>,
    /// The position it got.
    pub to: Offset,
}

/// How a commit ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommitOutcome {
    /// The coordinator said that it has it.
    Acknowledged,
    /// The coordinator refused it.
    Refused(String),
    /// Nobody knows.
    Unknown(String),
    /// The run or the process ended before it did.
    Pending,
}

/// A commit of one partition's position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Index into [`MemberLife::partitions`].
    pub partition: u32,
    /// The position.
    pub offset: Offset,
    /// When it was handed to the client.
    pub sent: Instant,
    /// When it ended.
    pub answered: Option<Instant>,
    /// How.
    pub outcome: CommitOutcome,
}

impl MemberLife {
    /// A life that begins.
    #[must_use]
    pub fn new(group: &str, name: &str, began: Instant, partitions: Vec<TopicPartition>) -> MemberLife {
        MemberLife {
            group: group.to_owned(),
            name: name.to_owned(),
            began,
            ended: None,
            partitions,
            ownerships: Vec::new(),
            deliveries: Vec::new(),
            commits: Vec::new(),
            resets: Vec::new(),
        }
    }

    /// The partition of an index.
    #[must_use]
    pub fn partition(&self, index: u32) -> Option<&TopicPartition> {
        self.partitions.get(index as usize)
    }
}
