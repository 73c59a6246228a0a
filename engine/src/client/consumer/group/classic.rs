//! A member of a classic group as a pure machine (Kafka's `AbstractCoordinator` and `ConsumerCoordinator`).
//!
//! At each change all members join the next generation, and one of them assigns the partitions. Eager members give up
//! everything before they join; cooperative ones give up what moves, and then join once more (KIP-429).

use std::collections::BTreeSet;

use super::assignor::{Candidate, Topics, is_cooperative, user_data};
use super::membership::{After, Identity, Membership, NO_GENERATION, Step};
use super::protocol::{Subscription, decode_assignment};
use super::work::Work;
use crate::client::cluster::Metadata;
use crate::config::{Assignor, MembershipConfig};
use crate::error::ErrorCode;
use crate::id::{TopicName, TopicPartition};
use crate::message::{HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, SyncGroupResponse};
use crate::time::Instant;
use crate::variant::Guard;

/// The kind of group consumers form.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// Subscribes to nothing, or has left for good.
    Idle,
    /// In no generation. Joins once what was owned is told to be lost.
    Out,
    /// All that has to be given up first is given up: the task joins.
    Joining,
    /// In a generation; the assignment is on its way.
    Syncing,
    /// Has an assignment that the listener has not been told.
    Assigned(Vec<TopicPartition>),
    /// In a generation, and the listener knows.
    Stable,
    /// Nothing helps any more.
    Failed(ErrorCode),
}

/// The machine.
pub(super) struct Classic {
    config: MembershipConfig,
    rack: Option<String>,
    phase: Phase,
    member_id: String,
    generation: i32,
    topics: Vec<TopicName>,
    owned: BTreeSet<TopicPartition>,
    /// The last assignment and its generation: sticky assignors want to know, also after it was lost.
    last: Option<(Vec<TopicPartition>, i32)>,
    /// Why to join again.
    rejoin: Option<&'static str>,
    /// The partitions this member assigned as the leader.
    led: Option<Topics>,
    /// What is owned is told to be lost also if the member drops out while it joins (KAFKA-12983, KAFKA-13891).
    claim_check: Guard,
    last_poll: Instant,
    heartbeat_due: Instant,
}

impl Classic {
    /// A member that subscribes to nothing.
    pub(super) fn new(config: MembershipConfig, rack: &str, now: Instant) -> Self {
        Classic {
            config,
            rack: Some(rack.to_owned()).filter(|rack| !rack.is_empty()),
            phase: Phase::Idle,
            member_id: String::new(),
            generation: NO_GENERATION,
            topics: Vec::new(),
            owned: BTreeSet::new(),
            last: None,
            rejoin: None,
            led: None,
            claim_check: Guard::On,
            last_poll: now,
            heartbeat_due: now,
        }
    }

    /// Whether a member that drops out while it joins loses what it owns. The old clients had looked after that once, when
    /// they began to join, and did not again: they joined anew and claimed what might be somebody else's by then.
    pub(super) fn set_claim_check(&mut self, check: Guard) {
        self.claim_check = check;
    }

    /// Eagerly all, cooperatively what is not wanted any more.
    fn given_up_to_join(&self) -> Vec<TopicPartition> {
        let cooperative = is_cooperative(&self.config.partition_assignment_strategy);
        let keeps = |partition: &TopicPartition| cooperative && self.topics.contains(&partition.topic);
        self.owned.iter().filter(|partition| !keeps(partition)).cloned().collect()
    }

    fn owned_list(&self) -> Vec<TopicPartition> {
        self.owned.iter().cloned().collect()
    }

    /// The member says that it joins.
    pub(super) fn join_request(&mut self) -> JoinGroupRequest {
        let reason = self.rejoin.take().map(str::to_owned);
        let subscription = |assignor: Assignor| Subscription {
            topics: self.topics.clone(),
            user_data: user_data(assignor, self.last.as_ref()),
            owned: self.owned_list(),
            generation: self.generation,
            rack: self.rack.clone(),
        };
        let assignors = self.config.partition_assignment_strategy.iter();
        JoinGroupRequest {
            group_id: self.config.group_id.clone(),
            session_timeout: self.config.session_timeout,
            rebalance_timeout: self.config.max_poll_interval,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: assignors.map(|one| (one.name().to_owned(), subscription(*one).encode())).collect(),
            reason,
        }
    }

