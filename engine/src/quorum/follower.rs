//! Following: fetch, cut what parts from the leader's log, append, sync, fetch again.
//!
//! The next fetch is the acknowledgement: it leaves when everything before its offset is on disk.

use super::role::Role;
use super::{Call, Quorum, decode_batch};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::{Event, TruncationReason};
use crate::id::{NodeId, PartitionIndex, TopicId};
use crate::machine::{CallError, CallToken, Effects, Lane};
use crate::message::{
    DivergingEpoch, FetchPartition, FetchRequest, FetchTopic, FetchedPartition, Request, Response, SnapshotId,
};
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
        let settled = self.log.progress().durable() == self.log.end_offset()
            && !self.log.is_cutting()
            && !self.snapshots.is_writing(self.base);
        following.in_flight.is_none() && settled
    }

    /// Keeps one fetch in flight.
    pub(super) fn follow_on(&mut self, now: Now, effects: &mut Effects) {
        let Role::Follower(following) = &self.role else { return };
        if !self.may_fetch() || following.pause_until > now.mono {
            return;
        }
        let leader = following.leader;
        if let Some(snapshot) = &following.snapshot {
            let (cluster_id, node) = (&self.settings.cluster_id, self.settings.node);
            let request = snapshot.request(cluster_id, node, self.election.epoch);
            return self.fetch_with(leader, request, effects);
        }
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
            replica_directory: self.own_directory(),
            ..FetchRequest::new(self.settings.node, vec![topic])
        };
        self.fetch_with(leader, request, effects);
    }

    fn fetch_with(&mut self, leader: NodeId, request: impl Into<Request>, effects: &mut Effects) {
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
        if let Ok(Response::FetchSnapshot(piece)) = &outcome {
            following.pause_until = now.mono.after(RETRY_BACKOFF);
            return self.take_piece(now, piece, effects);
        }
        let Some(fetched) = only_partition(outcome) else { return };
        following.pause_until = now.mono.after(RETRY_BACKOFF);
        if fetched.error.is_error() {
            if let Some(known) = fetched.current_leader {
                self.learn(now, known, effects);
            }
            return;
        }
        self.leader_served(now);
        match (fetched.snapshot, fetched.diverging_epoch) {
            (Some(id), _) => self.begin_loading(now, id),
            (None, Some(diverging)) => self.on_divergence(diverging, effects),
            (None, None) => self.take_records(now, &fetched, effects),
        }
    }

    /// The leader has answered well: it lives, and may be asked again at once.
    pub(super) fn leader_served(&mut self, now: Now) {
        let until = now.mono.after(self.settings.config.fetch_timeout);
        if let Role::Follower(following) = &mut self.role {
            (following.until, following.fetched, following.pause_until) = (until, true, now.mono);
        }
    }

    /// The leader said something that does not fit: ask again later rather than guess.
    pub(super) fn pause(&mut self, now: Now) {
        if let Role::Follower(following) = &mut self.role {
            following.pause_until = now.mono.after(RETRY_BACKOFF);
        }
    }

    fn take_records(&mut self, now: Now, fetched: &FetchedPartition, effects: &mut Effects) {
        for batch in batches(fetched.records.clone()) {
            let accepted = batch.ok().is_some_and(|batch| self.accept(batch, effects));
            if !accepted {
                self.pause(now);
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
            self.read_voters(&batch, effects);
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
    /// What the reader needs next lies before this log: it has to take this snapshot.
    Snapshot(SnapshotId),
}

impl Quorum {
    /// Whether a log that ends at `offset` with a record of `epoch` is a beginning of this voter's log
    /// (Kafka's `ReplicatedLog.validateOffsetAndEpoch`).
    pub(super) fn position(&self, offset: Offset, epoch: LeaderEpoch) -> Position {
        let base = self.base;
        if offset == base.end_offset && epoch == base.epoch {
            return Position::Valid;
        }
        // Without the records before the start, nobody knows where a log that parts from this one there does so.
        let parts_before = offset <= base.end_offset || epoch < base.epoch;
        if parts_before && base != SnapshotId::NONE {
            return Position::Snapshot(self.newest_snapshot());
        }
        match self.log.end_offset_for(epoch) {
            Some(end) if end.epoch == epoch && offset <= end.end => Position::Valid,
            Some(end) if end.end == base.end_offset && base.end_offset > Offset::ZERO => {
                let SnapshotId { end_offset, epoch } = base;
                Position::Diverging(DivergingEpoch { epoch, end_offset })
            }
            Some(end) => Position::Diverging(DivergingEpoch { epoch: end.epoch, end_offset: end.end }),
            // An epoch that is unknown here lies above ours, or before the start.
            None => Position::Diverging(DivergingEpoch {
                epoch: self.last_epoch(),
                end_offset: self.log.end_offset().min(offset),
            }),
        }
    }
}
