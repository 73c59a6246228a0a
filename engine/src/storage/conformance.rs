//! What every [`Disk`] must do, as assertions that any implementation can run.
//!
//! [`operations`] wants an empty disk. [`before_power_loss`] and [`after_power_loss`] are two halves: between them
//! the test takes the power away, or only opens the same files anew. What may be lost is not asked for, only what
//! must stay: a disk that loses nothing passes too. Not part of the engine's interface; a panic is the verdict.

use std::sync::Arc;

use bytes::Bytes;

use super::{Disk, DiskDone, DiskError, DiskOp, DiskOutcome, FileName};

const DIRECTORY: &str = "conformance-0";
const OTHER_DIRECTORY: &str = "conformance-1";

fn file(name: &str) -> FileName {
    FileName::new(&Arc::from(DIRECTORY), name)
}

fn append(name: &str, parts: &[&'static [u8]]) -> DiskOp {
    DiskOp::Append { file: file(name), parts: parts.iter().map(|part| Bytes::from_static(part)).collect() }
}

async fn done<D: Disk>(disk: &D, op: DiskOp) {
    let outcome = disk.execute(op.clone()).await;
    assert_eq!(outcome, Ok(DiskDone::Done), "{op}");
}

async fn read<D: Disk>(disk: &D, name: &str, position: u64, length: u64) -> DiskOutcome {
    disk.execute(DiskOp::Read { file: file(name), position, length }).await
}

async fn holds<D: Disk>(disk: &D, name: &str, content: &'static [u8]) {
    let whole = read(disk, name, 0, u64::MAX).await;
    assert_eq!(whole, Ok(DiskDone::Read(Bytes::from_static(content))), "content of {name}");
}

async fn missing<D: Disk>(disk: &D, name: &str) {
    assert_eq!(read(disk, name, 0, 1).await, Err(DiskError::NotFound), "{name} does not exist");
}

async fn listed<D: Disk>(disk: &D, expected: &[(&str, u64)]) {
    let expected: Vec<(String, u64)> =
        expected.iter().map(|(name, length)| ((*name).to_owned(), *length)).collect();
    assert_eq!(disk.list(DIRECTORY).await, Ok(expected), "files of {DIRECTORY}");
}

/// Every operation on an empty disk: what it does, what it answers, and what is not there.
pub async fn operations<D: Disk>(disk: &D) {
    missing_files(disk).await;
    appends_and_reads(disk).await;
    truncations(disk).await;
    replacements_and_renames(disk).await;
    directories(disk).await;
}

/// What does not exist is not found, and may be deleted.
async fn missing_files<D: Disk>(disk: &D) {
    listed(disk, &[]).await;
    assert_eq!(disk.directories().await, Ok(vec![]), "an empty disk");
    missing(disk, "a").await;
    for op in [
        DiskOp::Sync { file: file("a") },
        DiskOp::Truncate { file: file("a"), length: 0 },
        DiskOp::Rename { file: file("a"), to: Arc::from("b") },
    ] {
        assert_eq!(disk.execute(op.clone()).await, Err(DiskError::NotFound), "{op}");
    }
    done(disk, DiskOp::Delete { file: file("a") }).await;
    listed(disk, &[]).await;
}

/// Appends add up; a read is never longer than what is there.
async fn appends_and_reads<D: Disk>(disk: &D) {
    done(disk, append("a", &[])).await;
    holds(disk, "a", b"").await;
    done(disk, append("a", &[b"01", b"", b"234"])).await;
    done(disk, append("a", &[b"56789"])).await;
    holds(disk, "a", b"0123456789").await;
    for (position, length, expected) in
        [(3, 4, &b"3456"[..]), (8, 100, b"89"), (4, 0, b""), (10, 1, b""), (u64::MAX, u64::MAX, b"")]
    {
        let outcome = read(disk, "a", position, length).await;
        assert_eq!(outcome, Ok(DiskDone::Read(Bytes::from_static(expected))), "{length} bytes at {position}");
    }
    done(disk, DiskOp::Sync { file: file("a") }).await;
    holds(disk, "a", b"0123456789").await;
}

/// A truncation cuts the end and never makes a file longer; appends go on behind it.
async fn truncations<D: Disk>(disk: &D) {
    done(disk, DiskOp::Truncate { file: file("a"), length: 4 }).await;
    holds(disk, "a", b"0123").await;
    done(disk, DiskOp::Truncate { file: file("a"), length: 9 }).await;
    holds(disk, "a", b"0123").await;
    done(disk, append("a", &[b"xy"])).await;
    holds(disk, "a", b"0123xy").await;
    done(disk, DiskOp::Truncate { file: file("a"), length: 0 }).await;
    holds(disk, "a", b"").await;
    done(disk, DiskOp::Delete { file: file("a") }).await;
    missing(disk, "a").await;
}

/// A replacement or a rename changes the whole file at once, whether there was one or not.
async fn replacements_and_renames<D: Disk>(disk: &D) {
    for content in [&b"first"[..], b"2"] {
        let content_bytes = Bytes::from_static(content);
        done(disk, DiskOp::Replace { file: file("r"), content: content_bytes }).await;
        holds(disk, "r", content).await;
    }
    done(disk, append("r", &[b"nd"])).await;
    done(disk, append("s", &[b"other"])).await;
    listed(disk, &[("r", 3), ("s", 5)]).await;
    done(disk, DiskOp::Rename { file: file("r"), to: Arc::from("s") }).await;
    holds(disk, "s", b"2nd").await;
    missing(disk, "r").await;
    done(disk, DiskOp::Rename { file: file("s"), to: Arc::from("a.log") }).await;
    done(disk, append("a.log", &[b"!"])).await;
    holds(disk, "a.log", b"2nd!").await;
    listed(disk, &[("a.log", 4)]).await;
}

/// A directory is there as long as it holds a file; its files are listed by name.
async fn directories<D: Disk>(disk: &D) {
    let other = FileName::new(&Arc::from(OTHER_DIRECTORY), "x");
    done(disk, DiskOp::Append { file: other.clone(), parts: vec![Bytes::from_static(b"1")] }).await;
    let both = vec![DIRECTORY.to_owned(), OTHER_DIRECTORY.to_owned()];
    assert_eq!(disk.directories().await, Ok(both), "directories with a file");
    done(disk, append("B", &[b"1"])).await;
    listed(disk, &[("B", 1), ("a.log", 4)]).await;
    for gone in [other, file("B"), file("a.log")] {
        done(disk, DiskOp::Delete { file: gone }).await;
    }
    listed(disk, &[]).await;
    assert_eq!(disk.directories().await, Ok(vec![]), "directories end with their last file");
}

/// Writes what [`after_power_loss`] looks for.
pub async fn before_power_loss<D: Disk>(disk: &D) {
    done(disk, append("synced", &[b"kept"])).await;
    done(disk, DiskOp::Sync { file: file("synced") }).await;
    done(disk, append("synced", &[b" perhaps"])).await;
    done(disk, append("cut", &[b"0123456789"])).await;
    done(disk, DiskOp::Truncate { file: file("cut"), length: 4 }).await;
    done(disk, DiskOp::Sync { file: file("cut") }).await;
    done(disk, DiskOp::Replace { file: file("replaced"), content: Bytes::from_static(b"old") }).await;
    done(disk, DiskOp::Replace { file: file("replaced"), content: Bytes::from_static(b"new") }).await;
    done(disk, append("deleted", &[b"gone"])).await;
    done(disk, DiskOp::Sync { file: file("deleted") }).await;
    done(disk, DiskOp::Delete { file: file("deleted") }).await;
    done(disk, append("renamed.swap", &[b"moved"])).await;
    done(disk, DiskOp::Sync { file: file("renamed.swap") }).await;
    done(disk, DiskOp::Rename { file: file("renamed.swap"), to: Arc::from("renamed.log") }).await;
}

/// What was synced, replaced, deleted or renamed before a power loss is as it was; unsynced bytes may be lost.
pub async fn after_power_loss<D: Disk>(disk: &D) {
    let synced = read(disk, "synced", 0, 4).await;
    assert_eq!(synced, Ok(DiskDone::Read(Bytes::from_static(b"kept"))), "synced bytes");
    holds(disk, "cut", b"0123").await;
    holds(disk, "replaced", b"new").await;
    missing(disk, "deleted").await;
    missing(disk, "renamed.swap").await;
    holds(disk, "renamed.log", b"moved").await;
    done(disk, append("synced", &[b"."])).await;
}
