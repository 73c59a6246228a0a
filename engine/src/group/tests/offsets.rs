//! Offsets: who may commit, what is answered when, and how long they live.

use super::*;
use crate::message::OffsetDeleteRequest;

#[test]
fn a_member_commits_for_its_generation_and_nobody_else_does() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    for (member, generation, error) in [
        (ids[0].as_str(), 1, ErrorCode::None),
        (&ids[0], 0, ErrorCode::IllegalGeneration),
        ("stranger", 1, ErrorCode::UnknownMemberId),
        ("", -1, ErrorCode::UnknownMemberId),
    ] {
        let ticket = bench.commit(member, generation, 5);
        assert_eq!(bench.commit_error(ticket), error, "{member} {generation}");
    }
    assert_eq!(bench.committed(), Ok(5));
}

#[test]
fn without_members_a_group_only_keeps_offsets() {
    let mut bench = Bench::new(&[]);
    let ticket = bench.commit("", -1, 5);
    assert_eq!(bench.commit_error(ticket), ErrorCode::None);
    assert_eq!(bench.state(), Some(GroupState::Empty));
    let ticket = bench.commit("", 3, 6);
    assert_eq!(bench.commit_error(ticket), ErrorCode::UnknownMemberId, "the group has no generation 3");
    assert_eq!(bench.committed(), Ok(5));
}

#[test]
fn a_commit_into_a_group_that_does_not_exist_is_refused_as_its_version_knows_it() {
    let mut bench = Bench::new(&[]);
    for (version, error) in [(8, ErrorCode::IllegalGeneration), (9, ErrorCode::GroupIdNotFound)] {
        let caller = bench.caller(version);
        bench.decide(|shard, now, out| shard.commit(now, &caller, &committing("m", 1, 5), out));
        assert_eq!(bench.commit_error(caller.ticket), error);
    }
}

#[test]
fn while_the_leader_assigns_nobody_commits_and_while_members_join_they_do() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(2);
    bench.join_new();
    let ticket = bench.commit(&ids[0], 1, 5);
    assert_eq!(bench.commit_error(ticket), ErrorCode::None);
    bench.join(9, &joining(&ids[0], None));
    bench.join(9, &joining(&ids[1], None));
    assert_eq!(bench.state(), Some(GroupState::CompletingRebalance));
    let ticket = bench.commit(&ids[0], 2, 6);
    assert_eq!(bench.commit_error(ticket), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    for offset in 0..4 {
        bench.advance(SESSION - Duration::from_secs(1));
        let ticket = bench.commit(&ids[0], 1, offset);
        assert_eq!(bench.commit_error(ticket), ErrorCode::None);
    }
}

#[test]
fn a_commit_and_who_reads_it_wait_until_it_is_stored() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    let commit = bench.commit("", -1, 5);
    let caller = bench.caller(9);
    let request =
        OffsetFetchGroup { group_id: GROUP.to_owned(), member_id: None, member_epoch: -1, partitions: None };
    bench.decide(|shard, _, out| shard.fetch(&caller, &request, out));
    assert!(bench.answers.is_empty());
    bench.commit_next();
    assert_eq!(bench.commit_error(commit), ErrorCode::None);
    bench.commit_next();
    let Some(Response::OffsetFetch(fetched)) = bench.answers.remove(&caller.ticket) else {
        panic!("a fetch")
    };
    let fetched = &fetched.groups[0].partitions[0];
    assert_eq!((fetched.offset, fetched.leader_epoch), (Offset(5), LeaderEpoch(3)));
    assert_eq!(fetched.metadata.as_deref(), Some("note"));
}

#[test]
fn a_commit_that_is_not_stored_in_time_is_unknown() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    let ticket = bench.commit("", -1, 5);
    bench.fail_next(ErrorCode::RequestTimedOut);
    assert_eq!(bench.commit_error(ticket), ErrorCode::CoordinatorNotAvailable);
}

#[test]
fn metadata_that_is_too_long_is_refused() {
    let mut bench = Bench::new(&[("offset.metadata.max.bytes", "3")]);
    let ticket = bench.commit("", -1, 5);
    assert_eq!(bench.commit_error(ticket), ErrorCode::OffsetMetadataTooLarge);
    assert_eq!(bench.committed(), Ok(-1));
}

fn delete_offsets(bench: &mut Bench, topic: &str) -> (ErrorCode, Option<ErrorCode>) {
    let partitions = vec![TopicPartition::new(topic, 0)];
    let request = OffsetDeleteRequest { group_id: GROUP.to_owned(), partitions };
    let caller = bench.caller(0);
    bench.decide(|shard, _, out| shard.delete_offsets(&caller, &request, out));
    match bench.answers.remove(&caller.ticket) {
        Some(Response::OffsetDelete(deleted)) => {
            (deleted.error, deleted.partitions.first().map(|partition| partition.error))
        }
        other => panic!("an answer to OffsetDelete, not {other:?}"),
    }
}

