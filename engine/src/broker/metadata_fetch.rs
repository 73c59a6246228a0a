//! Following the active controller's log: fetch, decode, replay, apply to replicas.
//!
//! The broker is an observer of the metadata quorum: one fetch in flight, by long poll. A batch of records is
//! applied as a whole, and each partition it touches once, in its last state (Kafka's merged delta).

use std::collections::BTreeSet;

use super::{Broker, Call};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicPartition};
use crate::machine::{CallError, Effects, Lane, Wakeup};
use crate::message::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, Response};
use crate::metadata::{ConfigResource, MetadataRecord, SnapshotFetch};
use crate::offset::Offset;
use crate::quorum::decode_batch;
use crate::record::batches;
use crate::time::{Duration, Instant, Now};

/// How long the controller may hold a fetch (Kafka's raft client: 500 ms).
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Most bytes of one fetch (Kafka's `MAX_FETCH_BYTES` is 8 MiB).
const MAX_BYTES: i32 = 8 << 20;
/// Wait after a failed fetch. Longer than Kafka's `controller.quorum.retry.backoff.ms` (20 ms): while controllers
/// elect, brokers can do nothing but ask.
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// How far metadata is applied.
#[derive(Debug)]
pub(super) struct MetadataFetch {
    pub(super) next_offset: Offset,
    in_flight: bool,
    pub(super) pause_until: Instant,
    /// The snapshot that is fetched instead of the log.
    pub(super) snapshot: Option<SnapshotFetch>,
    /// The replicas follow the metadata. Not before this boot's own registration is applied: until then metadata
    /// speaks of the boot before, which may have led what this one has lost.
    pub(super) published: bool,
}

impl Default for MetadataFetch {
    fn default() -> Self {
        MetadataFetch {
            next_offset: Offset::ZERO,
            in_flight: false,
            pause_until: Instant::START,
            snapshot: None,
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
        let request = match &self.metadata_fetch.snapshot {
            Some(snapshot) => {
                let epoch = LeaderEpoch::NONE;
                snapshot.request(&self.settings.cluster_id, self.observer_id(), epoch).into()
            }
            None => self.metadata_request().into(),
        };
        let timeout = self.settings.config.controller_quorum_request_timeout + MAX_WAIT;
        let controller = self.controller();
        self.call(controller, Lane::Metadata, Call::MetadataFetch, request, timeout, effects);
    }

    fn metadata_request(&self) -> FetchRequest {
        let partition = FetchPartition {
            partition: PartitionIndex(0),
            current_leader_epoch: LeaderEpoch::NONE,
            fetch_offset: self.metadata_fetch.next_offset,
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::NONE,
            max_bytes: MAX_BYTES,
        };
        let topic = FetchTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
        FetchRequest {
            replica_epoch: self.lifecycle.broker_epoch().unwrap_or(crate::epoch::BrokerEpoch::NONE),
            max_wait: MAX_WAIT,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            ..FetchRequest::new(self.observer_id(), vec![topic])
        }
    }

    pub(super) fn on_metadata(
        &mut self,
        now: Now,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        self.metadata_fetch.in_flight = false;
        let partition = match outcome {
            Ok(Response::Fetch(response)) => only_partition(response),
            Ok(Response::FetchSnapshot(piece)) => return self.on_snapshot_piece(now, &piece, effects),
            Ok(_) | Err(_) => None,
        };
        if let Some(id) = partition.as_ref().and_then(|partition| partition.snapshot) {
            return self.begin_snapshot(now, id);
        }
        match partition.as_ref().map(read_records) {
            Some(Some(records)) => self.apply_metadata(now, &records, effects),
            Some(None) | None => {
                self.metadata_fetch.pause_until = now.mono.after(RETRY_BACKOFF);
                self.doubt_controller(partition.and_then(|partition| partition.current_leader), effects);
            }
        }
    }

    fn apply_metadata(&mut self, now: Now, records: &[(Offset, MetadataRecord)], effects: &mut Effects) {
        let mut touched: BTreeSet<TopicPartition> = BTreeSet::new();
        let (mut brokers_changed, mut configs_changed) = (false, false);
        for (offset, record) in records {
            if *offset < self.metadata_fetch.next_offset {
                continue;
            }
            if let MetadataRecord::RemoveTopic { id } = record {
                let partitions = self.replicas.iter().filter(|(_, replica)| replica.topic_id() == *id);
                touched.extend(partitions.map(|(partition, _)| partition.clone()));
            }
            touched.extend(self.image.replay(*offset, record));
            configs_changed |= matches!(record, MetadataRecord::Config { .. });
            brokers_changed |= matches!(
                record,
                MetadataRecord::RegisterBroker { .. }
                    | MetadataRecord::FenceBroker { .. }
                    | MetadataRecord::UnfenceBroker { .. }
                    | MetadataRecord::ControlledShutdown { .. }
            );
            self.metadata_fetch.next_offset = offset.next();
        }
        if !self.metadata_fetch.published {
            return self.maybe_publish(now, effects);
        }
        if configs_changed {
            self.apply_dynamic_config();
            touched.extend(self.replicas.keys().cloned());
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
        self.apply_dynamic_config();
        let all: Vec<TopicPartition> =
            self.image.partitions().map(|(topic, index, _)| super::partition_of(topic, index)).collect();
        for partition in &all {
            self.apply_partition(now, partition, effects);
        }
        self.remove_strays(effects);
    }

    /// Puts the settings that were changed while the cluster runs over `server.properties`: first the cluster's, then
    /// this broker's own.
    pub(super) fn apply_dynamic_config(&mut self) {
        let own = ConfigResource::Broker(self.settings.node);
        let layers = [&ConfigResource::ClusterDefault, &own];
        let layers: Vec<_> = layers.into_iter().filter_map(|layer| self.image.settings(layer)).collect();
        self.settings.config = self.static_config.with_dynamic(&layers);
    }

    /// Logs whose partition is no more, or has moved away while this broker was down.
    fn remove_strays(&mut self, effects: &mut Effects) {
        for (partition, log) in std::mem::take(&mut self.recovered) {
            effects.note(Event::ReplicaRemoved { partition, end: log.end_offset() });
            self.remove_directory(log.directory().clone(), effects);
        }
    }

    pub(super) fn brokers_changed(&mut self, now: Now, effects: &mut Effects) {
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

fn only_partition(response: FetchResponse) -> Option<FetchedPartition> {
    let partition = response.topics.into_iter().next()?.partitions.into_iter().next()?;
    (!response.error.is_error()).then_some(partition)
}

/// The records of an answer; none if it is an error, or damaged.
fn read_records(partition: &FetchedPartition) -> Option<Vec<(Offset, MetadataRecord)>> {
    if partition.error != ErrorCode::None {
        return None;
    }
    let mut records = Vec::new();
    for batch in batches(partition.records.clone()) {
        decode_batch(&batch.ok()?, &mut records).ok()?;
    }
    Some(records)
}
