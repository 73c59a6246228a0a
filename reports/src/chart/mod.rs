//! The drawings: one module per kind, all on the same shell and, over time, on the same scale.
//!
//! plotters draws what is a curve over two axes; rectangles and text are written by hand, because they need
//! classes, patterns and an exact common scale. No drawing measures text with a font of the machine.

mod grid;
mod heat;
mod ladder;
mod lanes;
mod latency;
mod log_scale;
mod outcome;
mod owners;
mod percentile;
mod plot;
mod step;
mod svg;
mod time_scale;

pub(crate) use grid::offset_grid;
pub(crate) use heat::heat_map;
pub(crate) use ladder::{RUNGS_MAX, ladder};
pub(crate) use lanes::{broker_lanes, fault_band};
pub(crate) use latency::{latency, latency_multiples, sentence as latency_sentence};
pub(crate) use outcome::outcomes;
pub(crate) use owners::{OWNER_LANES_MAX, owner_lanes};
pub(crate) use percentile::{percentiles, percentiles_sentence};
pub(crate) use step::{isr, lag_age, lag_records};

use crate::artifact::{Exhibit, FaultBand};
use time_scale::TimeScale;

/// What every panel over time of one run shares.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Position of the variant; makes ids unique on the page.
    index: usize,
    /// The run.
    exhibit: &'a Exhibit,
    /// The common scale.
    scale: TimeScale,
}

impl<'a> Run<'a> {
    /// The panels of that run.
    pub(crate) fn new(index: usize, exhibit: &'a Exhibit) -> Self {
        Run { index, exhibit, scale: TimeScale::new(0, exhibit.duration_ns) }
    }

    /// An id for a panel of this run.
    fn id(&self, name: &str) -> String {
        format!("run-{}-{name}", self.index)
    }

    /// The faults behind every panel.
    fn faults(&self) -> &'a [FaultBand] {
        &self.exhibit.faults
    }
}
