//! Following: fetch, cut what parts from the leader's log, append, sync, fetch again.
//!
//! The next fetch is the acknowledgement: it leaves when everything before its offset is on disk.

use super::role::Role;
use super::{Call, Quorum, decode_batch};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::{Event, TruncationReason};
use crate::id::{PartitionIndex, TopicId};
use crate::machine::{CallError, CallToken, Effects, Lane};
use crate::message::{DivergingEpoch, FetchPartition, FetchRequest, FetchTopic, FetchedPartition, Response};
use crate::offset::Offset;
use crate::record::{RecordBatch, batches};
use crate::time::{Duration, Now};

/// How long the leader may hold a fetch (Kafka's raft client: 500 ms).
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Most bytes of one fetch (Kafka's `MAX_FETCH_SIZE_BYTES` is 8 MiB).
const MAX_BYTES: i32 = 8 << 20;
/// Wait after a fetch nobody answered: while the leader is gone there is little else to do than to wait (Kafka's
/// `reconnect.backoff.ms` grows from 50 ms to 1 s).
const RECONNECT_BACKOFF: Duration = Duration::from_millis(100);
/// Wait after a fetch that was refused (Kafka's `controller.quorum.retry.backoff.ms`).
const RETRY_BACKOFF: Duration = Duration::from_millis(20);

impl Quorum {
    /// True if nothing but time stands against the next fetch.
    pub(super) fn may_fetch(&self) -> bool {
        let Role::Follower(following) = &self.role else { return false };
        let settled = self.log.progress().durable() == self.log.end_offset() && !self.log.is_cutting();
        following.in_flight.is_none() && settled
    }

    /// Keeps one fetch in flight.
    pub(super) fn follow_on(&mut self, now: Now, effects: &mut Effects) {
        let Role::Follower(following) = &self.role else { return };
        if !self.may_fetch() || following.pause_until > now.mono {
            return;
        }
        let leader = following.leader;
        let partition = FetchPartition {
            partition: PartitionIndex(0),
            current_leader_epoch: self.election.epoch,
            fetch_offset: self.log.end_offset(),
            last_fetched_epoch: self.last_epoch(),
            log_start_offset: self.log.start_offset(),
            max_bytes: MAX_BYTES,
        };
        let topic = FetchTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
        let request = FetchRequest {
            cluster_id: Some(self.settings.cluster_id.clone()),
            max_wait: MAX_WAIT,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            ..FetchRequest::new(self.settings.node, vec![topic])
        };
        let token = self.call(leader, Lane::Metadata, Call::Fetch, request, effects);
        if let Role::Follower(following) = &mut self.role {
            following.in_flight = Some(token);
        }
    }

    /// The leader answered. An answer to an older role is dropped.
    pub(super) fn on_fetched(
        &mut self,
        now: Now,
        token: CallToken,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        let Role::Follower(following) = &mut self.role else { return };
        if following.in_flight != Some(token) {
            return;
        }
        following.in_flight = None;
        following.pause_until = now.mono.after(RECONNECT_BACKOFF);
        let Some(fetched) = only_partition(outcome) else { return };
        following.pause_until = now.mono.after(RETRY_BACKOFF);
        if fetched.error.is_error() {
            if let Some(known) = fetched.current_leader {
                self.learn(now, known, effects);
            }
            return;
        }
        following.until = now.mono.after(self.settings.config.fetch_timeout);
        following.fetched = true;
        following.pause_until = now.mono;
        match fetched.diverging_epoch {
            Some(diverging) => self.on_divergence(diverging, effects),
            None => self.take_records(now, &fetched, effects),
        }
    }

    fn take_records(&mut self, now: Now, fetched: &FetchedPartition, effects: &mut Effects) {
        for batch in batches(fetched.records.clone()) {
            let accepted = batch.ok().is_some_and(|batch| self.accept(batch, effects));
            if !accepted {
                // The leader sent something that does not fit: ask again later rather than guess.
                if let Role::Follower(following) = &mut self.role {
                    following.pause_until = now.mono.after(RETRY_BACKOFF);
                }
                break;
            }
        }
        self.with_log(effects, crate::log::PartitionLog::sync);
        let committed = fetched.high_watermark.min(self.log.end_offset());
        self.high_watermark = self.high_watermark.max(committed);
    }

    fn accept(&mut self, batch: RecordBatch, effects: &mut Effects) -> bool {
        let known = batch.leader_epoch() <= self.election.epoch;
        if !known || decode_batch(&batch, &mut Vec::new()).is_err() {
            return false;
        }
        let appended = self.with_log(effects, |log, io| log.append_as_follower(batch.clone(), io));
        if appended.is_ok() {
            self.ahead.push_back(batch);
        }
        appended.is_ok()
    }

    /// Cuts the log to where it agrees with the leader's, one epoch at a time.
    ///
    /// # Panics
    /// If that lies below the high watermark: what is committed can part from no leader's log.
    fn on_divergence(&mut self, diverging: DivergingEpoch, effects: &mut Effects) {
        let (start, from) = (self.log.start_offset(), self.log.end_offset());
        let ours = self.log.end_offset_for(diverging.epoch).map_or(start, |end| end.end);
        let to = ours.min(diverging.end_offset).max(start);
        if to < self.high_watermark {
            let allowed = self.settings.variant.quorum_memory.may_cut_committed();
            assert!(allowed, "the leader's log parts from ours at {to}, below the high watermark");
            self.high_watermark = to;
        }
        self.with_log(effects, |log, io| log.truncate_to(to, io));
        self.drop_cut();
        let end = self.log.end_offset();
        let reason = TruncationReason::DivergingEpoch { epoch: diverging.epoch, end: diverging.end_offset };
        let partition = self.log.partition().clone();
        effects.note(Event::Truncated { partition, from, to: end, reason });
    }
}

fn only_partition(outcome: Result<Response, CallError>) -> Option<FetchedPartition> {
    let Ok(Response::Fetch(response)) = outcome else { return None };
    if response.error != ErrorCode::None {
        return None;
    }
    response.topics.into_iter().next()?.partitions.into_iter().next()
}

/// What a fetch of a log position says about two logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    /// The reader's log is a beginning of this one.
    Valid,
    /// The reader's log parts from this one.
    Diverging(DivergingEpoch),
}

impl Quorum {
    /// Whether a log that ends at `offset` with a record of `epoch` is a beginning of this voter's log
    /// (Kafka's `KafkaRaftLog.validateOffsetAndEpoch`).
    pub(super) fn position(&self, offset: Offset, epoch: LeaderEpoch) -> Position {
        if offset == self.log.start_offset() && epoch == LeaderEpoch::NONE {
            return Position::Valid;
        }
        match self.log.end_offset_for(epoch) {
            Some(end) if end.epoch == epoch && offset <= end.end => Position::Valid,
            Some(end) => Position::Diverging(DivergingEpoch { epoch: end.epoch, end_offset: end.end }),
            // An epoch that is unknown here lies above ours, or before the start.
            None => Position::Diverging(DivergingEpoch {
                epoch: self.last_epoch(),
                end_offset: self.log.end_offset().min(offset),
            }),
        }
    }
}
