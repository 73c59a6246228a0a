//! Consumer groups: which of this broker's partitions of `__consumer_offsets` a request is for.
//!
//! The broker that leads a partition of `__consumer_offsets` coordinates the groups that hash to it. What a group does
//! is decided by [`crate::group::Shard`]; here a shard is given its log (`hosting`), clients are told where theirs is
//! (`coordinator`), and a request about many groups is taken apart and its answers put together.

mod coordinator;
mod hosting;

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

pub use self::coordinator::partition_of_group;
pub(super) use self::hosting::LoadSlot;

use self::hosting::Hosted;
use super::Broker;
use crate::error::ErrorCode;
use crate::group::{Caller, Outcome, Shard, SubscribedTopic, Ticket, Topics};
use crate::id::{ConnectionId, PartitionIndex, TopicId, TopicName, TopicPartition};
use crate::machine::{Effects, RequestContext, Wakeup};
use crate::message::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedConsumerGroup, DescribedGroup, ListGroupsRequest,
    ListGroupsResponse, OffsetFetchRequest, OffsetFetchResponse, OffsetOutcome, Request, Response, refusal,
};
use crate::metadata::MetadataImage;
use crate::time::{Instant, Now};

/// The groups this broker coordinates, and who waits for what.
#[derive(Debug, Default)]
pub(super) struct Groups {
    hosted: BTreeMap<PartitionIndex, Hosted>,
    tickets: BTreeMap<Ticket, Asked>,
    gathers: BTreeMap<u64, Gather>,
    last_ticket: u64,
    /// When a shard or a write of one has something to do.
    next: Option<Instant>,
}

/// What an answer of a shard is for.
#[derive(Debug)]
enum Asked {
    /// A whole request; with outcomes that were known before it was asked.
    Whole(RequestContext, Vec<OffsetOutcome>),
    /// One group of a request about many.
    Part { gather: u64, place: usize },
}

/// A request about many groups.
#[derive(Debug)]
struct Gather {
    context: RequestContext,
    parts: Vec<Option<Response>>,
}

impl Groups {
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        self.next.map(|at| (at, Wakeup::Group))
    }

    /// Whatever the connection waits for is answered to nobody.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        let gathers = &mut self.gathers;
        gathers.retain(|_, gather| gather.context.connection != connection);
        self.tickets.retain(|_, asked| match asked {
            Asked::Whole(context, _) => context.connection != connection,
            Asked::Part { gather, .. } => gathers.contains_key(gather),
        });
    }

    fn ticket(&mut self, asked: Asked) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.tickets.insert(ticket, asked);
        ticket
    }

    pub(super) fn invariants(&self) {
        self.hosted.values().for_each(Hosted::invariants);
    }
}

impl Broker {
    /// A request that groups, their members or those who look after them send.
    pub(super) fn on_group_request(
        &mut self,
        now: Now,
        context: &RequestContext,
        request: Request,
        effects: &mut Effects,
    ) {
        match request {
            Request::FindCoordinator(request) => {
                let response = self.find_coordinators(&request, effects);
                effects.respond(context, response.into());
            }
            Request::ListGroups(request) => {
                effects.respond(context, self.list_groups(&request).into());
            }
            Request::DescribeGroups(request) => {
                effects.respond(context, self.describe_groups(&request).into());
            }
            Request::ConsumerGroupDescribe(request) => {
                effects.respond(context, self.describe_consumer_groups(&request).into());
            }
            Request::OffsetFetch(OffsetFetchRequest { groups, require_stable }) => {
                let part = |group| OffsetFetchRequest { groups: vec![group], require_stable }.into();
                self.gather(
                    now,
                    context,
                    groups.into_iter().map(part).collect(),
                    &nothing_fetched(),
                    effects,
                );
            }
            Request::DeleteGroups(DeleteGroupsRequest { groups }) => {
                let part = |group| DeleteGroupsRequest { groups: vec![group] }.into();
                self.gather(
                    now,
                    context,
                    groups.into_iter().map(part).collect(),
                    &nothing_deleted(),
                    effects,
                );
            }
            request => self.on_one_group(now, context, request, effects),
        }
    }

    fn on_one_group(
        &mut self,
        now: Now,
        context: &RequestContext,
        mut request: Request,
        effects: &mut Effects,
    ) {
        let unknown = self.take_unknown_topics(&mut request);
        let caller = self.caller(context, |context| Asked::Whole(context, unknown));
        self.ask_shard(now, &caller, request, effects);
    }

