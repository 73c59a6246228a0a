//! The leader of a partition: followers' progress, the ISR, the high watermark.
//!
//! The **maximal ISR** is the committed ISR together with the one proposed to the controller: the controller may
//! already have committed the proposal, so the high watermark waits for both (KIP-497). Shrinking is checked by
//! time, expanding on each fetch. A proposal is rolled back only when the controller proves that it was not
//! applied; every other failure leaves it pending until metadata or a retry decides (kafka.md B19).

use std::collections::BTreeMap;

use super::{Replica, ReplicaSettings, Role};
use crate::epoch::{BrokerEpoch, LeaderEpoch};
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::NodeId;
use crate::log::{Checked, LogIo};
use crate::machine::Effects;
use crate::message::{DivergingEpoch, FetchPartition, IsrMember};
use crate::metadata::{MetadataImage, PartitionImage};
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::time::{Duration, Instant, Now};
use crate::variant::{HighWatermarkQuorum, IsrJoin, IsrRollback};

/// A partition's leader in one leader epoch.
#[derive(Debug)]
pub struct Leader {
    epoch: LeaderEpoch,
    /// Log end offset when the epoch began. A high watermark below it is stale: it may be lower than what an
    /// earlier leader has already acknowledged.
    start: Offset,
    replicas: Vec<NodeId>,
    isr: Vec<NodeId>,
    proposal: Option<Proposal>,
    /// Replicas whose broker is fenced: the high watermark does not wait for them to join (KAFKA-15021).
    fenced: Vec<NodeId>,
    followers: BTreeMap<NodeId, Progress>,
}

/// An ISR proposed to the controller and not answered for certain.
#[derive(Clone, Debug)]
struct Proposal {
    isr: Vec<IsrMember>,
    /// A request that carries it is in flight.
    sent: bool,
}

/// What the leader knows of a follower.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// Log end offset as of its last fetch in this epoch; none before the first.
    end: Option<Offset>,
    /// Log start offset as of that fetch.
    start: Offset,
    last_fetch: Instant,
    leader_end_at_last_fetch: Offset,
    /// When it last had everything; never, for one that was not in sync when the epoch began.
    last_caught_up: Option<Instant>,
    broker_epoch: BrokerEpoch,
}

impl Progress {
    fn new(last_caught_up: Option<Instant>) -> Progress {
        Progress {
            end: None,
            start: Offset::ZERO,
            last_fetch: Instant::START,
            leader_end_at_last_fetch: Offset::ZERO,
            last_caught_up,
            broker_epoch: BrokerEpoch::NONE,
        }
    }

    /// Kafka's `ReplicaState.isCaughtUp`.
    fn is_caught_up(&self, leader_end: Offset, now: Instant, lag_time_max: Duration) -> bool {
        let recently = |caught_up| now.since(caught_up) <= lag_time_max;
        self.end == Some(leader_end) || self.last_caught_up.is_some_and(recently)
    }
}

/// What a leader answers a follower's fetch with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowerFetch {
    /// Send records from its fetch offset on.
    Read {
        /// Its log has another start or end than at its last fetch.
        moved: bool,
    },
    /// Its log parts from ours; nothing was recorded about it.
    Diverging(DivergingEpoch),
}

impl Leader {
    pub(super) fn elected(
        settings: &ReplicaSettings,
        image: &PartitionImage,
        start: Offset,
        now: Instant,
    ) -> Leader {
        let others = image.replicas.iter().copied().filter(|replica| *replica != settings.broker);
        let progress = |replica| Progress::new(image.isr.contains(&replica).then_some(now));
        Leader {
            epoch: image.leader_epoch,
            start,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
            proposal: None,
            fenced: Vec::new(),
            followers: others.map(|replica| (replica, progress(replica))).collect(),
        }
    }

    /// The controller committed a state of this epoch: the proposal is decided, one way or the other.
    pub(super) fn isr_committed(&mut self, me: NodeId, image: &PartitionImage) {
        self.replicas.clone_from(&image.replicas);
        self.isr.clone_from(&image.isr);
        self.proposal = None;
        // A replica that was removed and comes again starts from nothing (kafka.md B17).
        self.followers.retain(|follower, _| image.replicas.contains(follower));
        for replica in image.replicas.iter().filter(|replica| **replica != me) {
            self.followers.entry(*replica).or_insert_with(|| Progress::new(None));
        }
    }

    /// The committed ISR.
    #[must_use]
    pub fn isr(&self) -> &[NodeId] {
        &self.isr
    }

