//! The platform of real processes: tokio's sockets and timers, the operating system's clocks, real files.
//!
//! [`Process::start`] gives one broker or controller a thread, a current-thread runtime and a loop of its own. A
//! process here is a node of the cluster, not a process of the operating system: one of those may hold many.
//! Every node keeps its files in a [`DataDirectory`] that is locked and knows whose it is.
//!
//! This module is the only place in the engine that starts a thread, reads a clock or opens a file. It makes no
//! protocol decision: what runs here is what runs in the simulation.

mod clock;
mod directory;
mod disk;
mod entropy;
mod network;
mod process;
mod sending;

pub use clock::RealClock;
pub use directory::{CLEAN_SHUTDOWN, DataDirectory, Identity, OpenError};
pub use disk::FileDisk;
pub use entropy::{incarnation, seed};
pub use network::{TcpNetwork, listen};
pub use process::{Hear, Process, ProcessEnd, ProcessSettings, Report, Role, Tell};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::platform::{Platform, Spawner};

/// Sockets, files, clocks and tasks of one process. Clones are the same process.
#[derive(Clone)]
pub struct RealPlatform {
    network: TcpNetwork,
    disk: FileDisk,
    clock: RealClock,
    spawner: LocalSpawner,
}

impl RealPlatform {
    /// The platform of a process that listens where `network` does and keeps its files on `disk`.
    #[must_use]
    pub fn new(network: TcpNetwork, disk: FileDisk, spawner: LocalSpawner) -> RealPlatform {
        RealPlatform { network, disk, clock: RealClock::start(), spawner }
    }
}

impl Platform for RealPlatform {
    type Network = TcpNetwork;
    type Disk = FileDisk;
    type Clock = RealClock;
    type Spawner = LocalSpawner;

    fn network(&self) -> &TcpNetwork {
        &self.network
    }

    fn disk(&self) -> &FileDisk {
        &self.disk
    }

    fn clock(&self) -> &RealClock {
        &self.clock
    }

    fn spawner(&self) -> &LocalSpawner {
        &self.spawner
    }
}

/// Tasks in the current thread's `LocalSet`. They end with it.
#[derive(Clone, Debug, Default)]
pub struct LocalSpawner {
    panicked: Rc<Notify>,
}

impl LocalSpawner {
    /// Ends when a task panicked: tokio itself would not tell anybody.
    pub async fn panicked(&self) {
        self.panicked.notified().await;
    }
}

impl Spawner for LocalSpawner {
    fn spawn(&self, _name: &'static str, task: impl Future<Output = ()> + 'static) {
        let panicked = self.panicked.clone();
        tokio::task::spawn_local(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                panicked.notify_one();
            }
        });
    }
}
