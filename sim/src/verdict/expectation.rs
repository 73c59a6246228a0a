//! Expectations, judged over variants and seeds.
//!
//! - `holds G`: no seed violates it, allowed or not, and some seed tested it. Not tested is not met.
//! - `breaks G in some|every seed`: it is violated, allowed or not. A lesson must stay true.
//! - `may break G`: met either way.
//! - `happens E`: true at the end of one seed at least. False everywhere is not met, not known anywhere is
//!   inconclusive.
//! - a condition: true at the end of every seed that can say; the seed with the worst value is named. If no seed can
//!   say, it is inconclusive.
//!
//! An expectation is about each of its variants: the worst answer counts. A promise that broke and of which no
//! expectation speaks is an expectation not met, too: Kafka's promises are expected without saying so.

use tribunal_reports::artifact::{Expectation as Judgement, ExpectationStatus, Outcome};
use tribunal_reports::format;

use super::condition::{conditional, happens};
use super::untested::spoken_of;
use super::{guarantees, outcome_of, with};
use crate::campaign::{Campaign, VariantResult};
use crate::scenario::expect::{Claim, Expectation, Seeds};
use crate::scenario::expr::Value;
use crate::scenario::{Guarantee, Scenario};

/// The answer of one variant.
pub(super) struct Answer {
    pub(super) status: ExpectationStatus,
    pub(super) sentence: String,
    pub(super) measured: Option<String>,
    /// The value that decides, and whether a larger one is worse.
    pub(super) worst: Option<(Value, bool)>,
}

/// Judges every expectation of the scenario, in the order of the file, and the promises nobody spoke of.
#[must_use]
pub fn expectations(scenario: &Scenario, campaign: &Campaign) -> Vec<Judgement> {
    let stated = scenario.expectations.iter().enumerate();
    let mut judged: Vec<Judgement> = stated
        .filter_map(|(index, expectation)| stated_one(scenario, campaign, index, expectation))
        .collect();
    judged.extend(campaign.variants.iter().flat_map(|result| unspoken(scenario, result)));
    judged
}

fn stated_one(
    scenario: &Scenario,
    campaign: &Campaign,
    index: usize,
    expectation: &Expectation,
) -> Option<Judgement> {
    let about = campaign
        .variants
        .iter()
        .filter(|result| scenario.variants[result.variant].expectations.contains(&index));
    let answers = about.map(|result| {
        let label = &scenario.variants[result.variant].label;
        (label, answer(label, index, expectation, result))
    });
    let answers: Vec<(&String, Answer)> = answers.collect();
    let on = if expectation.on.is_empty() {
        Vec::new()
    } else {
        answers.iter().map(|(label, _)| (*label).clone()).collect()
    };
    // Only some variants were run: the expectation may be about none of them.
    let (_, decisive) =
        answers.into_iter().reduce(|best, next| if worse(&next.1, &best.1) { next } else { best })?;
    Some(Judgement {
        text: expectation.text.clone(),
        line: u32::try_from(expectation.line).unwrap_or(u32::MAX),
        on,
        status: decisive.status,
        measured: decisive.measured,
        sentence: decisive.sentence,
    })
}

fn worse(next: &Answer, best: &Answer) -> bool {
    let weight = |status| match status {
        ExpectationStatus::NotMet => 0,
        ExpectationStatus::Inconclusive => 1,
        ExpectationStatus::Met => 2,
    };
    if next.status != best.status {
        return weight(next.status) < weight(best.status);
    }
    match (next.worst, best.worst) {
        (Some((next, larger_is_worse)), Some((best, _))) => {
            if larger_is_worse {
                next > best
            } else {
                next < best
            }
        }
        _ => false,
    }
}

fn answer(label: &str, index: usize, expectation: &Expectation, result: &VariantResult) -> Answer {
    match &expectation.claim {
        Claim::Holds(guarantee) => holds(label, *guarantee, result),
        Claim::Breaks { guarantee, seeds } => breaks(label, *guarantee, *seeds, result),
        Claim::MayBreak(guarantee) => {
            let tally = tally(*guarantee, result);
            let status = ExpectationStatus::Met;
            let sentence =
                format!("{} broke{} in {}.", guarantee, with(label), tally.in_seeds(tally.violated));
            Answer { status, sentence, measured: Some(tally.share()), worst: None }
        }
        Claim::Happens(condition) => happens(label, index, condition, result),
        Claim::Condition(condition) => conditional(label, index, condition, result),
    }
}

