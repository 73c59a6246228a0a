//! A consumer's part in a group: which partitions it reads is decided by the group, and how far it has come is kept
//! with the group.
//!
//! Two halves meet at a pure machine ([`membership`], and one for each protocol). The group's task (`task`) does what must not wait for a poll: it
//! joins, sends heartbeats, and leaves when polls stay away. Polls (`rebalance`) tell the listener what comes and what
//! goes. What a poll has begun to tell is kept: a poll that is dropped takes nothing with it.
//!
//! *Invariant:* no borrow of a state is held over an await.

mod assignor;
mod classic;
mod commit;
mod consumer_protocol;
mod coordinator;
mod heartbeat;
mod listener;
mod membership;
mod protocol;
mod rebalance;
mod task;
#[cfg(test)]
mod tests;
mod work;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use tokio::sync::Notify;
use uuid::Uuid;

use self::coordinator::Lane;
pub use self::listener::{Callback, RebalanceListener};
use self::membership::Machine;
pub(super) use self::rebalance::Attention;
use super::{ConsumerEvent, Position};
use crate::client::backoff::Backoff;
use crate::client::cluster::Cluster;
use crate::client::signal::Signal;
use crate::config::{ConsumerConfig, MembershipConfig};
use crate::driver::Platform;
use crate::error::ErrorCode;
use crate::id::{Endpoint, NodeId, TopicName, TopicPartition};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::variant::Guard;

/// A broker and where it listens.
type Located = (NodeId, Endpoint);

/// How far a consumer has come, by partition: the next offset to read.
pub type Offsets = BTreeMap<TopicPartition, Position>;

/// Who a member is for its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMetadata {
    /// `group.id`.
    pub group_id: String,
    /// The member's id; empty if it has none yet.
    pub member_id: String,
    /// The generation (classic) or the member epoch (KIP-848); -1 if it is in none.
    pub generation: i32,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
}

/// Why a consumer cannot subscribe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscribeError {
    /// Kafka's `InvalidGroupIdException`.
    #[error("a consumer that subscribes belongs to a group: set group.id")]
    NoGroupId,
    /// Nothing helps any more.
    #[error("the group has refused this member: {0}")]
    Refused(ErrorCode),
}

/// What a poll has begun for the group.
type Begun = Pin<Box<dyn Future<Output = ()>>>;

/// The member. The task, polls and commits share it.
pub(super) struct Group<P: Platform> {
    config: MembershipConfig,
    cluster: Cluster<P>,
    backoff: Backoff,
    generation_check: Cell<Guard>,
    machine: RefCell<Machine>,
    listener: RefCell<Rc<dyn RebalanceListener<P>>>,
    coordinator: RefCell<Option<Located>>,
    rng: RefCell<Rng>,
    /// What a poll has begun and not ended.
    begun: RefCell<Option<Begun>>,
    /// A callback is under way: the consumer is the listener's alone.
    in_callback: Cell<bool>,
    lane: Rc<Lane>,
    next_auto_commit: Cell<Instant>,
    events: RefCell<Vec<ConsumerEvent>>,
    failure_told: Cell<bool>,
    started: Cell<bool>,
    /// Wakes the task.
    wake: Notify,
    /// Wakes polls.
    client: Rc<Signal>,
}

impl<P: Platform> Group<P> {
    /// A member that subscribes to nothing yet; `None` without `group.id`.
    pub(super) fn new(
        cluster: &Cluster<P>,
        config: &ConsumerConfig,
        rng: &Rng,
        client: Rc<Signal>,
    ) -> Option<Rc<Self>> {
        let membership = config.membership.clone()?;
        let now = cluster.now();
        let mut rng = rng.fork("group");
        let member_id = Uuid::from_u64_pair(rng.next_u64(), rng.next_u64()).to_string();
        Some(Rc::new(Group {
            backoff: Backoff { base: config.retry_backoff, max: config.retry_backoff_max },
            cluster: cluster.clone(),
            generation_check: Cell::new(Guard::On),
            machine: RefCell::new(Machine::new(membership.clone(), &config.client_rack, member_id, now)),
            listener: RefCell::new(Rc::new(())),
            coordinator: RefCell::new(None),
            rng: RefCell::new(rng),
            begun: RefCell::new(None),
            in_callback: Cell::new(false),
            lane: Rc::default(),
            next_auto_commit: Cell::new(now.after(membership.auto_commit_interval)),
            events: RefCell::new(Vec::new()),
            failure_told: Cell::new(false),
            started: Cell::new(false),
            wake: Notify::new(),
            client,
            config: membership,
        }))
    }

    /// Whether sticky assignors of this member look at generations, and whether it claims only what it still owns.
    pub(super) fn set_generation_check(&self, check: Guard) {
        self.generation_check.set(check);
        if let Machine::Classic(machine) = &mut *self.machine.borrow_mut() {
            machine.set_claim_check(check);
        }
    }

    /// Subscribes; the task begins with the first time.
    ///
    /// # Errors
    /// The group has refused the member.
    pub(super) fn subscribe(
        self: &Rc<Self>,
        topics: Vec<TopicName>,
        listener: Rc<dyn RebalanceListener<P>>,
    ) -> Result<(), SubscribeError> {
        if let Some(error) = self.machine.borrow().failure() {
            return Err(SubscribeError::Refused(error));
        }
        for topic in &topics {
            self.cluster.want(topic);
        }
        *self.listener.borrow_mut() = listener;
        self.machine.borrow_mut().subscribe(topics, self.cluster.now());
        self.client.raise();
        if !self.started.replace(true) {
            self.start();
        }
        Ok(())
    }

    /// Who the member is.
    pub(super) fn metadata(&self) -> GroupMetadata {
        let identity = self.machine.borrow().identity();
        GroupMetadata {
            group_id: self.config.group_id.clone(),
            member_id: identity.member_id,
            generation: identity.generation,
            group_instance_id: self.config.group_instance_id.clone(),
        }
    }

    /// What happened since the last call.
    pub(super) fn take_events(&self) -> Vec<ConsumerEvent> {
        std::mem::take(&mut self.events.borrow_mut())
    }

    /// Drops what polls have begun: it holds on to the consumer. The task ends by itself once the cluster is closed.
    pub(super) fn shut(&self) {
        let begun = self.begun.borrow_mut().take();
        drop(begun);
        self.wake.notify_one();
    }

    /// When a poll that waits has to look after the group again.
    pub(super) fn next_attention(&self, now: Instant) -> Instant {
        let poll = now.after(self.config.max_poll_interval / 2);
        let commit = self.next_auto_commit.get();
        if self.config.enable_auto_commit && commit > now { poll.min(commit) } else { poll }
    }

    /// How long to wait after so many failures before this one.
    fn wait_after(&self, failures: u32) -> Duration {
        self.backoff.after(failures, &mut self.rng.borrow_mut())
    }
}
