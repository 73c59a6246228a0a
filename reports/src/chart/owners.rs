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
            @for owner in &lane.owners { (owner_bar(run, track, owner, y, row - 3)) }
        }
    };
    let title = format!("Rebalances and owners of the partitions of {} over virtual time", track.group);
    time_panel(run, &format!("owners-{number}"), &title, desc, height, &content)
}

/// One stretch of ownership: filled by member, named if there is room, hatched while its owner is a zombie.
fn owner_bar(run: Run<'_>, track: &GroupTrack, owner: &OwnerInterval, y: u32, height: u32) -> Markup {
    let (from, to) = (run.scale.x(owner.start_ns), run.scale.x(owner.end_ns));
    let zombie = owner.zombie_from_ns.map(|at| run.scale.x(at).max(from)).filter(|at| *at < to);
    let name = track.members.get(owner.member as usize).map_or("", String::as_str);
    let short = name.rsplit('-').next().unwrap_or(name);
    let room = zombie.unwrap_or(to) - from;
    let text = [name, short].into_iter().find(|text| height >= 14 && room > text_width(text) + 6.0);
    html! {
        rect class=(format!("owner owner-{}", owner.member % 4)) x=(num(from)) y=(y)
            width=(num((to - from).max(1.0))) height=(height) {}
        @if let Some(at) = zombie {
            rect.zombie x=(num(at)) y=(y) width=(num((to - at).max(1.0))) height=(height)
                fill="url(#hatch-pause)" {}
        }
        @if let Some(text) = text { text.epoch x=(num(from + 3.0)) y=(y + height / 2 + 4) { (text) } }
    }
}