    /// What became of joining.
    pub(super) fn joined(&mut self, response: &JoinGroupResponse) -> After {
        if self.phase != Phase::Joining {
            return After::GoOn;
        }
        match response.error {
            ErrorCode::None => {
                self.member_id.clone_from(&response.member_id);
                self.generation = response.generation;
                self.led = None;
                self.phase = Phase::Syncing;
                After::GoOn
            }
            ErrorCode::MemberIdRequired => {
                self.member_id.clone_from(&response.member_id);
                After::GoOn
            }
            error => self.refused(error),
        }
    }

    /// The candidates a leader assigns to, or `None` if this member does not lead.
    pub(super) fn candidates(&self, response: &JoinGroupResponse) -> Option<(Assignor, Vec<Candidate>)> {
        let leads = response.leader == response.member_id && self.phase == Phase::Syncing;
        let assignor = Assignor::named(response.protocol_name.as_deref()?).filter(|_| leads)?;
        let candidate = |member: &crate::message::JoinedMember| Candidate {
            member_id: member.member_id.clone(),
            instance_id: member.group_instance_id.clone(),
            // Who cannot be understood gets nothing.
            subscription: Subscription::decode(&member.metadata).unwrap_or_default(),
        };
        Some((assignor, response.members.iter().map(candidate).collect()))
    }

    /// This member leads, and these are the partitions it assigns.
    pub(super) fn leads(&mut self, topics: Topics) {
        self.led = Some(topics);
    }

    /// What became of the assignment.
    pub(super) fn synced(&mut self, response: &SyncGroupResponse, now: Instant) -> After {
        if self.phase != Phase::Syncing {
            return After::GoOn;
        }
        match response.error {
            ErrorCode::None => match decode_assignment(&response.assignment) {
                Some(mut partitions) => {
                    partitions.sort();
                    partitions.dedup();
                    self.phase = Phase::Assigned(partitions);
                    self.heartbeat_due = now.after(self.config.heartbeat_interval);
                    After::GoOn
                }
                None => {
                    self.fail(ErrorCode::InconsistentGroupProtocol);
                    After::GoOn
                }
            },
            // The member does not know what it was given in this generation: what it claims to own would be as old as
            // the one before (KAFKA-13406).
            ErrorCode::RebalanceInProgress => {
                self.not_synced();
                After::GoOn
            }
            error => self.refused(error),
        }
    }

    /// The exchange broke off: the coordinator may have gone on without this member.
    pub(super) fn interrupted(&mut self) {
        if self.phase == Phase::Syncing {
            self.not_synced();
        }
    }

    fn not_synced(&mut self) {
        match self.claim_check {
            Guard::On => self.out(),
            // It claims what it owned before in the generation that gave it something else.
            Guard::Off => self.phase = Phase::Joining,
        }
    }

    /// Joins again if it leads the group and a topic has other partitions than it assigned.
    fn compare_counts(&mut self, count: impl Fn(&TopicName) -> Option<usize>) {
        let Some(led) = &self.led else { return };
        let changed = |(topic, known): (&TopicName, &usize)| count(topic).is_some_and(|now| now != *known);
        if self.phase == Phase::Stable && self.rejoin.is_none() && led.iter().any(changed) {
            self.rejoin = Some("the partitions of a topic changed");
        }
    }

    /// A heartbeat of this generation, to be sent now.
    pub(super) fn heartbeat_request(&mut self, now: Instant) -> HeartbeatRequest {
        self.heartbeat_due = now.after(self.config.heartbeat_interval);
        HeartbeatRequest {
            group_id: self.config.group_id.clone(),
            generation: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
        }
    }

    /// What was said to a heartbeat, or to a commit, of `sent`.
    pub(super) fn answered(&mut self, error: ErrorCode, sent: &Identity) -> After {
        match error {
            ErrorCode::None => After::GoOn,
            _ if *sent != self.identity() => After::GoOn,
            ErrorCode::RebalanceInProgress => {
                self.rejoin = self.rejoin.or(Some("the group rebalances"));
                After::GoOn
            }
            error => self.refused(error),
        }
    }

    /// What every request of a member may be told.
    fn refused(&mut self, error: ErrorCode) -> After {
        match error {
            ErrorCode::IllegalGeneration => {
                self.out();
                After::GoOn
            }
            ErrorCode::UnknownMemberId => {
                self.leave();
                After::GoOn
            }
            ErrorCode::RebalanceInProgress | ErrorCode::CoordinatorLoadInProgress => After::Retry,
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.interrupted();
                After::FindCoordinator
            }
            error if error.is_retriable() => {
                self.interrupted();
                After::Retry
            }
            error => {
                self.fail(error);
                After::GoOn
            }
        }
    }

    fn out(&mut self) {
        self.generation = NO_GENERATION;
        self.led = None;
        self.phase = match self.phase {
            Phase::Idle => Phase::Idle,
            Phase::Joining | Phase::Syncing if self.claim_check == Guard::Off => Phase::Joining,
            _ => Phase::Out,
        };
    }
}

