//! Admin requests as commands of a dialogue, and their answers as text.

use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{NodeId, TopicId, TopicName, TopicPartition};
use tribunal_engine::message::{
    AlterPartitionReassignmentsRequest, AlteredConfigs, ConfigChange, ConfigChanges, ConfigOperation,
    ConfigResource, ConfigResourceType, CreatePartitionsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    ElectLeadersRequest, IncrementalAlterConfigsRequest, ListPartitionReassignmentsRequest, MorePartitions,
    PartitionOutcome, Reassignment, RecordsToDelete, Request, Response, TopicRef,
};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The request of a command; `None` if it is not an admin command.
pub(crate) fn request(words: &[&str]) -> Option<Request> {
    Some(match words {
        ["reassign", "cancel"] => reassign(None),
        ["reassign", replicas] => reassign(Some(nodes(replicas))),
        ["reassignments"] => ListPartitionReassignmentsRequest { timeout: TIMEOUT, partitions: None }.into(),
        ["elect", kind] => {
            let election_type = match *kind {
                "preferred" => ElectLeadersRequest::PREFERRED,
                "unclean" => ElectLeadersRequest::UNCLEAN,
                other => panic!("unknown election {other}"),
            };
            let partitions = Some(vec![TopicPartition::new("orders", 0)]);
            ElectLeadersRequest { election_type, partitions, timeout: TIMEOUT }.into()
        }
        ["delete", topic] => {
            let topics = vec![TopicRef { name: Some(TopicName::new(topic)), id: TopicId::ZERO }];
            DeleteTopicsRequest { topics, timeout: TIMEOUT }.into()
        }
        ["partitions", topic, count, replicas @ ..] => {
            let topic = TopicName::new(topic);
            let count = count.parse().expect("a number");
            let chosen: Vec<Vec<NodeId>> = replicas.iter().map(|replicas| nodes(replicas)).collect();
            let assignments = (!chosen.is_empty()).then_some(chosen);
            let topics = vec![MorePartitions { topic, count, assignments }];
            CreatePartitionsRequest { topics, timeout: TIMEOUT, validate_only: false }.into()
        }
        ["config", kind, changes @ ..] => config(kind, changes),
        _ => return None,
    })
}

/// DeleteRecords of a topic's only partition: everything before an offset goes, or before the high watermark (-1).
pub(crate) fn delete_records(topic: &str, before: &str) -> Request {
    let before = Offset(before.parse().expect("an offset"));
    let partitions = vec![RecordsToDelete { partition: TopicPartition::new(topic, 0), before }];
    DeleteRecordsRequest { partitions, timeout: TIMEOUT }.into()
}

fn nodes(text: &str) -> Vec<NodeId> {
    let ids = text.strip_prefix("replicas=").expect("replicas=1,2,3").split(',');
    ids.map(|id| NodeId(id.parse().expect("a broker"))).collect()
}

fn reassign(replicas: Option<Vec<NodeId>>) -> Request {
    let partitions = vec![Reassignment { partition: TopicPartition::new("orders", 0), replicas }];
    AlterPartitionReassignmentsRequest { timeout: TIMEOUT, partitions }.into()
}

/// `topic:orders`, `broker:1` or `broker:`, then `key=value`, `-key`, `key+=value` or `key-=value`.
fn config(resource: &str, changes: &[&str]) -> Request {
    let (kind, name) = resource.split_once(':').expect("topic:NAME or broker:ID");
    let kind = if kind == "topic" { ConfigResourceType::Topic } else { ConfigResourceType::Broker };
    let changes = changes.iter().map(|change| {
        let (name, operation, value) = if let Some(name) = change.strip_prefix('-') {
            (name, ConfigOperation::Delete, None)
        } else if let Some((name, value)) = change.split_once("+=") {
            (name, ConfigOperation::Append, Some(value))
        } else if let Some((name, value)) = change.split_once("-=") {
            (name, ConfigOperation::Subtract, Some(value))
        } else {
            let (name, value) = change.split_once('=').expect("key=value");
            (name, ConfigOperation::Set, Some(value))
        };
        ConfigChange { name: name.to_owned(), operation, value: value.map(str::to_owned) }
    });
    let resource = ConfigResource { kind, name: name.to_owned() };
    let resources = vec![ConfigChanges { resource, changes: changes.collect() }];
    IncrementalAlterConfigsRequest { resources, validate_only: false }.into()
}

/// An answer in one line.
pub(crate) fn describe(response: &Response) -> String {
    match response {
        Response::AlterPartitionReassignments(response) => {
            list("reassigning", response.partitions.iter().map(outcome))
        }
        Response::ElectLeaders(response) => list("elected", response.partitions.iter().map(outcome)),
        Response::ListPartitionReassignments(response) => {
            let moving = response.partitions.iter().map(|one| {
                let ids =
                    |nodes: &[NodeId]| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(",");
                let (replicas, adding, removing) = (ids(&one.replicas), ids(&one.adding), ids(&one.removing));
                format!("{} [{replicas}] adding=[{adding}] removing=[{removing}]", one.partition)
            });
            list("reassignments", moving)
        }
        Response::DeleteTopics(response) => {
            let name = |name: &Option<TopicName>| name.as_ref().map_or("?".to_owned(), TopicName::to_string);
            let topics = response.topics.iter();
            list("deleted", topics.map(|one| with(&name(&one.name), one.error, one.error_message.as_ref())))
        }
        Response::DeleteRecords(response) => list(
            "records deleted",
            response
                .partitions
                .iter()
                .map(|one| format!("{} {} low watermark {}", one.partition, one.error, one.low_watermark)),
        ),
        Response::CreatePartitions(response) => {
            let topics = response.topics.iter();
            let line = |topic: &TopicName, error, message| with(topic.as_str(), error, message);
            list("partitions", topics.map(|one| line(&one.topic, one.error, one.error_message.as_ref())))
        }
        Response::IncrementalAlterConfigs(response) => {
            list("configured", response.resources.iter().map(altered))
        }
        other => format!("{other:?}"),
    }
}

fn list(what: &str, lines: impl Iterator<Item = String>) -> String {
    format!("{what} {}", lines.collect::<Vec<_>>().join("; "))
}

fn outcome(one: &PartitionOutcome) -> String {
    with(&one.partition.to_string(), one.error, one.error_message.as_ref())
}

fn altered(one: &AlteredConfigs) -> String {
    with(&one.resource.name, one.error, one.error_message.as_ref())
}

fn with(name: &str, error: ErrorCode, message: Option<&String>) -> String {
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    format!("{name} {error}{message}")
}
