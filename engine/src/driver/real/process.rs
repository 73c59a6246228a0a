//! One broker or controller on a thread of its own.
//!
//! A process reports when it is ready and when it has ended; nothing else leaves its thread but what its machine
//! notes. It ends when it is told to, when it cannot start, or when a bug makes it panic: then it ends as a whole,
//! since a broker without one of its tasks would only look alive.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures_util::{FutureExt, select_biased};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::disk::FileDisk;
use super::network::TcpNetwork;
use super::{LocalSpawner, RealPlatform};
use crate::broker::{Broker, BrokerSettings};
use crate::controller::{Controller, ControllerSettings};
use crate::driver::{BootError, Observer, ShutdownSignal, start_broker, start_controller};
use crate::event::Event;
use crate::id::{Endpoint, NodeId};
use crate::storage::DiskError;
use crate::time::{Duration, Now};

/// Most threads that wait for the device at the same time, for one process.
const BLOCKING_THREADS_MAX: usize = 4;

/// How long a node that is told to stop may wait for others to take over what it leads (Kafka's
/// `controlled.shutdown.max.retries` of 3, 5 s apart).
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(15);

/// Hears what a machine notes, and the words of its disk about errors. Called on the process's thread.
pub type Hear = Arc<dyn Fn(&str, Result<&Event, &str>) + Send + Sync>;

/// Hears what a process reports. Called on its thread.
pub type Tell = Arc<dyn Fn(Report) + Send + Sync>;

/// What a process is.
#[derive(Clone, Debug)]
pub enum Role {
    /// A broker.
    Broker {
        /// What it is born with.
        settings: BrokerSettings,
        /// It is ready when it sees so many active brokers, itself among them.
        ready_at: usize,
    },
    /// A controller, which others reach at `endpoint`.
    Controller {
        /// What it is born with.
        settings: ControllerSettings,
        /// As others are told.
        endpoint: Endpoint,
    },
}

/// What a process needs to start.
#[derive(Debug)]
pub struct ProcessSettings {
    /// Its name in reports: `broker-1`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Where it listens.
    pub listener: std::net::TcpListener,
    /// Where its files are; whoever starts it holds the lock.
    pub directory: PathBuf,
}

/// What a process tells while it lives.
#[derive(Debug)]
pub enum Report {
    /// It serves.
    Ready {
        /// Its name.
        name: String,
    },
    /// Its last word.
    Ended {
        /// Its name.
        name: String,
        /// How it ended.
        end: ProcessEnd,
    },
}

/// How a process ended.
#[derive(Debug)]
pub enum ProcessEnd {
    /// It was told to stop, and everything it wrote is durable.
    Stopped,
    /// It was told to stop, and what it wrote could not be made durable.
    Unsynced(DiskError),
    /// It could not start.
    Failed(BootError),
    /// A bug of ours, or a disk that failed under the metadata log. The panic's message is on stderr.
    Panicked,
}

/// A running process.
#[derive(Debug)]
pub struct Process {
    stop: Arc<Notify>,
    thread: JoinHandle<()>,
}

impl Process {
    /// Starts a process. `tell` hears what it reports, `hear` what its machine notes.
    ///
    /// # Errors
    /// If the system gives no thread, or no sockets at all.
    pub fn start(settings: ProcessSettings, hear: Hear, tell: Tell) -> io::Result<Process> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .build()?;
        let stop = Arc::new(Notify::new());
        let (stopped, name) = (stop.clone(), settings.name.clone());
        let thread_name = name.clone();
        let body = move || {
            let run = || run(runtime, settings, &hear, &tell, &stopped);
            let end = catch_unwind(AssertUnwindSafe(run)).unwrap_or(ProcessEnd::Panicked);
            tell(Report::Ended { name, end });
        };
        let builder = std::thread::Builder::new().name(thread_name);
        #[expect(clippy::disallowed_methods, reason = "one process is one thread, and here it is")]
        let thread = builder.spawn(body)?;
        Ok(Process { stop, thread })
    }

    /// Asks the process to stop. It reports when it has.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits for the thread to end. It does soon after its last report.
    pub fn join(self) {
        // The thread's body catches its panics.
        let _ = self.thread.join();
    }
}

