//! CreateTopics (Kafka's `ReplicationControlManager.createTopics`).

use std::collections::BTreeSet;

use uuid::Builder;

use super::placement::place;
use super::{Controller, Decision};
use crate::config::{Scope, check};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName};
use crate::message::{CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, NewTopic};
use crate::metadata::{ConfigResource, MetadataRecord, PartitionImage};

/// Why a topic cannot be created: the code and a sentence for a person.
type Refusal = (ErrorCode, String);

impl Controller {
    pub(super) fn decide_create_topics(&mut self, request: &CreateTopicsRequest) -> Decision {
        let mut records = Vec::new();
        let mut topics = Vec::new();
        let mut seen = BTreeSet::new();
        for topic in &request.topics {
            let planned = if seen.insert(topic.name.clone()) {
                self.plan_topic(topic)
            } else {
                Err((ErrorCode::InvalidRequest, "the topic is named twice in one request".to_owned()))
            };
            topics.push(match planned {
                Ok((id, replicas, planned)) => {
                    if !request.validate_only {
                        records.extend(planned);
                    }
                    created(topic, id, &replicas)
                }
                Err(refusal) => refused(topic, refusal),
            });
        }
        Decision { records, response: CreateTopicsResponse { topics }.into() }
    }

    #[expect(
        clippy::type_complexity,
        reason = "the three parts of one plan, taken apart at once by the caller"
    )]
    fn plan_topic(
        &mut self,
        topic: &NewTopic,
    ) -> Result<(TopicId, Vec<Vec<NodeId>>, Vec<MetadataRecord>), Refusal> {
        TopicName::check(&topic.name).map_err(|problem| (ErrorCode::InvalidTopicException, problem))?;
        let name = TopicName::new(&topic.name);
        if self.image.topics().contains_key(&name) {
            return Err((ErrorCode::TopicAlreadyExists, format!("topic `{name}` already exists")));
        }
        for (key, value) in &topic.configs {
            check(Scope::Topic, key, value.as_deref().unwrap_or(""))
                .map_err(|problem| (ErrorCode::InvalidConfig, problem.to_string()))?;
        }
        let replicas = self.assign(topic)?;
        let id = TopicId(Builder::from_random_bytes(self.draw_bytes()).into_uuid());
        let mut records = vec![MetadataRecord::Topic { name, id }];
        for (key, value) in &topic.configs {
            let value = value.clone().unwrap_or_default();
            let resource = ConfigResource::Topic(TopicName::new(&topic.name));
            records.push(MetadataRecord::Config { resource, name: key.clone(), value: Some(value) });
        }
        for (index, replicas) in (0..).map(PartitionIndex).zip(&replicas) {
            records.push(self.new_partition(id, index, replicas));
        }
        Ok((id, replicas, records))
    }

    fn new_partition(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        replicas: &[NodeId],
    ) -> MetadataRecord {
        let mut isr: Vec<NodeId> =
            replicas.iter().copied().filter(|broker| self.image.is_active(*broker)).collect();
        let leader = isr.first().copied();
        isr.sort_unstable();
        MetadataRecord::Partition {
            topic,
            partition,
            state: PartitionImage::new(replicas.to_vec(), isr, leader),
        }
    }

    fn assign(&mut self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        if !topic.assignments.is_empty() {
            return self.check_assignment(topic);
        }
        let config = &self.settings.config;
        let partitions = if topic.partitions == -1 { config.num_partitions } else { topic.partitions };
        let replication = if topic.replication_factor == -1 {
            config.default_replication_factor
        } else {
            topic.replication_factor
        };
        let Some(partitions) = usize::try_from(partitions).ok().filter(|count| *count >= 1) else {
            return Err((
                ErrorCode::InvalidPartitions,
                format!("{partitions} partitions; at least 1 is needed"),
            ));
        };
        let active: Vec<NodeId> = self.image.active_brokers().collect();
        match usize::try_from(replication) {
            Ok(count) if count >= 1 && count <= active.len() => {
                Ok(place(&active, partitions, count, &mut self.settings.rng))
            }
            _ => {
                let problem =
                    format!("replication factor {replication}, but {} brokers are alive", active.len());
                Err((ErrorCode::InvalidReplicationFactor, problem))
            }
        }
    }

    fn check_assignment(&self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let refuse = |problem: &str| Err((ErrorCode::InvalidReplicaAssignment, problem.to_owned()));
        if topic.partitions != -1 || topic.replication_factor != -1 {
            let problem = "give either replicas by hand or counts, not both".to_owned();
            return Err((ErrorCode::InvalidRequest, problem));
        }
        let mut assignments = topic.assignments.clone();
        assignments.sort();
        if !assignments
            .iter()
            .map(|(index, _)| index.0)
            .eq(0..i32::try_from(assignments.len()).unwrap_or(i32::MAX))
        {
            return refuse("partitions must be numbered from 0 without gaps");
        }
        for (_, replicas) in &assignments {
            let distinct: BTreeSet<_> = replicas.iter().collect();
            if replicas.is_empty() || distinct.len() != replicas.len() {
                return refuse("replicas of a partition must be distinct, and at least one");
            }
            if !replicas.iter().any(|broker| self.image.is_active(*broker))
                || !replicas.iter().all(|broker| self.image.brokers().contains_key(broker))
            {
                return refuse("every replica must be a registered broker, and one of them alive");
            }
        }
        Ok(assignments.into_iter().map(|(_, replicas)| replicas).collect())
    }

    fn draw_bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.settings.rng.next_u64(), self.settings.rng.next_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

fn created(topic: &NewTopic, id: TopicId, replicas: &[Vec<NodeId>]) -> CreatedTopic {
    CreatedTopic {
        name: topic.name.clone(),
        id,
        error: ErrorCode::None,
        error_message: None,
        partitions: i32::try_from(replicas.len()).unwrap_or(i32::MAX),
        replication_factor: replicas
            .first()
            .map_or(-1, |first| i16::try_from(first.len()).unwrap_or(i16::MAX)),
    }
}

fn refused(topic: &NewTopic, (error, message): Refusal) -> CreatedTopic {
    CreatedTopic {
        name: topic.name.clone(),
        id: TopicId::ZERO,
        error,
        error_message: Some(message),
        partitions: -1,
        replication_factor: -1,
    }
}
