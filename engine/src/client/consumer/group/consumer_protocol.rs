//! A member of a group whose coordinator assigns, as a pure machine (KIP-848; Kafka's `ConsumerMembershipManager` and
//! `ConsumerHeartbeatRequestManager`).
//!
//! Everything goes through one request. The coordinator says at which epoch the member is and all it may own; the
//! member gives up what is not among that, says so with the next heartbeat, then takes over what is new. It tells what
//! it owns as it is at that moment: what was given up is told as soon as the listener knows.

use std::collections::{BTreeMap, BTreeSet};

use super::membership::{After, Identity, Membership, NO_GENERATION, Step};
use super::work::Work;
use crate::client::cluster::Metadata;
use crate::config::MembershipConfig;
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicIdPartitions};
use crate::time::{Duration, Instant};

#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// Subscribes to nothing, or has left for good.
    Idle,
    /// Fenced, or gone for not polling. Joins once what was owned is told to be lost.
    Out,
    /// The next heartbeat joins.
    Joining,
    /// In the group.
    Member,
    /// Nothing helps any more.
    Failed(ErrorCode),
}

/// Partitions by the ids of their topics.
type ById = BTreeMap<TopicId, BTreeSet<PartitionIndex>>;

/// What the coordinator was told last; it need not be told again.
struct Told {
    topics: Vec<TopicName>,
    owned: ById,
}

/// The machine.
pub(super) struct ConsumerMember {
    config: MembershipConfig,
    rack: Option<String>,
    phase: Phase,
    member_id: String,
    epoch: i32,
    topics: Vec<TopicName>,
    owned: BTreeSet<TopicPartition>,
    /// All it may own, as the coordinator says.
    target: ById,
    /// The listener has not been told of the target.
    reconciling: bool,
    names: BTreeMap<TopicId, TopicName>,
    told: Option<Told>,
    /// What it owns or wants has changed since.
    news: bool,
    interval: Duration,
    heartbeat_due: Instant,
    last_poll: Instant,
}

impl ConsumerMember {
    /// A member that subscribes to nothing, with the id that it keeps (KIP-1082).
    pub(super) fn new(config: MembershipConfig, rack: &str, member_id: String, now: Instant) -> Self {
        ConsumerMember {
            config,
            rack: Some(rack.to_owned()).filter(|rack| !rack.is_empty()),
            phase: Phase::Idle,
            member_id,
            epoch: ConsumerGroupHeartbeatRequest::JOIN,
            topics: Vec::new(),
            owned: BTreeSet::new(),
            target: ById::new(),
            reconciling: false,
            names: BTreeMap::new(),
            told: None,
            news: false,
            interval: Duration::ZERO,
            heartbeat_due: now,
            last_poll: now,
        }
    }

