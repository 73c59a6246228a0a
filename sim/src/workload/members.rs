//! What faults ask of the members of consumer groups, and what the workload of a member looks at.
//!
//! A member is known by the name of its host (`billing-0`). Faults set; the workload obeys: it multiplies the time it
//! works on a record by [`Members::work_factor`], and when [`Members::leave_asked`] is ready it closes its consumer (a
//! static member stays in the group, as in Kafka) and lets its process end. Nothing here starts or stops a process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What is asked of every member of a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Members(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<String, Member>,
    last: u64,
}

#[derive(Debug, Default)]
struct Member {
    slow: BTreeMap<SlowWork, u32>,
    leaves: bool,
    waiting: Vec<Waker>,
}

/// Slow work that was asked for and can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SlowWork(u64);

impl Members {
    /// How many times longer than planned the member works on a record now: 1 unless a fault slows it. Of several
    /// factors the largest counts.
    #[must_use]
    pub fn work_factor(&self, host: &str) -> u32 {
        let state = self.0.borrow();
        state.members.get(host).and_then(|member| member.slow.values().max().copied()).unwrap_or(1)
    }

    /// Whether the member is to leave its group and end its process.
    #[must_use]
    pub fn must_leave(&self, host: &str) -> bool {
        self.0.borrow().members.get(host).is_some_and(|member| member.leaves)
    }

    /// Ready when the member is to leave its group and end its process.
    pub async fn leave_asked(&self, host: &str) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            let member = state.members.entry(host.to_owned()).or_default();
            if member.leaves {
                return Poll::Ready(());
            }
            if !member.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                member.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// The member works so many times slower until [`Members::work_as_planned`].
    #[must_use = "without it the member stays slow"]
    pub fn work_slowly(&self, host: &str, factor: u32) -> SlowWork {
        let mut state = self.0.borrow_mut();
        state.last += 1;
        let slow = SlowWork(state.last);
        state.members.entry(host.to_owned()).or_default().slow.insert(slow, factor);
        slow
    }

    /// Takes slow work back.
    pub fn work_as_planned(&self, host: &str, slow: SlowWork) {
        if let Some(member) = self.0.borrow_mut().members.get_mut(host) {
            member.slow.remove(&slow);
        }
    }

    /// Asks the member to leave its group and to end its process.
    pub fn ask_to_leave(&self, host: &str) {
        let waiting = {
            let mut state = self.0.borrow_mut();
            let member = state.members.entry(host.to_owned()).or_default();
            member.leaves = true;
            std::mem::take(&mut member.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// A process of the member starts: what its last one was asked for is over. Slow work is the machine's and stays.
    pub fn started(&self, host: &str) {
        if let Some(member) = self.0.borrow_mut().members.get_mut(host) {
            member.leaves = false;
            member.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn of_two_faults_that_slow_a_member_the_larger_factor_counts_until_it_ends() {
        let members = Members::default();
        let (mild, hard) = (members.work_slowly("billing-0", 3), members.work_slowly("billing-0", 20));
        assert_eq!((members.work_factor("billing-0"), members.work_factor("billing-1")), (20, 1));
        members.work_as_planned("billing-0", hard);
        assert_eq!(members.work_factor("billing-0"), 3);
        members.work_as_planned("billing-0", mild);
        assert_eq!(members.work_factor("billing-0"), 1);
    }

    #[test]
    fn a_member_that_waits_is_told_to_leave_and_its_next_process_is_not() {
        let members = Members::default();
        let mut asked = pin!(members.leave_asked("billing-0"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
        members.ask_to_leave("billing-0");
        assert!(asked.as_mut().poll(&mut context).is_ready() && members.must_leave("billing-0"));
        members.started("billing-0");
        assert!(!members.must_leave("billing-0"));
    }
}
