//! What polls do for a group.
//!
//! A piece of [`Work`] is a future that is kept beside the consumer. A poll goes on with it before it returns records;
//! while a callback of the listener runs, or positions are committed before partitions are given up, no records are
//! returned. A poll that is dropped leaves the future where it is.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

use super::work::Work;
use super::{Group, Offsets};
use crate::client::consumer::assignment::Position;
use crate::client::consumer::{Consumer, ConsumerEvent, Shared};
use crate::client::outcome::ClientError;
use crate::driver::{Clock as _, Platform, Spawner as _};
use crate::id::TopicPartition;
use crate::time::Instant;

/// What a poll may do while the group is looked after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::client::consumer) enum Attention {
    /// Return records.
    Free,
    /// Return nothing yet; give up when its time is over.
    Committing,
    /// Return nothing: the listener has the consumer.
    Listening,
    /// The listener itself polls: return nothing at once.
    Nested,
}

/// While it lives, a callback is under way.
struct InCallback<'a>(&'a Cell<bool>);

impl<'a> InCallback<'a> {
    fn begin(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        InCallback(flag)
    }
}

impl Drop for InCallback<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<P: Platform> Consumer<P> {
    /// Looks after the group: goes on with what was begun, begins what has to be done.
    pub(in crate::client::consumer) fn attend(
        &self,
        group: &Rc<Group<P>>,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Attention {
        if group.in_callback.get() && group.begun.borrow().is_none() {
            return Attention::Nested;
        }
        {
            let mut machine = group.machine.borrow_mut();
            machine.polled(now);
            let metadata = self.shared.cluster.metadata();
            machine.compare_metadata(|topic| metadata.partition_count(topic));
        }
        loop {
            let begun = group.begun.borrow_mut().take();
            let mut begun = match begun {
                Some(begun) => begun,
                None => match self.next_work(group) {
                    Some(work) => Box::pin(self.handle().carry_out(group.clone(), work)),
                    None => break,
                },
            };
            if begun.as_mut().poll(context).is_pending() {
                *group.begun.borrow_mut() = Some(begun);
                let listening = group.in_callback.get();
                return if listening { Attention::Listening } else { Attention::Committing };
            }
        }
        group.auto_commit_if_due(|| self.shared.consumed());
        Attention::Free
    }

    fn next_work(&self, group: &Rc<Group<P>>) -> Option<Work> {
        let (work, failure) = {
            let mut machine = group.machine.borrow_mut();
            (machine.work(), machine.failure())
        };
        // The machine may have gone on to join.
        group.wake.notify_one();
        if let Some(error) = failure
            && !group.failure_told.replace(true)
        {
            group.events.borrow_mut().push(ConsumerEvent::GroupFailed { error });
        }
        work
    }

    async fn carry_out(self, group: Rc<Group<P>>, work: Work) {
        match work {
            Work::Lose(partitions) => {
                self.give_up(&group, &partitions, true).await;
            }
            Work::Revoke(partitions) => {
                group.auto_commit_now(self.shared.consumed()).await;
                self.give_up(&group, &partitions, false).await;
            }
            Work::Assign(partitions) => self.take_over(&group, partitions).await,
        }
        group.wake.notify_one();
    }

    /// Tells the listener, then reads these partitions no more.
    pub(super) async fn give_up(&self, group: &Rc<Group<P>>, partitions: &[TopicPartition], lost: bool) {
        let listener = group.listener.borrow().clone();
        let told = partitions.to_vec();
        let callback = InCallback::begin(&group.in_callback);
        if lost {
            listener.lost(self.handle(), told).await;
        } else {
            listener.revoked(self.handle(), told).await;
        }
        drop(callback);
        let owned: Vec<TopicPartition> = {
            let mut machine = group.machine.borrow_mut();
            machine.gave_up(partitions);
            machine.owned().iter().cloned().collect()
        };
        self.shared.read_for_group(owned);
        let partitions = partitions.to_vec();
        let event =
            if lost { ConsumerEvent::Lost { partitions } } else { ConsumerEvent::Revoked { partitions } };
        group.events.borrow_mut().push(event);
    }

    /// Reads these partitions from now on, then tells the listener, who may still seek.
    async fn take_over(&self, group: &Rc<Group<P>>, partitions: Vec<TopicPartition>) {
        let added: Vec<TopicPartition> = {
            let mut machine = group.machine.borrow_mut();
            let added = partitions.iter().filter(|partition| !machine.owned().contains(partition));
            let added = added.cloned().collect();
            machine.takes_over(&partitions);
            added
        };
        self.shared.read_for_group(partitions.clone());
        let generation = group.metadata().generation;
        group.events.borrow_mut().push(ConsumerEvent::Assigned { partitions: added.clone(), generation });
        let listener = group.listener.borrow().clone();
        let callback = InCallback::begin(&group.in_callback);
        listener.assigned(self.handle(), added.clone()).await;
        drop(callback);
        group.machine.borrow_mut().took_over(&partitions);
        self.start_where_committed(group, &added);
    }

    /// Leaves the group in good order: the listener is told, and positions are committed if `commit` and if that is
    /// automatic.
    pub(in crate::client::consumer) async fn leave_group(&self, group: &Rc<Group<P>>, commit: bool) {
        let begun = group.begun.borrow_mut().take();
        drop(begun);
        let (owned, member) = {
            let machine = group.machine.borrow();
            let owned: Vec<TopicPartition> = machine.owned().iter().cloned().collect();
            (owned, machine.committer().is_ok())
        };
        if commit && member {
            group.auto_commit_now(self.shared.consumed()).await;
        }
        if !owned.is_empty() {
            self.give_up(group, &owned, !member).await;
        }
        group.leave("the consumer unsubscribes or closes").await;
        group.machine.borrow_mut().end();
        group.wake.notify_one();
    }

    /// Asks where the group has come to, beside everything else: partitions that are waiting are not read meanwhile.
    fn start_where_committed(&self, group: &Rc<Group<P>>, partitions: &[TopicPartition]) {
        let (shared, group) = (self.shared.clone(), group.clone());
        let waiting = shared.waiting_for_committed(partitions);
        if waiting.is_empty() {
            return;
        }
        let spawner = self.shared.cluster.platform().spawner();
        spawner.spawn("client-committed", async move {
            let mut failures = 0;
            loop {
                let still = shared.still_waiting(&waiting);
                if still.is_empty() || shared.cluster.is_closed() {
                    return;
                }
                match group.fetch_committed(still).await {
                    Ok(found) => shared.start_from(&waiting, found),
                    Err(ClientError::Closed) => return,
                    Err(_) => {
                        let wait = group.wait_after(failures);
                        shared.cluster.platform().clock().sleep(wait).await;
                        failures = failures.saturating_add(1);
                    }
                }
            }
        });
    }
}

impl<P: Platform> Shared<P> {
    /// Positions of all assigned partitions that have one.
    pub(in crate::client::consumer) fn consumed(&self) -> Offsets {
        let state = self.state.borrow();
        let positions = state.assignment.iter();
        positions.filter_map(|(partition, assigned)| Some((partition.clone(), assigned.position?))).collect()
    }

