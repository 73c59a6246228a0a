//! What the core asks of a disk, and the trait a disk implements.
//!
//! The core never touches a file: it emits [`DiskOp`]s and hears of their end. Operations on files of one
//! **directory** are performed in the order they were emitted; operations on different directories may overlap.
//! A write that is done sits in the page cache: it survives a crash of the process and not a power loss. Only
//! [`DiskOp::Sync`] makes it durable.
//!
//! Boot is plain async code over [`Disk`] (nothing is promised to anybody yet); after it every operation goes
//! through effects.

#[doc(hidden)]
pub mod conformance;
pub mod mem;
pub mod progress;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::file_range::FileRange;

pub use crate::record::BatchSearch;
pub use progress::Progress;

/// A file: a directory and a name within it. Directories are flat; `orders-0/00000000000000000000.log`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName {
    /// The directory; operations within one are ordered.
    pub directory: Arc<str>,
    /// The file's name in it.
    pub name: Arc<str>,
}

impl FileName {
    /// The file `directory/name`.
    #[must_use]
    pub fn new(directory: &Arc<str>, name: &str) -> Self {
        FileName { directory: directory.clone(), name: Arc::from(name) }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.directory, self.name)
    }
}

/// One disk operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskOp {
    /// Write `parts` one after the other at the end of the file, creating it if need be.
    Append {
        /// The file.
        file: FileName,
        /// The bytes, as slices that need not be copied together.
        parts: Vec<Bytes>,
    },
    /// Read up to `length` bytes from `position`; fewer at the end of the file.
    Read {
        /// The file.
        file: FileName,
        /// First byte.
        position: u64,
        /// How many bytes at most.
        length: u64,
    },
    /// Read up to `length` bytes from `position`, only to send them on: a disk that can does not read them but hands
    /// out a range of the file ([`DiskDone::InFile`]), cut to the batches that `search` finds there. Another one
    /// answers as to [`DiskOp::Read`].
    ReadToSend {
        /// The file.
        file: FileName,
        /// First byte.
        position: u64,
        /// How many bytes at most.
        length: u64,
        /// Which of them are wanted; all if there is nothing to look for.
        search: Option<BatchSearch>,
    },
    /// Cut the file to `length` bytes; nothing if it is not longer.
    Truncate {
        /// The file.
        file: FileName,
        /// The new length.
        length: u64,
    },
    /// Replace the whole file atomically and durably (write aside, sync, rename).
    Replace {
        /// The file.
        file: FileName,
        /// Its new content.
        content: Bytes,
    },
    /// Make what was written to the file so far durable (fsync).
    Sync {
        /// The file.
        file: FileName,
    },
    /// Delete the file; no error if it does not exist.
    Delete {
        /// The file.
        file: FileName,
    },
    /// Delete a directory with every file in it; no error if it does not exist.
    RemoveDirectory {
        /// The directory.
        directory: Arc<str>,
    },
    /// Give the file another name in its directory, atomically and durably; a file of that name is replaced. Its
    /// content is as durable as it was: sync it first.
    Rename {
        /// The file.
        file: FileName,
        /// Its new name.
        to: Arc<str>,
    },
}

impl DiskOp {
    /// The directory the operation is about.
    #[must_use]
    pub fn directory(&self) -> &Arc<str> {
        match self {
            DiskOp::RemoveDirectory { directory } => directory,
            DiskOp::Append { file, .. }
            | DiskOp::Read { file, .. }
            | DiskOp::ReadToSend { file, .. }
            | DiskOp::Truncate { file, .. }
            | DiskOp::Replace { file, .. }
            | DiskOp::Sync { file }
            | DiskOp::Delete { file }
            | DiskOp::Rename { file, .. } => &file.directory,
        }
    }

    /// The file the operation is about; `None` if it is about a whole directory.
    #[must_use]
    pub fn file(&self) -> Option<&FileName> {
        match self {
            DiskOp::RemoveDirectory { .. } => None,
            DiskOp::Append { file, .. }
            | DiskOp::Read { file, .. }
            | DiskOp::ReadToSend { file, .. }
            | DiskOp::Truncate { file, .. }
            | DiskOp::Replace { file, .. }
            | DiskOp::Sync { file }
            | DiskOp::Delete { file }
            | DiskOp::Rename { file, .. } => Some(file),
        }
    }

    /// Bytes moved, for cost models and traces.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            DiskOp::Append { parts, .. } => parts.iter().map(|part| part.len() as u64).sum(),
            DiskOp::Read { length, .. } | DiskOp::ReadToSend { length, .. } => *length,
            DiskOp::Replace { content, .. } => content.len() as u64,
            DiskOp::Truncate { .. }
            | DiskOp::Sync { .. }
            | DiskOp::Delete { .. }
            | DiskOp::Rename { .. }
            | DiskOp::RemoveDirectory { .. } => 0,
        }
    }
}

impl fmt::Display for DiskOp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskOp::Append { file, .. } => write!(formatter, "append {file} {}B", self.bytes()),
            DiskOp::Read { file, position, length } | DiskOp::ReadToSend { file, position, length, .. } => {
                write!(formatter, "read {file} @{position} {length}B")
            }
            DiskOp::Truncate { file, length } => write!(formatter, "truncate {file} to {length}B"),
            DiskOp::Replace { file, .. } => write!(formatter, "replace {file} {}B", self.bytes()),
            DiskOp::Sync { file } => write!(formatter, "sync {file}"),
            DiskOp::Delete { file } => write!(formatter, "delete {file}"),
            DiskOp::RemoveDirectory { directory } => write!(formatter, "remove {directory}"),
            DiskOp::Rename { file, to } => write!(formatter, "rename {file} to {to}"),
        }
    }
}

/// What a finished operation returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskDone {
    /// The bytes of a [`DiskOp::Read`] or a [`DiskOp::ReadToSend`].
    Read(Bytes),
    /// What a [`DiskOp::ReadToSend`] wants, not read. Not empty.
    InFile(FileRange),
    /// Anything else.
    Done,
}

/// Why an operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DiskError {
    /// `EIO`: the device failed. After a failed sync the data of that file may be gone.
    #[error("input/output error")]
    Io,
    /// `ENOSPC`.
    #[error("no space left on device")]
    Full,
    /// The file does not exist.
    #[error("no such file")]
    NotFound,
}

/// How an operation ended.
pub type DiskOutcome = Result<DiskDone, DiskError>;

/// Matches the end of a disk operation with its start. Chosen by the machine that emits it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DiskToken(pub u64);

/// A disk. The caller keeps the order within a directory: it starts an operation when the one before it ended.
pub trait Disk: Clone + 'static {
    /// Performs one operation.
    fn execute(&self, op: DiskOp) -> impl Future<Output = DiskOutcome>;

    /// The names and lengths of the files of a directory, sorted by name; empty if it does not exist.
    ///
    /// # Errors
    /// [`DiskError::Io`] if the device fails.
    fn list(&self, directory: &str) -> impl Future<Output = Result<Vec<(String, u64)>, DiskError>>;

    /// The directories that hold at least one file, sorted.
    ///
    /// # Errors
    /// [`DiskError::Io`] if the device fails.
    fn directories(&self) -> impl Future<Output = Result<Vec<String>, DiskError>>;
}
