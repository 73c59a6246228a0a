//! The model of the classic protocol, and of its members.
//!
//! Every second member is static. A member that is restarted leaves a zombie behind, which says what it knew. Members
//! can be let alone to do what they should for a while, or some of it: to live and never to ask for an assignment.

mod group;
mod joining;
mod members;
mod rebalance;
mod steps;

use self::group::{Change, Durable, Group, Phase};
use self::members::Client;
use super::*;

/// A group, its members, its log.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    desk: Desk<Durable, Change>,
    group: Group,
    clients: Vec<Client>,
    offset: i64,
}

impl Classic {
    fn new(members: usize) -> Classic {
        let clients = (0..members).map(Client::new).collect();
        Classic { desk: Desk::new(), group: Group::default(), clients, offset: 0 }
    }

    /// Whether a coordinator knows of a group at all.
    fn exists(&self) -> bool {
        !(self.desk.durable().is_nothing() && self.group.is_idle() && self.group.generation == 0)
    }

    fn commit(&mut self, ticket: u64, request: &Request) {
        let Request::Commit { id, epoch, topic, offset } = request else { return };
        match self.commits(id, *epoch) {
            Err(error) => self.desk.answer(ticket, Answer::Told(error)),
            Ok(()) => {
                let change = Change::Offset((*topic).to_owned(), Some((*offset, self.desk.now)));
                self.desk.write(vec![change], Promise::Answer(ticket, Answer::Told(ErrorCode::None)));
            }
        }
    }

    fn delete_offsets(&mut self, ticket: u64, topic: &str) {
        if !self.exists() {
            return self.desk.answer(ticket, Answer::Told(ErrorCode::GroupIdNotFound));
        }
        let read = self.group.reads(topic);
        let there = !read && self.desk.durable().offsets.contains_key(topic);
        let changes = if there { vec![Change::Offset(topic.to_owned(), None)] } else { Vec::new() };
        let error = if read { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
        self.desk.write(changes, Promise::Answer(ticket, Answer::Told(error)));
    }

    fn delete_group(&mut self, ticket: u64) {
        let refused = match self.group.phase {
            _ if !self.exists() => Some(ErrorCode::GroupIdNotFound),
            Phase::Empty => None,
            _ => Some(ErrorCode::NonEmptyGroup),
        };
        match refused {
            Some(error) => self.desk.answer(ticket, Answer::Told(error)),
            None => {
                let promise = Promise::Answer(ticket, Answer::Told(ErrorCode::None));
                self.desk.write(vec![Change::Forget], promise);
            }
        }
    }
}

impl Model for Classic {
    type Durable = Durable;
    type Change = Change;

    fn desk(&mut self) -> &mut Desk<Durable, Change> {
        &mut self.desk
    }

    fn seen(&self) -> &Desk<Durable, Change> {
        &self.desk
    }

    fn ask(&mut self, ticket: u64, request: &Request) {
        match request {
            Request::Join { id, instance, taste } => self.join(ticket, id, instance.as_deref(), *taste),
            Request::Sync { id, instance, generation, assignments } => {
                self.sync(ticket, (id, instance.as_deref(), *generation), assignments);
            }
            Request::Heartbeat { id, instance, generation } => {
                let error = self.heartbeat(id, instance.as_deref(), *generation);
                self.desk.answer(ticket, Answer::Told(error));
            }
            Request::Leave { id, instance } => {
                let error = self.leave(id, instance.as_deref());
                self.desk.answer(ticket, Answer::Told(error));
            }
            Request::Commit { .. } => self.commit(ticket, request),
            Request::Fetch => {
                let offsets = self.offsets();
                self.desk.write(Vec::new(), Promise::Answer(ticket, Answer::Fetched(Ok(offsets))));
            }
            Request::DeleteOffsets { topic } => self.delete_offsets(ticket, topic),
            Request::DeleteGroup => self.delete_group(ticket),
            Request::Beat(_) => unreachable!("members of this protocol do not send it"),
        }
    }

    fn offsets(&self) -> BTreeMap<String, i64> {
        let offsets = self.desk.durable().offsets.iter();
        offsets.map(|(topic, (offset, _))| (topic.clone(), *offset)).collect()
    }

    fn recover(&mut self, then: &mut dyn FnMut(&Classic)) {
        self.recover_in_time(then);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.group.deadline()
    }

    fn tick(&mut self) {
        self.tick_group();
    }

