//! The story: what happened in the shown run, in numbered sentences.

use super::parts;
use crate::artifact::{Exhibit, Variant};
use crate::format;
use maud::{Markup, html};

/// The story of the run that is shown open.
pub(super) fn section(index: usize, variant: &Variant, exhibit: &Exhibit) -> Markup {
    html! {
        section aria-labelledby="story" {
            h2 id="story" { "What happened: " (parts::variant_name(variant)) ", seed " (exhibit.seed) }
            p.muted { "Shown because it is " (exhibit.why) "." }
            (body(index, exhibit))
        }
    }
}

/// The sentences and the command.
pub(super) fn body(index: usize, exhibit: &Exhibit) -> Markup {
    html! {
        @if exhibit.story.is_empty() { p { "Nothing worth telling happened in this run." } } @else {
            ol.story data-story=(index) {
                @for (number, step) in exhibit.story.iter().enumerate() {
                    li id=(format!("story-{index}-{}", number + 1)) data-at=(step.at_ns) {
                        a.time href=(format!("#timeline-{index}")) { (format::moment(step.at_ns)) } " " (step.text)
                    }
                }
            }
        }
        @if !exhibit.reproduce.is_empty() { (parts::command(&exhibit.reproduce)) }
    }
}
