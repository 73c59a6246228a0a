//! Tiny runs made by hand, for tests: a history as clients saw it, and a script of events for a view.
//!
//! One partition, `orders/0`, three replicas, two of them as `min.insync.replicas` unless changed. Every event
//! comes a millisecond after the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, ElectionReason, Event, TruncationReason};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use super::{Checker, Finding, FinishedRun, Recovery};
use crate::history::{History, ProducerInfo, Read, Reader, RecordId, Send, SendOutcome};
use crate::run::{FaultRecord, RunOutcome};
use crate::scenario::{self, Plan};
use crate::view::{ClusterView, Happening, PartitionView, Phase, What};

/// A scenario with one producer table; `changes` replaces parts of the text.
pub(crate) fn plan(changes: &[(&str, &str)]) -> Plan {
    let mut text = r#"format = 1
name = "Sample"
hypothesis = "None."
expect = [{ that = "holds no-acked-record-lost" }]
[run]
duration = "10s"
settle = "10s"
seeds = "1"
[cluster]
brokers = 3
[topic.orders]
partitions = 1
replication = 3
config = { "min.insync.replicas" = 2 }
[producer.checkout]
topic = "orders"
count = 1
rate = "50/s"
value-size = "200B"
config = { "enable.idempotence" = false, acks = "all", "max.in.flight.requests.per.connection" = 5, "retries" = 10 }
[consumer.audit]
topics = ["orders"]
"#
    .to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the sample has no `{from}`");
        text = text.replace(from, to);
    }
    let (mut scenario, _) = scenario::parse("sample.toml", &text)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    scenario.variants.remove(0)
}

/// A run made by hand.
pub(crate) struct Sample {
    pub(crate) partition: TopicPartition,
    pub(crate) history: History,
    pub(crate) view: ClusterView,
    pub(crate) replica_logs: BTreeMap<(TopicPartition, NodeId), Bytes>,
    pub(crate) recovery: Recovery,
    pub(crate) plan: Plan,
    pub(crate) faults: Vec<FaultRecord>,
    checker: Option<Box<dyn Checker>>,
    now: u64,
}

impl Sample {
    /// A run in which nothing happened.
    pub(crate) fn new() -> Sample {
        let partition = TopicPartition::new("orders", 0);
        let mut view = ClusterView::default();
        let mut state = PartitionView::new(2);
        for broker in 1..=3 {
            state.replicas.insert(NodeId(broker), crate::view::ReplicaView::new());
        }
        view.partitions.insert(partition.clone(), state);
        Sample {
            partition,
            history: History::default(),
            view,
            replica_logs: BTreeMap::new(),
            recovery: Recovery::After(Duration::ZERO),
            plan: plan(&[]),
            faults: Vec::new(),
            checker: None,
            now: 0,
        }
    }

    /// A run in which two producers sent five records each, and this log is what was found at the end.
    pub(crate) fn of_two_producers(log: &[(i64, u32, u64)]) -> Sample {
        let mut sample = Sample::new();
        for _ in 0..2 {
            let producer = sample.producer(Acks::All);
            for _ in 0..5 {
                sample.unknown(producer);
            }
        }
        sample.log_is(log);
        sample
    }

    /// The same, with a checker that sees every event.
    pub(crate) fn watching(checker: impl Checker + 'static) -> Sample {
        Sample { checker: Some(Box::new(checker)), ..Sample::new() }
    }

    /// What the watching checker found.
    pub(crate) fn finding(&mut self) -> Finding {
        let mut checker = self.checker.take().expect("the sample watches");
        checker.finish(&self.finished())
    }

    /// What a checker finds that sees only the end.
    pub(crate) fn finish(&self, mut checker: impl Checker) -> Finding {
        checker.finish(&self.finished())
    }

