//! Snapshots of the metadata log: one behaviour a test.

use super::disk::UnsyncedDisk;
use super::{Voters, block_on};
use crate::config::{MetadataLogConfig, QuorumConfig};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::{ConnectionId, CorrelationId, NodeId};
use crate::machine::{Effect, RequestContext};
use crate::message::{FetchSnapshotRequest, FetchSnapshotResponse, Response, SnapshotId};
use crate::offset::Offset;
use crate::quorum::{Quorum, QuorumError};
use crate::time::Duration;
use crate::variant::ProtocolVariant;

const DIRECTORY: &str = "__cluster_metadata-0";

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// After every batch a snapshot, a segment for every batch, and nothing is kept that need not be.
fn config() -> QuorumConfig {
    let defaults = Voters::default_config();
    let log = MetadataLogConfig { snapshot_bytes: 1, segment_bytes: 1, retention_bytes: 0, ..defaults.log };
    QuorumConfig { log, ..defaults }
}

fn led(count: i32, config: QuorumConfig) -> (Voters, NodeId) {
    super::led(count, ProtocolVariant::default(), config)
}

fn follower(voters: &Voters, leader: NodeId) -> NodeId {
    voters.ids().into_iter().find(|id| *id != leader).expect("more than one voter")
}

fn fill(voters: &mut Voters, leader: NodeId, batches: u32) {
    for _ in 0..batches {
        assert!(voters.append(leader), "{leader} leads");
        voters.run(millis(20));
    }
}

fn files(voters: &Voters, id: NodeId, suffix: &str) -> Vec<String> {
    let files = voters.voters[&id].disk.files(DIRECTORY);
    files.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(suffix)).collect()
}

fn start_of(voters: &Voters, id: NodeId) -> Offset {
    voters.quorum(id).log.start_offset()
}

/// All voters have the same image of the same log.
fn assert_agreed(voters: &Voters) {
    assert_eq!(voters.violation, None);
    let all: Vec<_> = voters.voters.values().map(|voter| (voter.committed, voter.state)).collect();
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
}

#[test]
fn every_voter_writes_a_snapshot_when_enough_was_committed() {
    let defaults = config();
    let log = MetadataLogConfig { snapshot_bytes: 300, retention_bytes: -1, ..defaults.log };
    let (mut voters, leader) = led(3, QuorumConfig { log, ..defaults });
    assert_eq!(files(&voters, leader, ".checkpoint"), Vec::<String>::new());
    fill(&mut voters, leader, 4);
    voters.run(millis(1000));
    for id in voters.ids() {
        assert_eq!(files(&voters, id, ".checkpoint"), ["00000000000000000004-0000000001.checkpoint"], "{id}");
        assert_eq!(start_of(&voters, id), Offset::ZERO);
    }
}

#[test]
fn a_snapshot_is_due_by_time_too_if_there_is_anything_new() {
    let defaults = config();
    let snapshot_interval = millis(60_000);
    let log = MetadataLogConfig { snapshot_bytes: u64::MAX, snapshot_interval, ..defaults.log };
    let (mut voters, _) = led(1, QuorumConfig { log, ..defaults });
    voters.run(millis(50_000));
    assert_eq!(voters.written, 0);
    voters.run(millis(20_000));
    assert_eq!(voters.written, 1);
    voters.run(millis(300_000));
    assert_eq!(voters.written, 1, "nothing was committed since");
}

#[test]
fn the_log_begins_at_the_end_of_a_snapshot_and_older_files_go() {
    let (mut voters, leader) = led(1, config());
    fill(&mut voters, leader, 1);
    assert_eq!(start_of(&voters, leader), Offset(2), "the second snapshot is what the log follows on");
    fill(&mut voters, leader, 3);
    assert_eq!(files(&voters, leader, ".checkpoint"), ["00000000000000000005-0000000001.checkpoint"]);
    assert_eq!(files(&voters, leader, ".log"), Vec::<String>::new(), "all of it is in the snapshot");
    assert_eq!(start_of(&voters, leader), Offset(5));
}

#[test]
fn the_last_snapshot_stays_whatever_its_size_and_age() {
    let defaults = config();
    let log = MetadataLogConfig { retention_millis: 0, ..defaults.log };
    let (mut voters, leader) = led(1, QuorumConfig { log, ..defaults });
    voters.run(millis(100_000));
    assert_eq!(files(&voters, leader, ".checkpoint").len(), 1);
}

#[test]
fn snapshots_go_when_they_are_too_old() {
    let defaults = config();
    let log = MetadataLogConfig { retention_bytes: -1, retention_millis: 10_000, ..defaults.log };
    let (mut voters, leader) = led(1, QuorumConfig { log, ..defaults });
    fill(&mut voters, leader, 3);
    assert_eq!(files(&voters, leader, ".checkpoint").len(), 4, "none is ten seconds old");
    voters.run(millis(11_000));
    fill(&mut voters, leader, 1);
    assert_eq!(files(&voters, leader, ".checkpoint").len(), 1);
    assert_eq!(start_of(&voters, leader), Offset(5));
}

