//! Which batches a read yields.

use super::*;

const ALL: Offset = Offset(i64::MAX);

fn bases(bench: &Bench, from: i64, bytes_max: usize, up_to: Offset) -> Vec<i64> {
    let plan = bench.log.read(Offset(from), bytes_max, up_to).expect("in range");
    plan.map_or(vec![], |plan| bench.read(&plan).iter().map(|id| id.base.0).collect())
}

#[test]
fn a_read_yields_whole_batches_within_the_bytes_asked_for() {
    let mut bench = Bench::new(1 << 20);
    let size = bench.append(2, 0, 1);
    assert_eq!(size.last, Offset(1));
    for salt in 1..5 {
        bench.append(2, salt, 1);
    }
    bench.perform_all();
    let size = batch(2, 0).size();
    assert_eq!(bases(&bench, 2, 3 * size, ALL), [2, 4, 6]);
    assert_eq!(bases(&bench, 2, 3 * size - 1, ALL), [2, 4]);
    assert_eq!(bases(&bench, 0, usize::MAX, ALL), [0, 2, 4, 6, 8]);
}

/// KIP-74: a consumer must be able to get past a batch that is larger than it asked for.
#[test]
fn kip_74_a_read_yields_at_least_one_batch() {
    let bench = Bench::with_three_segments();
    for bytes_max in [0, 1] {
        assert_eq!(bases(&bench, 4, bytes_max, ALL), [4]);
    }
}

#[test]
fn a_read_from_inside_a_batch_yields_the_whole_batch() {
    let bench = Bench::with_three_segments();
    assert_eq!(bases(&bench, 3, usize::MAX, ALL), [2]);
}

#[test]
fn a_read_stays_within_one_segment() {
    let bench = Bench::with_three_segments();
    assert_eq!(bases(&bench, 0, usize::MAX, ALL), [0, 2]);
    assert_eq!(bases(&bench, 4, usize::MAX, ALL), [4, 6]);
    assert_eq!(bases(&bench, 10, usize::MAX, ALL), [10]);
}

#[test]
fn a_read_yields_only_batches_wholly_below_the_bound() {
    let bench = Bench::with_three_segments();
    assert_eq!(bases(&bench, 0, usize::MAX, Offset(3)), [0]);
    assert_eq!(bases(&bench, 0, usize::MAX, Offset(4)), [0, 2]);
    assert_eq!(bases(&bench, 2, usize::MAX, Offset(3)), [0; 0]);
}

#[test]
fn what_is_not_written_yet_is_not_read() {
    let mut bench = Bench::new(1 << 20);
    bench.append(1, 1, 1);
    bench.perform_all();
    bench.append(1, 2, 1);
    assert_eq!(bases(&bench, 0, usize::MAX, ALL), [0]);
    assert_eq!(bases(&bench, 1, usize::MAX, ALL), [0; 0]);
}

#[test]
fn the_end_is_empty_and_beyond_it_is_out_of_range() {
    let bench = Bench::with_three_segments();
    assert_eq!(bench.log.read(Offset(12), 100, ALL), Ok(None));
    for from in [-1, 13] {
        let error = OutOfRange { from: Offset(from), start: Offset(0), end: Offset(12) };
        assert_eq!(bench.log.read(Offset(from), 100, ALL), Err(error));
    }
}

#[test]
fn a_timestamp_finds_the_first_record_at_it_or_later() {
    let mut bench = Bench::new(2 * batch(2, 0).size());
    // Timestamps: 50 51, 30 31, 90 91. The clock of a producer went back.
    for salt in [5, 3, 9] {
        bench.append(2, salt, 1);
    }
    bench.perform_all();
    let found = |step| bench.search(step).map(|(offset, timestamp, _)| (offset.0, timestamp.0));
    let at = |timestamp| found(bench.log.search_timestamp(Timestamp(timestamp)));
    assert_eq!(at(0), Some((0, 50)));
    assert_eq!(at(51), Some((1, 51)));
    assert_eq!(at(52), Some((4, 90)));
    assert_eq!(at(92), None);
    assert_eq!(found(bench.log.search_max_timestamp(ALL)), Some((5, 91)));
    assert_eq!(found(bench.log.search_max_timestamp(Offset(4))), Some((1, 51)));
    assert_eq!(found(bench.log.search_max_timestamp(Offset(0))), None);
}