    /// Offsets of topics that do not exist are neither kept nor deleted (Kafka's `KafkaApis`).
    fn take_unknown_topics(&self, request: &mut Request) -> Vec<OffsetOutcome> {
        let exists = |partition: &TopicPartition| self.image.topics().contains_key(&partition.topic);
        let refused = |partition| OffsetOutcome { partition, error: ErrorCode::UnknownTopicOrPartition };
        match request {
            Request::OffsetCommit(commit) => {
                let all = commit.partitions.iter().map(|commit| &commit.partition);
                let unknown = all.filter(|partition| !exists(partition)).cloned().map(refused).collect();
                commit.partitions.retain(|commit| exists(&commit.partition));
                unknown
            }
            Request::OffsetDelete(delete) => {
                let all = delete.partitions.iter();
                let unknown = all.filter(|partition| !exists(partition)).cloned().map(refused).collect();
                delete.partitions.retain(exists);
                unknown
            }
            _ => Vec::new(),
        }
    }

    fn caller(&mut self, context: &RequestContext, asked: impl FnOnce(RequestContext) -> Asked) -> Caller {
        let ticket = self.groups.ticket(asked(context.clone()));
        // The incarnation is unique among boots, the ticket within one; the low bits stay the incarnation's own.
        let unique = self.settings.incarnation.0.as_u128() ^ (u128::from(ticket.0) << 32);
        Caller {
            ticket,
            api_version: context.api_version,
            client_id: context.client_id.as_deref().unwrap_or_default().to_owned(),
            client_host: String::new(),
            unique: Uuid::from_u128(unique),
        }
    }

    /// Takes a request about many groups apart.
    fn gather(
        &mut self,
        now: Now,
        context: &RequestContext,
        parts: Vec<Request>,
        empty: &Response,
        effects: &mut Effects,
    ) {
        if parts.is_empty() {
            return effects.respond(context, empty.clone());
        }
        self.groups.last_ticket += 1;
        let gather = self.groups.last_ticket;
        let places = vec![None; parts.len()];
        self.groups.gathers.insert(gather, Gather { context: context.clone(), parts: places });
        for (place, part) in parts.into_iter().enumerate() {
            let caller = self.caller(context, |_| Asked::Part { gather, place });
            self.ask_shard(now, &caller, part, effects);
        }
    }

    /// Hands a request about one group to the shard the group belongs to.
    fn ask_shard(&mut self, now: Now, caller: &Caller, request: Request, effects: &mut Effects) {
        let mut out = Outcome::default();
        match self.shard_of(group_of(&request)) {
            Ok((index, shard, topics)) => {
                decide(shard, now, caller, request, &topics, &mut out);
                self.carry_out(now, index, out, effects);
            }
            Err(error) => {
                let response = refusal(&request, error, "not here");
                self.answer_group(caller.ticket, response.expect("every API of groups has room"), effects);
            }
        }
    }

    /// The shard that keeps a group, and the topics it may ask about.
    ///
    /// # Errors
    /// NOT_COORDINATOR, or COORDINATOR_LOAD_IN_PROGRESS.
    fn shard_of(&mut self, group: &str) -> Result<(PartitionIndex, &mut Shard, KnownTopics<'_>), ErrorCode> {
        if !self.metadata_fetch.published {
            // It has just booted and may well lead the partition: it does not know yet.
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let index = self.partition_of_group(group).ok_or(ErrorCode::NotCoordinator)?;
        let hosted = self.groups.hosted.get_mut(&index).ok_or(ErrorCode::NotCoordinator)?;
        Ok((index, hosted.shard_mut()?, KnownTopics(&self.image)))
    }

    /// Sends an answer, or keeps it until the others are there.
    fn answer_group(&mut self, ticket: Ticket, mut response: Response, effects: &mut Effects) {
        match self.groups.tickets.remove(&ticket) {
            Some(Asked::Whole(context, unknown)) => {
                match &mut response {
                    Response::OffsetCommit(commit) => commit.partitions.extend(unknown),
                    Response::OffsetDelete(delete) if !delete.error.is_error() => {
                        delete.partitions.extend(unknown);
                    }
                    _ => {}
                }
                effects.respond(&context, response);
            }
            Some(Asked::Part { gather, place }) => {
                let Some(waiting) = self.groups.gathers.get_mut(&gather) else { return };
                if let Some(part) = waiting.parts.get_mut(place) {
                    *part = Some(response);
                }
                if waiting.parts.iter().all(Option::is_some)
                    && let Some(Gather { context, parts }) = self.groups.gathers.remove(&gather)
                    && let Some(whole) = parts.into_iter().flatten().reduce(joined)
                {
                    effects.respond(&context, whole);
                }
            }
            // Its connection is gone.
            None => {}
        }
    }

    fn list_groups(&self, request: &ListGroupsRequest) -> ListGroupsResponse {
        let mut groups = Vec::new();
        for hosted in self.groups.hosted.values() {
            match hosted.shard() {
                Ok(shard) => groups.extend(shard.list(request)),
                Err(error) => return ListGroupsResponse { error, groups: Vec::new() },
            }
        }
        ListGroupsResponse { error: ErrorCode::None, groups }
    }

    fn describe_groups(&mut self, request: &DescribeGroupsRequest) -> DescribeGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for name in &request.groups {
            groups.push(match self.shard_of(name) {
                Ok((_, shard, _)) => shard.describe(name),
                Err(error) => DescribedGroup {
                    error,
                    group_id: name.clone(),
                    state: String::new(),
                    protocol_type: String::new(),
                    protocol: String::new(),
                    members: Vec::new(),
                },
            });
        }
        DescribeGroupsResponse { groups }
    }

