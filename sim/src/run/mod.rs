//! One run: a plan and a seed in, everything that happened out.

mod outcome;

pub use outcome::{FaultRecord, RunOutcome};
