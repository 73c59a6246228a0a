//! The mark of a clean shutdown: `.kafka_cleanshutdown` in the root of the data directory, with the broker's epoch.
//!
//! It is written when every log was closed, and taken away before any log is opened: a process that dies while it
//! loads must not look as if it had stopped in order (KAFKA-10471).

use std::sync::Arc;

use bytes::Bytes;

use super::recovery::Shutdown;
use crate::epoch::BrokerEpoch;
use crate::storage::{Disk, DiskDone, DiskError, DiskOp, FileName};

/// Longest content that is read, in bytes.
const BYTES_MAX: u64 = 1024;
const EPOCH_FIELD: &str = "\"brokerEpoch\":";

fn file() -> FileName {
    FileName::new(&Arc::from(""), ".kafka_cleanshutdown")
}

/// Takes the mark away. Returns how the last process ended, and the broker epoch it had, or [`BrokerEpoch::NONE`].
///
/// # Errors
/// [`DiskError`] if the mark can neither be read nor deleted.
pub async fn take_clean_shutdown<D: Disk>(disk: &D) -> Result<(Shutdown, BrokerEpoch), DiskError> {
    let read = DiskOp::Read { file: file(), position: 0, length: BYTES_MAX };
    let content = match disk.execute(read).await {
        Ok(DiskDone::Read(content)) => content,
        Ok(DiskDone::Done | DiskDone::InFile(_)) | Err(DiskError::NotFound) => {
            return Ok((Shutdown::Unclean, BrokerEpoch::NONE));
        }
        Err(error) => return Err(error),
    };
    disk.execute(DiskOp::Delete { file: file() }).await?;
    Ok((Shutdown::Clean, epoch_of(&content).unwrap_or(BrokerEpoch::NONE)))
}

fn epoch_of(content: &[u8]) -> Option<BrokerEpoch> {
    let text = std::str::from_utf8(content).ok()?;
    let (_, rest) = text.split_once(EPOCH_FIELD)?;
    let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok().map(BrokerEpoch)
}

/// Leaves the mark: the last operation of a process whose logs are all closed.
#[must_use]
pub fn leave_clean_shutdown(broker_epoch: BrokerEpoch) -> DiskOp {
    let content = format!("{{\"version\":0,{EPOCH_FIELD}{broker_epoch}}}\n");
    DiskOp::Replace { file: file(), content: Bytes::from(content) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::block_on;
    use crate::storage::mem::MemoryDisk;

    #[test]
    fn a_mark_is_found_once_with_the_epoch_of_the_broker_that_left_it() {
        let disk = MemoryDisk::new();
        assert_eq!(block_on(take_clean_shutdown(&disk)), Ok((Shutdown::Unclean, BrokerEpoch::NONE)));
        disk.perform(leave_clean_shutdown(BrokerEpoch(42))).expect("nothing fails");
        assert_eq!(block_on(take_clean_shutdown(&disk)), Ok((Shutdown::Clean, BrokerEpoch(42))));
        assert_eq!(block_on(take_clean_shutdown(&disk)), Ok((Shutdown::Unclean, BrokerEpoch::NONE)));
    }

    #[test]
    fn a_mark_that_cannot_be_read_is_still_a_mark() {
        let disk = MemoryDisk::new();
        disk.write("", ".kafka_cleanshutdown", b"\xff{");
        assert_eq!(block_on(take_clean_shutdown(&disk)), Ok((Shutdown::Clean, BrokerEpoch::NONE)));
    }
}
