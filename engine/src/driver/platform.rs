//! The four small traits a platform implements, and [`Platform`], which bundles them.
//!
//! Everything is single-threaded and `!Send`. A platform hands out cheap clones of itself.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::id::Endpoint;
use crate::storage::Disk;
use crate::time::{Duration, Instant, Now};
use crate::wire::{Part, Parts};

/// Sockets.
pub trait Network: Clone + 'static {
    /// A listening socket.
    type Listener: 'static;
    /// A connected socket.
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Whether answers are sent in parts ([`Network::send_parts`]), so that records need not be copied together. Not
    /// so in a simulation: there each slice would travel on its own. Where it is not so, the disk hands out no
    /// ranges of files.
    const GATHERS: bool = false;

    /// Listens on `endpoint`.
    ///
    /// # Errors
    /// The port is taken or the address is not ours.
    fn bind(&self, endpoint: &Endpoint) -> impl Future<Output = io::Result<Self::Listener>>;

    /// The next connection.
    ///
    /// # Errors
    /// The listener is broken.
    fn accept(&self, listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Connects to `endpoint`. May take for ever: callers bring their own timeout.
    ///
    /// # Errors
    /// Refused or unreachable.
    fn connect(&self, endpoint: &Endpoint) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Sends an answer, part by part.
    ///
    /// # Errors
    /// The connection is over, or a file did not yield what was promised: then the answer is cut short and the
    /// connection of no use any more. `Unsupported` for a file, unless the network can.
    fn send_parts(stream: &mut Self::Stream, mut parts: Parts) -> impl Future<Output = io::Result<()>> {
        async move {
            while let Some(part) = parts.next_part() {
                match part {
                    Part::Memory(mut slices) => stream.write_all_buf(&mut slices).await?,
                    Part::File(_) => return Err(io::ErrorKind::Unsupported.into()),
                }
            }
            Ok(())
        }
    }
}

/// Time, and the processor that work takes its time on.
pub trait Clock: Clone + 'static {
    /// Samples both clocks.
    fn now(&self) -> Now;

    /// Ends at `deadline`, or at once if it has passed.
    fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + 'static;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + 'static {
        self.sleep_until(self.now().mono.after(duration))
    }

    /// Ends when the processor has done the work of one request of `bytes` bytes. Real platforms return at once:
    /// there the work itself takes the time. A simulation charges its cost model and queues.
    fn work(&self, bytes: usize) -> impl Future<Output = ()>;
}

/// Tasks.
pub trait Spawner: Clone + 'static {
    /// Runs `task` beside the others. `name` is for traces.
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static);
}

/// The four together.
pub trait Platform: Clone + 'static {
    /// Its sockets.
    type Network: Network;
    /// Its disk.
    type Disk: Disk;
    /// Its clocks.
    type Clock: Clock;
    /// Its tasks.
    type Spawner: Spawner;

    /// Its sockets.
    fn network(&self) -> &Self::Network;
    /// Its disk.
    fn disk(&self) -> &Self::Disk;
    /// Its clocks.
    fn clock(&self) -> &Self::Clock;
    /// Its tasks.
    fn spawner(&self) -> &Self::Spawner;
}
