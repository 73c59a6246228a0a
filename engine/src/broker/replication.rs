//! Fetching from leaders: one fetch in flight per leader, for all partitions followed from it.
//!
//! The next fetch goes out when every followed partition has written what the last one brought: a partition left
//! out would wait for a whole long poll.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, Call, Marks};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicId, TopicPartition};
use crate::log::LogIo;
use crate::machine::{CallError, Effect, Effects, Lane, Wakeup};
use crate::message::{FetchRequest, FetchResponse, FetchTopic, FetchedPartition, Response};
use crate::replica::{FetchPosition, Follower, Replica};
use crate::time::{Instant, Now};

/// The conversations with leaders.
#[derive(Debug, Default)]
pub(super) struct Replication {
    /// Whom this broker follows, and in which partitions. Changes with roles only, so that a broker with many
    /// partitions does not look at all of them when one moves.
    followed: BTreeMap<NodeId, BTreeSet<TopicPartition>>,
    leaders: BTreeMap<TopicPartition, NodeId>,
    fetchers: BTreeMap<NodeId, Fetcher>,
}

/// The conversation with one leader.
#[derive(Debug)]
struct Fetcher {
    asked: Option<Vec<(TopicPartition, FetchPosition)>>,
    /// Partitions that still write what the last fetch brought.
    writing: BTreeSet<TopicPartition>,
    pause_until: Instant,
}

impl Default for Fetcher {
    fn default() -> Self {
        Fetcher { asked: None, writing: BTreeSet::new(), pause_until: Instant::START }
    }
}

impl Replication {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let idle = self.fetchers.values().filter(|fetcher| fetcher.asked.is_none());
        idle.map(|fetcher| fetcher.pause_until)
            .filter(|at| *at > Instant::START)
            .min()
            .map(|at| (at, Wakeup::Retry))
    }

    /// The partition follows `leader` from now on, or nobody. Returns whom it followed before, if that changed.
    fn follow(&mut self, partition: &TopicPartition, leader: Option<NodeId>) -> Option<NodeId> {
        let before = self.leaders.get(partition).copied();
        if before == leader {
            return None;
        }
        match leader {
            Some(leader) => {
                self.leaders.insert(partition.clone(), leader);
                self.followed.entry(leader).or_default().insert(partition.clone());
            }
            None => {
                self.leaders.remove(partition);
            }
        }
        let before = before?;
        if let Some(fetcher) = self.fetchers.get_mut(&before) {
            fetcher.writing.remove(partition);
        }
        if let Some(others) = self.followed.get_mut(&before) {
            others.remove(partition);
            if others.is_empty() {
                self.followed.remove(&before);
            }
        }
        Some(before)
    }
}

impl Broker {
    /// Takes note of whom a partition follows, after its role may have changed.
    pub(super) fn note_leader(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let replica = self.replicas.get(partition);
        let leader = replica.and_then(Replica::follower).and_then(Follower::leader);
        let Some(before) = self.replication.follow(partition, leader) else { return };
        if self.replication.followed.contains_key(&before) {
            self.replicate_from(now, before, effects);
        } else if self.replication.fetchers.remove(&before).is_some() {
            // A leader we follow nowhere any more: its connection may hang on a dead process, let it go.
            effects.push(Effect::Disconnect { from: before, lane: Lane::Replication });
        }
    }

    /// Fetches on from the leader of a partition that has changed, if nothing keeps the next fetch.
    pub(super) fn fetch_on(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let Some(leader) = self.replication.leaders.get(partition).copied() else { return };
        if self.replicas.get(partition).and_then(Replica::fetch_position).is_none() {
            return;
        }
        if let Some(fetcher) = self.replication.fetchers.get_mut(&leader) {
            fetcher.writing.remove(partition);
        }
        self.replicate_from(now, leader, effects);
    }

    /// Starts every fetch that can start.
    pub(super) fn replicate(&mut self, now: Now, effects: &mut Effects) {
        let leaders: Vec<NodeId> = self.replication.followed.keys().copied().collect();
        for leader in leaders {
            self.replicate_from(now, leader, effects);
        }
    }

    fn replicate_from(&mut self, now: Now, leader: NodeId, effects: &mut Effects) {
        let fetcher = self.replication.fetchers.entry(leader).or_default();
        if fetcher.asked.is_some() || !fetcher.writing.is_empty() || fetcher.pause_until > now.mono {
            return;
        }
        if let Some(positions) = self.positions(now, leader) {
            self.start_fetch(leader, positions, effects);
        }
    }

