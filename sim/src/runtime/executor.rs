//! Tasks and the choice of the next one.
//!
//! Every task belongs to a host and to one boot of it. A waker puts the task's number on a list; the seed picks
//! which entry of that list runs next, so different seeds explore different interleavings. Does not poll: the
//! event loop takes a task out, polls it with nothing borrowed, and puts it back.

use std::future::Future;
use std::pin::Pin;
#[expect(clippy::disallowed_types, reason = "wakers must be `Send`; the lock is never contended")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use tribunal_engine::rng::Rng;

use super::host::{Host, HostId};

/// A future that runs on its own.
pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

/// An entry of the ready list. The number tells a task from a later one in the same slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ready {
    slot: u32,
    number: u64,
}

/// Where wakers put their tasks. Wakers must be `Send`, hence the lock; it is never contended.
#[derive(Default)]
struct WakeList {
    any: AtomicBool,
    #[expect(clippy::disallowed_types, reason = "wakers must be `Send`; the lock is never contended")]
    woken: Mutex<Vec<Ready>>,
}

struct TaskWaker {
    ready: Ready,
    listed: AtomicBool,
    list: Arc<WakeList>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::Relaxed) {
            self.list.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.ready);
            self.list.any.store(true, Ordering::Relaxed);
        }
    }
}

/// A task, while it is not being polled it sits in its slot.
pub(super) struct Task {
    ready: Ready,
    listed: Arc<TaskWaker>,
    /// Wakes this task.
    pub(super) waker: Waker,
    /// The host it runs on.
    pub(super) host: HostId,
    /// Its name, for traces.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) future: TaskFuture,
}

impl Task {
    /// The task's number: the how-manieth task of the simulation it is.
    pub(super) fn number(&self) -> u64 {
        self.ready.number
    }
}

struct Slot {
    /// Zero when free or when the task was killed while it was being polled.
    number: u64,
    host: HostId,
    task: Option<Box<Task>>,
}

/// All tasks of one simulation.
pub(super) struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
    ready: Vec<Ready>,
    list: Arc<WakeList>,
    spawned: u64,
    schedule: Rng,
}

impl Tasks {
    /// No tasks; `schedule` picks among ready ones.
    pub(super) fn new(schedule: Rng) -> Self {
        Tasks {
            slots: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
            list: Arc::default(),
            spawned: 0,
            schedule,
        }
    }

    /// Adds a task, ready to run.
    pub(super) fn add(&mut self, host: HostId, name: &'static str, future: TaskFuture) {
        self.spawned += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { number: 0, host, task: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 tasks at a time")
        });
        let ready = Ready { slot, number: self.spawned };
        let listed =
            Arc::new(TaskWaker { ready, listed: AtomicBool::new(true), list: Arc::clone(&self.list) });
        let waker = Waker::from(Arc::clone(&listed));
        let task = Box::new(Task { ready, listed, waker, host, name, future });
        self.slots[slot as usize] = Slot { number: self.spawned, host, task: Some(task) };
        self.ready.push(ready);
    }

    /// Takes the next task to poll out of its slot; `None` if none is ready. Tasks of paused hosts are set aside.
    pub(super) fn pick(&mut self, hosts: &mut [Host]) -> Option<Box<Task>> {
        self.collect_woken();
        loop {
            let ready = match self.ready.len() {
                0 => return None,
                1 => self.ready.pop()?,
                many => {
                    let chosen = self.schedule.below(many as u64);
                    self.ready.swap_remove(usize::try_from(chosen).unwrap_or(0))
                }
            };
            let slot = &mut self.slots[ready.slot as usize];
            if slot.number != ready.number {
                continue;
            }
            let host = &mut hosts[slot.host.index()];
            if host.paused {
                host.parked.push(ready);
                continue;
            }
            if let Some(task) = slot.task.take() {
                task.listed.listed.store(false, Ordering::Relaxed);
                return Some(task);
            }
        }
    }

    /// Whether a task could be picked (tasks of paused hosts count until they are set aside).
    pub(super) fn any_ready(&self) -> bool {
        !self.ready.is_empty() || self.list.any.load(Ordering::Relaxed)
    }

    /// Puts a polled task back. Gives it back to be dropped if it was killed meanwhile.
    pub(super) fn put_back(&mut self, task: Box<Task>) -> Option<Box<Task>> {
        let slot = &mut self.slots[task.ready.slot as usize];
        if slot.number != task.ready.number {
            return Some(task);
        }
        slot.task = Some(task);
        None
    }

    /// Frees the slot of a task that ended.
    pub(super) fn end(&mut self, task: &Task) {
        let slot = &mut self.slots[task.ready.slot as usize];
        if slot.number == task.ready.number {
            slot.number = 0;
            self.free.push(task.ready.slot);
        }
    }

    /// Makes tasks that were set aside ready again.
    pub(super) fn resume(&mut self, parked: Vec<Ready>) {
        self.ready.extend(parked);
    }

    /// Removes every task of `host` (all tasks if `None`) in the order of their slots. The caller drops them with
    /// nothing borrowed.
    #[expect(
        clippy::vec_box,
        reason = "tasks live in boxes: a slot is small, and taking one out moves a pointer"
    )]
    pub(super) fn kill(&mut self, host: Option<HostId>) -> Vec<Box<Task>> {
        let mut killed = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.number != 0 && host.is_none_or(|host| host == slot.host) {
                slot.number = 0;
                self.free.push(u32::try_from(index).expect("slots are numbered in 32 bits"));
                killed.extend(slot.task.take());
            }
        }
        killed
    }

    /// How many tasks live.
    pub(super) fn count(&self) -> usize {
        self.slots.iter().filter(|slot| slot.number != 0).count()
    }

    fn collect_woken(&mut self) {
        if self.list.any.swap(false, Ordering::Relaxed) {
            let mut woken = self.list.woken.lock().unwrap_or_else(PoisonError::into_inner);
            self.ready.append(&mut woken);
        }
    }
}
