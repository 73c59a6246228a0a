//! One run: a plan and a seed in, everything that happened out.
//!
//! ```text
//! boot -> load with faults -> heal -> settle (converge, serve a probe, drain) -> final read -> offline comparison
//! ```
//!
//! A run is a function of the program, the plan and the seed. It never judges: checkers find, `promise` judges.

mod outcome;
mod phases;

pub use outcome::{FaultRecord, RunOutcome};

use crate::runtime::LineSink;
use crate::scenario::Plan;

/// How to run.
#[derive(Default)]
pub struct RunOptions {
    /// Takes every line of the trace.
    pub trace: Option<LineSink>,
}

/// Runs `plan` with `seed` to its end.
///
/// # Panics
/// On a bug of ours: an invariant of a machine is broken.
#[must_use]
pub fn run(plan: &Plan, seed: u64, options: RunOptions) -> RunOutcome {
    phases::Run::new(plan, seed, options).play()
}
