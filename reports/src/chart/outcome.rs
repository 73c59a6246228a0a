//! Results per window, stacked, with a strip that marks when nothing succeeded.

use super::Run;
use super::svg::{TOP, left_label, num, time_panel};
use super::time_scale::{LEFT, RIGHT, TimeScale, round_step};
use crate::artifact::OutcomeWindow;
use crate::format;
use maud::{Markup, html};

/// Height of the bars.
const BARS: u32 = 110;
/// Height of the strip below them.
const STRIP: u32 = 24;
/// Bars: more than one to a pixel would only cost bytes.
const BARS_MAX: usize = 430;

/// The panel.
pub(crate) fn outcomes(run: Run<'_>, desc: &str) -> Markup {
    let windows = merge(&run.exhibit.outcomes);
    let merged = run.exhibit.outcomes.len().div_ceil(BARS_MAX).max(1) as u64;
    let length = run.exhibit.window_ns.saturating_mul(merged);
    let highest = windows.iter().map(total).max().unwrap_or(0).max(1);
    let step = round_step(highest.div_ceil(3));
    let top = highest.div_ceil(step).saturating_mul(step);
    let strip = f64::from(TOP + BARS + 10);
    let content = html! {
        @for number in 0..=top / step {
            @let y = level(number * step, top);
            path.grid d=(format!("M{LEFT} {}H{RIGHT}", num(y))) {}
            (left_label(&format::count(number * step), y + 4.0))
        }
        path.acked d=(bars(run.scale, &windows, length, top, |_| 0, |window| window.acked)) {}
        path.unknown d=(bars(run.scale, &windows, length, top, |window| window.acked, |window| window.unknown)) {}
        path.failed d=(bars(
            run.scale, &windows, length, top, |window| window.acked.saturating_add(window.unknown), |window| window.failed,
        )) {}
        (left_label("no success", strip + 10.0))
        @for outage in &run.exhibit.outages {
            @let (from, to) = (run.scale.x(outage.start_ns), run.scale.x(outage.end_ns));
            rect.outage x=(num(from)) y=(num(strip)) width=(num((to - from).max(1.0))) height="12" {}
            text.halo.outage-text x=(num(from.min(f64::from(RIGHT) - 150.0))) y=(num(strip - 4.0)) {
                (format::duration(outage.end_ns.saturating_sub(outage.start_ns))) " " (super::svg::clip(&outage.who, 16))
            }
        }
    };
    time_panel(run, "outcomes", "Results of writes over virtual time", desc, BARS + STRIP, &content)
}

fn total(window: &OutcomeWindow) -> u64 {
    window.acked.saturating_add(window.failed).saturating_add(window.unknown)
}

fn level(value: u64, top: u64) -> f64 {
    f64::from(TOP) + f64::from(BARS) * (1.0 - value.min(top) as f64 / top.max(1) as f64)
}

/// Neighbouring windows added up until there are few enough.
fn merge(windows: &[OutcomeWindow]) -> Vec<OutcomeWindow> {
    let merged = windows.len().div_ceil(BARS_MAX).max(1);
    let add = |chunk: &[OutcomeWindow]| {
        let first = chunk.first()?;
        let sum = |pick: fn(&OutcomeWindow) -> u64| format::total(chunk.iter().map(pick));
        Some(OutcomeWindow {
            start_ns: first.start_ns,
            acked: sum(|window| window.acked),
            failed: sum(|window| window.failed),
            unknown: sum(|window| window.unknown),
        })
    };
    windows.chunks(merged).filter_map(add).collect()
}

/// One path for one class of result: a rectangle per window on top of what is below it.
fn bars(
    scale: TimeScale,
    windows: &[OutcomeWindow],
    length: u64,
    top: u64,
    below: impl Fn(&OutcomeWindow) -> u64,
    size: impl Fn(&OutcomeWindow) -> u64,
) -> String {
    let mut path = String::new();
    for window in windows.iter().filter(|window| size(window) > 0) {
        let (left, right) = (scale.x(window.start_ns), scale.x(window.start_ns.saturating_add(length)));
        let (low, high) = (level(below(window), top), level(below(window).saturating_add(size(window)), top));
        let width = (right - left - 0.4).max(0.6);
        // What happened at all must be visible.
        let height = (low - high).max(1.0);
        path.push_str(&format!(
            "M{} {}h{}v-{}h-{}z",
            num(left),
            num(low),
            num(width),
            num(height),
            num(width)
        ));
    }
    path
}
