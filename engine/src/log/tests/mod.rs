//! Behaviour of whole logs, on a disk in memory.

mod appending;
mod compaction;
mod compaction_model;
mod model;
mod producers;
mod reading;
mod recovery;
mod retention;
mod truncation;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::*;
use crate::epoch::LeaderEpoch;
use crate::event::BatchId;
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::record::{BatchBuilder, Compression, RecordBatch};
use crate::storage::mem::MemoryDisk;
use crate::storage::{DiskDone, DiskOp};
use crate::time::Timestamp;

const DIRECTORY: &str = "orders-0";

/// Runs a future that is ready at once, as all of the disk in memory are.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the disk in memory never waits"),
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// A batch of `count` records as a producer sends it; `salt` makes its content its own.
fn batch(count: i64, salt: i64) -> RecordBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    for index in 0..count {
        builder.push(Timestamp(salt * 10 + index), None, Some(&salt.to_be_bytes()), &[]);
    }
    RecordBatch::parse(builder.build()).expect("built")
}

fn recover(disk: &MemoryDisk, settings: LogSettings) -> (PartitionLog, Option<RecoveryCut>) {
    let (log, cut) = block_on(PartitionLog::recover(disk, partition(), settings, Shutdown::Unclean))
        .expect("nothing fails");
    log.invariants();
    (log, cut)
}

/// The identities of all batches a small log knows exactly, without their CRC.
fn index_of(log: &PartitionLog) -> Vec<(Offset, Offset, LeaderEpoch)> {
    log.tail.iter().map(|entry| (entry.base, entry.next, entry.epoch)).collect()
}

/// A log with its disk, and operations between them.
struct Bench {
    disk: MemoryDisk,
    log: PartitionLog,
    io: LogIo,
    queue: VecDeque<(DiskOp, LogCompletion)>,
    settings: LogSettings,
}

impl Bench {
    fn new(segment_bytes: usize) -> Self {
        Bench::with(LogSettings { segment_bytes, ..LogSettings::default() })
    }

    fn with(settings: LogSettings) -> Self {
        let log = PartitionLog::new(partition(), settings);
        Bench { disk: MemoryDisk::new(), log, io: LogIo::default(), queue: VecDeque::new(), settings }
    }

    /// Three segments, six batches of two records, epochs 1 and 3, all written.
    fn with_three_segments() -> Self {
        let mut bench = Bench::new(2 * batch(2, 0).size());
        for salt in 0..6 {
            bench.append(2, salt, if salt < 3 { 1 } else { 3 });
        }
        bench.perform_all();
        assert_eq!(bench.log.segments.len(), 3);
        bench
    }

    fn append(&mut self, count: i64, salt: i64, epoch: i32) -> BatchId {
        self.log.append_as_leader(batch(count, salt), LeaderEpoch(epoch), &mut self.io)
    }

    fn start_epoch(&mut self, epoch: i32) {
        self.log.start_epoch(LeaderEpoch(epoch), &mut self.io);
    }

    fn truncate(&mut self, end: i64) -> Option<Offset> {
        self.log.truncate_to(Offset(end), &mut self.io)
    }

    /// Performs the next operation and tells the log.
    fn perform_one(&mut self) -> Option<(DiskOp, LogCompletion)> {
        self.queue.extend(self.io.drain());
        let (op, completion) = self.queue.pop_front()?;
        let done = self.disk.perform(op.clone()).expect("the log names files that exist");
        self.log.complete(completion, &done, &mut self.io);
        // What follows from the end of an operation goes behind what waits, as in a broker.
        self.log.invariants();
        Some((op, completion))
    }

    /// Whether an operation of a cut has not been performed.
    fn has_cuts_queued(&mut self) -> bool {
        self.queue.extend(self.io.drain());
        self.queue.iter().any(|(op, _)| matches!(op, DiskOp::Truncate { .. } | DiskOp::Delete { .. }))
    }

    fn perform_all(&mut self) {
        while self.perform_one().is_some() {}
    }

    fn recover(&self) -> (PartitionLog, Option<RecoveryCut>) {
        recover(&self.disk, self.settings)
    }

    /// Recovers after a clean shutdown.
    fn recover_clean(&self) -> PartitionLog {
        let recovered = PartitionLog::recover(&self.disk, partition(), self.settings, Shutdown::Clean);
        let (log, cut) = block_on(recovered).expect("nothing fails");
        assert_eq!(cut, None);
        log.invariants();
        log
    }

    fn checkpoint(&self) -> String {
        let content = self.disk.content(DIRECTORY, EPOCH_CHECKPOINT).expect("written");
        String::from_utf8(content.to_vec()).expect("text")
    }

    /// Performs the reads of a search.
    fn search(&self, mut step: SearchStep) -> Option<(Offset, Timestamp, LeaderEpoch)> {
        for _ in 0..1000 {
            match step {
                SearchStep::Found(found) => return Some((found.offset, found.timestamp, found.epoch)),
                SearchStep::NotFound => return None,
                SearchStep::Read(search) => {
                    let outcome = self.disk.perform(search.op());
                    let Ok(DiskDone::Read(bytes)) = outcome else { panic!("a search reads: {outcome:?}") };
                    step = self.log.continue_search(&search, &bytes).expect("sound batches");
                }
            }
        }
        panic!("a search ends")
    }

    /// Performs a plan and reads the batches it yields.
    fn read(&self, plan: &ReadPlan) -> Vec<BatchId> {
        let outcome = self.disk.perform(plan.op.clone());
        let Ok(DiskDone::Read(bytes)) = outcome else { panic!("a plan reads: {outcome:?}") };
        let bytes = plan.trim.apply(bytes).expect("batches");
        assert_eq!(self.find_in_file(plan), bytes, "who sends from the file sends the same");
        assert!(bytes.len() <= plan.bytes, "a plan yields no more than it says");
        let mut batches = crate::record::batches(bytes);
        let ids = batches.by_ref().map(|batch| batch.expect("sound").id()).collect();
        assert!(batches.rest().is_empty(), "a plan yields whole batches");
        ids
    }

    /// What is sent from the file for a plan.
    fn find_in_file(&self, plan: &ReadPlan) -> Bytes {
        let DiskOp::ReadToSend { file, position, length, search } = plan.to_send() else {
            panic!("a plan is sent: {plan:?}")
        };
        let content = self.disk.content(&file.directory, &file.name).expect("written");
        let Some(search) = search else {
            return content.slice(position as usize..(position + length) as usize);
        };
        let read = |position: u64, buffer: &mut [u8]| -> Result<usize, std::convert::Infallible> {
            let rest = content.get(position as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        };
        let Ok(found) = search.run(read);
        let found = found.expect("sound batches");
        content.slice(found.start as usize..found.end as usize)
    }
}
