//! Replicas of `orders/0` driven by hand: the script is the controller, the network and the clock.
//!
//! Nothing happens by itself. The script commits a state (`elect`, `commit`), tells it to some replicas (`tell`),
//! and carries every fetch and every answer. Disk operations end at once.
//!
//! Commands:
//! - `begin replicas=1,2,3 isr=1,2 [min.insync.replicas=N]`: the first replica leads in epoch 0, all know it.
//! - `elect N isr=LIST`: the controller commits another leader and ISR; nobody knows yet.
//! - `fail-over`: the controller takes the dead out of the ISR and elects the first living member, or nobody.
//! - `tell N...`: these replicas take the committed state.
//! - `produce N VALUE...`: a client sends records to N with acks=all, one batch each.
//! - `fetch N [TIMES]`: N fetches from whom it follows and takes the answer.
//! - `ask N`, `answer N`: the same in two steps, so that things may happen in between.
//! - `propose N`: N's ISR proposal reaches the controller, which commits it. `proposal-lost N`: the answer is lost.
//! - `kill N`, `advance DURATION`, `logs`, `judge`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tribunal_engine::config::{BrokerConfig, Properties, TopicConfig};
use tribunal_engine::epoch::{BrokerEpoch, LeaderEpoch};
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::{Endpoint, IncarnationId, NodeId, TopicId, TopicPartition};
use tribunal_engine::log::{LogIo, LogSettings, PartitionLog};
use tribunal_engine::machine::{Effect, Effects};
use tribunal_engine::message::{FetchedPartition, IsrMember};
use tribunal_engine::metadata::{MetadataImage, MetadataRecord, PartitionImage};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::{BatchBuilder, Compression, RecordBatch};
use tribunal_engine::replica::{FetchPosition, FollowerFetch, Replica, ReplicaSettings};
use tribunal_engine::storage::mem::MemoryDisk;
use tribunal_engine::storage::{DiskDone, DiskOp};
use tribunal_engine::time::{Duration, Instant, Now, Timestamp};
use tribunal_engine::variant::ProtocolVariant;

use super::{Held, Stage, held, parting};

/// A replica and its disk.
struct Host {
    replica: Replica,
    disk: MemoryDisk,
    alive: bool,
}

/// A record a client sent.
struct Sent {
    value: String,
    to: NodeId,
    epoch: LeaderEpoch,
    offset: Offset,
    acknowledged: bool,
}

/// The stage.
pub(super) struct Replicas {
    variant: ProtocolVariant,
    now: Instant,
    hosts: BTreeMap<NodeId, Host>,
    brokers: MetadataImage,
    committed: PartitionImage,
    config: TopicConfig,
    answers: BTreeMap<NodeId, (FetchPosition, FetchedPartition)>,
    sent: Vec<Sent>,
    transcript: String,
}

impl Replicas {
    pub(super) fn new(variant: ProtocolVariant) -> Replicas {
        let config = BrokerConfig::from_properties(&Properties::new()).expect("defaults");
        Replicas {
            variant,
            now: Instant::from_nanos(1_000_000_000),
            hosts: BTreeMap::new(),
            brokers: MetadataImage::default(),
            committed: PartitionImage::new(Vec::new(), Vec::new(), None),
            config: config.topic_defaults,
            answers: BTreeMap::new(),
            sent: Vec::new(),
            transcript: String::new(),
        }
    }

