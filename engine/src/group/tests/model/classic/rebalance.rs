//! A rebalance: waiting for everybody, the next generation, the leader's assignment, and who is too late for it.

use super::group::{FIRST_DELAY, First, Member};
use super::*;

impl Classic {
    pub(super) fn sync(
        &mut self,
        ticket: u64,
        (id, instance, generation): (&str, Option<&str>, i32),
        assignments: &[(String, String)],
    ) {
        let in_time = match self.group.phase {
            Phase::Joining { .. } => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        };
        if let Err(error) = self.group.is_current(id, instance, generation).and(in_time) {
            return self.desk.answer(ticket, Answer::Synced(error, String::new()));
        }
        self.group.touch(id, self.desk.now);
        let member = self.group.members.get_mut(id).expect("it is a member");
        member.owes_sync = false;
        if self.group.phase == Phase::Stable {
            let assignment = member.kept.assignment.clone();
            return self.desk.answer(ticket, Answer::Synced(ErrorCode::None, assignment));
        }
        if let Some(old) = member.sync.replace(ticket) {
            self.desk.answer(old, Answer::Synced(ErrorCode::RebalanceInProgress, String::new()));
        }
        if self.group.leader.as_deref() == Some(id) {
            let record = self.group.record(|id, _| given(assignments, id));
            let assignments = assignments.to_vec();
            self.desk.write(vec![record], Promise::Assigned { generation, assignments });
        }
    }

    pub(super) fn assigned(&mut self, generation: i32, assignments: &[(String, String)]) {
        if self.group.phase != Phase::Syncing || self.group.generation != generation {
            return;
        }
        for (id, member) in &mut self.group.members {
            member.kept.assignment = given(assignments, id);
        }
        (self.group.phase, self.group.since) = (Phase::Stable, self.desk.now);
        self.answer_syncs(ErrorCode::None);
    }

    pub(super) fn not_assigned(&mut self, generation: i32) {
        if self.group.phase == Phase::Syncing && self.group.generation == generation {
            self.forget_assignments(ErrorCode::CoordinatorNotAvailable);
            self.prepare();
        }
    }

    fn forget_assignments(&mut self, error: ErrorCode) {
        self.group.members.values_mut().for_each(|member| member.kept.assignment.clear());
        self.answer_syncs(error);
    }

    fn answer_syncs(&mut self, error: ErrorCode) {
        for member in self.group.members.values_mut() {
            if let Some(ticket) = member.sync.take() {
                member.dies = Some(self.desk.now + SESSION_MS);
                self.desk.answer(ticket, Answer::Synced(error, member.kept.assignment.clone()));
            }
        }
    }

    pub(super) fn after_removal(&mut self) {
        match self.group.phase {
            Phase::Empty => {}
            Phase::Joining { .. } => self.maybe_complete(),
            Phase::Syncing | Phase::Stable => self.prepare(),
        }
    }

    pub(super) fn rebalance(&mut self) {
        if matches!(self.group.phase, Phase::Joining { .. }) { self.maybe_complete() } else { self.prepare() }
    }

    /// Everybody is to join. Of a group that was empty others are waited for.
    pub(super) fn prepare(&mut self) {
        if self.group.phase == Phase::Syncing {
            self.forget_assignments(ErrorCode::RebalanceInProgress);
        }
        let (now, group) = (self.desk.now, &mut self.group);
        (group.sync_by, group.since) = (None, now);
        if group.phase == Phase::Empty {
            let first = First { delay: FIRST_DELAY, remaining: REBALANCE_MS - FIRST_DELAY, more: false };
            group.phase = Phase::Joining { by: now + FIRST_DELAY, first: Some(first) };
        } else {
            let wait = if group.members.is_empty() { 0 } else { REBALANCE_MS };
            group.phase = Phase::Joining { by: now + wait, first: None };
            self.maybe_complete();
        }
    }

    fn maybe_complete(&mut self) {
        let all = self.group.pending.is_empty() && self.group.members.values().all(|one| one.join.is_some());
        if all && matches!(self.group.phase, Phase::Joining { first: None, .. }) {
            self.complete();
        }
    }

    /// The next generation, without the dynamic members that did not join.
    fn complete(&mut self) {
        let late = |member: &Member| member.join.is_none() && member.kept.instance.is_none();
        let late: Vec<String> =
            self.group.members.iter().filter(|(_, one)| late(one)).map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| self.remove(id));
        let (now, group) = (self.desk.now, &mut self.group);
        let joined = |id: &String| group.members.get(id).is_some_and(|member| member.join.is_some());
        let leader = group
            .leader
            .clone()
            .filter(joined)
            .or_else(|| group.members.keys().find(|id| joined(id)).cloned());
        if leader.is_none() && !group.members.is_empty() {
            // None of the static members is back: their sessions decide.
            group.phase = Phase::Joining { by: now + REBALANCE_MS, first: None };
            return;
        }
        (group.leader, group.since) = (leader, now);
        group.generation += 1;
        group.reads = !group.members.is_empty();
        if group.members.is_empty() {
            group.phase = Phase::Empty;
            let record = group.record(|_, _| String::new());
            return self.desk.write(vec![record], Promise::Nothing);
        }
        (group.phase, group.sync_by) = (Phase::Syncing, Some(now + REBALANCE_MS));
        let ids: Vec<String> = group.members.keys().cloned().collect();
        for id in ids {
            let answer = self.group.joined(&id, false);
            let member = self.group.members.get_mut(&id).expect("it is a member");
            (member.owes_sync, member.new, member.dies) = (true, false, Some(now + SESSION_MS));
            if let Some(ticket) = member.join.take() {
                self.desk.answer(ticket, answer);
            }
        }
    }

    pub(super) fn tick_group(&mut self) {
        let now = self.desk.now;
        let before = self.group.pending.len();
        self.group.pending.retain(|_, until| *until > now);
        if self.group.pending.len() < before {
            self.maybe_complete();
        }
        self.end_sessions();
        self.end_sync();
        let Phase::Joining { by, first } = &mut self.group.phase else { return };
        if *by > now {
            return;
        }
        match first {
            Some(first) if first.more && first.remaining > 0 => {
                let next = FIRST_DELAY.min(first.remaining);
                *by = now + next;
                *first = First {
                    delay: next,
                    remaining: first.remaining.saturating_sub(first.delay),
                    more: false,
                };
            }
            _ => self.complete(),
        }
    }

    fn end_sessions(&mut self) {
        let mut dead = Vec::new();
        for (id, member) in &mut self.group.members {
            if member.dies.is_none_or(|dies| dies > self.desk.now) {
                continue;
            }
            if !member.new && (member.join.is_some() || member.sync.is_some()) {
                member.dies = None;
            } else {
                dead.push(id.clone());
            }
        }
        dead.iter().for_each(|id| self.remove(id));
        if !dead.is_empty() {
            self.after_removal();
        }
    }

    /// Who does not ask for its assignment in time is taken out (KAFKA-12890).
    fn end_sync(&mut self) {
        if self.group.sync_by.is_none_or(|by| by > self.desk.now) {
            return;
        }
        self.group.sync_by = None;
        let owes = self.group.members.iter().filter(|(_, member)| member.owes_sync);
        let late: Vec<String> = owes.map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| self.remove(id));
        if !late.is_empty() {
            self.after_removal();
        } else if self.group.phase == Phase::Syncing {
            self.group.sync_by = Some(self.desk.now + REBALANCE_MS);
        }
    }
}

fn given(assignments: &[(String, String)], id: &str) -> String {
    assignments.iter().find(|(to, _)| to == id).map(|(_, given)| given.clone()).unwrap_or_default()
}
