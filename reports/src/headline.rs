//! The first sentences: what came out, why, and whether it was expected. Page and terminal share them.
//!
//! The headline follows guarantees; whether they were expected to hold is a sentence of its own.

use crate::artifact::{ExpectationStatus, GuaranteeVerdict, Outcome, RunArtifact, Variant};
use crate::format;

/// The guarantee people ask about first; it leads the headline when several are affected alike.
const FIRST_QUESTION: &str = "no-acked-record-lost";

/// What the run says in three sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// The outcome that decides colour and glyph.
    pub outcome: Outcome,
    /// One character: `✖`, `○`, `✔`, `?`.
    pub glyph: &'static str,
    /// `BROKEN`, `ALLOWED`, `HELD` or `NOT TESTED`.
    pub word: &'static str,
    /// With a number and a subject.
    pub sentence: String,
    /// The cause in plain words; empty if there is nothing to explain.
    pub cause: String,
    /// What a setting allowed beside what is broken; empty if nothing.
    pub also: String,
    /// Whether the scenario expected it.
    pub expected: String,
    /// False if an expectation is not met or undecided.
    pub as_expected: bool,
}

/// The headline of a run.
///
/// Broken leads; then what a setting allowed; then held. A run that tested nothing says so. What is not tested
/// beside something that held is part of the sentence, never silent.
#[must_use]
pub fn headline(artifact: &RunArtifact) -> Headline {
    let leading = [Outcome::Broken, Outcome::Allowed]
        .into_iter()
        .find_map(|outcome| leading_verdict(artifact, outcome).map(|found| (outcome, found)));
    let (outcome, sentence, cause) = match leading {
        Some((outcome, (variant, verdict))) => {
            (outcome, happened(artifact, variant, verdict), verdict.explanation.clone())
        }
        None => nothing_happened(artifact),
    };
    let also = match outcome {
        Outcome::Broken => leading_verdict(artifact, Outcome::Allowed)
            .map(|(variant, verdict)| format!("Also: {}", happened(artifact, variant, verdict)))
            .unwrap_or_default(),
        _ => String::new(),
    };
    let (expected, as_expected) = expected(artifact);
    let word = match outcome {
        Outcome::Broken => "BROKEN",
        Outcome::Allowed => "ALLOWED",
        Outcome::Held => "HELD",
        Outcome::NotTested => "NOT TESTED",
    };
    Headline { outcome, glyph: outcome.glyph(), word, sentence, cause, also, expected, as_expected }
}

/// The verdict of that outcome with the most affected seeds; losses before anything else.
fn leading_verdict(artifact: &RunArtifact, outcome: Outcome) -> Option<(&Variant, &GuaranteeVerdict)> {
    let mut best: Option<(&Variant, &GuaranteeVerdict)> = None;
    for variant in &artifact.variants {
        for verdict in variant.verdicts.iter().filter(|verdict| verdict.outcome == outcome) {
            let rank = |verdict: &GuaranteeVerdict| {
                (verdict.guarantee == FIRST_QUESTION, verdict.seeds_affected, verdict.occurrences)
            };
            if best.is_none_or(|(_, leader)| rank(verdict) > rank(leader)) {
                best = Some((variant, verdict));
            }
        }
    }
    best
}

/// "412 acknowledged records were lost with acks=1, in 12 of 40 seeds."
fn happened(artifact: &RunArtifact, variant: &Variant, verdict: &GuaranteeVerdict) -> String {
    let with = if variant.label.is_empty() { String::new() } else { format!(" with {}", variant.label) };
    let seeds =
        format!("in {} of {}", format::count(verdict.seeds_affected), format::plural(variant.seeds, "seed"));
    let allowed = match (&verdict.allowed_by, verdict.outcome) {
        (Some(setting), Outcome::Allowed) => format!("; {setting} allows it"),
        _ => String::new(),
    };
    if verdict.guarantee == FIRST_QUESTION {
        let were = if verdict.occurrences == 1 { "was" } else { "were" };
        let records = format::plural(verdict.occurrences, "acknowledged record");
        return format!("{records} {were} lost{with}, {seeds}{allowed}.");
    }
    let title =
        artifact.guarantee(&verdict.guarantee).map_or(verdict.guarantee.as_str(), |found| &found.title);
    let times = format::plural(verdict.occurrences, "time");
    let did = if verdict.outcome == Outcome::Broken { "was broken" } else { "did not hold" };
    format!("“{title}” {did} {times}{with}, {seeds}{allowed}.")
}

