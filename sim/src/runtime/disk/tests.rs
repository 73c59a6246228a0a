//! What a disk keeps, what it takes, and how each of its faults shows.

use super::*;

fn disk(settings: DiskSettings) -> DiskState {
    DiskState::new(settings, Rng::from_seed(1))
}

fn file() -> FileName {
    FileName::new(&Arc::from("orders-0"), "0.log")
}

fn append(bytes: &'static [u8]) -> DiskOp {
    DiskOp::Append { file: file(), parts: vec![Bytes::from_static(bytes)] }
}

#[test]
fn flushes_queue_on_the_device_and_page_cache_writes_do_not() {
    let mut disk = disk(DiskSettings {
        operation: Duration::from_nanos(5),
        sync: Latency::Fixed(Duration::from_nanos(100)),
        write_bytes_per_second: Some(1_000_000_000),
        ..DiskSettings::default()
    });
    assert_eq!(disk.begin(0, &append(b"0123456789")), 5);
    assert_eq!(disk.finish(append(b"0123456789"), 0), Ok(DiskDone::Done));
    assert_eq!(disk.begin(10, &DiskOp::Sync { file: file() }), 120);
    assert_eq!(disk.begin(11, &DiskOp::Sync { file: file() }), 230);
    assert_eq!(disk.begin(12, &append(b"x")), 17);
}

#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    let mut disk = disk(DiskSettings::default());
    disk.finish(append(b"early"), 0).expect("an append succeeds");
    let end = disk.length(&file());
    disk.finish(append(b"late"), 0).expect("an append succeeds");
    disk.finish(DiskOp::Sync { file: file() }, end).expect("a sync succeeds");
    disk.power_loss(PowerLoss::LoseUnsynced);
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"early")));
}

#[test]
fn a_replaced_file_is_durable_at_once() {
    let mut disk = disk(DiskSettings::default());
    let replace = DiskOp::Replace { file: file(), content: Bytes::from_static(b"epoch 7") };
    disk.finish(replace, 0).expect("a replace succeeds");
    disk.power_loss(PowerLoss::LoseUnsynced);
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"epoch 7")));
}

#[test]
fn a_read_costs_what_it_finds_and_not_what_it_asks_for() {
    let mut disk = disk(DiskSettings { picoseconds_per_byte: 1000, ..DiskSettings::default() });
    disk.finish(append(b"0123456789"), 0).expect("an append succeeds");
    let read = |length| DiskOp::Read { file: file(), position: 4, length };
    assert_eq!(disk.begin(0, &read(u64::MAX)), 6);
    assert_eq!(disk.begin(0, &read(2)), 2);
}

#[test]
fn operations_on_a_missing_file_say_so() {
    let mut disk = disk(DiskSettings::default());
    let read = DiskOp::Read { file: file(), position: 0, length: 1 };
    assert_eq!(disk.finish(read, 0), Err(DiskError::NotFound));
    assert_eq!(disk.finish(DiskOp::Sync { file: file() }, 0), Err(DiskError::NotFound));
    assert_eq!(disk.finish(DiskOp::Delete { file: file() }, 0), Ok(DiskDone::Done));
}

fn whole(fault: DiskFault, disk: &mut DiskState) -> DiskFaultId {
    disk.begin_fault(fault, DiskScope::default())
}

fn sync(disk: &mut DiskState) -> DiskOutcome {
    let end = disk.length(&file());
    disk.finish(DiskOp::Sync { file: file() }, end)
}

#[test]
fn a_full_disk_writes_what_fits_and_then_fails_until_room_is_made() {
    let mut disk = disk(DiskSettings::default());
    let fault = whole(DiskFault::Full { free: 6 }, &mut disk);
    assert_eq!(disk.finish(append(b"four"), 0), Ok(DiskDone::Done));
    assert_eq!(disk.finish(append(b"five5"), 0), Err(DiskError::Full));
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"fourfi")));
    disk.finish(DiskOp::Truncate { file: file(), length: 4 }, 0).expect("a truncation needs no room");
    assert_eq!(disk.finish(append(b"ab"), 0), Ok(DiskDone::Done));
    assert_eq!(disk.finish(append(b"c"), 0), Err(DiskError::Full));
    assert_eq!(disk.end_fault(fault).0, 2);
    assert_eq!(disk.finish(append(b"cd"), 0), Ok(DiskDone::Done));
}

#[test]
fn a_replacement_that_does_not_fit_leaves_the_old_content() {
    let mut disk = disk(DiskSettings::default());
    let replace = |content| DiskOp::Replace { file: file(), content: Bytes::from_static(content) };
    disk.finish(replace(b"old"), 0).expect("a replacement succeeds");
    whole(DiskFault::Full { free: 3 }, &mut disk);
    assert_eq!(disk.finish(replace(b"longer"), 0), Err(DiskError::Full));
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"old")));
    assert_eq!(disk.finish(replace(b"new"), 0), Ok(DiskDone::Done));
}

