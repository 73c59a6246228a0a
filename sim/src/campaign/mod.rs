//! Campaigns: every variant with every seed, on all cores.
//!
//! One run is one thread and one simulation; runs share nothing. The result is a function of the scenario, the seeds
//! and the binary: whichever thread finishes first, results stand at the place of their seed, figures are added in a
//! way that does not depend on the order, and the run shown in full is chosen by rank and seed. A run leaves only a
//! [`RunSummary`]; of each variant one run, the exhibit, is kept in the form the report shows.
//!
//! A panic inside a run is our own bug: it becomes [`SeedResult::Failed`] and ends no other run. When the stop flag is
//! raised no new run begins, and the result is partial.

mod pool;
mod summary;
mod totals;

use std::sync::atomic::AtomicBool;

use tribunal_reports::artifact::Exhibit;

pub use summary::{ClaimAnswer, FaultFired, Judged, Rank, RunSummary, Seen};
pub use totals::{OutageFound, Totals};

use crate::run::RunOutcome;
use crate::scenario::seeds::SeedSet;
use crate::scenario::{Plan, Scenario};

/// What to run, and with how many threads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignOptions {
    /// The seeds; every variant gets the same.
    pub seeds: SeedSet,
    /// Indexes into [`Scenario::variants`], ascending.
    pub variants: Vec<usize>,
    /// Threads; at least one is used.
    pub jobs: usize,
}

impl CampaignOptions {
    /// All variants with the seeds of the file, on so many threads.
    #[must_use]
    pub fn of(scenario: &Scenario, jobs: usize) -> CampaignOptions {
        CampaignOptions {
            seeds: scenario.run.seeds.clone(),
            variants: (0..scenario.variants.len()).collect(),
            jobs,
        }
    }
}

/// How far a campaign is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Runs that ended.
    pub done: usize,
    /// Runs in all.
    pub total: usize,
    /// Runs in which a promise was broken.
    pub broken: usize,
    /// Virtual time of all ended runs, in nanoseconds.
    pub simulated_ns: u64,
}

/// What came of one seed of one variant.
#[derive(Clone, PartialEq, Debug)]
pub enum SeedResult {
    /// The run ended.
    Finished(Box<RunSummary>),
    /// The run panicked: our own bug.
    Failed(String),
    /// The campaign was stopped before.
    NotRun,
}

impl SeedResult {
    /// The summary of a run that ended.
    #[must_use]
    pub fn summary(&self) -> Option<&RunSummary> {
        match self {
            SeedResult::Finished(summary) => Some(summary),
            SeedResult::Failed(_) | SeedResult::NotRun => None,
        }
    }
}

/// What came of one variant.
#[derive(Clone, PartialEq, Debug)]
pub struct VariantResult {
    /// Index into [`Scenario::variants`].
    pub variant: usize,
    /// One result for each seed, in the order of [`Campaign::seeds`].
    pub seeds: Vec<SeedResult>,
    /// The figures over all seeds.
    pub totals: Totals,
    /// The run to show in full: the first that broke a promise, else the first in which something allowed happened,
    /// else the first.
    pub exhibit: Option<Exhibit>,
}

impl VariantResult {
    /// The summaries of the runs that ended, in the order of the seeds.
    pub fn summaries(&self) -> impl Iterator<Item = &RunSummary> {
        self.seeds.iter().filter_map(SeedResult::summary)
    }
}

/// The result of a campaign.
#[derive(Clone, PartialEq, Debug)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The variants that were run, in the order of the matrix.
    pub variants: Vec<VariantResult>,
    /// Whether it was stopped before the end.
    pub partial: bool,
}

impl Campaign {
    /// Our own bugs: variant, seed, and what the run said.
    pub fn failures(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        self.variants.iter().flat_map(|variant| {
            variant.seeds.iter().zip(&self.seeds).filter_map(|(result, seed)| match result {
                SeedResult::Failed(text) => Some((variant.variant, *seed, text.as_str())),
                SeedResult::Finished(_) | SeedResult::NotRun => None,
            })
        })
    }
}

/// Runs one plan with one seed.
pub type Runner<'a> = dyn Fn(&Plan, u64) -> RunOutcome + Sync + 'a;

/// Runs a campaign. `progress` is called after each run, from the thread that ran it.
#[must_use]
pub fn run(
    scenario: &Scenario,
    options: &CampaignOptions,
    runner: &Runner<'_>,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Campaign {
    pool::run(scenario, options, runner, progress, stop)
}

#[cfg(test)]
mod tests;
