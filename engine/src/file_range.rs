//! Bytes of an open file that are sent on without being read.
//!
//! Owns only which bytes of which file. Nobody here reads them: a disk that can hands a range out, and the network
//! of the same platform sends it (`sendfile`). The open file stays readable when its name means another file, or none.

use std::fs::File;
use std::sync::Arc;

/// Counts the ranges that live. Clones of one lease belong to one disk.
pub type Lease = Arc<()>;

/// Bytes of an open file. They do not change while the range lives: who hands one out sees to that.
#[derive(Clone, Debug)]
pub struct FileRange {
    file: Arc<File>,
    position: u64,
    length: usize,
    _lease: Lease,
}

impl FileRange {
    /// `length` bytes of `file` from `position` on.
    #[must_use]
    pub fn new(file: Arc<File>, position: u64, length: usize, lease: Lease) -> FileRange {
        FileRange { file, position, length, _lease: lease }
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The first byte.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl PartialEq for FileRange {
    fn eq(&self, other: &FileRange) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && (self.position, self.length) == (other.position, other.length)
    }
}

impl Eq for FileRange {}
