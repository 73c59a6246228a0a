//! A coordinator that is taken through what a model foretells.
//!
//! Besides what the model says, this holds after every transition, whatever the model believes: what is stored is what
//! the log says from its beginning, every request is answered once ([`Bench::check`]); a generation or an epoch never
//! goes back; no commit that was acknowledged is gone unless it was deleted or expired; nobody waits longer than a
//! rebalance may take while the log works.

use super::*;
use crate::id::PartitionIndex;
use crate::message::{FetchedOffset, FetchedOffsets, OffsetDeleteRequest};

/// What a coordinator is told by.
pub(super) struct Live {
    pub(super) bench: Bench,
    answers: BTreeMap<u64, Answer>,
    /// How long requests have waited while nothing was in flight, in milliseconds.
    waited: BTreeMap<Ticket, u64>,
    /// The newest commit of each topic that was acknowledged.
    acknowledged: BTreeMap<String, i64>,
    committing: BTreeMap<u64, (String, i64)>,
    /// The newest generation or epoch of the group that this coordinator has seen.
    newest: i32,
}

impl Live {
    pub(super) fn new(settings: &[(&str, &str)], variant: ProtocolVariant) -> Live {
        Live {
            bench: Bench::with(settings, variant),
            answers: BTreeMap::new(),
            waited: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            committing: BTreeMap::new(),
            newest: 0,
        }
    }

    /// Does what the model has done, and compares.
    pub(super) fn follow(&mut self, model: &impl Model) {
        self.answers.clear();
        for act in &model.seen().acts {
            self.act(act);
        }
        assert_eq!(self.answers, model.seen().answers);
        model.compare(&self.bench);
        self.offsets_are(&model.offsets());
    }

    fn act(&mut self, act: &Act) {
        let bench = &mut self.bench;
        match act {
            Act::Ask(request) => self.ask(request),
            Act::Advance(millis) => self.advance(*millis),
            Act::CommitNext => bench.commit_next(),
            Act::FailNext => bench.fail_next(ErrorCode::RequestTimedOut),
            Act::Log(log) => {
                (bench.commits, bench.refuses) = (*log == Log::Works, *log == Log::Refuses);
                bench.carry_out(Outcome::default());
            }
            Act::FailOver(kept) => {
                bench.fail_over_with(*kept);
                self.newest = 0;
            }
        }
        self.listen();
        self.no_step_back();
    }

    /// Nobody waits longer than a rebalance may take, but for the log.
    fn advance(&mut self, millis: u64) {
        let free = self.bench.in_flight.is_empty();
        let waiting: Vec<Ticket> = self.bench.open.iter().copied().collect();
        let mut left = millis;
        // In slices, as somebody may be answered soon.
        while left > 0 {
            let slice = left.min(1000);
            self.bench.advance(Duration::from_millis(slice));
            left -= slice;
            for ticket in waiting.iter().filter(|ticket| free && self.bench.open.contains(ticket)) {
                let waited = self.waited.entry(*ticket).or_default();
                *waited += slice;
                assert!(*waited <= REBALANCE_MS + 1000, "{ticket:?} waits for {waited} ms");
            }
        }
        if millis == 0 {
            self.bench.advance(Duration::ZERO);
        }
    }

    fn ask(&mut self, request: &Request) {
        let bench = &mut self.bench;
        match request {
            Request::Join { id, instance, taste } => {
                let protocols = vec![("range".to_owned(), classic::subscription_of(*taste))];
                bench.join(9, &JoinGroupRequest { protocols, ..joining(id, instance.as_deref()) });
            }
            Request::Sync { id, instance, generation, assignments } => {
                let bytes = |(id, text): &(String, String)| (id.clone(), Bytes::from(text.clone()));
                let request = SyncGroupRequest {
                    group_id: GROUP.to_owned(),
                    generation: *generation,
                    member_id: id.clone(),
                    group_instance_id: instance.clone(),
                    protocol_type: Some("consumer".to_owned()),
                    protocol_name: Some("range".to_owned()),
                    assignments: assignments.iter().map(bytes).collect(),
                };
                let caller = bench.caller(5);
                bench.decide(|shard, now, out| shard.sync(now, &caller, request, out));
            }
            Request::Heartbeat { id, instance, generation } => {
                let request = HeartbeatRequest {
                    group_id: GROUP.to_owned(),
                    generation: *generation,
                    member_id: id.clone(),
                    group_instance_id: instance.clone(),
                };
                let caller = bench.caller(4);
                bench.decide(|shard, now, out| shard.heartbeat(now, &caller, &request, out));
            }
            Request::Leave { id, instance } => {
                let (member_id, group_instance_id) = (id.clone(), instance.clone());
                let members = vec![LeavingMember { member_id, group_instance_id, reason: None }];
                let request = LeaveGroupRequest { group_id: GROUP.to_owned(), members };
                let caller = bench.caller(5);
                bench.decide(|shard, now, out| shard.leave(now, &caller, &request, out));
            }
            Request::Beat(beat) => {
                consumer::send(bench, beat);
            }
            _ => self.ask_for_offsets(request),
        }
    }

