//! A data directory: whose it is, that nobody else uses it, and whether it was left in order.
//!
//! As Kafka's log directories: `meta.properties` holds the cluster's id and the node's, `.lock` is locked while a
//! process uses the directory, `.kafka_cleanshutdown` is there when the last one closed its logs. Nothing in a
//! directory that is not ours is ever touched.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::entropy::seed;
use crate::id::{DirectoryId, NodeId};

/// Name of the file that says that the logs were closed in order. Kafka's name.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const META: &str = "meta.properties";
const META_ASIDE: &str = "meta.properties.tmp";
const LOCK: &str = ".lock";
/// Longest `meta.properties` that is read, in bytes.
const META_BYTES_MAX: u64 = 64 * 1024;

/// Whose data it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster's id.
    pub cluster_id: String,
    /// The node's id.
    pub node: NodeId,
}

/// Why a data directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error(
        "{path} is in use by another process, which holds the lock on {path}/.lock; stop that process, or use \
         another directory"
    )]
    Locked {
        /// The directory.
        path: String,
    },
    /// It holds files and none of them says that they are ours.
    #[error(
        "{path} is not empty and has no meta.properties, so it is no data directory; use an empty directory or \
         one that a broker has used before"
    )]
    Foreign {
        /// The directory.
        path: String,
    },
    /// It is another node's.
    #[error(
        "{path} belongs to node {found}, not to node {wanted}; start node {found} on it, or give node {wanted} a \
         directory of its own"
    )]
    OtherNode {
        /// The directory.
        path: String,
        /// Whose it is.
        found: NodeId,
        /// Who wanted it.
        wanted: NodeId,
    },
    /// It is of another cluster.
    #[error(
        "{path} belongs to the cluster {found}, not to {wanted}; a node that changes its cluster needs an empty \
         directory"
    )]
    OtherCluster {
        /// The directory.
        path: String,
        /// Its cluster.
        found: String,
        /// The cluster that wanted it.
        wanted: String,
    },
    /// Its `meta.properties` cannot be understood.
    #[error("{path}/meta.properties is damaged: {problem}; restore it from a copy, or use another directory")]
    Damaged {
        /// The directory.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The system said no.
    #[error("{path}: {source}")]
    Io {
        /// What could not be read or written.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// A directory that this process, and no other, uses.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    id: DirectoryId,
    /// Locked until it is dropped, whatever else happens to the process.
    _lock: File,
}

impl DataDirectory {
    /// Locks the directory, creating it if need be, and checks that it is `identity`'s; a new one becomes so.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing was changed.
    pub fn open(path: &Path, identity: &Identity) -> Result<DataDirectory, OpenError> {
        let found = read_meta(path)?;
        check(path, found.as_ref().map(|(found, _)| found), identity)?;
        fs::create_dir_all(path).map_err(|source| io_error(path, source))?;
        let lock = lock(path)?;
        let id = match found.and_then(|(_, id)| id) {
            Some(id) => id,
            None => mark(path, identity).map_err(|source| io_error(&path.join(META), source))?,
        };
        Ok(DataDirectory { path: path.to_owned(), id, _lock: lock })
    }

    /// Its own id, given when it was formatted: another directory of the same node has another (KIP-853).
    #[must_use]
    pub fn id(&self) -> DirectoryId {
        self.id
    }

    /// Whose a directory is; nobody's if it is empty or does not exist.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing was changed.
    pub fn identity(path: &Path) -> Result<Option<Identity>, OpenError> {
        Ok(read_meta(path)?.map(|(identity, _)| identity))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that every log is closed and durable, unless the node itself has said so, with more in it. Whoever
    /// boots on this directory takes the mark away before it reads a log.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn leave_clean_mark(&self) -> io::Result<()> {
        if self.path.join(CLEAN_SHUTDOWN).exists() {
            return Ok(());
        }
        let aside = format!("{CLEAN_SHUTDOWN}.tmp");
        write_durably(&self.path, CLEAN_SHUTDOWN, &aside, b"{\"version\":0}\n")
    }
}

/// What `meta.properties` says; nothing if the directory is empty or does not exist.
fn read_meta(path: &Path) -> Result<Option<(Identity, Option<DirectoryId>)>, OpenError> {
    let meta = path.join(META);
    match fs::metadata(&meta) {
        Ok(status) if status.len() > META_BYTES_MAX => {
            return Err(damaged(path, format!("it is longer than {META_BYTES_MAX} bytes")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if is_empty(path)? { Ok(None) } else { Err(OpenError::Foreign { path: shown(path) }) };
        }
        Err(source) => return Err(io_error(&meta, source)),
    }
    let text = fs::read_to_string(&meta).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => damaged(path, "it is not text".to_owned()),
        _ => io_error(&meta, source),
    })?;
    parse(&text).map(Some).map_err(|problem| damaged(path, problem))
}

/// Makes the directory the node's, with an id of its own.
fn mark(path: &Path, identity: &Identity) -> io::Result<DirectoryId> {
    let id = DirectoryId(Uuid::from_u64_pair(seed(), seed()));
    let text = format!(
        "# This directory belongs to one node of one cluster. Do not edit.\n\
         cluster.id={}\nnode.id={}\ndirectory.id={id}\nversion=1\n",
        identity.cluster_id, identity.node
    );
    write_durably(path, META, META_ASIDE, text.as_bytes())?;
    Ok(id)
}

/// Makes creations, renames and deletions in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    // Windows has no such thing: there a rename is as durable as the system makes it.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Replaces a file of `directory`: whatever happens, it has its old content or all of the new one.
pub(super) fn write_durably(directory: &Path, name: &str, aside: &str, content: &[u8]) -> io::Result<()> {
    let aside = directory.join(aside);
    let mut file = File::create(&aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, directory.join(name))?;
    sync_directory(directory)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let name = path.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&name)
        .map_err(|source| io_error(&name, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: shown(path) }),
        Err(TryLockError::Error(source)) => Err(io_error(&name, source)),
    }
}

