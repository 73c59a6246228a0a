//! Consumer groups: what rebalances cost in each variant, and the lanes of one run.

use super::parts::{self, Figure};
use crate::artifact::{GroupFigures, GroupTrack, Percentiles, RunArtifact, Variant};
use crate::chart::{self, OWNER_LANES_MAX, Run};
use crate::format;
use maud::{Markup, html};

/// Stretches of ownership in the table of a panel; all are in the artifact.
const TABLE_ROWS_MAX: usize = 400;

/// One row of the table: name, how it prints.
type Row = (&'static str, fn(&GroupFigures) -> Option<String>);

const ROWS: &[Row] = &[
    ("rebalances", |group| Some(format::count(group.rebalances))),
    ("rebalance p50", |group| time(&group.rebalance_time, |times| times.p50_ns)),
    ("rebalance max", |group| time(&group.rebalance_time, |times| times.max_ns)),
    ("time members were stopped by rebalances", |group| group.stopped_millionths.map(share)),
    ("partitions moved", |group| Some(format::count(group.moved))),
    ("death of an owner to the next owner, p50", |group| time(&group.takeover, |times| times.p50_ns)),
    ("death of an owner to the next owner, max", |group| time(&group.takeover, |times| times.max_ns)),
    ("records processed", |group| Some(format::count(group.processed))),
    ("records delivered again", |group| Some(format::count(group.redelivered))),
    ("records finished by zombies", |group| Some(format::count(group.by_zombies))),
    ("largest lag", |group| group.max_lag.map(|records| format::plural(records, "record"))),
    ("oldest record that waited", |group| group.max_lag_age_ns.map(format::duration)),
    ("lag at the end, worst seed", |group| group.lag_at_end.map(|records| format::plural(records, "record"))),
];

fn time(times: &Percentiles, pick: fn(&Percentiles) -> u64) -> Option<String> {
    (times.samples > 0).then(|| format::duration(pick(times)))
}

fn share(millionths: u32) -> String {
    format!("{}.{:02} %", millionths / 10_000, millionths / 100 % 100)
}

/// Whether a variant has a group.
pub(super) fn any(artifact: &RunArtifact) -> bool {
    artifact.variants.iter().any(|variant| !variant.figures.groups.is_empty())
}

/// The figures of every group, variants side by side.
pub(super) fn section(artifact: &RunArtifact) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for group in artifact.variants.iter().flat_map(|variant| &variant.figures.groups) {
        if !names.contains(&group.group.as_str()) {
            names.push(&group.group);
        }
    }
    html! {
        @if !names.is_empty() {
            section aria-labelledby="groups" {
                h2 id="groups" { "Consumer groups" }
                @for name in names {
                    h3 { "Group " code { (name) } }
                    (parts::scroll(&format!("Figures of group {name} by variant"), &table(&artifact.variants, name)))
                }
                p.muted {
                    "All seeds of a variant together. A member is stopped while a rebalance leaves it nothing to work "
                    "on. A zombie is a member that the coordinator has given up and that does not know it yet: what it "
                    "finishes is processed again by its successor."
                }
            }
        }
    }
}

fn table(variants: &[Variant], name: &str) -> Markup {
    let groups: Vec<Option<&GroupFigures>> = variants
        .iter()
        .map(|variant| variant.figures.groups.iter().find(|group| group.group == name))
        .collect();
    html! {
        table.figures {
            thead {
                tr {
                    th scope="col" { "Figure" }
                    @for variant in variants { th.number scope="col" { (parts::variant_name(variant)) } }
                }
            }
            tbody {
                @for (name, print) in ROWS {
                    tr {
                        th scope="row" { (name) }
                        @for group in &groups {
                            td.number { (group.and_then(print).as_deref().unwrap_or("–")) }
                        }
                    }
                }
            }
        }
    }
}

/// The lanes of one group in the run that is shown.
pub(super) fn panel(run: Run<'_>, number: usize, track: &GroupTrack) -> Markup {
    let longest = track.rebalances.iter().map(|band| band.end_ns.saturating_sub(band.start_ns)).max();
    let zombies = track.partitions.iter().flat_map(|lane| &lane.owners);
    let zombies = zombies.filter(|owner| owner.zombie_from_ns.is_some()).count() as u64;
    let mut says = match longest {
        Some(longest) => format!(
            "{}; the longest took {}.",
            format::plural(track.rebalances.len() as u64, "rebalance"),
            format::duration(longest)
        ),
        None => "No rebalance began.".to_owned(),
    };
    if zombies > 0 {
        let times = format::plural(zombies, "time");
        says.push_str(&format!(" A member went on with a partition that was no longer its own {times}."));
    }
    if track.partitions.len() > OWNER_LANES_MAX {
        let all = track.partitions.len();
        says.push_str(&format!(" {OWNER_LANES_MAX} of {all} partitions are drawn; all are in the artifact."));
    }
    Figure {
        title: &format!("Consumer group: {}", track.group),
        shows: "When the group rebalanced, and which member owned which partition.",
        says: &says,
        reading: "The strip on top marks rebalances: from the coordinator's word that one began until everybody has \
                  what it should have; a dashed one was cut short by the next. Below, each lane is a partition and each \
                  bar the time in which a member believed to own it, with the member's number. A gap is a time in \
                  which nobody worked on the partition. A hatched bar of half the height marks a zombie: the \
                  coordinator had given the member up, and it went on. Where it lies over the bar of another, two \
                  members worked on the partition at once.",
        drawing: chart::owner_lanes(run, number, track, &says),
        table: Some(owners(track)),
    }
    .panel()
}

fn owners(track: &GroupTrack) -> Markup {
    let rows = track.partitions.iter().flat_map(|lane| lane.owners.iter().map(move |owner| (lane, owner)));
    html! {
        table {
            thead { tr { th scope="col" { "Partition" } th scope="col" { "Owner" } th.number scope="col" { "Epoch" }
                th.number scope="col" { "From" } th.number scope="col" { "To" } } }
            tbody {
                @for (lane, owner) in rows.take(TABLE_ROWS_MAX) {
                    tr {
                        td { (lane.partition) }
                        td { (track.members.get(owner.member as usize).map_or("–", String::as_str)) }
                        td.number { (owner.epoch) }
                        td.number { (format::moment(owner.start_ns)) } td.number { (format::moment(owner.end_ns)) }
                    }
                }
            }
        }
    }
}
