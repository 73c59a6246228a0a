//! The scenario's own clients: they create the topics, move partitions and leaders as faults say, probe the cluster
//! after the faults, and read everything at the end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tribunal_engine::client::{Admin, ClusterConfig, Consumer, Outcome, Producer, ProducerRecord};
use tribunal_engine::config::{ConsumerConfig, ProducerConfig, Properties};
use tribunal_engine::driver::{Clock, Platform};
use tribunal_engine::id::{Endpoint, NodeId, TopicPartition};
use tribunal_engine::message::{
    Acks, AlterPartitionReassignmentsResponse, ElectLeadersRequest, NewTopic, Reassignment,
};
use tribunal_engine::rng::Rng;
use tribunal_engine::time::Duration;

use super::Load;
use super::producer::outcome_of;
use crate::cluster::{Cluster, OPERATOR};
use crate::history::{ProducerInfo, RecordId, Send, SendOutcome};
use crate::runtime::SimPlatform;
use crate::scenario::Plan;

/// Records the probe sends to each partition.
const PROBES: usize = 3;
/// How long one poll of the final read waits for records.
const POLL: Duration = Duration::from_millis(100);
/// How long the operator waits before it asks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A task of the operator and whether it is done.
#[derive(Clone, Default)]
pub struct Progress(Rc<Cell<bool>>);

impl Progress {
    /// True when the task is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.get()
    }
}

fn run(cluster: &mut Cluster, task: impl AsyncFn(SimPlatform) + 'static) -> Progress {
    let progress = Progress::default();
    let (done, task) = (progress.clone(), Rc::new(task));
    cluster.run_client(
        OPERATOR,
        Rc::new(move |platform| {
            let (done, task) = (done.clone(), task.clone());
            Box::pin(async move {
                task(platform).await;
                done.0.set(true);
            })
        }),
    );
    progress
}

/// Creates the topics of the plan.
pub fn create_topics(cluster: &mut Cluster, plan: &Plan) -> Progress {
    let topics: Vec<NewTopic> = plan
        .topics
        .iter()
        .map(|topic| NewTopic {
            name: topic.name.as_str().to_owned(),
            partitions: topic.partitions,
            replication_factor: topic.replication,
            assignments: Vec::new(),
            configs: topic
                .properties
                .iter()
                .map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        })
        .collect();
    let (bootstrap, rng) = (cluster.bootstrap(), cluster.rng().fork("operator/create"));
    run(cluster, async move |platform: SimPlatform| {
        let admin = admin(&platform, &bootstrap, &rng);
        loop {
            let created = admin.create_topics(topics.clone()).await;
            let there = |outcome: &Outcome<_>| match outcome {
                Outcome::Ok(_) => true,
                Outcome::Failed(error) | Outcome::Unknown(error) => {
                    error.to_string().contains("TOPIC_ALREADY_EXISTS")
                }
            };
            if created.values().all(there) {
                return;
            }
            platform.clock().sleep(Duration::from_millis(100)).await;
        }
    })
}

fn admin(platform: &SimPlatform, bootstrap: &[Endpoint], rng: &Rng) -> Admin<SimPlatform> {
    let config = ClusterConfig::from(
        &ProducerConfig::from_properties(&Properties::new()).expect("defaults are valid"),
    );
    Admin::start(platform.clone(), bootstrap.to_vec(), OPERATOR, config, rng.clone())
}

/// Moves a partition to other replicas, as `kafka-reassign-partitions` does: asks until the controller agrees, then
/// looks until nothing of it is under way.
pub fn reassign(cluster: &mut Cluster, partition: &TopicPartition, replicas: &[NodeId]) -> Progress {
    let (bootstrap, rng) =
        (cluster.bootstrap(), cluster.rng().fork(&format!("operator/reassign/{partition}")));
    let (partition, replicas) = (partition.clone(), replicas.to_vec());
    run(cluster, async move |platform: SimPlatform| {
        let admin = admin(&platform, &bootstrap, &rng);
        let moved = Reassignment { partition: partition.clone(), replicas: Some(replicas.clone()) };
        let accepted = |outcome: Outcome<AlterPartitionReassignmentsResponse>| {
            let answer = outcome.ok();
            answer
                .is_some_and(|it| !it.error.is_error() && it.partitions.iter().all(|it| !it.error.is_error()))
        };
        while !accepted(admin.alter_partition_reassignments(vec![moved.clone()]).await) {
            platform.clock().sleep(LOOK_AGAIN).await;
        }
        loop {
            let listed = admin.list_partition_reassignments(Some(vec![partition.clone()])).await.ok();
            if listed.is_some_and(|it| !it.error.is_error() && it.partitions.is_empty()) {
                return;
            }
            platform.clock().sleep(LOOK_AGAIN).await;
        }
    })
}

/// Asks once that the preferred replica of a partition leads, as `kafka-leader-election` does.
pub fn elect_preferred(cluster: &mut Cluster, partition: &TopicPartition) -> Progress {
    let (bootstrap, rng) = (cluster.bootstrap(), cluster.rng().fork(&format!("operator/elect/{partition}")));
    let partition = partition.clone();
    run(cluster, async move |platform: SimPlatform| {
        let admin = admin(&platform, &bootstrap, &rng);
        // Whatever the answer is: who leads now is seen in the cluster.
        let _ = admin.elect_leaders(ElectLeadersRequest::PREFERRED, Some(vec![partition.clone()])).await;
    })
}