fn check(path: &Path, found: Option<&Identity>, wanted: &Identity) -> Result<(), OpenError> {
    let Some(found) = found else { return Ok(()) };
    if found.node != wanted.node {
        return Err(OpenError::OtherNode { path: shown(path), found: found.node, wanted: wanted.node });
    }
    if found.cluster_id != wanted.cluster_id {
        let (found, wanted) = (found.cluster_id.clone(), wanted.cluster_id.clone());
        return Err(OpenError::OtherCluster { path: shown(path), found, wanted });
    }
    Ok(())
}

/// Our own beginnings do not count: a process may have died between them.
fn is_empty(path: &Path) -> Result<bool, OpenError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(io_error(path, source)),
    };
    for entry in entries {
        let name = entry.map_err(|source| io_error(path, source))?.file_name();
        if name != LOCK && name != META_ASIDE {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parse(text: &str) -> Result<(Identity, Option<DirectoryId>), String> {
    let value = |name: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let mut pairs = lines.filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    let cluster_id = value("cluster.id").filter(|id| !id.is_empty()).ok_or("cluster.id is missing")?;
    let node = value("node.id").ok_or("node.id is missing")?;
    let node = node.parse().map_err(|_| format!("node.id is {node:?}, not a number"))?;
    // A directory of before there were ids gets one.
    let id =
        value("directory.id").map(|id| id.parse().map_err(|_| format!("directory.id is {id:?}, no UUID")));
    let id = id.transpose()?.map(DirectoryId);
    match value("version") {
        Some("1") => Ok((Identity { cluster_id: cluster_id.to_owned(), node: NodeId(node) }, id)),
        other => Err(format!("its version is {}, not 1", other.unwrap_or("missing"))),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn damaged(path: &Path, problem: String) -> OpenError {
    OpenError::Damaged { path: shown(path), problem }
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: shown(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::real::disk::test_folder;

    fn identity(node: i32, cluster: &str) -> Identity {
        Identity { cluster_id: cluster.to_owned(), node: NodeId(node) }
    }

    #[test]
    fn a_new_directory_becomes_the_nodes_and_stays_so() {
        let path = test_folder("directory-new").join("deep").join("broker-1");
        assert_eq!(DataDirectory::identity(&path).expect("nothing is nobody's"), None);
        drop(DataDirectory::open(&path, &identity(1, "c")).expect("a new directory"));
        assert_eq!(DataDirectory::identity(&path).expect("readable"), Some(identity(1, "c")));
        DataDirectory::open(&path, &identity(1, "c")).expect("the same node again");
    }

    #[test]
    fn a_directory_keeps_its_id_and_a_new_one_has_another() {
        let path = test_folder("directory-id");
        let open = || DataDirectory::open(&path, &identity(1, "c")).expect("ours").id();
        let id = open();
        assert_eq!(open(), id);
        fs::remove_file(path.join(META)).expect("removed");
        assert_ne!(open(), id);
    }

    #[test]
    fn a_directory_of_before_there_were_ids_gets_one_and_keeps_it() {
        let path = test_folder("directory-without-id");
        let text = b"cluster.id=c\nnode.id=1\nversion=1\n";
        File::create(path.join(META)).and_then(|mut file| file.write_all(text)).expect("written");
        let open = || DataDirectory::open(&path, &identity(1, "c")).expect("ours").id();
        let id = open();
        assert_ne!(id, DirectoryId::NONE);
        assert_eq!(open(), id);
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let path = test_folder("directory-locked");
        let _held = DataDirectory::open(&path, &identity(1, "c")).expect("a new directory");
        let error = DataDirectory::open(&path, &identity(1, "c")).expect_err("in use");
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    }

    #[test]
    fn another_nodes_directory_is_refused() {
        let path = test_folder("directory-node");
        drop(DataDirectory::open(&path, &identity(1, "c")).expect("a new directory"));
        let error = DataDirectory::open(&path, &identity(2, "c")).expect_err("node 1's");
        assert!(matches!(error, OpenError::OtherNode { found: NodeId(1), wanted: NodeId(2), .. }), "{error}");
    }

    #[test]
    fn another_clusters_directory_is_refused() {
        let path = test_folder("directory-cluster");
        drop(DataDirectory::open(&path, &identity(1, "c")).expect("a new directory"));
        let error = DataDirectory::open(&path, &identity(1, "d")).expect_err("of cluster c");
        assert!(matches!(error, OpenError::OtherCluster { .. }), "{error}");
    }

    #[test]
    fn somebody_elses_files_are_not_touched() {
        let path = test_folder("directory-foreign");
        fs::create_dir_all(&path).expect("created");
        File::create(path.join("letters.txt")).expect("created");
        let error = DataDirectory::open(&path, &identity(1, "c")).expect_err("not ours");
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        let files: Vec<_> = fs::read_dir(&path).expect("listed").collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn a_damaged_meta_file_is_an_error_and_stays_as_it_is() {
        for text in ["", "cluster.id=c\nnode.id=one\nversion=1\n", "cluster.id=c\nnode.id=1\nversion=9\n"] {
            let path = test_folder("directory-damaged");
            fs::create_dir_all(&path).expect("created");
            File::create(path.join(META))
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .expect("written");
            let error = DataDirectory::open(&path, &identity(1, "c")).expect_err("damaged");
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            assert_eq!(fs::read_to_string(path.join(META)).expect("readable"), text);
        }
    }

    #[test]
    fn the_mark_of_a_clean_shutdown_does_not_replace_the_nodes_own() {
        let path = test_folder("directory-mark");
        let directory = DataDirectory::open(&path, &identity(1, "c")).expect("a new directory");
        directory.leave_clean_mark().expect("written");
        let mark = path.join(CLEAN_SHUTDOWN);
        assert!(mark.exists());
        File::create(&mark).and_then(|mut file| file.write_all(b"the node's")).expect("written");
        directory.leave_clean_mark().expect("nothing to do");
        assert_eq!(fs::read_to_string(&mark).expect("readable"), "the node's");
    }
}
