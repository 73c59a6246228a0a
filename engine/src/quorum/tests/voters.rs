//! A voter is its id and its directory (KIP-853; kafka.md B74).

use super::Voters;
use crate::id::NodeId;
use crate::quorum::voters::Directories;
use crate::time::Duration;
use crate::variant::ProtocolVariant;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Voters that know nobody's directory.
fn unnamed(count: i32) -> Voters {
    Voters::start_all(count, ProtocolVariant::default(), Voters::default_config(), false)
}

/// Voters of which one leads and has named all.
fn led(count: i32) -> (Voters, NodeId, Vec<NodeId>) {
    let mut voters = unnamed(count);
    voters.run(seconds(5));
    let leader = voters.active().expect("a leader");
    let others = voters.ids().into_iter().filter(|id| *id != leader).collect();
    (voters, leader, others)
}

fn named(voters: &Voters, of: NodeId) -> Option<&Directories> {
    voters.quorum(of).voters.latest()
}

fn is_current(voters: &Voters, of: NodeId, voter: NodeId) -> bool {
    named(voters, of).and_then(|named| named.get(&voter).copied())
        == Some(voters.quorum(voter).settings.directory)
}

#[test]
fn the_first_leader_names_everybody() {
    let (voters, ..) = led(3);
    for of in voters.ids() {
        for voter in voters.ids() {
            assert!(is_current(&voters, of, voter), "{of} knows {voter}");
        }
    }
}

#[test]
fn as_long_as_nobody_is_named_nothing_happens_without_everybody() {
    let mut voters = unnamed(3);
    let away = voters.ids()[2];
    voters.crash(away);
    voters.run(seconds(20));
    assert_eq!(voters.active(), None, "two empty disks prove nothing about the third");
    voters.start(away);
    voters.run(seconds(10));
    assert!(voters.active().is_some());
}

#[test]
fn once_everybody_is_named_a_majority_is_enough_even_after_a_restart() {
    let (mut voters, leader, others) = led(3);
    voters.crash(leader);
    voters.crash(others[0]);
    voters.start(others[0]);
    voters.run(seconds(10));
    assert!(voters.active().is_some_and(|active| active != leader));
}

/// B74: the voter that has a committed record with the leader loses its disk, the third one lacks the record.
#[test]
fn a_voter_that_lost_its_disk_does_not_vote_a_committed_record_away() {
    let (mut voters, leader, others) = led(3);
    let (behind, wiped) = (others[0], others[1]);
    voters.crash(behind);
    assert!(voters.append(leader));
    voters.run(seconds(1));
    voters.crash(leader);
    voters.wipe(wiped);
    voters.start(behind);
    voters.start(wiped);
    voters.run(seconds(20));
    assert_eq!(voters.active(), None, "nobody is elected without the record");
    voters.start(leader);
    voters.run(seconds(20));
    assert_eq!(voters.violation, None);
    let active = voters.active().expect("a leader that has the record");
    for of in voters.ids() {
        assert!(is_current(&voters, of, wiped), "the new disk votes from now on");
    }
    assert!(voters.append(active));
}

#[test]
fn a_new_disk_counts_only_when_it_has_caught_up_and_both_changes_are_committed() {
    let (mut voters, leader, others) = led(3);
    let (other, wiped) = (others[0], others[1]);
    voters.wipe(wiped);
    voters.crash(other);
    voters.start(wiped);
    let before = voters.quorum(leader).high_watermark();
    voters.append(leader);
    voters.run(seconds(1));
    assert_eq!(voters.quorum(leader).high_watermark(), before, "the empty disk commits nothing");
    assert!(!is_current(&voters, leader, wiped));
    voters.start(other);
    voters.run(seconds(20));
    assert!(is_current(&voters, other, wiped));
    // Now it is as good as the other one.
    let leader = voters.active().expect("a leader");
    voters.crash(if leader == other { leader } else { other });
    voters.run(seconds(20));
    assert!(voters.active().is_some_and(|active| voters.quorum(active).active_epoch().is_some()));
    assert_eq!(voters.violation, None);
}

#[test]
fn an_old_disk_that_comes_back_is_one_without_a_vote_too() {
    let (mut voters, leader, others) = led(3);
    let wiped = others[1];
    voters.crash(wiped);
    let old = std::mem::take(&mut voters.voters.get_mut(&wiped).expect("a voter").disk);
    voters.wipe(wiped);
    voters.start(wiped);
    voters.run(seconds(10));
    assert!(is_current(&voters, leader, wiped));
    voters.crash(wiped);
    let voter = voters.voters.get_mut(&wiped).expect("a voter");
    (voter.disk, voter.disks) = (old, 1);
    voters.start(wiped);
    assert!(!is_current(&voters, leader, wiped));
    voters.run(seconds(10));
    assert!(is_current(&voters, leader, wiped), "it is taken in again, by both changes");
    assert_eq!(voters.violation, None);
}
