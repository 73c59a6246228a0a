//! A simulation: what a driver can do to hosts, processes, the network and time.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::rc::Rc;

use bytes::Bytes;
use tribunal_engine::driver::Clock as _;
use tribunal_engine::storage::FileName;
use tribunal_engine::time::{Instant, Now};

use super::clock::{ClockSettings, SimClock};
use super::core::Runtime;
use super::disk::{DiskFault, DiskFaultId, DiskScope, FileStatus, PowerLoss};
use super::host::{HostId, HostSettings, HostStatus};
use super::latency::Latency;
use super::link::{Direction, FaultId, LinkTraffic, NetworkSettings, SlowLink};
use super::platform::SimPlatform;
use super::trace::{LineSink, TraceKind};

/// What a simulation is like as a whole.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// The network between hosts.
    pub network: NetworkSettings,
    /// Polls at one instant after which the simulation panics: tasks that wake each other for ever would stop time.
    pub polls_at_one_instant_max: u64,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        RuntimeSettings { network: NetworkSettings::default(), polls_at_one_instant_max: 1_000_000 }
    }
}

/// Why [`Simulation::run_until`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paused {
    /// The deadline is reached.
    Deadline,
    /// Somebody asked for the driver's attention: see [`SimHandle::request_attention`].
    Attention,
}

/// One simulation. Lives on the thread that made it; a thread runs one at a time.
///
/// Hosts are added before the first event. A panic of a task comes out of [`Simulation::run_until`].
pub struct Simulation {
    runtime: Rc<Runtime>,
}

impl Simulation {
    /// An empty simulation. Everything random in it comes from `seed`.
    #[must_use]
    pub fn new(seed: u64, settings: RuntimeSettings) -> Self {
        Simulation { runtime: Rc::new(Runtime::new(seed, settings)) }
    }

    /// Adds a machine whose process runs (boot 1). Others find it by `name`.
    ///
    /// # Panics
    /// If the name is taken, or the simulation has begun.
    pub fn add_host(&mut self, name: &str, settings: HostSettings) -> HostId {
        self.runtime.add_host(name, settings)
    }

    /// The platform of the host's current boot. It goes dead with that boot.
    #[must_use]
    pub fn platform(&self, host: HostId) -> SimPlatform {
        SimPlatform::new(&self.runtime, host)
    }

    /// For tasks: time, notes, attention.
    #[must_use]
    pub fn handle(&self) -> SimHandle {
        SimHandle { runtime: Rc::clone(&self.runtime) }
    }

    /// Starts a task on the host's current boot. `name` is for traces.
    ///
    /// # Panics
    /// If the host's process does not run.
    pub fn spawn(&self, host: HostId, name: &'static str, task: impl Future<Output = ()> + 'static) {
        assert_eq!(self.status(host), HostStatus::Up, "a task for {} whose process is down", self.name(host));
        self.runtime.spawn(host, self.boot_number(host), name, task);
    }

