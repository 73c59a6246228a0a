//! Members of consumer groups: each polls, works on what it was given, and commits as the scenario says.
//!
//! A member is a process on a host of its own. It processes one record after the other in the loop that polls, as most
//! applications do, so that slow work delays its next poll; only with `commit = "auto-async"` another task does the
//! work. It obeys what faults ask of it ([`Members`]), and writes down what it saw ([`Diary`]).

mod diary;
mod listener;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::rc::Rc;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tribunal_engine::client::{ConsumedRecord, Consumer, Offsets, Position};
use tribunal_engine::config::ConsumerConfig;
use tribunal_engine::driver::{Clock as _, Platform as _, Spawner as _};
use tribunal_engine::id::{Endpoint, TopicPartition};
use tribunal_engine::rng::Rng;
use tribunal_engine::time::Duration;
use tribunal_engine::variant::ProtocolVariant;

use self::diary::Diary;
use self::listener::Listener;
use super::{Load, Members};
use crate::cluster::Cluster;
use crate::runtime::SimPlatform;
use crate::scenario::Plan;
use crate::scenario::distribution::Distribution;
use crate::scenario::plan::{Commit, ConsumerPlan, GroupPlan};

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(500);
/// How long a member that leaves may take to say goodbye (Kafka's default of `close`).
const GOODBYE: Duration = Duration::from_secs(30);

/// What every boot of a member has in common.
#[derive(Clone)]
struct Member {
    load: Load,
    members: Members,
    bootstrap: Vec<Endpoint>,
    host: String,
    kind: ConsumerPlan,
    group: GroupPlan,
    config: ConsumerConfig,
    variant: ProtocolVariant,
    partitions: Vec<TopicPartition>,
}

/// Starts every member of a group; those that faults add come later.
pub(super) fn start(load: &Load, cluster: &mut Cluster, plan: &Plan, kind: &ConsumerPlan) {
    let Some(group) = &kind.group else { return };
    for (number, host) in kind.hosts().into_iter().enumerate() {
        let member = Member {
            load: load.clone(),
            members: cluster.members().clone(),
            bootstrap: cluster.bootstrap(),
            host: host.clone(),
            config: config_of(kind, number),
            kind: kind.clone(),
            group: group.clone(),
            variant: plan.protocol,
            partitions: Load::partitions_of(plan, &kind.topics),
        };
        let stream = cluster.rng().fork(&format!("consumer/{host}"));
        let boots = Cell::new(0_u64);
        let process = move |platform: SimPlatform| {
            boots.set(boots.get() + 1);
            let stream = stream.fork(&format!("boot/{}", boots.get()));
            let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(live(member.clone(), platform, stream));
            work
        };
        cluster.run_client(&host, Rc::new(process));
    }
}

/// The settings of one member: a static one is told apart by its number.
fn config_of(kind: &ConsumerPlan, number: usize) -> ConsumerConfig {
    let mut properties = kind.properties.clone();
    if let Some(instance) = properties.get_mut("group.instance.id") {
        *instance = format!("{instance}-{number}");
    }
    ConsumerConfig::from_properties(&properties).expect("the settings of the table are valid")
}

