//! CreateTopics (Kafka's `ReplicationControlManager.createTopics`).

use std::collections::BTreeMap;

use uuid::Builder;

use super::{Controller, Decision, Refusal};
use crate::config::{Scope, check};
use crate::error::ErrorCode;
use crate::id::{NodeId, PartitionIndex, TopicId, TopicName};
use crate::message::{CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, NewTopic};
use crate::metadata::{ConfigResource, MetadataRecord, PartitionImage};

impl Controller {
    pub(super) fn decide_create_topics(&mut self, request: &CreateTopicsRequest) -> Decision {
        let mut records = Vec::new();
        let mut topics = Vec::new();
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in &request.topics {
            *named.entry(&topic.name).or_default() += 1;
        }
        for topic in &request.topics {
            let planned = match named.get(topic.name.as_str()) {
                Some(1) => self.plan_topic(topic),
                _ => Err((ErrorCode::InvalidRequest, "the topic is named twice in one request".to_owned())),
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
        // Names of metrics cannot tell a dot from an underscore.
        let flat = |name: &str| name.replace('.', "_");
        let twin = self.image.topics().keys().find(|other| flat(other.as_str()) == flat(&topic.name));
        if let Some(twin) = twin {
            return Err((ErrorCode::InvalidTopicException, format!("the name collides with topic `{twin}`")));
        }
        for (key, value) in &topic.configs {
            let invalid = |problem: String| (ErrorCode::InvalidConfig, problem);
            let value = value.as_deref().ok_or_else(|| invalid(format!("no value for `{key}`")))?;
            check(Scope::Topic, key, value).map_err(|problem| invalid(problem.to_string()))?;
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

    /// A new partition with these replicas: those that are alive are in sync, the first of them leads.
    pub(super) fn new_partition(
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
        let Some(replication) = usize::try_from(replication).ok().filter(|count| *count >= 1) else {
            let problem = format!("replication factor {replication}; at least 1 is needed");
            return Err((ErrorCode::InvalidReplicationFactor, problem));
        };
        self.place_partitions(partitions, replication)
    }

    fn check_assignment(&self, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
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
            let problem = "partitions must be numbered from 0 without gaps".to_owned();
            return Err((ErrorCode::InvalidReplicaAssignment, problem));
        }
        let replication = assignments.first().map(|(_, replicas)| replicas.len());
        for (_, replicas) in &assignments {
            self.check_replicas(replicas, replication)?;
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
