//! Latency over time: median, 99th percentile and maximum of each window, on a logarithmic axis; gaps stay gaps.

use super::Run;
use super::log_scale::{log10_micro, ticks};
use super::plot::{Axis, Frame, Series, draw};
use super::svg::{AXIS, Drawing, TOP, num, panel_shell, raw, tints};
use super::time_scale::{LEFT, RIGHT, TimeScale, WIDTH};
use crate::artifact::{Exhibit, LatencyWindow, RunArtifact};
use crate::format;
use maud::{Markup, html};

/// Windows a chart can show: more than one to a pixel would only cost bytes.
const WINDOWS_MAX: usize = 900;

/// The panel; `None` if nothing completed.
pub(crate) fn latency(run: Run<'_>) -> Option<Markup> {
    let exhibit = run.exhibit;
    if exhibit.latency.is_empty() {
        return None;
    }
    let (low, high) = bounds(&[exhibit]);
    let y = axis(low, high);
    let frame =
        Frame { width: WIDTH, height: TOP + 200 + AXIS, left: LEFT, right: RIGHT, top: TOP, below: AXIS };
    let content = html! {
        (tints(run.scale, run.faults(), f64::from(TOP * 2), f64::from((TOP + 200) * 2), 2.0))
        (raw(draw(frame, time_axis(run.scale), y.clone(), &series(exhibit))))
        (labels(exhibit, run.scale, &y, frame))
    };
    let desc = sentence(exhibit);
    let title = "Latency over virtual time, log axis";
    Some(panel_shell(run, &run.id("latency"), title, &desc, (frame.height, 2), &content))
}

/// What the panel says.
pub(crate) fn sentence(exhibit: &Exhibit) -> String {
    let Some(worst) = exhibit.latency.iter().max_by_key(|window| window.max_ns) else {
        return "Nothing completed, so there is no latency.".to_owned();
    };
    let mut medians: Vec<u64> = exhibit.latency.iter().map(|window| window.p50_ns).collect();
    medians.sort_unstable();
    let typical = medians[medians.len() / 2];
    format!(
        "A typical window has a median of {}; the slowest record took {} and completed in the window at {}.",
        format::duration(typical),
        format::duration(worst.max_ns),
        format::moment(worst.start_ns)
    )
}

/// One small chart per variant that kept a run, all on one scale.
pub(crate) fn latency_multiples(artifact: &RunArtifact) -> Vec<(String, Markup)> {
    let shown: Vec<(usize, &str, &Exhibit)> = artifact
        .variants
        .iter()
        .enumerate()
        .filter_map(|(index, variant)| Some((index, variant.label.as_str(), variant.exhibit.as_ref()?)))
        .filter(|(_, _, exhibit)| !exhibit.latency.is_empty())
        .collect();
    let exhibits: Vec<&Exhibit> = shown.iter().map(|(.., exhibit)| *exhibit).collect();
    let (low, high) = bounds(&exhibits);
    let end = exhibits.iter().map(|exhibit| exhibit.duration_ns).max().unwrap_or(0);
    let y = axis(low, high);
    let small = |(index, label, exhibit): (usize, &str, &Exhibit)| {
        let frame = Frame { width: 340, height: 190, left: 62, right: 318, top: 10, below: AXIS };
        let step = super::time_scale::round_step(end.div_ceil(4)).max(1);
        let marks = (0..=end / step).map(|number| (number * step, format::tick(number * step))).collect();
        let x = Axis { low: 0, high: end.max(1), ticks: marks };
        let id = format!("multiple-{index}");
        let desc = sentence(exhibit);
        let title = format!("Latency over time: {label}");
        let drawing = Drawing {
            id: &id,
            title: &title,
            desc: &desc,
            size: (frame.width * 2, frame.height * 2),
            class: "double",
        };
        let content = raw(draw(frame, x, y.clone(), &series(exhibit)));
        (label.to_owned(), drawing.markup(&content))
    };
    shown.into_iter().map(small).collect()
}

/// Lowest median and highest maximum, widened to round values.
fn bounds(exhibits: &[&Exhibit]) -> (u64, u64) {
    let windows = || exhibits.iter().flat_map(|exhibit| &exhibit.latency);
    let low = windows().map(|window| window.p50_ns).min().unwrap_or(1).max(1);
    let high = windows().map(|window| window.max_ns).max().unwrap_or(1).max(low);
    (below(low), above(high))
}

