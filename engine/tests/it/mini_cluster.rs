//! Brokers and controllers as bare machines: no socket, no task, no runtime. Messages are delivered in order,
//! disk operations end at once, time moves only when told. What the machines do is written down as text.

mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use tribunal_engine::broker::{Broker, BrokerSettings};
use tribunal_engine::config::{BrokerConfig, Properties};
use tribunal_engine::controller::{Controller, ControllerSettings};
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::Event;
use tribunal_engine::id::{
    ConnectionId, CorrelationId, DirectoryId, Endpoint, IncarnationId, NodeId, ProducerId, TopicId,
    TopicName, TopicPartition,
};
use tribunal_engine::log::{LogSettings, PartitionLog, take_clean_shutdown};
use tribunal_engine::machine::{CallError, CallToken, Effect, Effects, Input, Machine, RequestContext};
use tribunal_engine::message::{Acks, ApiKey, ProducePartition, ProduceRequest, Request, Response};
use tribunal_engine::offset::Offset;
use tribunal_engine::quorum::Quorum;
use tribunal_engine::record::{BatchBuilder, Compression};
use tribunal_engine::replica::Leader;
use tribunal_engine::rng::Rng;
use tribunal_engine::storage::DiskOp;
use tribunal_engine::storage::mem::MemoryDisk;
use tribunal_engine::time::{Duration, Instant, Now, Timestamp};
use tribunal_engine::variant::ProtocolVariant;

use crate::museum::held;
use telling::describe_answer;

/// The first controller's node id; others follow.
pub(crate) const CONTROLLER: i32 = 100;
/// Connections of clients are numbered from here; below are those between the machines.
const CLIENT_CONNECTIONS: u64 = 1_000_000;

enum Process {
    Broker(Box<Broker>),
    Controller(Box<Controller>),
}

struct Host {
    process: Option<Process>,
    disk: MemoryDisk,
    boot: u128,
    /// How many disks it has had.
    disks: u128,
}

/// The directory id on the disk of that number.
fn directory(id: i32, disks: u128) -> DirectoryId {
    DirectoryId(uuid::Uuid::from_u128((u128::from(id.unsigned_abs()) << 64) | disks))
}

struct PendingCall {
    from: i32,
    to: i32,
    boot: u128,
    token: CallToken,
    deadline: Instant,
}

/// The cluster.
pub(crate) struct MiniCluster {
    now: Instant,
    /// The time of day. It stands still unless a script moves it on.
    pub(crate) wall: Timestamp,
    hosts: BTreeMap<i32, Host>,
    queue: VecDeque<(i32, u128, Input)>,
    calls: BTreeMap<u64, PendingCall>,
    cut: BTreeSet<(i32, i32)>,
    holding: Option<ApiKey>,
    held: Vec<(i32, Input)>,
    /// The last fetch of each controller: the same one again is not told.
    metadata_fetches: BTreeMap<i32, (i32, Offset, LeaderEpoch)>,
    next_connection: u64,
    asked: u64,
    answers: BTreeMap<u64, Response>,
    properties: Properties,
    variant: ProtocolVariant,
    /// What happened since it was last taken.
    pub(crate) transcript: String,
    /// The values of `orders/0` that were acknowledged with acks=all.
    pub(crate) acknowledged: Vec<String>,
}

impl MiniCluster {
    /// `brokers` brokers and `controllers` controllers, not started.
    pub(crate) fn new(
        brokers: i32,
        controllers: i32,
        properties: &[(&str, &str)],
        variant: ProtocolVariant,
    ) -> MiniCluster {
        let host = || Host { process: None, disk: MemoryDisk::new(), boot: 0, disks: 1 };
        let ids = (1..=brokers).chain(CONTROLLER..CONTROLLER + controllers);
        let hosts: BTreeMap<i32, Host> = ids.map(|id| (id, host())).collect();
        MiniCluster {
            now: Instant::from_nanos(1_000_000_000),
            wall: Timestamp(0),
            hosts,
            queue: VecDeque::new(),
            calls: BTreeMap::new(),
            cut: BTreeSet::new(),
            holding: None,
            held: Vec::new(),
            metadata_fetches: BTreeMap::new(),
            next_connection: 0,
            asked: 0,
            answers: BTreeMap::new(),
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            variant,
            transcript: String::new(),
            acknowledged: Vec::new(),
        }
    }

    /// Another line of `server.properties`, for whoever boots from now on.
    pub(crate) fn give(&mut self, name: &str, value: &str) {
        self.properties.insert(name.to_owned(), value.to_owned());
    }

