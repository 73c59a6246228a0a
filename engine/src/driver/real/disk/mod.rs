//! Real files under one root directory.
//!
//! Writes go to the page cache inline, as do reads: both are done by the time a task switch would be. What waits
//! for the device (sync, replace, rename) waits on another thread, so that the loop goes on. A file's first sync also syncs
//! the directory it stands in: without that a power loss could take the name of a file whose bytes are safe.
//!
//! Files stay open between operations, at most [`handles::COUNT_MAX`] of them. The system's words about an error go
//! to whoever made the disk; the core only hears which kind it was.

mod handles;
mod lending;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::directory::{sync_directory, write_durably};
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, DiskOutcome, FileName};
use handles::Handles;
use lending::Lending;

/// Ends the name of a file that is being written aside; one that a crash left behind is no file of ours.
const ASIDE: &str = ".replacing";
/// Most slices one system call takes (`IOV_MAX` is 1024 on every system we know).
const SLICES_MAX: usize = 1024;

/// Told of errors, in words for a person.
type Trouble = Rc<dyn Fn(&str)>;

/// A disk that is a directory of the file system. Clones are the same disk.
#[derive(Clone)]
pub struct FileDisk(Rc<State>);

struct State {
    root: PathBuf,
    trouble: Trouble,
    handles: RefCell<Handles>,
    /// Files written since their last sync; a clean shutdown syncs them.
    unsynced: RefCell<BTreeSet<FileName>>,
    /// Directories where a file appeared or went since the directory was last synced.
    changed: RefCell<BTreeSet<Arc<str>>>,
    lending: RefCell<Lending>,
}

impl FileDisk {
    /// The disk under `root`, which exists. `trouble` is told of errors, in words for a person.
    #[must_use]
    pub fn new(root: &Path, trouble: impl Fn(&str) + 'static) -> FileDisk {
        FileDisk(Rc::new(State {
            root: root.to_owned(),
            trouble: Rc::new(trouble),
            handles: RefCell::default(),
            unsynced: RefCell::default(),
            changed: RefCell::default(),
            lending: RefCell::default(),
        }))
    }

    /// Makes everything written so far durable. Blocks; for a clean shutdown.
    ///
    /// # Errors
    /// The first error, after everything was tried.
    pub fn sync_all(&self) -> Result<(), DiskError> {
        let mut outcome = Ok(());
        let files = std::mem::take(&mut *self.0.unsynced.borrow_mut());
        for name in files {
            outcome =
                outcome.and(self.told("sync", &name, self.open(&name).and_then(|file| file.sync_data())));
        }
        let directories = std::mem::take(&mut *self.0.changed.borrow_mut());
        for directory in directories {
            let name = FileName::new(&directory, "");
            outcome = outcome.and(self.told("sync", &name, sync_names(&self.0.root, &directory)));
        }
        outcome
    }

    fn path(&self, file: &FileName) -> PathBuf {
        self.0.root.join(&*file.directory).join(&*file.name)
    }

    /// The file, which exists.
    fn open(&self, name: &FileName) -> io::Result<Arc<File>> {
        self.0
            .handles
            .borrow_mut()
            .open(name, || fs::OpenOptions::new().read(true).append(true).open(self.path(name)))
    }

    /// The file, created if need be.
    fn open_or_create(&self, name: &FileName) -> io::Result<Arc<File>> {
        match self.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let path = self.path(name);
        let directory = self.0.root.join(&*name.directory);
        let file = self.0.handles.borrow_mut().open(name, || {
            fs::create_dir_all(&directory)?;
            fs::OpenOptions::new().read(true).append(true).create(true).open(&path)
        })?;
        self.0.changed.borrow_mut().insert(name.directory.clone());
        Ok(file)
    }

    fn append(&self, name: &FileName, parts: &[Bytes]) -> io::Result<()> {
        let file = self.open_or_create(name)?;
        if self.0.unsynced.borrow().get(name).is_none() {
            self.0.unsynced.borrow_mut().insert(name.clone());
        }
        for parts in parts.chunks(SLICES_MAX) {
            write_slices(&file, parts)?;
        }
        Ok(())
    }