/// The next of 1, 2, 5 ... not above.
fn below(value: u64) -> u64 {
    let above = super::time_scale::round_step(value);
    if above == value {
        return value;
    }
    // One step back from 10, 5 or 2 of a decade.
    let first = above.to_string().starts_with('5');
    if first { above / 5 * 2 } else { above / 2 }
}

fn above(value: u64) -> u64 {
    super::time_scale::round_step(value.saturating_add(1))
}

fn axis(low: u64, high: u64) -> Axis {
    let ticks = ticks(low, high).into_iter().map(|(at, value)| (at, format::tick(value))).collect();
    Axis { low: log10_micro(low), high: log10_micro(high).max(log10_micro(low) + 1), ticks }
}

fn time_axis(scale: TimeScale) -> Axis {
    let ticks = scale.ticks().into_iter().map(|at| (at, format::tick(at))).collect();
    Axis { low: scale.t0_ns, high: scale.t1_ns, ticks }
}

/// Three lines, cut wherever a window is missing.
fn series(exhibit: &Exhibit) -> Vec<Series> {
    let windows = thin(&exhibit.latency);
    let gap = gap_ns(exhibit, windows.len());
    let line = |class: &str, pick: fn(&LatencyWindow) -> u64| {
        let mut pieces: Vec<Vec<(u64, u64)>> = Vec::new();
        let mut last: Option<u64> = None;
        for window in &windows {
            let middle = window.start_ns.saturating_add(exhibit.window_ns / 2);
            let point = (middle, log10_micro(pick(window)));
            match (pieces.last_mut(), last) {
                (Some(piece), Some(before)) if window.start_ns - before <= gap => piece.push(point),
                _ => pieces.push(vec![point]),
            }
            last = Some(window.start_ns);
        }
        Series { class: class.to_owned(), pieces }
    };
    vec![
        line("s s-max", |window| window.max_ns),
        line("s s-p99", |window| window.p99_ns),
        line("s s-p50", |window| window.p50_ns),
    ]
}

/// Two windows further apart than this have a gap between them.
fn gap_ns(exhibit: &Exhibit, shown: usize) -> u64 {
    let merged = exhibit.latency.len().div_ceil(shown.max(1)) as u64;
    exhibit.window_ns.saturating_mul(merged).saturating_mul(3) / 2
}

/// At most [`WINDOWS_MAX`] windows: of neighbours, the one with the largest maximum stays, so no spike is lost.
/// Sorted by start: the writer's order is not relied on.
fn thin(windows: &[LatencyWindow]) -> Vec<LatencyWindow> {
    let mut windows = windows.to_vec();
    windows.sort_by_key(|window| window.start_ns);
    let merged = windows.len().div_ceil(WINDOWS_MAX).max(1);
    windows
        .chunks(merged)
        .filter_map(|chunk| chunk.iter().max_by_key(|window| window.max_ns).copied())
        .collect()
}

/// Names at the ends of the lines, pushed apart.
fn labels(exhibit: &Exhibit, scale: TimeScale, y: &Axis, frame: Frame) -> Markup {
    let Some(last) = exhibit.latency.iter().max_by_key(|window| window.start_ns) else { return html! {} };
    let bottom = i32::try_from((frame.height - frame.below) * 2).unwrap_or(i32::MAX);
    let place = |value: u64| y.place(log10_micro(value), bottom, (frame.top * 2).cast_signed());
    let mut at = vec![("max", place(last.max_ns)), ("p99", place(last.p99_ns)), ("p50", place(last.p50_ns))];
    push_apart(&mut at, 26, bottom);
    let x = scale.x(last.start_ns.saturating_add(exhibit.window_ns / 2)) * 2.0 + 10.0;
    html! {
        @for (name, y) in at {
            text.halo.{ "t-" (name) } x=(num(x)) y=(y + 8) { (name) }
        }
    }
}

/// Moves labels down until each has `room`; then up again if the last fell off the bottom.
pub(super) fn push_apart<Name>(labels: &mut [(Name, i32)], room: i32, bottom: i32) {
    labels.sort_by_key(|(_, y)| *y);
    for index in 1..labels.len() {
        labels[index].1 = labels[index].1.max(labels[index - 1].1 + room);
    }
    let over = labels.last().map_or(0, |(_, y)| (y - bottom).max(0));
    for (_, y) in labels.iter_mut() {
        *y -= over;
    }
}
