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
use crate::replica::FetchPosition;
use crate::time::{Instant, Now};

/// The conversations with leaders.
#[derive(Debug, Default)]
pub(super) struct Replication {
    fetchers: BTreeMap<NodeId, Fetcher>,
}

/// The conversation with one leader.
#[derive(Debug)]
struct Fetcher {
    asked: Option<Vec<(TopicPartition, FetchPosition)>>,
    pause_until: Instant,
}

impl Replication {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        let idle = self.fetchers.values().filter(|fetcher| fetcher.asked.is_none());
        idle.map(|fetcher| fetcher.pause_until)
            .filter(|at| *at > Instant::START)
            .min()
            .map(|at| (at, Wakeup::Retry))
    }
}

impl Broker {
    /// True if nothing of this partition keeps the next fetch from its leader.
    pub(super) fn may_fetch_on(&self, partition: &TopicPartition) -> bool {
        let Some(replica) = self.replicas.get(partition) else { return false };
        let leader = replica.follower().and_then(crate::replica::Follower::leader);
        let fetcher = leader.and_then(|leader| self.replication.fetchers.get(&leader));
        replica.fetch_position().is_some() && fetcher.is_none_or(|fetcher| fetcher.asked.is_none())
    }

    /// Starts every fetch that can start.
    pub(super) fn replicate(&mut self, now: Now, effects: &mut Effects) {
        let mut by_leader: BTreeMap<NodeId, Vec<&TopicPartition>> = BTreeMap::new();
        for (partition, replica) in &self.replicas {
            if let Some(leader) = replica.follower().and_then(crate::replica::Follower::leader) {
                by_leader.entry(leader).or_default().push(partition);
            }
        }
        let leaders: BTreeSet<NodeId> = by_leader.keys().copied().collect();
        let mut ready = Vec::new();
        for (leader, partitions) in by_leader {
            let fetcher = self.replication.fetchers.get(&leader);
            if fetcher.is_some_and(|fetcher| fetcher.asked.is_some() || fetcher.pause_until > now.mono) {
                continue;
            }
            if let Some(positions) = self.positions(now, &partitions) {
                ready.push((leader, positions));
            }
        }
        self.drop_idle_fetchers(&leaders, effects);
        for (leader, positions) in ready {
            self.start_fetch(leader, positions, effects);
        }
    }

    /// Where to read each partition on; `None` while one of them is still writing.
    fn positions(
        &self,
        now: Now,
        partitions: &[&TopicPartition],
    ) -> Option<Vec<(TopicPartition, FetchPosition)>> {
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let replica = self.replicas.get(*partition)?;
            if replica.follower().is_some_and(|follower| follower.pause_until() > now.mono) {
                continue;
            }
            positions.push(((*partition).clone(), replica.fetch_position()?));
        }
        Some(positions)
    }

    /// A leader we follow nowhere any more: its connection may hang on a dead process, let it go.
    fn drop_idle_fetchers(&mut self, leaders: &BTreeSet<NodeId>, effects: &mut Effects) {
        let idle: Vec<NodeId> =
            self.replication.fetchers.keys().copied().filter(|leader| !leaders.contains(leader)).collect();
        for leader in idle {
            self.replication.fetchers.remove(&leader);
            effects.push(Effect::Disconnect { from: leader, lane: Lane::Replication });
        }
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
        self.replication
            .fetchers
            .insert(leader, Fetcher { asked: Some(positions), pause_until: Instant::START });
        let call = Call::ReplicaFetch(leader);
        self.call((leader, endpoint), Lane::Replication, call, request.into(), timeout, effects);
    }

    /// Every partition of this leader is paused: try again when the first pause ends.
    fn pause(&mut self, leader: NodeId) {
        let followers = self.replicas.values().filter_map(|replica| replica.follower());
        let next = followers
            .filter(|follower| follower.leader() == Some(leader))
            .map(|follower| follower.pause_until())
            .min();
        if let Some(pause_until) = next {
            self.replication.fetchers.insert(leader, Fetcher { asked: None, pause_until });
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
        let Some(asked) = fetcher.asked.take() else { return };
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
        self.replicate(now, effects);
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
        let position = asked.iter().find(|(asked, _)| *asked == partition).map(|(_, position)| *position);
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
