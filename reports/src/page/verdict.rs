//! The verdict bar, and what to do next.

use super::parts;
use crate::artifact::{Expectation, ExpectationStatus, RunArtifact};
use crate::headline::Headline;
use maud::{Markup, html};

/// What came out, why, and whether it was expected.
pub(super) fn section(artifact: &RunArtifact, headline: &Headline) -> Markup {
    html! {
        section.verdict.(parts::class(headline.outcome)) aria-labelledby="verdict" {
            h2 id="verdict" { span.glyph aria-hidden="true" { (headline.glyph) } " " (headline.word) }
            p.lead { (headline.sentence) }
            @if !headline.cause.is_empty() { p { (headline.cause) } }
            @if !headline.also.is_empty() { p { (headline.also) } }
            p.expected { (headline.expected) }
            @if artifact.run.partial {
                p.partial { strong { "Partial: " } "the run was interrupted and covers only part of the seeds." }
            }
        }
    }
}

/// The command that shows it again, and how the expectations came out.
pub(super) fn next_steps(artifact: &RunArtifact) -> Markup {
    html! {
        section.next aria-labelledby="next" {
            h2 id="next" { "Do this next" }
            @if !artifact.run.reproduce.is_empty() {
                p { "Run the case on this page again:" }
                (parts::command(&artifact.run.reproduce))
            }
            (expectations(artifact))
            (not_tested(artifact))
            (warnings(artifact))
        }
    }
}

fn expectations(artifact: &RunArtifact) -> Markup {
    let mut sorted: Vec<&Expectation> = artifact.expectations.iter().collect();
    sorted.sort_by_key(|expectation| match expectation.status {
        ExpectationStatus::NotMet => 0,
        ExpectationStatus::Inconclusive => 1,
        ExpectationStatus::Met => 2,
    });
    let table = html! {
        table {
            caption { "What the scenario expected; decides the exit code" }
            thead { tr { th scope="col" { "Result" } th scope="col" { "Expectation" } th scope="col" { "On" }
                th.number scope="col" { "Measured" } th.number scope="col" { "Line" } } }
            tbody {
                @for expectation in sorted {
                    tr {
                        td { (status(expectation.status)) }
                        th scope="row" { code { (expectation.text) } p.small { (expectation.sentence) } }
                        td { @if expectation.on.is_empty() { "all" } @else { (expectation.on.join(", ")) } }
                        td.number { (expectation.measured.as_deref().unwrap_or("–")) }
                        td.number { (parts::line_link(artifact, expectation.line)) }
                    }
                }
            }
        }
    };
    html! {
        @if !artifact.expectations.is_empty() { (parts::scroll("Expectations", &table)) }
    }
}

fn status(status: ExpectationStatus) -> Markup {
    let (class, glyph, word) = match status {
        ExpectationStatus::Met => ("held", "✔", "met"),
        ExpectationStatus::NotMet => ("broken", "✖", "not met"),
        ExpectationStatus::Inconclusive => ("not-tested", "?", "inconclusive"),
    };
    html! { span class=(format!("outcome {class}")) { span.glyph aria-hidden="true" { (glyph) } " " (word) } }
}

fn not_tested(artifact: &RunArtifact) -> Markup {
    html! {
        @if !artifact.not_tested.is_empty() {
            h3 { "Not tested" }
            ul.plain {
                @for item in &artifact.not_tested {
                    li { span.outcome.not-tested { span.glyph aria-hidden="true" { "?" } " " (item.what) } ": "
                        (item.reason) }
                }
            }
        }
    }
}

fn warnings(artifact: &RunArtifact) -> Markup {
    html! {
        @if !artifact.warnings.is_empty() {
            h3 { "Advice" }
            ul.plain {
                @for warning in &artifact.warnings {
                    li {
                        span.warning { "! " code { (warning.code) } } " " (warning.text)
                        @if let Some(line) = warning.line { " line " (parts::line_link(artifact, line)) }
                    }
                }
            }
        }
    }
}
