//! A consumer, with Kafka's semantics and settings.
//!
//! It works inside [`Consumer::poll`], as Kafka's does: poll returns what was fetched, and before it returns it sends
//! the next fetches, so that they are under way while the caller works. A partition is fetched again only when all
//! that was fetched of it is returned; that bounds memory by `max.partition.fetch.bytes` a partition. There is at
//! most one fetch under way a broker.
//!
//! A leader may send it to a replica in its own rack (`client.rack`, KIP-392). It reads there until
//! `metadata.max.age.ms` has passed or something goes wrong there, then asks the leader again; only the leader's word
//! that a position is out of range resets it.
//!
//! When a partition has a new leader, the position is checked against that leader's log before the next fetch
//! (KIP-320), so that a log that was truncated and has grown again is noticed.
//!
//! With `group.id` it may subscribe instead of being assigned partitions: then its group says what it reads (`group`).
//! A consumer without a group pays nothing for that.
//!
//! It reads uncommitted records. Fetch sessions are not here.

mod assignment;
mod event;
mod fetcher;
mod group;
mod member;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use self::assignment::Assignment;
pub use self::assignment::Position;
pub use self::event::ConsumerEvent;
use self::fetcher::InFlight;
use self::group::Group;
pub use self::group::{Callback, GroupMetadata, Offsets, RebalanceListener, SubscribeError};
use super::cluster::{Cluster, ClusterConfig};
use super::offsets::list_offsets;
use super::outcome::Outcome;
use super::signal::{Alarm, Signal, earlier};
use crate::config::ConsumerConfig;
use crate::driver::Platform;
use crate::epoch::LeaderEpoch;
use crate::id::{Endpoint, TopicPartition};
use crate::message::{ListedOffset, OffsetSpec};
use crate::offset::Offset;
use crate::rng::Rng;
use crate::time::{Duration, Instant, Timestamp};

/// A record that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// The leader epoch it was written in.
    pub leader_epoch: LeaderEpoch,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
}

struct State {
    assignment: Assignment,
    in_flight: Vec<InFlight>,
    events: Vec<ConsumerEvent>,
    turns: usize,
    rng: Rng,
}

/// A consumer. Its methods may be called while no poll is under way; a poll may be dropped at any time.
///
/// Dropping it is as if its process died: nothing is committed, and no group is left. Callbacks of a
/// [`RebalanceListener`] get a handle of it, whose end means nothing.
pub struct Consumer<P: Platform> {
    shared: Rc<Shared<P>>,
    group: Option<Rc<Group<P>>>,
    owner: bool,
}

/// What reads assigned partitions.
struct Shared<P: Platform> {
    cluster: Cluster<P>,
    config: ConsumerConfig,
    signal: Rc<Signal>,
    state: RefCell<State>,
}

impl<P: Platform> Drop for Consumer<P> {
    fn drop(&mut self) {
        if self.owner {
            self.shared.cluster.close();
            if let Some(group) = &self.group {
                group.shut();
            }
        }
    }
}

