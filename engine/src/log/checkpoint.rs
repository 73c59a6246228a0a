//! Offsets of one log that outlive the process, each in a small file of its own.
//!
//! The text is that of Kafka's `OffsetCheckpointFile`: version 0, the number of entries, `topic partition offset`.
//! Kafka keeps one such file for all logs of a data directory; here each log has its own, so that writing one is
//! ordered with the log's other operations and costs nothing to the others.

use std::sync::Arc;

use bytes::Bytes;

use super::io::{LogCompletion, LogIo};
use crate::id::TopicPartition;
use crate::offset::Offset;
use crate::storage::{DiskOp, FileName};

/// Which offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Checkpoint {
    /// The log start offset: what lies before was deleted and must not come back.
    LogStart,
    /// Everything before was synced.
    RecoveryPoint,
    /// Everything before was compacted.
    Cleaner,
    /// Between batches before it there may be gaps: here or where they were copied from the log was compacted.
    Gaps,
}

impl Checkpoint {
    /// The name of its file.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Checkpoint::LogStart => "log-start-offset-checkpoint",
            Checkpoint::RecoveryPoint => "recovery-point-offset-checkpoint",
            Checkpoint::Cleaner => "cleaner-offset-checkpoint",
            Checkpoint::Gaps => "offset-gaps-checkpoint",
        }
    }

    pub(super) fn file(self, directory: &Arc<str>) -> FileName {
        FileName::new(directory, self.file_name())
    }

    /// Writes it, atomically and durably.
    pub(super) fn write(
        self,
        directory: &Arc<str>,
        partition: &TopicPartition,
        offset: Offset,
        io: &mut LogIo,
    ) {
        let text = format!("0\n1\n{} {} {offset}\n", partition.topic, partition.partition);
        let op = DiskOp::Replace { file: self.file(directory), content: Bytes::from(text) };
        io.push(op, LogCompletion::Housekeeping);
    }

    /// The offset in a file's content; none if it cannot be read.
    pub(super) fn decode(content: &[u8]) -> Option<Offset> {
        let mut lines = std::str::from_utf8(content).ok()?.lines();
        if lines.next() != Some("0") || lines.next() != Some("1") {
            return None;
        }
        let (_, offset) = lines.next()?.rsplit_once(' ')?;
        offset.parse().ok().map(Offset).filter(|offset| *offset >= Offset::ZERO && lines.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_kafkas_text_and_comes_back() {
        let (directory, partition) = (Arc::from("orders-0"), TopicPartition::new("orders", 0));
        let mut io = LogIo::default();
        Checkpoint::LogStart.write(&directory, &partition, Offset(42), &mut io);
        let written = io.drain().find_map(|(op, _)| match op {
            DiskOp::Replace { content, .. } => Some(content),
            _ => None,
        });
        let written = written.expect("a checkpoint is replaced");
        assert_eq!(&written[..], b"0\n1\norders 0 42\n");
        assert_eq!(Checkpoint::decode(&written), Some(Offset(42)));
    }

    #[test]
    fn a_damaged_checkpoint_is_none() {
        for content in [&b""[..], b"0\n1\n", b"0\n1\no 0 -4\n", b"1\n1\no 0 4\n", b"0\n1\no 0 4\nx", b"\xff"]
        {
            assert_eq!(Checkpoint::decode(content), None, "{content:?}");
        }
    }
}