fn run(runtime: Runtime, settings: ProcessSettings, hear: &Hear, tell: &Tell, stop: &Notify) -> ProcessEnd {
    let disk = {
        let (hear, name) = (hear.clone(), settings.name.clone());
        FileDisk::new(&settings.directory, move |words| hear(&name, Err(words)))
    };
    let tasks = LocalSet::new();
    let end = runtime.block_on(tasks.run_until(async {
        let spawner = LocalSpawner::default();
        let shutdown = ShutdownSignal::new();
        let mut stopped = pin!(stop.notified().fuse());
        let mut panicked = pin!(spawner.panicked().fuse());
        let mut serving = pin!(serve(settings, &disk, &spawner, &shutdown, hear, tell).fuse());
        loop {
            select_biased! {
                () = panicked => return ProcessEnd::Panicked,
                outcome = serving => {
                    return outcome.map_or_else(ProcessEnd::Failed, |()| ProcessEnd::Stopped);
                }
                () = stopped => shutdown.request(SHUTDOWN_PATIENCE),
            }
        }
    }));
    // Tasks first, then the operations that other threads are still at: after that nobody writes.
    drop(tasks);
    drop(runtime);
    match end {
        ProcessEnd::Stopped => disk.sync_all().map_or_else(ProcessEnd::Unsynced, |()| ProcessEnd::Stopped),
        other => other,
    }
}

/// Serves until `shutdown` was requested and the machine has stopped.
async fn serve(
    settings: ProcessSettings,
    disk: &FileDisk,
    spawner: &LocalSpawner,
    shutdown: &ShutdownSignal,
    hear: &Hear,
    tell: &Tell,
) -> Result<(), BootError> {
    let ProcessSettings { name, role, listener, directory: _ } = settings;
    let ready_when = match &role {
        Role::Broker { settings, ready_at } => Some((settings.node, *ready_at)),
        Role::Controller { .. } => None,
    };
    let (hear, tell) = (hear.clone(), tell.clone());
    let witness = Rc::new(Witness { name, ready_when, ready: Cell::new(false), hear, tell });
    let platform = |advertised: &Endpoint| {
        let network = TcpNetwork::with_listener(advertised.clone(), listener);
        RealPlatform::new(network, disk.clone(), spawner.clone())
    };
    match role {
        Role::Broker { settings, .. } => {
            start_broker(platform(&settings.endpoint), settings, witness, shutdown).await
        }
        Role::Controller { settings, endpoint } => {
            start_controller(platform(&endpoint), settings, endpoint, witness, shutdown).await
        }
    }
}

/// Hears one machine.
struct Witness {
    name: String,
    /// A broker: itself, and how many active brokers it must see.
    ready_when: Option<(NodeId, usize)>,
    ready: Cell<bool>,
    hear: Hear,
    tell: Tell,
}

impl Witness {
    fn is_ready(&self) {
        if !self.ready.replace(true) {
            (self.tell)(Report::Ready { name: self.name.clone() });
        }
    }
}

impl Observer<Broker> for Witness {
    fn note(&self, _now: Now, event: &Event) {
        (self.hear)(&self.name, Ok(event));
    }

    fn stepped(&self, _now: Now, broker: &Broker) {
        let Some((node, count)) = self.ready_when else { return };
        if self.ready.get() || !broker.image().is_active(node) {
            return;
        }
        if broker.image().brokers().values().filter(|broker| !broker.fenced).count() >= count {
            self.is_ready();
        }
    }
}

impl Observer<Controller> for Witness {
    fn note(&self, _now: Now, event: &Event) {
        (self.hear)(&self.name, Ok(event));
    }

    fn stepped(&self, _now: Now, _controller: &Controller) {
        self.is_ready();
    }
}