    fn begin(&mut self, replicas: Vec<NodeId>, isr: Vec<NodeId>) {
        for (offset, node) in (0..).zip(&replicas) {
            let register = MetadataRecord::RegisterBroker {
                broker: *node,
                incarnation: IncarnationId(uuid::Uuid::from_u128(1)),
                endpoint: Endpoint::new("host", 9092),
                rack: None,
            };
            self.brokers.replay(Offset(offset), &register);
            let unfence = MetadataRecord::UnfenceBroker { broker: *node, broker_epoch: BrokerEpoch(offset) };
            self.brokers.replay(Offset(offset), &unfence);
            let log = PartitionLog::new(partition(), LogSettings::default());
            let settings = ReplicaSettings {
                broker: *node,
                lag_time_max: Duration::from_secs(30),
                variant: self.variant,
            };
            let replica = Replica::new(settings, TopicId::CLUSTER_METADATA, self.config, log);
            self.hosts.insert(*node, Host { replica, disk: MemoryDisk::new(), alive: true });
        }
        self.committed.leader = replicas.first().copied();
        self.committed.isr = isr;
        self.committed.replicas.clone_from(&replicas);
        for node in replicas {
            self.tell(node);
        }
        self.transcript.clear();
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: Timestamp(0) }
    }

    /// Lets a replica do something; performs its disk operations and writes down its events.
    fn with<T>(
        &mut self,
        node: NodeId,
        act: impl FnOnce(&mut Replica, &MetadataImage, &mut LogIo, &mut Effects) -> T,
    ) -> T {
        let now = self.now();
        let host = self.hosts.get_mut(&node).expect("a replica");
        let (mut io, mut effects) = (LogIo::default(), Effects::default());
        let result = act(&mut host.replica, &self.brokers, &mut io, &mut effects);
        while !io.is_empty() {
            let operations: Vec<_> = io.drain().collect();
            for (op, completion) in operations {
                let done = host.disk.perform(op).expect("a memory disk does not fail");
                host.replica.complete(now, completion, &done, &mut io, &mut effects);
            }
        }
        host.replica.invariants();
        for effect in effects.drain() {
            if let Effect::Note(event) = effect {
                writeln!(self.transcript, "  {node}> {event}").expect("a string takes everything");
            }
        }
        self.acknowledge();
        result
    }

    /// Answers the clients whose records are committed.
    fn acknowledge(&mut self) {
        for sent in self.sent.iter_mut().filter(|sent| !sent.acknowledged) {
            let replica = &self.hosts[&sent.to].replica;
            let leads = replica.leader().is_ok_and(|leader| leader.epoch() == sent.epoch);
            if leads && replica.high_watermark() > sent.offset && replica.has_enough_replicas() {
                sent.acknowledged = true;
                let Sent { value, to, .. } = sent;
                writeln!(self.transcript, "  {to}> acknowledges {value}").expect("a string takes everything");
            }
        }
    }

    fn tell(&mut self, node: NodeId) {
        let (image, config, now) = (self.committed.clone(), self.config, self.now());
        self.with(node, |replica, brokers, io, effects| {
            replica.apply_metadata(now, &image, config, io, effects);
            replica.brokers_changed(now, brokers, effects);
        });
    }

    fn produce(&mut self, node: NodeId, value: &str) {
        let mut batch = BatchBuilder::new(Compression::None);
        batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
        let batch = RecordBatch::parse(batch.build()).expect("a built batch");
        let now = self.now();
        let mut appended = None;
        self.with(node, |replica, _, io, effects| {
            if replica.is_under_min_isr() {
                appended = Some(Err(ErrorCode::NotEnoughReplicas));
            } else {
                appended = Some(replica.append(now, batch, io, effects).map(|(base, _)| base));
            }
        });
        match appended.expect("the replica was asked") {
            Ok(offset) => {
                let epoch = self.hosts[&node].replica.leader_epoch();
                let value = value.to_owned();
                self.sent.push(Sent { value, to: node, epoch, offset, acknowledged: false });
                self.acknowledge();
            }
            Err(error) => self.line(&format!("{node}> refuses {value}: {error}")),
        }
    }

    /// The follower's fetch reaches whom it follows; the answer is held.
    fn ask(&mut self, node: NodeId) {
        let follower = &self.hosts[&node].replica;
        let leader = follower.follower().and_then(tribunal_engine::replica::Follower::leader);
        let (Some(position), Some(leader)) = (follower.fetch_position(), leader) else {
            return self.line(&format!("{node}> follows nobody"));
        };
        let fetch = follower.fetch_request(position, 1 << 20);
        self.line(&format!(
            "{node}> fetch from {leader} @{} epoch={} last={}",
            fetch.fetch_offset, fetch.current_leader_epoch, fetch.last_fetched_epoch
        ));
        if !self.hosts[&leader].alive {
            return self.line(&format!("{leader}> is dead"));
        }
        let broker_epoch = self.brokers.brokers()[&node].epoch;
        let member = IsrMember { broker: node, broker_epoch };
        let now = self.now();
        let verdict = self.with(leader, |replica, brokers, _, effects| {
            replica.on_follower_fetch(now, member, &fetch, brokers, effects)
        });
        let host = &self.hosts[&leader];
        let mut fetched = FetchedPartition {
            high_watermark: host.replica.high_watermark(),
            last_stable_offset: host.replica.high_watermark(),
            log_start_offset: host.replica.log().start_offset(),
            ..FetchedPartition::new(fetch.partition)
        };
        match verdict {
            Err(error) => {
                fetched.error = error;
                self.line(&format!("{leader}> answers {node}: {error}"));
            }
            Ok(FollowerFetch::Diverging(diverging)) => {
                fetched.diverging_epoch = Some(diverging);
                let (epoch, end) = (diverging.epoch, diverging.end_offset);
                self.line(&format!("{leader}> answers {node}: epoch {epoch} ends at {end}"));
            }
            Ok(FollowerFetch::Read { .. }) => {
                let log = host.replica.log();
                let plan = log.read(fetch.fetch_offset, 1 << 20, log.end_offset()).expect("in range");
                if let Some(plan) = plan {
                    fetched.records = read(&host.disk, plan.op);
                }
            }
        }
        self.answers.insert(node, (position, fetched));
    }

    fn answer(&mut self, node: NodeId) {
        let Some((position, fetched)) = self.answers.remove(&node) else { return };
        let now = self.now();
        self.with(node, |replica, _, io, effects| {
            replica.on_fetched(now, position, &fetched, Duration::ZERO, io, effects);
        });
    }

    /// The controller elects as it must: a living member of the ISR in assignment order, or nobody.
    fn fail_over(&mut self) {
        let alive = |node: &NodeId| self.hosts[node].alive;
        let isr: Vec<NodeId> = self.committed.isr.iter().copied().filter(|node| alive(node)).collect();
        let leader = self.committed.replicas.iter().copied().find(|node| isr.contains(node));
        if !isr.is_empty() {
            self.committed.isr = isr;
        }
        self.committed.leader = leader;
        self.committed.leader_epoch = self.committed.leader_epoch.next();
        self.committed.partition_epoch = self.committed.partition_epoch.next();
        let leader = leader.map_or("nobody".to_owned(), |leader| leader.to_string());
        self.line(&format!("c> elects {leader} in epoch {}", self.committed.leader_epoch));
    }

    fn propose(&mut self, leader: NodeId) {
        let Some(isr) = self.with(leader, |replica, _, _, _| replica.take_proposal()) else {
            return self.line(&format!("{leader}> proposes nothing"));
        };
        self.committed.isr = isr.iter().map(|member| member.broker).collect();
        self.committed.partition_epoch = self.committed.partition_epoch.next();
        let members: Vec<String> = self.committed.isr.iter().map(NodeId::to_string).collect();
        self.line(&format!("c> commits isr=[{}]", members.join(",")));
    }

    fn log(&self, node: NodeId) -> Vec<Held> {
        held(self.hosts[&node].disk.content("orders-0", "00000000000000000000.log").unwrap_or_default())
    }

    fn logs(&mut self) {
        for node in self.hosts.keys().copied().collect::<Vec<_>>() {
            let records: Vec<String> =
                self.log(node).iter().map(|held| format!("{}@e{}", held.value, held.epoch)).collect();
            let host = &self.hosts[&node];
            let dead = if host.alive { "" } else { " (dead)" };
            let high_watermark = host.replica.high_watermark();
            self.line(&format!("{node}: [{}] hw={high_watermark}{dead}", records.join(" ")));
        }
    }

    /// Whether the leader (without one, every member of the ISR) has every acknowledged record, and the living
    /// agree.
    fn judge(&mut self) {
        let mut wrong = Vec::new();
        let judges = self.committed.leader.map_or_else(|| self.committed.isr.clone(), |leader| vec![leader]);
        for judge in judges {
            let log = self.log(judge);
            for Sent { value, to, epoch, .. } in self.sent.iter().filter(|sent| sent.acknowledged) {
                if !log.iter().any(|held| held.value == *value) {
                    let acknowledged = format!("acknowledged by {to} in epoch {epoch}");
                    wrong.push(format!("lost: {value}, {acknowledged}, is not on {judge}"));
                }
            }
        }
        let living: Vec<NodeId> =
            self.hosts.iter().filter(|(_, host)| host.alive).map(|(node, _)| *node).collect();
        for (place, one) in living.iter().enumerate() {
            for other in &living[place + 1..] {
                let marks = [one, other].map(|node| self.hosts[node].replica.high_watermark().0);
                let end = usize::try_from(marks[0].min(marks[1])).unwrap_or(0);
                if let Some(offset) = parting(&self.log(*one), &self.log(*other), end) {
                    wrong.push(format!(
                        "{one} and {other} part at offset {offset}, below both high watermarks"
                    ));
                }
            }
        }
        if wrong.is_empty() {
            wrong.push("fine".to_owned());
        }
        for line in wrong {
            self.line(&line);
        }
    }

    fn line(&mut self, text: &str) {
        writeln!(self.transcript, "  {text}").expect("a string takes everything");
    }
}

