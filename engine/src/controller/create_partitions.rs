//! CreatePartitions (Kafka's `ReplicationControlManager.createPartitions`): a topic gets more partitions; it never
//! gets fewer.

use std::collections::BTreeMap;

use super::placement::place;
use super::{Controller, Decision, Refusal};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicName};
use crate::message::{CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, MorePartitions};
use crate::metadata::MetadataRecord;

impl Controller {
    pub(super) fn decide_create_partitions(&mut self, request: &CreatePartitionsRequest) -> Decision {
        let mut named: BTreeMap<&TopicName, usize> = BTreeMap::new();
        for more in &request.topics {
            *named.entry(&more.topic).or_default() += 1;
        }
        let mut records = Vec::new();
        let mut topics = Vec::new();
        for more in &request.topics {
            let planned = match named.get(&more.topic) {
                Some(1) => self.plan_partitions(more),
                _ => Err((ErrorCode::InvalidRequest, "the topic is named twice in one request".to_owned())),
            };
            let topic = more.topic.clone();
            topics.push(match planned {
                Ok(planned) => {
                    if !request.validate_only {
                        records.extend(planned);
                    }
                    CreatedPartitions { topic, error: ErrorCode::None, error_message: None }
                }
                Err((error, problem)) => CreatedPartitions { topic, error, error_message: Some(problem) },
            });
        }
        Decision { records, response: CreatePartitionsResponse { topics }.into() }
    }

    fn plan_partitions(&mut self, more: &MorePartitions) -> Result<Vec<MetadataRecord>, Refusal> {
        let name = &more.topic;
        let unknown = || (ErrorCode::UnknownTopicOrPartition, format!("there is no topic `{name}`"));
        let topic = self.image.topics().get(name).ok_or_else(unknown)?;
        let (id, current) = (topic.id, topic.partitions.len());
        let replication = topic.partitions.values().next().map_or(1, |first| first.replicas.len());
        let wanted = usize::try_from(more.count).unwrap_or(0);
        if wanted <= current {
            let problem = format!("topic `{name}` has {current} partitions; {} is no increase", more.count);
            return Err((ErrorCode::InvalidPartitions, problem));
        }
        let replicas = match &more.assignments {
            Some(chosen) if chosen.len() != wanted - current => {
                let problem = format!(
                    "{} new partitions, but replicas are given for {}",
                    wanted - current,
                    chosen.len()
                );
                return Err((ErrorCode::InvalidReplicaAssignment, problem));
            }
            Some(chosen) => {
                for replicas in chosen {
                    self.check_replicas(replicas, Some(replication))?;
                }
                chosen.clone()
            }
            None => self.place_partitions(wanted - current, replication)?,
        };
        let first = i32::try_from(current).unwrap_or(i32::MAX);
        let indexes = (first..).map(PartitionIndex);
        Ok(indexes.zip(&replicas).map(|(index, replicas)| self.new_partition(id, index, replicas)).collect())
    }

    /// Places new partitions on the active brokers.
    pub(super) fn place_partitions(
        &mut self,
        partitions: usize,
        replication: usize,
    ) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let active: Vec<NodeId> = self.image.active_brokers().collect();
        if partitions > super::PARTITIONS_MAX {
            let problem = format!("more than {} partitions in one request", super::PARTITIONS_MAX);
            return Err((ErrorCode::PolicyViolation, problem));
        }
        if replication == 0 || replication > active.len() {
            let problem = format!("replication factor {replication}, but {} brokers are alive", active.len());
            return Err((ErrorCode::InvalidReplicationFactor, problem));
        }
        Ok(place(&active, partitions, replication, &mut self.settings.rng))
    }

    /// Whether replicas chosen by hand may hold a partition: distinct registered brokers, one of them alive, as many
    /// as the other partitions of the topic have.
    pub(super) fn check_replicas(
        &self,
        replicas: &[NodeId],
        replication: Option<usize>,
    ) -> Result<(), Refusal> {
        let refuse = |problem: String| Err((ErrorCode::InvalidReplicaAssignment, problem));
        let mut distinct = replicas.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        if replicas.is_empty() || distinct.len() != replicas.len() {
            return refuse("replicas of a partition must be distinct, and at least one".to_owned());
        }
        if let Some(stranger) = replicas.iter().find(|broker| !self.image.brokers().contains_key(broker)) {
            return refuse(format!("broker {stranger} is not registered"));
        }
        if replication.is_some_and(|replication| replication != replicas.len()) {
            return refuse("every partition of a topic must have equally many replicas".to_owned());
        }
        if !replicas.iter().any(|broker| self.image.is_active(*broker)) {
            return refuse("none of the replicas is alive".to_owned());
        }
        Ok(())
    }
}
