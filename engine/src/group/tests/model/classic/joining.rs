//! Who is let in, who stays, who is replaced, and who is a member at all.

use super::group::{Kept, Member, NEW_MEMBER};
use super::*;

impl Classic {
    pub(super) fn join(&mut self, ticket: u64, id: &str, instance: Option<&str>, taste: usize) {
        let new = |part: &str| format!("{part}-{}", Uuid::from_u128(u128::from(ticket)));
        match instance {
            None if id.is_empty() => {
                let until = self.desk.now + SESSION_MS;
                self.group.pending.insert(new("c"), until);
                self.desk.answer(ticket, Answer::NotJoined(ErrorCode::MemberIdRequired, new("c")));
            }
            Some(instance) if id.is_empty() => match self.group.owner(instance) {
                None => self.add(ticket, &new(instance), Some(instance), taste),
                Some(old) => self.replace(ticket, &old, &new(instance), taste),
            },
            None if self.group.pending.contains_key(id) => self.add(ticket, id, None, taste),
            _ => match self.group.is_member(id, instance) {
                Err(error) => self.desk.answer(ticket, Answer::NotJoined(error, id.to_owned())),
                Ok(()) => self.join_again(ticket, id, taste),
            },
        }
    }

    fn add(&mut self, ticket: u64, id: &str, instance: Option<&str>, taste: usize) {
        let group = &mut self.group;
        if let Phase::Joining { first: Some(first), .. } = &mut group.phase {
            first.more = true;
        }
        group.is_consumer = true;
        group.leader.get_or_insert_with(|| id.to_owned());
        group.pending.remove(id);
        let kept = Kept { instance: instance.map(str::to_owned), taste, assignment: String::new() };
        let dies = Some(self.desk.now + NEW_MEMBER);
        let member = Member { kept, join: Some(ticket), new: true, dies, ..Member::default() };
        group.members.insert(id.to_owned(), member);
        self.rebalance();
    }

    fn join_again(&mut self, ticket: u64, id: &str, taste: usize) {
        let changed = self.group.members[id].kept.taste != taste;
        let leads = self.group.leader.as_deref() == Some(id);
        match self.group.phase {
            Phase::Syncing if !changed => self.desk.answer(ticket, self.group.joined(id, false)),
            Phase::Stable if !changed && !leads => self.desk.answer(ticket, self.group.joined(id, false)),
            _ => {
                self.waits(ticket, id, taste);
                self.rebalance();
            }
        }
    }

    fn waits(&mut self, ticket: u64, id: &str, taste: usize) {
        let member = self.group.members.get_mut(id).expect("it is a member");
        member.kept.taste = taste;
        if let Some(old) = member.join.replace(ticket) {
            self.desk.answer(old, Answer::NotJoined(ErrorCode::RebalanceInProgress, id.to_owned()));
        }
    }

    /// A static member comes back under another id: the old one is fenced.
    fn replace(&mut self, ticket: u64, old: &str, new: &str, taste: usize) {
        self.dismiss(old, ErrorCode::FencedInstanceId);
        let old_taste = self.group.members[old].kept.taste;
        self.rename(old, new);
        self.waits(ticket, new, taste);
        if self.group.phase != Phase::Stable {
            return self.rebalance();
        }
        // That it has a new id is stored before it is told.
        let record = self.group.record(|_, member| member.kept.assignment.clone());
        let (old, new) = (old.to_owned(), new.to_owned());
        self.desk.write(vec![record], Promise::Replaced { old, new, ticket, taste: old_taste });
    }

    fn rename(&mut self, old: &str, new: &str) {
        let mut member = self.group.members.remove(old).expect("it is a member");
        (member.join, member.sync, member.new) = (None, None, false);
        self.group.members.insert(new.to_owned(), member);
        self.group.touch(new, self.desk.now);
        if self.group.leader.as_deref() == Some(old) {
            self.group.leader = Some(new.to_owned());
        }
    }

    /// Whether a member of that new id still waits to be told of it.
    pub(super) fn is_being_replaced(&self, new: &str, ticket: u64) -> bool {
        let waits = |member: &Member| member.join == Some(ticket);
        self.group.phase == Phase::Stable && self.group.members.get(new).is_some_and(waits)
    }

    pub(super) fn replaced(&mut self, new: &str, ticket: u64) {
        if self.is_being_replaced(new, ticket) {
            self.group.members.get_mut(new).expect("it waits").join = None;
            self.group.touch(new, self.desk.now);
            let leads = self.group.leader.as_deref() == Some(new);
            self.desk.answer(ticket, self.group.joined(new, leads));
        }
    }

    pub(super) fn not_replaced(&mut self, old: &str, new: &str, ticket: u64, taste: usize) {
        if self.is_being_replaced(new, ticket) {
            self.group.members.get_mut(new).expect("it waits").kept.taste = taste;
            self.rename(new, old);
            let refused = Answer::NotJoined(ErrorCode::CoordinatorNotAvailable, String::new());
            self.desk.answer(ticket, refused);
        }
    }

    pub(super) fn heartbeat(&mut self, id: &str, instance: Option<&str>, generation: i32) -> ErrorCode {
        if let Err(error) = self.group.is_current(id, instance, generation) {
            return error;
        }
        self.group.touch(id, self.desk.now);
        match self.group.phase {
            Phase::Joining { .. } => ErrorCode::RebalanceInProgress,
            _ => ErrorCode::None,
        }
    }

    /// Whether somebody may commit. It shows that it lives by it.
    pub(super) fn commits(&mut self, id: &str, generation: i32) -> Result<(), ErrorCode> {
        if !self.exists() {
            return if generation < 0 { Ok(()) } else { Err(ErrorCode::GroupIdNotFound) };
        }
        if generation < 0 && self.group.phase == Phase::Empty {
            return Ok(());
        }
        self.group.is_current(id, None, generation)?;
        if self.group.phase == Phase::Syncing {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.group.touch(id, self.desk.now);
        Ok(())
    }

    pub(super) fn leave(&mut self, id: &str, instance: Option<&str>) -> ErrorCode {
        let named = instance.filter(|_| id.is_empty()).and_then(|instance| self.group.owner(instance));
        let id = named.unwrap_or_else(|| id.to_owned());
        if instance.is_some() || self.group.pending.remove(&id).is_none() {
            if let Err(error) = self.group.is_member(&id, instance) {
                return error;
            }
            self.remove(&id);
        }
        self.after_removal();
        ErrorCode::None
    }

    /// The requests of a member that wait are answered.
    pub(super) fn dismiss(&mut self, id: &str, error: ErrorCode) {
        let member = &self.group.members[id];
        if let Some(ticket) = member.join {
            self.desk.answer(ticket, Answer::NotJoined(error, id.to_owned()));
        }
        if let Some(ticket) = member.sync {
            self.desk.answer(ticket, Answer::Synced(error, String::new()));
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.dismiss(id, ErrorCode::UnknownMemberId);
        self.group.members.remove(id);
        if self.group.leader.as_deref() == Some(id) {
            self.group.leader = self.group.members.keys().next().cloned();
        }
    }
}
