//! Appends, segments, cursors.

use super::*;

#[test]
fn a_leader_assigns_offsets_and_its_epoch() {
    let mut bench = Bench::new(1 << 20);
    bench.append(3, 1, 0);
    let id = bench.append(2, 2, 4);
    assert_eq!((id.base, id.last, id.epoch), (Offset(3), Offset(4), LeaderEpoch(4)));
    assert_eq!(bench.log.end_offset(), Offset(5));
    assert_eq!(bench.log.epoch_of_last_record(), Some(LeaderEpoch(4)));
}

#[test]
fn a_follower_takes_only_what_follows_its_end_in_no_older_epoch() {
    let mut bench = Bench::new(1 << 20);
    bench.append(2, 1, 5);
    let mut follow = |base, epoch| {
        let sent = batch(1, 2).with_position(Offset(base), LeaderEpoch(epoch));
        bench.log.append_as_follower(sent, &mut bench.io)
    };
    assert_eq!(follow(1, 5), Err(AppendError::NotAtEnd { base: Offset(1), end: Offset(2) }));
    assert_eq!(follow(3, 5), Err(AppendError::NotAtEnd { base: Offset(3), end: Offset(2) }));
    assert_eq!(follow(2, 4), Err(AppendError::OldEpoch { epoch: LeaderEpoch(4), latest: LeaderEpoch(5) }));
    assert_eq!(follow(2, 6).map(|id| id.last), Ok(Offset(2)));
    assert_eq!(bench.log.epochs().entries().len(), 2);
}

#[test]
fn a_batch_that_does_not_fit_begins_a_segment_named_after_its_offset() {
    let bench = Bench::with_three_segments();
    let names: Vec<String> = bench.disk.files(DIRECTORY).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
        "00000000000000000004.index",
        "00000000000000000004.log",
        "00000000000000000004.snapshot",
        "00000000000000000004.timeindex",
        "00000000000000000008.log",
        "00000000000000000008.snapshot",
        "leader-epoch-checkpoint",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own() {
    let mut bench = Bench::new(10);
    bench.append(1, 1, 0);
    bench.append(1, 2, 0);
    assert_eq!(bench.log.segments.len(), 2);
}

#[test]
fn the_content_of_a_batch_is_not_copied_on_its_way_to_the_disk() {
    let mut bench = Bench::new(1 << 20);
    let batch = batch(1, 1);
    let content = batch.parts()[1].as_ptr();
    bench.log.append_as_leader(batch, LeaderEpoch(0), &mut bench.io);
    let appended = bench.io.drain().find_map(|(op, _)| match op {
        DiskOp::Append { parts, .. } => parts.last().map(|part| part.as_ptr()),
        _ => None,
    });
    assert_eq!(appended, Some(content));
}

#[test]
fn what_is_accepted_becomes_submitted_and_durable_as_operations_end() {
    let mut bench = Bench::new(1 << 20);
    bench.append(2, 1, 0);
    assert_eq!(bench.log.progress().submitted(), Offset(0));
    bench.perform_all();
    assert_eq!((bench.log.progress().submitted(), bench.log.progress().durable()), (Offset(2), Offset(0)));
    bench.log.sync(&mut bench.io);
    bench.append(1, 2, 0);
    bench.perform_all();
    assert_eq!((bench.log.progress().submitted(), bench.log.progress().durable()), (Offset(3), Offset(2)));
}

#[test]
fn a_segment_that_is_closed_is_synced_with_its_indexes() {
    let bench = Bench::with_three_segments();
    assert_eq!(bench.log.progress().durable(), Offset(8));
}

#[test]
fn a_batch_much_younger_than_the_first_of_its_segment_begins_a_new_one() {
    let settings = LogSettings { segment_millis: 100, ..LogSettings::default() };
    let mut bench = Bench::with(settings);
    // Timestamps: 10, 110, 111.
    for (count, salt) in [(1, 1), (1, 11), (2, 11)] {
        bench.append(count, salt, 0);
    }
    let bases: Vec<i64> = bench.log.segments.iter().map(|segment| segment.base.0).collect();
    assert_eq!(bases, [0, 2]);
}

#[test]
fn a_sync_covers_what_is_not_durable_and_nothing_else() {
    let mut bench = Bench::with_three_segments();
    let synced = |bench: &mut Bench| -> Vec<LogCompletion> {
        bench.log.sync(&mut bench.io);
        std::iter::from_fn(|| bench.perform_one()).map(|(_, completion)| completion).collect()
    };
    let expected = LogCompletion::Synced { generation: 0, from: Offset(8), end: Offset(12) };
    assert_eq!(synced(&mut bench), vec![expected]);
    assert_eq!(bench.log.progress().durable(), Offset(12));
    assert_eq!(synced(&mut bench), vec![]);
}

#[test]
fn a_synced_segment_is_not_durable_before_the_one_it_follows() {
    let mut bench = Bench::new(2 * batch(2, 0).size());
    for salt in 0..6 {
        bench.append(2, salt, 1);
    }
    bench.log.sync(&mut bench.io);
    let mut completions: Vec<LogCompletion> = bench.io.drain().map(|(_, completion)| completion).collect();
    // The syncs of the first segment failed: nobody reports them.
    completions.retain(|completion| !matches!(completion, LogCompletion::Synced { from: Offset(0), .. }));
    for completion in completions {
        bench.log.complete(completion, &DiskDone::Done, &mut bench.io);
    }
    assert_eq!(bench.log.progress().submitted(), Offset(12));
    assert_eq!(bench.log.progress().durable(), Offset(0));
}

/// KAFKA-7415: a leader that writes nothing must still know where its epoch begins.
#[test]
fn kafka_7415_an_epoch_is_persisted_when_it_begins_and_not_with_its_first_record() {
    let mut bench = Bench::new(1 << 20);
    bench.append(3, 1, 1);
    bench.perform_all();
    bench.start_epoch(2);
    assert_eq!(
        bench.log.end_offset_for(LeaderEpoch(1)),
        Some(EpochEnd { epoch: LeaderEpoch(1), end: Offset(3) })
    );
    bench.perform_all();
    assert_eq!(bench.checkpoint(), "0\n2\n1 0\n2 3\n");
    // Elected again without a write: the question about epoch 1 has the same answer.
    bench.start_epoch(3);
    bench.perform_all();
    assert_eq!(bench.checkpoint(), "0\n2\n1 0\n3 3\n");
    assert_eq!(
        bench.log.end_offset_for(LeaderEpoch(1)),
        Some(EpochEnd { epoch: LeaderEpoch(1), end: Offset(3) })
    );
    assert_eq!(bench.log.last_fetched_epoch(), Some(LeaderEpoch(3)));
    assert_eq!(bench.log.epoch_of_last_record(), Some(LeaderEpoch(1)));
}

#[test]
#[should_panic(expected = "a leader of epoch 4 cannot append after epoch 5")]
fn a_leader_of_an_older_epoch_is_a_bug_of_ours() {
    let mut bench = Bench::new(1 << 20);
    bench.start_epoch(5);
    bench.append(1, 1, 4);
}
