//! The in-sync replicas of the partitions shown, over time.

use std::cmp::Reverse;

use tribunal_engine::event::Event;
use tribunal_engine::id::TopicPartition;
use tribunal_reports::artifact::{IsrStep, IsrTrack};

use super::lanes;
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::view::What;

/// Partitions the page shows over time.
const SHOWN_MAX: usize = 8;

/// The partitions that changed most, and by name among equals.
pub(super) fn shown_partitions(run: &RunOutcome) -> Vec<&TopicPartition> {
    let changes = lanes::changes(run);
    let mut partitions: Vec<&TopicPartition> = run.view.partitions.keys().collect();
    partitions.sort_by_key(|partition| (Reverse(changes.get(partition).copied().unwrap_or(0)), *partition));
    partitions.truncate(SHOWN_MAX);
    partitions
}

/// One track for each partition shown.
pub(super) fn tracks(plan: &Plan, run: &RunOutcome) -> Vec<IsrTrack> {
    shown_partitions(run).into_iter().map(|partition| track(plan, run, partition)).collect()
}

fn track(plan: &Plan, run: &RunOutcome, name: &TopicPartition) -> IsrTrack {
    let topic = plan.topics.iter().find(|topic| topic.name == name.topic);
    let min = run.view.partitions.get(name).map_or(1, |view| view.min_insync_replicas);
    let mut steps: Vec<IsrStep> = Vec::new();
    for happening in &run.view.happenings {
        let What::Event(
            Event::LeaderElected { partition, isr, .. } | Event::IsrChanged { partition, isr, .. },
        ) = &happening.what
        else {
            continue;
        };
        let mut members: Vec<i32> = isr.iter().map(|member| member.0).collect();
        members.sort_unstable();
        if partition == name && steps.last().is_none_or(|last| last.members != members) {
            steps.push(IsrStep { at_ns: happening.at.as_nanos(), members });
        }
    }
    IsrTrack {
        partition: name.to_string(),
        replicas: topic.map_or(0, |topic| u32::try_from(topic.replication).unwrap_or(0)),
        min_insync_replicas: u32::try_from(min).unwrap_or(u32::MAX),
        steps,
    }
}
