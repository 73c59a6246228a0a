//! DeleteTopics (key 20). Versions up to 5 name topics, version 6 takes names or ids (KIP-516).

use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest as WireRequest, DeleteTopicsResponse as WireResponse};

use super::{Translate, duration, milliseconds, optional_string, owned, topic_name, wire_name};
use crate::error::ErrorCode;
use crate::id::{TopicId, TopicName};
use crate::message::{ApiKey, DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic, TopicRef};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, UUID, field};

/// The first version that carries topic ids.
const TOPIC_IDS: i16 = 6;
/// The first version that says for a person why.
const MESSAGES: i16 = 5;

const REQUEST: Shape = &[
    field(Kind::Structs(REQUEST_TOPIC)).since(TOPIC_IDS),
    field(Kind::Strings).until(TOPIC_IDS - 1),
    field(INT32),
];
const REQUEST_TOPIC: Shape = &[field(Kind::String), field(UUID)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_TOPIC))];
const RESPONSE_TOPIC: Shape =
    &[field(Kind::String), field(UUID).since(TOPIC_IDS), field(INT16), field(Kind::String).since(MESSAGES)];

impl Translate for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let wire = WireRequest::default().with_timeout_ms(milliseconds(self.timeout));
        if version >= TOPIC_IDS {
            let topic = |topic: &TopicRef| {
                DeleteTopicState::default()
                    .with_name(topic.name.as_ref().map(wire_name))
                    .with_topic_id(topic.id.0)
            };
            return wire.with_topics(self.topics.iter().map(topic).collect());
        }
        let nameless = TopicName::new("");
        let name = |topic: &TopicRef| wire_name(topic.name.as_ref().unwrap_or(&nameless));
        wire.with_topic_names(self.topics.iter().map(name).collect())
    }

    fn from_wire(wire: WireRequest, version: i16) -> Result<Self, DecodeError> {
        let state = |topic: &DeleteTopicState| TopicRef {
            name: topic.name.as_ref().map(topic_name),
            id: TopicId(topic.topic_id),
        };
        let topics = if version >= TOPIC_IDS {
            wire.topics.iter().map(state).collect()
        } else {
            let named = |name| TopicRef { name: Some(topic_name(name)), id: TopicId::ZERO };
            wire.topic_names.iter().map(named).collect()
        };
        Ok(DeleteTopicsRequest { topics, timeout: duration(wire.timeout_ms) })
    }
}

impl Translate for DeleteTopicsResponse {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let topic = |topic: &DeletedTopic| {
            let mut wire = DeletableTopicResult::default().with_error_code(topic.error.code()).with_name(
                match &topic.name {
                    None if version < TOPIC_IDS => Some(wire_name(&TopicName::new(""))),
                    name => name.as_ref().map(wire_name),
                },
            );
            if version >= MESSAGES {
                wire.error_message = optional_string(topic.error_message.as_deref());
            }
            if version >= TOPIC_IDS {
                wire.topic_id = topic.id.0;
            }
            wire
        };
        WireResponse::default().with_responses(self.topics.iter().map(topic).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let topic = |topic: &DeletableTopicResult| DeletedTopic {
            name: topic.name.as_ref().map(topic_name),
            id: TopicId(topic.topic_id),
            error: ErrorCode::from_code(topic.error_code),
            error_message: topic.error_message.as_ref().map(owned),
        };
        Ok(DeleteTopicsResponse { topics: wire.responses.iter().map(topic).collect() })
    }
}