    /// Boots a process over what its disk holds.
    pub(crate) fn start(&mut self, id: i32) {
        let config = BrokerConfig::from_properties(&self.properties).expect("test properties are valid");
        let endpoint = |id: i32| Endpoint::new(&format!("host-{id}"), 9092);
        let voters: BTreeMap<NodeId, Endpoint> =
            self.hosts.range(CONTROLLER..).map(|(id, _)| (NodeId(*id), endpoint(*id))).collect();
        let host = self.hosts.get_mut(&id).expect("a host of the cluster");
        host.boot += 1;
        let process = if id >= CONTROLLER {
            let settings = ControllerSettings {
                node: NodeId(id),
                cluster_id: "mini".to_owned(),
                config,
                directory: directory(id, host.disks),
                directories: voters.keys().map(|id| (*id, directory(id.0, 1))).collect(),
                voters,
                variant: self.variant,
                rng: Rng::from_seed(u64::from(id.unsigned_abs()) - 99),
            };
            let quorum =
                block_on(Quorum::recover(&host.disk, settings.quorum())).expect("a readable metadata log");
            Process::Controller(Box::new(Controller::new(settings, quorum)))
        } else {
            let settings = BrokerSettings {
                node: NodeId(id),
                cluster_id: "mini".to_owned(),
                endpoint: endpoint(id),
                rack: Some(format!("rack-{id}")),
                incarnation: IncarnationId(uuid::Uuid::from_u128(
                    (u128::from(id.unsigned_abs()) << 64) | host.boot,
                )),
                voters,
                config,
                variant: self.variant,
            };
            let log_settings = LogSettings::default();
            let partition = TopicPartition::new("orders", 0);
            let (last_shutdown, previous_epoch) =
                block_on(take_clean_shutdown(&host.disk)).expect("a readable disk");
            let (log, _) =
                block_on(PartitionLog::recover(&host.disk, partition, log_settings, last_shutdown))
                    .expect("a readable log");
            let logs = if log.end_offset() > Offset::ZERO { vec![log] } else { Vec::new() };
            Process::Broker(Box::new(Broker::new(settings, logs).with_previous_epoch(previous_epoch)))
        };
        host.process = Some(process);
        let boot = host.boot;
        self.queue.push_back((id, boot, Input::Tick));
    }

    /// Ends a process; what it wrote stays.
    pub(crate) fn crash(&mut self, id: i32) {
        self.hosts.get_mut(&id).expect("a host of the cluster").process = None;
        let lost: Vec<u64> =
            self.calls.iter().filter(|(_, call)| call.to == id).map(|(key, _)| *key).collect();
        for key in lost {
            self.fail_call(key, CallError::Disconnected);
        }
    }

    /// A machine loses its power, and of its log of `orders/0` all but the first bytes.
    pub(crate) fn power_loss(&mut self, id: i32, kept: usize) {
        self.crash(id);
        let cut = |content: &mut Vec<u8>| content.truncate(kept);
        let disk = &self.hosts[&id].disk;
        disk.damage("orders-0", "00000000000000000000.log", cut).expect("a log of orders/0");
    }

    /// Asks a process to stop in good order.
    pub(crate) fn stop(&mut self, id: i32) {
        let boot = self.hosts[&id].boot;
        self.queue.push_back((id, boot, Input::Shutdown { patience: Duration::from_secs(30) }));
    }

    /// Ends a process and gives it an empty disk.
    pub(crate) fn wipe(&mut self, id: i32) {
        self.crash(id);
        let host = self.hosts.get_mut(&id).expect("a host of the cluster");
        (host.disk, host.disks) = (MemoryDisk::new(), host.disks + 1);
    }

    /// Keeps requests of one kind on their way until they are released.
    pub(crate) fn hold(&mut self, key: ApiKey) {
        self.holding = Some(key);
    }

    /// Delivers what was held, in order, and holds nothing more.
    pub(crate) fn release(&mut self) {
        self.holding = None;
        for (to, input) in std::mem::take(&mut self.held) {
            let boot = self.hosts[&to].boot;
            self.queue.push_back((to, boot, input));
        }
        self.settle();
    }

    /// The running broker that leads `orders/0` in the latest epoch.
    pub(crate) fn leader(&self) -> Option<i32> {
        let partition = TopicPartition::new("orders", 0);
        let epoch = |host: &Host| match host.process.as_ref()? {
            Process::Broker(broker) => broker.replicas().get(&partition)?.leader().ok().map(Leader::epoch),
            Process::Controller(_) => None,
        };
        self.hosts.iter().filter_map(|(id, host)| Some((epoch(host)?, *id))).max().map(|(_, id)| id)
    }

    /// The ISR of `orders/0` as the controller has it.
    pub(crate) fn isr(&self) -> Vec<i32> {
        let image = match &self.hosts[&CONTROLLER].process {
            Some(Process::Controller(controller)) => controller.image(),
            _ => return Vec::new(),
        };
        let partition = image.partition(&TopicPartition::new("orders", 0));
        partition.map_or(Vec::new(), |partition| partition.isr.iter().map(|member| member.0).collect())
    }

