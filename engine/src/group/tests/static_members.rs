//! Static members (KIP-345).

use super::*;

/// A stable group of two static members, `a` (the leader) and `b`: their ids.
fn stable(bench: &mut Bench) -> (String, String) {
    let a = bench.join(9, &joining("", Some("a")));
    let b = bench.join(9, &joining("", Some("b")));
    bench.advance(Duration::from_secs(6));
    let (a, b) = (bench.joined(a), bench.joined(b));
    assert_eq!(a.leader, a.member_id);
    bench.sync(&b.member_id, 1, &[]);
    bench.sync(&a.member_id, 1, &[(&a.member_id, b"for a"), (&b.member_id, b"for b")]);
    bench.answers.clear();
    (a.member_id, b.member_id)
}

#[test]
fn a_static_member_that_restarts_takes_its_place_without_a_rebalance() {
    let mut bench = Bench::new(&[]);
    let (a, b) = stable(&mut bench);
    let ticket = bench.join(9, &joining("", Some("b")));
    let joined = bench.joined(ticket);
    assert_eq!((joined.error, joined.generation, joined.leader), (ErrorCode::None, 1, a.clone()));
    assert_ne!(joined.member_id, b);
    assert_eq!(bench.state(), Some(GroupState::Stable));
    let ticket = bench.sync(&joined.member_id, 1, &[]);
    assert_eq!(bench.synced(ticket).assignment, "for b");
    assert_eq!(bench.heartbeat(&b, Some("b"), 1), ErrorCode::FencedInstanceId);
    assert_eq!(bench.heartbeat(&a, Some("a"), 1), ErrorCode::None);
}

#[test]
fn that_it_has_a_new_id_survives_the_coordinator() {
    let mut bench = Bench::new(&[]);
    let (_, old) = stable(&mut bench);
    let ticket = bench.join(9, &joining("", Some("b")));
    let new = bench.joined(ticket).member_id;
    bench.fail_over();
    assert_eq!(bench.heartbeat(&new, Some("b"), 1), ErrorCode::None);
    assert_eq!(bench.heartbeat(&old, Some("b"), 1), ErrorCode::FencedInstanceId);
}

#[test]
fn a_leader_that_restarts_leads_on_and_is_told_to_leave_the_assignment() {
    let mut bench = Bench::new(&[]);
    let (old, _) = stable(&mut bench);
    let ticket = bench.join(9, &joining("", Some("a")));
    let joined = bench.joined(ticket);
    assert!(joined.skip_assignment);
    assert_eq!((joined.leader, joined.members.len()), (joined.member_id, 2));
    let ticket = bench.join(8, &joining("", Some("a")));
    let joined = bench.joined(ticket);
    assert_ne!(joined.leader, joined.member_id, "an old client must not think that it leads");
    assert_ne!(joined.leader, old);
}

#[test]
fn a_new_id_that_cannot_be_stored_is_taken_back() {
    let mut bench = Bench::new(&[]);
    let (_, old) = stable(&mut bench);
    bench.commits = false;
    let ticket = bench.join(9, &joining("", Some("b")));
    assert!(!bench.answers.contains_key(&ticket), "it is not stored yet");
    bench.fail_next(ErrorCode::RequestTimedOut);
    assert_eq!(bench.joined(ticket).error, ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.heartbeat(&old, Some("b"), 1), ErrorCode::None);
}

#[test]
fn a_static_member_that_restarts_while_the_leader_assigns_starts_a_rebalance() {
    let mut bench = Bench::new(&[]);
    let a = bench.join(9, &joining("", Some("a")));
    let b = bench.join(9, &joining("", Some("b")));
    bench.advance(Duration::from_secs(6));
    let (a, b) = (bench.joined(a), bench.joined(b));
    let waiting = bench.sync(&b.member_id, 1, &[]);
    bench.join(9, &joining("", Some("b")));
    assert_eq!(bench.synced(waiting).error, ErrorCode::FencedInstanceId);
    assert_eq!(bench.state(), Some(GroupState::PreparingRebalance));
    let ticket = bench.join(9, &joining(&a.member_id, Some("a")));
    assert_eq!(bench.joined(ticket).generation, 2);
}

#[test]
fn two_members_with_one_instance_id_are_never_both_in() {
    let mut bench = Bench::new(&[]);
    let first = bench.join(9, &joining("", Some("a")));
    let second = bench.join(9, &joining("", Some("a")));
    assert_eq!(bench.joined(first).error, ErrorCode::FencedInstanceId);
    bench.advance(FORMING);
    assert_eq!(bench.joined(second).members.len(), 1);
}

#[test]
fn an_operator_removes_a_static_member_by_its_instance_id() {
    let mut bench = Bench::new(&[]);
    let (_, b) = stable(&mut bench);
    assert_eq!(bench.leave("", Some("nobody")), ErrorCode::UnknownMemberId);
    assert_eq!(bench.leave("someone else", Some("b")), ErrorCode::FencedInstanceId);
    assert_eq!(bench.leave("", Some("b")), ErrorCode::None);
    assert_eq!(bench.heartbeat(&b, None, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_static_member_is_waited_for_until_its_session_ends() {
    let mut bench = Bench::new(&[]);
    let (a, b) = stable(&mut bench);
    let ticket = bench.join(9, &joining(&a, Some("a")));
    bench.advance(SESSION - Duration::from_secs(1));
    assert!(!bench.answers.contains_key(&ticket));
    bench.advance(Duration::from_secs(1));
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
    assert_eq!(bench.heartbeat(&b, Some("b"), 1), ErrorCode::UnknownMemberId);
}