#[test]
fn a_voter_that_was_away_takes_the_leaders_snapshot_and_fetches_on_from_its_end() {
    let (mut voters, leader) = led(3, config());
    let away = follower(&voters, leader);
    voters.crash(away);
    fill(&mut voters, leader, 5);
    voters.start(away);
    voters.run(millis(1000));
    assert_eq!(voters.loaded, 1);
    fill(&mut voters, leader, 2);
    voters.run(millis(1000));
    assert_agreed(&voters);
    assert_eq!(voters.loaded, 1, "the rest came from the log");
    assert_eq!(voters.quorum(away).end_offset(), voters.quorum(leader).end_offset());
}

#[test]
fn a_voter_whose_log_parts_from_the_leaders_before_its_start_takes_the_snapshot() {
    let (mut voters, old) = led(3, config());
    let others: Vec<NodeId> = voters.ids().into_iter().filter(|id| *id != old).collect();
    for other in &others {
        voters.cut(old, *other);
    }
    for _ in 0..9 {
        voters.append(old);
    }
    voters.run(millis(10_000));
    let new = others.into_iter().find(|id| voters.quorum(*id).is_leader()).expect("another leader");
    fill(&mut voters, new, 3);
    let (theirs, alone) = (voters.quorum(new).end_offset(), voters.quorum(old).end_offset());
    assert!(theirs < alone, "the old leader alone has more: {alone} and not {theirs}");
    voters.cut.clear();
    voters.run(millis(5000));
    assert_eq!(voters.loaded, 1);
    assert_agreed(&voters);
}

#[test]
fn a_voter_boots_with_its_newest_snapshot_and_the_log_after_it() {
    let defaults = config();
    let log = MetadataLogConfig { snapshot_bytes: 300, ..defaults.log };
    let (mut voters, leader) = led(1, QuorumConfig { log, ..defaults });
    fill(&mut voters, leader, 10);
    let (before, end) = (voters.voters[&leader].state, voters.quorum(leader).end_offset());
    assert!(start_of(&voters, leader) > Offset::ZERO);
    voters.lose_power(leader);
    voters.start(leader);
    voters.run(millis(1000));
    assert_eq!(voters.violation, None);
    assert_eq!(voters.states[&end], before, "and not another image at the same offset");
    assert!(voters.voters[&leader].committed > end);
}

#[test]
fn a_snapshot_that_was_cut_is_no_snapshot() {
    let defaults = config();
    let log = MetadataLogConfig { retention_bytes: -1, ..defaults.log };
    let (mut voters, leader) = led(1, QuorumConfig { log, ..defaults });
    fill(&mut voters, leader, 3);
    voters.crash(leader);
    let newest = files(&voters, leader, ".checkpoint").pop().expect("a snapshot");
    let disk = &voters.voters[&leader].disk;
    disk.written.damage(DIRECTORY, &newest, |content| content.truncate(content.len() - 1));
    voters.start(leader);
    assert!(!files(&voters, leader, ".checkpoint").contains(&newest), "it is deleted");
    voters.run(millis(1000));
    assert_eq!(voters.violation, None);
    assert!(voters.active().is_some());
}

#[test]
fn without_a_whole_snapshot_of_what_lies_before_the_log_a_voter_does_not_start() {
    let (mut voters, leader) = led(1, config());
    fill(&mut voters, leader, 3);
    voters.crash(leader);
    let name = files(&voters, leader, ".checkpoint").pop().expect("a snapshot");
    let disk = &voters.voters[&leader].disk;
    disk.written.damage(DIRECTORY, &name, |content| content[70] ^= 1);
    let outcome = block_on(Quorum::recover(&disk.written, voters.settings(leader)));
    assert!(matches!(outcome, Err(QuorumError::NoSnapshot(Offset(4)))), "{outcome:?}");
    assert_eq!(files(&voters, leader, ".checkpoint"), [name], "nothing is deleted");
}

#[test]
fn a_snapshot_that_is_ahead_of_the_log_replaces_it() {
    let (mut voters, leader) = led(1, config());
    fill(&mut voters, leader, 3);
    voters.crash(leader);
    // An old disk that only got the newest snapshot.
    let name = files(&voters, leader, ".checkpoint").pop().expect("a snapshot");
    let content = voters.voters[&leader].disk.written.content(DIRECTORY, &name).expect("the snapshot");
    let state = voters.voters[&leader].disk.written.content(DIRECTORY, "quorum-state").expect("a vote");
    let voter = voters.voters.get_mut(&leader).expect("the voter");
    voter.disk = UnsyncedDisk::default();
    voter.disk.written.write(DIRECTORY, &name, &content);
    voter.disk.written.write(DIRECTORY, "quorum-state", &state);
    voters.start(leader);
    assert_eq!(start_of(&voters, leader), Offset(4));
    voters.run(millis(1000));
    assert_eq!(voters.violation, None);
    assert!(voters.active().is_some());
}

