//! What a quorum must not tell too early and must never forget.
//!
//! Published failures of KRaft, each with the tests that rule it out here:
//! - KAFKA-15489, a leader without check-quorum: `behaviour::a_leader_without_a_majority_resigns_*`, and in `snapshots`
//!   that fetches of a snapshot count; as a dialogue `quorum_check_quorum`.
//! - KIP-996, a rejoining voter deposes the leader: `behaviour::a_voter_that_was_cut_off_*` and
//!   `behaviour::a_voter_that_only_the_leader_cannot_hear_*`; as a dialogue `quorum_pre_vote`.
//! - KAFKA-10527, a voter leads its old epoch after a restart: `behaviour::a_leader_that_restarts_leads_*`; planted in
//!   `property` and in the museum.
//! - Raft's figure 8, and KAFKA-15345, a leader that decides before it has replayed: here.
//! - KAFKA-12460, a cut below the high watermark, and a voter that lost its disk: here.

use super::{Message, Voters};
use crate::config::{MetadataLogConfig, QuorumConfig};
use crate::epoch::LeaderEpoch;
use crate::event::QuorumRole;
use crate::id::{ConnectionId, CorrelationId, NodeId, PartitionIndex, TopicId};
use crate::machine::{Effect, RequestContext};
use crate::message::{FetchPartition, FetchRequest, FetchTopic, Response};
use crate::offset::Offset;
use crate::time::Duration;
use crate::variant::{Guard, ProtocolVariant};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn led(config: QuorumConfig) -> (Voters, NodeId, NodeId, NodeId) {
    led_with(ProtocolVariant::default(), config)
}

fn led_with(variant: ProtocolVariant, config: QuorumConfig) -> (Voters, NodeId, NodeId, NodeId) {
    let (voters, leader) = super::led(3, variant, config);
    let others: Vec<NodeId> = voters.ids().into_iter().filter(|id| *id != leader).collect();
    (voters, leader, others[0], others[1])
}

/// A fetch of the metadata log by hand; how many bytes came back at once.
fn fetch(voters: &mut Voters, of: NodeId, replica: NodeId, at: Offset, last: LeaderEpoch) -> usize {
    let partition = FetchPartition {
        partition: PartitionIndex(0),
        current_leader_epoch: LeaderEpoch::NONE,
        fetch_offset: at,
        last_fetched_epoch: last,
        log_start_offset: Offset::NONE,
        max_bytes: 1 << 20,
    };
    let topic = FetchTopic { name: None, id: TopicId::CLUSTER_METADATA, partitions: vec![partition] };
    let replica_directory = super::directory(replica, 1);
    let request = FetchRequest { replica_directory, ..FetchRequest::new(replica, vec![topic]) };
    let context = RequestContext {
        connection: ConnectionId(u64::MAX),
        correlation: CorrelationId(0),
        api_version: 0,
        client_id: None,
    };
    voters.answers.clear();
    voters.step(of, |quorum, now, effects| {
        assert_eq!(quorum.on_request(now, context, request.into(), effects), None);
    });
    while voters.perform(of) {}
    let bytes = voters.answers.drain(..).find_map(|effect| match effect {
        Effect::Respond { response: Some(Response::Fetch(response)), .. } => {
            Some(response.topics[0].partitions[0].records.len())
        }
        _ => None,
    });
    bytes.expect("an answer at once")
}

#[test]
fn a_record_of_an_older_epoch_is_not_committed_by_being_on_a_majority() {
    let (mut voters, old, next, away) = led(Voters::default_config());
    voters.crash(away);
    voters.append(old);
    voters.run(millis(100));
    let end = voters.quorum(next).end_offset();
    let committed = voters.quorum(next).high_watermark();
    assert!(committed < end, "the follower has not heard that the record is committed");
    voters.crash(old);
    voters.start(away);
    for _ in 0..2000 {
        if voters.role(next) == QuorumRole::Leader {
            break;
        }
        voters.run_step(millis(50));
    }
    voters.crash(away);
    voters.messages.retain(|message| !matches!(message, Message::Request { .. }));
    while voters.perform(next) {}
    let epoch = voters.epoch(next);
    fetch(&mut voters, next, away, end, LeaderEpoch(1));
    assert_eq!(voters.quorum(next).high_watermark(), committed, "nothing of epoch {epoch} is on a majority");
    assert_eq!(voters.quorum(next).active_epoch(), None, "and it decides nothing before that");
    fetch(&mut voters, next, away, end.next(), epoch);
    assert_eq!(voters.quorum(next).high_watermark(), end.next());
    assert_eq!(voters.quorum(next).active_epoch(), Some(epoch));
}

#[test]
fn whoever_has_no_vote_gets_nothing_that_is_not_committed() {
    let (mut voters, leader, one, other) = led(Voters::default_config());
    let committed = voters.quorum(leader).high_watermark();
    voters.crash(one);
    voters.crash(other);
    voters.append(leader);
    while voters.perform(leader) {}
    assert_eq!(fetch(&mut voters, leader, NodeId(1), committed, LeaderEpoch::NONE), 0);
    assert!(fetch(&mut voters, leader, one, committed, LeaderEpoch(1)) > 0);
}

const WITHOUT_DIRECTORIES: ProtocolVariant =
    ProtocolVariant { directory_id: Guard::Off, ..ProtocolVariant::SAFE };

/// A follower lacks a committed record, the other one loses its disk and then votes for it: what no quorum without
/// directory ids survives (with them: `voters`).
fn elect_a_voter_that_lacks_a_committed_record(
    voters: &mut Voters,
    leader: NodeId,
    behind: NodeId,
    wiped: NodeId,
) {
    voters.crash(behind);
    voters.append(leader);
    voters.run(millis(1000));
    voters.wipe(wiped);
    voters.cut(leader, behind);
    voters.cut(leader, wiped);
    voters.start(behind);
    voters.start(wiped);
    voters.run(millis(10_000));
    assert!(voters.quorum(behind).is_leader(), "only its log is good enough for both");
    // What the two commit now contradicts what was committed: that is not what is asked here.
    voters.violation = None;
    voters.cut.clear();
}

#[test]
#[should_panic(expected = "below the high watermark")]
fn a_voter_rather_stops_than_cuts_what_it_knows_to_be_committed() {
    let (mut voters, leader, behind, wiped) = led_with(WITHOUT_DIRECTORIES, Voters::default_config());
    elect_a_voter_that_lacks_a_committed_record(&mut voters, leader, behind, wiped);
    voters.run(millis(5000));
}

#[test]
#[should_panic(expected = "below the high watermark")]
fn a_voter_rather_stops_than_cuts_what_its_snapshot_holds_even_after_a_restart() {
    let defaults = Voters::default_config();
    let log = MetadataLogConfig { snapshot_bytes: 1, ..defaults.log };
    let (mut voters, leader, behind, wiped) = led_with(WITHOUT_DIRECTORIES, QuorumConfig { log, ..defaults });
    elect_a_voter_that_lacks_a_committed_record(&mut voters, leader, behind, wiped);
    voters.crash(leader);
    voters.start(leader);
    voters.run(millis(5000));
}
