//! What a fetch session keeps, tells and refuses.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::epoch::LeaderEpoch;
use crate::message::{FetchTopic, ForgottenTopic};
use crate::rng::Rng;

fn at(seconds: u64) -> Instant {
    Instant::START.after(Duration::from_secs(seconds))
}

fn sessions(slots: usize) -> Sessions {
    Sessions::new(slots, Rng::from_seed(1))
}

fn fetch(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition {
        partition: PartitionIndex(partition),
        current_leader_epoch: LeaderEpoch(3),
        fetch_offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset::NONE,
        max_bytes: 100,
    }
}

fn request(session: (i32, i32), partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|(partition, offset)| fetch(*partition, *offset)).collect();
    let topic = FetchTopic { name: Some(TopicName::new("orders")), id: TopicId::ZERO, partitions };
    let mut request = FetchRequest::new(NodeId::NONE, vec![topic]);
    (request.session_id, request.session_epoch) = session;
    request
}

fn fetched(wanted: &Wanted, high_watermark: i64, records: &'static [u8]) -> Answered {
    let mut fetched = FetchedPartition::new(wanted.fetch.partition);
    fetched.high_watermark = Offset(high_watermark);
    fetched.log_start_offset = Offset(0);
    fetched.records = Bytes::from_static(records);
    (wanted.clone(), fetched)
}

/// Answers everything alike.
fn all(wanted: &[Wanted], high_watermark: i64, records: &'static [u8]) -> Vec<Answered> {
    wanted.iter().map(|wanted| fetched(wanted, high_watermark, records)).collect()
}

fn indexes(answered: &[Answered]) -> Vec<i32> {
    answered.iter().map(|(wanted, _)| wanted.fetch.partition.0).collect()
}

/// Begins a session over these partitions; its id.
fn begin(sessions: &mut Sessions, now: Instant, partitions: &[(i32, i64)]) -> i32 {
    let (session, wanted) = sessions.open(now, 12, &request((0, 0), partitions)).expect("a full fetch");
    sessions.answer(now, session, all(&wanted, 5, b"")).expect("a full answer").0
}

#[test]
fn a_request_of_a_session_reads_everything_the_session_was_told() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5), (1, 5), (2, 5)]);
    let mut next = request((id, 1), &[(1, 9)]);
    let topic = ForgottenTopic {
        name: Some(TopicName::new("orders")),
        id: TopicId::ZERO,
        partitions: vec![PartitionIndex(2)],
    };
    next.forgotten_topics.push(topic);
    let (session, wanted) = sessions.open(at(1), 12, &next).expect("the next request");
    assert_eq!(session, Session::Next { id, epoch: 1 });
    let offsets: Vec<(i32, i64)> =
        wanted.iter().map(|it| (it.fetch.partition.0, it.fetch.fetch_offset.0)).collect();
    assert_eq!(offsets, [(0, 5), (1, 9)]);
}

#[test]
fn the_leader_epoch_is_kept_with_the_partition() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5)]);
    let (_, wanted) = sessions.open(at(1), 12, &request((id, 1), &[])).expect("the next request");
    assert_eq!(wanted[0].fetch.current_leader_epoch, LeaderEpoch(3));
}

#[test]
fn an_answer_of_a_session_leaves_out_what_has_no_news() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5), (1, 5), (2, 5), (3, 5)]);
    let (session, wanted) = sessions.open(at(1), 12, &request((id, 1), &[])).expect("the next request");
    let mut answers = all(&wanted, 5, b"");
    answers[1].1.high_watermark = Offset(6);
    answers[2].1.records = Bytes::from_static(b"x");
    let (told, answers) = sessions.answer(at(1), session, answers).expect("an answer");
    assert_eq!((told, indexes(&answers)), (id, vec![1, 2]));
}

#[test]
fn after_an_error_the_next_good_answer_is_news() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5)]);
    let mut told = Vec::new();
    for epoch in 1..4 {
        let (session, wanted) =
            sessions.open(at(1), 12, &request((id, epoch), &[])).expect("the next request");
        let mut answers = all(&wanted, 5, b"");
        if epoch == 1 {
            answers[0].1.error = ErrorCode::NotLeaderOrFollower;
        }
        told.push(sessions.answer(at(1), session, answers).expect("an answer").1.len());
    }
    assert_eq!(told, [1, 1, 0]);
}

#[test]
fn a_partition_whose_records_were_sent_goes_to_the_end() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5), (1, 5), (2, 5)]);
    let (session, wanted) = sessions.open(at(1), 12, &request((id, 1), &[])).expect("the next request");
    let mut answers = all(&wanted, 5, b"");
    answers[0].1.records = Bytes::from_static(b"x");
    sessions.answer(at(1), session, answers).expect("an answer");
    let (_, wanted) = sessions.open(at(2), 12, &request((id, 2), &[])).expect("the next request");
    assert_eq!(indexes(&all(&wanted, 5, b"")), [1, 2, 0]);
}

