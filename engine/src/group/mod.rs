//! Consumer groups: what the coordinator of one partition of `__consumer_offsets` knows and decides.
//!
//! A [`Shard`] is one such partition. It decides, and what it decides it does not do: it returns records to write
//! ([`Write`]) and answers. Whoever runs it appends the records to the partition's log, replays them into the shard
//! with [`Shard::replay`], and comes back with [`Shard::committed`] when the high watermark has passed them, or with
//! [`Shard::failed`]. Answers that promise something go with a write and are released then.
//!
//! Two kinds of state. What is **stored** ([`Stored`]: the last generation that got its assignment, committed
//! offsets) changes in `replay` only, live and on recovery, so that it always equals what the log says. What is
//! **soft** (who waits for what, timers, a rebalance on its way) belongs to this boot: a new coordinator starts
//! without it, and members join again. As in Kafka's `GroupCoordinatorShard`, a generation is stored when its leader
//! has brought the assignment.
//!
//! Every request names a [`Ticket`], and every ticket is answered exactly once.
//!
//! Deliberately absent: logs, disks, connections, requests about more than one group. `broker::groups` has those.
//! The two protocols stand beside each other, [`classic`] and [`consumer`] (KIP-848), over the same records and
//! offsets; a group speaks one of them at a time.

mod admin;
mod classic;
mod consumer;
mod failure;
mod offsets;
mod record;
mod shard;
mod stored;
mod subscription;

#[cfg(test)]
mod tests;

pub use classic::{ClassicGroup, GroupState};
pub use consumer::{
    Assignment, ConsumerGroup, ConsumerMember, CurrentAssignment, MemberState, Place, SubscribedTopic, Topics,
};
pub use failure::coordinator_error;
pub use record::{CommittedOffset, ConsumerRecord, GroupMetadata, MemberMetadata, Record, RecordError};
pub use shard::Shard;
pub use stored::{Stored, StoredGroup};

use uuid::Uuid;

use crate::config::GroupConfig;
use crate::event::Event;
use crate::message::Response;
use crate::time::Now;
use crate::variant::ProtocolVariant;

use self::classic::Replacement;

/// Names a request until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Names the request.
    pub ticket: Ticket,
    /// The version it was sent in.
    pub api_version: i16,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it comes from; empty if that is not known.
    pub client_host: String,
    /// For a new member's id: no two callers of a cluster have the same.
    pub unique: Uuid,
}

/// What follows from a decision.
#[derive(Debug, Default)]
pub struct Outcome {
    /// To be sent at once.
    pub answers: Vec<(Ticket, Response)>,
    /// To be appended, in this order, each as one batch.
    pub writes: Vec<Write>,
    /// Facts to tell at once.
    pub notes: Vec<Event>,
}

/// Records, and what happens when they are committed.
#[derive(Debug)]
pub struct Write {
    /// The records. There may be none: then it waits for everything written before it.
    pub records: Vec<Record>,
    /// What happens then.
    pub then: Then,
    /// Facts to tell then.
    pub notes: Vec<Event>,
}

/// What happens when a write is committed.
#[derive(Debug)]
pub struct Then(Continuation);

#[derive(Debug)]
enum Continuation {
    Nothing,
    /// The answer to a request; a failure puts its error in.
    Answer(Ticket, Response),
    /// The assignment of a generation is stored.
    Assigned {
        group: String,
        generation: i32,
        assignments: Vec<(String, bytes::Bytes)>,
    },
    /// A static member came back under another id.
    Replaced {
        group: String,
        replacement: Box<Replacement>,
    },
}

/// One decision on its way: the time, the settings, which bugs are planted, what has been decided so far.
struct Turn<'a> {
    now: Now,
    config: &'a GroupConfig,
    variant: ProtocolVariant,
    out: &'a mut Outcome,
}

impl Turn<'_> {
    fn answer(&mut self, ticket: Ticket, response: impl Into<Response>) {
        self.out.answers.push((ticket, response.into()));
    }

    fn write(&mut self, records: Vec<Record>, then: Continuation) {
        self.write_and_note(records, then, Vec::new());
    }

    /// Writes, and tells these facts when it is committed.
    fn write_and_note(&mut self, records: Vec<Record>, then: Continuation, notes: Vec<Event>) {
        self.out.writes.push(Write { records, then: Then(then), notes });
    }

    fn note(&mut self, event: Event) {
        self.out.notes.push(event);
    }
}
