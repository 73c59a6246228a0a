//! The model of KIP-848, and of its members.
//!
//! A member that was told what it may own takes it in two steps, as real ones do: it gives up what it must, and when it
//! has said so it takes the rest. No partition may be held by two members that are both still at their epochs.

mod group;
mod members;
mod steps;

use self::group::{Change, Current, Deadlines, Durable};
use self::members::Client;
use super::*;
use crate::config::ServerAssignor;
use crate::group::consumer::assignor::{Subscriber, assign};
use crate::group::tests::consumers::{beat, id_of, joining, orders, owned};
use crate::group::{Assignment, MemberState};
use crate::id::{PartitionIndex, TopicId};
use crate::message::ConsumerGroupHeartbeatRequest;

/// A group, its members, its log.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    desk: Desk<Durable, Change>,
    deadlines: Deadlines,
    assignor: ServerAssignor,
    clients: Vec<Client>,
    /// Of the topic, by now.
    partitions: i32,
    boots: usize,
    offset: i64,
}

impl Consumer {
    fn new(members: usize, assignor: ServerAssignor) -> Consumer {
        Consumer {
            desk: Desk::new(),
            deadlines: Deadlines::default(),
            assignor,
            clients: (0..members).map(Client::new).collect(),
            partitions: 3,
            boots: members,
            offset: 0,
        }
    }

    fn exists(&self) -> bool {
        *self.desk.durable() != Durable::default()
    }

    /// Whether somebody may commit.
    fn commits(&self, id: &str, epoch: i32) -> Result<(), ErrorCode> {
        let group = self.desk.durable();
        match group.members.get(id) {
            _ if !self.exists() && epoch >= 0 => Err(ErrorCode::GroupIdNotFound),
            _ if epoch < 0 && group.members.is_empty() => Ok(()),
            None => Err(ErrorCode::UnknownMemberId),
            Some(member) if member.current.epoch == epoch => Ok(()),
            Some(_) => Err(ErrorCode::StaleMemberEpoch),
        }
    }