    /// True virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.runtime.now_nanos())
    }

    /// Runs until `deadline` or until attention is asked for.
    pub fn run_until(&mut self, deadline: Instant) -> Paused {
        let end = deadline.as_nanos();
        self.runtime.network.start();
        while self.runtime.step(end) {
            if self.runtime.attention.replace(false) {
                return Paused::Attention;
            }
        }
        self.runtime.skip_to(end);
        Paused::Deadline
    }

    /// Does one thing: polls a task, or lets the stacks send, or jumps to the next time something happens. False
    /// if nothing will ever happen.
    pub fn step(&mut self) -> bool {
        self.runtime.network.start();
        self.runtime.step(u64::MAX)
    }

    /// The process dies, the machine lives. Peers get FIN or RST, then refusals; the page cache stays.
    pub fn crash(&mut self, host: HostId) {
        if self.status(host) == HostStatus::Up {
            self.runtime.fault(host, format_args!("crash"));
            self.end_process(host, HostStatus::Crashed);
        }
    }

    /// The process ends by itself, the machine lives; to its peers it looks like a crash.
    pub fn exit(&mut self, host: HostId) {
        if self.status(host) == HostStatus::Up {
            self.runtime.fault(host, format_args!("exit"));
            self.end_process(host, HostStatus::Crashed);
        }
    }

    /// The machine dies: silence, and the disk loses unsynced bytes as `model` says. Peers learn nothing until a
    /// boot answers them with RST.
    pub fn power_loss(&mut self, host: HostId, model: PowerLoss) {
        let before = self.status(host);
        if before != HostStatus::Dark {
            self.runtime.fault(host, format_args!("power loss {model:?}"));
            self.end_process(host, HostStatus::Dark);
            self.runtime.hosts.borrow()[host.index()].disk.borrow_mut().power_loss(model);
        }
    }

    fn end_process(&mut self, host: HostId, status: HostStatus) {
        let runtime = &self.runtime;
        runtime.network.start();
        // What was written before the end has left the process.
        runtime.network.flush(runtime);
        {
            let mut hosts = runtime.hosts.borrow_mut();
            let host = &mut hosts[host.index()];
            host.status = status;
            host.paused = false;
            host.parked.clear();
            host.cpu.reset();
        }
        runtime.kill_tasks(Some(host));
        runtime.network.dirty.set(true);
        runtime.network.flush(runtime);
        runtime.network.purge(runtime, host);
    }

    /// Starts the next boot of a host that is down. The caller spawns its tasks, on a new platform.
    ///
    /// # Panics
    /// If the host's process runs.
    pub fn boot(&mut self, host: HostId) -> u64 {
        let before = self.status(host);
        assert_ne!(before, HostStatus::Up, "{} is booted while it runs", self.name(host));
        let boot = {
            let mut hosts = self.runtime.hosts.borrow_mut();
            let host = &mut hosts[host.index()];
            host.status = HostStatus::Up;
            host.boot += 1;
            host.boot
        };
        self.runtime.fault(host, format_args!("boot {boot}"));
        if before == HostStatus::Dark {
            self.runtime.network.reboot(&self.runtime, host);
        }
        boot
    }

    /// Stops polling the host's tasks; its sockets go on (a collector's pause, a stopped process).
    pub fn pause(&mut self, host: HostId) {
        self.runtime.fault(host, format_args!("pause"));
        self.runtime.hosts.borrow_mut()[host.index()].paused = true;
    }

    /// Whether the host's process stands still.
    #[must_use]
    pub fn is_paused(&self, host: HostId) -> bool {
        self.runtime.hosts.borrow()[host.index()].paused
    }

    /// Ends a pause.
    pub fn resume(&mut self, host: HostId) {
        self.runtime.fault(host, format_args!("resume"));
        let parked = {
            let mut hosts = self.runtime.hosts.borrow_mut();
            let host = &mut hosts[host.index()];
            host.paused = false;
            std::mem::take(&mut host.parked)
        };
        self.runtime.tasks.borrow_mut().resume(parked);
    }

    /// Holds what is sent between two sides until the fault is healed. Packets under way are held too.
    pub fn partition(&mut self, from: &[HostId], to: &[HostId], direction: Direction) -> FaultId {
        let first = from.first().copied().unwrap_or(HostId::FIRST);
        self.runtime.fault(first, format_args!("partition {from:?} {to:?} {direction:?}"));
        self.runtime.network.links.borrow_mut().partition(from, to, direction)
    }

    /// Makes the links from one side to the other slow or lossy.
    pub fn slow_link(&mut self, from: &[HostId], to: &[HostId], slow: SlowLink) -> FaultId {
        let first = from.first().copied().unwrap_or(HostId::FIRST);
        self.runtime.fault(first, format_args!("slow link {from:?} {to:?} {slow:?}"));
        self.runtime.network.links.borrow_mut().slow(from, to, slow)
    }

    /// Ends a network fault. Held packets arrive in order, once the retransmission timeout that is running is over.
    pub fn heal(&mut self, fault: FaultId) {
        self.runtime.fault(HostId::FIRST, format_args!("heal {fault:?}"));
        let opened = self.runtime.network.links.borrow_mut().heal(fault);
        self.runtime.network.release(&self.runtime, &opened);
    }

    /// Gives the links from one side to the other a latency of their own, for good.
    pub fn set_latency(&mut self, from: &[HostId], to: &[HostId], latency: Latency) {
        let mut links = self.runtime.network.links.borrow_mut();
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            links.set_latency(from, to, latency);
        }
    }

    /// Sets a host's clocks: the wall clock jumps to its new offset, both go on at the new rate.
    pub fn set_clock(&mut self, host: HostId, settings: ClockSettings) {
        self.runtime.fault(host, format_args!("clock {settings:?}"));
        let now = self.runtime.now_nanos();
        self.runtime.hosts.borrow_mut()[host.index()].clock.set(now, settings);
        let sleepers = self.runtime.timers.borrow_mut().fire_all_of(host);
        for sleeper in sleepers {
            sleeper.wake();
        }
    }

    /// Multiplies the cost of work on a host: 1 is normal, 4 is four times slower.
    pub fn set_cpu_slowdown(&mut self, host: HostId, slowdown: f64) {
        self.runtime.fault(host, format_args!("cpu slowdown {slowdown}"));
        self.runtime.hosts.borrow_mut()[host.index()].cpu.set_slowdown(slowdown);
    }

    /// Something is wrong with a host's disk, for the files in `scope`, until it is mended. Belongs to the machine: it
    /// outlives processes and power losses.
    pub fn disk_fault(&mut self, host: HostId, fault: DiskFault, scope: DiskScope) -> DiskFaultId {
        self.runtime.fault(host, format_args!("disk {fault:?} {scope:?}"));
        self.runtime.hosts.borrow()[host.index()].disk.borrow_mut().begin_fault(fault, scope)
    }

    /// Mends a fault of a host's disk. Answers how many operations it struck.
    pub fn mend_disk(&mut self, host: HostId, fault: DiskFaultId) -> u64 {
        self.runtime.fault(host, format_args!("disk mended {fault:?}"));
        let (struck, stalled) = self.runtime.hosts.borrow()[host.index()].disk.borrow_mut().end_fault(fault);
        for waker in stalled {
            waker.wake();
        }
        struck
    }

    /// Turns bits over on a host's disk, in the files in `scope`, for good. Answers in which files and where.
    pub fn corrupt_disk(&mut self, host: HostId, scope: &DiskScope, bits: u32) -> Vec<(FileName, u64)> {
        let places = self.runtime.hosts.borrow()[host.index()].disk.borrow_mut().corrupt(scope, bits);
        for (file, position) in &places {
            self.runtime.fault(host, format_args!("rot in {file} at {position}"));
        }
        places
    }

    /// What every link has carried.
    #[must_use]
    pub fn traffic(&self) -> Vec<LinkTraffic> {
        self.runtime.network.links.borrow().traffic()
    }

    /// The files of a host's disk.
    #[must_use]
    pub fn files(&self, host: HostId) -> Vec<FileStatus> {
        self.runtime.hosts.borrow()[host.index()].disk.borrow().status()
    }

    /// What a reader of a file on a host's disk sees now; `None` if it does not exist.
    #[must_use]
    pub fn file_content(&self, host: HostId, file: &FileName) -> Option<Bytes> {
        self.runtime.hosts.borrow()[host.index()].disk.borrow_mut().peek(file)
    }

    /// Whether the host's process and machine run.
    #[must_use]
    pub fn status(&self, host: HostId) -> HostStatus {
        self.runtime.status(host)
    }

    /// The number of the host's current boot, or of its last one; the first is 1.
    #[must_use]
    pub fn boot_number(&self, host: HostId) -> u64 {
        self.runtime.hosts.borrow()[host.index()].boot
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self, host: HostId) -> std::sync::Arc<str> {
        std::sync::Arc::clone(&self.runtime.hosts.borrow()[host.index()].name)
    }

    /// Both clocks of a host.
    #[must_use]
    pub fn host_time(&self, host: HostId) -> Now {
        SimClock { runtime: Rc::clone(&self.runtime), host }.now()
    }

    /// How many tasks live.
    #[must_use]
    pub fn task_count(&self) -> usize {
        self.runtime.tasks.borrow().count()
    }

    /// Whether something is to be done at this instant, before time can go on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.runtime.is_busy()
    }

    /// Hash of every event so far: equal for two runs of one seed.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.runtime.trace.borrow().hash()
    }

    /// How many events there were.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.runtime.trace.borrow().event_count()
    }

    /// From now on hands every event to `sink` as a line; `None` ends that. The run stays the same.
    pub fn record_trace(&mut self, sink: Option<LineSink>) {
        self.runtime.trace.borrow_mut().record(sink);
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.runtime.close();
    }
}