    fn ask_for_offsets(&mut self, request: &Request) {
        let bench = &mut self.bench;
        match request {
            Request::Commit { id, epoch, topic, offset } => {
                let mut request = committing(id, *epoch, *offset);
                request.partitions[0].partition = TopicPartition::new(topic, 0);
                let caller = bench.caller(9);
                self.committing.insert(caller.ticket.0, ((*topic).to_owned(), *offset));
                bench.decide(|shard, now, out| shard.commit(now, &caller, &request, out));
            }
            Request::Fetch => {
                let group_id = GROUP.to_owned();
                let request =
                    OffsetFetchGroup { group_id, member_id: None, member_epoch: -1, partitions: None };
                let caller = bench.caller(9);
                bench.decide(|shard, _, out| shard.fetch(&caller, &request, out));
            }
            Request::DeleteOffsets { topic } => {
                let partitions = vec![TopicPartition::new(topic, 0)];
                let request = OffsetDeleteRequest { group_id: GROUP.to_owned(), partitions };
                let caller = bench.caller(0);
                bench.decide(|shard, _, out| shard.delete_offsets(&caller, &request, out));
            }
            Request::DeleteGroup => {
                let caller = bench.caller(2);
                bench.decide(|shard, _, out| shard.delete(&caller, GROUP, out));
            }
            other => unreachable!("{other:?} is of members"),
        }
    }

    /// Takes in what was answered.
    fn listen(&mut self) {
        for (ticket, response) in std::mem::take(&mut self.bench.answers) {
            let answer = answer_of(response);
            if let Some((topic, offset)) = self.committing.remove(&ticket.0)
                && answer == Answer::Told(ErrorCode::None)
            {
                let newest = self.acknowledged.entry(topic).or_insert(offset);
                assert!(*newest <= offset, "commits are stored in their order");
                *newest = offset;
            }
            self.waited.remove(&ticket);
            self.answers.insert(ticket.0, answer);
        }
    }

    /// What is stored is what the model says, and no acknowledged commit is gone unless the model says so, too.
    fn offsets_are(&mut self, expected: &BTreeMap<String, i64>) {
        let stored = self.bench.shard.stored().group(GROUP);
        let offsets = stored.iter().flat_map(|group| &group.offsets);
        let offsets: BTreeMap<String, i64> =
            offsets.map(|(partition, stored)| (partition.topic.to_string(), stored.offset.0)).collect();
        assert_eq!(offsets, *expected, "committed offsets");
        self.acknowledged.retain(|topic, _| expected.contains_key(topic));
        for (topic, acknowledged) in &self.acknowledged {
            assert!(offsets[topic] >= *acknowledged, "{topic}: {acknowledged} was acknowledged");
        }
    }

    fn no_step_back(&mut self) {
        let classic = self.bench.shard.groups().get(GROUP).map(crate::group::ClassicGroup::generation);
        let stored = self.bench.shard.stored().group(GROUP);
        let consumer = stored.and_then(|group| group.consumer.as_ref()).map(|group| group.group_epoch());
        let Some(now) = classic.or(consumer).filter(|now| *now > 0) else {
            // The group is gone; another may begin.
            self.newest = 0;
            return;
        };
        assert!(now >= self.newest, "{now} after {}", self.newest);
        self.newest = now;
    }
}

fn answer_of(response: Response) -> Answer {
    match response {
        Response::JoinGroup(joined) if joined.error.is_error() => {
            Answer::NotJoined(joined.error, joined.member_id)
        }
        Response::JoinGroup(joined) => Answer::Joined {
            id: joined.member_id,
            generation: joined.generation,
            leader: joined.leader,
            members: joined.members.into_iter().map(|member| member.member_id).collect(),
            skip: joined.skip_assignment,
        },
        Response::SyncGroup(synced) => {
            Answer::Synced(synced.error, String::from_utf8_lossy(&synced.assignment).into_owned())
        }
        Response::Heartbeat(heartbeat) => Answer::Told(heartbeat.error),
        Response::LeaveGroup(left) => Answer::Told(left.members.first().map_or(left.error, |one| one.error)),
        Response::OffsetCommit(committed) => Answer::Told(committed.partitions[0].error),
        Response::OffsetFetch(fetched) => Answer::Fetched(fetched_offsets(&fetched.groups[0])),
        Response::OffsetDelete(deleted) => {
            let of_partition = deleted.partitions.first().map(|partition| partition.error);
            Answer::Told(of_partition.filter(|_| !deleted.error.is_error()).unwrap_or(deleted.error))
        }
        Response::DeleteGroups(deleted) => Answer::Told(deleted.groups[0].error),
        Response::ConsumerGroupHeartbeat(beaten) if beaten.error.is_error() => {
            Answer::NotBeaten(beaten.error)
        }
        Response::ConsumerGroupHeartbeat(beaten) => Answer::Beaten {
            epoch: beaten.member_epoch,
            assignment: beaten.assignment.map(|topics| {
                topics
                    .iter()
                    .flat_map(|topic| &topic.partitions)
                    .map(|PartitionIndex(index)| *index)
                    .collect()
            }),
        },
        other => panic!("{other:?} answers nothing that was asked"),
    }
}

fn fetched_offsets(group: &FetchedOffsets) -> Result<BTreeMap<String, i64>, ErrorCode> {
    if group.error.is_error() {
        return Err(group.error);
    }
    let offset = |fetched: &FetchedOffset| (fetched.partition.topic.to_string(), fetched.offset.0);
    Ok(group.partitions.iter().map(offset).collect())
}
