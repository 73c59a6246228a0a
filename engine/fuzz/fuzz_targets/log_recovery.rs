//! A log whose segment holds these bytes after a crash: recovery keeps a sound beginning and never fails.

#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::log::{LogSettings, PartitionLog, Shutdown};
use tribunal_engine::storage::mem::MemoryDisk;

/// Runs a future that never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a memory disk never waits"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let disk = MemoryDisk::new();
    disk.write("orders-0", "00000000000000000000.log", bytes);
    let settings = LogSettings::default();
    let partition = TopicPartition::new("orders", 0);
    let recover = || block_on(PartitionLog::recover(&disk, partition.clone(), settings, Shutdown::Unclean));
    let (log, _) = recover().expect("readable");
    log.invariants();
    // What was cut is gone: a second boot finds the same log and cuts nothing.
    let (again, cut) = recover().expect("readable");
    assert!(cut.is_none());
    assert_eq!(again.end_offset(), log.end_offset());
});