    fn finished(&self) -> FinishedRun<'_> {
        FinishedRun {
            plan: &self.plan,
            history: &self.history,
            view: &self.view,
            replica_logs: &self.replica_logs,
            recovery: &self.recovery,
            end: Instant::from_nanos(60_000_000_000),
        }
    }

    /// The run as the runner would hand it over, with what every checker that needs no events finds.
    pub(crate) fn outcome(&self) -> RunOutcome {
        RunOutcome {
            seed: 1,
            history: self.history.clone(),
            view: self.view.clone(),
            findings: super::all(&self.plan)
                .iter_mut()
                .map(|checker| checker.finish(&self.finished()))
                .collect(),
            recovery: self.recovery.clone(),
            faults: self.faults.clone(),
            phases: vec![
                (Phase::Load, Instant::START),
                (Phase::FinalRead, Instant::from_nanos(50_000_000_000)),
            ],
            replica_logs: self.replica_logs.clone(),
            trace_hash: 0,
            event_count: 0,
            abandoned: None,
        }
    }

    // ---- what clients saw ----

    /// A producer of the table `checkout`; gives its index.
    pub(crate) fn producer(&mut self, acks: Acks) -> u32 {
        let index = self.history.producers.len();
        let table = Some("checkout".to_owned());
        self.history.producers.push(ProducerInfo { name: format!("checkout-{index}"), table, acks });
        self.history.sends.push(Vec::new());
        u32::try_from(index).expect("few producers")
    }

    /// Its next send, acknowledged at `offset`.
    pub(crate) fn acked(&mut self, producer: u32, offset: i64) -> RecordId {
        let (partition, offset) = (self.partition.clone(), Some(Offset(offset)));
        self.send(producer, SendOutcome::Acknowledged { partition, offset })
    }

    /// Its next send, acknowledged as acks=0 is.
    pub(crate) fn acked_without_offset(&mut self, producer: u32) -> RecordId {
        let partition = self.partition.clone();
        self.send(producer, SendOutcome::Acknowledged { partition, offset: None })
    }

    /// Its next send, whose end is unknown.
    pub(crate) fn unknown(&mut self, producer: u32) -> RecordId {
        self.send(producer, SendOutcome::Unknown("request timed out".to_owned()))
    }

    fn send(&mut self, producer: u32, outcome: SendOutcome) -> RecordId {
        let invoked = self.tick();
        let completed = Some(self.tick());
        let sends = &mut self.history.sends[producer as usize];
        let record = RecordId { producer, sequence: sends.len() as u64 };
        sends.push(Send { record, intended: invoked, invoked, completed, outcome, key: None });
        record
    }

    /// A reader that was given these (offset, producer, sequence), one each second.
    pub(crate) fn reader(&mut self, name: &str, reads: &[(i64, u32, u64)]) {
        let read = |(second, (offset, producer, sequence)): (u64, &(i64, u32, u64))| Read {
            at: Instant::from_nanos((second + 1) * 1_000_000_000),
            partition: 0,
            offset: Offset(*offset),
            leader_epoch: LeaderEpoch(0),
            record: Some(RecordId { producer: *producer, sequence: *sequence }),
        };
        self.history.readers.push(Reader {
            name: name.to_owned(),
            partitions: vec![self.partition.clone()],
            reads: (0..).zip(reads).map(read).collect(),
            resets: Vec::new(),
        });
    }

    /// The final read found these (offset, producer, sequence).
    pub(crate) fn log_is(&mut self, records: &[(i64, u32, u64)]) {
        let entry = |(offset, producer, sequence): &(i64, u32, u64)| {
            (Offset(*offset), Some(RecordId { producer: *producer, sequence: *sequence }))
        };
        self.history.final_reads.insert(self.partition.clone(), records.iter().map(entry).collect());
    }

    // ---- what machines said ----

    /// A millisecond later.
    pub(crate) fn tick(&mut self) -> Instant {
        self.now += 1_000_000;
        Instant::from_nanos(self.now)
    }

    /// Something happened to a process.
    pub(crate) fn process(&mut self, broker: i32, what: What) {
        let happening = Happening { at: self.tick(), node: Some(NodeId(broker)), what };
        self.view.take(&happening);
        if let Some(checker) = &mut self.checker {
            checker.on_happening(&self.view, &happening);
        }
    }

    /// A broker said something.
    pub(crate) fn event(&mut self, broker: i32, event: Event) {
        self.process(broker, What::Event(event));
    }

    /// The controller elects a leader, and the leader takes over.
    pub(crate) fn elect(&mut self, leader: i32, epoch: i32, isr: &[i32]) {
        self.elect_because(ElectionReason::LeaderLost, leader, epoch, isr);
    }

    /// The same for a given reason.
    pub(crate) fn elect_because(&mut self, reason: ElectionReason, leader: i32, epoch: i32, isr: &[i32]) {
        let isr = isr.iter().map(|broker| NodeId(*broker)).collect();
        let (partition, epoch_id) = (self.partition.clone(), LeaderEpoch(epoch));
        let leader_id = Some(NodeId(leader));
        self.event(100, Event::LeaderElected { partition, leader: leader_id, epoch: epoch_id, isr, reason });
        self.became_leader(leader, epoch);
    }

    /// A broker takes the leadership.
    pub(crate) fn became_leader(&mut self, broker: i32, epoch: i32) {
        let partition = self.partition.clone();
        let state = &self.view.partitions[&partition];
        let start = state.replicas.get(&NodeId(broker)).map_or(Offset::ZERO, crate::view::ReplicaView::end);
        let isr = state.committed.as_ref().map(|committed| committed.isr.clone()).unwrap_or_default();
        self.event(broker, Event::BecameLeader { partition, epoch: LeaderEpoch(epoch), start, isr });
    }

    /// A broker appends one batch; its content is the same wherever offsets and epoch are the same.
    pub(crate) fn append(&mut self, broker: i32, base: i64, last: i64, epoch: i32, as_leader: bool) {
        let crc = u32::try_from(base * 31 + i64::from(epoch)).expect("small");
        let batch = BatchId { base: Offset(base), last: Offset(last), epoch: LeaderEpoch(epoch), crc };
        let partition = self.partition.clone();
        self.event(broker, Event::Appended { partition, batch, as_leader });
    }

    /// A broker's high watermark moves.
    pub(crate) fn high_watermark(&mut self, broker: i32, to: i64) {
        let partition = self.partition.clone();
        self.event(broker, Event::HighWatermark { partition, high_watermark: Offset(to) });
    }

    /// A leader acknowledges.
    pub(crate) fn acknowledge(&mut self, broker: i32, offset: i64, epoch: i32, acks: Acks, isr: &[i32]) {
        let isr = isr.iter().map(|broker| NodeId(*broker)).collect();
        let (partition, epoch) = (self.partition.clone(), LeaderEpoch(epoch));
        let (base, last) = (Offset(offset), Offset(offset));
        self.event(broker, Event::Acknowledged { partition, base, last, epoch, acks, isr });
    }

    /// A broker truncates.
    pub(crate) fn truncate(&mut self, broker: i32, to: i64) {
        let partition = self.partition.clone();
        let from = self.view.partitions[&partition].replicas[&NodeId(broker)].end();
        let to = Offset(to);
        let reason = TruncationReason::DivergingEpoch { epoch: LeaderEpoch(0), end: to };
        self.event(broker, Event::Truncated { partition, from, to, reason });
    }

    /// A machine loses power and comes back with its log up to `end`.
    pub(crate) fn power_cycle(&mut self, broker: i32, end: i64) {
        self.process(broker, What::PowerLost);
        self.process(broker, What::Started);
        let partition = self.partition.clone();
        self.event(broker, Event::Recovered { partition, end: Offset(end) });
    }
}
