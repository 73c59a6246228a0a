//! The deterministic runtime: executor, clocks, processor, network, disk, trace.
//!
//! A [`Simulation`] is one thread, one seed, virtual time in nanoseconds, and hosts. Each host gives its process a
//! [`SimPlatform`], the engine's four traits. A run is a function of the program, the settings and the seed.
//!
//! | module       | owns                                                                        |
//! |--------------|-----------------------------------------------------------------------------|
//! | `simulation` | what a driver can do: hosts, crashes, power losses, partitions, run, look   |
//! | `core`       | what the parts share, and the event loop                                    |
//! | `executor`   | tasks, wakers, the choice of the next task                                  |
//! | `timer`      | deadlines in true time                                                      |
//! | `clock`      | monotonic and wall clocks with offset and drift                             |
//! | `cpu`        | the cost of work, as a queue                                                |
//! | `network`    | when and whether packets arrive; turmoil-net's stacks open and close        |
//! | `flow`       | order and window of one direction of a connection                           |
//! | `link`       | latency, bandwidth, loss, partitions between two hosts                      |
//! | `stream`     | sockets                                                                     |
//! | `disk`       | page cache, durability, device time, power loss, faults of the disk         |
//! | `trace`      | the hash over all events, and their lines                                   |
//! | `platform`   | the engine's traits over all this                                           |
//! | `stock`      | the same traits over stock `turmoil::Sim`, apart from all the above         |
//!
//! Outside the benches, which need it as the yardstick, this folder is the only place that names turmoil.

mod clock;
mod core;
mod cpu;
mod disk;
mod executor;
mod flow;
mod host;
mod latency;
mod link;
mod network;
mod platform;
mod simulation;
pub mod stock;
mod stream;
#[cfg(test)]
mod tests;
mod timer;
mod trace;

pub use clock::{ClockSettings, SimClock, WALL_START_MS};
pub use cpu::CpuSettings;
pub use disk::{DiskFault, DiskFaultId, DiskScope, DiskSettings, FileStatus, PowerLoss, SimDisk};
pub use host::{HostId, HostSettings, HostStatus};
pub use latency::Latency;
pub use link::{Direction, FaultId, LinkTraffic, NetworkSettings, SlowLink};
pub use platform::{SimNetwork, SimPlatform, SimSpawner};
pub use simulation::{Paused, RuntimeSettings, SimHandle, Simulation};
pub use stream::{SimListener, SimStream};
pub use trace::{LineSink, TraceKind};