impl Membership for Classic {
    fn subscribe(&mut self, topics: Vec<TopicName>, now: Instant) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Out;
            self.last_poll = now;
        } else if topics != self.topics {
            self.rejoin = Some("the subscription changed");
        }
        self.topics = topics;
    }

    fn polled(&mut self, now: Instant) {
        self.last_poll = now;
    }

    fn compare_metadata(&mut self, metadata: &Metadata) -> bool {
        self.compare_counts(|topic| metadata.partition_count(topic));
        false
    }

    fn failure(&self) -> Option<ErrorCode> {
        match self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    fn identity(&self) -> Identity {
        Identity { member_id: self.member_id.clone(), generation: self.generation }
    }

    fn committer(&self) -> Result<Identity, ErrorCode> {
        match self.phase {
            // It assigned itself its partitions, and is no member.
            Phase::Idle => Ok(Identity::nobody()),
            Phase::Assigned(_) | Phase::Stable => Ok(self.identity()),
            Phase::Joining | Phase::Syncing => Err(ErrorCode::RebalanceInProgress),
            Phase::Out => Err(ErrorCode::UnknownMemberId),
            Phase::Failed(error) => Err(error),
        }
    }

    fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    fn work(&mut self) -> Option<Work> {
        match &self.phase {
            Phase::Idle | Phase::Joining | Phase::Syncing => None,
            Phase::Out | Phase::Failed(_) if !self.owned.is_empty() => Some(Work::Lose(self.owned_list())),
            Phase::Failed(_) => None,
            Phase::Out => {
                self.phase = Phase::Joining;
                None
            }
            Phase::Assigned(assigned) => {
                let gone = self.owned.iter().filter(|owned| !assigned.contains(owned));
                let gone: Vec<TopicPartition> = gone.cloned().collect();
                Some(if gone.is_empty() { Work::Assign(assigned.clone()) } else { Work::Revoke(gone) })
            }
            Phase::Stable => {
                self.rejoin?;
                let gone = self.given_up_to_join();
                if gone.is_empty() {
                    self.phase = Phase::Joining;
                }
                Some(Work::Revoke(gone)).filter(|_| self.phase == Phase::Stable)
            }
        }
    }

    fn gave_up(&mut self, partitions: &[TopicPartition]) {
        self.owned.retain(|owned| !partitions.contains(owned));
        if matches!(self.phase, Phase::Assigned(_)) {
            self.rejoin = Some("partitions were given up that another member waits for");
        }
    }

    fn takes_over(&mut self, partitions: &[TopicPartition]) {
        self.owned = partitions.iter().cloned().collect();
        self.last = Some((partitions.to_vec(), self.generation));
    }

    fn took_over(&mut self, partitions: &[TopicPartition]) {
        if self.phase == Phase::Assigned(partitions.to_vec()) {
            self.phase = Phase::Stable;
        }
    }

    fn step(&self, now: Instant) -> Step {
        match self.phase {
            Phase::Idle | Phase::Out | Phase::Failed(_) | Phase::Syncing => Step::Wait(None),
            Phase::Joining => Step::Join,
            Phase::Assigned(_) | Phase::Stable => {
                let poll_due = self.last_poll.after(self.config.max_poll_interval);
                if now >= poll_due {
                    Step::PollLate
                } else if now >= self.heartbeat_due {
                    Step::Heartbeat
                } else {
                    Step::Wait(Some(poll_due.min(self.heartbeat_due)))
                }
            }
        }
    }

    fn heartbeat_lost(&mut self, now: Instant) {
        self.heartbeat_due = now;
    }

    fn leave(&mut self) {
        self.member_id = String::new();
        self.out();
    }

    fn end(&mut self) {
        self.leave();
        self.owned.clear();
        self.phase = Phase::Idle;
    }

    fn fail(&mut self, error: ErrorCode) {
        self.out();
        self.phase = Phase::Failed(error);
    }

    fn commit_answered(&mut self, error: ErrorCode, sent: &Identity) -> After {
        match error {
            ErrorCode::RebalanceInProgress
            | ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId => self.answered(error, sent),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => After::FindCoordinator,
            // Anything else is between the coordinator and whoever commits.
            _ => After::GoOn,
        }
    }
}
