//! Cutting the end of a log.

use super::*;

#[test]
fn a_cut_removes_records_epochs_and_later_segments() {
    let mut bench = Bench::with_three_segments();
    assert_eq!(bench.truncate(4), Some(Offset(4)));
    bench.perform_all();
    assert_eq!(bench.log.end_offset(), Offset(4));
    assert_eq!(bench.log.latest_epoch(), Some(LeaderEpoch(1)));
    assert_eq!(bench.checkpoint(), "0\n1\n1 0\n");
    let files = bench.disk.files(DIRECTORY);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
        "00000000000000000004.log",
        "00000000000000000004.snapshot",
        EPOCH_CHECKPOINT,
    ];
    assert_eq!(names, expected);
    assert_eq!(files[3].1, 0);
    let (recovered, cut) = bench.recover();
    assert_eq!((index_of(&recovered), cut), (index_of(&bench.log), None));
}

#[test]
fn a_cut_inside_a_batch_removes_the_whole_batch() {
    let mut bench = Bench::with_three_segments();
    assert_eq!(bench.truncate(7), Some(Offset(6)));
    assert_eq!(bench.log.end_offset(), Offset(6));
}

#[test]
fn a_cut_below_the_start_empties_the_log() {
    let mut bench = Bench::with_three_segments();
    assert_eq!(bench.truncate(-1), Some(Offset(0)));
    bench.perform_all();
    assert_eq!((bench.log.end_offset(), bench.log.latest_epoch()), (Offset(0), None));
    assert_eq!(bench.recover().0.end_offset(), Offset(0));
}

#[test]
fn a_cut_at_or_after_the_end_changes_nothing() {
    let mut bench = Bench::with_three_segments();
    assert_eq!((bench.truncate(12), bench.truncate(99)), (None, None));
    assert!(bench.io.is_empty());
}

/// KAFKA-10706: the entry of an epoch without records must go, or the follower loops.
#[test]
fn kafka_10706_a_cut_at_the_end_removes_the_epoch_in_which_nothing_was_written() {
    for end in [3, 99] {
        let mut bench = Bench::new(1 << 20);
        bench.append(3, 1, 1);
        bench.start_epoch(2);
        bench.perform_all();
        assert_eq!(bench.truncate(end), Some(Offset(3)), "cut to {end}");
        bench.perform_all();
        assert_eq!(bench.log.last_fetched_epoch(), Some(LeaderEpoch(1)));
        assert_eq!(bench.checkpoint(), "0\n1\n1 0\n");
        // The new leader had more of epoch 1: it can be appended now.
        let sent = batch(1, 7).with_position(Offset(3), LeaderEpoch(1));
        assert!(bench.log.append_as_follower(sent, &mut bench.io).is_ok());
    }
}

#[test]
fn segments_are_deleted_newest_first_so_that_no_crash_leaves_a_gap() {
    let mut bench = Bench::with_three_segments();
    bench.truncate(1);
    loop {
        assert_eq!(bench.recover().1, None);
        if bench.perform_one().is_none() {
            break;
        }
    }
    assert_eq!(bench.recover().0.end_offset(), Offset(0));
}

#[test]
fn completions_from_before_a_cut_say_nothing_about_what_was_appended_after_it() {
    let mut bench = Bench::new(1 << 20);
    bench.append(2, 1, 1);
    bench.append(2, 2, 1);
    bench.log.sync(&mut bench.io);
    let before: Vec<LogCompletion> = bench.io.drain().map(|(_, completion)| completion).collect();
    bench.truncate(2);
    let cut: Vec<LogCompletion> = bench.io.drain().map(|(_, completion)| completion).collect();
    bench.append(2, 3, 2);
    for completion in before {
        bench.log.complete(completion, &DiskDone::Done, &mut bench.io);
    }
    assert_eq!(bench.log.progress().submitted(), Offset(0));
    for completion in cut {
        bench.log.complete(completion, &DiskDone::Done, &mut bench.io);
    }
    // Operations end in order: once the cut is done, what is left was written before it.
    assert_eq!(bench.log.progress().submitted(), Offset(2));
    assert_eq!(bench.log.progress().durable(), Offset(0));
}

#[test]
fn records_that_come_back_after_an_unsynced_cut_are_cut_again_by_recovery() {
    let mut bench = Bench::with_three_segments();
    let before = bench.disk.fork();
    bench.truncate(6);
    bench.perform_all();
    // The power fails: the checkpoint was written durably, the cut of the segments was not.
    let checkpoint = bench.disk.content(DIRECTORY, EPOCH_CHECKPOINT).expect("written");
    before.write(DIRECTORY, EPOCH_CHECKPOINT, &checkpoint);
    let (recovered, cut) = recover(&before, bench.settings);
    assert_eq!(recovered.end_offset(), Offset(6));
    assert_eq!(cut.map(|cut| (cut.at, cut.reason)), Some((Offset(6), "epoch differs from the checkpoint")));
}
