//! What a crash leaves of a compaction is finished or undone, before anything else is read back.
//!
//! | found                                | what it means                              | what is done |
//! |--------------------------------------|--------------------------------------------|--------------|
//! | `B.log.cleaned`                      | not all of it was written                  | it goes      |
//! | `B.log.swap`, whole                  | it counts; old segments may be left        | they go, it becomes `B.log` |
//! | `B.log.swap`, damaged, beside `B.log`| the old segments are all there still       | it goes      |
//! | `B.log.swap`, damaged, alone         | it is all there is of these offsets        | it becomes `B.log`, and is cut where it is damaged |
//!
//! Where `B.log.swap` ends says which old segments it stands for: its last batch is that of the last of them.

use super::swap::{CLEANED_SUFFIX, SWAP_SUFFIX};
use crate::log::LogIo;
use crate::log::partition_log::PartitionLog;
use crate::log::recovery::perform;
use crate::log::scan::{READ_BYTES, read_bytes};
use crate::log::segment::Segment;
use crate::offset::Offset;
use crate::record::batches;
use crate::storage::{Disk, DiskError, DiskOp, FileName};

impl PartitionLog {
    /// Finishes or undoes what the last process had begun.
    pub(in crate::log) async fn settle_compaction<D: Disk>(&self, disk: &D) -> Result<(), DiskError> {
        let files = disk.list(&self.directory).await?;
        let bases = || files.iter().filter_map(|(name, _)| Segment::base_of_name(name));
        for (name, length) in &files {
            let file = FileName::new(&self.directory, name);
            let base_before = |suffix| name.strip_suffix(suffix).and_then(Segment::base_of_name);
            if base_before(CLEANED_SUFFIX).is_some() {
                disk.execute(DiskOp::Delete { file }).await?;
            } else if let Some(base) = base_before(SWAP_SUFFIX) {
                let (end, whole) = self.read_swap(disk, &file, base, *length).await?;
                if !whole && bases().any(|old| old == base) {
                    disk.execute(DiskOp::Delete { file }).await?;
                    continue;
                }
                for old in bases().filter(|old| base <= *old && *old < end.max(base.next())) {
                    let mut io = LogIo::default();
                    Segment::new(&self.directory, old).delete(&mut io);
                    perform(disk, &mut io).await?;
                }
                let target = Segment::new(&self.directory, base);
                let mut io = LogIo::default();
                target.delete_indexes(&mut io);
                perform(disk, &mut io).await?;
                disk.execute(DiskOp::Rename { file, to: target.file.name }).await?;
            }
        }
        Ok(())
    }

    /// Where the whole batches of a file end, and whether it ends with them.
    async fn read_swap<D: Disk>(
        &self,
        disk: &D,
        file: &FileName,
        base: Offset,
        length: u64,
    ) -> Result<(Offset, bool), DiskError> {
        let (mut end, mut position, mut want) = (base, 0, READ_BYTES);
        while position < length {
            let content = read_bytes(disk, file, position, want.min(length - position)).await?;
            let read = content.len() as u64;
            let mut taken = 0;
            for batch in batches(content) {
                let Ok(batch) = batch else { return Ok((end, false)) };
                if batch.base_offset() < end {
                    return Ok((end, false));
                }
                end = batch.next_offset();
                taken += batch.size() as u64;
            }
            position += taken;
            if taken > 0 {
                want = READ_BYTES;
            } else if read < want {
                return Ok((end, false));
            } else {
                // The batch is longer than what was read.
                want = want.saturating_mul(2);
            }
        }
        Ok((end, length > 0))
    }
}
