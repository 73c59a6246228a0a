//! A simulated disk: what is in the page cache, what is durable, and how long things take.
//!
//! What survives:
//!
//! | what happened before      | crash of the process | power loss                                             |
//! |---------------------------|----------------------|--------------------------------------------------------|
//! | append, then sync         | kept                 | kept                                                   |
//! | append, no sync           | kept                 | as [`PowerLoss`] says: all, none, a prefix, some pages |
//! | append, still under way   | not written          | not written                                            |
//! | sync still under way      | as without the sync  | as without the sync                                    |
//! | truncate, then sync       | cut                  | cut                                                    |
//! | truncate, no sync         | cut                  | cut, or the old end is back                            |
//! | file made and never synced| kept                 | kept, or gone with its name                            |
//! | replace                   | new content          | new content                                            |
//! | replace still under way   | old content          | old content                                            |
//! | delete                    | gone                 | gone                                                   |
//! | rename                    | new name             | new name, content as durable as it was                 |
//!
//! An operation takes its effect at its end, and only if the boot that asked for it still lives. Operations on the
//! page cache take processor-like time and do not queue; sync, replace and rename go through the device, one after the
//! other. Deletion counts as durable at once: a journal commits it long before anybody misses the file. Reads are
//! always served from the cache.
//!
//! Later faults have their places: an error or a full disk is an outcome of `DiskState::finish`, a lie of fsync a
//! sync that does not move the durable end, rot a change of a chunk, a stall a longer busy device.

mod content;
mod file;
mod power_loss;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tribunal_engine::rng::Rng;
use tribunal_engine::storage::{Disk, DiskDone, DiskError, DiskOp, DiskOutcome, FileName};
use tribunal_engine::time::Duration;

pub use power_loss::PowerLoss;

use super::core::Runtime;
use super::host::HostId;
use super::latency::{Latency, nanos, transfer_nanos};
use super::timer::Timer;
use super::trace::TraceKind;
use file::File;

/// How fast a disk is. The default takes no time.
#[derive(Clone, Debug, Default)]
pub struct DiskSettings {
    /// Each operation on the page cache, whatever its size.
    pub operation: Duration,
    /// Each byte written to or read from the page cache, in picoseconds (1000 is one gigabyte per second).
    pub picoseconds_per_byte: u64,
    /// Each flush of the device (fsync), besides the bytes it has to write.
    pub sync: Latency,
    /// What the device writes, in bytes per second; `None` for no limit.
    pub write_bytes_per_second: Option<u64>,
}

/// A file as it is at one moment, for checkers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileStatus {
    /// Its name.
    pub file: FileName,
    /// Bytes a reader sees.
    pub length: u64,
    /// Bytes from the start that a power loss cannot take.
    pub synced: u64,
}

/// A host's disk. Belongs to the machine: it outlives processes.
pub(super) struct DiskState {
    settings: DiskSettings,
    files: BTreeMap<FileName, File>,
    busy_until: u64,
    rng: Rng,
}

impl DiskState {
    pub(super) fn new(settings: DiskSettings, rng: Rng) -> Self {
        DiskState { settings, files: BTreeMap::new(), busy_until: 0, rng }
    }

    /// When `op`, begun at `now`, is done.
    pub(super) fn begin(&mut self, now: u64, op: &DiskOp) -> u64 {
        let flushed = match op {
            DiskOp::Sync { file } => self.files.get(file).map_or(0, File::unsynced),
            DiskOp::Replace { content, .. } => content.len() as u64,
            DiskOp::Rename { .. } => 0,
            _ => {
                let moved = self.moved(op).saturating_mul(self.settings.picoseconds_per_byte) / 1000;
                return now.saturating_add(nanos(self.settings.operation)).saturating_add(moved);
            }
        };
        let cost = self
            .settings
            .sync
            .draw(&mut self.rng)
            .saturating_add(transfer_nanos(flushed, self.settings.write_bytes_per_second));
        if cost == 0 {
            return now;
        }
        self.busy_until = self.busy_until.max(now).saturating_add(cost);
        self.busy_until
    }

    /// Bytes an operation on the page cache moves: a read moves what is there, however much it asks for.
    fn moved(&self, op: &DiskOp) -> u64 {
        match op {
            DiskOp::Read { file, position, length } => {
                (*length).min(self.files.get(file).map_or(0, File::length).saturating_sub(*position))
            }
            _ => op.bytes(),
        }
    }

    /// Bytes of `file` that a sync begun now will make durable.
    pub(super) fn length(&self, file: &FileName) -> u64 {
        self.files.get(file).map_or(0, File::length)
    }

