//! KIP-848 in its simplest terms: one group whose members all read one topic.
//!
//! The rules are those of Kafka's `ConsumerGroup` and `CurrentAssignmentBuilder`. All that a group is, deadlines apart,
//! is in [`Durable`]. Who shall own what is left to the assignors.

use super::*;

/// What is stored. `epoch` is 0 if there is no group but for its offsets.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Durable {
    pub(super) epoch: i32,
    pub(super) partitions: i32,
    pub(super) target_epoch: i32,
    pub(super) members: BTreeMap<String, Member>,
    /// Offset, and when it was committed.
    pub(super) offsets: BTreeMap<String, (i64, u64)>,
}

/// What a record, or a few that belong together, do.
#[derive(Clone, Debug)]
pub(in crate::group::tests::model) enum Change {
    /// The group is this now, but for its offsets; nothing is left of it if that is nothing.
    Group(Durable),
    Offset(String, Option<(i64, u64)>),
}

/// A member as it is stored.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Member {
    pub(super) instance: Option<String>,
    pub(super) target: BTreeSet<i32>,
    pub(super) current: Current,
}

/// What a member owns.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::group::tests::model) struct Current {
    /// -2 for a static member that is away.
    pub(super) epoch: i32,
    pub(super) previous: i32,
    pub(super) assigned: BTreeSet<i32>,
    pub(super) revoking: BTreeSet<i32>,
    /// It waits for what others still own.
    pub(super) unreleased: bool,
}

impl Durable {
    fn owner(&self, instance: &str) -> Option<&String> {
        let is_it = |member: &Member| member.instance.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(id, _)| id)
    }

    fn bump(&mut self, partitions: i32) {
        self.epoch += 1;
        self.partitions = partitions;
    }

    pub(super) fn take_out(&mut self, id: &str) {
        self.members.remove(id);
    }

    /// Members have been taken out.
    pub(super) fn after_removal(&mut self) {
        let partitions = if self.members.is_empty() { 0 } else { self.partitions };
        self.bump(partitions);
    }

    fn owned(&self) -> BTreeSet<i32> {
        let current = self.members.values().map(|member| &member.current);
        current.flat_map(|current| current.assigned.iter().chain(&current.revoking)).copied().collect()
    }

    /// A new target for everybody, if the group has changed.
    fn assign(&mut self, assignor: ServerAssignor) {
        if self.target_epoch == self.epoch {
            return;
        }
        let topic = id_of(1);
        let places = |set: &BTreeSet<i32>| -> Assignment {
            set.iter().map(|index| (topic, PartitionIndex(*index))).collect()
        };
        let has: BTreeMap<&String, Assignment> =
            self.members.iter().map(|(id, member)| (id, places(&member.target))).collect();
        let topics: BTreeSet<TopicId> = (self.partitions > 0).then_some(topic).into_iter().collect();
        let mut members: BTreeMap<&str, Subscriber<'_>> = BTreeMap::new();
        for (id, member) in &self.members {
            let instance = member.instance.as_deref();
            members.insert(id, Subscriber { instance, topics: topics.clone(), has: has.get(id) });
        }
        let counts = (self.partitions > 0).then_some((topic, self.partitions)).into_iter().collect();
        let index = |(_, PartitionIndex(index))| index;
        let targets: Vec<(String, BTreeSet<i32>)> = assign(assignor, &members, &counts)
            .into_iter()
            .map(|(id, target)| (id.to_owned(), target.iter().map(index).collect()))
            .collect();
        for (id, target) in targets {
            self.members.get_mut(&id).expect("it is a member").target = target;
        }
        self.target_epoch = self.epoch;
    }

    /// Who beats, and from what it starts.
    fn identify(&mut self, beat: &Beat) -> Result<Current, ErrorCode> {
        let joins = beat.epoch == 0;
        let owner = match &beat.instance {
            Some(instance) => self.owner(instance).cloned(),
            None => self.members.contains_key(&beat.id).then(|| beat.id.clone()),
        };
        let Some(owner) = owner else {
            if !joins {
                return Err(ErrorCode::UnknownMemberId);
            }
            let member = Member { instance: beat.instance.clone(), ..Member::default() };
            self.members.insert(beat.id.clone(), member);
            self.bump(beat.partitions);
            return Ok(Current::default());
        };
        let current = self.members[&owner].current.clone();
        if joins && beat.instance.is_some() && current.epoch == -2 {
            // It is back, maybe under another id, and has what it had.
            let mut member = self.members.remove(&owner).expect("it is a member");
            if owner != beat.id {
                member.current = Current::default();
            }
            self.members.insert(beat.id.clone(), member);
            return Ok(Current { assigned: current.assigned, ..Current::default() });
        }
        if owner != beat.id {
            return Err(if joins { ErrorCode::UnreleasedInstanceId } else { ErrorCode::FencedInstanceId });
        }
        // The answer that told it of its epoch may be lost, if it owns nothing that it should not.
        let no_more = beat.says.as_ref().is_some_and(|says| says.is_subset(&current.assigned));
        let is_before = beat.epoch < current.epoch && beat.epoch == current.previous && no_more;
        if joins || beat.epoch == current.epoch || is_before {
            Ok(current)
        } else {
            Err(ErrorCode::FencedMemberEpoch)
        }
    }

    /// One step of a member towards its target: it gives up, then it takes.
    fn reconcile(&self, id: &str, current: &Current, says: Option<&BTreeSet<i32>>) -> Current {
        let target = &self.members[id].target;
        let has_given_up = |revoking: &BTreeSet<i32>| match says {
            Some(says) => revoking.is_disjoint(says),
            None => revoking.is_empty(),
        };
        let settled = current.revoking.is_empty() && !current.unreleased;
        if settled && current.epoch == self.target_epoch {
            return current.clone();
        }
        if !current.revoking.is_empty() && !has_given_up(&current.revoking) {
            return current.clone();
        }
        let revoking: BTreeSet<i32> = current.assigned.difference(target).copied().collect();
        if !revoking.is_empty() && !has_given_up(&revoking) {
            let assigned = current.assigned.intersection(target).copied().collect();
            return Current { assigned, revoking, unreleased: false, ..current.clone() };
        }
        let mine = |index: &i32| current.assigned.contains(index) || current.revoking.contains(index);
        let owned = self.owned();
        let (assigned, others): (BTreeSet<i32>, BTreeSet<i32>) =
            target.iter().partition(|index| mine(index) || !owned.contains(index));
        let previous = if current.epoch == self.target_epoch { current.previous } else { current.epoch };
        let unreleased = !others.is_empty();
        Current { epoch: self.target_epoch, previous, assigned, revoking: BTreeSet::new(), unreleased }
    }
}

