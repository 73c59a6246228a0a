//! Who owned a partition when, as far as it counts.
//!
//! A member owns a partition from the end of the callback that gave it to the end of the one that took it. It ends
//! earlier when its process dies, and when the coordinator stops counting it as a member: what it does after that it
//! does as a zombie, which no coordinator can prevent; commits of a zombie are another checker's business.

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Instant;

use super::Group;
use crate::history::MemberLife;

/// One stretch of ownership.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval<'a> {
    /// Whose.
    pub(crate) life: &'a MemberLife,
    /// The member id it had.
    pub(crate) member: &'a str,
    /// The generation or member epoch.
    pub(crate) epoch: i32,
    /// From.
    pub(crate) from: Instant,
    /// To.
    pub(crate) until: Instant,
}

/// Every stretch of ownership of each partition of a group, by start.
pub(crate) fn intervals<'a>(
    group: &Group<'a>,
    end: Instant,
) -> BTreeMap<&'a TopicPartition, Vec<Interval<'a>>> {
    let mut all: BTreeMap<&TopicPartition, Vec<Interval<'_>>> = BTreeMap::new();
    for life in &group.lives {
        for ownership in &life.ownerships {
            let Some(partition) = life.partition(ownership.partition) else { continue };
            let expelled = group.view.and_then(|view| view.left(&ownership.member, ownership.from));
            let ends = [ownership.until, life.ended, expelled.map(|departure| departure.at)];
            let until = ends.into_iter().flatten().min().unwrap_or(end);
            let (member, epoch, from) = (ownership.member.as_str(), ownership.epoch, ownership.from);
            all.entry(partition).or_default().push(Interval { life, member, epoch, from, until });
        }
    }
    for intervals in all.values_mut() {
        intervals.sort_by_key(|interval| (interval.from, interval.until));
    }
    all
}
