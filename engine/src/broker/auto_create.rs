//! Topics that appear when a client asks for their metadata (`auto.create.topics.enable`).
//!
//! The client is told UNKNOWN_TOPIC_OR_PARTITION and asks again, as clients do anyhow; by then the controller has
//! created the topic with the cluster's `num.partitions` and `default.replication.factor`. A topic is asked for
//! once at a time, however many clients name it. `__consumer_offsets`, which has settings of its own, is asked for when
//! a group is looked for. Kafka's `DefaultAutoTopicCreationManager`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, Call};
use crate::config::GroupConfig;
use crate::id::TopicName;
use crate::machine::Effects;
use crate::message::{CreateTopicsRequest, MetadataRequest, NewTopic};

/// Of each offset and each group the last record is what counts.
const OFFSETS_CLEANUP_POLICY: &str = "compact";

/// Most topics being created for clients at the same time; what comes above it has to ask again.
const IN_FLIGHT_MAX: usize = 1000;

/// The topics the controller was asked to create.
#[derive(Debug, Default)]
pub(super) struct AutoCreation {
    in_flight: BTreeSet<TopicName>,
}

impl Broker {
    /// Asks the controller for the topics of a metadata request that do not exist.
    pub(super) fn auto_create(&mut self, request: &MetadataRequest, effects: &mut Effects) {
        if !request.allow_auto_topic_creation || !self.settings.config.auto_create_topics_enable {
            return;
        }
        let named = request.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
        let legal = |name: &&TopicName| {
            TopicName::check(name.as_str()).is_ok() && name.as_str() != TopicName::CLUSTER_METADATA
        };
        self.create_missing(named.filter(legal).cloned().collect(), effects);
    }

    /// Asks the controller for those of these topics that do not exist and that it was not asked for yet.
    pub(super) fn create_missing(&mut self, mut names: Vec<TopicName>, effects: &mut Effects) {
        names.retain(|name| {
            let room = self.auto_creation.in_flight.len() < IN_FLIGHT_MAX;
            let missing = !self.image.topics().contains_key(name);
            room && missing && self.auto_creation.in_flight.insert(name.clone())
        });
        if names.is_empty() {
            return;
        }
        let topics = names.iter().map(|name| new_topic(name, &self.settings.config.group)).collect();
        let timeout = self.settings.config.controller_quorum_request_timeout;
        let request = CreateTopicsRequest { topics, timeout, validate_only: false };
        self.call_controller(Call::AutoCreate(names), request, effects);
    }

    /// Whatever the controller said, the next client that asks for one of them may start anew: it finds the topic,
    /// or asks for it again.
    pub(super) fn on_auto_created(&mut self, names: &[TopicName]) {
        for name in names {
            self.auto_creation.in_flight.remove(name);
        }
    }
}

fn new_topic(name: &TopicName, group: &GroupConfig) -> NewTopic {
    let defaults = NewTopic {
        name: name.as_str().to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: BTreeMap::new(),
    };
    if name.as_str() != TopicName::CONSUMER_OFFSETS {
        return defaults;
    }
    let configs = [
        ("cleanup.policy", OFFSETS_CLEANUP_POLICY.to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", group.offsets_topic_segment_bytes.to_string()),
    ];
    NewTopic {
        partitions: group.offsets_topic_num_partitions,
        replication_factor: group.offsets_topic_replication_factor,
        configs: configs.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect(),
        ..defaults
    }
}
