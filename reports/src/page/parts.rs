//! Small pieces that every section uses.

use crate::artifact::{Outcome, RunArtifact, Variant};
use maud::{Markup, html};

/// Glyph and word of an outcome: never colour alone.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    html! {
        span class=(format!("outcome {}", class(outcome))) {
            span.glyph aria-hidden="true" { (outcome.glyph()) } " " (outcome.word())
        }
    }
}

/// The CSS class of an outcome.
pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Broken => "broken",
        Outcome::NotTested => "not-tested",
        Outcome::Allowed => "allowed",
        Outcome::Held => "held",
    }
}

/// The label of a variant; a run without a matrix has one without a name.
pub(super) fn variant_name(variant: &Variant) -> &str {
    if variant.label.is_empty() { "the only variant" } else { &variant.label }
}

/// The number of a line of the scenario, linked if the page shows that line.
pub(super) fn line_link(artifact: &RunArtifact, line: u32) -> Markup {
    let shown = line > 0 && artifact.scenario.source.lines().nth(line as usize - 1).is_some();
    html! { @if shown { a href=(format!("#line-{line}")) { (line) } } @else { (line) } }
}

/// A box that scrolls sideways by itself, so that the page never does. Reachable with the keyboard.
pub(super) fn scroll(label: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="group" aria-label=(label) { (content) } }
}

/// A command with a button that copies it. The button appears only when the script runs.
pub(super) fn command(text: &str) -> Markup {
    html! {
        div.command {
            code { (text) }
            button.copy type="button" hidden data-copy=(text) { "Copy" }
        }
    }
}

/// A chart that stands alone: what it shows, what it says this time, the drawing, the numbers, how to read it.
pub(super) struct Figure<'a> {
    /// Heading.
    pub(super) title: &'a str,
    /// What it shows.
    pub(super) shows: &'a str,
    /// What it says this time.
    pub(super) says: &'a str,
    /// How to read it.
    pub(super) reading: &'a str,
    /// The drawing.
    pub(super) drawing: Markup,
    /// The numbers behind it, if a table of them helps.
    pub(super) table: Option<Markup>,
}

impl Figure<'_> {
    /// The figure in a scrolling box.
    pub(super) fn markup(&self) -> Markup {
        html! {
            figure {
                (self.caption())
                (scroll(self.title, &self.drawing))
                (self.notes())
            }
        }
    }

    /// The figure as a panel of a block that scrolls as a whole.
    pub(super) fn panel(&self) -> Markup {
        html! { figure.panel { (self.caption()) (self.drawing) (self.notes()) } }
    }

    fn caption(&self) -> Markup {
        html! {
            figcaption {
                h3 { (self.title) }
                p.shows { (self.shows) }
                p.says { (self.says) }
            }
        }
    }

    fn notes(&self) -> Markup {
        html! {
            div.notes {
                @if let Some(table) = &self.table {
                    details { summary { "Show as table" } (scroll(&format!("{}: table", self.title), table)) }
                }
                details { summary { "How to read this" } p { (self.reading) } }
            }
        }
    }
}

/// The hatchings of the drawings, shared by all of them.
pub(super) fn patterns() -> Markup {
    html! {
        svg.patterns width="0" height="0" aria-hidden="true" focusable="false" {
            title { "Hatchings" }
            desc { "Definitions of the hatchings that the drawings use. Nothing to see." }
            defs {
                (pattern("hatch-crash", "M-2 2l4-4M0 8l8-8M6 10l4-4"))
                (pattern("hatch-network", "M0 0l8 8M0 8l8-8"))
                (pattern("hatch-disk", "M0 2h3M4 6h3"))
                (pattern("hatch-pause", "M2 0v8M6 0v8"))
                (pattern("hatch-other", "M0 4h8"))
            }
        }
    }
}

fn pattern(id: &str, path: &str) -> Markup {
    html! {
        pattern id=(id) width="8" height="8" patternUnits="userSpaceOnUse" { path.hatch d=(path) {} }
    }
}
