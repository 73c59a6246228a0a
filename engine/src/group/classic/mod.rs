//! A group of the classic protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
//!
//! ```text
//! Empty --join--> PreparingRebalance --everybody joined, or waited long enough--> CompletingRebalance
//!   ^                   ^    |                                                        |
//!   +---nobody joined---+----+          Stable <--the leader's assignment is stored---+
//! ```
//! A member joins, leaves or dies, or changes what it wants: the group prepares a rebalance again. The rules are those
//! of Kafka's `GroupMetadataManager` and `ClassicGroup`, with static members (KIP-345), member ids that are given
//! before they are used (KIP-394), a delay of the first rebalance (KIP-134) and a time limit for SyncGroup
//! (KAFKA-12890).
//!
//! One difference: a request that a newer one of the same member replaces is answered (REBALANCE_IN_PROGRESS), where
//! Kafka forgets it.

mod join;
mod leave;
mod member;
mod rebalance;
mod static_member;
mod sync;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

pub(super) use static_member::Replacement;

use self::member::Member;
use super::record::{GroupMetadata, MemberMetadata, Record};
use super::{Ticket, Turn, subscription};
use crate::config::GroupConfig;
use crate::error::ErrorCode;
use crate::id::TopicName;
use crate::message::{DescribedGroup, DescribedMember, JoinGroupResponse, SyncGroupResponse};
use crate::time::{Duration, Instant, Now, Timestamp};

/// The kind of group that consumers form.
pub(super) const CONSUMER: &str = "consumer";

/// The state of a group. One that is dead does not exist any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// No members; maybe offsets.
    Empty,
    /// Waits for members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl GroupState {
    /// Kafka's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
        }
    }
}

/// When waiting for members to join ends.
#[derive(Clone, Copy, Debug)]
struct JoinTimer {
    at: Instant,
    /// Of the first rebalance of an empty group: how long this wait is, and how much longer it may be extended.
    initial: Option<(Duration, Duration)>,
}

/// A group.
#[derive(Debug)]
pub struct ClassicGroup {
    id: String,
    state: GroupState,
    /// The state before this one.
    previous: GroupState,
    state_since: Timestamp,
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// `group.instance.id` -> member id.
    static_members: BTreeMap<String, String>,
    /// Member ids that were given away and not used yet, and until when they may be.
    pending_joins: BTreeMap<String, Instant>,
    /// Members of this generation that have not asked for their assignment.
    pending_sync: BTreeSet<String>,
    /// When those are taken for dead.
    sync_deadline: Option<Instant>,
    join_timer: Option<JoinTimer>,
    /// Somebody came while the first rebalance waited.
    new_member_added: bool,
    /// The topics its members subscribe to, if all of them can be read.
    subscribed: Option<BTreeSet<TopicName>>,
    /// Something may be due earlier than it was. Signs of life alone only move deadlines away.
    pub(super) hurried: bool,
}

impl ClassicGroup {
    /// A group without members.
    #[must_use]
    pub fn empty(id: &str) -> ClassicGroup {
        ClassicGroup {
            id: id.to_owned(),
            state: GroupState::Empty,
            previous: GroupState::Empty,
            state_since: Timestamp::NONE,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            sync_deadline: None,
            join_timer: None,
            new_member_added: false,
            subscribed: Some(BTreeSet::new()),
            hurried: true,
        }
    }

    /// A group as it was stored. Its members have a session from now on to show themselves.
    #[must_use]
    pub fn of_record(now: Now, id: &str, stored: &GroupMetadata) -> ClassicGroup {
        let mut group = ClassicGroup::empty(id);
        group.generation = stored.generation;
        group.protocol_type = Some(stored.protocol_type.clone()).filter(|kind| !kind.is_empty());
        group.state_since = stored.state_since;
        if stored.members.is_empty() {
            return group;
        }
        group.state = GroupState::Stable;
        group.previous = GroupState::CompletingRebalance;
        group.protocol = Some(stored.protocol.clone().unwrap_or_default());
        for member in &stored.members {
            if let Some(instance) = &member.group_instance_id {
                group.static_members.insert(instance.clone(), member.member_id.clone());
            }
            let protocol = group.protocol.clone().unwrap_or_default();
            group.members.insert(member.member_id.clone(), Member::of_record(now.mono, member, protocol));
        }
        let leader = stored.leader.clone().filter(|leader| group.members.contains_key(leader));
        group.leader = leader.or_else(|| group.members.keys().next().cloned());
        group.subscribed = group.read_subscriptions();
        group
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// The ids of its members.
    pub fn member_ids(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Its kind: `consumer`, `connect`; `None` if it never had a member.
    #[must_use]
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// When it came into its state, or NONE.
    pub(super) fn state_since(&self) -> Timestamp {
        self.state_since
    }

    /// True if it never had a generation and nobody is about to join.
    pub(super) fn is_unborn(&self) -> bool {
        self.is_idle() && self.generation == 0
    }

    /// True if nobody would miss it, as far as members go.
    pub(super) fn is_idle(&self) -> bool {
        self.state == GroupState::Empty && self.pending_joins.is_empty()
    }

    /// Whether a living member may still need the offsets of a topic.
    pub(super) fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some(CONSUMER),
        }
    }

