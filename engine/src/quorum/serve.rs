//! Serving the log by long poll: to voters whatever is written, to all others what is committed.

use std::collections::BTreeMap;

use super::follower::Position;
use super::role::{Fetcher, Role};
use super::{DiskWait, Quorum};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::id::{ConnectionId, NodeId, PartitionIndex, TopicId};
use crate::log::{ReadPlan, ReadTrim};
use crate::machine::{Effect, Effects, RequestContext, Wakeup};
use crate::message::{
    FetchPartition, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic, LeaderIdAndEpoch,
};
use crate::offset::Offset;
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::{Instant, Now};

/// Most replicas without a vote that are remembered for DescribeQuorum.
const OBSERVERS_MAX: usize = 1000;

/// A fetch whose bytes are being read.
#[derive(Debug)]
pub(super) struct PlannedFetch {
    context: RequestContext,
    /// The epoch it was planned in: in another one the log may hold something else at that place.
    epoch: LeaderEpoch,
    /// Cuts the answer out of what is read.
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
    offset: Offset,
    max_bytes: usize,
    /// Voters get what is not committed too: it is their fetches that commit it.
    by_voter: bool,
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

impl Quorum {
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
        let asked = partition.current_leader_epoch;
        if let Some(error) = self.epoch_error(request.cluster_id.as_deref(), asked) {
            return self.refuse(&context, error, effects);
        }
        // Brokers have an epoch of their own, or no id if it is a voter's as well.
        let by_controller = self.is_voter(request.replica)
            && request.replica_epoch == BrokerEpoch::NONE
            && request.replica != self.settings.node;
        let by_voter = by_controller && self.counts(request.replica, request.replica_directory);
        let offset = partition.fetch_offset;
        if by_controller {
            let (diverging_epoch, snapshot) = match self.position(offset, partition.last_fetched_epoch) {
                Position::Valid => (None, None),
                Position::Diverging(diverging) => (Some(diverging), None),
                Position::Snapshot(id) => (None, Some(id)),
            };
            if diverging_epoch.is_some() || snapshot.is_some() {
                if by_voter {
                    self.voter_fetched(now, request.replica, None);
                }
                let answer = FetchedPartition { diverging_epoch, snapshot, ..self.nothing() };
                return respond(&context, answer, effects);
            }
        }
        if by_voter {
            self.voter_fetched(now, request.replica, Some(offset));
        } else {
            self.observer_fetched(now, request.replica, partition);
        }
        if by_controller {
            self.name_voter(now, request.replica, request.replica_directory, offset, effects);
            self.release_fetches(now, effects);
        }
        let max_bytes = usize::try_from(partition.max_bytes).unwrap_or(0);
        let deadline = now.mono.after(request.max_wait);
        self.serve_or_wait(now, WaitingFetch { context, offset, max_bytes, by_voter, deadline }, effects);
    }

    /// Why a reader that believes in the leader epoch `asked` is not served here.
    pub(super) fn epoch_error(&self, cluster_id: Option<&str>, asked: LeaderEpoch) -> Option<ErrorCode> {
        match self.election.epoch {
            _ if self.check_cluster(cluster_id).is_some() => Some(ErrorCode::InconsistentClusterId),
            _ if self.leading().is_none() => Some(ErrorCode::NotLeaderOrFollower),
            epoch if asked != LeaderEpoch::NONE && asked < epoch => Some(ErrorCode::FencedLeaderEpoch),
            epoch if asked > epoch => Some(ErrorCode::UnknownLeaderEpoch),
            _ => None,
        }
    }

    fn observer_fetched(&mut self, now: Now, replica: NodeId, partition: &FetchPartition) {
        let committed = self.high_watermark;
        let Role::Leader(leading) = &mut self.role else { return };
        if replica == NodeId::NONE {
            return;
        }
        let observers = &mut leading.observers;
        if observers.len() >= OBSERVERS_MAX && !observers.contains_key(&replica) {
            let oldest = observers.iter().min_by_key(|(_, fetcher)| fetcher.last_fetch).map(|(id, _)| *id);
            oldest.and_then(|oldest| observers.remove(&oldest));
        }
        let fetcher = observers.entry(replica).or_insert_with(|| Fetcher::silent_since(now.mono));
        fetcher.fetched(now, partition.fetch_offset, committed);
    }

