//! What everything in a simulation shares, and the event loop.
//!
//! The loop: while a task is ready, poll one that the seed picks. When none is, let the socket stacks send. When
//! they have nothing to send, jump to the next timer or packet. Time stands still while tasks run.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use tribunal_engine::rng::Rng;

use super::clock::HostClock;
use super::cpu::Cpu;
use super::disk::DiskState;
use super::executor::Tasks;
use super::host::{Host, HostId, HostSettings, HostStatus};
use super::network::Network;
use super::simulation::RuntimeSettings;
use super::timer::Timers;
use super::trace::{Trace, TraceKind};

/// The parts of one simulation. Each is borrowed for the length of one call, and never while a task is polled or
/// dropped.
pub(super) struct Runtime {
    now: Cell<u64>,
    root: Rng,
    polls_at_one_instant_max: u64,
    polls_at_this_instant: Cell<u64>,
    pub(super) attention: Cell<bool>,
    closing: Cell<bool>,
    pub(super) tasks: RefCell<Tasks>,
    pub(super) timers: RefCell<Timers>,
    pub(super) hosts: RefCell<Vec<Host>>,
    pub(super) trace: RefCell<Trace>,
    pub(super) network: Network,
}

impl Runtime {
    pub(super) fn new(seed: u64, settings: RuntimeSettings) -> Self {
        let root = Rng::from_seed(seed);
        Runtime {
            now: Cell::new(0),
            polls_at_one_instant_max: settings.polls_at_one_instant_max,
            polls_at_this_instant: Cell::new(0),
            attention: Cell::new(false),
            closing: Cell::new(false),
            tasks: RefCell::new(Tasks::new(root.fork("sched"))),
            timers: RefCell::default(),
            hosts: RefCell::default(),
            trace: RefCell::new(Trace::new(seed)),
            network: Network::new(settings.network, root.fork("net")),
            root,
        }
    }

    /// True virtual time in nanoseconds.
    pub(super) fn now_nanos(&self) -> u64 {
        self.now.get()
    }

    pub(super) fn status(&self, host: HostId) -> HostStatus {
        self.hosts.borrow()[host.index()].status
    }

    pub(super) fn add_host(&self, name: &str, settings: HostSettings) -> HostId {
        let mut hosts = self.hosts.borrow_mut();
        assert!(hosts.iter().all(|host| &*host.name != name), "two hosts named {name}");
        let id = HostId::from_index(hosts.len());
        let name: Arc<str> = Arc::from(name);
        self.network.add_host(id, settings.send_bytes_per_second);
        self.trace.borrow_mut().add_host(Arc::clone(&name));
        hosts.push(Host {
            disk: Rc::new(RefCell::new(DiskState::new(
                settings.disk,
                self.root.fork(&format!("disk/{name}")),
            ))),
            name,
            status: HostStatus::Up,
            boot: 1,
            paused: false,
            parked: Vec::new(),
            clock: HostClock::new(settings.clock),
            cpu: Cpu::new(settings.cpu),
        });
        id
    }

    /// Adds a task to boot `boot` of `host`; it is dropped at once if that boot is over.
    pub(super) fn spawn(
        &self,
        host: HostId,
        boot: u64,
        name: &'static str,
        future: impl Future<Output = ()> + 'static,
    ) {
        let runs = self.hosts.borrow()[host.index()].runs(boot);
        if runs && !self.closing.get() {
            self.tasks.borrow_mut().add(host, name, Box::pin(future));
        }
    }

    /// Polls one ready task; false if there is none.
    fn poll_one(&self) -> bool {
        let picked = self.tasks.borrow_mut().pick(&mut self.hosts.borrow_mut());
        let Some(mut task) = picked else { return false };
        let polls = self.polls_at_this_instant.get() + 1;
        self.polls_at_this_instant.set(polls);
        assert!(
            polls <= self.polls_at_one_instant_max,
            "tasks keep each other busy and time stands still; the last one is {} of {}",
            task.name,
            self.hosts.borrow()[task.host.index()].name
        );
        self.trace.borrow_mut().event(self.now.get(), task.host, TraceKind::Poll, task.number(), task.name);
        let poll = task.future.as_mut().poll(&mut Context::from_waker(&task.waker));
        let dead = match poll {
            Poll::Ready(()) => {
                self.tasks.borrow_mut().end(&task);
                Some(task)
            }
            Poll::Pending => self.tasks.borrow_mut().put_back(task),
        };
        drop(dead);
        true
    }

    /// One event at most: a poll, or the stacks send, or time jumps to what comes next up to `deadline`. False if
    /// there was nothing to do.
    pub(super) fn step(&self, deadline: u64) -> bool {
        if self.poll_one() {
            return true;
        }
        if self.network.is_busy() {
            self.network.flush(self);
            return true;
        }
        self.advance(deadline)
    }

    fn advance(&self, deadline: u64) -> bool {
        let timer = self.timers.borrow_mut().next();
        let next = match (timer, self.network.next()) {
            (Some(timer), Some(packet)) => timer.min(packet),
            (Some(next), None) | (None, Some(next)) => next,
            (None, None) => return false,
        };
        if next > deadline {
            return false;
        }
        // Something set for the past happens now.
        let now = next.max(self.now.get());
        if now > self.now.replace(now) {
            self.polls_at_this_instant.set(0);
        }
        while self.network.deliver_due(self, now) {}
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            let Some((host, waker)) = due else { break };
            self.trace.borrow_mut().event(now, host, TraceKind::Timer, 0, "");
            waker.wake();
        }
        true
    }

    /// Whether a task waits to be polled or a stack to send.
    pub(super) fn is_busy(&self) -> bool {
        self.tasks.borrow().any_ready() || self.network.is_busy()
    }

    /// Sets the time forward to `deadline`.
    pub(super) fn skip_to(&self, deadline: u64) {
        if deadline > self.now.get() {
            self.now.set(deadline);
            self.polls_at_this_instant.set(0);
        }
    }

    /// Notes something broken or mended.
    pub(super) fn fault(&self, host: HostId, text: std::fmt::Arguments<'_>) {
        self.trace.borrow_mut().text(self.now.get(), host, TraceKind::Fault, text);
    }

    /// Drops every task of `host`, or every task.
    pub(super) fn kill_tasks(&self, host: Option<HostId>) {
        let killed = self.tasks.borrow_mut().kill(host);
        for task in killed {
            drop(task);
        }
    }

    /// Ends the simulation: no task, then no stack.
    pub(super) fn close(&self) {
        self.closing.set(true);
        self.kill_tasks(None);
        self.network.stop();
    }
}