    /// The epoch it leads in.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Log end offset when its epoch began.
    #[must_use]
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The committed ISR and the proposed one.
    #[must_use]
    pub fn maximal_isr(&self) -> Vec<NodeId> {
        let mut members = self.isr.clone();
        if let Some(proposal) = &self.proposal {
            members.extend(proposal.isr.iter().map(|member| member.broker));
        }
        members.sort_unstable();
        members.dedup();
        members
    }

    /// A proposal that no request carries yet; marks it as sent.
    pub(crate) fn take_proposal(&mut self) -> Option<Vec<IsrMember>> {
        let proposal = self.proposal.as_mut().filter(|proposal| !proposal.sent)?;
        proposal.sent = true;
        Some(proposal.isr.clone())
    }

    /// True if a proposal waits to be sent (again).
    #[must_use]
    pub fn has_unsent_proposal(&self) -> bool {
        self.proposal.as_ref().is_some_and(|proposal| !proposal.sent)
    }

    /// The request that carried the proposal failed.
    fn proposal_failed(&mut self, error: Option<ErrorCode>, rollback: IsrRollback) {
        match error {
            _ if rollback == IsrRollback::AnyError => self.proposal = None,
            // Only these prove that the controller did not apply it.
            Some(ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted) => self.proposal = None,
            // Another leader or a newer state is on its way to us: wait for the metadata.
            Some(
                ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidUpdateVersion
                | ErrorCode::InvalidRequest
                | ErrorCode::UnknownTopicId
                | ErrorCode::UnknownTopicOrPartition
                | ErrorCode::NewLeaderElected,
            ) => {}
            // No answer, or a controller that is behind: ask again.
            _ => {
                if let Some(proposal) = &mut self.proposal {
                    proposal.sent = false;
                }
            }
        }
    }
}