#[test]
fn offsets_of_a_topic_somebody_is_subscribed_to_are_not_deleted() {
    let mut bench = Bench::new(&[]);
    assert_eq!(delete_offsets(&mut bench, "orders"), (ErrorCode::GroupIdNotFound, None));
    let ids = bench.stable(1);
    bench.commit(&ids[0], 1, 5);
    let subscribed = (ErrorCode::None, Some(ErrorCode::GroupSubscribedToTopic));
    assert_eq!(delete_offsets(&mut bench, "orders"), subscribed);
    assert_eq!(delete_offsets(&mut bench, "other"), (ErrorCode::None, Some(ErrorCode::None)));
    bench.leave(&ids[0], None);
    assert_eq!(delete_offsets(&mut bench, "orders"), (ErrorCode::None, Some(ErrorCode::None)));
    assert_eq!(bench.committed(), Ok(-1));
}

#[test]
fn a_group_that_was_nothing_but_offsets_is_gone_with_the_last_of_them() {
    let mut bench = Bench::new(&[]);
    bench.commit("", -1, 5);
    assert_eq!(delete_offsets(&mut bench, "orders"), (ErrorCode::None, Some(ErrorCode::None)));
    assert_eq!(bench.state(), None);
    assert_eq!(delete_offsets(&mut bench, "orders"), (ErrorCode::GroupIdNotFound, None));
}

fn delete_group(bench: &mut Bench) -> ErrorCode {
    let caller = bench.caller(2);
    bench.decide(|shard, _, out| shard.delete(&caller, GROUP, out));
    match bench.answers.remove(&caller.ticket) {
        Some(Response::DeleteGroups(deleted)) => deleted.groups[0].error,
        other => panic!("an answer to DeleteGroups, not {other:?}"),
    }
}

#[test]
fn a_group_is_deleted_with_its_offsets_when_it_is_empty() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    bench.commit(&ids[0], 1, 5);
    assert_eq!(delete_group(&mut bench), ErrorCode::NonEmptyGroup);
    bench.leave(&ids[0], None);
    assert_eq!(delete_group(&mut bench), ErrorCode::None);
    assert_eq!((bench.state(), bench.committed()), (None, Ok(-1)));
    assert_eq!(delete_group(&mut bench), ErrorCode::GroupIdNotFound);
    assert!(bench.shard.stored().groups().is_empty());
}

const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const CHECK: Duration = Duration::from_secs(600);

#[test]
fn offsets_outlive_their_group_by_the_retention_and_no_longer() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    bench.commit(&ids[0], 1, 5);
    // Its member dies, and then the group is empty.
    bench.advance(RETENTION);
    assert_eq!((bench.state(), bench.committed()), (Some(GroupState::Empty), Ok(5)));
    bench.advance(CHECK * 2);
    assert_eq!((bench.state(), bench.committed()), (None, Ok(-1)));
}

#[test]
fn a_living_group_keeps_its_offsets_however_rarely_it_commits() {
    let mut bench = Bench::new(&[("group.max.session.timeout.ms", "1800000")]);
    let mut request = joining("", None);
    request.session_timeout = Duration::from_secs(1800);
    let ticket = bench.join(3, &request);
    bench.advance(Duration::from_secs(3));
    let member = bench.joined(ticket).member_id;
    bench.sync(&member, 1, &[]);
    bench.commit(&member, 1, 5);
    for _ in 0..8 * 24 * 4 {
        bench.advance(Duration::from_secs(900));
        assert_eq!(bench.heartbeat(&member, None, 1), ErrorCode::None);
    }
    assert_eq!(bench.committed(), Ok(5));
}

#[test]
fn offsets_without_a_group_expire_after_their_last_commit() {
    let mut bench = Bench::new(&[]);
    bench.commit("", -1, 5);
    bench.advance(RETENTION - CHECK);
    bench.commit("", -1, 6);
    bench.advance(RETENTION - CHECK);
    assert_eq!(bench.committed(), Ok(6));
    bench.advance(CHECK * 2);
    assert_eq!((bench.committed(), bench.state()), (Ok(-1), None));
}

#[test]
fn an_offset_with_a_retention_of_its_own_keeps_to_it() {
    let mut bench = Bench::new(&[]);
    let caller = bench.caller(4);
    let request = OffsetCommitRequest { retention_ms: 3_600_000, ..committing("", -1, 5) };
    bench.decide(|shard, now, out| shard.commit(now, &caller, &request, out));
    bench.advance(Duration::from_secs(3000));
    assert_eq!(bench.committed(), Ok(5));
    bench.advance(CHECK * 2);
    assert_eq!(bench.committed(), Ok(-1));
}

#[test]
fn a_group_with_very_many_offsets_is_deleted_in_batches_that_a_log_takes() {
    let mut bench = Bench::new(&[]);
    let caller = bench.caller(8);
    let topic = "t".repeat(200);
    let commit = |index| OffsetToCommit {
        partition: TopicPartition::new(&topic, index),
        ..committing("", -1, 1).partitions[0].clone()
    };
    let request =
        OffsetCommitRequest { partitions: (0..2000).map(commit).collect(), ..committing("", -1, 1) };
    bench.decide(|shard, now, out| shard.commit(now, &caller, &request, out));
    let caller = bench.caller(2);
    let mut out = Outcome::default();
    bench.shard.delete(&caller, GROUP, &mut out);
    let size = |write: &super::super::Write| {
        write.records.iter().map(|record| record.encode().0.len()).sum::<usize>()
    };
    assert!(out.writes.len() > 3 && out.writes.iter().all(|write| size(write) <= 100_000));
    bench.carry_out(out);
    assert!(bench.answers.contains_key(&caller.ticket));
    assert!(bench.shard.stored().groups().is_empty());
}
