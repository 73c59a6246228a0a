//! The engine's platform traits over a simulation, for one boot of one host.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tribunal_engine::driver::{Network, Platform, Spawner};
use tribunal_engine::id::Endpoint;

use super::clock::SimClock;
use super::core::Runtime;
use super::disk::SimDisk;
use super::host::HostId;
use super::network::address;
use super::simulation::SimHandle;
use super::stream::{Connecting, SimListener, SimStream};

/// Sockets, disk, clocks and tasks of one boot of one host.
#[derive(Clone)]
pub struct SimPlatform {
    network: SimNetwork,
    disk: SimDisk,
    clock: SimClock,
    spawner: SimSpawner,
}

impl SimPlatform {
    pub(super) fn new(runtime: &Rc<Runtime>, host: HostId) -> Self {
        let (boot, state) = {
            let hosts = runtime.hosts.borrow();
            (hosts[host.index()].boot, Rc::clone(&hosts[host.index()].disk))
        };
        let runtime = || Rc::clone(runtime);
        SimPlatform {
            network: SimNetwork { runtime: runtime(), host },
            disk: SimDisk { runtime: runtime(), host, boot, state },
            clock: SimClock { runtime: runtime(), host },
            spawner: SimSpawner { runtime: runtime(), host, boot },
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.network.host
    }

    /// Time, notes, attention.
    #[must_use]
    pub fn handle(&self) -> SimHandle {
        SimHandle::new(Rc::clone(&self.network.runtime))
    }
}

impl Platform for SimPlatform {
    type Network = SimNetwork;
    type Disk = SimDisk;
    type Clock = SimClock;
    type Spawner = SimSpawner;

    fn network(&self) -> &SimNetwork {
        &self.network
    }

    fn disk(&self) -> &SimDisk {
        &self.disk
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn spawner(&self) -> &SimSpawner {
        &self.spawner
    }
}

/// The sockets of a host.
#[derive(Clone)]
pub struct SimNetwork {
    runtime: Rc<Runtime>,
    host: HostId,
}

impl SimNetwork {
    fn resolve(&self, name: &str) -> Option<HostId> {
        let hosts = self.runtime.hosts.borrow();
        hosts.iter().position(|host| &*host.name == name).map(HostId::from_index)
    }
}

impl Network for SimNetwork {
    type Listener = SimListener;
    type Stream = SimStream;

    async fn bind(&self, endpoint: &Endpoint) -> io::Result<SimListener> {
        if self.resolve(&endpoint.host) != Some(self.host) {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                format!("{endpoint} is not an address of this host"),
            ));
        }
        let at = SocketAddr::new(address(self.host), endpoint.port);
        SimListener::bind(Rc::clone(&self.runtime), self.host, at).await
    }

    fn accept(&self, listener: &SimListener) -> impl Future<Output = io::Result<SimStream>> {
        listener.accept()
    }

    async fn connect(&self, endpoint: &Endpoint) -> io::Result<SimStream> {
        let Some(target) = self.resolve(&endpoint.host) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no host of the name {}", endpoint.host),
            ));
        };
        let target = SocketAddr::new(address(target), endpoint.port);
        Connecting::new(Rc::clone(&self.runtime), self.host, target).await
    }
}

/// Starts tasks of one boot of one host.
#[derive(Clone)]
pub struct SimSpawner {
    runtime: Rc<Runtime>,
    host: HostId,
    boot: u64,
}

impl Spawner for SimSpawner {
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.runtime.spawn(self.host, self.boot, name, task);
    }
}
