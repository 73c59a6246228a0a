//! What rebalances cost the members: time, partitions that moved, records given twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;

use super::GroupFigures;
use crate::checker::group::Group;
use crate::history::MemberLife;
use crate::measure::Span;

/// How long a member owned nothing because of rebalances, and how long it lived since it first owned something.
pub(super) fn stopped(life: &MemberLife, rebalances: &[Span], end: Instant) -> (Duration, Duration) {
    let last = life.ended.unwrap_or(end);
    let mut owned: Vec<Span> = life
        .ownerships
        .iter()
        .map(|one| Span { start: one.from, end: one.until.unwrap_or(last).min(last) })
        .collect();
    owned.sort();
    let Some(first) = owned.first().copied() else { return (Duration::ZERO, Duration::ZERO) };
    let mut stopped = Duration::ZERO;
    let mut until = first.end;
    for next in owned {
        let gap = Span { start: until, end: next.start };
        if gap.start < gap.end && rebalances.iter().any(|rebalance| rebalance.overlaps(&gap)) {
            stopped += gap.length();
        }
        until = until.max(next.end);
    }
    (stopped, last.since(first.start))
}

/// Partitions that got another owner, and how long those waited whose owner died.
pub(super) fn between_owners(group: &Group<'_>, figures: &mut GroupFigures) {
    let mut owners: BTreeMap<&TopicPartition, Vec<(Instant, &MemberLife, bool)>> = BTreeMap::new();
    for life in &group.lives {
        for ownership in &life.ownerships {
            let Some(partition) = life.partition(ownership.partition) else { continue };
            let died = ownership.until.is_none() && life.ended.is_some();
            owners.entry(partition).or_default().push((ownership.from, life, died));
        }
    }
    for mut owners in owners.into_values() {
        owners.sort_by_key(|(from, ..)| *from);
        for pair in owners.windows(2) {
            let [(_, before, died), (from, after, _)] = pair else { continue };
            figures.moved += u64::from(before.name != after.name);
            if let Some(death) = before.ended.filter(|death| *died && death <= from) {
                figures.takeovers.record(from.since(death));
            }
        }
    }
}

/// Records processed, given again, and processed by somebody who was no member any more.
pub(super) fn deliveries(group: &Group<'_>, figures: &mut GroupFigures) {
    let mut seen = BTreeSet::new();
    for life in &group.lives {
        let expelled: Vec<Option<Instant>> = life
            .ownerships
            .iter()
            .map(|ownership| {
                let departure = group.view?.left(&ownership.member, ownership.from)?;
                Some(departure.at)
            })
            .collect();
        for delivery in &life.deliveries {
            let Some(partition) = life.partition(delivery.partition) else { continue };
            figures.redelivered += u64::from(!seen.insert((partition, delivery.offset, delivery.record)));
            let Some(processed) = delivery.processed else { continue };
            figures.processed += 1;
            let expelled = expelled.get(delivery.ownership as usize).copied().flatten();
            figures.by_zombies += u64::from(expelled.is_some_and(|at| at < processed));
        }
    }
}
