//! The simulated cluster: brokers, controllers and client machines in one simulation.
//!
//! It starts and stops processes, and makes what their machines say into happenings for the [`Recorder`]. Faults
//! act on it through [`World`]; workloads run on its client hosts. It knows neither scenario phases nor checkers'
//! verdicts.

mod models;
mod recorder;
mod witness;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tribunal_engine::broker::BrokerSettings;
use tribunal_engine::controller::ControllerSettings;
use tribunal_engine::driver::{
    BootError, Clock as _, Platform as _, ShutdownSignal, start_broker, start_controller,
};
use tribunal_engine::id::{DirectoryId, Endpoint, IncarnationId, NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::rng::Rng;
use tribunal_engine::time::{Duration, Instant};

pub use crate::scenario::plan::OPERATOR;
pub use recorder::Recorder;
use witness::Witness;
pub use world::{DiskFault, Host, NetworkFault, World};

use crate::runtime::{
    HostId, HostStatus, LineSink, Paused, RuntimeSettings, SimHandle, SimPlatform, Simulation,
};
use crate::scenario::Plan;
use crate::scenario::plan::{ConsumerPlan, FIRST_CONTROLLER};

use crate::view::{Happening, What};
use crate::workload::Members;

/// Port every broker listens on; hosts have names of their own.
const PORT: u16 = 9092;
/// Port every controller listens on.
const CONTROLLER_PORT: u16 = 9093;
const CLUSTER_ID: &str = "tribunal";
/// How long a broker that could not read its disk at boot waits before it is started again.
const START_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Makes the work of a client process, on every boot anew.
pub type ClientProcess = Rc<dyn Fn(SimPlatform) -> Pin<Box<dyn Future<Output = ()>>>>;

/// A running cluster.
pub struct Cluster {
    simulation: Simulation,
    recorder: Rc<Recorder>,
    plan: Plan,
    rng: Rng,
    nodes: BTreeMap<NodeId, HostId>,
    clients: BTreeMap<String, HostId>,
    boots: BTreeMap<NodeId, u64>,
    /// End of the metadata that a controller has told of: what another tells again is no news.
    told: Rc<Cell<Offset>>,
    shutdowns: BTreeMap<NodeId, ShutdownSignal>,
    /// Processes that have stopped in good order and whose hosts still count as up.
    stopped: Rc<RefCell<Vec<NodeId>>>,
    client_processes: BTreeMap<String, ClientProcess>,
    members: Members,
    /// Hosts of members that no fault has added yet.
    late_clients: BTreeSet<String>,
    /// Members whose process has ended and whose hosts still count as up.
    ended: Rc<RefCell<Vec<String>>>,
}

impl Cluster {
    /// The cluster of a plan, with a host for each of `clients`; nothing runs yet.
    #[must_use]
    pub fn new(
        plan: &Plan,
        seed: u64,
        clients: &[String],
        recorder: Rc<Recorder>,
        trace: Option<LineSink>,
    ) -> Cluster {
        let network = models::network(&plan.cluster.network);
        let mut simulation = Simulation::new(seed, RuntimeSettings { network, ..RuntimeSettings::default() });
        simulation.record_trace(trace);
        let machine = models::host(&plan.cluster);
        let mut nodes = BTreeMap::new();
        for id in plan.cluster.broker_ids().chain(plan.cluster.controller_ids()) {
            nodes.entry(id).or_insert_with(|| simulation.add_host(&host_name(id), machine.clone()));
        }
        let mut hosts = BTreeMap::new();
        for name in clients.iter().map(String::as_str).chain([OPERATOR]) {
            hosts.insert(name.to_owned(), simulation.add_host(name, models::client_host()));
        }
        let rng = Rng::from_seed(seed);
        Cluster {
            simulation,
            recorder,
            plan: plan.clone(),
            rng,
            nodes,
            clients: hosts,
            boots: BTreeMap::new(),
            told: Rc::new(Cell::new(Offset::ZERO)),
            shutdowns: BTreeMap::new(),
            stopped: Rc::default(),
            client_processes: BTreeMap::new(),
            members: Members::default(),
            late_clients: plan.consumers.iter().flat_map(ConsumerPlan::late_hosts).collect(),
            ended: Rc::default(),
        }
    }

    /// Starts every broker and every controller but those that a fault adds later.
    pub fn start_all(&mut self) {
        for name in &self.late_clients {
            self.simulation.exit(self.client(name));
        }
        let late = self.plan.late_brokers();
        for (id, host) in self.nodes.clone() {
            if late.contains(&id) {
                self.simulation.exit(host);
            } else {
                self.start_process(id);
            }
        }
    }

    /// Random numbers of this run; fork a stream by name.
    #[must_use]
    pub fn rng(&self) -> &Rng {
        &self.rng
    }

    /// True virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.simulation.now()
    }

    /// What faults ask of the members of consumer groups; their workload obeys.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Where clients first ask: every broker.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<Endpoint> {
        self.plan.cluster.broker_ids().map(endpoint).collect()
    }

    /// For tasks: time and attention.
    #[must_use]
    pub fn handle(&self) -> SimHandle {
        self.simulation.handle()
    }

    /// Runs a process on a client host, now and whenever the host starts again. On the host of a member that a fault
    /// adds later it runs from then on. The end of a member's process is the end of its boot.
    ///
    /// # Panics
    /// If there is no such host.
    pub fn run_client(&mut self, name: &str, process: ClientProcess) {
        self.client_processes.insert(name.to_owned(), process);
        if !self.late_clients.contains(name) {
            self.start_client(name);
        }
    }

    fn start_client(&self, name: &str) {
        let host = self.client(name);
        let Some(process) = self.client_processes.get(name) else { return };
        self.members.started(name);
        let work = process(self.simulation.platform(host));
        if !self.is_member(name) {
            return self.simulation.spawn(host, "client", work);
        }
        let (ended, handle, name) = (self.ended.clone(), self.handle(), name.to_owned());
        self.simulation.spawn(host, "client", async move {
            work.await;
            ended.borrow_mut().push(name);
            handle.request_attention();
        });
    }

    /// Whether a member of a group runs on the host.
    fn is_member(&self, name: &str) -> bool {
        let groups = self.plan.consumers.iter().filter(|consumer| consumer.group.is_some());
        let number = |consumer: &ConsumerPlan| {
            let rest = name.strip_prefix(consumer.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        groups.into_iter().any(number) && self.clients.contains_key(name)
    }

    /// Lets time pass until `deadline`, or until somebody asked for attention.
    pub fn run_until(&mut self, deadline: Instant) -> Paused {
        let paused = self.simulation.run_until(deadline);
        for node in self.stopped.take() {
            self.simulation.exit(self.nodes[&node]);
            self.note(Some(node), What::Stopped);
        }
        for member in self.ended.take() {
            self.simulation.exit(self.client(&member));
        }
        paused
    }

    /// Lets time pass until `done` says so; false if `deadline` came first. Asks every 5 ms.
    pub fn run_while(&mut self, deadline: Instant, mut pending: impl FnMut(&Cluster) -> bool) -> bool {
        while pending(self) {
            if self.now() >= deadline {
                return false;
            }
            let next = self.now().after(Duration::from_millis(5)).min(deadline);
            while self.run_until(next) == Paused::Attention {}
        }
        true
    }

    /// What happened so far.
    #[must_use]
    pub fn recorder(&self) -> &Rc<Recorder> {
        &self.recorder
    }

    /// Hash over every event, and their number.
    #[must_use]
    pub fn trace(&self) -> (u64, u64) {
        (self.simulation.trace_hash(), self.simulation.event_count())
    }

    /// The log of a replica as its disk holds it: the segments one after the other.
    #[must_use]
    pub fn log_on_disk(&self, broker: NodeId, partition: &TopicPartition) -> Bytes {
        let Some(host) = self.nodes.get(&broker) else { return Bytes::new() };
        let directory = Cluster::log_directory(partition);
        let mut files: Vec<_> = self.simulation.files(*host).into_iter().map(|status| status.file).collect();
        files.retain(|file| *file.directory == *directory && file.name.ends_with(".log"));
        files.sort();
        let mut log = BytesMut::new();
        for file in files {
            log.extend_from_slice(&self.simulation.file_content(*host, &file).unwrap_or_default());
        }
        log.freeze()
    }

    fn client(&self, name: &str) -> HostId {
        *self.clients.get(name).unwrap_or_else(|| panic!("no client host {name}"))
    }

    fn is_up(&self, host: HostId) -> bool {
        self.simulation.status(host) == HostStatus::Up
    }

    /// Writes down what the scenario does.
    pub fn note_fault(&self, what: What) {
        self.note(None, what);
    }

    fn note(&self, node: Option<NodeId>, what: What) {
        self.recorder.take(&Happening { at: self.now(), node, what });
    }

    /// The directory of a replica's log on its broker's disk.
    fn log_directory(partition: &TopicPartition) -> String {
        format!("{}-{}", partition.topic, partition.partition)
    }

    fn start_process(&mut self, node: NodeId) {
        let host = self.nodes[&node];
        let boot = self.boots.entry(node).and_modify(|boot| *boot += 1).or_insert(1);
        let stream = self.rng.fork(&format!("process/{node}/{boot}"));
        let platform = self.simulation.platform(host);
        let (recorder, told) = (self.recorder.clone(), self.told.clone());
        let observer = Rc::new(Witness::new(recorder, self.handle(), host, node, told));
        self.note(Some(node), What::Started);
        let (broker_stops, controller_stops) = (ShutdownSignal::new(), ShutdownSignal::new());
        let (is_broker, is_controller) = self.roles(node);
        self.shutdowns.insert(node, if is_broker { broker_stops.clone() } else { controller_stops.clone() });
        let end = self.end_of(node);
        if is_controller {
            let settings = self.controller_settings(node, &stream);
            let (platform, observer) = (platform.clone(), observer.clone());
            let (shutdown, end) = (controller_stops.clone(), end.clone());
            self.simulation.spawn(host, "controller", async move {
                let endpoint = controller_endpoint(node);
                match start_controller(platform, settings, endpoint, observer, &shutdown).await {
                    Ok(()) => end(),
                    Err(error) => panic!("controller {node} could not start: {error}"),
                }
            });
        }
        if is_broker {
            let settings = self.broker_settings(node, stream);
            self.simulation.spawn(host, "broker", async move {
                loop {
                    let (platform, settings) = (platform.clone(), settings.clone());
                    match start_broker(platform.clone(), settings, observer.clone(), &broker_stops).await {
                        // In combined mode the broker goes first: it has something to say to the controller.
                        Ok(()) if is_controller => return controller_stops.request(Duration::ZERO),
                        Ok(()) => return end(),
                        // Its disk cannot be read; whoever watches over the process starts it again.
                        Err(BootError::Disk(_)) => platform.clock().sleep(START_AGAIN_AFTER).await,
                        Err(error) => panic!("broker {node} could not start: {error}"),
                    }
                }
            });
        }
    }

    /// Whether the node is a broker, and whether it is a controller.
    fn roles(&self, node: NodeId) -> (bool, bool) {
        let cluster = &self.plan.cluster;
        (cluster.broker_ids().any(|id| id == node), cluster.controller_ids().any(|id| id == node))
    }

    /// What the process of a node does when it has stopped in good order.
    fn end_of(&self, node: NodeId) -> Rc<dyn Fn()> {
        let (stopped, handle) = (self.stopped.clone(), self.handle());
        Rc::new(move || {
            stopped.borrow_mut().push(node);
            handle.request_attention();
        })
    }

    fn controller_settings(&self, node: NodeId, stream: &Rng) -> ControllerSettings {
        ControllerSettings {
            node,
            cluster_id: CLUSTER_ID.to_owned(),
            config: self.plan.cluster.config.clone(),
            voters: self.voters(),
            directory: directory_of(node),
            directories: self.voters().into_keys().map(|voter| (voter, directory_of(voter))).collect(),
            variant: self.plan.protocol,
            rng: stream.fork("controller"),
        }
    }

    fn voters(&self) -> BTreeMap<NodeId, Endpoint> {
        self.plan.cluster.controller_ids().map(|id| (id, controller_endpoint(id))).collect()
    }

    fn broker_settings(&self, node: NodeId, mut stream: Rng) -> BrokerSettings {
        let incarnation = uuid::Uuid::from_u64_pair(stream.next_u64(), stream.next_u64());
        BrokerSettings {
            node,
            cluster_id: CLUSTER_ID.to_owned(),
            endpoint: endpoint(node),
            rack: None,
            incarnation: IncarnationId(incarnation),
            voters: self.voters(),
            config: self.plan.cluster.config.clone(),
            variant: self.plan.protocol,
        }
    }
}

/// Host name of a broker or controller.
#[must_use]
pub fn host_name(node: NodeId) -> String {
    if node.0 >= FIRST_CONTROLLER { format!("controller-{node}") } else { format!("broker-{node}") }
}

fn endpoint(node: NodeId) -> Endpoint {
    Endpoint::new(&host_name(node), PORT)
}

fn controller_endpoint(node: NodeId) -> Endpoint {
    Endpoint::new(&host_name(node), CONTROLLER_PORT)
}

/// The directory of a controller: no disk is ever replaced in a simulation.
#[must_use]
pub fn directory_of(controller: NodeId) -> DirectoryId {
    DirectoryId(uuid::Uuid::from_u128(u128::from(controller.0.unsigned_abs())))
}
