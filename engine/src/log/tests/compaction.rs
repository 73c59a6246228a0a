//! Compaction: what stays, what goes, and what else goes on meanwhile.

use super::*;
use crate::config::CleanupPolicy;
use crate::id::ProducerId;
use crate::record::Record;

pub(super) const ALL: Offset = Offset(i64::MAX);
pub(super) const HOUR: i64 = 3_600_000;
/// Small enough that a chunk ends within most batches.
pub(super) const BUFFERS: CompactionBuffers = CompactionBuffers { keys_bytes_max: 1 << 20, read_bytes: 100 };

/// Settings of a compacted topic whose segments take about `segment_bytes`.
pub(super) fn settings(segment_bytes: usize) -> LogSettings {
    LogSettings {
        segment_bytes,
        index_interval_bytes: 100,
        cleanup: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_millionths: 0,
        delete_retention_millis: HOUR,
        ..LogSettings::default()
    }
}

/// A batch of keys with values, or without: a tombstone.
pub(super) fn keyed(records: &[(&str, Option<&str>)]) -> RecordBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    for (key, value) in records {
        builder.push(Timestamp(1), Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    }
    RecordBatch::parse(builder.build()).expect("built")
}

/// The batches of all segment files, oldest first.
pub(super) fn batches_on(disk: &MemoryDisk) -> Vec<RecordBatch> {
    let names = disk.files(DIRECTORY).into_iter().map(|(name, _)| name);
    let mut batches = Vec::new();
    for name in names.filter(|name| name.ends_with(".log")) {
        let content = disk.content(DIRECTORY, &name).expect("listed");
        batches.extend(crate::record::batches(content).map(|batch| batch.expect("sound")));
    }
    batches
}

/// Their records.
pub(super) fn records_on(disk: &MemoryDisk) -> Vec<Record> {
    let batches = batches_on(disk);
    let records = batches.iter().flat_map(|batch| batch.records().expect("sound"));
    records.map(|record| record.expect("readable")).collect()
}

/// Offset and key of each record.
fn keys(bench: &Bench) -> Vec<(i64, String)> {
    let key = |record: &Record| String::from_utf8(record.key.clone().expect("a key").to_vec()).expect("text");
    records_on(&bench.disk).iter().map(|record| (record.offset.0, key(record))).collect()
}

/// A log with these batches of one record each, two to a segment; the last segment is active.
fn log_of(records: &[(&str, Option<&str>)]) -> Bench {
    let mut bench = Bench::with(settings(2 * keyed(&[("a", Some("1"))]).size()));
    for record in records {
        bench.log.append_as_leader(keyed(&[*record]), LeaderEpoch(0), &mut bench.io);
    }
    bench.perform_all();
    bench
}

fn compact(bench: &mut Bench, now: i64, high_watermark: Offset) {
    bench.log.compact(Timestamp(now), high_watermark, BUFFERS, &mut bench.io);
    bench.perform_all();
    assert!(!bench.log.is_compacting());
}

const V: Option<&str> = Some("1");

#[test]
fn of_each_key_the_last_record_of_the_closed_segments_stays() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("c", V), ("a", V)]);
    compact(&mut bench, 5, ALL);
    let kept = [(1, "b"), (2, "a"), (3, "c"), (4, "a")].map(|(offset, key)| (offset, key.to_owned()));
    assert_eq!(keys(&bench), kept, "the last record of the active segment is not looked at");
    assert_eq!(bench.log.end_offset(), Offset(5));
    let (recovered, cut) = bench.recover();
    assert_eq!((recovered.end_offset(), cut), (Offset(5), None));
}

/// What lies above the high watermark may be cut: it must not have taken what it overwrites with it.
#[test]
fn nothing_above_the_high_watermark_takes_an_older_record_away() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("b", V), ("c", V)]);
    compact(&mut bench, 5, Offset(3));
    assert_eq!(keys(&bench).len(), 5);
    compact(&mut bench, 5, Offset(4));
    assert_eq!(keys(&bench).len(), 3);
}

#[test]
fn segments_become_one_as_far_as_they_fit() {
    let mut bench = log_of(&[("a", V), ("b", V), ("c", V), ("d", V), ("e", V)]);
    bench.settings.segment_bytes *= 2;
    bench.log.configure(bench.settings);
    compact(&mut bench, 5, ALL);
    let segments: Vec<(Offset, Offset)> =
        bench.log.segments.iter().map(|segment| (segment.base, segment.end)).collect();
    assert_eq!(segments, [(Offset(0), Offset(4)), (Offset(4), Offset(5))]);
    let told = bench.log.take_compacted();
    assert_eq!(told.iter().map(|one| (one.from, one.to)).collect::<Vec<_>>(), [(Offset(0), Offset(4))]);
}

