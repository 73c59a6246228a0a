//! What those who look after groups ask about a group of KIP-848, and what its offsets ask.

use super::change::assignor_name;
use super::{ConsumerGroup, Topics};
use crate::config::GroupConfig;
use crate::error::ErrorCode;
use crate::group::record::{ConsumerRecord, Record};
use crate::group::shard::Shard;
use crate::id::TopicId;
use crate::message::{DescribedConsumerGroup, DescribedConsumerMember};

/// `member_type` of a member that speaks the consumer protocol.
const CONSUMER_MEMBER: i8 = 1;

impl Shard {
    /// What is known of a group of KIP-848.
    #[must_use]
    pub fn describe_consumer_group(&self, name: &str, topics: &dyn Topics) -> DescribedConsumerGroup {
        if name.is_empty() {
            return DescribedConsumerGroup::refused(name, ErrorCode::InvalidGroupId, None);
        }
        match self.consumer_group(name) {
            Some(group) => group.describe(name, &self.config, topics),
            None => {
                let known = self.groups.contains_key(name);
                let why = if known { "is not a consumer group" } else { "not found" };
                let why = Some(format!("Group {name} {why}."));
                DescribedConsumerGroup::refused(name, ErrorCode::GroupIdNotFound, why)
            }
        }
    }
}

impl ConsumerGroup {
    fn describe(&self, name: &str, config: &GroupConfig, topics: &dyn Topics) -> DescribedConsumerGroup {
        let named = |id: TopicId| topics.name(id);
        let mut members = Vec::with_capacity(self.members.len());
        for (id, member) in &self.members {
            let current = self.current.get(id);
            members.push(DescribedConsumerMember {
                member_id: id.clone(),
                instance_id: member.instance_id.clone(),
                rack_id: member.rack_id.clone(),
                member_epoch: current.map_or(0, |current| current.epoch),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                subscribed_topic_names: member.subscribed.iter().cloned().collect(),
                subscribed_topic_regex: None,
                assignment: current.map(|current| current.assigned.named(named)).unwrap_or_default(),
                target_assignment: self.targets.get(id).map(|it| it.named(named)).unwrap_or_default(),
                member_type: CONSUMER_MEMBER,
            });
        }
        DescribedConsumerGroup {
            error: ErrorCode::None,
            error_message: None,
            group_id: name.to_owned(),
            state: self.state().to_owned(),
            group_epoch: self.group_epoch(),
            assignment_epoch: self.target_epoch,
            assignor: assignor_name(self, config).to_owned(),
            members,
        }
    }

    /// Whether a member, at the epoch it says, may commit or fetch offsets.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, or STALE_MEMBER_EPOCH if the member is at another epoch.
    pub(in crate::group) fn validate_member(&self, member: &str, epoch: i32) -> Result<(), ErrorCode> {
        if !self.members.contains_key(member) {
            return Err(ErrorCode::UnknownMemberId);
        }
        if self.member_epoch(member) == epoch { Ok(()) } else { Err(ErrorCode::StaleMemberEpoch) }
    }

    /// The epoch a member is at; 0 if it is none.
    pub(in crate::group) fn member_epoch(&self, member: &str) -> i32 {
        self.current.get(member).map_or(0, |current| current.epoch)
    }

    /// The records that forget the group, which has no members.
    pub(in crate::group) fn tombstones(&self, name: &str) -> Vec<Record> {
        let mut records = vec![ConsumerRecord::TargetEpoch(None)];
        if !self.topics.is_empty() {
            records.push(ConsumerRecord::Topics(None));
        }
        records.push(ConsumerRecord::Epoch(None));
        records.into_iter().map(|record| record.of(name)).collect()
    }
}