    fn read_for_group(&self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.cluster.want(&partition.topic);
        }
        self.state.borrow_mut().assignment.assign_waiting(partitions, self.cluster.now());
        self.signal.raise();
    }

    /// Which of `partitions` wait for the committed offset, each with what makes this wait unmistakable.
    fn waiting_for_committed(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, u64)> {
        let state = self.state.borrow();
        let generation = |partition: &TopicPartition| {
            let assigned = state.assignment.get(partition).filter(|assigned| assigned.waits_for_committed)?;
            Some((partition.clone(), assigned.generation))
        };
        partitions.iter().filter_map(generation).collect()
    }

    fn still_waiting(&self, waiting: &[(TopicPartition, u64)]) -> Vec<TopicPartition> {
        let mut state = self.state.borrow_mut();
        let mut still = Vec::new();
        for (partition, generation) in waiting {
            let assigned = state.assignment.current(partition, *generation);
            if assigned.is_some_and(|assigned| assigned.waits_for_committed) {
                still.push(partition.clone());
            }
        }
        still
    }

    /// Partitions start where the group has come to, or as `auto.offset.reset` says.
    fn start_from(&self, waiting: &[(TopicPartition, u64)], found: Vec<(TopicPartition, Option<Position>)>) {
        let mut state = self.state.borrow_mut();
        for (partition, position) in found {
            let generation =
                waiting.iter().find(|(one, _)| *one == partition).map(|(_, generation)| *generation);
            let assigned = generation.and_then(|one| state.assignment.current(&partition, one));
            if let Some(assigned) = assigned
                && std::mem::take(&mut assigned.waits_for_committed)
            {
                assigned.position = position;
            }
        }
        drop(state);
        self.signal.raise();
    }
}