/// When members are taken for dead. A new coordinator gives everybody a new session.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    pub(super) sessions: BTreeMap<String, u64>,
    /// When partitions must be given up, and the epoch in which they are owned.
    pub(super) revocations: BTreeMap<String, (u64, i32)>,
}

impl Deadlines {
    pub(super) fn of(durable: &Durable, now: u64) -> Deadlines {
        let mut deadlines = Deadlines::default();
        for (id, member) in &durable.members {
            deadlines.sessions.insert(id.clone(), now + SESSION_MS);
            if !member.current.revoking.is_empty() {
                let by = (now + REBALANCE_MS, member.current.epoch);
                deadlines.revocations.insert(id.clone(), by);
            }
        }
        deadlines
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.sessions.remove(id);
        self.revocations.remove(id);
    }
}

/// So long after an attempt to take a member out that came to nothing another is made.
const RETRY: u64 = 500;

/// What a coordinator does about its group.
impl Consumer {
    pub(super) fn beat(&mut self, ticket: u64, beat: &Beat) {
        let decided = if beat.epoch < 0 { self.leave(beat) } else { self.attend(beat) };
        match decided {
            Ok((page, answer)) => {
                let changes =
                    if page == *self.desk.durable() { Vec::new() } else { vec![Change::Group(page)] };
                self.desk.write(changes, Promise::Answer(ticket, answer));
            }
            Err(error) => self.desk.answer(ticket, Answer::NotBeaten(error)),
        }
    }