/// What a task may know and say of its simulation. Cheap to clone.
#[derive(Clone)]
pub struct SimHandle {
    runtime: Rc<Runtime>,
}

impl SimHandle {
    pub(super) fn new(runtime: Rc<Runtime>) -> Self {
        SimHandle { runtime }
    }

    /// True virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.runtime.now_nanos())
    }

    /// Adds a note to the trace. The text is hashed, and kept only while the trace is recorded.
    pub fn note(&self, host: HostId, text: impl fmt::Display) {
        self.runtime.trace.borrow_mut().text(self.runtime.now_nanos(), host, TraceKind::Note, text);
    }

    /// Adds a fact to the trace: all of it is hashed, its text is made only while the trace is recorded.
    pub fn note_fact(&self, host: HostId, fact: &(impl Hash + fmt::Display)) {
        self.runtime.trace.borrow_mut().fact(self.runtime.now_nanos(), host, fact);
    }

    /// Adds a note that is a number. Cheaper than a text.
    pub fn note_number(&self, host: HostId, number: u64) {
        let now = self.runtime.now_nanos();
        self.runtime.trace.borrow_mut().event(now, host, TraceKind::Note, number, number);
    }

    /// Makes [`Simulation::run_until`] come back after the current poll, so that the driver can look.
    pub fn request_attention(&self) {
        self.runtime.attention.set(true);
    }
}
