//! The shell: what runs a machine on sockets, disks and clocks.
//!
//! It reads frames, feeds `step`, performs effects. It makes no protocol decision: replacing it (simulation,
//! turmoil, tokio) changes no behaviour. Futures are `!Send`: one machine is one thread, one loop.

pub mod platform;

pub use platform::{Clock, Network, Platform, Spawner};
