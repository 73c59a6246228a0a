//! The threads of a campaign: the only ones in this crate.
//!
//! Threads take the next pair of seed and variant from one counter, all variants of a seed before the next seed, so
//! that a campaign that is stopped has seen every variant about equally often.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a simulation is one thread, but runs share nothing: this module, and no other, runs several at a time"
)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tribunal_reports::artifact::Exhibit;

use super::{
    Campaign, CampaignOptions, Progress, Rank, RunSummary, Runner, SeedResult, Totals, VariantResult, summary,
};
use crate::export;
use crate::scenario::Scenario;

/// What the threads share of one variant.
#[derive(Default)]
struct Gathered {
    totals: Totals,
    /// Rank, place of the seed, and what the report shows.
    exhibit: Option<(Rank, usize, Exhibit)>,
}

struct Shared<'a> {
    scenario: &'a Scenario,
    options: &'a CampaignOptions,
    seeds: Vec<u64>,
    runner: &'a Runner<'a>,
    next: AtomicUsize,
    stop: &'a AtomicBool,
    variants: Vec<Mutex<Gathered>>,
    results: Vec<Mutex<SeedResult>>,
    progress: Mutex<Progress>,
    report: &'a (dyn Fn(Progress) + Sync),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked while it held a lock has left whole values behind: each is replaced in one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn run(
    scenario: &Scenario,
    options: &CampaignOptions,
    runner: &Runner<'_>,
    report: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Campaign {
    let seeds: Vec<u64> = options.seeds.iter().collect();
    let total = seeds.len() * options.variants.len();
    let shared = Shared {
        scenario,
        options,
        seeds,
        runner,
        next: AtomicUsize::new(0),
        stop,
        variants: options.variants.iter().map(|_| Mutex::default()).collect(),
        results: (0..total).map(|_| Mutex::new(SeedResult::NotRun)).collect(),
        progress: Mutex::new(Progress { total, ..Progress::default() }),
        report,
    };
    let jobs = options.jobs.clamp(1, total.max(1));
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            scope.spawn(|| shared.work());
        }
        shared.work();
    });
    shared.finish()
}

impl Shared<'_> {
    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job >= self.results.len() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| self.run_one(job)))
                .unwrap_or_else(|panic| SeedResult::Failed(text_of(&*panic)));
            let summary = result.summary().map(|summary| (summary.rank, summary.simulated_ns));
            *lock(&self.results[job]) = result;
            let progress = {
                let mut progress = lock(&self.progress);
                progress.done += 1;
                if let Some((rank, simulated_ns)) = summary {
                    progress.broken += usize::from(rank == Rank::Broken);
                    progress.simulated_ns += simulated_ns;
                }
                *progress
            };
            (self.report)(progress);
        }
    }

    fn run_one(&self, job: usize) -> SeedResult {
        let (place, slot) = (job / self.options.variants.len(), job % self.options.variants.len());
        let plan = &self.scenario.variants[self.options.variants[slot]];
        let seed = self.seeds[place];
        let outcome = (self.runner)(plan, seed);
        let measured = crate::measure::measure(plan, &outcome);
        let summary: RunSummary = summary::summarise(self.scenario, plan, &outcome, &measured);
        let better = |known: &Option<(Rank, usize, Exhibit)>| {
            known.as_ref().is_none_or(|(rank, known, _)| (summary.rank, place) < (*rank, *known))
        };
        let wanted = better(&lock(&self.variants[slot]).exhibit);
        let exhibit = wanted.then(|| export::exhibit(self.scenario, plan, &outcome, &measured, &summary));
        let mut gathered = lock(&self.variants[slot]);
        gathered.totals.add(place, &measured, &summary);
        if let Some(exhibit) = exhibit
            && better(&gathered.exhibit)
        {
            gathered.exhibit = Some((summary.rank, place, exhibit));
        }
        drop(gathered);
        SeedResult::Finished(Box::new(summary))
    }

    fn finish(self) -> Campaign {
        let width = self.options.variants.len();
        let mut variants: Vec<VariantResult> = self
            .variants
            .into_iter()
            .zip(&self.options.variants)
            .map(|(gathered, variant)| {
                let Gathered { totals, exhibit } =
                    gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
                let exhibit = exhibit.map(|(_, _, exhibit)| exhibit);
                VariantResult { variant: *variant, seeds: Vec::new(), totals, exhibit }
            })
            .collect();
        let mut partial = false;
        for (job, result) in self.results.into_iter().enumerate() {
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            partial |= result == SeedResult::NotRun;
            variants[job % width].seeds.push(result);
        }
        Campaign { seeds: self.seeds, variants, partial }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}
