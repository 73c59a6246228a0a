//! The table of guarantees: one row each, one column per variant, the worst first.

use super::parts;
use crate::artifact::{Guarantee, GuaranteeVerdict, Outcome, RunArtifact, Variant};
use crate::format;
use maud::{Markup, html};

/// The table.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let mut rows: Vec<(Outcome, &Guarantee)> =
        artifact.guarantees.iter().map(|guarantee| (worst(artifact, guarantee), guarantee)).collect();
    rows.sort_by_key(|(outcome, _)| *outcome);
    let table = html! {
        table.guarantees {
            caption { "Guarantees by variant, broken first, then not tested, allowed, held" }
            thead {
                tr {
                    th scope="col" { "Guarantee" }
                    @for variant in &artifact.variants { th scope="col" { (parts::variant_name(variant)) } }
                }
            }
            tbody {
                @for (_, guarantee) in &rows {
                    tr id=(format!("guarantee-{}", guarantee.id)) {
                        th scope="row" { (guarantee.title) br; code.small { (guarantee.id) } }
                        @for variant in &artifact.variants { td { (cell(verdict_of(variant, guarantee), variant)) } }
                    }
                    tr.more { td colspan=(artifact.variants.len() + 1) { (details(artifact, guarantee)) } }
                }
            }
        }
    };
    html! {
        section aria-labelledby="guarantees" {
            h2 id="guarantees" { "Guarantees" }
            p.muted {
                "“Allowed” means that it happened and a setting permits it; “not tested” means that nothing was "
                "seen that could have broken it."
            }
            @if rows.is_empty() { p { "The run judged no guarantee." } }
            @else { (parts::scroll("Guarantees by variant", &table)) }
        }
    }
}

fn verdict_of<'a>(variant: &'a Variant, guarantee: &Guarantee) -> Option<&'a GuaranteeVerdict> {
    variant.verdicts.iter().find(|verdict| verdict.guarantee == guarantee.id)
}

/// The worst outcome over the variants. A variant without a verdict did not test it.
fn worst(artifact: &RunArtifact, guarantee: &Guarantee) -> Outcome {
    artifact
        .variants
        .iter()
        .map(|variant| verdict_of(variant, guarantee).map_or(Outcome::NotTested, |verdict| verdict.outcome))
        .min()
        .unwrap_or(Outcome::NotTested)
}

/// Outcome and its number.
fn cell(verdict: Option<&GuaranteeVerdict>, variant: &Variant) -> Markup {
    let Some(verdict) = verdict else { return parts::outcome(Outcome::NotTested) };
    html! {
        (parts::outcome(verdict.outcome))
        p.small {
            @match verdict.outcome {
                Outcome::Broken | Outcome::Allowed => {
                    (format::count(verdict.seeds_affected)) " of " (format::plural(variant.seeds, "seed"))
                    ", " (format::plural(verdict.occurrences, "time"))
                    @if let Some(setting) = &verdict.allowed_by { br; "by " code { (setting) } }
                }
                Outcome::Held => { (format::count(verdict.checked)) " checked" }
                Outcome::NotTested => { "nothing observed" }
            }
        }
    }
}

/// Definition, what was checked, and examples.
fn details(artifact: &RunArtifact, guarantee: &Guarantee) -> Markup {
    html! {
        details {
            summary { "What it means, what was checked, examples" }
            p { (guarantee.definition) }
            p { strong { "Checked: " } (guarantee.how_checked) }
            @for variant in &artifact.variants {
                @if let Some(verdict) = verdict_of(variant, guarantee) { (per_variant(variant, verdict)) }
            }
            @if !guarantee.also_known_as.is_empty() {
                p.small { "Also known as: " (guarantee.also_known_as) }
            }
        }
    }
}

fn per_variant(variant: &Variant, verdict: &GuaranteeVerdict) -> Markup {
    html! {
        h3 { (parts::variant_name(variant)) ": " (parts::outcome(verdict.outcome)) }
        p {
            (verdict.explanation) " "
            @if verdict.checked > 0 { (format::count(verdict.checked)) " " (verdict.checked_what) " checked." }
            @if verdict.outcome == Outcome::Held {
                " No case in " (format::plural(variant.seeds, "seed")) ": the rate is "
                (format::rule_of_three(variant.seeds)) " (95 % confidence)."
            }
            @if let Some(seed) = verdict.first_seed {
                " First in seed " (seed)
                @if let Some(at) = verdict.first_at_ns { " at " (format::moment(at)) }
                "."
            }
        }
        @if !verdict.examples.is_empty() {
            ul { @for example in &verdict.examples { li { (example) } } }
            @let shown = verdict.examples.len() as u64;
            @if verdict.occurrences > shown {
                p.small { (shown) " of " (format::count(verdict.occurrences)) " shown; all are in the artifact's run." }
            }
        }
    }
}
