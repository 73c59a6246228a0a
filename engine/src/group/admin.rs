//! What those who look after groups ask: list, describe, delete.

use super::classic::{CONSUMER, GroupState};
use super::offsets::{tombstone, write_in_batches};
use super::record::Record;
use super::shard::Shard;
use super::{Caller, Continuation, Outcome, Then};
use crate::error::ErrorCode;
use crate::message::{DeleteGroupsResponse, DeletedGroup, DescribedGroup, ListGroupsRequest, ListedGroup};

/// The type of groups of the classic protocol. That of groups of KIP-848 is `consumer`.
const CLASSIC: &str = "classic";

impl Shard {
    /// The groups that a list asks for.
    #[must_use]
    pub fn list(&self, request: &ListGroupsRequest) -> Vec<ListedGroup> {
        let asked = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|asked| asked.eq_ignore_ascii_case(name))
        };
        let classic = self.groups.iter().map(|(name, group)| ListedGroup {
            group_id: name.clone(),
            protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
            state: group.state().name().to_owned(),
            group_type: CLASSIC.to_owned(),
        });
        let consumers = self.stored.groups().iter();
        let consumers = consumers.filter_map(|(name, group)| Some((name, group.consumer.as_ref()?)));
        let consumers = consumers.map(|(name, group)| ListedGroup {
            group_id: name.clone(),
            protocol_type: CONSUMER.to_owned(),
            state: group.state().to_owned(),
            group_type: CONSUMER.to_owned(),
        });
        let is_asked = |group: &ListedGroup| {
            asked(&request.states, &group.state) && asked(&request.types, &group.group_type)
        };
        classic.chain(consumers).filter(is_asked).collect()
    }

    /// What is known of a group. One that does not exist is dead, which is no error; so is one of KIP-848, which is
    /// asked about otherwise.
    #[must_use]
    pub fn describe(&self, name: &str) -> DescribedGroup {
        match self.groups.get(name) {
            Some(group) => group.describe(),
            None => DescribedGroup {
                error: if name.is_empty() { ErrorCode::InvalidGroupId } else { ErrorCode::None },
                group_id: name.to_owned(),
                state: "Dead".to_owned(),
                protocol_type: String::new(),
                protocol: String::new(),
                members: Vec::new(),
            },
        }
    }

    /// Forgets a group that has no members, and its offsets.
    pub fn delete(&mut self, caller: &Caller, name: &str, out: &mut Outcome) {
        let consumers = self.consumer_group(name);
        let refused = match (self.groups.get(name), consumers) {
            (None, None) if name.is_empty() => Some(ErrorCode::InvalidGroupId),
            (None, None) => Some(ErrorCode::GroupIdNotFound),
            (Some(group), _) if group.state() != GroupState::Empty => Some(ErrorCode::NonEmptyGroup),
            (_, Some(group)) if !group.members.is_empty() => Some(ErrorCode::NonEmptyGroup),
            _ => None,
        };
        let error = refused.unwrap_or(ErrorCode::None);
        let groups = vec![DeletedGroup { group_id: name.to_owned(), error }];
        let response = DeleteGroupsResponse { groups };
        if refused.is_some() {
            return out.answers.push((caller.ticket, response.into()));
        }
        let offsets = self.stored.group(name).into_iter().flat_map(|stored| stored.offsets.keys());
        let mut records: Vec<Record> = offsets.map(|partition| tombstone(name, partition)).collect();
        match consumers {
            Some(group) => records.extend(group.tombstones(name)),
            None => records.push(Record::Group { group: name.to_owned(), value: None }),
        }
        let then = Then(Continuation::Answer(caller.ticket, response.into()));
        write_in_batches(out, records, then, Vec::new());
    }
}