impl<P: Platform> Consumer<P> {
    /// Starts a consumer: one metadata task. It connects at once.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the consumer owns its platform and its stream of randomness"
    )]
    pub fn start(
        platform: P,
        bootstrap: Vec<Endpoint>,
        client_id: &str,
        config: ConsumerConfig,
        rng: Rng,
    ) -> Self {
        let signal = Rc::new(Signal::default());
        let settings = ClusterConfig::from(&config);
        let cluster = Cluster::start(&platform, bootstrap, client_id, settings, &rng, signal.clone());
        let state = State {
            assignment: Assignment::new(),
            in_flight: Vec::new(),
            events: Vec::new(),
            turns: 0,
            rng: rng.fork("retry"),
        };
        let group = Group::new(&cluster, &config, &rng, signal.clone());
        let shared = Rc::new(Shared { cluster, config, signal, state: RefCell::new(state) });
        Consumer { shared, group, owner: true }
    }

    /// Another handle of the same consumer.
    fn handle(&self) -> Self {
        Consumer { shared: self.shared.clone(), group: self.group.clone(), owner: false }
    }

    /// The partitions it reads.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.state.borrow().assignment.iter().map(|(partition, _)| partition.clone()).collect()
    }

    /// How far it has come: the position of every assigned partition that has one.
    pub fn positions(&self) -> Offsets {
        self.shared.consumed()
    }

    /// Replaces the assigned partitions. Those that stay keep their position; new ones start as
    /// `auto.offset.reset` says unless [`Consumer::seek`] comes first.
    pub fn assign(&self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.shared.cluster.want(&partition.topic);
        }
        self.shared.state.borrow_mut().assignment.assign(partitions, self.shared.cluster.now());
        self.shared.signal.raise();
    }

    /// Reads `partition` from `offset` on. False if it is not assigned.
    pub fn seek(&self, partition: &TopicPartition, offset: Offset) -> bool {
        let position = Position { offset, leader_epoch: LeaderEpoch::NONE };
        let now = self.shared.cluster.now();
        let sought = self.shared.state.borrow_mut().assignment.seek(partition, Some(position), now);
        self.shared.signal.raise();
        sought
    }

    /// Neither fetches nor returns records of `partition` until it is resumed. False if it is not assigned.
    pub fn pause(&self, partition: &TopicPartition) -> bool {
        self.shared.state.borrow_mut().assignment.pause(partition)
    }

    /// Ends a pause. False if the partition is not assigned.
    pub fn resume(&self, partition: &TopicPartition) -> bool {
        let resumed = self.shared.state.borrow_mut().assignment.resume(partition);
        self.shared.signal.raise();
        resumed
    }

    /// Where the next record of `partition` is read; `None` if that is not known yet.
    pub fn position(&self, partition: &TopicPartition) -> Option<Position> {
        self.shared.state.borrow().assignment.get(partition)?.position
    }

    /// Up to `max.poll.records` records, as soon as there is one; none after `max_wait`. Callbacks of a listener run
    /// here, and are waited for.
    pub async fn poll(&self, max_wait: Duration) -> Vec<ConsumedRecord> {
        match &self.group {
            None => self.shared.poll(max_wait).await,
            Some(group) => self.poll_in_group(group, max_wait).await,
        }
    }

    /// What happened since the last call.
    pub fn take_events(&self) -> Vec<ConsumerEvent> {
        let mut events = std::mem::take(&mut self.shared.state.borrow_mut().events);
        if let Some(group) = &self.group {
            events.extend(group.take_events());
        }
        events
    }

    /// The end of each partition as consumers see it.
    pub async fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        self.offsets(partitions, OffsetSpec::Latest).await
    }

    /// The log start offset of each partition.
    pub async fn beginning_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        self.offsets(partitions, OffsetSpec::Earliest).await
    }

    /// The first record of each partition at its time or later: offset and timestamp; `None` if there is none.
    pub async fn offsets_for_times(
        &self,
        times: BTreeMap<TopicPartition, Timestamp>,
    ) -> BTreeMap<TopicPartition, Outcome<Option<(Offset, Timestamp)>>> {
        let questions = times.into_iter().map(|(partition, at)| (partition, OffsetSpec::Timestamp(at)));
        let listed = list_offsets(&self.shared.cluster, questions).await;
        let found = |listed: ListedOffset| {
            Some((listed.offset, listed.timestamp)).filter(|(offset, _)| *offset != Offset::NONE)
        };
        listed
            .into_iter()
            .map(|(partition, result)| (partition, Outcome::of_read(result).map(found)))
            .collect()
    }

    async fn offsets(
        &self,
        partitions: Vec<TopicPartition>,
        spec: OffsetSpec,
    ) -> BTreeMap<TopicPartition, Outcome<Offset>> {
        let questions = partitions.into_iter().map(|partition| (partition, spec));
        let listed = list_offsets(&self.shared.cluster, questions).await;
        let outcome = |result| Outcome::of_read(result).map(|listed: ListedOffset| listed.offset);
        listed.into_iter().map(|(partition, result)| (partition, outcome(result))).collect()
    }
}

impl<P: Platform> Shared<P> {
    /// Up to `max.poll.records` records, as soon as there is one; none after `max_wait`.
    async fn poll(&self, max_wait: Duration) -> Vec<ConsumedRecord> {
        let deadline = self.cluster.now().after(max_wait);
        let mut alarm = Alarm::new(self.cluster.platform().clock().clone());
        loop {
            let now = self.cluster.now();
            let (records, next) = self.turn(now);
            if !records.is_empty() || now >= deadline {
                return records;
            }
            alarm.set(earlier(next, Some(deadline)));
            alarm.wait(&self.signal).await;
        }
    }

    /// Takes in what was answered, takes out what was fetched, asks for more; and when to look again.
    fn turn(&self, now: Instant) -> (Vec<ConsumedRecord>, Option<Instant>) {
        let state = &mut *self.state.borrow_mut();
        self.take_answers(state, now);
        let records = state.assignment.take(self.config.max_poll_records);
        (records, self.send_requests(state, now))
    }
}

/// The earliest of several times to look again.
fn sooner(next: &mut Option<Instant>, other: Instant) {
    *next = earlier(*next, Some(other));
}
