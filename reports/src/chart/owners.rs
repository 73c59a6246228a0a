//! Swimlanes of a consumer group: its rebalances, and one lane for each partition with its owners.

use super::Run;
use super::svg::{TOP, left_label, num, text_width, time_panel};
use crate::artifact::{GroupTrack, OwnerInterval};
use maud::{Markup, html};

/// Lanes of partitions; a page with more is a wall.
pub(crate) const OWNER_LANES_MAX: usize = 40;
/// Height of the strip of rebalances.
const STRIP: u32 = 16;
/// Room between the strip and the lanes.
const GAP: u32 = 6;

/// Rebalances, and who owned which partition when.
pub(crate) fn owner_lanes(run: Run<'_>, number: usize, track: &GroupTrack, desc: &str) -> Markup {
    let lanes = track.partitions.len().min(OWNER_LANES_MAX);
    let row: u32 = if lanes > 16 { 14 } else { 22 };
    let lanes_top = TOP + STRIP + GAP;
    let height = STRIP + GAP + row * u32::try_from(lanes).unwrap_or(0).max(1);
    let content = html! {
        (left_label("rebalances", f64::from(TOP) + 12.0))
        @for band in &track.rebalances {
            @let (from, to) = (run.scale.x(band.start_ns), run.scale.x(band.end_ns));
            rect.(if band.ended { "rebalance" } else { "rebalance cut-short" }) x=(num(from)) y=(TOP)
                width=(num((to - from).max(1.5))) height=(STRIP) {}
        }
        @for (index, lane) in track.partitions.iter().take(lanes).enumerate() {
            @let y = lanes_top + u32::try_from(index).unwrap_or(0) * row;
            (left_label(&lane.partition, f64::from(y + row / 2) + 3.0))
            (lane_of_owners(run, track, &lane.owners, y, row - 3))
        }
    };
    let title = format!("Rebalances and owners of the partitions of {} over virtual time", track.group);
    time_panel(run, &format!("owners-{number}"), &title, desc, height, &content)
}

/// The owners of a partition, and on top of them the zombies: while one works on, somebody else may own the partition.
fn lane_of_owners(run: Run<'_>, track: &GroupTrack, owners: &[OwnerInterval], y: u32, height: u32) -> Markup {
    html! {
        @for owner in owners { (owner_bar(run, track, owner, owners, y, height)) }
        @for owner in owners { (zombie_bar(run, owner, y, height)) }
    }
}

/// From where to where an owner is a zombie in the drawing.
fn zombie(run: Run<'_>, owner: &OwnerInterval) -> Option<(f64, f64)> {
    let to = run.scale.x(owner.end_ns);
    let from = run.scale.x(owner.zombie_from_ns?).max(run.scale.x(owner.start_ns));
    (from < to).then_some((from, to))
}

/// One stretch of ownership, up to where its owner is a zombie: filled by member, named where there is room and no
/// zombie is drawn over it.
fn owner_bar(
    run: Run<'_>,
    track: &GroupTrack,
    owner: &OwnerInterval,
    all: &[OwnerInterval],
    y: u32,
    height: u32,
) -> Markup {
    let from = run.scale.x(owner.start_ns);
    let to = zombie(run, owner).map_or(run.scale.x(owner.end_ns), |(at, _)| at);
    let over = all.iter().filter_map(|other| zombie(run, other)).filter(|(at, end)| *at < to && *end > from);
    let free = over.map(|(_, end)| end).fold(from, f64::max);
    let name = track.members.get(owner.member as usize).map_or("", String::as_str);
    let short = name.rsplit('-').next().unwrap_or(name);
    let fits = |text: &&str| height >= 14 && to - free > text_width(text) + 6.0;
    html! {
        rect class=(format!("owner owner-{}", owner.member % 4)) x=(num(from)) y=(y)
            width=(num((to - from).max(1.0))) height=(height) {}
        @if let Some(text) = [name, short].into_iter().find(fits) {
            text.epoch x=(num(free + 3.0)) y=(y + height / 2 + 4) { (text) }
        }
    }
}

/// The time in which an owner works on without being one: hatched, and half as high as an owner's bar.
fn zombie_bar(run: Run<'_>, owner: &OwnerInterval, y: u32, height: u32) -> Markup {
    let (top, half) = (y + height - height / 2, height / 2);
    html! {
        @if let Some((from, to)) = zombie(run, owner) {
            @let width = num((to - from).max(1.0));
            rect class=(format!("owner owner-{}", owner.member % 4)) x=(num(from)) y=(top) width=(width) height=(half) {}
            rect.zombie x=(num(from)) y=(top) width=(width) height=(half) fill="url(#hatch-pause)" {}
        }
    }
}