/// The sentence of a run in which nothing went wrong, or in which nothing was seen.
fn nothing_happened(artifact: &RunArtifact) -> (Outcome, String, String) {
    let verdicts = || artifact.variants.iter().flat_map(|variant| &variant.verdicts);
    let held = verdicts().filter(|verdict| verdict.outcome == Outcome::Held).count() as u64;
    let not_tested = verdicts().filter(|verdict| verdict.outcome == Outcome::NotTested).count() as u64;
    if held == 0 {
        let why = artifact.not_tested.first().map_or_else(
            || "Nothing was observed that could have broken a guarantee.".to_owned(),
            |first| sentence(&format!("{}: {}", first.what, first.reason)),
        );
        return (Outcome::NotTested, "No guarantee was tested: this run proves nothing.".to_owned(), why);
    }
    let seeds = format::total(artifact.variants.iter().map(|variant| variant.seeds));
    let acked = format::total(artifact.variants.iter().map(|variant| variant.figures.acked));
    let records = format::plural(acked, "acknowledged record");
    let mut text =
        format!("Every guarantee that was tested held for {records} in {}", format::plural(seeds, "run"));
    if not_tested > 0 {
        text.push_str(&format!("; {} of {} were not tested", not_tested, held + not_tested));
    }
    text.push('.');
    let bound = artifact.variants.iter().map(|variant| variant.seeds).min().unwrap_or(0);
    let cause = format!(
        "With no case in {}, the rate is below {} at 95 % confidence for each variant.",
        format::plural(bound, "seed"),
        format::rule_of_three(bound).trim_start_matches(['<', format::THIN_SPACE])
    );
    (Outcome::Held, text, cause)
}

/// The second question.
fn expected(artifact: &RunArtifact) -> (String, bool) {
    let all = artifact.expectations.len();
    if all == 0 {
        return ("The scenario states no expectation of its own.".to_owned(), true);
    }
    let of = |status| artifact.expectations.iter().filter(move |expectation| expectation.status == status);
    let missed = of(ExpectationStatus::NotMet).count();
    let undecided = of(ExpectationStatus::Inconclusive).count();
    if let Some(first) = of(ExpectationStatus::NotMet).next() {
        let rest = if undecided == 0 { String::new() } else { format!(", {undecided} inconclusive") };
        return (
            format!("Unexpected: {missed} of {all} expectations not met{rest}. {}", first.sentence),
            false,
        );
    }
    if let Some(first) = of(ExpectationStatus::Inconclusive).next() {
        return (
            format!("Undecided: {undecided} of {all} expectations inconclusive. {}", first.sentence),
            false,
        );
    }
    let which = if all == 1 { "the expectation".to_owned() } else { format!("all {all} expectations") };
    let are = if all == 1 { "is" } else { "are" };
    (format!("As expected: {which} of the scenario {are} met."), true)
}

/// A fragment with a capital first letter and a full stop.
fn sentence(fragment: &str) -> String {
    let mut characters = fragment.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = characters.as_str();
    let stop = if rest.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{rest}{stop}")
}

/// What safety costs here: the safest variant against the fastest one that lost records. `None` if no variant
/// lost a record, or all did, or one of them measured nothing.
#[must_use]
pub fn price_line(artifact: &RunArtifact) -> Option<String> {
    let measured = || artifact.variants.iter().filter(|variant| variant.figures.latency.all.samples > 0);
    let p50 = |variant: &&Variant| variant.figures.latency.all.p50_ns;
    let safe = measured().filter(|variant| variant.figures.lost == 0).min_by_key(p50)?;
    // The dearest of the unsafe ones is the neighbour: the step a reader thinks about taking.
    let unsafe_one = measured().filter(|variant| variant.figures.lost > 0).max_by_key(p50)?;
    let (dear, cheap) = (&safe.figures.latency.outside_faults, &unsafe_one.figures.latency.outside_faults);
    let (dear, cheap) = if dear.samples > 0 && cheap.samples > 0 {
        (dear, cheap)
    } else {
        (&safe.figures.latency.all, &unsafe_one.figures.latency.all)
    };
    Some(format!(
        "{} costs {} at p50 and {} at p99 against {} here (outside faults); it lost nothing, {} lost {}.",
        safe.label,
        format::difference(dear.p50_ns, cheap.p50_ns),
        format::difference(dear.p99_ns, cheap.p99_ns),
        unsafe_one.label,
        unsafe_one.label,
        format::plural(unsafe_one.figures.lost, "acknowledged record"),
    ))
}
