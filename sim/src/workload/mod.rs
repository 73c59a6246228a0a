//! The load: clients of the engine that send and read, and write down what they saw.
//!
//! Load is open: each producer has a schedule drawn from its own random stream, and a send that comes late (the
//! client was paused, the buffer was full) still counts from its intended start. Nothing is judged here.

mod consumer;
mod group;
mod keys;
mod members;
mod operator;
mod producer;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tribunal_engine::id::{TopicName, TopicPartition};
use tribunal_engine::time::Instant;

pub use members::{Members, SlowWork};
pub use operator::{
    Progress, committed_offsets, create_topics, elect_preferred, probe, read_everything, reassign,
};

use crate::cluster::Cluster;
use crate::history::{History, ProducerInfo, Reader, RecordId, Send, SendOutcome};
use crate::runtime::SimHandle;
use crate::scenario::Plan;
use crate::scenario::plan::{ConsumerPlan, ProducerPlan};

/// What all clients of a run share: the history they write, and when to stop.
#[derive(Clone)]
pub struct Load {
    history: Rc<RefCell<History>>,
    counts: Rc<Counts>,
    /// Sends intended at or after this are not made.
    stop_at: Rc<Cell<Instant>>,
    handle: SimHandle,
}

/// How much was done so far; cheap to ask for triggers.
#[derive(Debug, Default)]
pub struct Counts {
    sent: Cell<u64>,
    acknowledged: Cell<u64>,
    completed: Cell<u64>,
    consumed: Cell<u64>,
}

impl Counts {
    /// Records handed to producers.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Records acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.get()
    }

    /// Records returned to consumers.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed.get()
    }

    /// Sends whose outcome is not known yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.sent.get() - self.completed.get()
    }
}

impl Load {
    /// No client yet.
    #[must_use]
    pub fn new(handle: SimHandle) -> Load {
        Load {
            history: Rc::default(),
            counts: Rc::default(),
            stop_at: Rc::new(Cell::new(Instant::from_nanos(u64::MAX))),
            handle,
        }
    }

    /// Names of the client hosts of a plan: one for each producing and each consuming client, members of groups too.
    #[must_use]
    pub fn hosts(plan: &Plan) -> Vec<String> {
        let producers = plan.producers.iter().flat_map(ProducerPlan::hosts);
        producers.chain(plan.consumers.iter().flat_map(ConsumerPlan::hosts)).collect()
    }

    /// Starts every client of the plan; they stop at `stop_at`.
    pub fn start(&self, cluster: &mut Cluster, plan: &Plan, stop_at: Instant) {
        self.stop_at.set(stop_at);
        for kind in &plan.producers {
            for index in 0..kind.count {
                producer::start(self, cluster, kind, index);
            }
        }
        for kind in &plan.consumers {
            match kind.group {
                Some(_) => group::start(self, cluster, plan, kind),
                None => consumer::start(self, cluster, plan, kind),
            }
        }
    }

    /// How much was done so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the history out.
    #[must_use]
    pub fn finish(&self) -> History {
        self.history.take()
    }

    /// Adds a producing client; returns its index.
    fn add_producer(&self, info: ProducerInfo) -> u32 {
        let mut history = self.history.borrow_mut();
        history.producers.push(info);
        history.sends.push(Vec::new());
        u32::try_from(history.producers.len() - 1).unwrap_or(u32::MAX)
    }

    fn add_reader(&self, name: &str, partitions: Vec<TopicPartition>) -> usize {
        let mut history = self.history.borrow_mut();
        history.readers.push(Reader {
            name: name.to_owned(),
            partitions,
            reads: Vec::new(),
            resets: Vec::new(),
        });
        history.readers.len() - 1
    }

    fn sent(&self, send: Send) {
        self.counts.sent.set(self.counts.sent.get() + 1);
        let mut history = self.history.borrow_mut();
        let sends = &mut history.sends[send.record.producer as usize];
        assert_eq!(sends.len() as u64, send.record.sequence, "sends are numbered in order");
        sends.push(send);
    }

    fn completed(&self, record: RecordId, outcome: SendOutcome) {
        self.counts.completed.set(self.counts.completed.get() + 1);
        if matches!(outcome, SendOutcome::Acknowledged { .. }) {
            self.counts.acknowledged.set(self.counts.acknowledged.get() + 1);
        }
        let mut history = self.history.borrow_mut();
        let index = usize::try_from(record.sequence).unwrap_or(usize::MAX);
        let send = &mut history.sends[record.producer as usize][index];
        send.completed = Some(self.handle.now());
        send.outcome = outcome;
    }

    /// The process of a producing client died: what it had not heard of it never will.
    fn abandon(&self, producer: u32) {
        let now = self.handle.now();
        let mut history = self.history.borrow_mut();
        let next = history.sends[producer as usize].len() as u64;
        history.sessions.entry(producer).or_default().push(next);
        let open = history.sends[producer as usize].iter_mut().filter(|send| send.completed.is_none());
        let mut abandoned = 0;
        for send in open {
            send.completed = Some(now);
            send.outcome = SendOutcome::Unknown("the client died".to_owned());
            abandoned += 1;
        }
        self.counts.completed.set(self.counts.completed.get() + abandoned);
    }

    fn partitions_of(plan: &Plan, topics: &[TopicName]) -> Vec<TopicPartition> {
        let counts: BTreeMap<_, _> =
            plan.topics.iter().map(|topic| (&topic.name, topic.partitions)).collect();
        let of = |topic: &TopicName| {
            let count = counts.get(topic).copied().unwrap_or(0);
            (0..count).map(|index| TopicPartition::new(topic.as_str(), index)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of).collect()
    }
}
