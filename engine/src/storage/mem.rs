//! A disk in memory for tests: everything succeeds, a sync is a no-op, nothing is ever lost.
//!
//! Beyond the trait it lets a test look at files and damage them. It knows no page cache, no latency and no
//! failure: the simulated disk has those.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use super::{Disk, DiskDone, DiskError, DiskOp, DiskOutcome, FileName};

type Directories = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Files in memory. Clones share them.
#[derive(Clone, Default, Debug)]
pub struct MemoryDisk {
    directories: Rc<RefCell<Directories>>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        MemoryDisk::default()
    }

    /// A disk with the same files that shares nothing with this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        MemoryDisk { directories: Rc::new(RefCell::new(self.directories.borrow().clone())) }
    }

    /// Performs one operation, at once.
    ///
    /// # Errors
    /// [`DiskError::NotFound`] for operations on a file that does not exist, but for append, replace, delete.
    pub fn perform(&self, op: DiskOp) -> DiskOutcome {
        match op {
            DiskOp::Append { file, parts } => self.with_new(&file, |content| {
                for part in parts {
                    content.extend_from_slice(&part);
                }
            }),
            DiskOp::Replace { file, content } => self.with_new(&file, |old| *old = content.to_vec()),
            DiskOp::Read { file, position, length } | DiskOp::ReadToSend { file, position, length, .. } => {
                let content = self.content(&file.directory, &file.name).ok_or(DiskError::NotFound)?;
                let start = clamp(position, content.len());
                let end = clamp(position.saturating_add(length), content.len());
                return Ok(DiskDone::Read(content.slice(start..end)));
            }
            DiskOp::Truncate { file, length } => {
                let cut = |content: &mut Vec<u8>| content.truncate(clamp(length, content.len()));
                self.damage(&file.directory, &file.name, cut).ok_or(DiskError::NotFound)?;
            }
            DiskOp::Sync { file } => {
                self.damage(&file.directory, &file.name, |_| ()).ok_or(DiskError::NotFound)?;
            }
            DiskOp::Delete { file } => self.remove(&file.directory, &file.name),
            DiskOp::RemoveDirectory { directory } => {
                self.directories.borrow_mut().remove(&*directory);
            }
            DiskOp::Rename { file, to } => {
                let content = self.content(&file.directory, &file.name).ok_or(DiskError::NotFound)?;
                self.remove(&file.directory, &file.name);
                self.write(&file.directory, &to, &content);
            }
        }
        Ok(DiskDone::Done)
    }

    /// A copy of a file's content; none if there is no such file.
    #[must_use]
    pub fn content(&self, directory: &str, name: &str) -> Option<Bytes> {
        let directories = self.directories.borrow();
        Some(Bytes::copy_from_slice(directories.get(directory)?.get(name)?))
    }

    /// Names and lengths of a directory's files, sorted.
    #[must_use]
    pub fn files(&self, directory: &str) -> Vec<(String, u64)> {
        let directories = self.directories.borrow();
        let files = directories.get(directory).into_iter().flatten();
        files.map(|(name, content)| (name.clone(), content.len() as u64)).collect()
    }

    /// Creates or overwrites a file.
    pub fn write(&self, directory: &str, name: &str, content: &[u8]) {
        let mut directories = self.directories.borrow_mut();
        directories.entry(directory.to_owned()).or_default().insert(name.to_owned(), content.to_vec());
    }

    /// Changes a file's content in place; none if there is no such file.
    pub fn damage(&self, directory: &str, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        change(self.directories.borrow_mut().get_mut(directory)?.get_mut(name)?);
        Some(())
    }

    /// Removes a file if it exists.
    pub fn remove(&self, directory: &str, name: &str) {
        let mut directories = self.directories.borrow_mut();
        let Some(files) = directories.get_mut(directory) else { return };
        files.remove(name);
        if files.is_empty() {
            directories.remove(directory);
        }
    }

    fn with_new(&self, file: &FileName, change: impl FnOnce(&mut Vec<u8>)) {
        let mut directories = self.directories.borrow_mut();
        let files = directories.entry(file.directory.to_string()).or_default();
        change(files.entry(file.name.to_string()).or_default());
    }
}

impl Disk for MemoryDisk {
    async fn execute(&self, op: DiskOp) -> DiskOutcome {
        self.perform(op)
    }

    async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.files(directory))
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.directories.borrow().keys().cloned().collect())
    }
}

/// `position`, but at most `length`.
fn clamp(position: u64, length: usize) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX).min(length)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use super::super::conformance;
    use super::*;

    fn file(name: &str) -> FileName {
        FileName::new(&Arc::from("orders-0"), name)
    }

    #[test]
    fn the_disk_in_memory_does_what_every_disk_must() {
        block_on(conformance::operations(&MemoryDisk::new()));
    }

    #[test]
    fn the_disk_in_memory_keeps_what_must_outlive_a_power_loss() {
        let disk = MemoryDisk::new();
        block_on(conformance::before_power_loss(&disk));
        block_on(conformance::after_power_loss(&disk));
    }

    fn block_on(future: impl Future<Output = ()>) {
        let poll = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_ready(), "the disk in memory never waits");
    }

    #[test]
    fn appends_add_up_and_reads_end_with_the_file() {
        let disk = MemoryDisk::new();
        let parts = vec![Bytes::from_static(b"ab"), Bytes::from_static(b"cd")];
        for _ in 0..2 {
            assert_eq!(
                disk.perform(DiskOp::Append { file: file("a"), parts: parts.clone() }),
                Ok(DiskDone::Done)
            );
        }
        let read = |position, length| disk.perform(DiskOp::Read { file: file("a"), position, length });
        assert_eq!(read(1, 3), Ok(DiskDone::Read(Bytes::from_static(b"bcd"))));
        assert_eq!(read(6, u64::MAX), Ok(DiskDone::Read(Bytes::from_static(b"cd"))));
        assert_eq!(read(99, 1), Ok(DiskDone::Read(Bytes::new())));
    }

    #[test]
    fn what_does_not_exist_is_not_found_and_may_be_deleted() {
        let disk = MemoryDisk::new();
        assert_eq!(disk.perform(DiskOp::Sync { file: file("a") }), Err(DiskError::NotFound));
        assert_eq!(disk.perform(DiskOp::Truncate { file: file("a"), length: 0 }), Err(DiskError::NotFound));
        let read = DiskOp::Read { file: file("a"), position: 0, length: 1 };
        assert_eq!(disk.perform(read), Err(DiskError::NotFound));
        assert_eq!(disk.perform(DiskOp::Delete { file: file("a") }), Ok(DiskDone::Done));
    }

    #[test]
    fn a_directory_ends_with_its_last_file() {
        let disk = MemoryDisk::new();
        disk.write("orders-0", "a", b"1");
        let kept = disk.fork();
        disk.remove("orders-0", "a");
        assert_eq!(disk.files("orders-0"), vec![]);
        assert_eq!(kept.files("orders-0"), vec![("a".to_owned(), 1)]);
    }
}