    fn describe_consumer_groups(
        &mut self,
        request: &ConsumerGroupDescribeRequest,
    ) -> ConsumerGroupDescribeResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for name in &request.groups {
            groups.push(match self.shard_of(name) {
                Ok((_, shard, topics)) => shard.describe_consumer_group(name, &topics),
                Err(error) => DescribedConsumerGroup::refused(name, error, None),
            });
        }
        ConsumerGroupDescribeResponse { groups }
    }

    /// Does what a shard has decided, and what follows from that.
    fn carry_out(&mut self, now: Now, index: PartitionIndex, out: Outcome, effects: &mut Effects) {
        let mut pending = VecDeque::from([out]);
        while let Some(out) = pending.pop_front() {
            out.notes.into_iter().for_each(|note| effects.note(note));
            for (ticket, response) in out.answers {
                self.answer_group(ticket, response, effects);
            }
            for write in out.writes {
                let mut next = Outcome::default();
                self.write(now, index, write, &mut next, effects);
                pending.push_back(next);
            }
        }
        self.groups.rearm();
    }
}

fn nothing_fetched() -> Response {
    OffsetFetchResponse { groups: Vec::new() }.into()
}

fn nothing_deleted() -> Response {
    DeleteGroupsResponse { groups: Vec::new() }.into()
}

/// Two answers to the same kind of question, as one.
fn joined(first: Response, second: Response) -> Response {
    match (first, second) {
        (Response::OffsetFetch(mut first), Response::OffsetFetch(second)) => {
            first.groups.extend(second.groups);
            first.into()
        }
        (Response::DeleteGroups(mut first), Response::DeleteGroups(second)) => {
            first.groups.extend(second.groups);
            first.into()
        }
        (first, second) => panic!("{:?} and {:?} are no parts of one answer", first.key(), second.key()),
    }
}

/// The group that a request about one group is about.
fn group_of(request: &Request) -> &str {
    match request {
        Request::JoinGroup(request) => &request.group_id,
        Request::SyncGroup(request) => &request.group_id,
        Request::Heartbeat(request) => &request.group_id,
        Request::LeaveGroup(request) => &request.group_id,
        Request::ConsumerGroupHeartbeat(request) => &request.group_id,
        Request::OffsetCommit(request) => &request.group_id,
        Request::OffsetDelete(request) => &request.group_id,
        Request::OffsetFetch(request) => request.groups.first().map_or("", |group| &group.group_id),
        Request::DeleteGroups(request) => request.groups.first().map_or("", |group| group),
        other => panic!("{:?} is about no group", other.key()),
    }
}

fn decide(
    shard: &mut Shard,
    now: Now,
    caller: &Caller,
    request: Request,
    topics: &KnownTopics<'_>,
    out: &mut Outcome,
) {
    match request {
        Request::JoinGroup(request) => shard.join(now, caller, &request, out),
        Request::SyncGroup(request) => shard.sync(now, caller, request, out),
        Request::Heartbeat(request) => shard.heartbeat(now, caller, &request, out),
        Request::LeaveGroup(request) => shard.leave(now, caller, &request, out),
        Request::ConsumerGroupHeartbeat(request) => {
            shard.consumer_heartbeat(now, caller, &request, topics, out);
        }
        Request::OffsetCommit(request) => shard.commit(now, caller, &request, out),
        Request::OffsetDelete(request) => shard.delete_offsets(caller, &request, out),
        Request::OffsetFetch(request) => {
            for group in &request.groups {
                shard.fetch(caller, group, out);
            }
        }
        Request::DeleteGroups(request) => {
            for group in &request.groups {
                shard.delete(caller, group, out);
            }
        }
        other => panic!("{:?} is about no group", other.key()),
    }
}

/// The topics that this broker knows of.
struct KnownTopics<'a>(&'a MetadataImage);

impl Topics for KnownTopics<'_> {
    fn topic(&self, name: &TopicName) -> Option<SubscribedTopic> {
        let topic = self.0.topics().get(name)?;
        let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        Some(SubscribedTopic { id: topic.id, partitions })
    }

    fn name(&self, id: TopicId) -> Option<TopicName> {
        self.0.topic_by_id(id).map(|topic| topic.name.clone())
    }
}

fn offsets_topic() -> TopicName {
    TopicName::new(TopicName::CONSUMER_OFFSETS)
}
