//! The whole distribution of each variant, on an axis of nines.

use super::latency::push_apart;
use super::log_scale::{DECADE, log10_micro, ratio_log10_micro, ticks};
use super::plot::{Axis, Frame, Series, draw};
use super::svg::{Drawing, clip, raw};
use super::time_scale::{LEFT, RIGHT, WIDTH};
use crate::artifact::{Curve, Variant};
use crate::format;
use maud::{Markup, html};

/// Colours that can be told apart; more variants share them, and each line carries its name.
const COLOURS: usize = 4;
/// Lines a chart can carry before it is a thicket.
const LINES_MAX: usize = 8;
/// Fewer samples than this above a point are luck.
const SAMPLES_ABOVE_MIN: u64 = 10;

/// The chart; `None` if no variant has a distribution.
pub(crate) fn percentiles(variants: &[Variant]) -> Option<Markup> {
    let shown: Vec<&Variant> = variants
        .iter()
        .filter(|variant| !line(&variant.figures.latency.curve).is_empty())
        .take(LINES_MAX)
        .collect();
    let first = shown.first()?;
    let frame = Frame { width: WIDTH, height: 330, left: LEFT, right: RIGHT - 90, top: 12, below: 28 };
    let lines: Vec<Vec<(u64, u64)>> =
        shown.iter().map(|variant| line(&variant.figures.latency.curve)).collect();
    let client = line(&first.figures.latency.client_thread_curve);
    let points = || lines.iter().chain([&client]).flatten();
    let (low, high) = (points().map(|(_, y)| *y).min()?, points().map(|(_, y)| *y).max()?);
    let right = points().map(|(x, _)| *x).max()?.max(DECADE);
    let (x, y) = (nines(right), value_axis(low, high));
    let mut series = vec![Series { class: "s s-client".to_owned(), pieces: vec![client] }];
    for (index, points) in lines.iter().enumerate() {
        series.push(Series { class: format!("s s-v{}", index % COLOURS), pieces: vec![points.clone()] });
    }
    series.retain(|series| series.pieces.iter().any(|piece| !piece.is_empty()));
    let content = html! {
        (raw(draw(frame, x.clone(), y.clone(), &series)))
        (end_labels(&shown, &lines, &x, &y, frame))
    };
    let desc = percentiles_sentence(variants);
    let size = (frame.width * 2, frame.height * 2);
    let title = "Produce latency by percentile, log axes";
    Some(Drawing { id: "percentiles", title, desc: &desc, size, class: "wide double" }.markup(&content))
}

/// What the chart says.
pub(crate) fn percentiles_sentence(variants: &[Variant]) -> String {
    let sentences: Vec<String> = variants
        .iter()
        .filter(|variant| variant.figures.latency.all.samples > 0)
        .map(|variant| {
            let all = &variant.figures.latency.all;
            let name = if variant.label.is_empty() { "The only variant" } else { &variant.label };
            format!(
                "{name}: half of {} took at most {}, one in a hundred more than {}.",
                format::plural(all.samples, "record"),
                format::duration(all.p50_ns),
                format::duration(all.p99_ns)
            )
        })
        .collect();
    sentences.join(" ")
}

/// Points as (decades of "one in", logarithm of the value), cut where too few samples are left.
fn line(curve: &Curve) -> Vec<(u64, u64)> {
    curve
        .points
        .iter()
        .filter_map(|point| {
            let above = curve.samples.checked_sub(point.at_or_below)?;
            (above >= SAMPLES_ABOVE_MIN)
                .then(|| (ratio_log10_micro(curve.samples, above), log10_micro(point.value_ns)))
        })
        .collect()
}

/// 0 %, 50 %, 90 %, 99 % ... up to the last point.
fn nines(right: u64) -> Axis {
    let mut marks = vec![(0, "0 %".to_owned()), (ratio_log10_micro(2, 1), "50 %".to_owned())];
    for nines in 1..=right / DECADE {
        let text = match nines {
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            more => format!("99.{} %", "9".repeat(usize::try_from(more - 2).unwrap_or(0))),
        };
        marks.push((nines * DECADE, text));
    }
    Axis { low: 0, high: right, ticks: marks }
}

fn value_axis(low: u64, high: u64) -> Axis {
    // A little air above and below the lines; the ticks are inside.
    let (low, high) = (low.saturating_sub(DECADE / 10), high + DECADE / 10);
    let ticks = ticks(1, u64::MAX / 10)
        .into_iter()
        .filter(|(at, _)| (low..=high).contains(at))
        .map(|(at, value)| (at, format::tick(value)))
        .collect();
    Axis { low, high, ticks }
}

fn end_labels(shown: &[&Variant], lines: &[Vec<(u64, u64)>], x: &Axis, y: &Axis, frame: Frame) -> Markup {
    let bottom = ((frame.height - frame.below) * 2).cast_signed();
    let ends: Vec<(i32, i32)> = lines
        .iter()
        .filter_map(|points| points.last())
        .map(|(at, value)| {
            let left = x.place(*at, (frame.left * 2).cast_signed(), (frame.right * 2).cast_signed());
            (left, y.place(*value, bottom, (frame.top * 2).cast_signed()))
        })
        .collect();
    let mut labels: Vec<(usize, i32)> = ends.iter().enumerate().map(|(index, (_, y))| (index, *y)).collect();
    push_apart(&mut labels, 28, bottom);
    html! {
        @for (index, y) in labels {
            @let name = shown.get(index).map_or("", |variant| variant.label.as_str());
            @if let Some((left, _)) = ends.get(index) {
                path class=(format!("s s-v{}", index % COLOURS)) d=(format!("M{} {y}h40", left + 12)) {}
                text.halo x=(left + 62) y=(y + 8) { (clip(name, 14)) }
            }
        }
    }
}
