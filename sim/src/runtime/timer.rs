//! Timers: a heap of deadlines in true virtual time, and the future that waits for one.
//!
//! Promises: timers due at one instant fire in the order they were set; a cancelled timer costs one flag now and
//! one heap entry later, and entries of cancelled timers never make up more than half of a large heap.
//! Does not know clocks with drift (see `clock`) and fires nothing by itself: the event loop asks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::core::Runtime;
use super::host::HostId;

/// A heap smaller than this is never rebuilt for the sake of cancelled entries.
const REBUILD_MIN: usize = 1024;

/// Names one set timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerKey {
    slot: u32,
    sequence: u64,
}

struct Slot {
    /// Zero when the slot is free; otherwise the number of the timer that sits here.
    sequence: u64,
    host: HostId,
    waker: Option<Waker>,
}

/// All timers of one simulation.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    sequence: u64,
    live: usize,
}

impl Timers {
    /// Sets a timer for `deadline` (nanoseconds of true time).
    pub(super) fn set(&mut self, deadline: u64, host: HostId, waker: Waker) -> TimerKey {
        self.sequence += 1;
        let filled = Slot { sequence: self.sequence, host, waker: Some(waker) };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = filled;
            slot
        } else {
            self.slots.push(filled);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers at a time")
        };
        self.live += 1;
        self.heap.push(Reverse((deadline, self.sequence, slot)));
        TimerKey { slot, sequence: self.sequence }
    }

    /// Makes a set timer wake `waker`; false if it has fired.
    pub(super) fn rewake(&mut self, key: TimerKey, waker: &Waker) -> bool {
        let slot = &mut self.slots[key.slot as usize];
        if slot.sequence != key.sequence {
            return false;
        }
        if !slot.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
        true
    }

    /// Takes a timer back. Nothing happens if it has fired.
    pub(super) fn cancel(&mut self, key: TimerKey) -> Option<Waker> {
        if self.slots[key.slot as usize].sequence != key.sequence {
            return None;
        }
        let (_, waker) = self.release(key.slot);
        if self.heap.len() > REBUILD_MIN && self.live * 2 < self.heap.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, sequence, slot))| slots[*slot as usize].sequence == *sequence);
        }
        waker
    }

    /// The earliest deadline.
    pub(super) fn next(&mut self) -> Option<u64> {
        while let Some(&Reverse((deadline, sequence, slot))) = self.heap.peek() {
            if self.slots[slot as usize].sequence == sequence {
                return Some(deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Removes the earliest timer if it is due at `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<(HostId, Waker)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, _, slot)) = self.heap.pop()?;
        let (host, waker) = self.release(slot);
        Some((host, waker?))
    }

    /// The wakers of all timers of `host`, which then count as fired: their owners look at the clock again.
    pub(super) fn fire_all_of(&mut self, host: HostId) -> Vec<Waker> {
        let mut fired = Vec::new();
        for slot in 0..self.slots.len() {
            if self.slots[slot].sequence != 0 && self.slots[slot].host == host {
                let slot = u32::try_from(slot).expect("slots are numbered in 32 bits");
                fired.extend(self.release(slot).1);
            }
        }
        fired
    }

    fn release(&mut self, slot: u32) -> (HostId, Option<Waker>) {
        let freed = &mut self.slots[slot as usize];
        freed.sequence = 0;
        self.live -= 1;
        self.free.push(slot);
        (freed.host, freed.waker.take())
    }
}

/// Waits for an instant of true time. Cancelled when dropped.
pub(super) struct Timer {
    runtime: Rc<Runtime>,
    host: HostId,
    deadline: u64,
    key: Option<TimerKey>,
}

impl Timer {
    /// A timer that ends at `deadline` (nanoseconds of true time). It is set when first polled.
    pub(super) fn new(runtime: Rc<Runtime>, host: HostId, deadline: u64) -> Self {
        Timer { runtime, host, deadline, key: None }
    }

    /// The simulation it belongs to.
    pub(super) fn runtime(&self) -> &Rc<Runtime> {
        &self.runtime
    }

    /// When it ends, in nanoseconds of true time.
    pub(super) fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Takes the timer back and gives it a new deadline.
    pub(super) fn reset(&mut self, deadline: u64) {
        self.cancel();
        self.deadline = deadline;
    }

    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            // The waker is dropped after the borrow has ended.
            let waker = self.runtime.timers.borrow_mut().cancel(key);
            drop(waker);
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.runtime.now_nanos() >= self.deadline {
            self.cancel();
            return Poll::Ready(());
        }
        let set = self.key.is_some_and(|key| self.runtime.timers.borrow_mut().rewake(key, context.waker()));
        if !set {
            let key = self.runtime.timers.borrow_mut().set(self.deadline, self.host, context.waker().clone());
            self.key = Some(key);
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(deadlines: &[u64]) -> (Timers, Vec<TimerKey>) {
        let mut timers = Timers::default();
        let keys = deadlines.iter().map(|at| timers.set(*at, HostId::FIRST, Waker::noop().clone())).collect();
        (timers, keys)
    }

    #[test]
    fn timers_fire_in_order_of_deadline_and_not_early() {
        let (mut timers, _) = timers(&[30, 10, 20]);
        assert_eq!(timers.next(), Some(10));
        assert!(timers.pop_due(9).is_none());
        assert!(timers.pop_due(20).is_some());
        assert!(timers.pop_due(20).is_some());
        assert!(timers.pop_due(20).is_none());
        assert_eq!(timers.next(), Some(30));
    }

    #[test]
    fn a_cancelled_timer_never_fires_even_when_its_slot_is_used_again() {
        let (mut timers, keys) = timers(&[10]);
        timers.cancel(keys[0]);
        timers.set(50, HostId::FIRST, Waker::noop().clone());
        assert_eq!(timers.next(), Some(50));
        assert!(timers.pop_due(49).is_none());
        assert!(!timers.rewake(keys[0], Waker::noop()));
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let mut timers = Timers::default();
        for at in 0..100_000u64 {
            let key = timers.set(1_000_000 + at, HostId::FIRST, Waker::noop().clone());
            timers.cancel(key);
        }
        assert!(timers.heap.len() <= REBUILD_MIN + 1);
    }
}
