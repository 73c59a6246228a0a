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
//! | sync that failed          | kept                 | lost, whatever a later sync said                       |
//! | sync that lied            | kept                 | as without the sync                                    |
//! | rot                       | rotten               | rotten                                                 |
//!
//! An operation takes its effect at its end, and only if the boot that asked for it still lives. Operations on the
//! page cache take processor-like time and do not queue; sync, replace and rename go through the device, one after the
//! other. Deletion counts as durable at once: a journal commits it long before anybody misses the file. Reads are
//! always served from the cache.
//!
//! What can be wrong with a disk for a time is in `fault`; [`DiskState::corrupt`] is for good.

mod content;
mod fault;
mod file;
mod power_loss;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use tribunal_engine::rng::Rng;
use tribunal_engine::storage::{Disk, DiskDone, DiskError, DiskOp, DiskOutcome, FileName};
use tribunal_engine::time::Duration;

pub use fault::{DiskFault, DiskFaultId, DiskScope};
pub use power_loss::PowerLoss;

use super::core::Runtime;
use super::host::HostId;
use super::latency::{Latency, nanos, transfer_nanos};
use super::timer::Timer;
use super::trace::TraceKind;
use fault::{Fate, Faults};
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
    faults: Faults,
    rng: Rng,
}

impl DiskState {
    pub(super) fn new(settings: DiskSettings, rng: Rng) -> Self {
        let faults = Faults::new(rng.fork("fault"));
        DiskState { settings, files: BTreeMap::new(), busy_until: 0, faults, rng }
    }

    /// Something is wrong from now on.
    pub(super) fn begin_fault(&mut self, fault: DiskFault, scope: DiskScope) -> DiskFaultId {
        self.faults.begin(fault, scope)
    }

    /// It is mended: how many operations it struck, and whom to wake.
    pub(super) fn end_fault(&mut self, id: DiskFaultId) -> (u64, Vec<Waker>) {
        self.faults.end(id)
    }

    /// Turns `bits` bits over, each at a place drawn evenly from the bytes of the files in `scope`: bit rot of pages
    /// that are read from the platter again. Answers where; nowhere if there is no byte.
    pub(super) fn corrupt(&mut self, scope: &DiskScope, bits: u32) -> Vec<(FileName, u64)> {
        let mut places = Vec::new();
        let total: u64 =
            self.files.iter().filter(|(name, _)| scope.covers(name)).map(|(_, file)| file.length()).sum();
        for _ in 0..if total == 0 { 0 } else { bits } {
            let (mut place, bit) = (self.faults.draw(total), self.faults.draw(8));
            for (name, file) in self.files.iter_mut().filter(|(name, _)| scope.covers(name)) {
                if place < file.length() {
                    file.seen.flip(place, u8::try_from(bit).unwrap_or(0));
                    places.push((name.clone(), place));
                    break;
                }
                place -= file.length();
            }
        }
        places
    }

    /// When `op`, begun at `now`, is done.
    pub(super) fn begin(&mut self, now: u64, op: &DiskOp) -> u64 {
        if let Some(extra) = self.faults.slows(op) {
            let cost = extra.saturating_add(self.cost(op));
            self.busy_until = self.busy_until.max(now).saturating_add(cost);
            return self.busy_until;
        }
        if !matches!(op, DiskOp::Sync { .. } | DiskOp::Replace { .. } | DiskOp::Rename { .. }) {
            return now.saturating_add(self.cost(op));
        }
        let cost = self.cost(op);
        if cost == 0 {
            return now;
        }
        self.busy_until = self.busy_until.max(now).saturating_add(cost);
        self.busy_until
    }

    /// What `op` takes, without waiting.
    fn cost(&mut self, op: &DiskOp) -> u64 {
        let flushed = match op {
            DiskOp::Sync { file } => self.files.get(file).map_or(0, File::unsynced),
            DiskOp::Replace { content, .. } => content.len() as u64,
            DiskOp::Rename { .. } => 0,
            _ => {
                let moved = self.moved(op).saturating_mul(self.settings.picoseconds_per_byte) / 1000;
                return nanos(self.settings.operation).saturating_add(moved);
            }
        };
        let sync = self.settings.sync.draw(&mut self.rng);
        sync.saturating_add(transfer_nanos(flushed, self.settings.write_bytes_per_second))
    }

