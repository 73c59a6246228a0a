//! The shell of a drawing: size, name, description, and for panels over time the scale, the grid and the faults.

use super::Run;
use super::time_scale::{LEFT, RIGHT, TimeScale, WIDTH};
use crate::artifact::FaultBand;
use crate::format;
use maud::{Markup, PreEscaped, html};

/// Room below a plot for the labels of its time axis.
pub(super) const AXIS: u32 = 24;
/// Room above a plot.
pub(super) const TOP: u32 = 8;

/// A coordinate with one decimal at most.
pub(super) fn num(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The first characters of a text, with an ellipsis if some are missing.
pub(super) fn clip(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(characters.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

/// The width a text of 12 px takes, roughly: nothing here may depend on the fonts of a machine.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 6.6
}

/// A drawing with its name and description.
pub(super) struct Drawing<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    /// What it is.
    pub(super) title: &'a str,
    /// What it says this time.
    pub(super) desc: &'a str,
    /// Size of the view box.
    pub(super) size: (u32, u32),
    /// Classes: `wide` for full width, `double` for twice the pixels.
    pub(super) class: &'a str,
}

impl Drawing<'_> {
    /// The element.
    pub(super) fn markup(&self, content: &Markup) -> Markup {
        let (width, height) = self.size;
        html! {
            svg id=(self.id) class=(self.class) viewBox=(format!("0 0 {width} {height}")) role="img"
                aria-labelledby=(format!("{}-title", self.id)) aria-describedby=(format!("{}-desc", self.id)) {
                title id=(format!("{}-title", self.id)) { (self.title) }
                desc id=(format!("{}-desc", self.id)) { (self.desc) }
                (content)
            }
        }
    }
}

/// A panel over time: `height` is that of the plot; faults tinted, grid, axis, then the content.
pub(super) fn time_panel(
    run: Run<'_>,
    name: &str,
    title: &str,
    desc: &str,
    height: u32,
    content: &Markup,
) -> Markup {
    let full = TOP + height + AXIS;
    let inside = html! {
        (tints(run.scale, run.faults(), f64::from(TOP), f64::from(TOP + height), 1.0))
        (time_grid(run.scale, TOP + height))
        (content)
        (time_axis(run.scale, TOP + height))
    };
    panel_shell(run, &run.id(name), title, desc, (full, 1), &inside)
}

/// The element of a panel over time, with the scale as data for the script and for tests. `zoom` is 2 for a
/// drawing at twice the pixels.
pub(super) fn panel_shell(
    run: Run<'_>,
    id: &str,
    title: &str,
    desc: &str,
    (height, zoom): (u32, u32),
    content: &Markup,
) -> Markup {
    let class = if zoom == 2 { "wide double" } else { "wide" };
    html! {
        svg id=(id) class=(class) viewBox=(format!("0 0 {} {}", WIDTH * zoom, height * zoom)) role="img"
            aria-labelledby=(format!("{id}-title")) aria-describedby=(format!("{id}-desc"))
            data-x0=(LEFT * zoom) data-x1=(RIGHT * zoom) data-t0=(run.scale.t0_ns) data-t1=(run.scale.t1_ns) {
            title id=(format!("{id}-title")) { (title) }
            desc id=(format!("{id}-desc")) { (desc) }
            (content)
        }
    }
}

/// The time of each fault, tinted through the panel, with a hairline at its start and end.
pub(super) fn tints(scale: TimeScale, faults: &[FaultBand], top: f64, bottom: f64, zoom: f64) -> Markup {
    html! {
        @for fault in faults {
            @let (start, end) = (scale.x(fault.start_ns) * zoom, scale.x(fault.end_ns) * zoom);
            rect.tint x=(num(start)) y=(num(top)) width=(num((end - start).max(zoom))) height=(num(bottom - top)) {}
            line.edge x1=(num(start)) x2=(num(start)) y1=(num(top)) y2=(num(bottom)) {}
            @if end > start { line.edge x1=(num(end)) x2=(num(end)) y1=(num(top)) y2=(num(bottom)) {} }
        }
    }
}

fn time_grid(scale: TimeScale, bottom: u32) -> Markup {
    let mut path = String::new();
    for at in scale.ticks() {
        path.push_str(&format!("M{} {TOP}V{bottom}", num(scale.x(at))));
    }
    html! { path.grid d=(path) {} }
}

fn time_axis(scale: TimeScale, bottom: u32) -> Markup {
    html! {
        path.axis d=(format!("M{LEFT} {bottom}H{RIGHT}")) {}
        @for at in scale.ticks() {
            text.tick x=(num(scale.x(at))) y=(bottom + 17) text-anchor="middle" { (format::tick(at)) }
        }
    }
}

/// A label left of the plot.
pub(super) fn left_label(text: &str, y: f64) -> Markup {
    html! { text x=(LEFT - 8) y=(num(y)) text-anchor="end" { (clip(text, 13)) } }
}

/// Markup that another writer has made; only for text of ours.
pub(super) fn raw(text: String) -> Markup {
    PreEscaped(text)
}