    /// Performs `op`. `sync_end` is the length of the file when a sync began.
    pub(super) fn finish(&mut self, op: DiskOp, sync_end: u64) -> DiskOutcome {
        match op {
            DiskOp::Append { file, parts } => {
                let content = self.files.entry(file).or_default();
                for part in parts {
                    content.append(part);
                }
            }
            DiskOp::Read { file, position, length } => {
                let file = self.files.get_mut(&file).ok_or(DiskError::NotFound)?;
                return Ok(DiskDone::Read(file.read(position, length)));
            }
            DiskOp::Truncate { file, length } => {
                self.files.get_mut(&file).ok_or(DiskError::NotFound)?.truncate(length);
            }
            DiskOp::Replace { file, content } => {
                self.files.insert(file, File::durable(content));
            }
            DiskOp::Sync { file } => {
                self.files.get_mut(&file).ok_or(DiskError::NotFound)?.sync(sync_end);
            }
            DiskOp::Delete { file } => {
                self.files.remove(&file);
            }
            DiskOp::Rename { file, to } => {
                let mut moved = self.files.remove(&file).ok_or(DiskError::NotFound)?;
                moved.named = true;
                self.files.insert(FileName { name: to, ..file }, moved);
            }
        }
        Ok(DiskDone::Done)
    }

    /// Takes what was not synced, as `model` says. The device forgets its queue.
    pub(super) fn power_loss(&mut self, model: PowerLoss) {
        self.busy_until = 0;
        let rng = &mut self.rng;
        self.files.retain(|_, file| power_loss::strike(file, model, rng));
    }

    /// Names and lengths of the files of `directory`, sorted.
    pub(super) fn list(&self, directory: &str) -> Vec<(String, u64)> {
        let first = FileName { directory: Arc::from(directory), name: Arc::from("") };
        let files = self.files.range(first..).take_while(|(name, _)| &*name.directory == directory);
        files.map(|(name, file)| (name.name.to_string(), file.length())).collect()
    }

    /// Directories that hold a file, sorted.
    pub(super) fn directories(&self) -> Vec<String> {
        let mut directories: Vec<String> = self.files.keys().map(|name| name.directory.to_string()).collect();
        directories.dedup();
        directories
    }

    /// Every file, sorted by name.
    pub(super) fn status(&self) -> Vec<FileStatus> {
        let status = |(name, file): (&FileName, &File)| FileStatus {
            file: name.clone(),
            length: file.length(),
            synced: file.synced(),
        };
        self.files.iter().map(status).collect()
    }

    /// What a reader of `file` sees; `None` if it does not exist.
    pub(super) fn peek(&mut self, file: &FileName) -> Option<Bytes> {
        self.files.get_mut(file).map(|file| file.read(0, u64::MAX))
    }
}

/// A host's disk, as one boot of its process sees it.
#[derive(Clone)]
pub struct SimDisk {
    pub(super) runtime: Rc<Runtime>,
    pub(super) host: HostId,
    pub(super) boot: u64,
    pub(super) state: Rc<RefCell<DiskState>>,
}

impl SimDisk {
    /// Waits until `at`. Never ends if the boot is over by then.
    async fn reach(&self, at: u64) {
        if at > self.runtime.now_nanos() {
            Timer::new(Rc::clone(&self.runtime), self.host, at).await;
        }
        if !self.runtime.hosts.borrow()[self.host.index()].runs(self.boot) {
            future::pending::<()>().await;
        }
    }
}

impl Disk for SimDisk {
    async fn execute(&self, op: DiskOp) -> DiskOutcome {
        let (done, sync_end) = {
            let mut state = self.state.borrow_mut();
            (state.begin(self.runtime.now_nanos(), &op), state.length(op.file()))
        };
        self.reach(done).await;
        let kind = match &op {
            DiskOp::Append { .. } => 1,
            DiskOp::Read { .. } => 2,
            DiskOp::Truncate { .. } => 3,
            DiskOp::Replace { .. } => 4,
            DiskOp::Sync { .. } => 5,
            DiskOp::Delete { .. } => 6,
            DiskOp::Rename { .. } => 7,
        };
        self.runtime.trace.borrow_mut().event(
            self.runtime.now_nanos(),
            self.host,
            TraceKind::Disk,
            op.bytes() << 3 | kind,
            &op,
        );
        self.state.borrow_mut().finish(op, sync_end)
    }

    async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.state.borrow().list(directory))
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.state.borrow().directories())
    }
}

#[cfg(test)]
mod tests {
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
}
