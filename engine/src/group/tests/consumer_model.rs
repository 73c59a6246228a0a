//! Random members of a group of KIP-848 against a coordinator that crashes, and what must hold whatever they do.
//!
//! The model is what members can know. One that was told what it may own takes it in two steps, as real ones do: it
//! gives up what it must, and when it has said so it takes the rest. No partition may be held by two members that are
//! both still at their epochs. When everybody behaves, every partition is held by one of them. That what is stored is
//! what the log says, and that every request is answered once, is checked by the [`Bench`] after every decision.

use proptest::prelude::*;

use super::consumers::{Known, beat, joining, orders, owned};
use super::*;
use crate::id::TopicName;
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

const PARTITIONS_MAX: i32 = 9;

#[derive(Clone, Debug)]
enum Step {
    /// Sends a heartbeat; one that is in no group joins.
    Beat(usize),
    /// Does what it was told last.
    Obey(usize),
    Leave(usize),
    /// The process dies; another takes its place.
    Restart(usize),
    Advance(u64),
    CommitNext,
    FailNext,
    FailOver,
    Grow,
}

/// A member as it sees itself. Every second one is static.
#[derive(Clone, Debug, Default)]
struct Client {
    id: String,
    instance: Option<String>,
    epoch: i32,
    /// What it processes.
    holds: BTreeSet<i32>,
    /// What it was told to.
    told: BTreeSet<i32>,
    asked: Option<(Ticket, i32)>,
    /// The last answer was an error: it says everything of itself again, and is told everything.
    failed: bool,
}

impl Client {
    fn lose(&mut self) {
        *self = Client { id: self.id.clone(), instance: self.instance.clone(), ..Client::default() };
    }

    /// Gives up what it must, or if there is nothing, takes what it may.
    fn obey(&mut self) {
        if self.holds.is_subset(&self.told) {
            self.holds.clone_from(&self.told);
        } else {
            self.holds.retain(|index| self.told.contains(index));
        }
    }
}

struct World {
    bench: Bench,
    topics: Known,
    clients: Vec<Client>,
    boots: usize,
}