#[test]
fn an_unknown_session_and_a_wrong_number_are_refused() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5)]);
    let refused = |sessions: &mut Sessions, session, version| {
        sessions.open(at(1), version, &request(session, &[])).expect_err("refused")
    };
    assert_eq!(refused(&mut sessions, (id ^ 1, 1), 12), ErrorCode::FetchSessionIdNotFound);
    assert_eq!(refused(&mut sessions, (id, 2), 12), ErrorCode::InvalidFetchSessionEpoch);
    assert_eq!(refused(&mut sessions, (id, 1), 13), ErrorCode::FetchSessionTopicIdError);
}

#[test]
fn an_answer_to_a_request_that_was_repeated_is_refused() {
    let mut sessions = sessions(10);
    let id = begin(&mut sessions, at(0), &[(0, 5)]);
    let (first, wanted) = sessions.open(at(1), 12, &request((id, 1), &[])).expect("the first");
    sessions.open(at(1), 12, &request((id, 2), &[])).expect("the second, before the first is answered");
    let refused = sessions.answer(at(2), first, all(&wanted, 5, b"")).expect_err("refused");
    assert_eq!(refused, ErrorCode::InvalidFetchSessionEpoch);
}

#[test]
fn a_full_fetch_ends_the_session_it_names() {
    for (epoch, next) in [(FetchRequest::FINAL_EPOCH, false), (FetchRequest::INITIAL_EPOCH, true)] {
        let mut sessions = sessions(10);
        let id = begin(&mut sessions, at(0), &[(0, 5)]);
        let (session, _) = sessions.open(at(1), 12, &request((id, epoch), &[(0, 5)])).expect("a full fetch");
        assert_eq!(matches!(session, Session::Begin { .. }), next);
        let gone = sessions.open(at(1), 12, &request((id, 1), &[])).expect_err("the session is over");
        assert_eq!(gone, ErrorCode::FetchSessionIdNotFound);
    }
}

#[test]
fn a_full_cache_refuses_a_session_until_one_is_stale() {
    let mut sessions = sessions(1);
    let old = begin(&mut sessions, at(0), &[(0, 5)]);
    assert_eq!(begin(&mut sessions, at(60), &[(0, 5), (1, 5)]), 0, "a young session stays");
    let new = begin(&mut sessions, at(121), &[(0, 5)]);
    assert!(new != 0 && new != old);
    sessions.invariants();
}

#[test]
fn a_follower_takes_the_place_of_a_consumer() {
    let mut sessions = sessions(1);
    let consumer = begin(&mut sessions, at(0), &[(0, 5), (1, 5)]);
    let mut follower = request((0, 0), &[(0, 5)]);
    follower.replica = NodeId(2);
    let (session, wanted) = sessions.open(at(1), 12, &follower).expect("a full fetch");
    let (id, _) = sessions.answer(at(1), session, all(&wanted, 5, b"")).expect("an answer");
    assert!(id != 0 && id != consumer);
    sessions.invariants();
}

#[test]
fn an_old_session_gives_way_to_a_larger_one_and_not_to_a_smaller_one() {
    let mut sessions = sessions(1);
    let id = begin(&mut sessions, at(0), &[(0, 5), (1, 5)]);
    let (session, wanted) = sessions.open(at(130), 12, &request((id, 1), &[])).expect("in use");
    sessions.answer(at(130), session, all(&wanted, 5, b"")).expect("an answer");
    assert_eq!(begin(&mut sessions, at(140), &[(0, 5)]), 0);
    assert_ne!(begin(&mut sessions, at(140), &[(0, 5), (1, 5), (2, 5)]), 0);
    sessions.invariants();
}

proptest! {
    /// Whatever is added, forgotten and answered: an incremental session reads what a full fetch would, and what it
    /// leaves out is what the reader knows already.
    #[test]
    fn a_session_reads_and_tells_what_full_fetches_would(
        steps in prop::collection::vec((0_i32..5, 0_i64..4, any::<bool>(), 0_i64..3), 1..40),
    ) {
        let mut sessions = sessions(3);
        let id = begin(&mut sessions, at(0), &[(9, 0)]);
        let mut wanted_now: BTreeMap<i32, i64> = [(9, 0)].into();
        let mut known: BTreeMap<i32, i64> = [(9, 5)].into();
        for (epoch, (partition, offset, forget, high_watermark)) in (1..).zip(steps) {
            let mut next = request((id, epoch), &[]);
            if forget {
                let topic = ForgottenTopic {
                    name: Some(TopicName::new("orders")),
                    id: TopicId::ZERO,
                    partitions: vec![PartitionIndex(partition)],
                };
                next.forgotten_topics.push(topic);
                wanted_now.remove(&partition);
                known.remove(&partition);
            } else {
                next = request((id, epoch), &[(partition, offset)]);
                wanted_now.insert(partition, offset);
            }
            let (session, wanted) = sessions.open(at(1), 12, &next).expect("the next request");
            let read: BTreeMap<i32, i64> =
                wanted.iter().map(|it| (it.fetch.partition.0, it.fetch.fetch_offset.0)).collect();
            prop_assert_eq!(&read, &wanted_now);
            let (_, told) = sessions.answer(at(1), session, all(&wanted, high_watermark, b"")).expect("told");
            for partition in wanted_now.keys() {
                let told = indexes(&told).contains(partition);
                prop_assert_eq!(told, known.insert(*partition, high_watermark) != Some(high_watermark));
            }
            sessions.invariants();
        }
    }
}
