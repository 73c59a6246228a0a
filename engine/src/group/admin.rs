//! What those who look after groups ask: list, describe, delete.

use super::classic::GroupState;
use super::offsets::tombstone;
use super::record::Record;
use super::shard::Shard;
use super::{Caller, Outcome};
use crate::error::ErrorCode;
use crate::message::{DeleteGroupsResponse, DeletedGroup, DescribedGroup, ListGroupsRequest, ListedGroup};

/// The type of groups of the classic protocol.
const CLASSIC: &str = "classic";

impl Shard {
    /// The groups that a list asks for.
    #[must_use]
    pub fn list(&self, request: &ListGroupsRequest) -> Vec<ListedGroup> {
        let asked = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|asked| asked.eq_ignore_ascii_case(name))
        };
        let listed = self.groups.iter().filter(|(_, group)| {
            asked(&request.states, group.state().name()) && asked(&request.types, CLASSIC)
        });
        listed
            .map(|(name, group)| ListedGroup {
                group_id: name.clone(),
                protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
                state: group.state().name().to_owned(),
                group_type: CLASSIC.to_owned(),
            })
            .collect()
    }

    /// What is known of a group. One that does not exist is dead, which is no error.
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
        let refused = match self.groups.get(name) {
            None if name.is_empty() => Some(ErrorCode::InvalidGroupId),
            None => Some(ErrorCode::GroupIdNotFound),
            Some(group) if group.state() != GroupState::Empty => Some(ErrorCode::NonEmptyGroup),
            Some(_) => None,
        };
        let error = refused.unwrap_or(ErrorCode::None);
        let groups = vec![DeletedGroup { group_id: name.to_owned(), error }];
        let response = DeleteGroupsResponse { groups };
        if refused.is_some() {
            return out.answers.push((caller.ticket, response.into()));
        }
        let offsets = self.stored.group(name).into_iter().flat_map(|stored| stored.offsets.keys());
        let mut records: Vec<Record> = offsets.map(|partition| tombstone(name, partition)).collect();
        records.push(Record::Group { group: name.to_owned(), value: None });
        Shard::answer_when_stored(out, records, caller.ticket, response);
    }
}
