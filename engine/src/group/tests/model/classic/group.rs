//! The classic protocol in its simplest terms: one group whose members all know one protocol.
//!
//! The rules are those of Kafka's `ClassicGroup`: who is let in, who is waited for and how long, what is stored when,
//! and what each error means. Everything a new coordinator does not know is in [`Group`] and not in [`Durable`].

use super::*;

/// What is stored.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Durable {
    pub(super) generation: Option<Generation>,
    /// Offset, and when it was committed.
    pub(super) offsets: BTreeMap<String, (i64, u64)>,
}

impl Durable {
    pub(super) fn is_nothing(&self) -> bool {
        self.generation.is_none() && self.offsets.is_empty()
    }
}

/// A generation as it is stored.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Generation {
    pub(super) number: i32,
    pub(super) leader: Option<String>,
    pub(super) since: u64,
    pub(super) members: BTreeMap<String, Kept>,
}

/// A member as it is stored.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Kept {
    pub(super) instance: Option<String>,
    pub(super) taste: usize,
    pub(super) assignment: String,
}

#[derive(Clone, Debug)]
pub(in crate::group::tests::model) enum Change {
    Generation(Generation),
    Offset(String, Option<(i64, u64)>),
    Forget,
}

#[derive(Clone, Debug, Default)]
pub(in crate::group::tests::model) struct Member {
    pub(super) kept: Kept,
    /// Its requests that wait.
    pub(super) join: Option<u64>,
    pub(super) sync: Option<u64>,
    /// It has not been told its id.
    pub(super) new: bool,
    pub(super) owes_sync: bool,
    /// When it is taken for dead; not while it waits for us.
    pub(super) dies: Option<u64>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(super) enum Phase {
    #[default]
    Empty,
    /// Until then members may join.
    Joining {
        by: u64,
        first: Option<First>,
    },
    Syncing,
    Stable,
}

/// The first rebalance of an empty group: how long this wait is, how much longer it may get, and whether it must.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct First {
    pub(super) delay: u64,
    pub(super) remaining: u64,
    pub(super) more: bool,
}

pub(super) const FIRST_DELAY: u64 = 3000;
pub(super) const NEW_MEMBER: u64 = 300_000;

/// The group as its coordinator sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) phase: Phase,
    pub(super) since: u64,
    pub(super) generation: i32,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that nobody has used yet, and until when they may be.
    pub(super) pending: BTreeMap<String, u64>,
    pub(super) sync_by: Option<u64>,
    /// It has had a member.
    pub(super) is_consumer: bool,
    /// Its generation reads `orders`.
    pub(super) reads: bool,
}

impl Group {
    pub(super) fn of(durable: &Durable, now: u64) -> Group {
        let Some(stored) = &durable.generation else { return Group::default() };
        let member = |(id, kept): (&String, &Kept)| {
            let member = Member { kept: kept.clone(), dies: Some(now + SESSION_MS), ..Member::default() };
            (id.clone(), member)
        };
        Group {
            phase: if stored.members.is_empty() { Phase::Empty } else { Phase::Stable },
            since: stored.since,
            generation: stored.number,
            leader: stored.leader.clone(),
            members: stored.members.iter().map(member).collect(),
            is_consumer: true,
            reads: !stored.members.is_empty(),
            ..Group::default()
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Empty && self.pending.is_empty()
    }

    pub(super) fn reads(&self, topic: &str) -> bool {
        self.phase != Phase::Empty && self.reads && topic == TOPICS[0]
    }

    /// Whether an offset is too old: see KIP-211 and KAFKA-13636.
    pub(super) fn expires(&self, topic: &str, committed_at: u64, now: u64) -> bool {
        let unused_since = match self.phase {
            _ if !self.is_consumer => committed_at,
            Phase::Empty => self.since,
            Phase::Stable if !self.reads(topic) => committed_at,
            _ => return false,
        };
        now - unused_since.min(now) >= RETENTION_MS
    }

    pub(super) fn owner(&self, instance: &str) -> Option<String> {
        let is_it = |member: &Member| member.kept.instance.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(id, _)| id.clone())
    }

    pub(super) fn is_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        match instance.map(|instance| self.owner(instance)) {
            Some(None) => Err(ErrorCode::UnknownMemberId),
            Some(Some(owner)) if owner != id => Err(ErrorCode::FencedInstanceId),
            _ if self.members.contains_key(id) => Ok(()),
            _ => Err(ErrorCode::UnknownMemberId),
        }
    }

    pub(super) fn is_current(
        &self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.is_member(id, instance)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    pub(super) fn record(&self, assignment: impl Fn(&str, &Member) -> String) -> Change {
        let kept = |(id, member): (&String, &Member)| {
            (id.clone(), Kept { assignment: assignment(id, member), ..member.kept.clone() })
        };
        Change::Generation(Generation {
            number: self.generation,
            leader: self.leader.clone(),
            since: self.since,
            members: self.members.iter().map(kept).collect(),
        })
    }

    pub(super) fn touch(&mut self, id: &str, now: u64) {
        if let Some(member) = self.members.get_mut(id) {
            member.dies = Some(now + SESSION_MS);
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let join = if let Phase::Joining { by, .. } = self.phase { Some(by) } else { None };
        let sessions = self.members.values().filter_map(|member| member.dies);
        sessions.chain(self.pending.values().copied()).chain(join).chain(self.sync_by).min()
    }

    pub(super) fn joined(&self, id: &str, skip: bool) -> Answer {
        let leads = self.leader.as_deref() == Some(id);
        Answer::Joined {
            id: id.to_owned(),
            generation: self.generation,
            leader: self.leader.clone().unwrap_or_default(),
            members: if leads { self.members.keys().cloned().collect() } else { Vec::new() },
            skip,
        }
    }
}