    /// Bytes an operation on the page cache moves: a read moves what is there, however much it asks for.
    fn moved(&self, op: &DiskOp) -> u64 {
        match op {
            DiskOp::Read { file, position, length } | DiskOp::ReadToSend { file, position, length, .. } => {
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
        let fate = self.faults.fate(&op);
        match (op, fate) {
            (DiskOp::Append { file, parts }, fate) => {
                let content = self.files.entry(file).or_default();
                if let Fate::Full(mut fits) = fate {
                    for part in parts {
                        let length = fits.min(part.len() as u64);
                        content.append(part.slice(..usize::try_from(length).unwrap_or(part.len())));
                        fits -= length;
                    }
                    return Err(DiskError::Full);
                }
                for part in parts {
                    content.append(part);
                }
            }
            (DiskOp::Read { .. } | DiskOp::ReadToSend { .. }, Fate::Error) => return Err(DiskError::Io),
            (
                DiskOp::Read { file, position, length } | DiskOp::ReadToSend { file, position, length, .. },
                _,
            ) => {
                let file = self.files.get_mut(&file).ok_or(DiskError::NotFound)?;
                return Ok(DiskDone::Read(file.read(position, length)));
            }
            (DiskOp::Truncate { file, length }, _) => {
                let content = self.files.get_mut(&file).ok_or(DiskError::NotFound)?;
                let before = content.length();
                content.truncate(length);
                self.faults.freed(&file, before.saturating_sub(length));
            }
            (DiskOp::Replace { .. }, Fate::Full(_)) => return Err(DiskError::Full),
            (DiskOp::Replace { .. }, Fate::Error) => return Err(DiskError::Io),
            (DiskOp::Replace { file, content }, Fate::Lie) => {
                let old = self.files.remove(&file).unwrap_or_default();
                self.faults.freed(&file, old.length());
                self.files.insert(file, old.replaced(content));
            }
            (DiskOp::Replace { file, content }, Fate::Normal) => {
                let old = self.files.get(&file).map_or(0, File::length);
                self.faults.freed(&file, old);
                self.files.insert(file, File::durable(content));
            }
            (DiskOp::Sync { file }, fate) => {
                let content = self.files.get_mut(&file).ok_or(DiskError::NotFound)?;
                match fate {
                    Fate::Normal | Fate::Full(_) => content.sync(sync_end),
                    Fate::Lie => {}
                    Fate::Error => {
                        content.sync_failed(sync_end);
                        return Err(DiskError::Io);
                    }
                }
            }
            (DiskOp::Delete { file }, _) => {
                let gone = self.files.remove(&file).map_or(0, |content| content.length());
                self.faults.freed(&file, gone);
            }
            (DiskOp::RemoveDirectory { directory }, _) => self.remove_directory(&directory),
            (DiskOp::Rename { file, to }, _) => {
                let mut moved = self.files.remove(&file).ok_or(DiskError::NotFound)?;
                moved.named = true;
                let to = FileName { name: to, ..file };
                let replaced = self.files.insert(to.clone(), moved).map_or(0, |content| content.length());
                self.faults.freed(&to, replaced);
            }
        }
        Ok(DiskDone::Done)
    }

    fn remove_directory(&mut self, directory: &str) {
        let files: Vec<FileName> =
            self.files.keys().filter(|name| &*name.directory == directory).cloned().collect();
        for file in files {
            let length = self.files.remove(&file).map_or(0, |content| content.length());
            self.faults.freed(&file, length);
        }
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
        let mut first = true;
        future::poll_fn(|context| {
            let stalls = self.state.borrow_mut().faults.stalls(&op, context.waker(), first);
            first = false;
            if stalls { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let (done, sync_end) = {
            let mut state = self.state.borrow_mut();
            (state.begin(self.runtime.now_nanos(), &op), op.file().map_or(0, |file| state.length(file)))
        };
        self.reach(done).await;
        let kind = match &op {
            DiskOp::Append { .. } => 1,
            DiskOp::Read { .. } | DiskOp::ReadToSend { .. } => 2,
            DiskOp::Truncate { .. } => 3,
            DiskOp::Replace { .. } => 4,
            DiskOp::Sync { .. } => 5,
            DiskOp::Delete { .. } => 6,
            DiskOp::RemoveDirectory { .. } => 0,
            DiskOp::Rename { .. } => 7,
        };
        self.runtime.trace.borrow_mut().event(
            self.runtime.now_nanos(),
            self.host,
            TraceKind::Disk,
            op.bytes() << 3 | kind,
            &op,
        );
        let struck = self.state.borrow().faults.struck();
        let outcome = self.state.borrow_mut().finish(op, sync_end);
        if self.state.borrow().faults.struck() != struck {
            let how = match &outcome {
                Ok(_) => "lies".to_owned(),
                Err(error) => error.to_string(),
            };
            self.runtime.fault(self.host, format_args!("the disk fails it: {how}"));
        }
        outcome
    }

    async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.state.borrow().list(directory))
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.state.borrow().directories())
    }
}

#[cfg(test)]
mod tests;
