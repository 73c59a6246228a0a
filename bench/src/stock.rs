//! The steady cluster on stock `turmoil::Sim` with a tick of 1 ms: the same engine, clients, rates and cost models.
//!
//! turmoil brings the network, the scheduler and the timers. Its latency is an exponential between the same bounds,
//! but what arrives is seen at the next tick. Nothing is recorded: this arm does less than a run does.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, select_biased};
use tribunal_engine::broker::{Broker, BrokerSettings};
use tribunal_engine::client::{Admin, ClusterConfig, Consumer, Outcome, Producer, ProducerRecord};
use tribunal_engine::config::{ProducerConfig, Properties};
use tribunal_engine::controller::{Controller, ControllerSettings};
use tribunal_engine::driver::{Clock, Observer, Platform, ShutdownSignal, start_broker, start_controller};
use tribunal_engine::event::Event;
use tribunal_engine::id::{Endpoint, IncarnationId, NodeId};
use tribunal_engine::message::NewTopic;
use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Now};
use tribunal_sim::cluster::{directory_of, host_name};
use tribunal_sim::history::RecordId;
use tribunal_sim::runtime::stock::{StockHost, StockPlatform};
use tribunal_sim::runtime::{CpuSettings, HostSettings};
use tribunal_sim::scenario::Plan;
use tribunal_sim::scenario::distribution::Distribution;
use tribunal_sim::scenario::plan::ProducerPlan;

use crate::steady::{self, Arm};

const PORT: u16 = 9092;
const TICK: Duration = Duration::from_millis(1);
const TICKS_PER_SECOND: u64 = 1000;
/// Messages a socket may hold; turmoil's default of 64 breaks connections under load.
const TCP_CAPACITY: usize = 4096;
/// Longest a poll of the consumer waits, as in a run.
const POLL: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Counts {
    acknowledged: Cell<u64>,
    consumed: Cell<u64>,
}

/// A cluster under load.
pub struct Stock {
    simulation: turmoil::Sim<'static>,
    counts: Rc<Counts>,
}

impl Stock {
    /// Boots the cluster of `plan`, creates its topics, and starts its clients, which never stop.
    ///
    /// # Panics
    /// If the topics are not created within a simulated minute.
    #[must_use]
    pub fn boot(plan: &Plan, seed: u64) -> Stock {
        let mut simulation = builder(plan, seed).build();
        let rng = Rng::from_seed(seed);
        start_processes(&mut simulation, plan, &rng, seed);
        create_topics(&mut simulation, plan, &rng, seed);
        let counts = Rc::new(Counts::default());
        start_clients(&mut simulation, plan, &rng, seed, &counts);
        Stock { simulation, counts }
    }
}

impl Arm for Stock {
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * TICKS_PER_SECOND {
            self.simulation.step().expect("no process ends");
        }
    }

    fn acknowledged(&self) -> u64 {
        self.counts.acknowledged.get()
    }

    fn consumed(&self) -> u64 {
        self.counts.consumed.get()
    }
}

fn builder(plan: &Plan, seed: u64) -> turmoil::Builder {
    let (low, high) = match plan.cluster.network.latency {
        Distribution::Range(range) => (range.min, range.max),
        Distribution::Shape { p50, max, .. } => (p50, max),
    };
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(1 << 30))
        .tcp_capacity(TCP_CAPACITY)
        .min_message_latency(low)
        .max_message_latency(high);
    builder
}

/// A broker's machine. What its requests cost is the plan's; nothing of a steady run waits for an fsync.
fn machine(plan: &Plan, name: &str, seed: u64) -> StockHost {
    let cpu = CpuSettings {
        cost_per_request: Duration::from_nanos(plan.cluster.cpu.nanos_per_request),
        picoseconds_per_byte: plan.cluster.cpu.nanos_per_kib * 1000 / 1024,
        slowdown: 1.0,
    };
    StockHost::new(name, HostSettings { cpu, ..HostSettings::default() }, seed)
}

fn endpoint(node: NodeId) -> Endpoint {
    Endpoint::new(&host_name(node), PORT)
}

fn bootstrap(plan: &Plan) -> Vec<Endpoint> {
    plan.cluster.broker_ids().map(endpoint).collect()
}

fn start_processes(simulation: &mut turmoil::Sim<'static>, plan: &Plan, rng: &Rng, seed: u64) {
    let voters: BTreeMap<NodeId, Endpoint> =
        plan.cluster.controller_ids().map(|id| (id, endpoint(id))).collect();
    for node in plan.cluster.controller_ids() {
        let settings = ControllerSettings {
            node,
            cluster_id: "tribunal".to_owned(),
            config: plan.cluster.config.clone(),
            voters: voters.clone(),
            directory: directory_of(node),
            directories: plan.cluster.controller_ids().map(|id| (id, directory_of(id))).collect(),
            variant: plan.protocol,
            rng: rng.fork(&format!("process/{node}")),
        };
        let controller = machine(plan, &host_name(node), seed);
        simulation.host(host_name(node), move || {
            let (platform, settings) = (controller.platform(), settings.clone());
            async move {
                let never = ShutdownSignal::new();
                Ok(start_controller(platform, settings, endpoint(node), Rc::new(Deaf), &never).await?)
            }
        });
    }
    for node in plan.cluster.broker_ids() {
        let mut stream = rng.fork(&format!("process/{node}"));
        let settings = BrokerSettings {
            node,
            cluster_id: "tribunal".to_owned(),
            endpoint: endpoint(node),
            rack: None,
            incarnation: IncarnationId(uuid::Uuid::from_u64_pair(stream.next_u64(), stream.next_u64())),
            voters: voters.clone(),
            config: plan.cluster.config.clone(),
            variant: plan.protocol,
        };
        let broker = machine(plan, &host_name(node), seed);
        simulation.host(host_name(node), move || {
            let (platform, settings) = (broker.platform(), settings.clone());
            async move { Ok(start_broker(platform, settings, Rc::new(Deaf), &ShutdownSignal::new()).await?) }
        });
    }
}

