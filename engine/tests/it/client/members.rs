//! Three members of the engine's own consumer in one group: they come and go, and every record is processed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tribunal_engine::client::{Callback, Consumer, ConsumerEvent, Outcome, RebalanceListener};
use tribunal_engine::config::{ConsumerConfig, Properties};
use tribunal_engine::driver::{Clock as _, Spawner as _};
use tribunal_engine::id::{TopicName, TopicPartition};
use tribunal_engine::rng::Rng;
use tribunal_engine::time::Duration;

use super::World;
use super::test_platform::TestPlatform;

const TOPIC: &str = "bills";
const PARTITIONS: i32 = 6;

/// What all members went through.
#[derive(Default)]
struct Told {
    /// Who owns what, as the listeners were told.
    owners: BTreeMap<TopicPartition, String>,
    processed: BTreeSet<String>,
    revoked: usize,
    lost: usize,
}

#[derive(Clone)]
struct Listener {
    name: String,
    told: Rc<RefCell<Told>>,
}

impl RebalanceListener<TestPlatform> for Listener {
    fn assigned(&self, _: Consumer<TestPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let mut told = self.told.borrow_mut();
        for partition in partitions {
            let before = told.owners.insert(partition.clone(), self.name.clone());
            assert_eq!(before, None, "{partition} is given to {} while somebody has it", self.name);
        }
        Box::pin(async {})
    }

    fn revoked(&self, consumer: Consumer<TestPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let listener = self.clone();
        Box::pin(async move {
            let outcome = consumer.commit_sync(None).await;
            assert_eq!(outcome, Outcome::Ok(()), "a member commits before it gives up");
            let mut told = listener.told.borrow_mut();
            told.revoked += partitions.len();
            for partition in partitions {
                assert_eq!(told.owners.remove(&partition), Some(listener.name.clone()));
            }
        })
    }

    fn lost(&self, _: Consumer<TestPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let mut told = self.told.borrow_mut();
        told.lost += partitions.len();
        for partition in partitions {
            if told.owners.get(&partition) == Some(&self.name) {
                told.owners.remove(&partition);
            }
        }
        Box::pin(async {})
    }
}

/// A member that reads until it is told to leave.
struct Member {
    leave: Rc<Cell<bool>>,
    left: Rc<Cell<bool>>,
}

impl Member {
    fn start(world: &World, name: &str, settings: &[(&str, &str)], told: &Rc<RefCell<Told>>) -> Member {
        let common = [
            ("group.id", "readers"),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("max.poll.records", "5"),
        ];
        let given: Properties = common
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = ConsumerConfig::from_properties(&given).expect("settings of a test");
        let rng = Rng::from_seed(name.bytes().map(u64::from).sum());
        let consumer = Consumer::start(world.platform.clone(), World::bootstrap(), name, config, rng);
        let listener = Listener { name: name.to_owned(), told: told.clone() };
        consumer.subscribe(vec![TopicName::new(TOPIC)], listener).expect("a group");
        let member = Member { leave: Rc::default(), left: Rc::default() };
        let (leave, left, told) = (member.leave.clone(), member.left.clone(), told.clone());
        world.platform.spawn("member", async move {
            while !leave.get() {
                for record in consumer.poll(Duration::from_millis(50)).await {
                    let value = record.value.expect("records have values");
                    told.borrow_mut().processed.insert(String::from_utf8_lossy(&value).into_owned());
                }
                for event in consumer.take_events() {
                    assert!(!matches!(event, ConsumerEvent::GroupFailed { .. }), "{event:?}");
                }
            }
            consumer.close(Duration::from_secs(10)).await;
            left.set(true);
        });
        member
    }

    async fn leave(self, world: &World) {
        self.leave.set(true);
        while !self.left.get() {
            world.platform.sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits until everything is owned and so many members own something.
async fn shared_by(world: &World, told: &Rc<RefCell<Told>>, members: usize) {
    for _ in 0..3000 {
        {
            let told = told.borrow();
            let owners: BTreeSet<&String> = told.owners.values().collect();
            if owners.len() == members && told.owners.len() == 6 {
                return;
            }
        }
        world.platform.sleep(Duration::from_millis(20)).await;
    }
    panic!("a minute is over, and {members} members share {:?}", told.borrow().owners);
}

/// Two members, then three, then two again; records keep coming.
fn come_and_go(settings: &'static [(&'static str, &'static str)]) -> Rc<RefCell<Told>> {
    let world = World::start(&[]);
    let told = Rc::new(RefCell::new(Told::default()));
    let seen = told.clone();
    world.platform.clone().run(async move {
        world.create_topic(TOPIC, PARTITIONS).await;
        world.produce(TOPIC, PARTITIONS, 0..10).await;
        let first = Member::start(&world, "first", settings, &told);
        let second = Member::start(&world, "second", settings, &told);
        shared_by(&world, &told, 2).await;
        world.produce(TOPIC, PARTITIONS, 10..20).await;
        let third = Member::start(&world, "third", settings, &told);
        shared_by(&world, &told, 3).await;
        world.produce(TOPIC, PARTITIONS, 20..30).await;
        first.leave(&world).await;
        shared_by(&world, &told, 2).await;
        world.produce(TOPIC, PARTITIONS, 30..40).await;
        world.platform.sleep(Duration::from_secs(2)).await;
        second.leave(&world).await;
        third.leave(&world).await;
        assert_eq!(told.borrow().owners, BTreeMap::new(), "who leaves gives up");
    });
    let expected: BTreeSet<String> = (0..PARTITIONS)
        .flat_map(|partition| (0..40).map(move |value| format!("{partition}/{value}")))
        .collect();
    assert_eq!(seen.borrow().processed, expected);
    assert_eq!(seen.borrow().lost, 0, "nobody was late");
    seen
}

#[test]
fn members_of_an_eager_group_come_and_go_and_every_record_is_processed() {
    for assignor in ["range", "roundrobin", "sticky"] {
        let settings: &[(&str, &str)] = match assignor {
            "range" => &[("partition.assignment.strategy", "range")],
            "roundrobin" => &[("partition.assignment.strategy", "roundrobin")],
            _ => &[("partition.assignment.strategy", "sticky")],
        };
        come_and_go(settings);
    }
}

#[test]
fn a_cooperative_group_gives_up_less_than_an_eager_one() {
    let eager = come_and_go(&[("partition.assignment.strategy", "sticky")]);
    let cooperative = come_and_go(&[("partition.assignment.strategy", "cooperative-sticky")]);
    assert!(cooperative.borrow().revoked < eager.borrow().revoked);
}
