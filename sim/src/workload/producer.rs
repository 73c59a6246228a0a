//! Producing clients: Poisson arrivals at the plan's rate, each send written down with its outcome.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, select_biased};
use tribunal_engine::client::{Outcome, Producer, ProducerRecord, RecordMetadata};
use tribunal_engine::driver::{Clock, Platform};
use tribunal_engine::id::Endpoint;
use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Instant};

use super::Load;
use super::keys::KeyChoice;
use crate::cluster::Cluster;
use crate::history::{ProducerInfo, RecordId, Send, SendOutcome};
use crate::runtime::SimPlatform;
use crate::scenario::plan::ProducerPlan;

/// What a client does, the same after each of its boots.
struct Client {
    load: Load,
    kind: ProducerPlan,
    keys: KeyChoice,
    name: String,
    index: u32,
    bootstrap: Vec<Endpoint>,
    /// Draws the schedule; never reset, so that a restart does not repeat it.
    rng: std::cell::RefCell<Rng>,
    sequence: std::cell::Cell<u64>,
    boots: std::cell::Cell<u64>,
}

pub(super) fn start(load: &Load, cluster: &mut Cluster, kind: &ProducerPlan, number: u32) {
    let name = format!("{}-{number}", kind.name);
    let info = ProducerInfo { name: name.clone(), table: Some(kind.name.clone()), acks: kind.config.acks };
    let client = Rc::new(Client {
        load: load.clone(),
        kind: kind.clone(),
        keys: KeyChoice::new(kind.keys),
        index: load.add_producer(info),
        bootstrap: cluster.bootstrap(),
        rng: std::cell::RefCell::new(cluster.rng().fork(&format!("workload/{}/{number}", kind.name))),
        sequence: std::cell::Cell::new(0),
        boots: std::cell::Cell::new(0),
        name: name.clone(),
    });
    cluster.run_client(&name, Rc::new(move |platform| Box::pin(client.clone().run(platform))));
}

impl Client {
    async fn run(self: Rc<Self>, platform: SimPlatform) {
        self.boots.set(self.boots.get() + 1);
        if self.boots.get() > 1 {
            self.load.abandon(self.index);
        }
        let stream = self.rng.borrow().fork(&format!("client/{}", self.boots.get()));
        let config = self.kind.config.clone();
        let producer = Producer::start(platform.clone(), self.bootstrap.clone(), &self.name, config, stream);
        let mut sends = FuturesUnordered::new();
        let mut next = self.load.handle.now().after(self.gap());
        loop {
            if next >= self.load.stop_at.get() {
                break;
            }
            let mut alarm = std::pin::pin!(platform.clock().sleep(next.since(self.load.handle.now())).fuse());
            loop {
                select_biased! {
                    () = alarm => break,
                    (record, outcome) = sends.select_next_some() => self.load.completed(record, outcome),
                }
            }
            sends.push(self.send(&producer, next));
            next = next.after(self.gap());
        }
        while let Some((record, outcome)) = sends.next().await {
            self.load.completed(record, outcome);
        }
    }

    /// Exponential gaps: arrivals that know nothing of each other, bursts included.
    fn gap(&self) -> Duration {
        let mean = self.kind.rate.interval();
        mean.mul_f64(-(1.0 - self.rng.borrow_mut().unit()).ln())
    }

    fn send(
        &self,
        producer: &Producer<SimPlatform>,
        intended: Instant,
    ) -> impl Future<Output = (RecordId, SendOutcome)> + use<> {
        let record = RecordId { producer: self.index, sequence: self.sequence.get() };
        self.sequence.set(record.sequence + 1);
        let (size, key) = {
            let mut rng = self.rng.borrow_mut();
            let size = rng.between(self.kind.value_size.min, self.kind.value_size.max);
            let key = self.keys.draw(&mut rng);
            (usize::try_from(size).unwrap_or(usize::MAX), key)
        };
        let invoked = self.load.handle.now();
        let outcome = SendOutcome::Pending;
        self.load.sent(Send { record, intended, invoked, completed: None, outcome, key });
        let sent = producer.send(ProducerRecord {
            topic: self.kind.topic.clone(),
            partition: None,
            key: key.map(|key| Bytes::from(format!("key-{key}"))),
            value: Some(record.to_value(size)),
            timestamp: None,
        });
        sent.map(move |outcome| (record, outcome_of(outcome)))
    }
}

pub(super) fn outcome_of(outcome: Outcome<RecordMetadata>) -> SendOutcome {
    match outcome {
        Outcome::Ok(RecordMetadata { partition, offset }) => SendOutcome::Acknowledged { partition, offset },
        Outcome::Failed(error) => SendOutcome::Failed(error.to_string()),
        Outcome::Unknown(error) => SendOutcome::Unknown(error.to_string()),
    }
}
