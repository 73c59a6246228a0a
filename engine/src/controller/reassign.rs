//! Reassignments (KIP-455; Kafka's `ReplicationControlManager.alterPartitionReassignments`).
//!
//! A reassignment first adds the new replicas to the old ones. They catch up and join the ISR as anybody does; the
//! AlterPartition that brings the last of them in also completes the move: the old replicas go, in a new leader epoch
//! ([`super::change`]). A cancelled one removes what it had added.

use super::{Controller, Decision, Refusal};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingReassignment,
    PartitionOutcome, Reassignment,
};
use crate::metadata::{MetadataRecord, PartitionChange};

impl Controller {
    pub(super) fn decide_alter_reassignments(
        &self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> Decision {
        let mut records = Vec::new();
        let mut partitions = Vec::new();
        for asked in &request.partitions {
            let (error, error_message) = match self.reassign(asked) {
                Ok(change) => {
                    records.extend(change.map(MetadataRecord::PartitionChange));
                    (ErrorCode::None, None)
                }
                Err((error, problem)) => (error, Some(problem)),
            };
            partitions.push(PartitionOutcome { partition: asked.partition.clone(), error, error_message });
        }
        let (error, error_message) = (ErrorCode::None, None);
        let response = AlterPartitionReassignmentsResponse { error, error_message, partitions }.into();
        Decision { records, response }
    }

    fn reassign(&self, asked: &Reassignment) -> Result<Option<PartitionChange>, Refusal> {
        let TopicPartition { topic, partition: index } = &asked.partition;
        let unknown = || (ErrorCode::UnknownTopicOrPartition, format!("there is no {}", asked.partition));
        let topic = self.image.topics().get(topic).ok_or_else(unknown)?;
        let current = topic.partitions.get(index).ok_or_else(unknown)?;
        let acceptable = |broker| self.image.is_active(broker);
        let builder = self.change(topic, *index, current, &acceptable);
        let before = without(&current.replicas, &current.adding);
        let Some(target) = &asked.replicas else {
            if !current.is_reassigning() {
                let problem = "no reassignment of the partition goes on".to_owned();
                return Err((ErrorCode::NoReassignmentInProgress, problem));
            }
            let isr = without(&current.isr, &current.adding);
            if isr.is_empty() && !current.isr.is_empty() {
                let problem =
                    "without the added replicas nobody is in sync: this would be an unclean election";
                return Err((ErrorCode::InvalidReplicaAssignment, problem.to_owned()));
            }
            return Ok(builder.isr(isr).assignment(before, Vec::new(), Vec::new()).build());
        };
        self.check_replicas(target, None)?;
        let (adding, removing) = (without(target, &before), without(&current.replicas, target));
        let replicas = [target.as_slice(), &removing].concat();
        Ok(builder.assignment(replicas, adding, removing).build())
    }

    pub(super) fn list_reassignments(&self, request: &ListPartitionReassignmentsRequest) -> Decision {
        let asked = |partition: &TopicPartition| {
            request.partitions.as_ref().is_none_or(|asked| asked.contains(partition))
        };
        let moving = self.image.partitions().filter(|(_, _, partition)| partition.is_reassigning());
        let described = moving.map(|(topic, index, partition)| OngoingReassignment {
            partition: TopicPartition { topic: topic.name.clone(), partition: index },
            replicas: partition.replicas.clone(),
            adding: partition.adding.clone(),
            removing: partition.removing.clone(),
        });
        Decision::reply(ListPartitionReassignmentsResponse {
            error: ErrorCode::None,
            error_message: None,
            partitions: described.filter(|ongoing| asked(&ongoing.partition)).collect(),
        })
    }
}

fn without(brokers: &[NodeId], gone: &[NodeId]) -> Vec<NodeId> {
    brokers.iter().copied().filter(|broker| !gone.contains(broker)).collect()
}
