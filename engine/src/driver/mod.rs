//! The shell: what runs a machine on sockets, disks and clocks.
//!
//! It reads frames, feeds `step`, performs effects. It makes no protocol decision: replacing it (simulation,
//! turmoil, tokio) changes no behaviour. Futures are `!Send`: one machine is one thread, one core loop.
//!
//! [`node::run`] is the loop. Around it, each a task of its own: one per accepted connection (`connection`), one
//! per outgoing conversation (`peer`), one per directory of the disk (`files`). They talk to the loop through its
//! [`mailbox`]. [`boot`] recovers what is on disk and starts a broker or a controller.

pub mod boot;
mod connection;
mod files;
mod mailbox;
mod node;
mod peer;
pub mod platform;
#[cfg(feature = "serve")]
pub mod real;
mod shutdown;

pub use boot::{BootError, start_broker, start_controller};
pub use node::{Node, Observer};
pub use platform::{Clock, Network, Platform, Spawner};
pub use shutdown::ShutdownSignal;