impl Replica {
    fn leader_mut(&mut self) -> Result<&mut Leader, ErrorCode> {
        match &mut self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Follower(_) => Err(ErrorCode::NotLeaderOrFollower),
            Role::Offline => Err(ErrorCode::KafkaStorageError),
        }
    }

    /// True if fewer replicas are in sync than `min.insync.replicas` asks for. A topic with fewer replicas than
    /// that counts as asking for all of them.
    #[must_use]
    pub fn is_under_min_isr(&self) -> bool {
        self.leader().is_ok_and(|leader| leader.isr.len() < self.effective_min_isr(leader))
    }

    fn effective_min_isr(&self, leader: &Leader) -> usize {
        self.config.min_insync_replicas.min(leader.replicas.len())
    }

    /// The smallest log start offset of all live replicas, this leader's included: where records are deleted
    /// everywhere (Kafka's `lowWatermarkIfLeader`).
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn low_watermark(&self) -> Result<Offset, ErrorCode> {
        let leader = self.leader()?;
        let live = leader.followers.iter().filter(|(broker, _)| !leader.fenced.contains(broker));
        let starts = live.map(|(_, progress)| progress.start);
        Ok(starts.chain([self.log.start_offset()]).min().unwrap_or(Offset::ZERO))
    }

    /// True if an acks=all write that has just been committed may be acknowledged: enough replicas are in sync
    /// even if the proposal is already applied.
    #[must_use]
    pub fn has_enough_replicas(&self) -> bool {
        self.leader().is_ok_and(|leader| leader.maximal_isr().len() >= self.effective_min_isr(leader))
    }

    /// Appends a producer's batch in this leader's epoch; returns the offsets it got. A batch that is in the log
    /// already, by its producer's sequence numbers, is not appended again: the offsets are its old ones.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER (also while a cut of the log is not done), KAFKA_STORAGE_ERROR,
    /// INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER.
    pub fn append(
        &mut self,
        now: Now,
        batch: RecordBatch,
        io: &mut LogIo,
        effects: &mut Effects,
    ) -> Result<(Offset, Offset), ErrorCode> {
        let epoch = self.leader()?.epoch;
        if self.log.is_cutting() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if let Checked::Duplicate(old) =
            self.log.check_producer(&batch).map_err(|wrong| wrong.error_code())?
        {
            let (base, last) = (old.base_offset, old.last_offset);
            effects.note(Event::Deduplicated { partition: self.partition().clone(), base, last });
            return Ok((base, last));
        }
        let id = self.log.append_as_leader(batch, epoch, io);
        effects.note(Event::Appended { partition: self.partition().clone(), batch: id, as_leader: true });
        self.maybe_advance_high_watermark(now, effects);
        Ok((id.base, id.last))
    }

    /// Takes note of a follower's fetch, unless its log parts from ours: then what it claims to have is not ours
    /// and must not count (kafka.md B31).
    ///
    /// # Errors
    /// Epoch errors, OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER.
    pub fn on_follower_fetch(
        &mut self,
        now: Now,
        follower: IsrMember,
        fetch: &FetchPartition,
        metadata: &MetadataImage,
        effects: &mut Effects,
    ) -> Result<FollowerFetch, ErrorCode> {
        self.check_reader(fetch.current_leader_epoch, false)?;
        let registered = metadata.brokers().get(&follower.broker);
        // A fetch of an earlier boot of the follower says nothing about its log of today (KIP-903).
        if registered
            .is_none_or(|known| follower.broker_epoch.0 != -1 && known.epoch != follower.broker_epoch)
        {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if let Some(diverging) = self.divergence(fetch) {
            return Ok(FollowerFetch::Diverging(diverging));
        }
        if fetch.fetch_offset < self.log.start_offset() || fetch.fetch_offset > self.log.end_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let moved = self.record_fetch(now, follower, fetch)?;
        self.maybe_expand_isr(now, follower, metadata, effects);
        self.maybe_advance_high_watermark(now, effects);
        Ok(FollowerFetch::Read { moved })
    }

    /// True if the follower's log has moved.
    fn record_fetch(
        &mut self,
        now: Now,
        follower: IsrMember,
        fetch: &FetchPartition,
    ) -> Result<bool, ErrorCode> {
        let end = fetch.fetch_offset;
        let leader_end = self.log.end_offset();
        let leader = self.leader_mut()?;
        let progress = leader.followers.get_mut(&follower.broker).ok_or(ErrorCode::NotLeaderOrFollower)?;
        if end >= leader_end {
            progress.last_caught_up = Some(now.mono);
        } else if end >= progress.leader_end_at_last_fetch && progress.last_fetch > Instant::START {
            progress.last_caught_up = progress.last_caught_up.max(Some(progress.last_fetch));
        }
        let start = fetch.log_start_offset.max(Offset::ZERO);
        let moved = progress.end != Some(end) || progress.start != start;
        (progress.end, progress.start) = (Some(end), start);
        progress.last_fetch = now.mono;
        progress.leader_end_at_last_fetch = leader_end;
        progress.broker_epoch = follower.broker_epoch;
        Ok(moved)
    }

    fn maybe_expand_isr(
        &mut self,
        now: Now,
        follower: IsrMember,
        metadata: &MetadataImage,
        effects: &mut Effects,
    ) {
        let high_watermark = self.high_watermark;
        let join = self.settings.variant.isr_join;
        let Ok(leader) = self.leader_mut() else { return };
        if leader.proposal.is_some() || leader.isr.contains(&follower.broker) {
            return;
        }
        let reached = match join {
            // The epoch's start matters while our own high watermark is stale (KAFKA-7128).
            IsrJoin::ReachedEpochStart => high_watermark.max(leader.start),
            IsrJoin::ReachedHighWatermark => high_watermark,
        };
        let progress = leader.followers.get(&follower.broker);
        let caught_up = progress.and_then(|progress| progress.end).is_some_and(|end| end >= reached);
        if !caught_up || !metadata.is_active(follower.broker) {
            return;
        }
        let mut isr = leader.members(metadata);
        isr.push(follower);
        isr.sort_unstable_by_key(|member| member.broker);
        let brokers = isr.iter().map(|member| member.broker).collect();
        leader.proposal = Some(Proposal { isr, sent: false });
        let partition = self.partition().clone();
        effects.note(Event::IsrProposed { partition, isr: brokers });
        self.maybe_advance_high_watermark(now, effects);
    }

    /// Proposes the ISR without its members that have not caught up for `replica.lag.time.max.ms`.
    pub fn maybe_shrink_isr(&mut self, now: Now, metadata: &MetadataImage, effects: &mut Effects) {
        let lag_time_max = self.settings.lag_time_max;
        let leader_end = self.log.end_offset();
        let Ok(leader) = self.leader_mut() else { return };
        if leader.proposal.is_some() {
            return;
        }
        let in_sync = |member: &IsrMember| {
            let progress = leader.followers.get(&member.broker);
            progress.is_none_or(|progress| progress.is_caught_up(leader_end, now.mono, lag_time_max))
        };
        let members = leader.members(metadata);
        let kept: Vec<IsrMember> = members.iter().copied().filter(in_sync).collect();
        if kept.len() == members.len() {
            return;
        }
        let isr = kept.iter().map(|member| member.broker).collect();
        leader.proposal = Some(Proposal { isr: kept, sent: false });
        let partition = self.partition().clone();
        effects.note(Event::IsrProposed { partition, isr });
    }

    /// Brokers were fenced or unfenced.
    pub fn brokers_changed(&mut self, now: Now, metadata: &MetadataImage, effects: &mut Effects) {
        if let Ok(leader) = self.leader_mut() {
            leader.fenced =
                leader.replicas.iter().copied().filter(|broker| !metadata.is_active(*broker)).collect();
            self.maybe_advance_high_watermark(now, effects);
        }
    }

    /// The ISR proposal to send, if one waits.
    pub fn take_proposal(&mut self) -> Option<Vec<IsrMember>> {
        self.leader_mut().ok()?.take_proposal()
    }

    /// The controller refused the proposal, or nobody answered (`None`).
    pub fn proposal_failed(&mut self, now: Now, error: Option<ErrorCode>, effects: &mut Effects) {
        let rollback = self.settings.variant.isr_rollback;
        if let Ok(leader) = self.leader_mut() {
            leader.proposal_failed(error, rollback);
            self.maybe_advance_high_watermark(now, effects);
        }
    }

    /// Moves the high watermark to what the whole quorum has. It never goes back on a leader, and does not move
    /// while fewer than `min.insync.replicas` are in sync (KAFKA-15583).
    pub(super) fn maybe_advance_high_watermark(&mut self, now: Now, effects: &mut Effects) {
        let Role::Leader(leader) = &self.role else { return };
        let mut common = self.log.progress().submitted();
        // Most of the time there is nothing to commit, whatever the followers have.
        if common <= self.high_watermark || leader.isr.len() < self.effective_min_isr(leader) {
            return;
        }
        let quorum = leader.quorum(&self.settings, self.log.end_offset(), now.mono);
        for follower in quorum {
            match leader.followers.get(&follower).and_then(|progress| progress.end) {
                Some(end) => common = common.min(end),
                None => return,
            }
        }
        if common > self.high_watermark {
            self.set_high_watermark(common, effects);
        }
    }
}

