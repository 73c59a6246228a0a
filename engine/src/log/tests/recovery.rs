//! Logs read back from whole, torn, damaged and meaningless files.

use proptest::prelude::*;

use super::*;

const SEGMENTS: [&str; 3] =
    ["00000000000000000000.log", "00000000000000000004.log", "00000000000000000008.log"];

/// After recovery the files say what the log says: another one finds nothing to cut.
fn recovers_for_good(disk: &MemoryDisk, settings: LogSettings) -> (PartitionLog, Option<RecoveryCut>) {
    let (log, cut) = recover(disk, settings);
    let (again, nothing) = recover(disk, settings);
    assert_eq!(nothing, None);
    assert_eq!(index_of(&again), index_of(&log));
    assert_eq!(again.epochs(), log.epochs());
    (log, cut)
}

/// The end offset and size of each batch of a bench's log, in order.
fn boundaries(bench: &Bench) -> Vec<(Offset, Offset)> {
    index_of(&bench.log).into_iter().map(|(base, next, _)| (base, next)).collect()
}

#[test]
fn nothing_on_disk_is_an_empty_log() {
    let disk = MemoryDisk::new();
    let (log, cut) = recover(&disk, LogSettings { segment_bytes: 100, ..LogSettings::default() });
    assert_eq!((log.start_offset(), log.end_offset(), cut), (Offset(0), Offset(0), None));
    assert_eq!(disk.files(DIRECTORY), vec![]);
}

#[test]
fn a_whole_log_comes_back_as_it_was_and_durable() {
    let bench = Bench::with_three_segments();
    let before = bench.disk.files(DIRECTORY);
    let (log, cut) = recovers_for_good(&bench.disk, bench.settings);
    assert_eq!(cut, None);
    assert_eq!(index_of(&log), index_of(&bench.log));
    assert_eq!(log.epochs(), bench.log.epochs());
    assert_eq!(log.progress().durable(), Offset(12));
    assert_eq!(bench.disk.files(DIRECTORY), before);
}

#[test]
fn a_recovered_log_goes_on_where_it_ended() {
    let mut bench = Bench::with_three_segments();
    bench.log = bench.recover().0;
    let id = bench.append(1, 9, 4);
    bench.perform_all();
    assert_eq!(id.base, Offset(12));
    assert_eq!(bench.recover().0.end_offset(), Offset(13));
}

#[test]
fn a_batch_longer_than_one_read_is_recovered() {
    let mut bench = Bench::new(64 << 20);
    let mut builder = BatchBuilder::new(Compression::None);
    builder.push(Timestamp(1), None, Some(&vec![7; 3 << 20]), &[]);
    let large = RecordBatch::parse(builder.build()).expect("built");
    for batch in [batch(1, 1), large, batch(1, 2)] {
        bench.log.append_as_leader(batch, LeaderEpoch(0), &mut bench.io);
    }
    bench.perform_all();
    let (log, cut) = bench.recover();
    assert_eq!((log.end_offset(), cut), (Offset(3), None));
}

#[test]
fn a_log_torn_at_any_length_recovers_its_whole_batches() {
    let bench = Bench::with_three_segments();
    let size = batch(2, 0).size();
    for (segment, name) in SEGMENTS.iter().enumerate() {
        for length in 0..2 * size {
            let disk = bench.disk.fork();
            disk.damage(DIRECTORY, name, |content| content.truncate(length));
            let (log, cut) = recovers_for_good(&disk, bench.settings);
            let whole = segment * 2 + length / size;
            assert_eq!(index_of(&log), index_of(&bench.log)[..whole], "{name} torn at {length}");
            let torn = length % size;
            let last = segment == 2;
            let later = if last { 0 } else { (2 - segment) * 2 * size };
            let removed = (torn + later) as u64;
            assert_eq!(cut.map(|cut| cut.bytes), (removed > 0).then_some(removed), "{name} torn at {length}");
            assert!(cut.is_none_or(|cut| cut.at == log.end_offset()));
        }
    }
}

#[test]
fn a_bit_flipped_anywhere_cuts_the_log_before_the_batch_it_is_in() {
    let bench = Bench::with_three_segments();
    let size = batch(2, 0).size();
    let boundaries = boundaries(&bench);
    for (segment, name) in SEGMENTS.iter().enumerate() {
        for position in 0..2 * size {
            for bit in 0..8 {
                let disk = bench.disk.fork();
                disk.damage(DIRECTORY, name, |content| content[position] ^= 1 << bit);
                let (log, cut) = recover(&disk, bench.settings);
                let damaged = segment * 2 + position / size;
                assert_eq!(log.end_offset(), boundaries[damaged].0, "{name} byte {position} bit {bit}");
                assert_eq!(cut.map(|cut| cut.at), Some(log.end_offset()));
                assert_eq!(cut.map(|cut| cut.bytes), Some(((6 - damaged) * size) as u64));
            }
        }
    }
}