impl World {
    fn new(count: usize) -> World {
        let client = |index: usize| Client {
            id: format!("m{index}"),
            instance: (index % 2 == 1).then(|| format!("i{index}")),
            ..Client::default()
        };
        let mut bench = Bench::new(&[("group.consumer.session.timeout.ms", "10000")]);
        bench.commits = false;
        World { bench, topics: orders(3), clients: (0..count).map(client).collect(), boots: count }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Beat(index) => self.beat(index),
            Step::Obey(index) => self.clients[index].obey(),
            Step::Leave(index) => self.leave(index),
            Step::Restart(index) => {
                self.boots += 1;
                let instance = self.clients[index].instance.clone();
                self.clients[index] =
                    Client { id: format!("m{}", self.boots), instance, ..Client::default() };
            }
            Step::Advance(millis) => self.bench.advance(Duration::from_millis(millis)),
            Step::CommitNext => self.bench.commit_next(),
            Step::FailNext => self.bench.fail_next(ErrorCode::RequestTimedOut),
            Step::FailOver => self.bench.fail_over(),
            Step::Grow => {
                let topic = self.topics.0.get_mut(&TopicName::new("orders")).expect("it is there");
                topic.partitions = (topic.partitions + 1).min(PARTITIONS_MAX);
            }
        }
        self.listen();
        self.nobody_shares();
    }

    fn beat(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.asked.is_some() {
            return;
        }
        // It says what it holds when it has done what it was told: until then it might still take more.
        let failed = std::mem::take(&mut client.failed);
        if failed {
            client.told.retain(|index| client.holds.contains(index));
        }
        let settled = failed || client.holds == client.told;
        let holds: Vec<i32> = client.holds.iter().copied().collect();
        let request = if client.epoch == 0 {
            client.holds.clear();
            joining(&client.id, client.instance.as_deref())
        } else {
            let instance_id = client.instance.clone();
            let topic_partitions = owned(&holds).filter(|_| settled);
            let all = if failed { joining(&client.id, None) } else { beat(&client.id, 0) };
            let member_epoch = client.epoch;
            ConsumerGroupHeartbeatRequest { instance_id, topic_partitions, member_epoch, ..all }
        };
        let ticket = self.bench.consumer(&self.topics, &request);
        self.clients[index].asked = Some((ticket, request.member_epoch));
    }

    /// Static members leave for a while. Whoever leaves stops at once.
    fn leave(&mut self, index: usize) {
        let client = self.clients[index].clone();
        let epoch = if client.instance.is_some() { -2 } else { -1 };
        let request =
            ConsumerGroupHeartbeatRequest { instance_id: client.instance, ..beat(&client.id, epoch) };
        self.bench.consumer(&self.topics, &request);
        self.clients[index].lose();
    }

    fn listen(&mut self) {
        for index in 0..self.clients.len() {
            let Some((ticket, epoch)) = self.clients[index].asked else { continue };
            if self.bench.answers.contains_key(&ticket) {
                let response = self.bench.heard(ticket);
                self.clients[index].asked = None;
                self.hear(index, epoch, response);
            }
        }
        self.bench.answers.clear();
    }

    fn hear(&mut self, index: usize, asked_at: i32, response: ConsumerGroupHeartbeatResponse) {
        let client = &mut self.clients[index];
        match response.error {
            ErrorCode::None => {
                assert!(response.member_epoch >= client.epoch, "an epoch goes back");
                assert!(asked_at != 0 || response.assignment.is_some(), "who joins is told all");
                client.epoch = response.member_epoch;
                if let Some(topics) = response.assignment {
                    let indexes = topics.iter().flat_map(|topic| &topic.partitions);
                    client.told = indexes.map(|partition| partition.0).collect();
                }
            }
            ErrorCode::FencedMemberEpoch
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId
            | ErrorCode::GroupIdNotFound => client.lose(),
            // The process before has not left: its session must end first.
            ErrorCode::UnreleasedInstanceId
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator => client.failed = true,
            other => panic!("{other} is no answer to a member that behaves"),
        }
    }

    /// No partition is held by two members that the coordinator takes for what they are.
    fn nobody_shares(&self) {
        let stored = self.bench.shard.stored().group(GROUP);
        let Some(group) = stored.and_then(|group| group.consumer.as_ref()) else { return };
        let mut holders: BTreeMap<i32, &str> = BTreeMap::new();
        for client in &self.clients {
            let Some(current) = group.current.get(&client.id) else { continue };
            if client.epoch == current.epoch || client.epoch == current.previous_epoch {
                for index in &client.holds {
                    if let Some(other) = holders.insert(*index, &client.id) {
                        panic!("orders/{index} is held by {other} and {}", client.id);
                    }
                }
            }
        }
    }

    /// Everything works again, and everybody does what members do, for so long.
    fn behave(&mut self, rounds: usize) {
        self.bench.commits = true;
        while !self.bench.in_flight.is_empty() {
            self.bench.commit_next();
        }
        self.listen();
        for _ in 0..rounds {
            for index in 0..self.clients.len() {
                self.step(&Step::Beat(index));
                self.step(&Step::Obey(index));
            }
            self.step(&Step::Advance(1000));
        }
    }
}

fn step(clients: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..clients).prop_map(Step::Beat),
        6 => (0..clients).prop_map(Step::Obey),
        1 => (0..clients).prop_map(Step::Leave),
        1 => (0..clients).prop_map(Step::Restart),
        3 => (0..4000_u64).prop_map(Step::Advance),
        8 => Just(Step::CommitNext),
        1 => Just(Step::FailNext),
        1 => Just(Step::FailOver),
        1 => Just(Step::Grow),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn whatever_consumers_do_no_partition_has_two_owners_and_in_the_end_each_has_one(
        steps in prop::collection::vec(step(4), 0..160),
    ) {
        let mut world = World::new(4);
        for step in &steps {
            world.step(step);
        }
        world.behave(45);
        let group = world.bench.shard.stored().group(GROUP).and_then(|group| group.consumer.clone());
        let group = group.expect("everybody has joined");
        prop_assert_eq!(group.state(), "Stable");
        prop_assert_eq!(group.members.len(), world.clients.len());
        let count = world.topics.0[&TopicName::new("orders")].partitions;
        let mut held: Vec<i32> = world.clients.iter().flat_map(|client| client.holds.iter().copied()).collect();
        held.sort_unstable();
        prop_assert_eq!(held, (0..count).collect::<Vec<_>>());
        let loads = || world.clients.iter().map(|client| client.holds.len());
        prop_assert!(loads().max() <= loads().min().map(|least| least + 1), "it is not balanced");
        prop_assert!(world.bench.open.is_empty(), "every request is answered");
    }
}