    fn attend(&mut self, beat: &Beat) -> Result<(Durable, Answer), ErrorCode> {
        let mut group = self.desk.durable().clone();
        if group.epoch == 0 && beat.epoch > 0 {
            return Err(ErrorCode::GroupIdNotFound);
        }
        let epoch = group.epoch;
        let current = group.identify(beat)?;
        if group.epoch == epoch && beat.partitions != group.partitions {
            group.bump(beat.partitions);
        }
        group.assign(self.assignor);
        let next = group.reconcile(&beat.id, &current, beat.says.as_ref());
        group.members.get_mut(&beat.id).expect("it is a member").current = next.clone();

        let (now, id) = (self.desk.now, beat.id.clone());
        if next.revoking.is_empty() {
            self.deadlines.revocations.remove(&id);
        } else if next != current {
            self.deadlines.revocations.insert(id.clone(), (now + REBALANCE_MS, next.epoch));
        }
        self.deadlines.sessions.insert(id, now + SESSION_MS);
        let news = beat.full || beat.epoch != current.epoch || current.assigned != next.assigned;
        let assignment = (news || beat.epoch == 0).then_some(next.assigned);
        Ok((group, Answer::Beaten { epoch: next.epoch, assignment }))
    }

    fn leave(&mut self, beat: &Beat) -> Result<(Durable, Answer), ErrorCode> {
        let mut group = self.desk.durable().clone();
        if group.epoch == 0 {
            return Err(ErrorCode::GroupIdNotFound);
        }
        match beat.instance.as_deref().map(|instance| group.owner(instance)) {
            Some(None) => return Err(ErrorCode::UnknownMemberId),
            Some(Some(owner)) if *owner != beat.id => return Err(ErrorCode::FencedInstanceId),
            _ if !group.members.contains_key(&beat.id) => return Err(ErrorCode::UnknownMemberId),
            _ => {}
        }
        if beat.epoch == -2 {
            let current = &mut group.members.get_mut(&beat.id).expect("it is a member").current;
            let assigned = current.assigned.clone();
            *current = Current { epoch: -2, previous: current.epoch, assigned, ..Current::default() };
        } else {
            group.take_out(&beat.id);
            group.after_removal();
        }
        Ok((group, Answer::Beaten { epoch: beat.epoch, assignment: None }))
    }

    /// An operator takes a static member out.
    pub(super) fn remove(&mut self, ticket: u64, instance: &str) {
        let mut group = self.desk.durable().clone();
        let answer = |error| Answer::Told(error);
        if group.epoch == 0 {
            return self.desk.answer(ticket, answer(ErrorCode::UnknownMemberId));
        }
        match group.owner(instance).cloned() {
            None => self.desk.write(Vec::new(), Promise::Answer(ticket, answer(ErrorCode::UnknownMemberId))),
            Some(owner) => {
                group.take_out(&owner);
                group.after_removal();
                self.desk.write(vec![Change::Group(group)], Promise::Answer(ticket, answer(ErrorCode::None)));
            }
        }
    }

    /// Who is silent, or too slow to give up what it must, is taken out.
    pub(super) fn tick_group(&mut self) {
        let (now, mut group) = (self.desk.now, self.desk.durable().clone());
        let mut gone = Vec::new();
        let ids: Vec<String> = self.deadlines.sessions.keys().cloned().collect();
        for id in ids {
            let revocation = self.deadlines.revocations.get(&id).copied();
            let silent = self.deadlines.sessions[&id] <= now;
            let late = revocation.filter(|(by, _)| !silent && *by <= now);
            if !silent && late.is_none() {
                continue;
            }
            let Some(member) = group.members.get(&id) else {
                self.deadlines.forget(&id);
                continue;
            };
            if silent {
                self.deadlines.sessions.insert(id.clone(), now + RETRY);
                if let Some((by, _)) = self.deadlines.revocations.get_mut(&id) {
                    *by = (*by).max(now + RETRY);
                }
                gone.push(id);
            } else if let Some((_, epoch)) = late {
                if member.current.revoking.is_empty() || member.current.epoch != epoch {
                    self.deadlines.revocations.remove(&id);
                } else {
                    self.deadlines.revocations.insert(id.clone(), (now + RETRY, epoch));
                    gone.push(id);
                }
            }
        }
        if !gone.is_empty() {
            gone.iter().for_each(|id| group.take_out(id));
            group.after_removal();
            self.desk.write(vec![Change::Group(group)], Promise::Nothing);
        }
    }
}
