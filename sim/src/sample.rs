//! A scenario and runs made by hand, for tests of what stands on top of the runner.
//!
//! One partition, brokers 1 to 3. Load from 1 s to 31 s, a send every 100 ms, answered after 5 ms. Broker 1 leads and
//! crashes at 11 s for 12 s; broker 2 leads from 17 s; what was wanted in between is answered at 17.2 s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribunal_engine::epoch::{LeaderEpoch, PartitionEpoch};
use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

use crate::checker::{Finding, Recovery, Violation};
use crate::history::{History, ProducerInfo, Read, Reader, RecordId, Send, SendOutcome};
use crate::run::{FaultRecord, RunOutcome};
use crate::scenario::{self, Guarantee, Scenario};
use crate::view::{ClusterView, Happening, PartitionView, Phase, What};

pub(crate) const FAULT: &str = "kill";

/// A scenario of two variants with these entries of `expect`.
pub(crate) fn scenario(expect: &str) -> Scenario {
    let text = format!(
        r#"format = 1
name = "A sample"
expect = [{expect}]
[run]
duration = "30s"
settle = "5s"
seeds = "1..4"
[matrix]
acks = ["1", "all"]
[cluster]
brokers = 3
[topic.orders]
partitions = 1
replication = 3
config = {{ "min.insync.replicas" = 2 }}
[producer.shop]
topic = "orders"
rate = "10/s"
config = {{ acks = "${{acks}}" }}
[fault.{FAULT}]
at = "10s"
action = "crash"
target = "leader(orders/0)"
for = "12s"
"#
    );
    scenario::parse("folder/sample.toml", &text).unwrap_or_else(|problems| panic!("{problems}")).0
}

pub(crate) fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

pub(crate) fn millis(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn sends() -> Vec<Send> {
    let send = |number: u64| {
        let intended = 1_000 + number * 100;
        // The record of 10.999 s is under way when the crash comes.
        let intended = if intended == 11_000 { 10_999 } else { intended };
        let waits = (10_999..17_200).contains(&intended);
        Send {
            record: RecordId { producer: 0, sequence: number },
            intended: millis(intended),
            invoked: millis(intended),
            completed: Some(millis(if waits { 17_200 } else { intended + 5 })),
            outcome: SendOutcome::Acknowledged {
                partition: orders(),
                offset: Some(Offset(i64::try_from(number).expect("small"))),
            },
            key: None,
        }
    };
    (0..300).map(send).collect()
}

fn happenings() -> Vec<Happening> {
    let isr = |ids: &[i32]| ids.iter().map(|id| NodeId(*id)).collect::<Vec<_>>();
    let elected = |leader, epoch, members: &[i32], reason| {
        What::Event(Event::LeaderElected {
            partition: orders(),
            leader: Some(NodeId(leader)),
            epoch: LeaderEpoch(epoch),
            isr: isr(members),
            reason,
        })
    };
    let joined =
        Event::IsrChanged { partition: orders(), isr: isr(&[2, 3, 1]), partition_epoch: PartitionEpoch(3) };
    let (controller, one) = (Some(NodeId(101)), Some(NodeId(1)));
    let at = |at, node, what| Happening { at: millis(at), node, what };
    vec![
        at(0, one, What::Started),
        at(500, controller, elected(1, 0, &[1, 2, 3], ElectionReason::Created)),
        at(11_000, one, What::Crashed),
        at(17_000, controller, What::Event(Event::BrokerFenced { broker: NodeId(1) })),
        at(17_000, controller, elected(2, 1, &[2, 3], ElectionReason::LeaderLost)),
        at(23_000, one, What::Started),
        at(23_500, controller, What::Event(Event::BrokerUnfenced { broker: NodeId(1) })),
        at(24_000, controller, What::Event(joined)),
    ]
}

fn view() -> ClusterView {
    let mut view = ClusterView::default();
    view.partitions.insert(orders(), PartitionView::new(2));
    for happening in happenings() {
        view.take(&happening);
    }
    view
}

/// What a checker found: so many of so many.
pub(crate) fn finding(guarantee: Guarantee, checked: u64, violated: u64) -> Finding {
    let violation = |number: u64| Violation {
        at: Some(millis(17_000 + number)),
        partition: Some(orders()),
        offset: None,
        record: None,
        broker: None,
        text: format!("violation {number} of {guarantee}"),
    };
    Finding {
        guarantee,
        checked,
        unit: "records",
        violated,
        violations: (0..violated).map(violation).collect(),
    }
}

/// A run in which everything held.
pub(crate) fn outcome(seed: u64) -> RunOutcome {
    let sends = sends();
    let read = |send: &Send| {
        let (_, offset) = send.acknowledged()?;
        let at = send.completed?.after(Duration::from_millis(20));
        let offset = offset?;
        Some(Read { at, partition: 0, offset, leader_epoch: LeaderEpoch(0), record: Some(send.record) })
    };
    let reads: Vec<Read> = sends.iter().filter_map(read).collect();
    let last = reads.iter().map(|read| (read.offset, read.record)).collect();
    let reader = Reader { name: "audit".to_owned(), partitions: vec![orders()], reads, resets: Vec::new() };
    let producer =
        ProducerInfo { name: "shop-0".to_owned(), table: Some("shop".to_owned()), acks: Acks::All };
    RunOutcome {
        seed,
        history: History {
            producers: vec![producer],
            sends: vec![sends],
            readers: vec![reader],
            members: Vec::new(),
            committed_at_end: BTreeMap::new(),
            final_reads: BTreeMap::from([(orders(), last)]),
            unread: Vec::new(),
            sessions: BTreeMap::new(),
            compacted: BTreeSet::new(),
        },
        view: view(),
        findings: Guarantee::ALL
            .iter()
            .filter(|guarantee| !guarantee.is_about_groups())
            .map(|guarantee| finding(*guarantee, 300, 0))
            .collect(),
        recovery: Recovery::After(Duration::from_millis(100)),
        faults: vec![FaultRecord {
            firing: None,
            strike: 0,
            struck: None,
            name: FAULT.to_owned(),
            began: Some(millis(11_000)),
            ended: Some(millis(23_000)),
            targets: vec!["broker 1".to_owned()],
        }],
        phases: vec![
            (Phase::Boot, millis(0)),
            (Phase::Load, millis(1_000)),
            (Phase::Settle, millis(31_000)),
            (Phase::FinalRead, millis(35_000)),
            (Phase::Done, millis(36_000)),
        ],
        replica_logs: BTreeMap::new(),
        trace_hash: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        event_count: 1_000,
        abandoned: None,
    }
}

/// The same run with another finding of that guarantee.
pub(crate) fn with_finding(mut outcome: RunOutcome, found: Finding) -> RunOutcome {
    outcome.findings.retain(|finding| finding.guarantee != found.guarantee);
    outcome.findings.push(found);
    outcome
}