    /// The heartbeat to be sent now. It tells what has changed since the last one, or all if that is in doubt.
    pub(super) fn heartbeat_request(&mut self, now: Instant) -> ConsumerGroupHeartbeatRequest {
        let joins = self.phase == Phase::Joining;
        let owned = if joins { ById::new() } else { self.owned_by_id() };
        let told = self.told.take().filter(|_| !joins);
        let all = told.is_none();
        let topics_changed = told.as_ref().is_none_or(|told| told.topics != self.topics);
        let owned_changed = told.as_ref().is_none_or(|told| told.owned != owned);
        let list = |(topic_id, partitions): (&TopicId, &BTreeSet<PartitionIndex>)| TopicIdPartitions {
            topic_id: *topic_id,
            partitions: partitions.iter().copied().collect(),
        };
        self.heartbeat_due = now.after(self.interval);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            member_epoch: if joins { ConsumerGroupHeartbeatRequest::JOIN } else { self.epoch },
            instance_id: self.config.group_instance_id.clone(),
            rack_id: self.rack.clone().filter(|_| all),
            rebalance_timeout: Some(self.config.max_poll_interval).filter(|_| all),
            subscribed_topic_names: Some(self.topics.clone()).filter(|_| topics_changed),
            subscribed_topic_regex: None,
            server_assignor: self.config.group_remote_assignor.clone().filter(|_| all),
            topic_partitions: Some(owned.iter().map(list).collect()).filter(|_| owned_changed),
        };
        self.told = Some(Told { topics: self.topics.clone(), owned });
        self.news = false;
        request
    }

    /// True if the coordinator may know of it: it has joined, or a heartbeat that joins may be under way.
    pub(super) fn may_be_known(&self) -> bool {
        matches!(self.phase, Phase::Joining | Phase::Member)
    }

    /// The heartbeat that leaves: for good, or as a static member that will come back.
    pub(super) fn leave_request(&self) -> ConsumerGroupHeartbeatRequest {
        let member_epoch = match self.config.group_instance_id {
            Some(_) => ConsumerGroupHeartbeatRequest::LEAVE_STATIC,
            None => ConsumerGroupHeartbeatRequest::LEAVE,
        };
        ConsumerGroupHeartbeatRequest {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            member_epoch,
            instance_id: self.config.group_instance_id.clone(),
            rack_id: None,
            rebalance_timeout: None,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            topic_partitions: None,
        }
    }

    /// What was said to the heartbeat of `sent`.
    pub(super) fn heartbeat_answered(
        &mut self,
        response: &ConsumerGroupHeartbeatResponse,
        sent: &Identity,
        now: Instant,
    ) -> After {
        let current = matches!(self.phase, Phase::Joining | Phase::Member);
        if !current || *sent != self.identity() {
            return After::GoOn;
        }
        match response.error {
            ErrorCode::None => {
                self.take_assignment(response, now);
                After::GoOn
            }
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId if self.phase == Phase::Member => {
                self.out();
                After::GoOn
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.heartbeat_lost(now);
                After::FindCoordinator
            }
            // Who joins is nobody yet: it can only try again.
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.heartbeat_lost(now);
                After::Retry
            }
            error if error.is_retriable() => {
                self.heartbeat_lost(now);
                After::Retry
            }
            error => {
                self.fail(error);
                After::GoOn
            }
        }
    }

    fn take_assignment(&mut self, response: &ConsumerGroupHeartbeatResponse, now: Instant) {
        let first = self.phase == Phase::Joining;
        self.phase = Phase::Member;
        if let Some(member_id) = &response.member_id {
            self.member_id.clone_from(member_id);
        }
        self.epoch = response.member_epoch;
        self.interval = response.heartbeat_interval;
        self.heartbeat_due = now.after(self.interval);
        if let Some(assignment) = &response.assignment {
            let partitions = |one: &TopicIdPartitions| one.partitions.iter().copied().collect();
            self.target = assignment.iter().map(|one| (one.topic_id, partitions(one))).collect();
            // What was begun is still to be ended, even if the new target is what is owned at the moment.
            self.reconciling |= first || self.target != self.owned_by_id();
        }
    }

    /// Learns the names of topics from `id_of`. True if a topic of the target has none.
    pub(super) fn learn_names(&mut self, id_of: impl Fn(&TopicName) -> TopicId) -> bool {
        let nameless = |member: &Self| member.target.keys().any(|id| !member.names.contains_key(id));
        if !nameless(self) {
            return false;
        }
        for topic in &self.topics {
            let id = id_of(topic);
            if id != TopicId::ZERO && self.target.contains_key(&id) && !self.names.contains_key(&id) {
                self.names.insert(id, topic.clone());
                self.reconciling = true;
            }
        }
        nameless(self)
    }

    /// The target, as far as its topics have names.
    fn target_by_name(&self) -> BTreeSet<TopicPartition> {
        let named = self.target.iter().filter_map(|(id, partitions)| Some((self.names.get(id)?, partitions)));
        let one = |(topic, partitions): (&TopicName, &BTreeSet<PartitionIndex>)| {
            let topic = topic.clone();
            let partitions = partitions.clone().into_iter();
            partitions.map(move |partition| TopicPartition { topic: topic.clone(), partition })
        };
        named.flat_map(one).collect()
    }

    fn owned_by_id(&self) -> ById {
        let mut owned = ById::new();
        for partition in &self.owned {
            let named = self.names.iter().find(|(_, name)| **name == partition.topic);
            if let Some((id, _)) = named {
                owned.entry(*id).or_default().insert(partition.partition);
            }
        }
        owned
    }

    fn out(&mut self) {
        self.epoch = ConsumerGroupHeartbeatRequest::JOIN;
        self.target.clear();
        self.reconciling = false;
        self.told = None;
        if self.phase != Phase::Idle {
            self.phase = Phase::Out;
        }
    }
}

