//! The beginning of logs: retention, DeleteRecords, starting anew; and logs closed in order.

use super::*;
use crate::config::CleanupPolicy;

const ALL: Offset = Offset(i64::MAX);
const LATE: Timestamp = Timestamp(1_000_000);

/// Three segments of four records with timestamps up to 11, 31 and 51.
fn aging(retention_millis: i64, retention_bytes: i64) -> Bench {
    let mut bench = Bench::with_three_segments();
    bench.settings = LogSettings { retention_millis, retention_bytes, ..bench.settings };
    bench.log.configure(bench.settings);
    bench
}

fn enforce(bench: &mut Bench, now: i64, high_watermark: Offset) -> Option<Offset> {
    let moved = bench.log.enforce_retention(Timestamp(now), high_watermark, &mut bench.io);
    bench.log.invariants();
    bench.perform_all();
    moved
}

fn log_files(bench: &Bench) -> Vec<String> {
    let names = bench.disk.files(DIRECTORY).into_iter().map(|(name, _)| name);
    names.filter(|name| name.ends_with(".log")).collect()
}

#[test]
fn a_segment_goes_when_its_newest_record_is_too_old() {
    let mut bench = aging(100, -1);
    assert_eq!(enforce(&mut bench, 111, ALL), None);
    assert_eq!(enforce(&mut bench, 112, ALL), Some(Offset(4)));
    assert_eq!(log_files(&bench), ["00000000000000000004.log", "00000000000000000008.log"]);
    assert_eq!(bench.log.earliest().offset, Offset(4));
    assert_eq!(bench.log.read(Offset(3), 100, ALL).map_err(|error| error.start), Err(Offset(4)));
}

#[test]
fn segments_go_while_the_rest_is_large_enough() {
    let size = 2 * batch(2, 0).size();
    let bytes = |segments: usize| i64::try_from(segments * size).expect("small");
    assert_eq!(enforce(&mut aging(-1, bytes(3)), 0, ALL), None);
    assert_eq!(enforce(&mut aging(-1, bytes(2) + 1), 0, ALL), None);
    assert_eq!(enforce(&mut aging(-1, bytes(2)), 0, ALL), Some(Offset(4)));
    assert_eq!(enforce(&mut aging(-1, bytes(1)), 0, ALL), Some(Offset(8)));
}

/// KAFKA-5634: what is not committed is never given up.
#[test]
fn kafka_5634_retention_stops_at_the_high_watermark() {
    let mut bench = aging(1, 0);
    assert_eq!(enforce(&mut bench, LATE.0, Offset(7)), Some(Offset(4)));
    assert_eq!(enforce(&mut bench, LATE.0, Offset(7)), None);
}

#[test]
fn a_log_may_lose_everything_and_goes_on_at_its_end() {
    let mut bench = aging(1, -1);
    assert_eq!(enforce(&mut bench, LATE.0, ALL), Some(Offset(12)));
    assert_eq!(log_files(&bench), Vec::<String>::new());
    assert_eq!((bench.log.start_offset(), bench.log.end_offset()), (Offset(12), Offset(12)));
    assert_eq!(bench.recover().0.start_offset(), Offset(12));
    assert_eq!(bench.append(1, 9, 4).base, Offset(12));
    bench.perform_all();
    let (recovered, cut) = bench.recover();
    assert_eq!((recovered.start_offset(), recovered.end_offset(), cut), (Offset(12), Offset(13), None));
}

#[test]
fn a_compacted_log_is_not_given_up_by_age() {
    let mut bench = aging(1, 0);
    bench.settings.cleanup = CleanupPolicy { delete: false, compact: true };
    bench.log.configure(bench.settings);
    assert_eq!(enforce(&mut bench, LATE.0, ALL), None);
}

#[test]
fn deleted_records_do_not_come_back_after_a_restart() {
    let mut bench = Bench::with_three_segments();
    assert!(bench.log.advance_start(Offset(5), &mut bench.io));
    assert!(!bench.log.advance_start(Offset(5), &mut bench.io));
    bench.perform_all();
    for log in [bench.log.clone(), bench.recover().0, bench.recover().0] {
        assert_eq!(log.start_offset(), Offset(5));
        assert_eq!(log.read(Offset(4), 100, ALL).map_err(|error| error.start), Err(Offset(5)));
        assert_eq!(log.epochs().entries().first().map(|entry| entry.start), Some(Offset(5)));
        assert_eq!(log.end_offset(), Offset(12));
    }
    assert_eq!(log_files(&bench).len(), 2, "a segment wholly before the start is gone after a restart");
}

#[test]
fn a_segment_wholly_before_the_start_goes_whatever_the_policy() {
    let mut bench = Bench::with_three_segments();
    bench.settings.cleanup = CleanupPolicy { delete: false, compact: true };
    bench.log.configure(bench.settings);
    bench.log.advance_start(Offset(9), &mut bench.io);
    assert_eq!(enforce(&mut bench, 0, ALL), None);
    assert_eq!(log_files(&bench), ["00000000000000000008.log"]);
}

