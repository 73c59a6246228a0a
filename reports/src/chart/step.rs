//! Quantities that jump: size of the ISR, consumer lag.

use super::Run;
use super::svg::{TOP, left_label, num, time_panel};
use super::time_scale::{LEFT, RIGHT, round_step};
use crate::artifact::{IsrTrack, LagTrack, LagWindow};
use crate::format;
use maud::{Markup, html};

/// Height of the plot.
const HEIGHT: u32 = 84;
/// Points of a line: more than one to a pixel would only cost bytes.
const POINTS_MAX: usize = 900;

/// ISR size against `min.insync.replicas`; shaded where it is below.
pub(crate) fn isr(run: Run<'_>, number: usize, track: &IsrTrack, desc: &str) -> Markup {
    let top = u64::from(track.replicas).max(u64::from(track.min_insync_replicas)).max(1);
    let labels = round_step(top.div_ceil(5));
    let y = |size: u64| level(size, top);
    let points: Vec<(u64, u64)> =
        track.steps.iter().map(|step| (step.at_ns, step.members.len() as u64)).collect();
    let least = u64::from(track.min_insync_replicas);
    let end = run.exhibit.duration_ns;
    let below =
        points.iter().enumerate().filter(|(_, (_, size))| *size < least).map(|(index, (at, size))| {
            let until = points.get(index + 1).map_or(end, |(next, _)| *next);
            (run.scale.x(*at), run.scale.x(until), *size)
        });
    let content = html! {
        @for (from, to, size) in below {
            rect.below x=(num(from)) y=(num(y(least))) width=(num((to - from).max(1.0)))
                height=(num(y(size) - y(least))) {}
        }
        @for number in 0..=top / labels { (left_label(&format::count(number * labels), y(number * labels) + 4.0)) }
        path.min-isr d=(format!("M{LEFT} {}H{RIGHT}", num(y(least)))) {}
        text.halo.tick x=(RIGHT - 4) y=(num(y(least) - 5.0)) text-anchor="end" {
            "min.insync.replicas = " (track.min_insync_replicas)
        }
        path.step d=(step_path(run, &points, y)) {}
    };
    let title = format!("Size of the ISR of {} over virtual time", track.partition);
    time_panel(run, &format!("isr-{number}"), &title, desc, HEIGHT, &content)
}

/// Lag in records.
pub(crate) fn lag_records(run: Run<'_>, number: usize, track: &LagTrack, desc: &str) -> Markup {
    let title = format!("Lag of {} in records over virtual time", track.group);
    lag(run, &format!("lag-{number}-records"), &title, desc, track, |window| window.records, format::count)
}

/// Age of the oldest unread record.
pub(crate) fn lag_age(run: Run<'_>, number: usize, track: &LagTrack, desc: &str) -> Markup {
    let title = format!("Age of the oldest record {} has not read, over virtual time", track.group);
    lag(run, &format!("lag-{number}-age"), &title, desc, track, |window| window.age_ns, format::tick)
}

fn lag(
    run: Run<'_>,
    name: &str,
    title: &str,
    desc: &str,
    track: &LagTrack,
    pick: fn(&LagWindow) -> u64,
    print: fn(u64) -> String,
) -> Markup {
    let merged = track.windows.len().div_ceil(POINTS_MAX).max(1);
    let points: Vec<(u64, u64)> = track
        .windows
        .chunks(merged)
        .filter_map(|chunk| Some((chunk.first()?.start_ns, chunk.iter().map(pick).max()?)))
        .collect();
    let highest = points.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
    let step = round_step(highest.div_ceil(3));
    let top = highest.div_ceil(step).saturating_mul(step);
    let y = |value: u64| level(value, top);
    let content = html! {
        @for number in 0..=top / step {
            @let at = y(number * step);
            path.grid d=(format!("M{LEFT} {}H{RIGHT}", num(at))) {}
            (left_label(&print(number * step), at + 4.0))
        }
        path.step d=(step_path(run, &points, y)) {}
    };
    time_panel(run, name, title, desc, HEIGHT, &content)
}

fn level(value: u64, top: u64) -> f64 {
    f64::from(TOP) + f64::from(HEIGHT) * (1.0 - value.min(top) as f64 / top.max(1) as f64)
}

/// Each value holds until the next one; the last until the end of the run.
fn step_path(run: Run<'_>, points: &[(u64, u64)], y: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    let mut last: Option<u64> = None;
    for (at, value) in points {
        let x = num(run.scale.x(*at));
        match last {
            None => path.push_str(&format!("M{x} {}", num(y(*value)))),
            Some(before) if before == *value => continue,
            Some(_) => path.push_str(&format!("H{x}V{}", num(y(*value)))),
        }
        last = Some(*value);
    }
    if last.is_some() {
        path.push_str(&format!("H{RIGHT}"));
    }
    path
}