    fn read(&self, name: &FileName, position: u64, length: u64) -> io::Result<Bytes> {
        let file = self.open(name)?;
        let mut file: &File = &file;
        let there = file.metadata()?.len().saturating_sub(position).min(length);
        if there == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(there).map_err(io::Error::other)?);
        file.seek(SeekFrom::Start(position))?;
        file.take(there).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    async fn truncate(&self, name: &FileName, length: u64) -> io::Result<()> {
        let file = self.open(name)?;
        if file.metadata()?.len() <= length {
            return Ok(());
        }
        if self.0.lending.borrow().reaches_beyond(name, length) {
            return self.cut_aside(name, file, length).await;
        }
        self.0.unsynced.borrow_mut().insert(name.clone());
        file.set_len(length)
    }

    /// Cuts a file of which bytes behind the cut may be on their way to a reader: what is kept goes to a new file of
    /// that name, and the old one stays as it is for as long as somebody reads it.
    async fn cut_aside(&self, name: &FileName, file: Arc<File>, length: u64) -> io::Result<()> {
        self.close(name);
        self.0.unsynced.borrow_mut().remove(name);
        let (directory, name) = (self.0.root.join(&*name.directory), name.clone());
        elsewhere(move || {
            let aside = directory.join(format!("{}{ASIDE}", name.name));
            let mut kept = File::create(&aside)?;
            let mut file: &File = &file;
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut file.take(length), &mut kept)?;
            kept.sync_all()?;
            fs::rename(aside, directory.join(&*name.name))?;
            sync_directory(&directory)
        })
        .await
    }

    /// Forgets a file: its name will mean another one, or none.
    fn close(&self, name: &FileName) {
        self.0.handles.borrow_mut().close(name);
        self.0.lending.borrow_mut().forget(name);
    }

    fn delete(&self, name: &FileName) -> io::Result<()> {
        self.close(name);
        self.0.unsynced.borrow_mut().remove(name);
        match fs::remove_file(self.path(name)) {
            Ok(()) => {
                self.0.changed.borrow_mut().insert(name.directory.clone());
                self.remove_if_empty(&name.directory)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove_directory(&self, directory: &Arc<str>) -> io::Result<()> {
        for (name, _) in files(&self.0.root.join(&**directory))? {
            self.delete(&FileName::new(directory, &name))?;
        }
        Ok(())
    }

    /// A directory ends with its last file; the root stays.
    fn remove_if_empty(&self, directory: &str) -> io::Result<()> {
        if directory.is_empty() {
            return Ok(());
        }
        match fs::remove_dir(self.0.root.join(directory)) {
            Ok(()) => {
                self.0.changed.borrow_mut().remove(directory);
                sync_directory(&self.0.root)
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn sync(&self, name: &FileName) -> io::Result<()> {
        let file = self.open(name)?;
        let names = self.0.changed.borrow_mut().remove(&name.directory);
        self.0.unsynced.borrow_mut().remove(name);
        let (root, directory) = (self.0.root.clone(), name.directory.clone());
        let synced = elsewhere(move || {
            file.sync_data()?;
            if names { sync_names(&root, &directory) } else { Ok(()) }
        })
        .await;
        if synced.is_err() {
            self.0.unsynced.borrow_mut().insert(name.clone());
            if names {
                self.0.changed.borrow_mut().insert(name.directory.clone());
            }
        }
        synced
    }

    async fn replace(&self, name: &FileName, content: Bytes) -> io::Result<()> {
        self.close(name);
        let (root, name) = (self.0.root.clone(), name.clone());
        elsewhere(move || {
            let directory = root.join(&*name.directory);
            if !directory.exists() {
                fs::create_dir_all(&directory)?;
                sync_directory(&root)?;
            }
            write_durably(&directory, &name.name, &format!("{}{ASIDE}", name.name), &content)
        })
        .await
    }

    async fn rename(&self, name: &FileName, to: Arc<str>) -> io::Result<()> {
        let new = FileName { directory: name.directory.clone(), name: to };
        for name in [name, &new] {
            self.close(name);
        }
        if self.0.unsynced.borrow_mut().remove(name) {
            self.0.unsynced.borrow_mut().insert(new.clone());
        } else {
            self.0.unsynced.borrow_mut().remove(&new);
        }
        let (from, to, directory) = (self.path(name), self.path(&new), self.0.root.join(&*name.directory));
        elsewhere(move || {
            fs::rename(from, to)?;
            sync_directory(&directory)
        })
        .await
    }

    fn told<T>(&self, doing: &str, name: &FileName, outcome: io::Result<T>) -> Result<T, DiskError> {
        outcome.map_err(|error| {
            let kind = kind(&error);
            if kind != DiskError::NotFound {
                (self.0.trouble)(&format!("cannot {doing} {}: {error}", self.path(name).display()));
            }
            kind
        })
    }
}

impl Disk for FileDisk {
    async fn execute(&self, op: DiskOp) -> DiskOutcome {
        let done = |outcome: Result<(), DiskError>| outcome.map(|()| DiskDone::Done);
        match op {
            DiskOp::Append { file, parts } => done(self.told("write", &file, self.append(&file, &parts))),
            DiskOp::Read { file, position, length } => {
                self.told("read", &file, self.read(&file, position, length)).map(DiskDone::Read)
            }
            DiskOp::ReadToSend { file, position, length, search } => {
                self.told("read", &file, self.read_to_send(&file, position, length, search))
            }
            DiskOp::Truncate { file, length } => {
                let outcome = self.truncate(&file, length).await;
                done(self.told("truncate", &file, outcome))
            }
            DiskOp::Delete { file } => done(self.told("delete", &file, self.delete(&file))),
            DiskOp::RemoveDirectory { directory } => {
                let name = FileName::new(&directory, "");
                done(self.told("remove", &name, self.remove_directory(&directory)))
            }
            DiskOp::Sync { file } => {
                let outcome = self.sync(&file).await;
                done(self.told("sync", &file, outcome))
            }
            DiskOp::Rename { file, to } => {
                let outcome = self.rename(&file, to).await;
                done(self.told("rename", &file, outcome))
            }
            DiskOp::Replace { file, content } => {
                let outcome = self.replace(&file, content).await;
                done(self.told("replace", &file, outcome))
            }
        }
    }

    async fn list(&self, directory: &str) -> Result<Vec<(String, u64)>, DiskError> {
        let name = FileName::new(&Arc::from(directory), "");
        self.told("list", &name, files(&self.0.root.join(directory)))
    }

    async fn directories(&self) -> Result<Vec<String>, DiskError> {
        let name = FileName::new(&Arc::from(""), "");
        self.told("list", &name, directories(&self.0.root))
    }
}

/// Runs what blocks on another thread.
#[expect(clippy::disallowed_methods, reason = "a device takes milliseconds; the loop must go on meanwhile")]
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Writes all of `parts`, which one system call may take.
fn write_slices(mut file: &File, parts: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = &mut slices[..];
    // Slices of nothing would look like a disk that takes nothing.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the names in a directory durable, and the directory's own.
fn sync_names(root: &Path, directory: &str) -> io::Result<()> {
    let path = root.join(directory);
    if path.exists() {
        sync_directory(&path)?;
    }
    sync_directory(root)
}

fn files(directory: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in entries(directory)? {
        let (entry, name) = entry?;
        let status = entry.metadata()?;
        if status.is_file() && !name.ends_with(ASIDE) {
            found.push((name, status.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn directories(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in entries(root)? {
        let (entry, name) = entry?;
        if entry.file_type()?.is_dir() && !files(&entry.path())?.is_empty() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The entries of a directory whose names are text; ours all are. None if there is no such directory.
fn entries(directory: &Path) -> io::Result<impl Iterator<Item = io::Result<(fs::DirEntry, String)>>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let named = |entry: io::Result<fs::DirEntry>| match entry {
        Ok(entry) => entry.file_name().into_string().ok().map(|name| Ok((entry, name))),
        Err(error) => Some(Err(error)),
    };
    Ok(entries.into_iter().flatten().filter_map(named))
}

fn kind(error: &io::Error) -> DiskError {
    match error.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            DiskError::Full
        }
        _ => DiskError::Io,
    }
}

/// An empty folder for the files of one test.
#[cfg(test)]
pub(super) fn test_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tribunal-engine-{}-{name}", std::process::id()));
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder goes");
    }
    fs::create_dir_all(&folder).expect("a folder");
    folder
}
