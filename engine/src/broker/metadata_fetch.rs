//! Following the controller's log: fetch, decode, replay, apply to replicas.
//!
//! The broker is an observer of the metadata quorum: one fetch in flight, by long poll. A batch of records is
//! applied as a whole, and each partition it touches once, in its last state (Kafka's merged delta).

use std::collections::BTreeSet;

use super::{Broker, Call};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicPartition};
use crate::machine::{CallError, Effects, Lane, Wakeup};
use crate::message::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, Response};
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::quorum::decode_batch;
use crate::record::batches;
use crate::time::{Duration, Instant, Now};

/// How long the controller may hold a fetch (Kafka's raft client: 500 ms).
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Most bytes of one fetch (Kafka's `MAX_FETCH_BYTES` is 8 MiB).
const MAX_BYTES: i32 = 8 << 20;
/// Wait after a failed fetch (`controller.quorum.retry.backoff.ms`).
const RETRY_BACKOFF: Duration = Duration::from_millis(20);

/// How far metadata is applied.
#[derive(Debug)]
pub(super) struct MetadataFetch {
    next_offset: Offset,
    in_flight: bool,
    pause_until: Instant,
    /// The replicas follow the metadata. Not before this boot's own registration is applied: until then metadata
    /// speaks of the boot before, which may have led what this one has lost.
    published: bool,
}

impl Default for MetadataFetch {
    fn default() -> Self {
        MetadataFetch {
            next_offset: Offset::ZERO,
            in_flight: false,
            pause_until: Instant::START,
            published: false,
        }
    }
}

impl MetadataFetch {
    /// Offset of the last record applied.
    pub(super) fn applied(&self) -> Option<Offset> {
        (self.next_offset > Offset::ZERO).then(|| self.next_offset.plus(-1))
    }

    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        (!self.in_flight).then_some((self.pause_until, Wakeup::Retry))
    }
}

impl Broker {
    /// Keeps one fetch in flight.
    pub(super) fn fetch_metadata(&mut self, now: Now, effects: &mut Effects) {
        if self.metadata_fetch.in_flight || now.mono < self.metadata_fetch.pause_until {
            return;
        }
        self.metadata_fetch.in_flight = true;
        let partition = FetchPartition {
            partition: PartitionIndex(0),
            current_leader_epoch: LeaderEpoch::NONE,
            fetch_offset: self.metadata_fetch.next_offset,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::NONE,
            max_bytes: MAX_BYTES,
        };
        let topic = FetchTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
        let request = FetchRequest {
            max_wait: MAX_WAIT,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            ..FetchRequest::new(self.settings.node, vec![topic])
        };
        let timeout = self.settings.config.controller_quorum_request_timeout + MAX_WAIT;
        let controller = self.settings.controller.clone();
        self.call(controller, Lane::Metadata, Call::MetadataFetch, request.into(), timeout, effects);
    }

    pub(super) fn on_metadata(
        &mut self,
        now: Now,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        self.metadata_fetch.in_flight = false;
        let records = match outcome {
            Ok(Response::Fetch(response)) => read_records(response),
            Ok(_) | Err(_) => None,
        };
        match records {
            Some(records) => self.apply_metadata(now, &records, effects),
            None => self.metadata_fetch.pause_until = now.mono.after(RETRY_BACKOFF),
        }
    }

    fn apply_metadata(&mut self, now: Now, records: &[(Offset, MetadataRecord)], effects: &mut Effects) {
        let mut touched: BTreeSet<TopicPartition> = BTreeSet::new();
        let mut brokers_changed = false;
        for (offset, record) in records {
            if *offset < self.metadata_fetch.next_offset {
                continue;
            }
            touched.extend(self.image.replay(*offset, record));
            brokers_changed |= matches!(
                record,
                MetadataRecord::RegisterBroker { .. }
                    | MetadataRecord::FenceBroker { .. }
                    | MetadataRecord::UnfenceBroker { .. }
            );
            self.metadata_fetch.next_offset = offset.next();
        }
        if !self.metadata_fetch.published {
            return self.maybe_publish(now, effects);
        }
        for partition in &touched {
            self.apply_partition(now, partition, effects);
        }
        if brokers_changed {
            self.brokers_changed(now, effects);
        }
    }

    /// Lets the replicas follow the metadata from the moment on when this boot's registration is part of it.
    pub(super) fn maybe_publish(&mut self, now: Now, effects: &mut Effects) {
        let registered = self.lifecycle.broker_epoch().map(|epoch| Offset(epoch.0));
        let applied = registered.is_some_and(|offset| self.metadata_fetch.next_offset > offset);
        if self.metadata_fetch.published || !applied {
            return;
        }
        self.metadata_fetch.published = true;
        let all: Vec<TopicPartition> =
            self.image.partitions().map(|(topic, index, _)| super::partition_of(topic, index)).collect();
        for partition in &all {
            self.apply_partition(now, partition, effects);
        }
    }

    fn brokers_changed(&mut self, now: Now, effects: &mut Effects) {
        let leading: Vec<TopicPartition> = self
            .replicas
            .iter()
            .filter(|(_, replica)| replica.leader().is_ok())
            .map(|(tp, _)| tp.clone())
            .collect();
        for partition in leading {
            let Some(replica) = self.replicas.get_mut(&partition) else { continue };
            let before = super::Marks::of(replica);
            replica.brokers_changed(now, &self.image, effects);
            self.after_change(now, &partition, before, effects);
        }
        // A leader that moved to another endpoint, or came back, may be fetched from again.
        self.replicate(now, effects);
    }

    /// The broker that metadata says listens there.
    pub(super) fn endpoint(&self, broker: NodeId) -> Option<crate::id::Endpoint> {
        self.image.brokers().get(&broker).map(|known| known.endpoint.clone())
    }
}

fn read_records(response: FetchResponse) -> Option<Vec<(Offset, MetadataRecord)>> {
    let partition: FetchedPartition = response.topics.into_iter().next()?.partitions.into_iter().next()?;
    if response.error.is_error() || partition.error != ErrorCode::None {
        return None;
    }
    let mut records = Vec::new();
    for batch in batches(partition.records) {
        decode_batch(&batch.ok()?, &mut records).ok()?;
    }
    Some(records)
}
