//! Consumer groups, as the page shows them: figures over all seeds, and the lanes and the lag of one run.

use std::collections::BTreeMap;

use tribunal_engine::time::Instant;
use tribunal_reports::artifact::{
    GroupFigures, GroupTrack, LagTrack, LagWindow, OwnerInterval, OwnerLane, RebalanceBand,
};

use super::variant::percentiles;
use crate::checker::group::{Group, groups};
use crate::measure::{self, Lag};
use crate::run::RunOutcome;
use crate::scenario::Plan;
use crate::scenario::plan::ConsumerPlan;

/// The figures of every group of a variant.
pub(super) fn figures(groups: &BTreeMap<String, measure::GroupFigures>) -> Vec<GroupFigures> {
    let one = |(table, figures): (&String, &measure::GroupFigures)| GroupFigures {
        group: table.clone(),
        rebalances: figures.rebalances,
        rebalance_time: percentiles(&figures.rebalance_time),
        stopped_millionths: figures.stopped_share(),
        moved: figures.moved,
        takeover: percentiles(&figures.takeovers),
        processed: figures.processed,
        redelivered: figures.redelivered,
        by_zombies: figures.by_zombies,
        max_lag: figures.max_lag.map(|(records, _)| records),
        max_lag_age_ns: figures.max_lag.map(|(_, age)| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
        lag_at_end: figures.lag_at_end,
    };
    groups.iter().map(one).collect()
}

/// Owners and rebalances of every group of a run.
pub(super) fn tracks(plan: &Plan, run: &RunOutcome, end: Instant) -> Vec<GroupTrack> {
    groups(plan, &run.history, &run.view).map(|group| track(&group, end)).collect()
}

fn track(group: &Group<'_>, end: Instant) -> GroupTrack {
    let mut members: Vec<&str> = Vec::new();
    for life in &group.lives {
        if !members.contains(&life.name.as_str()) {
            members.push(&life.name);
        }
    }
    let lane = |partition: &tribunal_engine::id::TopicPartition| {
        let mut owners: Vec<OwnerInterval> = Vec::new();
        for life in &group.lives {
            let member = members.iter().position(|name| *name == life.name).unwrap_or(0);
            let last = life.ended.unwrap_or(end);
            for own in life.ownerships.iter().filter(|own| life.partition(own.partition) == Some(partition)) {
                let until = own.until.unwrap_or(last).min(last);
                let left = group.view.and_then(|view| view.left(&own.member, own.from));
                owners.push(OwnerInterval {
                    member: u32::try_from(member).unwrap_or(u32::MAX),
                    epoch: own.epoch,
                    start_ns: own.from.as_nanos(),
                    end_ns: until.as_nanos(),
                    zombie_from_ns: left.map(|left| left.at).filter(|at| *at < until).map(Instant::as_nanos),
                });
            }
        }
        owners.sort_by_key(|owner| (owner.start_ns, owner.end_ns));
        OwnerLane { partition: partition.to_string(), owners }
    };
    GroupTrack {
        group: group.table.name.clone(),
        partitions: group.partitions.iter().map(lane).collect(),
        rebalances: rebalances(group, end),
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn rebalances(group: &Group<'_>, end: Instant) -> Vec<RebalanceBand> {
    let all = group.view.map_or(&[][..], |view| view.rebalances.as_slice());
    let next = |index: usize| all.get(index + 1).map(|next| next.began);
    all.iter()
        .enumerate()
        .map(|(index, rebalance)| RebalanceBand {
            epoch: rebalance.epoch,
            why: rebalance.why.clone(),
            start_ns: rebalance.began.as_nanos(),
            end_ns: rebalance.ended.or(next(index)).unwrap_or(end).as_nanos(),
            ended: rebalance.ended.is_some(),
        })
        .collect()
}

/// How far every group of a run was behind, at the end of each window.
pub(super) fn lag(plan: &Plan, run: &RunOutcome, window_ns: u64, duration_ns: u64) -> Vec<LagTrack> {
    let tables = plan.consumers.iter().filter(|table| table.group.is_some());
    let track = |table: &ConsumerPlan| {
        let lag = measure::lag(plan, run, &table.name)?;
        Some(LagTrack { group: table.name.clone(), windows: windows(&lag, window_ns, duration_ns) })
    };
    tables.filter_map(track).collect()
}

fn windows(lag: &Lag, window_ns: u64, duration_ns: u64) -> Vec<LagWindow> {
    let mut next = 0;
    let mut last = (0, None::<Instant>);
    let window = |index: u64| {
        let start_ns = index * window_ns;
        let end = Instant::from_nanos((start_ns + window_ns).min(duration_ns));
        while let Some(step) = lag.steps.get(next).filter(|step| step.at < end) {
            last = (step.records, step.oldest);
            next += 1;
        }
        let age_ns = last.1.map_or(0, |oldest| end.as_nanos().saturating_sub(oldest.as_nanos()));
        LagWindow { start_ns, records: last.0, age_ns }
    };
    (0..duration_ns.div_ceil(window_ns)).map(window).collect()
}