    fn expire(&mut self) {
        let durable = self.desk.durable();
        if durable.is_nothing() {
            return;
        }
        let old = |(topic, (_, at)): (&String, &(i64, u64))| {
            self.group.expires(topic, *at, self.desk.now).then(|| topic.clone())
        };
        let old: Vec<String> = durable.offsets.iter().filter_map(old).collect();
        let nothing_left = old.len() == durable.offsets.len() && self.group.is_idle();
        let mut changes: Vec<Change> = old.into_iter().map(|topic| Change::Offset(topic, None)).collect();
        if nothing_left {
            changes.push(Change::Forget);
        }
        if !changes.is_empty() {
            self.desk.write(changes, Promise::Nothing);
        }
    }

    fn replay(&mut self, page: &mut Durable, change: &Change) {
        match change {
            Change::Generation(generation) => page.generation = Some(generation.clone()),
            Change::Offset(topic, Some(offset)) => drop(page.offsets.insert(topic.clone(), *offset)),
            Change::Offset(topic, None) => drop(page.offsets.remove(topic)),
            Change::Forget => {
                *page = Durable::default();
                self.group = Group::default();
            }
        }
    }

    fn kept(&mut self, promise: Promise) {
        match promise {
            Promise::Assigned { generation, assignments } => self.assigned(generation, &assignments),
            Promise::Replaced { new, ticket, .. } => self.replaced(&new, ticket),
            Promise::Nothing | Promise::Answer(..) => {}
        }
    }

    fn broken(&mut self, promise: Promise) {
        match promise {
            Promise::Assigned { generation, .. } => self.not_assigned(generation),
            Promise::Replaced { old, new, ticket, taste } => self.not_replaced(&old, &new, ticket, taste),
            Promise::Nothing | Promise::Answer(..) => {}
        }
    }

    fn resign(&mut self) {
        for (id, member) in &mut self.group.members {
            if let Some(ticket) = member.join.take() {
                self.desk.answer(ticket, Answer::NotJoined(ErrorCode::NotCoordinator, id.clone()));
            }
            if let Some(ticket) = member.sync.take() {
                self.desk.answer(ticket, Answer::Synced(ErrorCode::NotCoordinator, String::new()));
            }
        }
    }

    fn load(&mut self) {
        self.group = Group::of(self.desk.durable(), self.desk.now);
    }

    fn hear(&mut self, answers: &BTreeMap<u64, Answer>) {
        self.clients.iter_mut().for_each(|client| client.hear(answers));
    }

    fn compare(&self, bench: &Bench) {
        let stored = bench.shard.stored().group(GROUP);
        let generation = stored.and_then(|group| group.metadata.as_ref()).map(|stored| {
            let member = |one: &MemberMetadata| {
                let assignment = String::from_utf8_lossy(&one.assignment).into_owned();
                let (instance, taste) = (one.group_instance_id.clone(), taste_of(&one.subscription));
                (one.member_id.clone(), group::Kept { instance, taste, assignment })
            };
            let members = stored.members.iter().map(member).collect();
            (stored.generation, stored.leader.clone(), members)
        });
        let expected = self.desk.durable().generation.clone();
        let expected = expected.map(|stored| (stored.number, stored.leader, stored.members));
        assert_eq!(generation, expected, "the stored generation");

        let live = bench.shard.groups().get(GROUP);
        assert_eq!(live.is_some(), self.exists(), "whether there is a group");
        let Some(live) = live else { return };
        let state = match self.group.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Joining { .. } => GroupState::PreparingRebalance,
            Phase::Syncing => GroupState::CompletingRebalance,
            Phase::Stable => GroupState::Stable,
        };
        assert_eq!((live.state(), live.generation()), (state, self.group.generation));
        let members: Vec<&str> = self.group.members.keys().map(String::as_str).collect();
        assert_eq!(live.member_ids().collect::<Vec<_>>(), members);
    }
}

/// A subscription to `orders` that says besides what the member's taste is.
pub(super) fn subscription_of(taste: usize) -> Bytes {
    let length = i32::try_from(taste).expect("few tastes");
    let plain = subscription(TOPICS[0]);
    let (topics, user_data_and_owned) = plain.split_at(plain.len() - 4);
    assert_eq!(user_data_and_owned, [0xff; 4], "no user data");
    [topics, &length.to_be_bytes(), &vec![7; taste][..]].concat().into()
}

fn taste_of(subscription: &[u8]) -> usize {
    subscription.len() - subscription_of(0).len()
}
