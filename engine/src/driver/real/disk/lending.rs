//! Bytes handed out unread, to be sent from the file they lie in.
//!
//! A range lent is a promise that its bytes do not change: the system goes on sending them from the page cache when
//! everybody here has long forgotten the range. Appends, deletions, renames and replacements keep it, because the
//! open file outlives its name. A cut does not, since what is appended behind it would lie where other bytes were
//! lent; so the disk remembers how far it lent of each file, and cuts aside where that is too far.

use std::collections::BTreeMap;
use std::io;

use super::FileDisk;
use crate::file_range::Lease;
use crate::storage::{BatchSearch, DiskDone, FileName};

/// How far bytes of each file were lent.
#[derive(Debug, Default)]
pub(super) struct Lending {
    /// The end of what was lent, by file. At most one entry for each file there is.
    ends: BTreeMap<FileName, u64>,
    /// Held by every range that lives.
    lease: Lease,
}

impl Lending {
    /// Whether bytes at or behind `length` were lent.
    pub(super) fn reaches_beyond(&self, name: &FileName, length: u64) -> bool {
        self.ends.get(name).is_some_and(|end| *end > length)
    }

    /// The name means another file from now on, or none.
    pub(super) fn forget(&mut self, name: &FileName) {
        self.ends.remove(name);
    }
}

#[cfg(not(target_os = "linux"))]
impl FileDisk {
    /// The bytes: nothing is lent here.
    pub(super) fn read_to_send(
        &self,
        name: &FileName,
        position: u64,
        length: u64,
        _search: Option<BatchSearch>,
    ) -> io::Result<DiskDone> {
        self.read(name, position, length).map(DiskDone::Read)
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
pub(super) use linux::{COUNT_MAX, LENT_BYTES_MIN};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    use super::{BatchSearch, DiskDone, FileDisk, FileName, Lending, io};
    use crate::file_range::FileRange;

    /// Fewer bytes are read: two system calls for one would cost more than the copy.
    pub(in super::super) const LENT_BYTES_MIN: u64 = 32 * 1024;
    /// Most ranges that live at a time: each may keep a file open that nobody else has open.
    pub(in super::super) const COUNT_MAX: usize = 128;

    impl Lending {
        fn lend(&mut self, name: &FileName, file: &Arc<File>, position: u64, length: usize) -> FileRange {
            let end = position + length as u64;
            match self.ends.get_mut(name) {
                Some(known) => *known = end.max(*known),
                None => drop(self.ends.insert(name.clone(), end)),
            }
            FileRange::new(file.clone(), position, length, self.lease.clone())
        }

        fn may_lend(&self) -> bool {
            // One is our own.
            Arc::strong_count(&self.lease) <= COUNT_MAX
        }
    }

    impl FileDisk {
        /// A range of the file, or the bytes if they are few, if too many ranges are lent, or if there are no
        /// batches where some should be: whoever sees the bytes finds out.
        pub(in super::super) fn read_to_send(
            &self,
            name: &FileName,
            position: u64,
            length: u64,
            search: Option<BatchSearch>,
        ) -> io::Result<DiskDone> {
            let bytes = |position, length| self.read(name, position, length).map(DiskDone::Read);
            if length < LENT_BYTES_MIN || !self.0.lending.borrow().may_lend() {
                return bytes(position, length);
            }
            let file = self.open(name)?;
            let there = file.metadata()?.len();
            let found = match search {
                Some(search) => {
                    let search = BatchSearch { end: search.end.min(there), ..search };
                    match search.run(|position, buffer| file.read_at(buffer, position))? {
                        Some(found) => found,
                        None => return bytes(position, length),
                    }
                }
                None => position..position.saturating_add(length).min(there),
            };
            let length = found.end.saturating_sub(found.start);
            match usize::try_from(length) {
                Ok(count) if length >= LENT_BYTES_MIN => {
                    Ok(DiskDone::InFile(self.0.lending.borrow_mut().lend(name, &file, found.start, count)))
                }
                _ => bytes(found.start, length),
            }
        }
    }
}
