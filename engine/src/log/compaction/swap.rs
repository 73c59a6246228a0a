//! One rewritten segment takes the place of several.
//!
//! What is kept is written to `B.log.cleaned`, B the base offset of the oldest of them, and synced. Then, in this order:
//! it is renamed to `B.log.swap`, from when on it counts; the old segments are deleted, oldest first; it is renamed to
//! `B.log`; its indexes are written. Whatever of that a crash leaves, [`super::recovery`] finishes or undoes.
//!
//! In memory the change is made when these operations are emitted: those of a directory end in order, so what was
//! planned by the old segments is read before, and what is planned by the new one after. No index of an old segment may
//! be left when the new one gets its name, since an index carries no checksum that would tell them apart.

use std::sync::Arc;

use super::Compacted;
use super::rewrite::Kept;
use crate::log::io::{LogCompletion, LogIo};
use crate::log::partition_log::PartitionLog;
use crate::log::segment::Segment;
use crate::log::tail::BatchPlace;
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::storage::{DiskOp, FileName};

pub(super) const CLEANED_SUFFIX: &str = ".cleaned";
pub(super) const SWAP_SUFFIX: &str = ".swap";

/// Segments that become one, as far as it is written.
#[derive(Clone, Debug)]
pub(super) struct Rewriting {
    target: Segment,
    /// Where the last of them ends.
    end: Offset,
    /// How many they are, and their bytes.
    segments: usize,
    bytes: u64,
    /// Something was left out or changed.
    changed: bool,
}

impl Rewriting {
    /// The segments from index `first` on that begin before `to`, as many as fit one segment; none if there are none.
    pub(super) fn of_group(log: &PartitionLog, first: usize, to: Offset) -> Option<Rewriting> {
        let closed = log.segments.split_last().map(|(_, closed)| closed).unwrap_or_default();
        let mut group =
            closed.get(first..).unwrap_or_default().iter().take_while(|segment| segment.base < to);
        let oldest = group.next()?;
        let target = Segment::new(&log.directory, oldest.base);
        let mut rewriting =
            Rewriting { target, end: oldest.end, segments: 1, bytes: oldest.bytes, changed: false };
        for segment in group {
            let bytes = rewriting.bytes + segment.bytes;
            let fits = bytes <= log.settings.segment_bytes as u64;
            if !fits || !rewriting.target.can_hold(segment.end) {
                break;
            }
            (rewriting.end, rewriting.bytes) = (segment.end, bytes);
            rewriting.segments += 1;
        }
        Some(rewriting)
    }

    /// Where the segments begin.
    pub(super) fn base(&self) -> Offset {
        self.target.base
    }

    /// Where the segments end.
    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// Takes what is kept of a batch; returns what is to be written of it.
    pub(super) fn take(
        &mut self,
        batch: RecordBatch,
        kept: Kept,
        index_interval_bytes: u64,
    ) -> Option<RecordBatch> {
        let batch = match kept {
            Kept::Whole => batch,
            Kept::Part(part) => {
                self.changed = true;
                part
            }
            Kept::Nothing => {
                self.changed = true;
                return None;
            }
        };
        self.target.push(&BatchPlace::of(&batch, self.target.bytes), index_interval_bytes);
        Some(batch)
    }

    /// Where it is written.
    pub(super) fn cleaned_file(&self) -> FileName {
        self.aside(CLEANED_SUFFIX)
    }

    fn aside(&self, suffix: &str) -> FileName {
        let file = &self.target.file;
        FileName::new(&file.directory, &format!("{}{suffix}", file.name))
    }

    /// What is written goes.
    pub(super) fn discard(self, io: &mut LogIo) {
        io.push(DiskOp::Delete { file: self.cleaned_file() }, LogCompletion::Housekeeping);
    }
}

impl PartitionLog {
    /// Puts a rewritten group into its place; `to` is where the compaction ends. Returns the index behind it.
    pub(super) fn replace_group(&mut self, group: Rewriting, to: Offset, io: &mut LogIo) -> usize {
        let first = self.segments.partition_point(|segment| segment.base < group.base());
        if !group.changed && group.segments == 1 {
            group.discard(io);
            return first + 1;
        }
        let target = &group.target;
        assert_eq!(target.end, group.end, "{}: the last batch of a segment is kept", self.partition);
        self.allow_gaps_before(to, io);
        let (cleaned, swap) = (group.cleaned_file(), group.aside(SWAP_SUFFIX));
        io.push(DiskOp::Sync { file: cleaned.clone() }, LogCompletion::Housekeeping);
        io.push(DiskOp::Rename { file: cleaned, to: Arc::clone(&swap.name) }, LogCompletion::Housekeeping);
        let replaced = first..first + group.segments;
        for segment in self.segments.get(replaced.clone()).unwrap_or_default() {
            segment.delete_indexes(io);
            io.push(DiskOp::Delete { file: segment.file.clone() }, LogCompletion::Housekeeping);
        }
        let name = Arc::clone(&target.file.name);
        io.push(DiskOp::Rename { file: swap, to: name }, LogCompletion::Housekeeping);
        let Rewriting { mut target, end, bytes, .. } = group;
        target.replace_indexes(io);
        self.tail.forget_before(end);
        self.delete_snapshots_within(target.base, end, io);
        self.compaction.told.push(Compacted {
            from: target.base,
            to: end,
            bytes_before: bytes,
            bytes_after: target.bytes,
        });
        self.segments.splice(replaced, [target]);
        self.layout += 1;
        first + 1
    }
}