impl Membership for ConsumerMember {
    fn subscribe(&mut self, topics: Vec<TopicName>, now: Instant) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Out;
            self.last_poll = now;
        }
        self.news |= topics != self.topics;
        self.topics = topics;
    }

    fn polled(&mut self, now: Instant) {
        self.last_poll = now;
    }

    fn compare_metadata(&mut self, metadata: &Metadata) -> bool {
        self.learn_names(|topic| metadata.topic_id(topic))
    }

    fn failure(&self) -> Option<ErrorCode> {
        match self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    fn fail(&mut self, error: ErrorCode) {
        self.out();
        self.phase = Phase::Failed(error);
    }

    fn identity(&self) -> Identity {
        let generation = if self.phase == Phase::Member { self.epoch } else { NO_GENERATION };
        Identity { member_id: self.member_id.clone(), generation }
    }

    fn committer(&self) -> Result<Identity, ErrorCode> {
        match self.phase {
            Phase::Idle => Ok(Identity::nobody()),
            Phase::Member => Ok(self.identity()),
            Phase::Out | Phase::Joining => Err(ErrorCode::UnknownMemberId),
            Phase::Failed(error) => Err(error),
        }
    }

    fn is_stable(&self) -> bool {
        self.phase == Phase::Member
    }

    fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    fn work(&mut self) -> Option<Work> {
        match self.phase {
            Phase::Out | Phase::Failed(_) if !self.owned.is_empty() => {
                Some(Work::Lose(self.owned.iter().cloned().collect()))
            }
            Phase::Out => {
                self.phase = Phase::Joining;
                None
            }
            Phase::Member if self.reconciling => {
                let target = self.target_by_name();
                let gone: Vec<TopicPartition> = self.owned.difference(&target).cloned().collect();
                let assign = || Work::Assign(target.into_iter().collect());
                Some(if gone.is_empty() { assign() } else { Work::Revoke(gone) })
            }
            Phase::Idle | Phase::Joining | Phase::Member | Phase::Failed(_) => None,
        }
    }

    fn gave_up(&mut self, partitions: &[TopicPartition]) {
        self.owned.retain(|owned| !partitions.contains(owned));
        self.news = true;
    }

    fn takes_over(&mut self, partitions: &[TopicPartition]) {
        self.owned = partitions.iter().cloned().collect();
        self.news = true;
    }

    fn took_over(&mut self, partitions: &[TopicPartition]) {
        if self.target_by_name().iter().eq(partitions) {
            self.reconciling = false;
        }
    }

    fn step(&self, now: Instant) -> Step {
        match self.phase {
            Phase::Idle | Phase::Out | Phase::Failed(_) => Step::Wait(None),
            Phase::Joining => Step::Heartbeat,
            Phase::Member => {
                let poll_due = self.last_poll.after(self.config.max_poll_interval);
                if now >= poll_due {
                    Step::PollLate
                } else if now >= self.heartbeat_due || self.news {
                    Step::Heartbeat
                } else {
                    Step::Wait(Some(poll_due.min(self.heartbeat_due)))
                }
            }
        }
    }

    fn heartbeat_lost(&mut self, now: Instant) {
        self.told = None;
        self.heartbeat_due = now;
    }

    fn commit_answered(&mut self, error: ErrorCode, _sent: &Identity) -> After {
        // Whether the member is in the group is for its heartbeat to find out.
        match error {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => After::FindCoordinator,
            _ => After::GoOn,
        }
    }

    fn leave(&mut self) {
        self.out();
    }

    fn end(&mut self) {
        self.out();
        self.owned.clear();
        self.phase = Phase::Idle;
    }
}