    /// Whether it is known which topics its members subscribe to.
    pub(super) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    /// What is told about it to those who look after groups.
    #[must_use]
    pub fn describe(&self) -> DescribedGroup {
        let stable = self.state == GroupState::Stable;
        let protocol = self.protocol.clone().filter(|_| stable).unwrap_or_default();
        let of_protocol = |bytes: Bytes| if stable { bytes } else { Bytes::new() };
        let member = |(id, member): (&String, &Member)| DescribedMember {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: of_protocol(member.metadata(&protocol)),
            assignment: of_protocol(member.assignment.clone()),
        };
        DescribedGroup {
            error: ErrorCode::None,
            group_id: self.id.clone(),
            state: self.state.name().to_owned(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.clone(),
            members: self.members.iter().map(member).collect(),
        }
    }

    /// The group as it is stored, with these assignments.
    fn record(&self, assignment: impl Fn(&str, &Member) -> Bytes) -> Record {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, member): (&String, &Member)| MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            subscription: member.metadata(protocol),
            assignment: assignment(id, member),
        };
        let empty = self.members.is_empty();
        let value = GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone().filter(|_| !empty),
            leader: self.leader.clone().filter(|_| !empty),
            state_since: self.state_since,
            members: self.members.iter().map(member).collect(),
        };
        Record::Group { group: self.id.clone(), value: Some(value) }
    }

    fn transition(&mut self, now: Now, state: GroupState) {
        self.previous = std::mem::replace(&mut self.state, state);
        self.state_since = now.wall;
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether this member is in the group, and is the one that its instance id belongs to.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID if another member has taken over the instance id.
    pub(super) fn validate_member(&self, member_id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(owner) if owner != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The same, and that it knows the generation.
    pub(super) fn validate_generation(
        &self,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.validate_member(member_id, instance)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    fn read_subscriptions(&self) -> Option<BTreeSet<TopicName>> {
        if self.protocol_type.as_deref() != Some(CONSUMER) {
            return None;
        }
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            all.append(&mut subscription::topics(&member.metadata(protocol))?);
        }
        Some(all)
    }

    /// The coordinator moves: everybody who waits is told.
    pub(super) fn resign(&mut self, turn: &mut Turn<'_>) {
        for (id, member) in &mut self.members {
            if let Some(ticket) = member.join.take() {
                turn.answer(ticket, join_refused(id, ErrorCode::NotCoordinator));
            }
            if let Some(ticket) = member.sync.take() {
                turn.answer(ticket, sync_refused(ErrorCode::NotCoordinator));
            }
        }
    }

    /// Panics on a bug of ours.
    pub fn invariants(&self) {
        let Self { id, state, .. } = self;
        let has = |member: &String| self.members.contains_key(member);
        assert!(self.leader.as_ref().is_none_or(has), "{id}: the leader is no member");
        assert_eq!(self.leader.is_none(), self.members.is_empty(), "{id}: members without a leader");
        assert!(self.pending_sync.iter().all(has), "{id}: a stranger is to sync");
        assert!(self.pending_joins.keys().all(|id| !has(id)), "{id}: a member is still to join");
        for (instance, member) in &self.static_members {
            let owner = self.members.get(member).and_then(|member| member.group_instance_id.as_ref());
            assert_eq!(owner, Some(instance), "{id}: an instance id without its member");
        }
        let instances = self.members.values().filter(|member| member.group_instance_id.is_some()).count();
        assert_eq!(instances, self.static_members.len(), "{id}: two members with one instance id");
        let preparing = *state == GroupState::PreparingRebalance;
        assert_eq!(self.join_timer.is_some(), preparing, "{id}: {state:?} and its timer");
        assert!(
            *state != GroupState::CompletingRebalance || self.sync_deadline.is_some(),
            "{id}: no sync timer"
        );
        assert!(*state != GroupState::Empty || self.members.is_empty(), "{id}: empty with members");
        let formed = matches!(state, GroupState::CompletingRebalance | GroupState::Stable);
        assert!(
            !formed || !self.members.is_empty() && self.protocol.is_some(),
            "{id}: {state:?} without members"
        );
        let syncing = self.members.values().any(|member| member.sync.is_some());
        assert!(!syncing || *state == GroupState::CompletingRebalance, "{id}: {state:?} and members wait");
    }
}

/// The answer that a member does not get in.
pub(super) fn join_refused(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error,
        generation: -1,
        protocol_type: None,
        protocol_name: None,
        leader: String::new(),
        skip_assignment: false,
        member_id: member_id.to_owned(),
        members: Vec::new(),
    }
}

/// The answer that a member gets no assignment.
pub(super) fn sync_refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error, protocol_type: None, protocol_name: None, assignment: Bytes::new() }
}

/// A ticket takes the place of another, which is answered.
fn supersede(place: &mut Option<Ticket>, ticket: Ticket) -> Option<Ticket> {
    place.replace(ticket).filter(|old| *old != ticket)
}

/// The settings say how long a session may be.
pub(super) fn is_legal_session(config: &GroupConfig, session: Duration) -> bool {
    (config.min_session_timeout..=config.max_session_timeout).contains(&session)
}
