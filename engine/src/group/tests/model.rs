//! Random members against a coordinator that crashes, and what must hold whatever they do.
//!
//! The model is what members can know: a generation never goes back while the coordinator lives, a generation has one
//! leader, a member gets the assignment that the leader of its generation made for it, an acknowledged commit is there
//! until a later one, and when everybody behaves the group becomes stable with all of them. That what is stored is
//! what the log says, and that every request is answered once, is checked by the [`Bench`] after every decision.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize),
    /// The member forgets everything, and what it waits for.
    Restart(usize),
    Advance(u64),
    CommitNext,
    FailNext,
    FailOver,
}

/// A member as it sees itself. Every second one is static.
#[derive(Clone, Debug, Default)]
struct Client {
    instance: Option<String>,
    id: String,
    generation: i32,
    /// Everybody in the generation, if it leads.
    led: Vec<String>,
    joining: Option<Ticket>,
    syncing: Option<Ticket>,
    assigned: bool,
}

impl Client {
    fn lose(&mut self) {
        *self = Client { instance: self.instance.clone(), ..Client::default() };
    }
}

struct World {
    bench: Bench,
    clients: Vec<Client>,
    /// Generation and leader that were told last.
    last: (i32, String),
    failed_over: bool,
    offset: i64,
    acknowledged: i64,
    commits: Vec<(Ticket, i64)>,
}

impl World {
    fn new(count: usize) -> World {
        let client = |index: usize| Client {
            instance: (index % 2 == 1).then(|| format!("i{index}")),
            ..Client::default()
        };
        let mut bench = Bench::new(&[]);
        bench.commits = false;
        World {
            bench,
            clients: (0..count).map(client).collect(),
            last: (0, String::new()),
            failed_over: false,
            offset: 0,
            acknowledged: -1,
            commits: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Join(index) => self.join(index),
            Step::Sync(index) => self.sync(index),
            Step::Heartbeat(index) => self.heartbeat(index),
            Step::Leave(index) => {
                let Client { id, instance, .. } = self.clients[index].clone();
                self.bench.leave(&id, instance.as_deref());
                self.clients[index].lose();
            }
            Step::Commit(index) => {
                let Client { id, generation, .. } = self.clients[index].clone();
                self.offset += 1;
                let ticket = self.bench.commit(&id, if id.is_empty() { -1 } else { generation }, self.offset);
                self.commits.push((ticket, self.offset));
            }
            Step::Restart(index) => self.clients[index].lose(),
            Step::Advance(millis) => self.bench.advance(Duration::from_millis(millis)),
            Step::CommitNext => self.bench.commit_next(),
            Step::FailNext => self.bench.fail_next(ErrorCode::RequestTimedOut),
            Step::FailOver => {
                self.failed_over = true;
                self.bench.fail_over();
                self.last = (0, String::new());
            }
        }
        self.listen();
    }

    fn join(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.joining.is_none() && client.syncing.is_none() {
            client.joining = Some(self.bench.join(9, &joining(&client.id, client.instance.as_deref())));
        }
    }

