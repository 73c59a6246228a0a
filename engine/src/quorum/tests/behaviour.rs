//! One behaviour of the quorum a test.

use super::{FIRST, Voters};
use crate::event::QuorumRole;
use crate::id::NodeId;
use crate::offset::Offset;
use crate::time::Duration;
use crate::variant::ProtocolVariant;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn led(count: i32) -> (Voters, NodeId) {
    let mut voters = Voters::new(count, ProtocolVariant::default());
    voters.run(seconds(5));
    let leader = voters.active().expect("a leader after five seconds");
    (voters, leader)
}

fn followers(voters: &Voters, leader: NodeId) -> Vec<NodeId> {
    voters.ids().into_iter().filter(|id| *id != leader).collect()
}

#[test]
fn a_single_voter_leads_at_once() {
    let mut voters = Voters::new(1, ProtocolVariant::default());
    voters.run(Duration::from_millis(1));
    assert_eq!(voters.active(), Some(NodeId(FIRST)));
}

#[test]
fn three_voters_elect_one_leader_and_the_others_follow() {
    let (voters, leader) = led(3);
    assert_eq!(voters.leaders.len(), 1);
    for follower in followers(&voters, leader) {
        assert_eq!(voters.role(follower), QuorumRole::Follower);
        assert_eq!(voters.quorum(follower).current_leader().leader, leader);
    }
}

#[test]
fn a_record_is_committed_by_a_majority_and_known_to_all() {
    let (mut voters, leader) = led(3);
    let away = followers(&voters, leader)[0];
    voters.crash(away);
    voters.append(leader);
    voters.run(seconds(1));
    let end = voters.quorum(leader).end_offset();
    assert_eq!(voters.quorum(leader).high_watermark(), end);
    voters.start(away);
    voters.run(seconds(2));
    assert_eq!(voters.voters[&away].committed, end);
}

#[test]
fn nothing_is_committed_without_a_majority() {
    let (mut voters, leader) = led(3);
    let committed = voters.quorum(leader).high_watermark();
    for follower in followers(&voters, leader) {
        voters.crash(follower);
    }
    voters.append(leader);
    voters.run(seconds(1));
    assert_eq!(voters.quorum(leader).high_watermark(), committed);
}

#[test]
fn a_leader_that_is_gone_is_replaced_in_a_later_epoch() {
    let (mut voters, leader) = led(3);
    let epoch = voters.epoch(leader);
    voters.crash(leader);
    voters.run(seconds(10));
    let next = voters.active().expect("another leader");
    assert_ne!(next, leader);
    assert!(voters.epoch(next) > epoch);
}

#[test]
fn a_leader_without_a_majority_resigns_after_one_and_a_half_fetch_timeouts() {
    let (mut voters, leader) = led(3);
    for follower in followers(&voters, leader) {
        voters.cut(leader, follower);
    }
    voters.run(Duration::from_millis(2400));
    assert_eq!(voters.role(leader), QuorumRole::Leader);
    voters.run(Duration::from_millis(700));
    assert_ne!(voters.role(leader), QuorumRole::Leader);
}

#[test]
fn a_voter_that_was_cut_off_does_not_depose_the_leader_when_it_comes_back() {
    let (mut voters, leader) = led(3);
    let epoch = voters.epoch(leader);
    let away = followers(&voters, leader)[0];
    for other in voters.ids() {
        voters.cut(away, other);
    }
    voters.run(seconds(60));
    assert_eq!(voters.epoch(away), epoch, "a voter that asks in vain stays in its epoch");
    voters.cut.clear();
    voters.run(seconds(5));
    assert_eq!((voters.active(), voters.epoch(leader)), (Some(leader), epoch));
    assert_eq!(voters.role(away), QuorumRole::Follower);
}

#[test]
fn a_voter_that_only_the_leader_cannot_hear_does_not_depose_it() {
    let (mut voters, leader) = led(3);
    let epoch = voters.epoch(leader);
    voters.cut(followers(&voters, leader)[0], leader);
    voters.run(seconds(60));
    assert_eq!((voters.active(), voters.epoch(leader)), (Some(leader), epoch));
}

#[test]
fn a_leader_that_restarts_leads_in_a_later_epoch_only() {
    let (mut voters, leader) = led(1);
    let epoch = voters.epoch(leader);
    voters.crash(leader);
    voters.start(leader);
    voters.run(seconds(5));
    assert!(voters.epoch(leader) > epoch);
}

#[test]
fn a_restarted_leader_makes_the_others_elect_without_waiting_for_their_timeout() {
    let (mut voters, leader) = led(3);
    let epoch = voters.epoch(leader);
    voters.crash(leader);
    voters.start(leader);
    voters.run(Duration::from_millis(1200));
    let next = voters.active().expect("another leader before the fetch timeout");
    assert!(voters.epoch(next) > epoch);
}

#[test]
fn what_a_deposed_leader_alone_had_is_cut_when_it_follows() {
    let (mut voters, leader) = led(3);
    for follower in followers(&voters, leader) {
        voters.cut(leader, follower);
    }
    voters.append(leader);
    voters.run(Duration::from_millis(100));
    let alone = voters.quorum(leader).end_offset();
    voters.run(seconds(10));
    voters.cut.clear();
    voters.run(seconds(5));
    let next = voters.active().expect("another leader");
    assert_ne!(next, leader);
    assert_eq!(voters.violation, None);
    assert!(voters.voters[&leader].committed >= alone.plus(-1), "it follows the new leader's log");
    assert_eq!(voters.quorum(leader).end_offset(), voters.quorum(next).end_offset());
}

#[test]
fn an_idle_quorum_says_little() {
    let (mut voters, _) = led(3);
    let before = voters.next_key;
    voters.run(seconds(10));
    let calls = voters.next_key - before;
    assert!(calls <= 2 * 21, "two followers made {calls} calls in ten seconds");
}

#[test]
fn an_empty_quorum_has_committed_nothing() {
    let voters = Voters::new(3, ProtocolVariant::default());
    for id in voters.ids() {
        assert_eq!(voters.quorum(id).high_watermark(), Offset::ZERO);
    }
}
