//! DeleteTopics (Kafka's `ReplicationControlManager.deleteTopics`). Brokers delete the logs when they learn of it.

use std::collections::BTreeMap;

use super::{Controller, Decision, Refusal};
use crate::error::ErrorCode;
use crate::id::TopicId;
use crate::message::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic, TopicRef};
use crate::metadata::{MetadataRecord, TopicImage};

impl Controller {
    pub(super) fn decide_delete_topics(&self, request: &DeleteTopicsRequest) -> Decision {
        let found: Vec<Result<&TopicImage, Refusal>> =
            request.topics.iter().map(|asked| self.find_topic(asked)).collect();
        let mut named: BTreeMap<TopicId, usize> = BTreeMap::new();
        for topic in found.iter().flatten() {
            *named.entry(topic.id).or_default() += 1;
        }
        let mut records = Vec::new();
        let mut topics = Vec::new();
        for (asked, found) in request.topics.iter().zip(found) {
            let outcome = found.and_then(|topic| match named.get(&topic.id) {
                Some(1) => Ok(topic),
                _ => Err((ErrorCode::InvalidRequest, "the topic is named twice in one request".to_owned())),
            });
            topics.push(match outcome {
                Ok(topic) => {
                    records.push(MetadataRecord::RemoveTopic { id: topic.id });
                    let (name, id) = (Some(topic.name.clone()), topic.id);
                    DeletedTopic { name, id, error: ErrorCode::None, error_message: None }
                }
                Err((error, problem)) => {
                    let (name, id) = (asked.name.clone(), asked.id);
                    DeletedTopic { name, id, error, error_message: Some(problem) }
                }
            });
        }
        Decision { records, response: DeleteTopicsResponse { topics }.into() }
    }

    fn find_topic(&self, asked: &TopicRef) -> Result<&TopicImage, Refusal> {
        match (&asked.name, asked.id) {
            (Some(_), id) if id != TopicId::ZERO => {
                Err((ErrorCode::InvalidRequest, "name the topic or give its id, not both".to_owned()))
            }
            (Some(name), _) => {
                self.image.topics().get(name).ok_or_else(|| {
                    (ErrorCode::UnknownTopicOrPartition, format!("there is no topic `{name}`"))
                })
            }
            (None, TopicId::ZERO) => {
                Err((ErrorCode::InvalidRequest, "neither name nor id of a topic".to_owned()))
            }
            (None, id) => self
                .image
                .topic_by_id(id)
                .ok_or_else(|| (ErrorCode::UnknownTopicId, "there is no topic with that id".to_owned())),
        }
    }
}
