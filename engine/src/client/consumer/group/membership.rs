//! A member as a pure machine, whatever protocol its group speaks: what both kinds have in common.
//!
//! Two drive a machine. The group's task asks [`Membership::step`] what to send and tells what was answered; polls ask
//! [`Membership::work`] what the listener has to be told, and tell when that is done. Everything is told the time.
//!
//! What a member owns is what its listener was told and not told to give up. Ownership is lost, not revoked, once the
//! coordinator does not count on the member any more: somebody else may own the partitions by then.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

use super::classic::Classic;
use super::consumer_protocol::ConsumerMember;
use super::work::Work;
use crate::client::cluster::Metadata;
use crate::config::{GroupProtocol, MembershipConfig};
use crate::error::ErrorCode;
use crate::id::{TopicName, TopicPartition};
use crate::time::Instant;

/// The generation, or the epoch, of a member of none.
pub(super) const NO_GENERATION: i32 = -1;

/// What the task does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Join, and see the round through. Classic members only.
    Join,
    /// Tell the coordinator that the member is alive.
    Heartbeat,
    /// Leave: no poll came for `max.poll.interval.ms`.
    PollLate,
    /// Look again at this time, or when woken.
    Wait(Option<Instant>),
}

/// What an answer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// Go on.
    GoOn,
    /// Try the same again, a little later.
    Retry,
    /// Find the coordinator first.
    FindCoordinator,
}

/// Who a member is at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    /// Its id; empty for who belongs to no group.
    pub(super) member_id: String,
    /// Its generation or member epoch.
    pub(super) generation: i32,
}

impl Identity {
    /// Who commits without being a member.
    pub(super) fn nobody() -> Self {
        Identity { member_id: String::new(), generation: NO_GENERATION }
    }
}

/// What every member can do.
pub(super) trait Membership {
    /// What the member wants to read from now on.
    fn subscribe(&mut self, topics: Vec<TopicName>, now: Instant);

    /// A poll looks after the group.
    fn polled(&mut self, now: Instant);

    /// Looks what the metadata has to say. True if it lacks something.
    fn compare_metadata(&mut self, metadata: &Metadata) -> bool;

    /// Why nothing helps any more.
    fn failure(&self) -> Option<ErrorCode>;

    /// Nothing helps any more.
    fn fail(&mut self, error: ErrorCode);

    /// Who it is, as far as it is anybody.
    fn identity(&self) -> Identity;

    /// Who commits.
    ///
    /// # Errors
    /// The group rebalances, or the member is not in it: a commit now would be refused.
    fn committer(&self) -> Result<Identity, ErrorCode>;

    /// True if it is in the group, and positions may be committed from time to time.
    fn is_stable(&self) -> bool;

    /// What it owns.
    fn owned(&self) -> &BTreeSet<TopicPartition>;

    /// What the listener has to be told next. Without anything to tell the member may go on to join.
    fn work(&mut self) -> Option<Work>;

    /// The listener was told that these are gone.
    fn gave_up(&mut self, partitions: &[TopicPartition]);

    /// The listener is about to be told that these are all of its partitions.
    fn takes_over(&mut self, partitions: &[TopicPartition]);

    /// The listener was told that these are all of its partitions.
    fn took_over(&mut self, partitions: &[TopicPartition]);

    /// What the task does next.
    fn step(&self, now: Instant) -> Step;

    /// The heartbeat did not reach the coordinator: the next one is due at once.
    fn heartbeat_lost(&mut self, now: Instant);

    /// What was said to a commit of `sent`.
    fn commit_answered(&mut self, error: ErrorCode, sent: &Identity) -> After;

    /// The member leaves by itself. What it owned is lost, and it will join anew.
    fn leave(&mut self);

    /// The member is out, for good.
    fn end(&mut self);
}

/// A member of either kind.
pub(super) enum Machine {
    /// Of a classic group.
    Classic(Classic),
    /// Of a group whose coordinator assigns (KIP-848).
    Consumer(ConsumerMember),
}

impl Machine {
    /// A member that subscribes to nothing. `id` is the one it keeps for life, if the protocol wants that.
    pub(super) fn new(config: MembershipConfig, rack: &str, id: String, now: Instant) -> Self {
        match config.group_protocol {
            GroupProtocol::Classic => Machine::Classic(Classic::new(config, rack, now)),
            GroupProtocol::Consumer => Machine::Consumer(ConsumerMember::new(config, rack, id, now)),
        }
    }
}

impl Deref for Machine {
    type Target = dyn Membership;

    fn deref(&self) -> &Self::Target {
        match self {
            Machine::Classic(machine) => machine,
            Machine::Consumer(machine) => machine,
        }
    }
}

impl DerefMut for Machine {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Machine::Classic(machine) => machine,
            Machine::Consumer(machine) => machine,
        }
    }
}