#[test]
fn a_follower_behind_everything_begins_anew_at_whatever_moment_it_dies() {
    let mut bench = Bench::with_three_segments();
    bench.log.restart_at(Offset(100), &mut bench.io);
    loop {
        let (recovered, _) = recover(&bench.disk.fork(), bench.settings);
        let restarted = (recovered.start_offset(), recovered.end_offset()) == (Offset(100), Offset(100));
        assert!(restarted || recovered.end_offset() == Offset(12), "{recovered:?}");
        if bench.perform_one().is_none() {
            break;
        }
    }
    assert_eq!(bench.log.latest_epoch(), None);
    let sent = batch(1, 7).with_position(Offset(100), LeaderEpoch(1));
    assert!(bench.log.append_as_follower(sent, &mut bench.io).is_ok());
    bench.perform_all();
    assert_eq!(bench.recover().0.end_offset(), Offset(101));
}

#[test]
fn an_empty_log_takes_the_batch_in_the_middle_of_which_its_leader_starts() {
    let mut bench = Bench::with_three_segments();
    bench.log.restart_at(Offset(100), &mut bench.io);
    let sent = |base: i64| batch(3, 7).with_position(Offset(base), LeaderEpoch(1));
    let refused = bench.log.append_as_follower(sent(97), &mut bench.io);
    assert_eq!(refused, Err(AppendError::NotAtEnd { base: Offset(97), end: Offset(100) }));
    assert_eq!(bench.log.append_as_follower(sent(99), &mut bench.io).map(|id| id.last), Ok(Offset(101)));
    bench.perform_all();
    bench.log.advance_start(Offset(100), &mut bench.io);
    bench.perform_all();
    let (recovered, cut) = bench.recover();
    assert_eq!((recovered.start_offset(), recovered.end_offset(), cut), (Offset(100), Offset(102), None));
}

#[test]
fn a_log_closed_in_order_is_not_scanned() {
    let mut bench = Bench::with_three_segments();
    bench.log.close(&mut bench.io);
    bench.perform_all();
    // Nobody would look at a damaged record of a log closed in order.
    bench.disk.damage(DIRECTORY, "00000000000000000004.log", |content| content[70] ^= 1);
    let mut log = bench.recover_clean();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(0), Offset(12)));
    assert_eq!(log.epochs(), bench.log.epochs());
    assert_eq!(log.search_max_timestamp(ALL), bench.log.search_max_timestamp(ALL));
    let plan = log.read(Offset(1), 1, ALL).expect("in range").expect("written");
    assert_eq!(bench.read(&plan).first().map(|id| id.base), Some(Offset(0)));
    let id = log.append_as_leader(batch(1, 9), LeaderEpoch(4), &mut bench.io);
    assert_eq!(id.base, Offset(12));
}

#[test]
fn a_log_closed_in_order_with_a_damaged_index_is_scanned_all_the_same() {
    let mut bench = Bench::with_three_segments();
    bench.log.close(&mut bench.io);
    bench.perform_all();
    for name in ["00000000000000000004.timeindex", "00000000000000000008.index"] {
        let damaged = bench.disk.fork();
        damaged.write(DIRECTORY, name, b"xyz");
        let log =
            Bench { disk: damaged, log: bench.log.clone(), ..Bench::with(bench.settings) }.recover_clean();
        assert_eq!(log.end_offset(), Offset(12));
        assert_eq!(log.epochs(), bench.log.epochs());
    }
}

#[test]
fn recovery_reads_only_what_lies_behind_the_recovery_point() {
    let mut bench = Bench::with_three_segments();
    bench.log.checkpoint_recovery_point(&mut bench.io);
    bench.perform_all();
    bench.disk.damage(DIRECTORY, "00000000000000000000.log", |content| content[70] ^= 1);
    assert_eq!(bench.recover().1, None, "the first segment was synced and is not read");
    bench.disk.damage(DIRECTORY, "00000000000000000008.log", |content| content[70] ^= 1);
    assert_eq!(bench.recover().1.map(|cut| cut.at), Some(Offset(8)));
}

#[test]
fn a_cut_below_the_recovery_point_takes_it_back_first() {
    let mut bench = Bench::with_three_segments();
    bench.log.checkpoint_recovery_point(&mut bench.io);
    bench.perform_all();
    bench.truncate(2);
    bench.perform_one();
    let content = bench.disk.content(DIRECTORY, "recovery-point-offset-checkpoint").expect("written");
    assert_eq!(&content[..], b"0\n1\norders 0 2\n");
}

#[test]
fn with_flush_messages_nothing_counts_before_it_is_durable() {
    let mut bench = Bench::with(LogSettings { flush_messages: 3, ..LogSettings::default() });
    bench.append(2, 1, 0);
    bench.append(2, 2, 0);
    let mut seen = Vec::new();
    while bench.perform_one().is_some() {
        seen.push((bench.log.progress().submitted().0, bench.log.progress().durable().0));
    }
    assert_eq!(seen, [(0, 0), (2, 0), (2, 0), (4, 4)]);
}
