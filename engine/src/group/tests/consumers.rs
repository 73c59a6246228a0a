//! Groups of KIP-848: joining, reconciling, fencing, leaving.

use super::*;
use crate::group::{ConsumerRecord, MemberState, SubscribedTopic, Topics};
use crate::id::{PartitionIndex, TopicId, TopicName};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicIdPartitions};

/// The topics of a test.
#[derive(Clone, Default)]
pub(super) struct Known(pub(super) BTreeMap<TopicName, SubscribedTopic>);

impl Topics for Known {
    fn topic(&self, name: &TopicName) -> Option<SubscribedTopic> {
        self.0.get(name).copied()
    }

    fn name(&self, id: TopicId) -> Option<TopicName> {
        self.0.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.clone())
    }
}

pub(super) fn id_of(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

/// `orders` with so many partitions.
pub(super) fn orders(partitions: i32) -> Known {
    Known([(TopicName::new("orders"), SubscribedTopic { id: id_of(1), partitions })].into())
}

/// The heartbeat of a member that says nothing but its epoch.
pub(super) fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.to_owned(),
        member_id: member.to_owned(),
        member_epoch: epoch,
        instance_id: None,
        rack_id: None,
        rebalance_timeout: None,
        subscribed_topic_names: None,
        subscribed_topic_regex: None,
        server_assignor: None,
        topic_partitions: None,
    }
}

/// The first heartbeat of a member that wants `orders`.
pub(super) fn joining(member: &str, instance: Option<&str>) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        instance_id: instance.map(str::to_owned),
        rebalance_timeout: Some(REBALANCE),
        subscribed_topic_names: Some(vec![TopicName::new("orders")]),
        topic_partitions: Some(Vec::new()),
        ..beat(member, 0)
    }
}

/// Partitions of `orders`.
pub(super) fn owned(indexes: &[i32]) -> Option<Vec<TopicIdPartitions>> {
    let partitions = indexes.iter().copied().map(PartitionIndex).collect::<Vec<_>>();
    let topic = TopicIdPartitions { topic_id: id_of(1), partitions };
    Some(if indexes.is_empty() { Vec::new() } else { vec![topic] })
}

fn owning(member: &str, epoch: i32, indexes: &[i32]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { topic_partitions: owned(indexes), ..beat(member, epoch) }
}

impl Bench {
    pub(super) fn consumer(&mut self, topics: &Known, request: &ConsumerGroupHeartbeatRequest) -> Ticket {
        let caller = self.caller(1);
        self.decide(|shard, now, out| shard.consumer_heartbeat(now, &caller, request, topics, out));
        caller.ticket
    }

    pub(super) fn heard(&mut self, ticket: Ticket) -> ConsumerGroupHeartbeatResponse {
        match self.answers.remove(&ticket) {
            Some(Response::ConsumerGroupHeartbeat(response)) => response,
            other => panic!("an answer to ConsumerGroupHeartbeat, not {other:?}"),
        }
    }

    fn ask(
        &mut self,
        topics: &Known,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        let ticket = self.consumer(topics, request);
        self.heard(ticket)
    }

    /// The epoch a member is told, and the partitions of `orders` if it is told any.
    fn told(&mut self, topics: &Known, request: &ConsumerGroupHeartbeatRequest) -> (i32, Option<Vec<i32>>) {
        let response = self.ask(topics, request);
        assert_eq!(response.error, ErrorCode::None, "{:?}", response.error_message);
        let indexes = response
            .assignment
            .map(|topics| topics.iter().flat_map(|topic| &topic.partitions).map(|index| index.0).collect());
        (response.member_epoch, indexes)
    }

    fn refused(&mut self, topics: &Known, request: &ConsumerGroupHeartbeatRequest) -> ErrorCode {
        self.ask(topics, request).error
    }

