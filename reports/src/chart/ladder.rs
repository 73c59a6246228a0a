//! How one record was lost, as a ladder: one column per actor, one rung per step, time downwards.

use super::svg::{Drawing, TOP, clip, num, text_width};
use super::time_scale::WIDTH;
use crate::artifact::{ChainStep, LossChain, StepKind};
use crate::format;
use maud::{Markup, html};

/// Rungs of a ladder; a longer chain is cut, and the page says so.
pub(crate) const RUNGS_MAX: usize = 40;

const HEADER: u32 = 34;
const ROW: u32 = 40;
/// Room for number and time before the first column.
const MARGIN: f64 = 150.0;

/// The ladder of a chain.
pub(crate) fn ladder(id: &str, chain: &LossChain) -> Markup {
    let steps = &chain.steps[..chain.steps.len().min(RUNGS_MAX)];
    let actors = actors(steps);
    let rows = u32::try_from(steps.len()).unwrap_or(0);
    let height = TOP + HEADER + rows * ROW + 12;
    let column = |actor: &str| {
        let index = actors.iter().position(|name| *name == actor).unwrap_or(0);
        let room = (f64::from(WIDTH) - MARGIN - 90.0) / (actors.len().max(2) - 1) as f64;
        MARGIN + index as f64 * room.min(240.0)
    };
    let content = html! {
        @for actor in &actors {
            @let x = column(actor);
            text x=(num(x)) y=(TOP + 14) text-anchor="middle" { (clip(actor, 22)) }
            path.lifeline d=(format!("M{} {}V{}", num(x), TOP + HEADER - 12, height - 6)) {}
        }
        @for (index, step) in steps.iter().enumerate() {
            @let y = TOP + HEADER + u32::try_from(index).unwrap_or(0) * ROW + ROW / 2;
            circle.mark cx="14" cy=(y) r="10" {}
            text.marktext x="14" y=(y + 4) text-anchor="middle" { (index + 1) }
            text.tick x="32" y=(y + 4) { (format::moment(step.at_ns)) }
            (rung(step, y, &column))
        }
    };
    let place = chain.offset.map_or(String::new(), |offset| format!(" at offset {offset}"));
    let title = format!("How the record {}{place} of {} was lost", chain.record, chain.partition);
    let desc: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    Drawing { id, title: &title, desc: &desc.join(" "), size: (WIDTH, height), class: "wide" }
        .markup(&content)
}

/// Actors from left to right: producers and readers at the edges would cross everything, so order of appearance.
fn actors(steps: &[ChainStep]) -> Vec<&str> {
    let mut actors: Vec<&str> = Vec::new();
    for name in steps.iter().flat_map(|step| std::iter::once(&step.from).chain(&step.to)) {
        if !actors.contains(&name.as_str()) {
            actors.push(name);
        }
    }
    actors
}

fn class(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Message => "event event-message",
        StepKind::Appended => "event event-appended",
        StepKind::Acked => "event event-acked",
        StepKind::Fault => "event event-fault",
        StepKind::Election => "event event-election",
        StepKind::Truncation => "event event-truncation",
        StepKind::Missing => "event event-missing",
    }
}

/// A glyph beside the label, so that the kind does not depend on colour.
fn glyph(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Message => "",
        StepKind::Appended => "+ ",
        StepKind::Acked => "✔ ",
        StepKind::Fault => "✖ ",
        StepKind::Election => "★ ",
        StepKind::Truncation => "✂ ",
        StepKind::Missing => "∅ ",
    }
}

/// An arrow between two actors, or a mark on one.
fn rung(step: &ChainStep, y: u32, column: &dyn Fn(&str) -> f64) -> Markup {
    let from = column(&step.from);
    let label = clip(&format!("{}{}", glyph(step.kind), step.label), 44);
    let Some(to) = step.to.as_deref().map(column).filter(|to| (to - from).abs() > 1.0) else {
        return html! {
            circle class=(class(step.kind)) cx=(num(from)) cy=(y) r="5" {}
            (beside(&label, from, y + 4))
        };
    };
    let sign = (to - from).signum();
    // What never arrived ends on the way, in a cross.
    let end = if step.delivered { to - sign * 4.0 } else { f64::midpoint(from, to) };
    let line = if step.delivered { "arrow" } else { "arrow-lost" };
    html! {
        circle class=(class(step.kind)) cx=(num(from)) cy=(y) r="4" {}
        path class=(line) d=(format!("M{} {y}L{} {}", num(from), num(end), y + 8)) {}
        @if step.delivered {
            path.arrowhead d=(format!("M{} {}l{} -5v9z", num(end), y + 8, num(-sign * 9.0))) {}
        } @else {
            text.lost-text x=(num(end)) y=(y + 13) text-anchor="middle" { "✖" }
        }
        text.halo x=(num(f64::midpoint(from, to))) y=(y - 5) text-anchor="middle" { (label) }
    }
}

/// A label right of a mark, or left of it near the right edge.
fn beside(label: &str, x: f64, y: u32) -> Markup {
    let right = x + 12.0 + text_width(label) < f64::from(WIDTH);
    let (x, anchor) = if right { (x + 12.0, "start") } else { (x - 12.0, "end") };
    html! { text.halo x=(num(x)) y=(y) text-anchor=(anchor) { (label) } }
}
