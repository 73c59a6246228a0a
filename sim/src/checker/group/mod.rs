//! Checkers of consumer groups: one property, one file.
//!
//! They compare two views of a group: what its members saw ([`MemberLife`]) and what its coordinators decided
//! ([`GroupView`]). A group is judged only if a scenario has one.

pub mod acknowledged_commit_survives;
pub mod assignment_complete;
pub mod at_least_once_processing;
pub mod commits_never_regress;
pub(crate) mod ownership;
pub mod rebalance_ends;
#[cfg(test)]
pub(crate) mod sample;
pub mod single_owner_per_generation;
pub mod zombie_commit_fenced;

use std::collections::BTreeMap;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Duration;

use crate::history::{History, MemberLife};
use crate::scenario::Plan;
use crate::scenario::plan::ConsumerPlan;
use crate::view::{ClusterView, GroupView};

/// A group with everything known of it.
pub(crate) struct Group<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// The table of the scenario.
    pub(crate) table: &'a ConsumerPlan,
    /// Every boot of every member.
    pub(crate) lives: Vec<&'a MemberLife>,
    /// What its coordinators told; `None` if nothing.
    pub(crate) view: Option<&'a GroupView>,
    /// Every partition of its subscription.
    pub(crate) partitions: Vec<TopicPartition>,
}

impl Group<'_> {
    /// How long one step of a rebalance may take: the slowest member is waited for until the rebalance timeout
    /// (`max.poll.interval.ms`), a dead one until its session ends.
    pub(crate) fn patience(&self) -> Duration {
        let member = self.table.config.membership.as_ref();
        member.map_or(Duration::ZERO, |member| member.max_poll_interval + member.session_timeout)
    }
}

/// The groups of a scenario.
pub(crate) fn groups<'a>(
    plan: &'a Plan,
    history: &'a History,
    view: &'a ClusterView,
) -> impl Iterator<Item = Group<'a>> {
    let counts: BTreeMap<_, _> = plan.topics.iter().map(|topic| (&topic.name, topic.partitions)).collect();
    plan.consumers.iter().filter_map(move |table| {
        let group = table.group.as_ref()?;
        let partitions = table.topics.iter().flat_map(|topic| {
            let count = counts.get(topic).copied().unwrap_or(0);
            (0..count).map(|index| TopicPartition::new(topic.as_str(), index))
        });
        Some(Group {
            id: &group.id,
            table,
            lives: history.members.iter().filter(|life| life.group == group.id).collect(),
            view: view.groups.get(&group.id),
            partitions: partitions.collect(),
        })
    })
}