    fn consumers(&self) -> &crate::group::ConsumerGroup {
        self.shard.stored().group(GROUP).and_then(|group| group.consumer.as_ref()).expect("a group")
    }
}

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.told(&orders(3), &joining("a", None)), (1, Some(vec![0, 1, 2])));
    assert_eq!(bench.told(&orders(3), &owning("a", 1, &[0, 1, 2])), (1, None));
    assert_eq!(bench.consumers().state(), "Stable");
}

#[test]
fn a_second_member_waits_until_the_first_has_given_up_its_part() {
    let (mut bench, topics) = (Bench::new(&[]), orders(4));
    bench.told(&topics, &joining("a", None));
    assert_eq!(bench.told(&topics, &joining("b", None)), (2, Some(vec![])));
    assert_eq!(bench.consumers().current["b"].state, MemberState::UnreleasedPartitions);
    // The first keeps its epoch while it owns what it must give up.
    assert_eq!(bench.told(&topics, &beat("a", 1)), (1, Some(vec![0, 1])));
    assert_eq!(bench.told(&topics, &beat("b", 2)), (2, None));
    assert_eq!(bench.told(&topics, &owning("a", 1, &[0, 1])), (2, None));
    assert_eq!(bench.told(&topics, &beat("b", 2)), (2, Some(vec![2, 3])));
    assert_eq!(bench.consumers().state(), "Stable");
}

#[test]
fn an_answer_is_kept_until_what_it_says_is_committed() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    let ticket = bench.consumer(&orders(1), &joining("a", None));
    assert!(bench.answers.is_empty());
    bench.commit_next();
    assert_eq!(bench.heard(ticket).member_epoch, 1);
}

