//! Groups of KIP-848: members send heartbeats, the coordinator assigns.
//!
//! ```text
//! members, subscriptions, topics --change--> group epoch + 1 --assignor--> target assignment of that epoch
//! a member's heartbeat --> one step from what it owns to its target (`reconcile`) --> its member epoch
//! ```
//! Everything is stored ([`ConsumerGroup`], kinds 3 to 8 of the log): a heartbeat that changes something writes records,
//! and is answered when they are committed. Only deadlines ([`timers`]) are this boot's own. The rules are those of
//! Kafka's `GroupMetadataManager`, the steps those of its `CurrentAssignmentBuilder`.
//!
//! Not here: subscriptions by regular expression (refused with INVALID_REGULAR_EXPRESSION), racks in assignors, and
//! groups with members of both protocols: a group that is empty may change its protocol, one that is not may not.

mod admin;
mod assignment;
pub(super) mod assignor;
mod change;
mod heartbeat;
mod identity;
mod leave;
mod reconcile;
mod stored;
mod timers;

pub use assignment::{Assignment, Place};
pub use stored::{ConsumerGroup, ConsumerMember, CurrentAssignment, MemberState, SubscribedTopic};

pub(super) use timers::Timers;

use crate::id::{TopicId, TopicName};

/// The topics of the cluster, as far as the coordinator's broker knows them.
pub trait Topics {
    /// A topic, if it exists.
    fn topic(&self, name: &TopicName) -> Option<SubscribedTopic>;

    /// The name of a topic, if it exists.
    fn name(&self, id: TopicId) -> Option<TopicName>;
}
