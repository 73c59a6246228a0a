//! Lanes over time: phases, story marks and faults; brokers with their roles.

use super::Run;
use super::svg::{TOP, clip, left_label, num, text_width, time_panel};
use super::time_scale::{LEFT, RIGHT};
use crate::artifact::{BrokerLane, BrokerState, FaultBand, ReplicaRole, RoleInterval, StateInterval};
use maud::{Markup, html};

/// Faults with a lane of their own; more share the last lane.
const FAULT_LANES_MAX: usize = 12;
/// Broker lanes; a page with more is a wall.
const BROKER_LANES_MAX: usize = 48;

/// Phases, numbers of the story, and one lane per fault.
pub(crate) fn fault_band(run: Run<'_>, desc: &str) -> Markup {
    let marks = story_marks(run);
    let mark_rows = marks.iter().map(|(_, _, row)| row + 1).max().unwrap_or(0);
    let faults = run.faults();
    let lanes = u32::try_from(faults.len().min(FAULT_LANES_MAX)).unwrap_or(0);
    let phases_top = TOP + mark_rows * 22;
    let faults_top = phases_top + 24;
    let height = faults_top + lanes * 24 - TOP + 2;
    let content = html! {
        @if mark_rows > 0 { (left_label("story", f64::from(TOP) + 14.0)) }
        @for (x, number, row) in &marks {
            @let y = TOP + 10 + row * 22;
            circle.mark cx=(num(*x)) cy=(y) r="9" {}
            text.marktext x=(num(*x)) y=(y + 4) text-anchor="middle" { (number) }
        }
        (left_label("phase", f64::from(phases_top) + 14.0))
        @for phase in &run.exhibit.phases {
            @let (from, to) = (run.scale.x(phase.start_ns), run.scale.x(phase.end_ns));
            rect.phase x=(num(from)) y=(phases_top) width=(num((to - from).max(1.0))) height="18" {}
            @if to - from > text_width(&phase.name) + 6.0 {
                text.tick x=(num(f64::midpoint(from, to))) y=(phases_top + 13) text-anchor="middle" { (phase.name) }
            }
        }
        @for (number, fault) in faults.iter().enumerate() {
            @let lane = u32::try_from(number.min(FAULT_LANES_MAX - 1)).unwrap_or(0);
            (fault_lane(run, fault, faults_top + lane * 24, number < FAULT_LANES_MAX))
        }
    };
    time_panel(run, "faults", "Phases, story and faults over virtual time", desc, height, &content)
}

/// One fault: its name before the lane, hatching by family, what and whom in words.
fn fault_lane(run: Run<'_>, fault: &FaultBand, y: u32, named: bool) -> Markup {
    let (from, to) = (run.scale.x(fault.start_ns), run.scale.x(fault.end_ns));
    let words = clip(&format!("{} {}", fault.action, fault.target), 60);
    let width = text_width(&words);
    // Behind the bar if there is room, else on the side that has more.
    let (x, anchor) = if to + 8.0 + width < f64::from(RIGHT) {
        (to + 6.0, "start")
    } else if from - f64::from(LEFT) > width + 8.0 {
        (from - 6.0, "end")
    } else {
        (f64::from(LEFT) + 6.0, "start")
    };
    html! {
        @if named { (left_label(&fault.name, f64::from(y) + 14.0)) }
        rect.fault x=(num(from)) y=(y) width=(num((to - from).max(3.0))) height="18"
            fill=(format!("url(#{})", hatching(&fault.action))) {}
        text.halo x=(num(x)) y=(y + 14) text-anchor=(anchor) { (words) }
    }
}

/// The hatching of a family of faults: a second channel beside the words.
fn hatching(action: &str) -> &'static str {
    let has = |word: &str| action.contains(word);
    if has("disk") || has("fsync") {
        "hatch-disk"
    } else if has("pause") || has("slow-work") || has("clock") {
        "hatch-pause"
    } else if has("partition") || has("isolate") || has("link") {
        "hatch-network"
    } else if has("crash") || has("power") || has("stop") || has("restart") {
        "hatch-crash"
    } else {
        "hatch-other"
    }
}