/// One boot of a member, until it is asked to leave or the group has no place for it.
async fn live(member: Member, platform: SimPlatform, stream: Rng) {
    let diary = Diary::begin(&member.load, &member.group.id, &member.host, &member.partitions);
    let _end = diary.end_guard();
    let rng = stream.fork("client");
    let consumer =
        Consumer::start(platform.clone(), member.bootstrap.clone(), &member.host, member.config.clone(), rng)
            .with_variant(member.variant);
    let uncommitted = Rc::new(RefCell::new(Offsets::new()));
    let listener = Listener::new(diary.clone(), uncommitted.clone());
    consumer
        .subscribe(member.kind.topics.clone(), listener)
        .expect("the plan names the group, and a member that has just started was not refused");
    let worker = Rc::new(Worker::new(&member, &diary, platform, stream.fork("work")));
    if member.group.commit == Commit::AutoAsync {
        worker.clone().work_aside();
    }
    while let Some(records) = poll(&member, &consumer).await {
        if diary.take_events(consumer.take_events()).is_err() {
            break;
        }
        let deliveries = diary.delivered(&records);
        match member.group.commit {
            Commit::AfterProcessing => {
                worker.process(deliveries).await;
                uncommitted.borrow_mut().extend(behind(&records));
                commit(&consumer, &diary, &uncommitted).await;
            }
            Commit::BeforeProcessing => {
                uncommitted.borrow_mut().extend(behind(&records));
                commit(&consumer, &diary, &uncommitted).await;
                worker.process(deliveries).await;
            }
            Commit::Auto | Commit::Never => worker.process(deliveries).await,
            Commit::AutoAsync => worker.hand_over(deliveries),
        }
    }
    consumer.close(GOODBYE).await;
}

/// The next records; `None` when the member is to leave.
async fn poll(member: &Member, consumer: &Consumer<SimPlatform>) -> Option<Vec<ConsumedRecord>> {
    let mut leave = pin!(member.members.leave_asked(&member.host).fuse());
    let mut records = pin!(consumer.poll(POLL).fuse());
    futures_util::select_biased! {
        () = leave => None,
        records = records => Some(records),
    }
}

/// The positions behind the records.
fn behind(records: &[ConsumedRecord]) -> Offsets {
    let position = |record: &ConsumedRecord| {
        let next = Position { offset: record.offset.next(), leader_epoch: record.leader_epoch };
        (record.partition.clone(), next)
    };
    records.iter().map(position).collect()
}

/// Commits what is not committed; what could not be is left for the callback that gives the partitions up.
async fn commit(consumer: &Consumer<SimPlatform>, diary: &Diary, uncommitted: &RefCell<Offsets>) {
    let offsets = uncommitted.borrow().clone();
    if offsets.is_empty() {
        return;
    }
    let sent = diary.commits(&offsets);
    let outcome = consumer.commit_sync(Some(offsets)).await;
    diary.committed(sent, &outcome);
    if outcome.ok().is_some() {
        uncommitted.borrow_mut().clear();
    }
}

/// Works on records, one after the other.
struct Worker {
    platform: SimPlatform,
    members: Members,
    host: String,
    work: Distribution,
    rng: RefCell<Rng>,
    diary: Diary,
    /// Records for the task that works beside the loop.
    queue: RefCell<VecDeque<Range<usize>>>,
    filled: Notify,
}

impl Worker {
    fn new(member: &Member, diary: &Diary, platform: SimPlatform, rng: Rng) -> Worker {
        Worker {
            platform,
            members: member.members.clone(),
            host: member.host.clone(),
            work: member.group.work,
            rng: RefCell::new(rng),
            diary: diary.clone(),
            queue: RefCell::default(),
            filled: Notify::new(),
        }
    }

    async fn process(&self, deliveries: Range<usize>) {
        for delivery in deliveries {
            let planned = self.work.at(self.rng.borrow_mut().unit());
            let time = planned * self.members.work_factor(&self.host);
            if !time.is_zero() {
                self.platform.clock().sleep(time).await;
            }
            self.diary.processed(delivery);
        }
    }

    fn hand_over(&self, deliveries: Range<usize>) {
        if !deliveries.is_empty() {
            self.queue.borrow_mut().push_back(deliveries);
            self.filled.notify_one();
        }
    }

    fn work_aside(self: Rc<Self>) {
        let spawner = self.platform.spawner().clone();
        spawner.spawn("worker", async move {
            loop {
                let next = self.queue.borrow_mut().pop_front();
                match next {
                    Some(deliveries) => self.process(deliveries).await,
                    None => self.filled.notified().await,
                }
            }
        });
    }
}
