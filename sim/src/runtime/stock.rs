//! The engine's platform over stock `turmoil::Sim`.
//!
//! For two purposes: a yardstick (the same cluster under turmoil's own scheduler), and tests of people who already
//! have a turmoil simulation and want a cluster in it. A [`StockHost`] is made outside the host's closure and moved
//! into it; it is the machine, so its disk and its processor outlive crashes:
//!
//! ```text
//! let machine = StockHost::new("broker-1", HostSettings::default(), seed);
//! sim.host("broker-1", move || run_broker(machine.platform()));
//! ```
//!
//! turmoil decides about the network, the order of tasks and what a crash looks like. Time has the grain of tokio's
//! timers, a millisecond: shorter costs of processor and disk queue up rightly, but each wait ends at a tick.
//! Clocks have an offset and no drift. There is no trace; a run repeats as well as turmoil makes it.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::sleep;
use tribunal_engine::driver::{Clock, Network, Platform, Spawner};
use tribunal_engine::id::Endpoint;
use tribunal_engine::rng::Rng;
use tribunal_engine::storage::{Disk, DiskError, DiskOp, DiskOutcome};
use tribunal_engine::time::{Duration, Instant, Now, Timestamp};
use turmoil::net::{TcpListener, TcpStream};

use super::clock::WALL_START_MS;
use super::cpu::Cpu;
use super::disk::{DiskState, FileStatus, PowerLoss};
use super::host::HostSettings;

/// A machine of a turmoil simulation.
#[derive(Clone)]
pub struct StockHost {
    name: Arc<str>,
    wall_offset_ms: i64,
    cpu: Rc<RefCell<Cpu>>,
    disk: Rc<RefCell<DiskState>>,
}

impl StockHost {
    /// A machine known to turmoil as `name`. Its disk draws from `seed`. Drift and bandwidth are not used.
    #[must_use]
    pub fn new(name: &str, settings: HostSettings, seed: u64) -> Self {
        let rng = Rng::from_seed(seed).fork(&format!("disk/{name}"));
        StockHost {
            name: Arc::from(name),
            wall_offset_ms: settings.clock.wall_offset_ms,
            cpu: Rc::new(RefCell::new(Cpu::new(settings.cpu))),
            disk: Rc::new(RefCell::new(DiskState::new(settings.disk, rng))),
        }
    }

    /// The platform for a process that starts now. Call it inside the host's closure, once for each start.
    #[must_use]
    pub fn platform(&self) -> StockPlatform {
        StockPlatform {
            network: StockNetwork { name: Arc::clone(&self.name) },
            disk: StockDisk { disk: Rc::clone(&self.disk) },
            clock: StockClock { wall_offset_ms: self.wall_offset_ms, cpu: Rc::clone(&self.cpu) },
            spawner: StockSpawner,
        }
    }

    /// Takes what the disk had not synced. Call it after `Sim::crash` has ended the process.
    pub fn power_loss(&self, model: PowerLoss) {
        self.disk.borrow_mut().power_loss(model);
    }

    /// The files of the disk.
    #[must_use]
    pub fn files(&self) -> Vec<FileStatus> {
        self.disk.borrow().status()
    }
}

/// Sockets, disk, clocks and tasks of one process under turmoil.
#[derive(Clone)]
pub struct StockPlatform {
    network: StockNetwork,
    disk: StockDisk,
    clock: StockClock,
    spawner: StockSpawner,
}

impl Platform for StockPlatform {
    type Network = StockNetwork;
    type Disk = StockDisk;
    type Clock = StockClock;
    type Spawner = StockSpawner;

    fn network(&self) -> &StockNetwork {
        &self.network
    }

    fn disk(&self) -> &StockDisk {
        &self.disk
    }

    fn clock(&self) -> &StockClock {
        &self.clock
    }

    fn spawner(&self) -> &StockSpawner {
        &self.spawner
    }
}

/// turmoil's sockets.
#[derive(Clone)]
pub struct StockNetwork {
    name: Arc<str>,
}