#[test]
fn a_voter_that_dies_at_any_step_of_taking_a_snapshot_takes_it_again_or_has_it() {
    for power in [false, true] {
        for steps in 0..30 {
            let (mut voters, leader) = led(3, config());
            let away = follower(&voters, leader);
            voters.crash(away);
            fill(&mut voters, leader, 5);
            voters.start(away);
            for _ in 0..1000 {
                if voters.loaded > 0 {
                    break;
                }
                voters.run_step(millis(50));
            }
            assert_eq!(voters.loaded, 1);
            for _ in 0..steps {
                voters.perform(away);
            }
            if power {
                voters.lose_power(away);
            } else {
                voters.crash(away);
            }
            voters.start(away);
            fill(&mut voters, leader, 2);
            voters.run(millis(3000));
            assert_agreed(&voters);
        }
    }
}

#[test]
fn a_leader_that_lives_on_fetches_of_its_snapshot_does_not_resign() {
    let (mut voters, leader) = led(3, config());
    let replica = follower(&voters, leader);
    voters.ids().into_iter().filter(|id| *id != leader).for_each(|id| voters.crash(id));
    for _ in 0..20 {
        ask(&mut voters, leader, |request| request.replica = replica);
        voters.run(millis(500));
    }
    assert!(voters.quorum(leader).is_leader());
    voters.run(millis(5000));
    assert!(!voters.quorum(leader).is_leader());
}

/// Asks for a piece of the leader's snapshot as nobody in particular; the answer.
fn ask(
    voters: &mut Voters,
    of: NodeId,
    change: impl FnOnce(&mut FetchSnapshotRequest),
) -> Option<FetchSnapshotResponse> {
    let mut request = FetchSnapshotRequest {
        cluster_id: Some("test".to_owned()),
        replica: NodeId::NONE,
        max_bytes: 50,
        current_leader_epoch: LeaderEpoch::NONE,
        snapshot: voters.quorum(of).newest_snapshot(),
        position: 0,
    };
    change(&mut request);
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
    voters.answers.drain(..).find_map(|effect| match effect {
        Effect::Respond { response: Some(Response::FetchSnapshot(response)), .. } => Some(response),
        _ => None,
    })
}

#[test]
fn a_piece_is_no_longer_than_asked_for_and_says_how_long_the_whole_is() {
    let (mut voters, leader) = led(1, config());
    fill(&mut voters, leader, 2);
    let piece = ask(&mut voters, leader, |request| request.position = 7).expect("an answer");
    assert_eq!((piece.error, piece.position, piece.bytes.len()), (ErrorCode::None, 7, 50));
    let file = files(&voters, leader, ".checkpoint").pop().expect("a snapshot");
    let whole = voters.voters[&leader].disk.written.content(DIRECTORY, &file).expect("the snapshot");
    assert_eq!((piece.size, &piece.bytes[..]), (i64::try_from(whole.len()).expect("small"), &whole[7..57]));
}

#[test]
fn fetches_of_a_snapshot_are_refused_with_the_codes_of_kafka() {
    let (mut voters, leader) = led(3, config());
    fill(&mut voters, leader, 2);
    let follower = follower(&voters, leader);
    let mut refused = |of: NodeId, expected: ErrorCode, change: fn(&mut FetchSnapshotRequest)| {
        let answer = ask(&mut voters, of, change);
        assert_eq!(answer.map(|answer| answer.error), Some(expected));
    };
    refused(leader, ErrorCode::SnapshotNotFound, |request| {
        request.snapshot = SnapshotId { end_offset: Offset(1), epoch: LeaderEpoch(1) };
    });
    refused(leader, ErrorCode::PositionOutOfRange, |request| request.position = 1 << 20);
    refused(leader, ErrorCode::PositionOutOfRange, |request| request.position = -1);
    refused(leader, ErrorCode::FencedLeaderEpoch, |request| request.current_leader_epoch = LeaderEpoch(0));
    refused(leader, ErrorCode::UnknownLeaderEpoch, |request| request.current_leader_epoch = LeaderEpoch(9));
    refused(leader, ErrorCode::InconsistentClusterId, |request| request.cluster_id = Some("x".to_owned()));
    refused(follower, ErrorCode::NotLeaderOrFollower, |_| ());
}