    fn sync(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.joining.is_some() || client.syncing.is_some() || client.generation == 0 {
            return;
        }
        let generation = client.generation;
        let assign = |id: &String| (id.clone(), Bytes::from(format!("{generation}/{id}")));
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation,
            member_id: client.id.clone(),
            group_instance_id: client.instance.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            assignments: client.led.iter().map(assign).collect(),
        };
        let caller = self.bench.caller(5);
        client.syncing = Some(caller.ticket);
        self.bench.decide(|shard, now, out| shard.sync(now, &caller, request, out));
    }

    fn heartbeat(&mut self, index: usize) {
        let Client { id, instance, generation, .. } = self.clients[index].clone();
        if generation == 0 {
            return;
        }
        match self.bench.heartbeat(&id, instance.as_deref(), generation) {
            ErrorCode::None => {
                let group = self.bench.shard.groups().get(GROUP).expect("it has a member");
                assert_eq!(group.generation(), generation, "an old generation is alive");
            }
            ErrorCode::RebalanceInProgress => self.clients[index].assigned = false,
            ErrorCode::IllegalGeneration => {
                (self.clients[index].generation, self.clients[index].assigned) = (0, false);
            }
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.clients[index].lose(),
            other => panic!("{other} is no answer to a heartbeat"),
        }
    }

    /// Takes in what was answered.
    fn listen(&mut self) {
        for index in 0..self.clients.len() {
            if let Some(ticket) = self.clients[index].joining.filter(|it| self.bench.answers.contains_key(it))
            {
                let response = self.bench.joined(ticket);
                self.on_joined(index, response);
            }
            if let Some(ticket) = self.clients[index].syncing.filter(|it| self.bench.answers.contains_key(it))
            {
                let response = self.bench.synced(ticket);
                self.on_synced(index, &response);
            }
        }
        for (ticket, offset) in std::mem::take(&mut self.commits) {
            if !self.bench.answers.contains_key(&ticket) {
                self.commits.push((ticket, offset));
            } else if !self.bench.commit_error(ticket).is_error() {
                assert!(offset > self.acknowledged, "commits are stored in their order");
                self.acknowledged = offset;
            }
        }
        self.bench.answers.clear();
    }

    fn on_joined(&mut self, index: usize, response: JoinGroupResponse) {
        let client = &mut self.clients[index];
        client.joining = None;
        match response.error {
            ErrorCode::None => {
                assert!(response.generation >= self.last.0, "generation {}", response.generation);
                if response.generation == self.last.0 && self.clients.iter().all(|one| one.instance.is_none())
                {
                    assert_eq!(response.leader, self.last.1, "one leader a generation");
                }
                self.last = (response.generation, response.leader.clone());
                let leads = response.leader == response.member_id;
                let client = &mut self.clients[index];
                client.led = response.members.into_iter().map(|member| member.member_id).collect();
                assert_eq!(leads, !client.led.is_empty(), "only the leader hears who else is there");
                (client.id, client.generation, client.assigned) =
                    (response.member_id, response.generation, false);
            }
            ErrorCode::MemberIdRequired => client.id = response.member_id,
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => client.lose(),
            ErrorCode::RebalanceInProgress
            | ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable => {}
            other => panic!("{other} is no answer to a member that behaves"),
        }
    }

    fn on_synced(&mut self, index: usize, response: &SyncGroupResponse) {
        let client = &mut self.clients[index];
        client.syncing = None;
        match response.error {
            ErrorCode::None => {
                let of_generation =
                    response.assignment.starts_with(format!("{}/", client.generation).as_bytes());
                assert!(of_generation || self.failed_over, "{:?} for {client:?}", response.assignment);
                if client.instance.is_none() && of_generation {
                    assert_eq!(response.assignment, format!("{}/{}", client.generation, client.id));
                }
                client.assigned = true;
            }
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => client.lose(),
            _ => (client.generation, client.assigned) = (0, false),
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
                self.heartbeat(index);
                if self.clients[index].assigned {
                    continue;
                }
                if self.clients[index].generation == 0
                    || self.bench.state() == Some(GroupState::PreparingRebalance)
                {
                    self.join(index);
                } else {
                    self.sync(index);
                }
                self.listen();
            }
            self.step(&Step::Advance(2000));
        }
    }
}

fn step(clients: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..clients).prop_map(Step::Join),
        4 => (0..clients).prop_map(Step::Sync),
        3 => (0..clients).prop_map(Step::Heartbeat),
        1 => (0..clients).prop_map(Step::Leave),
        2 => (0..clients).prop_map(Step::Commit),
        1 => (0..clients).prop_map(Step::Restart),
        4 => (0..8000_u64).prop_map(Step::Advance),
        6 => Just(Step::CommitNext),
        1 => Just(Step::FailNext),
        1 => Just(Step::FailOver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_members_do_the_group_keeps_its_promises_and_recovers(
        steps in prop::collection::vec(step(4), 0..120),
    ) {
        let mut world = World::new(4);
        for step in &steps {
            world.step(step);
        }
        world.behave(200);
        prop_assert_eq!(world.bench.state(), Some(GroupState::Stable));
        let mut ids: Vec<String> = world.clients.iter().map(|client| client.id.clone()).collect();
        ids.sort_unstable();
        let members: Vec<&str> = world.bench.shard.groups()[GROUP].member_ids().collect();
        prop_assert_eq!(members, ids);
        prop_assert!(world.clients.iter().all(|client| client.assigned));
        let committed = world.bench.committed().expect("the coordinator works");
        prop_assert!(committed >= world.acknowledged, "{} < {}", committed, world.acknowledged);
        prop_assert!(world.bench.open.is_empty(), "every request is answered");
    }
}
