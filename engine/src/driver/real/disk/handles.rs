//! Open files, at most [`COUNT_MAX`]: beyond that the one unused for longest is closed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::storage::FileName;

/// Most files a disk keeps open. Systems allow a process 1024 descriptors unless told otherwise, and a process may
/// hold several disks and many sockets.
pub(super) const COUNT_MAX: usize = 128;

/// Open files by name.
#[derive(Debug, Default)]
pub(super) struct Handles {
    open: BTreeMap<FileName, Handle>,
    uses: u64,
}

#[derive(Debug)]
struct Handle {
    file: Arc<File>,
    last_use: u64,
}

impl Handles {
    /// The open file; `open` opens it if it is not.
    pub(super) fn open(
        &mut self,
        name: &FileName,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        self.uses += 1;
        if let Some(handle) = self.open.get_mut(name) {
            handle.last_use = self.uses;
            return Ok(handle.file.clone());
        }
        let file = Arc::new(open()?);
        if self.open.len() >= COUNT_MAX {
            self.close_oldest();
        }
        self.open.insert(name.clone(), Handle { file: file.clone(), last_use: self.uses });
        Ok(file)
    }

    /// Closes a file, so that its name may mean another one.
    pub(super) fn close(&mut self, name: &FileName) {
        self.open.remove(name);
    }

    fn close_oldest(&mut self) {
        let oldest = self.open.iter().min_by_key(|(_, handle)| handle.last_use);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.open.remove(&name);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}