fn create_topics(simulation: &mut turmoil::Sim<'static>, plan: &Plan, rng: &Rng, seed: u64) {
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
    let config = ProducerConfig::from_properties(&Properties::new()).expect("defaults are valid");
    let (bootstrap, rng) = (bootstrap(plan), rng.fork("operator"));
    let platform = StockHost::new("operator", HostSettings::default(), seed).platform();
    let done = Rc::new(Cell::new(false));
    let told = Rc::clone(&done);
    simulation.client("operator", async move {
        let config = ClusterConfig::from(&config);
        let admin = Admin::start(platform.clone(), bootstrap, "operator", config, rng);
        while !admin.create_topics(topics.clone()).await.values().all(created) {
            platform.clock().sleep(Duration::from_millis(100)).await;
        }
        told.set(true);
        Ok(())
    });
    for _ in 0..60 * TICKS_PER_SECOND {
        if done.get() {
            return;
        }
        simulation.step().expect("no process ends");
    }
    panic!("the topics are not created within a minute");
}

fn created<T>(outcome: &Outcome<T>) -> bool {
    match outcome {
        Outcome::Ok(_) => true,
        Outcome::Failed(error) | Outcome::Unknown(error) => {
            error.to_string().contains("TOPIC_ALREADY_EXISTS")
        }
    }
}

fn start_clients(
    simulation: &mut turmoil::Sim<'static>,
    plan: &Plan,
    rng: &Rng,
    seed: u64,
    counts: &Rc<Counts>,
) {
    let mut index = 0;
    for kind in &plan.producers {
        for number in 0..kind.count {
            let name = format!("{}-{number}", kind.name);
            let platform = StockHost::new(&name, HostSettings::default(), seed).platform();
            let stream = rng.fork(&format!("workload/{name}"));
            let client = Client { kind: kind.clone(), index, rng: stream, counts: Rc::clone(counts) };
            simulation.client(name, client.run(platform, bootstrap(plan)));
            index += 1;
        }
    }
    for kind in &plan.consumers {
        let platform = StockHost::new(&kind.name, HostSettings::default(), seed).platform();
        let (name, config, counts) = (kind.name.clone(), kind.config.clone(), Rc::clone(counts));
        let (bootstrap, partitions) = (bootstrap(plan), steady::partitions(plan));
        let stream = rng.fork(&format!("consumer/{name}"));
        simulation.client(kind.name.clone(), async move {
            let consumer = Consumer::start(platform, bootstrap, &name, config, stream);
            consumer.assign(partitions);
            loop {
                let records = consumer.poll(POLL).await;
                counts.consumed.set(counts.consumed.get() + records.len() as u64);
            }
        });
    }
}

/// A producing client with Poisson arrivals, as in a run.
struct Client {
    kind: ProducerPlan,
    index: u32,
    rng: Rng,
    counts: Rc<Counts>,
}

impl Client {
    async fn run(mut self, platform: StockPlatform, bootstrap: Vec<Endpoint>) -> turmoil::Result {
        let (name, config) = (self.kind.name.clone(), self.kind.config.clone());
        let producer = Producer::start(platform.clone(), bootstrap, &name, config, self.rng.fork("client"));
        let mut sends = FuturesUnordered::new();
        let mut next = platform.clock().now().mono.after(self.gap());
        for sequence in 0.. {
            let mut alarm = std::pin::pin!(platform.clock().sleep_until(next).fuse());
            loop {
                select_biased! {
                    () = alarm => break,
                    outcome = sends.select_next_some() => self.note(&outcome),
                }
            }
            sends.push(producer.send(self.record(sequence)));
            next = next.after(self.gap());
        }
        Ok(())
    }

    fn gap(&mut self) -> Duration {
        self.kind.rate.interval().mul_f64(-(1.0 - self.rng.unit()).ln())
    }

    fn record(&mut self, sequence: u64) -> ProducerRecord {
        let size = self.rng.between(self.kind.value_size.min, self.kind.value_size.max);
        let key = (self.kind.keys.distinct > 0).then(|| self.rng.below(u64::from(self.kind.keys.distinct)));
        let id = RecordId { producer: self.index, sequence };
        ProducerRecord {
            topic: self.kind.topic.clone(),
            partition: None,
            key: key.map(|key| Bytes::from(format!("key-{key}"))),
            value: Some(id.to_value(usize::try_from(size).unwrap_or(usize::MAX))),
            timestamp: None,
        }
    }

    fn note<T>(&self, outcome: &Outcome<T>) {
        if matches!(outcome, Outcome::Ok(_)) {
            self.counts.acknowledged.set(self.counts.acknowledged.get() + 1);
        }
    }
}

/// Nobody listens to what the machines say.
struct Deaf;

impl Observer<Broker> for Deaf {
    fn note(&self, _now: Now, _event: &Event) {}
    fn stepped(&self, _now: Now, _machine: &Broker) {}
}

impl Observer<Controller> for Deaf {
    fn note(&self, _now: Now, _event: &Event) {}
    fn stepped(&self, _now: Now, _machine: &Controller) {}
}