impl Stage for Replicas {
    fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["begin", replicas, isr, min @ ..] => {
                if let [min] = min {
                    let value = min.strip_prefix("min.insync.replicas=").expect("min.insync.replicas=N");
                    self.config.min_insync_replicas = value.parse().expect("a number");
                }
                self.begin(nodes(replicas, "replicas="), nodes(isr, "isr="));
            }
            ["elect", leader, isr] => {
                self.committed.leader = Some(node(leader));
                self.committed.leader_epoch = self.committed.leader_epoch.next();
                self.committed.isr = nodes(isr, "isr=");
                self.committed.partition_epoch = self.committed.partition_epoch.next();
            }
            ["fail-over"] => self.fail_over(),
            ["tell", told @ ..] => told.iter().for_each(|word| self.tell(node(word))),
            ["produce", to, values @ ..] => values.iter().for_each(|value| self.produce(node(to), value)),
            ["fetch", follower, times @ ..] => {
                let times: usize = times.first().map_or(1, |times| times.parse().expect("a number"));
                for _ in 0..times {
                    self.ask(node(follower));
                    self.answer(node(follower));
                }
            }
            ["ask", follower] => self.ask(node(follower)),
            ["answer", follower] => self.answer(node(follower)),
            ["propose", leader] => self.propose(node(leader)),
            ["proposal-lost", leader] => {
                let now = self.now();
                self.with(node(leader), |replica, _, _, effects| {
                    replica.proposal_failed(now, None, effects);
                });
            }
            ["kill", dead] => self.hosts.get_mut(&node(dead)).expect("a replica").alive = false,
            ["advance", duration] => {
                let seconds = duration.strip_suffix('s').expect("seconds").parse().expect("a number");
                self.now = self.now.after(Duration::from_secs(seconds));
            }
            ["logs"] => self.logs(),
            ["judge"] => self.judge(),
            _ => panic!("unknown command {command}"),
        }
        std::mem::take(&mut self.transcript)
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

fn node(word: &str) -> NodeId {
    NodeId(word.parse().expect("a broker"))
}

fn nodes(list: &str, name: &str) -> Vec<NodeId> {
    let list = list.strip_prefix(name).unwrap_or_else(|| panic!("expected {name}1,2,3"));
    list.split(',').filter(|word| !word.is_empty()).map(node).collect()
}

fn read(disk: &MemoryDisk, op: DiskOp) -> bytes::Bytes {
    match disk.perform(op) {
        Ok(DiskDone::Read(bytes)) => bytes,
        other => panic!("a read that ends with {other:?}"),
    }
}
