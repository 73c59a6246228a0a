//! The contract between a state machine and the shell that runs it.
//!
//! One [`Input`], one `step`, all [`Effect`]s handed over before the next input. A machine is a function of its
//! state, the time sample and the input: it never waits, spawns, reads a clock, draws entropy or touches a file.
//! Waiting (for the high watermark, for durability, for more bytes) is state of the machine, not of the shell.

use std::fmt;
use std::sync::Arc;

use crate::event::Event;
use crate::id::{ConnectionId, CorrelationId, Endpoint, NodeId};
use crate::message::{Request, Response};
use crate::storage::{DiskOp, DiskOutcome, DiskToken};
use crate::time::{Duration, Instant, Now};

/// Where a request came from, and what its reply needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestContext {
    /// The connection it arrived on.
    pub connection: ConnectionId,
    /// Its correlation id on that connection.
    pub correlation: CorrelationId,
    /// The version it was sent in; the reply goes out in the same.
    pub api_version: i16,
    /// The `client.id` of whoever sent it, if it said one.
    pub client_id: Option<Arc<str>>,
}

/// Matches a reply with the call it answers. Chosen by the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallToken(pub u64);

/// Calls of different lanes to one node use connections of their own, so that a long poll delays no heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Registration, heartbeats, AlterPartition.
    Control,
    /// Fetches of the metadata log.
    Metadata,
    /// Fetches of partitions.
    Replication,
}

/// Why a call has no reply. None of these says whether the request took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made.
    #[error("connection refused or unreachable")]
    Unreachable,
    /// The connection broke while the call was in flight.
    #[error("connection lost")]
    Disconnected,
    /// No reply within the call's timeout; the shell closed the connection, as Kafka's clients do.
    #[error("timed out")]
    TimedOut,
    /// The reply could not be decoded.
    #[error("reply malformed")]
    Malformed,
}

/// Something happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A decoded request arrived.
    Request {
        /// Where from.
        context: RequestContext,
        /// What is asked.
        request: Request,
    },
    /// A call of ours ended.
    Reply {
        /// Which call.
        token: CallToken,
        /// Its reply, or why there is none.
        outcome: Result<Response, CallError>,
    },
    /// A disk operation of ours ended.
    Disk {
        /// Which operation.
        token: DiskToken,
        /// How it ended.
        outcome: DiskOutcome,
    },
    /// A connection is gone; replies to it are pointless.
    Closed {
        /// Which one.
        connection: ConnectionId,
    },
    /// The process is to stop in good order. The machine begins; [`Machine::may_stop`] says when it is done.
    Shutdown {
        /// How long it may wait for others to let it go.
        patience: Duration,
    },
    /// A wake-up the machine asked for is due, or the machine has just booted.
    Tick,
}

/// Something is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Answer a request; `None` is "done, no answer on the wire" (acks=0).
    Respond {
        /// The request's context.
        context: RequestContext,
        /// The answer.
        response: Option<Response>,
    },
    /// Call another process.
    Call {
        /// Its id, which with the lane names the connection.
        to: NodeId,
        /// Where it listens.
        endpoint: Endpoint,
        /// The lane.
        lane: Lane,
        /// Comes back with the outcome.
        token: CallToken,
        /// What is asked.
        request: Request,
        /// How long to wait for the reply.
        timeout: Duration,
    },
    /// Give up the connection to a process; a call in flight on it ends with [`CallError::Disconnected`].
    Disconnect {
        /// The process.
        from: NodeId,
        /// The lane.
        lane: Lane,
    },
    /// Perform a disk operation; operations of one directory in this order.
    Disk {
        /// Comes back with the outcome.
        token: DiskToken,
        /// The operation.
        op: DiskOp,
    },
    /// Close a connection.
    Close {
        /// Which one.
        connection: ConnectionId,
        /// Why, for the log.
        reason: &'static str,
    },
    /// A fact for the trace.
    Note(Event),
}

/// Why a machine wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wakeup {
    /// A call may be retried.
    Retry,
    /// A heartbeat is due.
    Heartbeat,
    /// Followers must be checked for lag.
    IsrCheck,
    /// A parked reply runs out of time.
    Parked,
    /// A broker's session may have ended.
    Session,
    /// A voter of the metadata quorum has something to do.
    Election,
    /// It is time for a snapshot of the metadata.
    Snapshot,
    /// The balance of leaderships is checked.
    Balance,
    /// A shutdown has waited long enough.
    Shutdown,
    /// A consumer group has something to do.
    Group,
    /// Producers that have been silent for too long are to be forgotten.
    ProducerExpiration,
    /// Logs are looked after.
    Maintenance,
    /// A broker looks for a log to compact.
    Cleaner,
}

/// The buffer a step pushes its effects into; the shell drains it after each step.
#[derive(Debug, Default)]
pub struct Effects {
    pending: Vec<Effect>,
}

impl Effects {
    /// Most effects one step may have. More is a bug of ours.
    pub const COUNT_MAX: usize = 100_000;

    /// Adds an effect.
    pub fn push(&mut self, effect: Effect) {
        assert!(self.pending.len() < Self::COUNT_MAX, "a step had more than {} effects", Self::COUNT_MAX);
        self.pending.push(effect);
    }

    /// Adds a fact for the trace.
    pub fn note(&mut self, event: Event) {
        self.push(Effect::Note(event));
    }

    /// Answers a request.
    pub fn respond(&mut self, context: &RequestContext, response: Response) {
        self.push(Effect::Respond { context: context.clone(), response: Some(response) });
    }

    /// Takes all effects in order, leaving the buffer empty with its memory.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.pending.drain(..)
    }

    /// True if there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

/// A state machine the shell can run: a broker or a controller.
pub trait Machine {
    /// Takes one input; pushes what is to be done.
    fn step(&mut self, now: Now, input: Input, effects: &mut Effects);

    /// When the machine wants a [`Input::Tick`], and why. Asked after every step.
    fn next_wakeup(&self) -> Option<(Instant, Wakeup)>;

    /// True when a shutdown is complete and the shell may end the process. Asked after every step.
    fn may_stop(&self) -> bool;

    /// Checks every invariant; panics on a bug of ours.
    fn invariants(&self);
}

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Lane::Control => "control",
            Lane::Metadata => "metadata",
            Lane::Replication => "replication",
        })
    }
}