impl Leader {
    /// The in-sync follower to read from `offset` on, best first: it has that offset, and `eligible` says that it
    /// may be named. The one that has most is best, then the one that caught up last, then the highest id.
    pub(super) fn best_follower(&self, offset: Offset, eligible: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let has =
            |progress: &Progress| progress.start <= offset && progress.end.is_some_and(|end| end >= offset);
        let followers = self
            .followers
            .iter()
            .filter(|(broker, progress)| self.isr.contains(broker) && has(progress) && eligible(**broker));
        followers
            .max_by_key(|(broker, progress)| (progress.end, progress.last_caught_up, **broker))
            .map(|(broker, _)| *broker)
    }

    /// The committed ISR with the broker epochs a proposal needs: that of the last fetch, or of the registration
    /// for a member that has not fetched in this epoch.
    fn members(&self, metadata: &MetadataImage) -> Vec<IsrMember> {
        let epoch = |broker: &NodeId| {
            let fetched = self.followers.get(broker).map(|progress| progress.broker_epoch);
            fetched
                .filter(|epoch| epoch.0 != -1)
                .or_else(|| metadata.brokers().get(broker).map(|known| known.epoch))
        };
        let member = |broker: &NodeId| IsrMember {
            broker: *broker,
            broker_epoch: epoch(broker).unwrap_or(BrokerEpoch::NONE),
        };
        self.isr.iter().map(member).collect()
    }

    /// The followers the high watermark waits for.
    fn quorum(&self, settings: &ReplicaSettings, leader_end: Offset, now: Instant) -> Vec<NodeId> {
        let mut quorum = match settings.variant.high_watermark_quorum {
            HighWatermarkQuorum::MaximalIsr => self.maximal_isr(),
            HighWatermarkQuorum::CommittedIsr => self.isr.clone(),
            HighWatermarkQuorum::IgnoreOneMember => {
                let ignored =
                    self.maximal_isr().into_iter().filter(|member| *member != settings.broker).max();
                self.maximal_isr().into_iter().filter(|member| Some(*member) != ignored).collect()
            }
        };
        quorum.retain(|member| *member != settings.broker);
        if settings.variant.high_watermark_quorum == HighWatermarkQuorum::MaximalIsr {
            quorum.extend(self.joining(leader_end, now, settings.lag_time_max, &quorum));
        }
        quorum
    }

    /// Followers outside the maximal ISR that have caught up: the high watermark waits for them, or a busy leader
    /// would move it on just before each of their fetches and they could never join.
    fn joining(
        &self,
        leader_end: Offset,
        now: Instant,
        lag_time_max: Duration,
        quorum: &[NodeId],
    ) -> Vec<NodeId> {
        let outside = self
            .followers
            .iter()
            .filter(|(broker, _)| !quorum.contains(broker) && !self.fenced.contains(broker));
        outside
            .filter(|(_, progress)| {
                let fetched = progress.end.is_some_and(|end| end >= self.start);
                fetched && progress.is_caught_up(leader_end, now, lag_time_max)
            })
            .map(|(broker, _)| *broker)
            .collect()
    }
}
