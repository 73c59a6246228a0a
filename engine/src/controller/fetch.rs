//! Serving the metadata log to brokers: fetches of `__cluster_metadata`, committed records only, by long poll.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Controller, DiskWait};
use crate::error::ErrorCode;
use crate::id::{ConnectionId, PartitionIndex, TopicId};
use crate::log::{ReadPlan, ReadTrim};
use crate::machine::{Effect, Effects, RequestContext, Wakeup};
use crate::message::{FetchPartition, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic};
use crate::offset::Offset;
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::{Instant, Now};

/// A fetch whose bytes are being read.
#[derive(Debug)]
pub(super) struct PlannedFetch {
    context: RequestContext,
    high_watermark: Offset,
    trim: ReadTrim,
}

/// Fetches that wait for something new; one a connection.
#[derive(Debug, Default)]
pub(super) struct ParkedFetches {
    waiting: BTreeMap<ConnectionId, WaitingFetch>,
}

#[derive(Debug)]
struct WaitingFetch {
    context: RequestContext,
    partition: FetchPartition,
    deadline: Instant,
}

impl ParkedFetches {
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.waiting.remove(&connection);
    }

    pub(super) fn next_deadline(&self) -> Option<(Instant, Wakeup)> {
        self.waiting.values().map(|fetch| (fetch.deadline, Wakeup::Parked)).min()
    }
}

impl Controller {
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        context: RequestContext,
        request: &FetchRequest,
        effects: &mut Effects,
    ) {
        let topic = request.topics.iter().find(|topic| topic.id == TopicId::CLUSTER_METADATA);
        let Some(partition) = topic.and_then(|topic| topic.partitions.first()) else {
            let reason = "fetch of something that is not the metadata log";
            return effects.push(Effect::Close { connection: context.connection, reason });
        };
        let deadline = now.mono.after(request.max_wait);
        let fetch = WaitingFetch { context, partition: partition.clone(), deadline };
        self.serve_or_wait(now, fetch, effects);
    }

    pub(super) fn release_fetches(&mut self, now: Now, effects: &mut Effects) {
        for fetch in std::mem::take(&mut self.fetches.waiting).into_values() {
            self.serve_or_wait(now, fetch, effects);
        }
    }

    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Effects) {
        if self.fetches.next_deadline().is_some_and(|(deadline, _)| deadline <= now.mono) {
            self.release_fetches(now, effects);
        }
    }

    fn serve_or_wait(&mut self, now: Now, fetch: WaitingFetch, effects: &mut Effects) {
        let max_bytes = usize::try_from(fetch.partition.max_bytes).unwrap_or(0);
        match self.quorum.read(fetch.partition.fetch_offset, max_bytes) {
            Ok(Some(ReadPlan { op, trim, .. })) => {
                let token = self.token();
                let high_watermark = self.quorum.high_watermark();
                let planned = PlannedFetch { context: fetch.context, high_watermark, trim };
                self.disk.insert(token, DiskWait::Fetch(planned));
                effects.push(Effect::Disk { token, op });
            }
            Ok(None) if fetch.deadline > now.mono => {
                self.fetches.waiting.insert(fetch.context.connection, fetch);
            }
            Ok(None) => {
                respond(&fetch.context, ErrorCode::None, self.quorum.high_watermark(), Bytes::new(), effects);
            }
            Err(_) => {
                let error = ErrorCode::OffsetOutOfRange;
                respond(&fetch.context, error, self.quorum.high_watermark(), Bytes::new(), effects);
            }
        }
    }

    pub(super) fn finish_fetch(planned: PlannedFetch, outcome: DiskOutcome, effects: &mut Effects) {
        let PlannedFetch { context, high_watermark, trim } = planned;
        match outcome {
            Ok(DiskDone::Read(bytes)) => match trim.apply(bytes) {
                Ok(records) => respond(&context, ErrorCode::None, high_watermark, records, effects),
                Err(error) => respond(&context, error.error_code(), high_watermark, Bytes::new(), effects),
            },
            Ok(DiskDone::Done) | Err(_) => {
                respond(&context, ErrorCode::KafkaStorageError, high_watermark, Bytes::new(), effects);
            }
        }
    }
}

fn respond(
    context: &RequestContext,
    error: ErrorCode,
    high_watermark: Offset,
    records: Bytes,
    effects: &mut Effects,
) {
    let partition = FetchedPartition {
        error,
        high_watermark,
        last_stable_offset: high_watermark,
        log_start_offset: Offset::ZERO,
        records,
        ..FetchedPartition::new(PartitionIndex(0))
    };
    let topic = FetchedTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
    effects.respond(context, FetchResponse::new(vec![topic]).into());
}
