//! What the benches share: batches, a leader driven by hand, and the steady cluster on both schedulers.
//!
//! Fixtures do the work and count it, so that a bench can assert that it measured something; they never read a
//! clock. Measuring is the benches' business (`benches/*.rs`, with criterion).

pub mod batch;
pub mod leader;
pub mod simulated;
pub mod steady;
pub mod stock;

/// The allocator of the command, so that the figures are those of the command. Both schedulers get it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