/// How a guarantee fared over the seeds.
struct Tally {
    seeds: u64,
    tested: u64,
    violated: u64,
    first: Option<u64>,
    reason: String,
}

impl Tally {
    fn in_seeds(&self, count: u64) -> String {
        format!("{} of {}", format::count(count), format::plural(self.seeds, "seed"))
    }

    fn share(&self) -> String {
        self.in_seeds(self.violated)
    }
}

fn tally(guarantee: Guarantee, result: &VariantResult) -> Tally {
    let mut tally = Tally { seeds: 0, tested: 0, violated: 0, first: None, reason: String::new() };
    for summary in result.summaries() {
        tally.seeds += 1;
        let Some(judged) = summary.judged(guarantee) else { continue };
        match outcome_of(&judged.verdict) {
            Outcome::Broken | Outcome::Allowed => {
                tally.tested += 1;
                tally.violated += 1;
                tally.first = tally.first.or(Some(summary.seed));
            }
            Outcome::Held => tally.tested += 1,
            Outcome::NotTested => {
                if let crate::promise::Verdict::NotTested { reason } = &judged.verdict {
                    tally.reason.clone_from(reason);
                }
            }
        }
    }
    tally
}

fn holds(label: &str, guarantee: Guarantee, result: &VariantResult) -> Answer {
    let tally = tally(guarantee, result);
    let (status, sentence) = match (tally.first, tally.tested) {
        (Some(first), _) => (
            ExpectationStatus::NotMet,
            format!("{guarantee} did not hold{} in {}, first in seed {first}.", with(label), tally.share()),
        ),
        (None, 0) => (
            ExpectationStatus::NotMet,
            format!("{guarantee} was not tested{}: {}.", with(label), trimmed(&tally.reason)),
        ),
        (None, tested) => (
            ExpectationStatus::Met,
            format!("{guarantee} held{} in {}.", with(label), tally.in_seeds(tested)),
        ),
    };
    Answer { status, sentence, measured: Some(tally.share()), worst: None }
}

fn breaks(label: &str, guarantee: Guarantee, seeds: Seeds, result: &VariantResult) -> Answer {
    let tally = tally(guarantee, result);
    let enough = match seeds {
        Seeds::Some => tally.violated > 0,
        Seeds::Every => tally.seeds > 0 && tally.violated == tally.seeds,
    };
    let status = if enough { ExpectationStatus::Met } else { ExpectationStatus::NotMet };
    let sentence = match (tally.first, tally.tested) {
        (Some(first), _) => {
            format!("{guarantee} broke{} in {}, first in seed {first}.", with(label), tally.share())
        }
        (None, 0) => format!("{guarantee} was not tested{}: {}.", with(label), trimmed(&tally.reason)),
        (None, tested) => {
            format!("{guarantee} held{} in {}, expected to break.", with(label), tally.in_seeds(tested))
        }
    };
    Answer { status, sentence, measured: Some(tally.share()), worst: None }
}

fn trimmed(reason: &str) -> &str {
    let reason = reason.trim_end_matches('.');
    if reason.is_empty() { "no run finished" } else { reason }
}

/// The promises of a variant that broke without an expectation that speaks of them.
fn unspoken(scenario: &Scenario, result: &VariantResult) -> Vec<Judgement> {
    let label = &scenario.variants[result.variant].label;
    let broken = guarantees(result).into_iter().filter(|verdict| verdict.outcome == Outcome::Broken);
    broken
        .filter_map(|verdict| {
            let guarantee = Guarantee::named(&verdict.guarantee)?;
            if spoken_of(scenario, result.variant, guarantee) {
                return None;
            }
            let tally = tally(guarantee, result);
            let first = tally.first.map_or_else(String::new, |seed| format!(", first in seed {seed}"));
            Some(Judgement {
                text: format!("holds {guarantee} (promised by the settings)"),
                line: 0,
                on: if label.is_empty() { Vec::new() } else { vec![label.clone()] },
                status: ExpectationStatus::NotMet,
                measured: Some(tally.share()),
                sentence: format!(
                    "{guarantee} is promised and broke{} in {}{first}.",
                    with(label),
                    tally.share()
                ),
            })
        })
        .collect()
}