    /// Loses every message between two processes, both ways.
    pub(crate) fn cut(&mut self, one: i32, other: i32) {
        self.cut.extend([(one, other), (other, one)]);
    }

    /// Ends one cut; both sides notice what was lost on the way.
    pub(crate) fn mend(&mut self, one: i32, other: i32) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
        let between = |call: &PendingCall| [(one, other), (other, one)].contains(&(call.from, call.to));
        let lost: Vec<u64> =
            self.calls.iter().filter(|(_, call)| between(call)).map(|(key, _)| *key).collect();
        for key in lost {
            self.fail_call(key, CallError::Disconnected);
        }
    }

    /// Ends every cut.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Sends a request from a client.
    pub(crate) fn request(&mut self, to: i32, request: Request) {
        self.send(to, 0, request);
    }

    /// Sends a request from a client in this version; its answer, unless it has to wait for time to pass.
    pub(crate) fn ask(&mut self, to: i32, version: i16, request: Request) -> Option<Response> {
        self.send(to, version, request);
        let asked = self.asked();
        self.settle();
        self.answer_to(asked)
    }

    /// Sends a request from a client in this version; names it.
    pub(crate) fn submit(&mut self, to: i32, version: i16, request: Request) -> u64 {
        self.send(to, version, request);
        self.settle();
        self.asked
    }

    /// Names the client's request that was sent last.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// The answer to a client's request, once.
    pub(crate) fn answer_to(&mut self, asked: u64) -> Option<Response> {
        self.answers.remove(&asked)
    }

    /// The id of a topic, as the controller has it.
    pub(crate) fn topic_id(&self, name: &str) -> TopicId {
        match &self.hosts[&CONTROLLER].process {
            Some(Process::Controller(controller)) => controller.image().topics()[&TopicName::new(name)].id,
            _ => TopicId::ZERO,
        }
    }

    fn send(&mut self, to: i32, api_version: i16, request: Request) {
        self.next_connection += 1;
        self.asked = CLIENT_CONNECTIONS + self.next_connection;
        let connection = ConnectionId(self.asked);
        let context =
            RequestContext { connection, correlation: CorrelationId(0), api_version, client_id: None };
        let boot = self.hosts[&to].boot;
        self.queue.push_back((to, boot, Input::Request { context, request }));
    }

    /// Produces one batch with these values to `orders/0`.
    pub(crate) fn produce(&mut self, to: i32, acks: i16, values: &[&str]) {
        self.produce_as(to, (-1, -1, -1), acks, values);
    }

    /// The same, as an idempotent producer: its id, its epoch and the sequence number of the first record.
    pub(crate) fn produce_as(&mut self, to: i32, producer: (i64, i16, i32), acks: i16, values: &[&str]) {
        let mut batch = BatchBuilder::new(Compression::None);
        batch.set_producer(ProducerId(producer.0), producer.1, producer.2);
        for value in values {
            batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
        }
        let partition = TopicPartition::new("orders", 0);
        let partitions = vec![ProducePartition { partition, records: Some(batch.build()) }];
        let request = ProduceRequest::new(acks, Duration::from_secs(30), partitions);
        self.request(to, request.into());
    }

    /// The bytes of a broker's log of `orders/0`.
    pub(crate) fn log_bytes(&self, id: i32) -> Bytes {
        self.hosts[&id].disk.content("orders-0", "00000000000000000000.log").unwrap_or_default()
    }

    /// Delivers messages until none is left. Time stands still.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            let Some((to, boot, input)) = self.queue.pop_front() else { return };
            if self.hosts[&to].boot == boot {
                self.step(to, input);
            }
        }
        panic!("the cluster never comes to rest");
    }

    /// Lets time pass, with everything that falls due.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            self.settle();
            let wakeup = self
                .hosts
                .iter()
                .filter_map(|(id, host)| Some((next_wakeup(host.process.as_ref()?)?, *id)))
                .min();
            let timeout = self.calls.iter().map(|(key, call)| (call.deadline, *key)).min();
            let due = wakeup.map(|(at, _)| at).into_iter().chain(timeout.map(|(at, _)| at)).min();
            let Some(at) = due.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            match (wakeup, timeout) {
                (_, Some((deadline, key))) if deadline == at => self.fail_call(key, CallError::TimedOut),
                (Some((_, id)), _) => {
                    let boot = self.hosts[&id].boot;
                    self.queue.push_back((id, boot, Input::Tick));
                }
                (None, _) => {}
            }
        }
        self.now = end;
        self.settle();
    }

    fn fail_call(&mut self, key: u64, error: CallError) {
        if let Some(call) = self.calls.remove(&key) {
            self.queue.push_back((
                call.from,
                call.boot,
                Input::Reply { token: call.token, outcome: Err(error) },
            ));
        }
    }

    fn step(&mut self, id: i32, input: Input) {
        let now = Now { mono: self.now, wall: self.wall };
        let mut effects = Effects::default();
        let Some(process) = self.hosts.get_mut(&id).and_then(|host| host.process.as_mut()) else { return };
        match process {
            Process::Broker(broker) => {
                broker.step(now, input, &mut effects);
                broker.invariants();
            }
            Process::Controller(controller) => {
                controller.step(now, input, &mut effects);
                controller.invariants();
            }
        }
        let stopped = match process {
            Process::Broker(broker) => broker.may_stop(),
            Process::Controller(controller) => controller.may_stop(),
        };
        for effect in effects.drain().collect::<Vec<_>>() {
            self.perform(id, effect);
        }
        if stopped {
            self.line(id, "stopped");
            self.crash(id);
        }
    }

    fn perform(&mut self, id: i32, effect: Effect) {
        let boot = self.hosts[&id].boot;
        match effect {
            Effect::Respond { context, response } => self.respond(id, &context, response),
            Effect::Close { connection, reason } => self.line(id, &format!("close {connection}: {reason}")),
            Effect::Call { to, token, request, timeout, .. } => {
                self.next_connection += 1;
                let key = self.next_connection;
                let deadline = self.now.after(timeout);
                self.describe_call(id, to.0, &request);
                self.calls.insert(key, PendingCall { from: id, to: to.0, boot, token, deadline });
                if self.hosts[&to.0].process.is_none() {
                    return self.fail_call(key, CallError::Unreachable);
                }
                if !self.cut.contains(&(id, to.0)) {
                    let connection = ConnectionId(key);
                    let context = RequestContext {
                        connection,
                        correlation: CorrelationId(0),
                        api_version: 0,
                        client_id: None,
                    };
                    let boot = self.hosts[&to.0].boot;
                    let kept = self.holding == Some(request.key());
                    let input = Input::Request { context, request };
                    if kept {
                        self.held.push((to.0, input));
                    } else {
                        self.queue.push_back((to.0, boot, input));
                    }
                }
            }
            Effect::Disconnect { from, .. } => {
                let lost = self
                    .calls
                    .iter()
                    .find(|(_, call)| call.from == id && call.to == from.0)
                    .map(|(key, _)| *key);
                if let Some(key) = lost {
                    self.fail_call(key, CallError::Disconnected);
                }
            }
            Effect::Disk { token, op } => {
                if (op.directory().starts_with("orders") || op.directory().is_empty())
                    && !matches!(op, DiskOp::Read { .. } | DiskOp::ReadToSend { .. })
                {
                    self.line(id, &format!("disk {op}"));
                }
                let outcome = self.hosts[&id].disk.perform(op);
                self.queue.push_back((id, boot, Input::Disk { token, outcome }));
            }
            Effect::Note(Event::MetadataCommitted { .. }) => {}
            Effect::Note(event) => {
                if let Event::Acknowledged { base, last, acks: Acks::All, .. } = &event {
                    let first = usize::try_from(base.0).expect("an offset");
                    let count = usize::try_from(last.0 - base.0 + 1).expect("an offset");
                    let log = held(self.log_bytes(id));
                    self.acknowledged.extend(log.into_iter().skip(first).take(count).map(|it| it.value));
                }
                self.line(id, &event.to_string());
            }
        }
    }

    fn respond(&mut self, id: i32, context: &RequestContext, response: Option<Response>) {
        if context.connection.0 >= CLIENT_CONNECTIONS {
            let text = response.as_ref().map_or_else(|| "nothing".to_owned(), describe_answer);
            self.answers.extend(response.map(|response| (context.connection.0, response)));
            return self.line(id, &format!("to client: {text}"));
        }
        let (Some(call), Some(response)) = (self.calls.remove(&context.connection.0), response) else {
            return;
        };
        if self.cut.contains(&(id, call.from)) {
            // Lost on the way back: the caller will time out.
            self.calls.insert(context.connection.0, call);
            return;
        }
        self.queue.push_back((
            call.from,
            call.boot,
            Input::Reply { token: call.token, outcome: Ok(response) },
        ));
    }
}

fn next_wakeup(process: &Process) -> Option<Instant> {
    match process {
        Process::Broker(broker) => broker.next_wakeup(),
        Process::Controller(controller) => controller.next_wakeup(),
    }
    .map(|(at, _)| at)
}

/// Runs a future that never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("a memory disk never waits"),
    }
}