#[test]
fn a_failed_sync_is_told_once_and_the_next_one_succeeds_without_the_bytes() {
    let mut disk = disk(DiskSettings::default());
    disk.finish(append(b"durable"), 0).expect("an append succeeds");
    assert_eq!(sync(&mut disk), Ok(DiskDone::Done));
    disk.finish(append(b" lost"), 0).expect("an append succeeds");
    let fault = whole(DiskFault::SyncError { share: 1.0 }, &mut disk);
    assert_eq!(sync(&mut disk), Err(DiskError::Io));
    assert_eq!(disk.end_fault(fault).0, 1);
    assert_eq!(sync(&mut disk), Ok(DiskDone::Done));
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"durable lost")));
    disk.power_loss(PowerLoss::KeepAll);
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"durable")));
}

#[test]
fn a_lying_sync_is_found_out_by_a_power_loss_and_an_honest_one_makes_up_for_it() {
    for honest in [false, true] {
        let mut disk = disk(DiskSettings::default());
        disk.finish(append(b"said to be durable"), 0).expect("an append succeeds");
        let fault = whole(DiskFault::SyncLie { share: 1.0 }, &mut disk);
        assert_eq!(sync(&mut disk), Ok(DiskDone::Done));
        assert_eq!(disk.end_fault(fault).0, 1);
        if honest {
            assert_eq!(sync(&mut disk), Ok(DiskDone::Done));
        }
        disk.power_loss(PowerLoss::LoseUnsynced);
        assert_eq!(disk.peek(&file()), honest.then(|| Bytes::from_static(b"said to be durable")));
    }
}

#[test]
fn a_replacement_that_lied_may_be_undone_by_a_power_loss() {
    let mut disk = disk(DiskSettings::default());
    let replace = |content| DiskOp::Replace { file: file(), content: Bytes::from_static(content) };
    disk.finish(replace(b"epoch 7"), 0).expect("a replacement succeeds");
    whole(DiskFault::SyncLie { share: 1.0 }, &mut disk);
    assert_eq!(disk.finish(replace(b"epoch 8, later"), 0), Ok(DiskDone::Done));
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"epoch 8, later")));
    disk.power_loss(PowerLoss::LoseUnsynced);
    assert_eq!(disk.peek(&file()), Some(Bytes::from_static(b"epoch 7")));
}

#[test]
fn a_share_of_the_reads_fails_from_the_stream_of_the_disk() {
    let mut disk = disk(DiskSettings::default());
    disk.finish(append(b"x"), 0).expect("an append succeeds");
    let fault = whole(DiskFault::ReadError { share: 0.25 }, &mut disk);
    let read = || DiskOp::Read { file: file(), position: 0, length: 1 };
    let failed = (0..1000).filter(|_| disk.finish(read(), 0) == Err(DiskError::Io)).count() as u64;
    assert!((200..300).contains(&failed), "{failed} of 1000");
    assert_eq!(disk.end_fault(fault).0, failed);
}

#[test]
fn a_slow_disk_holds_writers_back_one_after_the_other_and_no_reader() {
    let mut disk = disk(DiskSettings::default());
    whole(DiskFault::Slow { extra: Latency::Fixed(Duration::from_nanos(100)) }, &mut disk);
    assert_eq!(disk.begin(0, &append(b"a")), 100);
    assert_eq!(disk.begin(0, &append(b"b")), 200);
    assert_eq!(disk.begin(0, &DiskOp::Read { file: file(), position: 0, length: 1 }), 0);
}

#[test]
fn a_fault_covers_its_directory_and_its_kind_of_file_only() {
    let mut disk = disk(DiskSettings::default());
    let scope = DiskScope { directory: Some(Arc::from("orders-0")), endings: &[".log"] };
    disk.begin_fault(DiskFault::Full { free: 0 }, scope);
    let append = |directory: &str, name: &str| DiskOp::Append {
        file: FileName::new(&Arc::from(directory), name),
        parts: vec![Bytes::from_static(b"x")],
    };
    assert_eq!(disk.finish(append("orders-0", "0.log"), 0), Err(DiskError::Full));
    assert_eq!(disk.finish(append("orders-0", "leader-epoch-checkpoint"), 0), Ok(DiskDone::Done));
    assert_eq!(disk.finish(append("orders-1", "0.log"), 0), Ok(DiskDone::Done));
}

#[test]
fn rot_turns_single_bits_over_and_says_where() {
    let mut disk = disk(DiskSettings::default());
    assert_eq!(disk.corrupt(&DiskScope::default(), 3), []);
    disk.finish(append(b"0123456789"), 0).expect("an append succeeds");
    let places = disk.corrupt(&DiskScope::default(), 1);
    let rotten = disk.peek(&file()).expect("a file");
    let differing: Vec<u64> = (0..10u64)
        .filter(|at| {
            rotten[usize::try_from(*at).expect("small")]
                != b"0123456789"[usize::try_from(*at).expect("small")]
        })
        .collect();
    assert_eq!(places, [(file(), differing[0])]);
    assert_eq!(differing.len(), 1);
}
