//! The keys of a consumer group: `members`, `group`, `work`, `commit`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem};
use super::super::distribution::Distribution;
use super::super::plan::{Commit, ConsumerPlan, GroupPlan};
use super::super::read::Section;
use super::super::schema;
use super::super::settings::Given;
use super::super::tree::shorten;
use super::super::units::DurationRange;
use super::load::CLIENTS_MAX;

/// Longest id of a group, in bytes. Kafka has no limit; names of files and topics have this one.
const ID_MAX: usize = 249;

/// The group of `[consumer.NAME]`: `Some(None)` if it has none, `None` if its keys are wrong.
pub(super) fn group(sink: &mut Sink<'_>, section: &Section<'_>, name: &str) -> Option<Option<GroupPlan>> {
    if section.entry("members").is_none() {
        without_members(sink, section);
        return Some(None);
    }
    let members = section.integer(sink, "members", 1, CLIENTS_MAX);
    let id = match section.entry("group") {
        Some(_) => id(sink, section),
        None => Some(name.to_owned()),
    };
    let work = match section.entry("work") {
        Some(_) => section.distribution(sink, "work"),
        None => Some(Distribution::Range(DurationRange::exactly(Duration::ZERO))),
    };
    let commit = match section.entry("commit") {
        Some(_) => commit(sink, section),
        None => Some(Commit::default()),
    };
    let members = u32::try_from(members?).ok()?;
    Some(Some(GroupPlan { id: id?, members, added_max: 0, work: work?, commit: commit? }))
}

/// The settings that the keys of a group stand for: `group.id`, and whether the consumer commits by itself.
pub(super) fn settings(sink: &mut Sink<'_>, section: &Section<'_>, group: &GroupPlan, given: &mut Given) {
    for (name, key) in [("group.id", "group"), ("enable.auto.commit", "commit")] {
        if let Some(span) = given.span(name) {
            let message = format!("`{name}` is what `{key}` says");
            let problem = TextProblem::new(codes::BAD_GROUP, 0..0, message).label("said twice");
            sink.push(span, problem.help(format!("leave it out and write `{key}` beside `members`")));
        }
    }
    let commits_itself = matches!(group.commit, Commit::Auto | Commit::AutoAsync);
    given.stands_for("group.id", group.id.clone(), section.entry("group"));
    given.stands_for("enable.auto.commit", commits_itself.to_string(), section.entry("commit"));
}

/// Notes tables whose group is another table's already: its figures would be counted twice.
pub(super) fn one_table_each(sink: &mut Sink<'_>, top: &Section<'_>, consumers: &[ConsumerPlan]) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for consumer in consumers {
        let Some(group) = &consumer.group else { continue };
        let Some(owner) = taken.insert(&group.id, &consumer.name) else { continue };
        let table = top.node("consumer").and_then(|node| node.table());
        let Some(entry) = table.and_then(|table| table.get(&consumer.name)) else { continue };
        let message = format!("the group `{}` is that of [consumer.{owner}] already", shorten(&group.id));
        let problem = TextProblem::new(codes::BAD_GROUP, 0..0, message).label("the second table");
        sink.push(entry.key_span, problem.help("raise `members` of the first, or name another `group`"));
    }
}

fn without_members(sink: &mut Sink<'_>, section: &Section<'_>) {
    for entry in schema::GROUP.iter().filter_map(|key| section.entry(key)) {
        let message = format!("`{}` means nothing without `members`", section.path_of(&entry.key));
        let problem = TextProblem::new(codes::BAD_GROUP, 0..0, message).label("a key of consumer groups");
        sink.push(entry.key_span, problem.help("add a line like: members = 6"));
    }
}

fn id(sink: &mut Sink<'_>, section: &Section<'_>) -> Option<String> {
    let (id, node) = section.text(sink, "group")?;
    if !id.is_empty() && id.len() <= ID_MAX {
        return Some(id.to_owned());
    }
    let message = format!("`{}` cannot be the id of a group", section.path_of("group"));
    let problem = TextProblem::new(codes::BAD_NAME, 0..0, message);
    sink.push(node.span, problem.label(format!("expected 1 to {ID_MAX} characters")));
    None
}

fn commit(sink: &mut Sink<'_>, section: &Section<'_>) -> Option<Commit> {
    let names: Vec<&'static str> = Commit::NAMED.iter().map(|(name, _)| *name).collect();
    let word = section.word(sink, "commit", &names)?;
    Commit::NAMED.iter().find(|(name, _)| *name == word).map(|(_, commit)| *commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::plan::Plan;

    fn plan(keys: &str) -> Plan {
        let text = format!(
            "format = 1\nname = \"t\"\n[run]\nduration = \"40s\"\n[topic.orders]\n[producer.shop]\ntopic = \"orders\"\n\
             rate = \"5/s\"\n[consumer.billing]\ntopics = [\"orders\"]\n{keys}"
        );
        crate::scenario::planned(&text).variants.remove(0)
    }

    #[test]
    fn a_group_is_called_like_its_table_and_commits_what_it_has_processed() {
        let group = plan("members = 6").consumers[0].group.clone();
        let work = Distribution::Range(DurationRange::exactly(Duration::ZERO));
        let expected = GroupPlan {
            id: "billing".to_owned(),
            members: 6,
            added_max: 0,
            work,
            commit: Commit::AfterProcessing,
        };
        assert_eq!(group, Some(expected));
    }

    #[test]
    fn the_keys_of_a_group_are_its_own() {
        let keys = "members = 1\ngroup = \"g\"\nwork = \"1ms..4ms\"\ncommit = \"auto-async\"";
        let group = plan(keys).consumers[0].group.clone().expect("a group");
        assert_eq!((group.id.as_str(), group.commit), ("g", Commit::AutoAsync));
        assert_eq!(group.work, Distribution::micros(1_000, 4_000));
    }

    #[test]
    fn the_keys_of_a_group_stand_for_settings() {
        let properties = |keys: &str| plan(keys).consumers[0].properties.clone();
        let auto = properties("members = 1\ngroup = \"g\"\ncommit = \"auto\"");
        let get = |name: &str| auto.get(name).map(String::as_str);
        assert_eq!((get("group.id"), get("enable.auto.commit")), (Some("g"), Some("true")));
        assert_eq!(properties("members = 1").get("enable.auto.commit").map(String::as_str), Some("false"));
        assert!(!properties("").contains_key("group.id"));
    }

    #[test]
    fn every_member_has_a_host_and_a_consumer_without_group_has_one() {
        assert_eq!(plan("members = 2").consumers[0].hosts(), ["billing-0", "billing-1"]);
        assert_eq!(plan("").consumers[0].hosts(), ["billing"]);
    }
}