#[test]
fn a_missing_segment_cuts_the_log_before_it() {
    let bench = Bench::with_three_segments();
    bench.disk.remove(DIRECTORY, SEGMENTS[1]);
    let (log, cut) = recovers_for_good(&bench.disk, bench.settings);
    assert_eq!(log.end_offset(), Offset(4));
    assert_eq!(cut.map(|cut| cut.reason), Some("gap between segments"));
}

#[test]
fn a_missing_or_damaged_checkpoint_is_written_anew_from_the_batches() {
    let bench = Bench::with_three_segments();
    let whole = bench.checkpoint();
    let damages: [fn(&MemoryDisk); 3] = [
        |disk| disk.remove(DIRECTORY, EPOCH_CHECKPOINT),
        |disk| disk.write(DIRECTORY, EPOCH_CHECKPOINT, b"0\n9\n1 0\n"),
        |disk| disk.write(DIRECTORY, EPOCH_CHECKPOINT, b"\xff\xff"),
    ];
    for damage in damages {
        damage(&bench.disk);
        let (log, cut) = bench.recover();
        assert_eq!((log.epochs(), cut), (bench.log.epochs(), None));
        assert_eq!(bench.checkpoint(), whole);
    }
}

#[test]
fn epochs_that_begin_at_the_end_or_beyond_are_dropped() {
    let mut bench = Bench::with_three_segments();
    bench.start_epoch(7);
    bench.perform_all();
    assert_eq!(bench.checkpoint(), "0\n3\n1 0\n3 6\n7 12\n");
    let (log, _) = bench.recover();
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(3)));
    assert_eq!(bench.checkpoint(), "0\n2\n1 0\n3 6\n");
    bench.disk.damage(DIRECTORY, SEGMENTS[1], |content| content.truncate(batch(2, 0).size()));
    assert_eq!(bench.recover().0.latest_epoch(), Some(LeaderEpoch(1)));
}

#[test]
fn batches_of_an_older_epoch_after_a_newer_one_are_cut() {
    let bench = Bench::with_three_segments();
    bench.disk.remove(DIRECTORY, EPOCH_CHECKPOINT);
    bench.disk.damage(DIRECTORY, SEGMENTS[2], |content| content[15] = 2);
    let (log, cut) = bench.recover();
    assert_eq!(log.end_offset(), Offset(8));
    assert_eq!(cut.map(|cut| cut.reason), Some("older epoch than the batch before"));
}

#[test]
fn a_leader_writes_on_after_damage_that_left_too_high_an_epoch() {
    let mut bench = Bench::with_three_segments();
    bench.disk.remove(DIRECTORY, EPOCH_CHECKPOINT);
    bench.disk.damage(DIRECTORY, SEGMENTS[2], |content| content[12] = 1);
    bench.log = bench.recover().0;
    assert!(bench.log.latest_epoch() > Some(LeaderEpoch(1 << 24)));
    bench.start_epoch(4);
    bench.log.invariants();
    bench.append(1, 9, 4);
    bench.perform_all();
    assert_eq!(bench.log.latest_epoch(), Some(LeaderEpoch(4)));
}

#[test]
fn files_that_are_no_segments_are_left_alone() {
    let bench = Bench::with_three_segments();
    for name in ["0.log", "0000000000000000000x.log", "99999999999999999999.log", "notes", ".log", "é.log"] {
        bench.disk.write(DIRECTORY, name, b"x");
    }
    let (log, cut) = bench.recover();
    assert_eq!((log.end_offset(), cut), (Offset(12), None));
    assert!(bench.disk.content(DIRECTORY, "notes").is_some());
}

/// Bytes that are somewhere between a log and nonsense.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (1_i64..4, 0_i64..8, 0_i32..4).prop_map(|(count, base, epoch)| {
            batch(count, base).with_position(Offset(base), LeaderEpoch(epoch)).to_bytes().to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..80),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn checkpoint() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec((0_i32..5, 0_i64..9), 0..4).prop_map(|entries| {
            let lines: Vec<String> =
                entries.iter().map(|(epoch, start)| format!("{epoch} {start}\n")).collect();
            format!("0\n{}\n{}", lines.len(), lines.concat()).into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn no_files_make_recovery_panic(
        segments in prop::collection::btree_map(0_i64..9, content(), 0..4),
        checkpoint in prop::option::of(checkpoint()),
    ) {
        let disk = MemoryDisk::new();
        for (base, content) in &segments {
            disk.write(DIRECTORY, &format!("{base:020}.log"), content);
        }
        if let Some(checkpoint) = checkpoint {
            disk.write(DIRECTORY, EPOCH_CHECKPOINT, &checkpoint);
        }
        let settings = LogSettings { segment_bytes: 200, ..LogSettings::default() };
        let (log, _) = recovers_for_good(&disk, settings);
        // And it is a log one can write to.
        let end = log.end_offset();
        let mut bench = Bench { disk, log, io: LogIo::default(), queue: VecDeque::new(), settings };
        bench.append(2, 1, 5);
        bench.log.sync(&mut bench.io);
        bench.perform_all();
        prop_assert_eq!(bench.log.progress().durable(), end.plus(2));
        prop_assert_eq!(bench.recover().0.end_offset(), end.plus(2));
    }
}
