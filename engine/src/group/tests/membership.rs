//! Joining, syncing, living, leaving, dying.

use super::*;

#[test]
fn a_dynamic_member_is_given_its_id_before_it_is_let_in() {
    let mut bench = Bench::new(&[]);
    let ticket = bench.join(4, &joining("", None));
    let given = bench.joined(ticket);
    assert_eq!(given.error, ErrorCode::MemberIdRequired);
    assert!(given.member_id.starts_with("c-"), "{}", given.member_id);
    assert_eq!(bench.state(), Some(GroupState::Empty));
    bench.join(4, &joining(&given.member_id, None));
    assert_eq!(bench.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn up_to_version_3_a_member_is_let_in_at_once() {
    let mut bench = Bench::new(&[("group.initial.rebalance.delay.ms", "0")]);
    let ticket = bench.join(3, &joining("", None));
    bench.advance(Duration::ZERO);
    assert_eq!(bench.joined(ticket).error, ErrorCode::None);
}

#[test]
fn an_id_that_nobody_uses_expires_and_the_group_with_it() {
    let mut bench = Bench::new(&[]);
    let ticket = bench.join(4, &joining("", None));
    let member_id = bench.joined(ticket).member_id;
    bench.advance(SESSION);
    assert_eq!(bench.state(), None);
    let ticket = bench.join(4, &joining(&member_id, None));
    assert_eq!(bench.joined(ticket).error, ErrorCode::UnknownMemberId);
}

#[test]
fn two_members_join_the_leader_assigns_and_both_get_their_share() {
    let mut bench = Bench::new(&[]);
    let (one, first) = bench.join_new();
    let (two, second) = bench.join_new();
    bench.advance(FORMING);
    let (first, second) = (bench.joined(first), bench.joined(second));
    assert_eq!((first.error, first.generation, &first.leader), (ErrorCode::None, 1, &one));
    assert_eq!((second.error, second.generation, &second.leader), (ErrorCode::None, 1, &one));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    let waiting = bench.sync(&two, 1, &[]);
    assert!(!bench.answers.contains_key(&waiting), "the leader has not assigned yet");
    let leader = bench.sync(&one, 1, &[(&one, b"a"), (&two, b"b")]);
    assert_eq!(bench.synced(leader).assignment, "a");
    assert_eq!(bench.synced(waiting).assignment, "b");
    assert_eq!(bench.heartbeat(&two, None, 1), ErrorCode::None);
}

#[test]
fn the_first_rebalance_waits_longer_while_members_keep_coming_but_not_for_ever() {
    let mut bench = Bench::new(&[("group.initial.rebalance.delay.ms", "10000")]);
    let (_, first) = bench.join_new();
    for _ in 0..5 {
        bench.advance(Duration::from_secs(9));
        bench.join_new();
    }
    assert!(!bench.answers.contains_key(&first));
    bench.advance(Duration::from_secs(15));
    let joined = bench.joined(first);
    assert_eq!((joined.generation, joined.members.len()), (1, 6), "after the rebalance timeout of a minute");
}

#[test]
fn a_member_that_is_silent_for_its_session_is_taken_out_and_the_others_are_told() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(2);
    bench.advance(SESSION - Duration::from_secs(1));
    assert_eq!(bench.heartbeat(&ids[0], None, 1), ErrorCode::None);
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.state(), Some(GroupState::PreparingRebalance));
    assert_eq!(bench.heartbeat(&ids[0], None, 1), ErrorCode::RebalanceInProgress);
    assert_eq!(bench.heartbeat(&ids[1], None, 1), ErrorCode::UnknownMemberId);
    let ticket = bench.join(9, &joining(&ids[0], None));
    assert_eq!(bench.joined(ticket).generation, 2, "nobody else is waited for");
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_left_behind() {
    let mut bench = Bench::new(&[("group.max.session.timeout.ms", "600000")]);
    let ids = bench.stable(2);
    let (_, newcomer) = bench.join_new();
    let old = bench.join(9, &joining(&ids[0], None));
    for _ in 0..12 {
        bench.advance(REBALANCE / 12);
        bench.heartbeat(&ids[1], None, 1);
    }
    assert_eq!(bench.joined(newcomer).generation, 2);
    assert_eq!(bench.joined(old).generation, 2);
    assert_eq!(bench.heartbeat(&ids[1], None, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_never_asks_for_its_assignment_is_taken_out() {
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.join_new();
    let (two, _) = bench.join_new();
    bench.advance(Duration::from_secs(6));
    assert_eq!(bench.state(), Some(GroupState::CompletingRebalance));
    bench.sync(&one, 1, &[]);
    for _ in 0..12 {
        bench.advance(REBALANCE / 12);
        bench.heartbeat(&one, None, 1);
        bench.heartbeat(&two, None, 1);
    }
    assert_eq!(bench.heartbeat(&two, None, 1), ErrorCode::UnknownMemberId);
    assert_eq!(bench.heartbeat(&one, None, 1), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_group_whose_last_member_leaves_is_empty_and_that_is_stored() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    assert_eq!(bench.leave(&ids[0], None), ErrorCode::None);
    assert_eq!(bench.state(), Some(GroupState::Empty));
    let stored = bench.shard.stored().group(GROUP).and_then(|group| group.metadata.clone()).expect("stored");
    assert_eq!((stored.generation, stored.members.len(), stored.leader), (2, 0, None));
    assert_eq!(bench.leave(&ids[0], None), ErrorCode::UnknownMemberId);
}

#[test]
fn a_rebalance_answers_those_who_wait_for_an_assignment() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(2);
    let joins: Vec<Ticket> = ids.iter().map(|id| bench.join(9, &joining(id, None))).collect();
    let answers: Vec<i32> = joins.into_iter().map(|ticket| bench.joined(ticket).generation).collect();
    assert_eq!(answers, [2, 2]);
    let waiting = bench.sync(&ids[1], 2, &[]);
    bench.join_new();
    assert_eq!(bench.synced(waiting).error, ErrorCode::RebalanceInProgress);
}

#[test]
fn a_follower_that_joins_again_unchanged_stays_and_a_leader_starts_a_rebalance() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(2);
    let ticket = bench.join(9, &joining(&ids[1], None));
    let joined = bench.joined(ticket);
    assert_eq!((joined.error, joined.generation, joined.members.len()), (ErrorCode::None, 1, 0));
    assert_eq!(bench.state(), Some(GroupState::Stable));
    bench.join(9, &joining(&ids[0], None));
    assert_eq!(bench.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn a_member_of_another_generation_or_group_is_refused() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    assert_eq!(bench.heartbeat(&ids[0], None, 7), ErrorCode::IllegalGeneration);
    assert_eq!(bench.heartbeat("stranger", None, 1), ErrorCode::UnknownMemberId);
    let ticket = bench.sync(&ids[0], 7, &[]);
    assert_eq!(bench.synced(ticket).error, ErrorCode::IllegalGeneration);
    let ticket = bench.join(9, &joining("stranger", None));
    assert_eq!(bench.joined(ticket).error, ErrorCode::UnknownMemberId);
    let mut other = joining("", None);
    other.protocols = vec![("sticky".to_owned(), Bytes::new())];
    let ticket = bench.join(9, &other);
    assert_eq!(bench.joined(ticket).error, ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn the_protocol_most_members_like_best_is_chosen_among_those_everybody_knows() {
    let mut bench = Bench::new(&[("group.initial.rebalance.delay.ms", "100")]);
    let with = |names: &[&str]| {
        let protocols = names.iter().map(|name| ((*name).to_owned(), subscription("orders"))).collect();
        JoinGroupRequest { protocols, ..joining("", None) }
    };
    let first = bench.join(3, &with(&["range", "sticky", "alone"]));
    bench.join(3, &with(&["sticky", "range"]));
    bench.join(3, &with(&["sticky", "range"]));
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.joined(first).protocol_name.as_deref(), Some("sticky"));
}

#[test]
fn what_a_join_asks_for_has_bounds() {
    let mut bench = Bench::new(&[("group.max.size", "1")]);
    for (session, error) in
        [(5_999, ErrorCode::InvalidSessionTimeout), (1_800_001, ErrorCode::InvalidSessionTimeout)]
    {
        let request =
            JoinGroupRequest { session_timeout: Duration::from_millis(session), ..joining("", None) };
        let ticket = bench.join(9, &request);
        assert_eq!(bench.joined(ticket).error, error);
    }
    let nameless = JoinGroupRequest { group_id: String::new(), ..joining("", None) };
    let ticket = bench.join(9, &nameless);
    assert_eq!(bench.joined(ticket).error, ErrorCode::InvalidGroupId);
    bench.stable(1);
    let ticket = bench.join(3, &joining("", None));
    assert_eq!(bench.joined(ticket).error, ErrorCode::GroupMaxSizeReached);
}

#[test]
fn an_assignment_that_cannot_be_stored_is_nobodys() {
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.join_new();
    bench.advance(FORMING);
    bench.commits = false;
    let ticket = bench.sync(&one, 1, &[(&one, b"all")]);
    assert!(!bench.answers.contains_key(&ticket), "it is not committed yet");
    bench.fail_next(ErrorCode::NotEnoughReplicas);
    assert_eq!(bench.synced(ticket).error, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.state(), Some(GroupState::PreparingRebalance));
}

#[test]
fn a_new_coordinator_knows_the_group_and_gives_its_members_a_session() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(2);
    bench.fail_over();
    assert_eq!(bench.state(), Some(GroupState::Stable));
    bench.advance(SESSION / 2);
    assert_eq!(bench.heartbeat(&ids[0], None, 1), ErrorCode::None);
    let ticket = bench.sync(&ids[0], 1, &[]);
    assert_eq!(bench.synced(ticket).assignment, "all");
    bench.advance(SESSION / 2);
    assert_eq!(bench.heartbeat(&ids[1], None, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_coordinator_that_moves_tells_everybody_who_waits() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    let (_, waiting) = bench.join_new();
    bench.commits = false;
    let committing = bench.commit(&ids[0], 1, 5);
    bench.fail_over();
    assert_eq!(bench.joined(waiting).error, ErrorCode::NotCoordinator);
    assert_eq!(bench.commit_error(committing), ErrorCode::NotCoordinator);
}

#[test]
fn a_group_is_described_as_it_is() {
    let mut bench = Bench::new(&[]);
    let ids = bench.stable(1);
    let group = bench.shard.describe(GROUP);
    assert_eq!((group.state.as_str(), group.protocol.as_str()), ("Stable", "range"));
    assert_eq!((&group.members[0].member_id, group.members[0].assignment.as_ref()), (&ids[0], &b"all"[..]));
    assert_eq!(bench.shard.describe("nobody").state, "Dead");
    let list = |states: &[&str]| {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        bench
            .shard
            .list(&crate::message::ListGroupsRequest { states, types: vec!["Classic".to_owned()] })
            .len()
    };
    assert_eq!((list(&[]), list(&["stable"]), list(&["Empty"])), (1, 1, 0));
}

#[test]
fn a_join_that_is_sent_again_gets_the_answer_and_the_old_request_one_too() {
    let mut bench = Bench::new(&[]);
    let (id, old) = bench.join_new();
    let again = bench.join(9, &joining(&id, None));
    assert_eq!(bench.joined(old).error, ErrorCode::RebalanceInProgress);
    bench.advance(FORMING);
    assert_eq!(bench.joined(again).generation, 1);
}

#[test]
fn a_heartbeat_leaves_the_timer_of_its_group_alone_and_the_dead_are_found_all_the_same() {
    let mut bench = Bench::new(&[]);
    let members = bench.stable(3);
    let armed = bench.shard.next_wakeup();
    for _ in 0..12 {
        bench.advance(Duration::from_secs(1));
        for member in &members[..2] {
            bench.heartbeat(member, None, 1);
        }
        assert!(bench.shard.next_wakeup() >= armed);
    }
    assert_eq!(bench.shard.groups()[GROUP].member_ids().count(), 2);
}