    /// Answers every fetch that waits and now finds something.
    pub(super) fn release_fetches(&mut self, now: Now, effects: &mut Effects) {
        for (_, fetch) in std::mem::take(&mut self.fetches.waiting) {
            self.serve_or_wait(now, fetch, effects);
        }
    }

    pub(super) fn expire_fetches(&mut self, now: Now, effects: &mut Effects) {
        let due = |_: &ConnectionId, fetch: &mut WaitingFetch| fetch.deadline <= now.mono;
        let expired: Vec<_> = self.fetches.waiting.extract_if(.., due).collect();
        for (_, fetch) in expired {
            respond(&fetch.context, self.nothing(), effects);
        }
    }

    /// This voter leads no more: whoever waits shall ask the next leader.
    pub(super) fn fail_fetches(&mut self, effects: &mut Effects) {
        for (_, fetch) in std::mem::take(&mut self.fetches.waiting) {
            self.refuse(&fetch.context, ErrorCode::NotLeaderOrFollower, effects);
        }
    }

    fn serve_or_wait(&mut self, now: Now, fetch: WaitingFetch, effects: &mut Effects) {
        if fetch.offset < self.log.start_offset() {
            let answer = FetchedPartition { snapshot: Some(self.newest_snapshot()), ..self.nothing() };
            return respond(&fetch.context, answer, effects);
        }
        let up_to = if fetch.by_voter { self.log.end_offset() } else { self.high_watermark };
        match self.log.read(fetch.offset, fetch.max_bytes, up_to) {
            Ok(Some(ReadPlan { op, trim, .. })) => {
                let planned = PlannedFetch { context: fetch.context, epoch: self.election.epoch, trim };
                let token = self.disk_token(DiskWait::Fetch(planned));
                effects.push(Effect::Disk { token, op });
            }
            Ok(None) if fetch.deadline > now.mono => {
                self.fetches.waiting.insert(fetch.context.connection, fetch);
            }
            Ok(None) => respond(&fetch.context, self.nothing(), effects),
            Err(_) => self.refuse(&fetch.context, ErrorCode::OffsetOutOfRange, effects),
        }
    }

    pub(super) fn finish_fetch(
        &mut self,
        planned: PlannedFetch,
        outcome: DiskOutcome,
        effects: &mut Effects,
    ) {
        let PlannedFetch { context, epoch, trim } = planned;
        if self.leading().is_none() || self.election.epoch != epoch {
            return self.refuse(&context, ErrorCode::NotLeaderOrFollower, effects);
        }
        let records = match outcome {
            Ok(DiskDone::Read(bytes)) => trim.apply(bytes).ok(),
            Ok(DiskDone::Done | DiskDone::InFile(_)) | Err(_) => None,
        };
        match records {
            Some(records) => respond(&context, FetchedPartition { records, ..self.nothing() }, effects),
            None => self.refuse(&context, ErrorCode::KafkaStorageError, effects),
        }
    }

    fn refuse(&mut self, context: &RequestContext, error: ErrorCode, effects: &mut Effects) {
        let answer = FetchedPartition { error, ..self.nothing() };
        let topic = FetchedTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![answer] };
        // It tells epoch and leader: not before they are on disk.
        self.answer(context, FetchResponse::new(vec![topic]), effects);
    }

    fn nothing(&self) -> FetchedPartition {
        let known = self.current_leader();
        FetchedPartition {
            high_watermark: self.high_watermark,
            last_stable_offset: self.high_watermark,
            log_start_offset: self.log.start_offset(),
            current_leader: (known != LeaderIdAndEpoch::NONE).then_some(known),
            ..FetchedPartition::new(PartitionIndex(0))
        }
    }
}

fn respond(context: &RequestContext, partition: FetchedPartition, effects: &mut Effects) {
    let topic = FetchedTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
    effects.respond(context, FetchResponse::new(vec![topic]).into());
}