#[test]
fn a_member_that_is_silent_loses_what_it_owns() {
    let (mut bench, topics) = (Bench::new(&[]), orders(2));
    bench.told(&topics, &joining("a", None));
    bench.told(&topics, &joining("b", None));
    for _ in 0..5 {
        bench.advance(Duration::from_secs(10));
        bench.told(&topics, &beat("b", bench.consumers().current["b"].epoch));
    }
    assert!(!bench.consumers().members.contains_key("a"));
    assert_eq!(bench.consumers().current["b"].assigned.len(), 2);
    assert_eq!(bench.refused(&topics, &beat("a", 1)), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_does_not_give_up_what_it_must_is_taken_out() {
    let (mut bench, topics) = (Bench::new(&[]), orders(2));
    bench.told(&topics, &joining("a", None));
    bench.told(&topics, &joining("b", None));
    for _ in 0..8 {
        if bench.consumers().members.contains_key("a") {
            bench.told(&topics, &owning("a", 1, &[0, 1]));
        }
        bench.told(&topics, &beat("b", bench.consumers().current["b"].epoch));
        bench.advance(Duration::from_secs(10));
    }
    assert!(!bench.consumers().members.contains_key("a"), "it is alive and does not obey");
    assert_eq!(bench.consumers().current["b"].assigned.len(), 2);
}

#[test]
fn a_member_that_is_silent_and_does_not_give_up_what_it_must_is_taken_out_once() {
    let session = ("group.consumer.session.timeout.ms", "60000");
    let (mut bench, topics) = (Bench::new(&[session]), orders(2));
    bench.told(&topics, &joining("a", None));
    bench.told(&topics, &joining("b", None));
    // From here on it has as long to give a partition up as its session lasts.
    bench.told(&topics, &beat("a", 1));
    bench.advance(REBALANCE / 2);
    bench.told(&topics, &beat("b", 2));
    bench.advance(REBALANCE / 2);
    let removes = |record: &&Record| matches!(record, Record::Consumer { record: ConsumerRecord::Member(id, None), .. } if id == "a");
    assert_eq!(bench.log.iter().flatten().filter(removes).count(), 1);
}

#[test]
fn a_member_at_another_epoch_is_fenced_unless_the_answer_was_lost() {
    let (mut bench, topics) = (Bench::new(&[]), orders(2));
    bench.told(&topics, &joining("a", None));
    bench.told(&topics, &joining("b", None));
    bench.told(&topics, &beat("a", 1));
    assert_eq!(bench.told(&topics, &owning("a", 1, &[0])), (2, None));
    assert_eq!(bench.told(&topics, &owning("a", 1, &[0])), (2, Some(vec![0])), "it is told again");
    assert_eq!(bench.refused(&topics, &owning("a", 1, &[0, 1])), ErrorCode::FencedMemberEpoch);
    assert_eq!(bench.refused(&topics, &beat("a", 1)), ErrorCode::FencedMemberEpoch);
    assert_eq!(bench.refused(&topics, &beat("a", 3)), ErrorCode::FencedMemberEpoch);
    assert_eq!(bench.told(&topics, &joining("a", None)), (2, Some(vec![0])), "it may begin anew");
}

#[test]
fn a_static_member_comes_back_under_another_id_to_what_it_had() {
    let (mut bench, topics) = (Bench::new(&[]), orders(2));
    bench.told(&topics, &joining("a", Some("i")));
    assert_eq!(bench.refused(&topics, &joining("b", Some("i"))), ErrorCode::UnreleasedInstanceId);
    let leaving = ConsumerGroupHeartbeatRequest { instance_id: Some("i".to_owned()), ..beat("a", -2) };
    assert_eq!(bench.told(&topics, &leaving), (-2, None));
    assert_eq!(bench.told(&topics, &joining("b", Some("i"))), (1, Some(vec![0, 1])));
    assert_eq!(bench.consumers().group_epoch(), 1, "nobody else had to notice");
    let old = ConsumerGroupHeartbeatRequest { instance_id: Some("i".to_owned()), ..beat("a", 1) };
    assert_eq!(bench.refused(&topics, &old), ErrorCode::FencedInstanceId);
}

#[test]
fn topics_that_grow_appear_or_go_are_noticed_at_the_next_heartbeat() {
    let mut bench = Bench::new(&[]);
    bench.told(&Known::default(), &joining("a", None));
    assert_eq!(bench.consumers().group_epoch(), 1);
    assert_eq!(bench.told(&orders(1), &beat("a", 1)), (2, Some(vec![0])));
    assert_eq!(bench.told(&orders(2), &beat("a", 2)), (3, Some(vec![0, 1])));
    assert_eq!(bench.told(&Known::default(), &beat("a", 3)), (3, Some(vec![])));
    assert_eq!(bench.told(&Known::default(), &owning("a", 3, &[])), (4, None));
}

#[test]
fn a_group_lives_on_with_the_next_coordinator() {
    let (mut bench, topics) = (Bench::new(&[]), orders(2));
    bench.told(&topics, &joining("a", None));
    bench.told(&topics, &joining("b", None));
    bench.fail_over();
    bench.told(&topics, &beat("a", 1));
    assert_eq!(bench.told(&topics, &owning("a", 1, &[0])), (2, None));
    assert_eq!(bench.told(&topics, &beat("b", 2)), (2, Some(vec![1])));
}

#[test]
fn only_a_member_at_its_epoch_commits() {
    let (mut bench, topics) = (Bench::new(&[]), orders(1));
    bench.told(&topics, &joining("a", None));
    let mut commit = |member: &str, epoch, version| {
        let request = committing(member, epoch, 7);
        let caller = bench.caller(version);
        bench.decide(|shard, now, out| shard.commit(now, &caller, &request, out));
        bench.commit_error(caller.ticket)
    };
    assert_eq!(commit("a", 1, 9), ErrorCode::None);
    assert_eq!(commit("a", 0, 9), ErrorCode::StaleMemberEpoch);
    assert_eq!(commit("b", 1, 9), ErrorCode::UnknownMemberId);
    assert_eq!(commit("", -1, 9), ErrorCode::UnknownMemberId);
    assert_eq!(commit("a", 1, 8), ErrorCode::UnsupportedVersion);
}

#[test]
fn an_empty_group_may_change_its_protocol_and_one_with_members_may_not() {
    let (mut bench, topics) = (Bench::new(&[]), orders(1));
    bench.told(&topics, &joining("a", None));
    let ticket = bench.join(9, &super::joining("", None));
    assert_eq!(bench.joined(ticket).error, ErrorCode::InconsistentGroupProtocol);
    bench.told(&topics, &beat("a", -1));
    assert_eq!(bench.consumers().state(), "Empty");
    // It makes room, and then the member is let in.
    let ticket = bench.join(9, &super::joining("", None));
    assert_eq!(bench.joined(ticket).error, ErrorCode::CoordinatorLoadInProgress);
    let members = bench.stable(1);
    assert_eq!(bench.refused(&topics, &joining("a", None)), ErrorCode::GroupIdNotFound);
    bench.leave(&members[0], None);
    bench.answers.clear();
    assert_eq!(bench.told(&topics, &joining("a", None)), (1, Some(vec![0])));
    assert!(bench.shard.groups().is_empty(), "the classic group is gone");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (mut bench, topics) = (Bench::new(&[("group.consumer.max.size", "1")]), orders(1));
    let refused =
        |bench: &mut Bench, request: ConsumerGroupHeartbeatRequest| bench.refused(&topics, &request);
    assert_eq!(refused(&mut bench, joining("", None)), ErrorCode::InvalidRequest);
    assert_eq!(refused(&mut bench, beat("a", 0)), ErrorCode::InvalidRequest);
    assert_eq!(refused(&mut bench, beat("a", -3)), ErrorCode::InvalidRequest);
    assert_eq!(refused(&mut bench, beat("a", -2)), ErrorCode::InvalidRequest);
    assert_eq!(refused(&mut bench, beat("a", 5)), ErrorCode::GroupIdNotFound);
    let assignor = Some("best".to_owned());
    let strange = ConsumerGroupHeartbeatRequest { server_assignor: assignor, ..joining("a", None) };
    assert_eq!(refused(&mut bench, strange), ErrorCode::UnsupportedAssignor);
    let regex = Some("o.*".to_owned());
    let regex = ConsumerGroupHeartbeatRequest { subscribed_topic_regex: regex, ..joining("a", None) };
    assert_eq!(refused(&mut bench, regex), ErrorCode::InvalidRegularExpression);
    assert_eq!(refused(&mut bench, joining("a", None)), ErrorCode::None);
    assert_eq!(refused(&mut bench, joining("b", None)), ErrorCode::GroupMaxSizeReached);
    let mut off = Bench::new(&[("group.coordinator.rebalance.protocols", "classic")]);
    assert_eq!(off.refused(&topics, &joining("a", None)), ErrorCode::UnsupportedVersion);
}

#[test]
fn an_operator_removes_a_static_member_and_deletes_the_group() {
    let (mut bench, topics) = (Bench::new(&[]), orders(1));
    bench.told(&topics, &joining("a", Some("i")));
    let delete = |bench: &mut Bench| {
        let caller = bench.caller(2);
        bench.decide(|shard, _, out| shard.delete(&caller, GROUP, out));
        match bench.answers.remove(&caller.ticket) {
            Some(Response::DeleteGroups(response)) => response.groups[0].error,
            other => panic!("an answer to DeleteGroups, not {other:?}"),
        }
    };
    assert_eq!(delete(&mut bench), ErrorCode::NonEmptyGroup);
    bench.leave("", Some("i"));
    assert_eq!(bench.consumers().state(), "Empty");
    assert_eq!(delete(&mut bench), ErrorCode::None);
    assert!(bench.shard.stored().groups().is_empty());
    assert_eq!(delete(&mut bench), ErrorCode::GroupIdNotFound);
}