    /// Where to read each partition on; `None` while one of them is still writing.
    fn positions(&mut self, now: Now, leader: NodeId) -> Option<Vec<(TopicPartition, FetchPosition)>> {
        let followed = self.replication.followed.get(&leader)?;
        let fetcher = self.replication.fetchers.get_mut(&leader)?;
        let mut positions = Vec::with_capacity(followed.len());
        for partition in followed {
            let Some(replica) = self.replicas.get(partition) else { continue };
            match replica.fetch_position() {
                None => {
                    fetcher.writing.insert(partition.clone());
                }
                Some(_) if replica.follower().is_some_and(|follower| follower.pause_until() > now.mono) => {}
                Some(position) => positions.push((partition.clone(), position)),
            }
        }
        fetcher.writing.is_empty().then_some(positions)
    }

    fn start_fetch(
        &mut self,
        leader: NodeId,
        positions: Vec<(TopicPartition, FetchPosition)>,
        effects: &mut Effects,
    ) {
        let (Some(endpoint), Some(replica_epoch)) = (self.endpoint(leader), self.lifecycle.broker_epoch())
        else {
            return;
        };
        if positions.is_empty() {
            return self.pause(leader);
        }
        let config = &self.settings.config;
        let mut topics: BTreeMap<TopicId, FetchTopic> = BTreeMap::new();
        for (partition, position) in &positions {
            let Some(replica) = self.replicas.get(partition) else { continue };
            let id = replica.topic_id();
            let topic = topics.entry(id).or_insert(FetchTopic { name: None, id, partitions: Vec::new() });
            topic.partitions.push(replica.fetch_request(*position, config.replica_fetch_max_bytes));
        }
        let request = FetchRequest {
            replica_epoch,
            max_wait: config.replica_fetch_wait_max,
            min_bytes: config.replica_fetch_min_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            ..FetchRequest::new(self.settings.node, topics.into_values().collect())
        };
        let timeout = config.replica_socket_timeout;
        let fetcher = self.replication.fetchers.entry(leader).or_default();
        (fetcher.asked, fetcher.pause_until) = (Some(positions), Instant::START);
        let call = Call::ReplicaFetch(leader);
        self.call((leader, endpoint), Lane::Replication, call, request.into(), timeout, effects);
    }

    /// Every partition of this leader is paused: try again when the first pause ends.
    fn pause(&mut self, leader: NodeId) {
        let followed = self.replication.followed.get(&leader).into_iter().flatten();
        let followers = followed.filter_map(|partition| self.replicas.get(partition)?.follower());
        if let Some(pause_until) = followers.map(Follower::pause_until).min() {
            self.replication.fetchers.entry(leader).or_default().pause_until = pause_until;
        }
    }

    pub(super) fn on_fetched(
        &mut self,
        now: Now,
        leader: NodeId,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        let Some(fetcher) = self.replication.fetchers.get_mut(&leader) else { return };
        // The fetch counts as under way until all of its answer is taken in.
        let Some(asked) = fetcher.asked.replace(Vec::new()) else {
            fetcher.asked = None;
            return;
        };
        let backoff = self.settings.config.replica_fetch_backoff;
        match outcome {
            Ok(Response::Fetch(FetchResponse { error: ErrorCode::None, topics, .. })) => {
                for topic in topics {
                    for fetched in topic.partitions {
                        self.on_partition_fetched(now, topic.id, &fetched, &asked, effects);
                    }
                }
            }
            Ok(_) | Err(_) => fetcher.pause_until = now.mono.after(backoff),
        }
        if let Some(fetcher) = self.replication.fetchers.get_mut(&leader) {
            fetcher.asked = None;
        }
        self.replicate_from(now, leader, effects);
    }

    fn on_partition_fetched(
        &mut self,
        now: Now,
        topic: TopicId,
        fetched: &FetchedPartition,
        asked: &[(TopicPartition, FetchPosition)],
        effects: &mut Effects,
    ) {
        let Some(image) = self.image.topic_by_id(topic) else { return };
        let partition = super::partition_of(image, fetched.partition);
        let place = asked.binary_search_by(|(asked, _)| asked.cmp(&partition)).ok();
        let position = place.and_then(|place| asked.get(place)).map(|(_, position)| *position);
        let (Some(position), Some(replica)) = (position, self.replicas.get_mut(&partition)) else { return };
        let before = Marks::of(replica);
        let backoff = self.settings.config.replica_fetch_backoff;
        let mut io = LogIo::default();
        replica.on_fetched(now, position, fetched, backoff, &mut io, effects);
        self.submit(&partition, io, effects);
        self.after_change(now, &partition, before, effects);
    }

    /// Fetches whose pause is over.
    pub(super) fn resume_replication(&mut self, now: Now, effects: &mut Effects) {
        let due = self.replication.next_wakeup().is_some_and(|(at, _)| at <= now.mono);
        if due {
            for fetcher in self.replication.fetchers.values_mut() {
                if fetcher.pause_until <= now.mono {
                    fetcher.pause_until = Instant::START;
                }
            }
            self.replicate(now, effects);
        }
    }
}