    fn delete_offsets(&mut self, ticket: u64, topic: &str) {
        let group = self.desk.durable();
        if !self.exists() {
            return self.desk.answer(ticket, Answer::Told(ErrorCode::GroupIdNotFound));
        }
        let read = topic == TOPICS[0] && !group.members.is_empty();
        let there = !read && group.offsets.contains_key(topic);
        let error = if read { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
        let changes = if there { vec![Change::Offset(topic.to_owned(), None)] } else { Vec::new() };
        self.desk.write(changes, Promise::Answer(ticket, Answer::Told(error)));
    }

    /// What forgets these offsets, and the group if nothing else is left of it.
    fn tombstones(&self, goes: impl Fn(&str, u64) -> bool) -> Vec<Change> {
        let group = self.desk.durable();
        let gone = group.offsets.iter().filter(|(topic, (_, at))| goes(topic, *at));
        let mut changes: Vec<Change> = gone.map(|(topic, _)| Change::Offset(topic.clone(), None)).collect();
        if changes.len() == group.offsets.len() && group.members.is_empty() && group.epoch > 0 {
            changes.push(Change::Group(Durable::default()));
        }
        changes
    }

    fn delete_group(&mut self, ticket: u64) {
        let refused = match self.desk.durable() {
            _ if !self.exists() => Some(ErrorCode::GroupIdNotFound),
            group if group.members.is_empty() => None,
            _ => Some(ErrorCode::NonEmptyGroup),
        };
        match refused {
            Some(error) => self.desk.answer(ticket, Answer::Told(error)),
            None => {
                let promise = Promise::Answer(ticket, Answer::Told(ErrorCode::None));
                let changes = self.tombstones(|_, _| true);
                self.desk.write(changes, promise);
            }
        }
    }
}

impl Model for Consumer {
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
            Request::Beat(beat) => self.beat(ticket, beat),
            Request::Leave { instance, .. } => {
                self.remove(ticket, instance.as_deref().expect("it is for static members"));
            }
            Request::Commit { id, epoch, topic, offset } => match self.commits(id, *epoch) {
                Err(error) => self.desk.answer(ticket, Answer::Told(error)),
                Ok(()) => {
                    let change = Change::Offset((*topic).to_owned(), Some((*offset, self.desk.now)));
                    self.desk.write(vec![change], Promise::Answer(ticket, Answer::Told(ErrorCode::None)));
                }
            },
            Request::Fetch => {
                let offsets = self.offsets();
                self.desk.write(Vec::new(), Promise::Answer(ticket, Answer::Fetched(Ok(offsets))));
            }
            Request::DeleteOffsets { topic } => self.delete_offsets(ticket, topic),
            Request::DeleteGroup => self.delete_group(ticket),
            Request::Join { .. } | Request::Sync { .. } | Request::Heartbeat { .. } => {
                unreachable!("members of this protocol do not send it")
            }
        }
    }

    fn offsets(&self) -> BTreeMap<String, i64> {
        let offsets = self.desk.durable().offsets.iter();
        offsets.map(|(topic, (offset, _))| (topic.clone(), *offset)).collect()
    }

    fn next_deadline(&self) -> Option<u64> {
        let revocations = self.deadlines.revocations.values().map(|(by, _)| *by);
        self.deadlines.sessions.values().copied().chain(revocations).min()
    }

    fn tick(&mut self) {
        self.tick_group();
    }

    fn expire(&mut self) {
        let (now, read) = (self.desk.now, !self.desk.durable().members.is_empty());
        let kept = |topic: &str, at: u64| read && topic == TOPICS[0] || now - at < RETENTION_MS;
        let changes = self.tombstones(|topic, at| !kept(topic, at));
        if !changes.is_empty() {
            self.desk.write(changes, Promise::Nothing);
        }
    }

    fn replay(&mut self, page: &mut Durable, change: &Change) {
        match change {
            Change::Group(group) => {
                let gone = page.members.keys().filter(|id| !group.members.contains_key(*id));
                gone.for_each(|id| self.deadlines.forget(id));
                *page = Durable { offsets: std::mem::take(&mut page.offsets), ..group.clone() };
            }
            Change::Offset(topic, Some(offset)) => drop(page.offsets.insert(topic.clone(), *offset)),
            Change::Offset(topic, None) => drop(page.offsets.remove(topic)),
        }
    }

    fn kept(&mut self, promise: Promise) {
        unreachable!("{promise:?} is of the classic protocol")
    }

    fn broken(&mut self, promise: Promise) {
        unreachable!("{promise:?} is of the classic protocol")
    }

    fn resign(&mut self) {}

    fn load(&mut self) {
        self.deadlines = Deadlines::of(self.desk.durable(), self.desk.now);
    }

    fn hear(&mut self, answers: &BTreeMap<u64, Answer>) {
        self.clients.iter_mut().for_each(|client| client.hear(answers));
    }

    fn compare(&self, bench: &Bench) {
        let expected = self.desk.durable();
        let stored = bench.shard.stored().group(GROUP);
        assert_eq!(stored.is_some(), self.exists(), "whether there is a group");
        let group = stored.and_then(|group| group.consumer.as_ref());
        assert_eq!(group.is_some(), expected.epoch > 0, "whether it is one of this protocol");
        self.nobody_shares(bench);
        let Some(group) = group else { return };
        assert_eq!((group.group_epoch(), group.target_epoch), (expected.epoch, expected.target_epoch));
        let members: BTreeMap<String, group::Member> = group
            .members
            .iter()
            .map(|(id, member)| {
                let current = group.current.get(id).cloned().unwrap_or_default();
                let target = group.targets.get(id).map(indexes).unwrap_or_default();
                let current = Current {
                    epoch: current.epoch,
                    previous: current.previous_epoch,
                    assigned: indexes(&current.assigned),
                    revoking: indexes(&current.revoking),
                    unreleased: current.state == MemberState::UnreleasedPartitions,
                };
                (id.clone(), group::Member { instance: member.instance_id.clone(), target, current })
            })
            .collect();
        assert_eq!(members, expected.members);
    }

    fn settings(&self) -> Vec<(&'static str, &'static str)> {
        let assignor = ("group.consumer.assignors", self.assignor.name());
        SETTINGS.iter().copied().chain([assignor]).collect()
    }

    fn recover(&mut self, then: &mut dyn FnMut(&Consumer)) {
        self.recover_in_time(then);
    }
}

fn indexes(assignment: &Assignment) -> BTreeSet<i32> {
    assignment.iter().map(|(_, PartitionIndex(index))| index).collect()
}

/// Sends a heartbeat.
pub(super) fn send(bench: &mut Bench, heartbeat: &Beat) {
    let Beat { id, instance, epoch, says, full, partitions } = heartbeat;
    let says = says.as_ref().map(|says| says.iter().copied().collect::<Vec<_>>());
    let all = if *full || *epoch == 0 { joining(id, None) } else { beat(id, 0) };
    let request = ConsumerGroupHeartbeatRequest {
        instance_id: instance.clone(),
        member_epoch: *epoch,
        topic_partitions: says.and_then(|says| owned(&says)),
        ..all
    };
    bench.consumer(&orders(*partitions), &request);
}
