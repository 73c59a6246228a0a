//! The scenario as the run read it, with what took effect in the margin.

use super::parts;
use crate::artifact::{RunArtifact, SourceMark};
use crate::format;
use maud::{Markup, html};

/// The text, line by line, and how often the interesting things happened.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let scenario = &artifact.scenario;
    let listing = html! {
        table.source {
            caption { code { (scenario.file) } }
            thead { tr {
                th scope="col" { "Line" } th scope="col" { "Fired" } th scope="col" { "Text" }
            } }
            tbody {
                @for (index, line) in scenario.source.lines().enumerate() {
                    @let number = index + 1;
                    tr id=(format!("line-{number}")) {
                        td.number { (number) }
                        td.mark { @for mark in marks_of(&scenario.marks, number) { (fired(mark)) } }
                        td { code { (line) } }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="source" {
            h2 id="source" { "Scenario" }
            (parts::scroll("Scenario source", &listing))
            (coverage(artifact))
        }
    }
}

fn marks_of(marks: &[SourceMark], line: usize) -> impl Iterator<Item = &SourceMark> {
    marks.iter().filter(move |mark| usize::try_from(mark.line) == Ok(line))
}

fn fired(mark: &SourceMark) -> Markup {
    html! {
        @if mark.fired > 0 {
            span.outcome.held title=(mark.what) { "✔ ×" (format::count(mark.fired)) }
        } @else {
            span.outcome.not-tested title=(mark.what) { "? never" }
        }
    }
}

fn coverage(artifact: &RunArtifact) -> Markup {
    let table = html! {
        table {
            caption { "Did the interesting things happen? Over all variants and seeds" }
            thead { tr { th scope="col" { "What" } th.number scope="col" { "Times" } th.number scope="col" { "Seeds" } } }
            tbody {
                @for entry in &artifact.coverage {
                    tr {
                        th scope="row" { (entry.what) }
                        td.number {
                            @if entry.count == 0 { span.outcome.not-tested { "? never" } }
                            @else { (format::count(entry.count)) }
                        }
                        td.number { (format::count(entry.seeds)) }
                    }
                }
            }
        }
    };
    html! { @if !artifact.coverage.is_empty() { (parts::scroll("Coverage", &table)) } }
}
