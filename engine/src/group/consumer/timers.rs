//! When a member is taken for dead, or for too slow. This boot's own: a new coordinator gives everybody a new session.
//!
//! Deadlines move away with every heartbeat. [`Timers::next`] is a lower bound of them, which is cheap to keep: a timer
//! that rings too early does no harm.

use std::collections::BTreeMap;

use crate::event::LeaveReason;
use crate::time::{Duration, Instant};

/// How long to wait until a member that is to be taken out and could not (its log takes no record) is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The deadlines of one member.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    session: Instant,
    /// When partitions must be given up, and the epoch in which they are owned.
    revocation: Option<(Instant, i32)>,
}

/// The deadlines of a group.
#[derive(Debug, Default)]
pub(in crate::group) struct Timers {
    members: BTreeMap<String, Deadlines>,
    /// Nothing is due before.
    next: Option<Instant>,
}

impl Timers {
    /// When [`Timers::due`] should be asked.
    pub(in crate::group) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// True if it knows of nobody.
    pub(in crate::group) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn ring_by(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// A member's session begins anew.
    pub(in crate::group) fn keep_session(&mut self, member: &str, until: Instant) {
        self.ring_by(until);
        match self.members.get_mut(member) {
            Some(deadlines) => deadlines.session = until,
            None => {
                let deadlines = Deadlines { session: until, revocation: None };
                self.members.insert(member.to_owned(), deadlines);
            }
        }
    }

    /// A member is to give partitions up, or is not any more.
    pub(in crate::group) fn revoke_by(&mut self, member: &str, revocation: Option<(Instant, i32)>) {
        if let Some((at, _)) = revocation {
            self.ring_by(at);
        }
        if let Some(deadlines) = self.members.get_mut(member) {
            deadlines.revocation = revocation;
        }
    }

    /// Somebody is a member no more.
    pub(in crate::group) fn forget(&mut self, member: &str) {
        self.members.remove(member);
    }

    /// Who is due. Should nothing come of it they are due again soon.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(String, LeaveReason, Option<i32>)> {
        let mut due = Vec::new();
        for (member, deadlines) in &mut self.members {
            if deadlines.session <= now {
                due.push((member.clone(), LeaveReason::SessionTimedOut, None));
                deadlines.session = now.after(RETRY);
                // One reason is enough: the other may be due at the same moment, before anything has come of this one.
                deadlines.revocation =
                    deadlines.revocation.map(|(at, epoch)| (at.max(now.after(RETRY)), epoch));
            } else if let Some((_, epoch)) = deadlines.revocation.filter(|(at, _)| *at <= now) {
                due.push((member.clone(), LeaveReason::RebalanceTimedOut, Some(epoch)));
                deadlines.revocation = Some((now.after(RETRY), epoch));
            }
        }
        let all = self.members.values();
        self.next = all
            .flat_map(|one| [Some(one.session), one.revocation.map(|(at, _)| at)].into_iter().flatten())
            .min();
        due
    }

    /// Panics on a bug of ours.
    pub(in crate::group) fn invariants(&self) {
        let next = self.members.values().map(|deadlines| deadlines.session).min();
        assert!(next.is_none() || self.next <= next, "a session ends and no timer rings");
    }
}