#[test]
fn a_tombstone_goes_when_its_time_has_passed_and_not_with_the_compaction_that_sets_it() {
    let mut bench = log_of(&[("a", V), ("a", None), ("b", V)]);
    compact(&mut bench, 5, ALL);
    assert_eq!(keys(&bench), [(1, "a".to_owned()), (2, "b".to_owned())]);
    for (key, now) in [("c", HOUR), ("d", HOUR + 5)] {
        for _ in 0..2 {
            bench.log.append_as_leader(keyed(&[(key, V)]), LeaderEpoch(0), &mut bench.io);
        }
        bench.perform_all();
        compact(&mut bench, now, ALL);
        assert_eq!(keys(&bench).contains(&(1, "a".to_owned())), now < HOUR + 5);
    }
}

#[test]
fn the_last_batch_of_a_producer_keeps_its_header() {
    let mut bench = log_of(&[]);
    for sequence in 0..5 {
        let batch = keyed(&[("a", V)]).with_producer(ProducerId(7), 0, sequence);
        bench.log.append_as_leader(batch, LeaderEpoch(0), &mut bench.io);
    }
    for key in ["a", "b"] {
        bench.log.append_as_leader(keyed(&[(key, V)]), LeaderEpoch(0), &mut bench.io);
    }
    bench.perform_all();
    compact(&mut bench, 5, ALL);
    let of_producer: Vec<(Offset, i32, i32)> = batches_on(&bench.disk)
        .iter()
        .filter(|batch| batch.producer_id() == ProducerId(7))
        .map(|batch| (batch.base_offset(), batch.record_count(), batch.last_sequence()))
        .collect();
    // The first one begins the epoch, every other one ends a segment.
    let kept = [0, 1, 3, 4].map(|sequence| (Offset(sequence.into()), 0, sequence));
    assert_eq!(of_producer, kept);
}

#[test]
fn where_leader_epochs_begin_is_known_after_everything_of_them_was_overwritten() {
    let mut bench = log_of(&[]);
    for (epoch, key) in [(0, "a"), (0, "b"), (2, "a"), (2, "b"), (5, "a"), (5, "b"), (5, "c"), (5, "d")] {
        bench.log.append_as_leader(keyed(&[(key, V)]), LeaderEpoch(epoch), &mut bench.io);
    }
    bench.perform_all();
    compact(&mut bench, 5, ALL);
    let known = bench.log.epochs().clone();
    bench.disk.remove(DIRECTORY, EPOCH_CHECKPOINT);
    assert_eq!(bench.recover().0.epochs(), &known, "the batches alone say it");
}

#[test]
fn a_read_finds_the_next_batch_behind_a_gap() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("a", V), ("a", V), ("b", V), ("c", V)]);
    compact(&mut bench, 5, ALL);
    let first_from = |from: i64| {
        let plan = bench.log.read(Offset(from), 1, ALL).expect("in range").expect("a batch");
        bench.read(&plan).first().map(|batch| batch.base.0)
    };
    let kept: Vec<i64> = batches_on(&bench.disk).iter().map(|batch| batch.base_offset().0).collect();
    assert!(kept.len() < 7);
    for from in 0..7 {
        assert_eq!(first_from(from), kept.iter().copied().find(|base| *base >= from), "from {from}");
    }
}

#[test]
fn keys_without_room_are_compacted_in_the_next_go() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("b", V), ("a", V), ("b", V), ("c", V)]);
    let small = CompactionBuffers { keys_bytes_max: 30, ..BUFFERS };
    bench.log.compact(Timestamp(5), ALL, small, &mut bench.io);
    bench.perform_all();
    assert_eq!(keys(&bench).len(), 7, "two keys fit, and nothing overwrites within them");
    for _ in 0..3 {
        bench.log.compact(Timestamp(5), ALL, small, &mut bench.io);
        bench.perform_all();
    }
    let kept = [(4, "a"), (5, "b"), (6, "c")].map(|(offset, key)| (offset, key.to_owned()));
    assert_eq!(keys(&bench), kept);
}