/// Numbers of the story at their time; those that would overlap go to the next row, of three.
fn story_marks(run: Run<'_>) -> Vec<(f64, usize, u32)> {
    let mut ends = [f64::MIN; 3];
    let mut marks = Vec::new();
    for (index, step) in run.exhibit.story.iter().enumerate() {
        let x = run.scale.x(step.at_ns);
        let row = ends.iter().position(|end| x - end >= 20.0).unwrap_or(ends.len() - 1);
        let x = x.max(ends[row] + 20.0).min(f64::from(RIGHT) + 20.0);
        ends[row] = x;
        marks.push((x, index + 1, u32::try_from(row).unwrap_or(0)));
    }
    marks
}

/// One lane per broker and partition.
pub(crate) fn broker_lanes(run: Run<'_>, desc: &str) -> Markup {
    let lanes: Vec<(&BrokerLane, String)> = run
        .exhibit
        .brokers
        .iter()
        .flat_map(|broker| partitions(broker).into_iter().map(move |partition| (broker, partition)))
        .take(BROKER_LANES_MAX)
        .collect();
    let several = run.exhibit.brokers.len() < lanes.len();
    let row = if several { 20 } else { 28 };
    let height = row * u32::try_from(lanes.len()).unwrap_or(0).max(1);
    let content = html! {
        @for (number, (broker, partition)) in lanes.iter().enumerate() {
            @let y = TOP + u32::try_from(number).unwrap_or(0) * row;
            @let label = if several { format!("b{} {partition}", broker.broker) } else { format!("broker {}", broker.broker) };
            (left_label(&label, f64::from(y + row / 2) + 3.0))
            @for state in &broker.states { (state_bar(run, state, y, row - 4)) }
            @for role in broker.roles.iter().filter(|role| role.partition == *partition) {
                (role_bar(run, role, y, row - 4))
            }
        }
    };
    time_panel(run, "brokers", "Brokers and their roles over virtual time", desc, height, &content)
}

/// Partitions of a broker in order of appearance; one empty name if it has none.
fn partitions(broker: &BrokerLane) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for role in &broker.roles {
        if !names.contains(&role.partition) {
            names.push(role.partition.clone());
        }
    }
    if names.is_empty() {
        names.push(String::new());
    }
    names
}

fn state_bar(run: Run<'_>, state: &StateInterval, y: u32, height: u32) -> Markup {
    let (from, to) = (run.scale.x(state.start_ns), run.scale.x(state.end_ns));
    let (class, hatching, word) = match state.state {
        BrokerState::Up => return html! {},
        BrokerState::Down => ("state-down", "hatch-crash", "down"),
        BrokerState::Paused => ("state-paused", "hatch-pause", "paused"),
        BrokerState::Fenced => ("state-fenced", "hatch-other", "fenced"),
    };
    html! {
        rect.(class) x=(num(from)) y=(y) width=(num((to - from).max(1.0))) height=(height)
            fill=(format!("url(#{hatching})")) {}
        @if to - from > text_width(word) + 8.0 {
            text.halo x=(num(f64::midpoint(from, to))) y=(y + height / 2 + 4) text-anchor="middle" { (word) }
        }
    }
}

fn role_bar(run: Run<'_>, role: &RoleInterval, y: u32, height: u32) -> Markup {
    let (from, to) = (run.scale.x(role.start_ns), run.scale.x(role.end_ns));
    let (class, word) = match role.role {
        ReplicaRole::Leader => ("role-leader", "leader"),
        ReplicaRole::InSync => ("role-in-sync", "in sync"),
        ReplicaRole::OutOfSync => ("role-out-of-sync", "out of sync"),
    };
    let (long, short) = (format!("{word}, epoch {}", role.epoch), format!("e{}", role.epoch));
    let text = [long, short].into_iter().find(|text| to - from > text_width(text) + 8.0);
    let text_class = if role.role == ReplicaRole::Leader { "epoch on-leader" } else { "epoch" };
    html! {
        rect.(class) x=(num(from)) y=(y) width=(num((to - from).max(1.0))) height=(height) {}
        @if let Some(text) = text {
            text class=(text_class) x=(num(from + 5.0)) y=(y + height / 2 + 4) { (text) }
        }
    }
}
