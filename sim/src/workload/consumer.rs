//! Consuming clients: each assigns itself every partition of its topics and polls without pause.

use std::rc::Rc;

use tribunal_engine::client::{ConsumedRecord, Consumer, ConsumerEvent};
use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Duration;

use super::Load;
use crate::cluster::Cluster;
use crate::history::{Read, RecordId, Reset};
use crate::runtime::SimPlatform;
use crate::scenario::Plan;
use crate::scenario::plan::ConsumerPlan;

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(500);

pub(super) fn start(load: &Load, cluster: &mut Cluster, plan: &Plan, kind: &ConsumerPlan) {
    let partitions = Load::partitions_of(plan, &kind.topics);
    let (load, kind, bootstrap) = (load.clone(), kind.clone(), cluster.bootstrap());
    let stream = cluster.rng().fork(&format!("consumer/{}", kind.name));
    let name = kind.name.clone();
    let boots = std::cell::Cell::new(0u64);
    let process = move |platform: SimPlatform| {
        boots.set(boots.get() + 1);
        let stream = stream.fork(&format!("client/{}", boots.get()));
        // A consumer that starts again is another reader: it remembers no position.
        let reader = load.add_reader(&kind.name, partitions.clone());
        let consumer = Consumer::start(platform, bootstrap.clone(), &kind.name, kind.config.clone(), stream);
        consumer.assign(partitions.clone());
        let (load, partitions) = (load.clone(), partitions.clone());
        let work: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            loop {
                let records = consumer.poll(POLL).await;
                note_events(&load, reader, &partitions, consumer.take_events());
                note_records(&load, reader, &partitions, &records);
            }
        });
        work
    };
    cluster.run_client(&name, Rc::new(process));
}

fn note_records(load: &Load, reader: usize, partitions: &[TopicPartition], records: &[ConsumedRecord]) {
    if records.is_empty() {
        return;
    }
    load.counts.consumed.set(load.counts.consumed.get() + records.len() as u64);
    let at = load.handle.now();
    let mut history = load.history.borrow_mut();
    let reads = &mut history.readers[reader].reads;
    for record in records {
        reads.push(Read {
            at,
            partition: index_of(partitions, &record.partition),
            offset: record.offset,
            leader_epoch: record.leader_epoch,
            record: record.value.as_deref().and_then(RecordId::of_value),
        });
    }
}

fn note_events(load: &Load, reader: usize, partitions: &[TopicPartition], events: Vec<ConsumerEvent>) {
    let at = load.handle.now();
    for event in events {
        // A consumer without a position has lost none: only a position that is given up is a reset.
        if let ConsumerEvent::Reset { partition, from: Some(from), to } = event {
            let reset = Reset { at, partition: index_of(partitions, &partition), from, to };
            load.history.borrow_mut().readers[reader].resets.push(reset);
        }
    }
}

fn index_of(partitions: &[TopicPartition], partition: &TopicPartition) -> u32 {
    let index =
        partitions.iter().position(|known| known == partition).expect("a record of an assigned partition");
    u32::try_from(index).unwrap_or(u32::MAX)
}