#[test]
fn a_log_is_compacted_when_it_is_dirty_enough_or_its_oldest_record_too_old() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("b", V), ("c", V)]);
    assert_eq!(bench.log.compaction_need(Timestamp(5), ALL), Some(1_000_000));
    compact(&mut bench, 5, ALL);
    assert_eq!(bench.log.compaction_need(Timestamp(5), ALL), None, "everything is compacted");
    for key in ["d", "e"] {
        bench.log.append_as_leader(keyed(&[(key, V)]), LeaderEpoch(0), &mut bench.io);
    }
    bench.perform_all();
    bench.settings.min_cleanable_dirty_millionths = 990_000;
    bench.settings.max_compaction_lag_millis = 1_000;
    bench.log.configure(bench.settings);
    assert_eq!(bench.log.compaction_need(Timestamp(1_001), ALL), None);
    assert!(bench.log.compaction_need(Timestamp(1_002), ALL).is_some());
    bench.settings.min_compaction_lag_millis = 2_000;
    bench.log.configure(bench.settings);
    assert_eq!(bench.log.compaction_need(Timestamp(2_000), ALL), None, "too young");
    assert!(bench.log.compaction_need(Timestamp(2_001), ALL).is_some());
}

#[test]
fn whatever_cuts_the_log_ends_a_compaction_without_a_trace() {
    type Interruption = fn(&mut Bench);
    let interruptions: [Interruption; 4] = [
        |bench| {
            bench.log.truncate_to(Offset(3), &mut bench.io);
        },
        |bench| bench.log.restart_at(Offset(9), &mut bench.io),
        |bench| bench.log.close(&mut bench.io),
        |bench| bench.log.abort_compaction(&mut bench.io),
    ];
    for interrupt in interruptions {
        for steps in 0..20 {
            let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("b", V), ("c", V)]);
            bench.log.compact(Timestamp(5), ALL, BUFFERS, &mut bench.io);
            for _ in 0..steps {
                bench.perform_one();
            }
            interrupt(&mut bench);
            assert!(!bench.log.is_compacting());
            bench.perform_all();
            bench.log.invariants();
            let left = bench.disk.files(DIRECTORY);
            assert!(left.iter().all(|(name, _)| !name.ends_with("cleaned")), "{left:?}");
            let (recovered, cut) = bench.recover();
            assert_eq!((recovered.end_offset(), cut), (bench.log.end_offset(), None));
        }
    }
}

#[test]
fn a_cut_below_what_was_compacted_makes_it_dirty_again() {
    let mut bench = log_of(&[("a", V), ("b", V), ("c", V), ("d", V), ("e", V)]);
    compact(&mut bench, 5, ALL);
    bench.truncate(1);
    for key in ["a", "a", "a", "a"] {
        bench.log.append_as_leader(keyed(&[(key, V)]), LeaderEpoch(1), &mut bench.io);
    }
    bench.perform_all();
    compact(&mut bench, 5, ALL);
    let kept = [(3, "a"), (4, "a")].map(|(offset, key)| (offset, key.to_owned()));
    assert_eq!(keys(&bench), kept);
}

#[test]
fn a_log_with_a_batch_that_cannot_be_read_is_left_alone() {
    let mut bench = log_of(&[("a", V), ("b", V), ("a", V), ("b", V), ("c", V)]);
    let name = "00000000000000000000.log";
    let before = records_on(&bench.disk);
    let sound = bench.disk.content(DIRECTORY, name).expect("a segment");
    bench.disk.damage(DIRECTORY, name, |content| content[30] ^= 1);
    compact(&mut bench, 5, ALL);
    assert_eq!(bench.log.compaction_need(Timestamp(5), ALL), None);
    bench.disk.write(DIRECTORY, name, &sound);
    assert_eq!(records_on(&bench.disk), before);
}

#[test]
fn a_follower_takes_a_gap_only_when_it_was_told_and_finds_it_again_after_a_crash() {
    let mut leader = log_of(&[("a", V), ("b", V), ("a", V), ("a", V), ("b", V), ("a", V), ("c", V)]);
    compact(&mut leader, 5, ALL);
    let copied = batches_on(&leader.disk);
    let mut follower = log_of(&[]);
    let mut told = false;
    for batch in &copied {
        if batch.base_offset() > follower.log.end_offset() && !told {
            let refused = follower.log.append_as_follower(batch.clone(), &mut follower.io);
            assert!(matches!(refused, Err(AppendError::NotAtEnd { .. })));
            follower.log.allow_gaps_before(leader.log.end_offset(), &mut follower.io);
            told = true;
        }
        follower.log.append_as_follower(batch.clone(), &mut follower.io).expect("it follows");
    }
    follower.perform_all();
    assert!(told, "there is a gap");
    assert_eq!(batches_on(&follower.disk), copied);
    assert_eq!(follower.log.epochs(), leader.log.epochs());
    let (recovered, cut) = follower.recover();
    assert_eq!((recovered.end_offset(), cut), (leader.log.end_offset(), None));
}