/// Sends a few records with acks=all to every partition; done when all are acknowledged.
pub fn probe(load: &Load, cluster: &mut Cluster, plan: &Plan) -> Progress {
    let info = ProducerInfo { name: "probe".to_owned(), table: None, acks: Acks::All };
    let (load, index) = (load.clone(), load.add_producer(info));
    let names: Vec<_> = plan.topics.iter().map(|topic| topic.name.clone()).collect();
    let partitions = Load::partitions_of(plan, &names);
    let (bootstrap, rng) = (cluster.bootstrap(), cluster.rng().fork("operator/probe"));
    run(cluster, async move |platform: SimPlatform| {
        let config = ProducerConfig::from_properties(&Properties::new()).expect("defaults are valid");
        let producer = Producer::start(platform.clone(), bootstrap.clone(), "probe", config, rng.clone());
        let targets = partitions.iter().flat_map(|partition| std::iter::repeat_n(partition, PROBES));
        for (sequence, partition) in (0..).zip(targets) {
            let record = RecordId { producer: index, sequence };
            let now = load.handle.now();
            let outcome = SendOutcome::Pending;
            load.sent(Send { record, intended: now, invoked: now, completed: None, outcome, key: None });
            let outcome = producer
                .send(ProducerRecord {
                    topic: partition.topic.clone(),
                    partition: Some(partition.partition),
                    key: None,
                    value: Some(record.to_value(0)),
                    timestamp: None,
                })
                .await;
            load.completed(record, outcome_of(outcome));
        }
    })
}

/// Reads every partition from its start to its end with a fresh consumer. What cannot be read to its end within
/// the time the caller gives is listed as unread.
pub fn read_everything(load: &Load, cluster: &mut Cluster, plan: &Plan) -> Progress {
    let names: Vec<_> = plan.topics.iter().map(|topic| topic.name.clone()).collect();
    let partitions = Load::partitions_of(plan, &names);
    {
        let mut history = load.history.borrow_mut();
        history.unread.clone_from(&partitions);
        history.final_reads = partitions.iter().map(|partition| (partition.clone(), Vec::new())).collect();
    }
    let (load, bootstrap, rng) = (load.clone(), cluster.bootstrap(), cluster.rng().fork("operator/read"));
    run(cluster, async move |platform: SimPlatform| {
        let earliest: Properties = [("auto.offset.reset".to_owned(), "earliest".to_owned())].into();
        let config = ConsumerConfig::from_properties(&earliest).expect("a valid setting");
        let consumer = Consumer::start(platform.clone(), bootstrap.clone(), "final", config, rng.clone());
        consumer.assign(partitions.clone());
        let mut ends = BTreeMap::new();
        while ends.len() < partitions.len() {
            let missing: Vec<TopicPartition> =
                partitions.iter().filter(|partition| !ends.contains_key(*partition)).cloned().collect();
            for (partition, outcome) in consumer.end_offsets(missing).await {
                if let Some(end) = outcome.ok() {
                    ends.insert(partition, end);
                }
            }
        }
        loop {
            let position =
                |partition: &TopicPartition| consumer.position(partition).map(|position| position.offset);
            let behind = |partition: &TopicPartition| {
                ends.get(partition)
                    .is_some_and(|end| end.0 > 0 && position(partition).is_none_or(|at| at < *end))
            };
            load.history.borrow_mut().unread.retain(behind);
            if load.history.borrow().unread.is_empty() {
                return;
            }
            for record in consumer.poll(POLL).await {
                let id = record.value.as_deref().and_then(RecordId::of_value);
                let mut history = load.history.borrow_mut();
                history.final_reads.entry(record.partition).or_default().push((record.offset, id));
            }
        }
    })
}

/// Asks the coordinators for the committed offsets of every group. What is not answered within the time the caller
/// gives is absent from the history.
pub fn committed_offsets(load: &Load, cluster: &mut Cluster, plan: &Plan) -> Progress {
    let groups: Vec<(String, Vec<TopicPartition>)> = plan
        .consumers
        .iter()
        .filter_map(|kind| Some((kind.group.as_ref()?.id.clone(), Load::partitions_of(plan, &kind.topics))))
        .collect();
    let (load, bootstrap, rng) =
        (load.clone(), cluster.bootstrap(), cluster.rng().fork("operator/committed"));
    run(cluster, async move |platform: SimPlatform| {
        for (group, partitions) in groups.clone() {
            let outside: Properties = [("group.id".to_owned(), group.clone())].into();
            let config = ConsumerConfig::from_properties(&outside).expect("a valid setting");
            let consumer =
                Consumer::start(platform.clone(), bootstrap.clone(), OPERATOR, config, rng.fork(&group));
            if let Some(committed) = consumer.committed(partitions).await.ok() {
                let known = committed.into_iter().filter_map(|(partition, at)| Some((partition, at?.offset)));
                load.history.borrow_mut().committed_at_end.insert(group, known.collect());
            }
        }
    })
}