impl Network for StockNetwork {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn bind(&self, endpoint: &Endpoint) -> io::Result<TcpListener> {
        if endpoint.host != self.name {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        TcpListener::bind(("0.0.0.0", endpoint.port)).await
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    async fn connect(&self, endpoint: &Endpoint) -> io::Result<TcpStream> {
        TcpStream::connect((&*endpoint.host, endpoint.port)).await
    }
}

/// turmoil's clock, and the machine's processor.
#[derive(Clone)]
pub struct StockClock {
    wall_offset_ms: i64,
    cpu: Rc<RefCell<Cpu>>,
}

impl Clock for StockClock {
    fn now(&self) -> Now {
        let nanos = now_nanos();
        let since_start = i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX);
        let wall = WALL_START_MS.saturating_add(since_start).saturating_add(self.wall_offset_ms);
        Now { mono: Instant::from_nanos(nanos), wall: Timestamp(wall) }
    }

    #[expect(clippy::disallowed_methods, reason = "here time is turmoil's")]
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + 'static {
        sleep(deadline.since(Instant::from_nanos(now_nanos())))
    }

    async fn work(&self, bytes: usize) {
        let now = now_nanos();
        let done = self.cpu.borrow_mut().charge(now, bytes);
        reach(done, now).await;
    }
}

/// turmoil's tasks.
#[derive(Clone)]
pub struct StockSpawner;

impl Spawner for StockSpawner {
    #[expect(clippy::disallowed_methods, reason = "here the tasks are turmoil's")]
    fn spawn(&self, _name: &'static str, task: impl Future<Output = ()> + 'static) {
        // Detached: the task ends by itself or with its host.
        drop(tokio::task::spawn_local(task));
    }
}

/// The machine's disk: the same model as in the other runtime.
#[derive(Clone)]
pub struct StockDisk {
    disk: Rc<RefCell<DiskState>>,
}

impl Disk for StockDisk {
    async fn execute(&self, op: DiskOp) -> DiskOutcome {
        let now = now_nanos();
        let (done, sync_end) = {
            let mut disk = self.disk.borrow_mut();
            (disk.begin(now, &op), op.file().map_or(0, |file| disk.length(file)))
        };
        reach(done, now).await;
        self.disk.borrow_mut().finish(op, sync_end)
    }

    async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.disk.borrow().list(directory))
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.disk.borrow().directories())
    }
}

/// Time since the simulation began. Zero outside of it.
fn now_nanos() -> u64 {
    u64::try_from(turmoil::sim_elapsed().unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "here time is turmoil's")]
async fn reach(at: u64, now: u64) {
    if at > now {
        sleep(Duration::from_nanos(at - now)).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tribunal_engine::storage::FileName;

    use super::*;

    fn log() -> FileName {
        FileName::new(&Arc::from("orders-0"), "0.log")
    }

    /// Appends what each connection sends, then answers with the length of the file.
    async fn serve(platform: StockPlatform) -> turmoil::Result {
        let listener = platform.network().bind(&Endpoint::new("server", 9092)).await?;
        loop {
            let mut stream = platform.network().accept(&listener).await?;
            let disk = platform.disk().clone();
            platform.spawner().spawn("connection", async move {
                let mut sent = [0; 5];
                stream.read_exact(&mut sent).await.expect("the client sends five bytes");
                let append = DiskOp::Append { file: log(), parts: vec![Bytes::copy_from_slice(&sent)] };
                disk.execute(append).await.expect("the disk works");
                let files = disk.list("orders-0").await.expect("the disk works");
                stream.write_u64(files[0].1).await.expect("the client waits");
            });
        }
    }

    #[test]
    fn a_server_on_stock_turmoil_keeps_its_disk_over_a_crash() {
        let mut simulation = turmoil::Builder::new().rng_seed(1).build();
        let machine = StockHost::new("server", HostSettings::default(), 1);
        let server = machine.clone();
        simulation.host("server", move || serve(server.platform()));
        let ask = |name: &str| {
            let platform = StockHost::new(name, HostSettings::default(), 1).platform();
            async move {
                platform.clock().sleep(Duration::from_millis(10)).await;
                let mut stream = platform.network().connect(&Endpoint::new("server", 9092)).await?;
                stream.write_all(b"hello").await?;
                let length = stream.read_u64().await?;
                assert_eq!(length % 5, 0);
                Ok(())
            }
        };
        simulation.client("first", ask("first"));
        simulation.run().expect("the first client is answered");
        simulation.crash("server");
        simulation.bounce("server");
        simulation.client("second", ask("second"));
        simulation.run().expect("the second client is answered");
        assert_eq!(machine.files()[0].length, 10);
        machine.power_loss(PowerLoss::LoseUnsynced);
        assert!(machine.files().is_empty());
    }
}
