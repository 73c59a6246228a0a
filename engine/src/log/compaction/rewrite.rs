//! What of a batch is kept (Kafka's `Cleaner.shouldRetainRecord` and `MemoryRecords.filterTo`).

use super::offset_map::OffsetMap;
use crate::offset::Offset;
use crate::record::{BatchError, Record, RecordBatch};
use crate::time::Timestamp;

/// By what it is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention<'a> {
    /// The latest offset of each key of the part that was not compacted yet.
    pub(super) keys: &'a OffsetMap,
    /// Batches from here on stay as they are.
    pub(super) to: Offset,
    /// The wall clock when the compaction began.
    pub(super) now: Timestamp,
    /// `delete.retention.ms`.
    pub(super) delete_retention_millis: i64,
}

/// The decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// The batch stays as it is.
    Whole,
    /// This takes its place.
    Part(RecordBatch),
    /// It goes.
    Nothing,
}

impl Retention<'_> {
    /// Decides about a batch. With `keep_header` an empty batch is left of one that has no records any more.
    ///
    /// # Errors
    /// [`BatchError`] if its records cannot be read.
    pub(super) fn judge(&self, batch: &RecordBatch, keep_header: bool) -> Result<Kept, BatchError> {
        // Control batches end transactions; nobody writes them yet, and none is given up.
        if batch.base_offset() >= self.to || batch.is_control() {
            return Ok(Kept::Whole);
        }
        let horizon = batch.delete_horizon();
        let mut kept = Vec::new();
        for record in batch.records()? {
            let record = record?;
            if self.keeps(&record, horizon) {
                kept.push(record);
            }
        }
        if kept.is_empty() && !keep_header {
            return Ok(Kept::Nothing);
        }
        // A tombstone's time begins to run when the compaction that keeps it first has seen all before it.
        let first_tombstone = horizon.is_none() && kept.iter().any(|record| record.value.is_none());
        if kept.len() as u64 == u64::from(batch.record_count().unsigned_abs()) && !first_tombstone {
            return Ok(Kept::Whole);
        }
        let horizon =
            first_tombstone.then(|| Timestamp(self.now.0.saturating_add(self.delete_retention_millis)));
        Ok(Kept::Part(batch.with_records(&kept, horizon)))
    }

    /// A record stays if no later one has its key, and a tombstone only up to its batch's horizon. A record without a
    /// key, from before the topic was compacted, goes: nothing can ever overwrite it.
    fn keeps(&self, record: &Record, horizon: Option<Timestamp>) -> bool {
        let Some(key) = &record.key else { return false };
        let is_latest = self.keys.latest(key).is_none_or(|latest| record.offset >= latest);
        is_latest && (record.value.is_some() || horizon.is_none_or(|horizon| self.now < horizon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::record::{BatchBuilder, Compression};

    const NOW: Timestamp = Timestamp(1_000);
    const HOUR: i64 = 3_600_000;

    /// Keys and whether they have a value, from offset 10 on.
    fn batch(records: &[(Option<&str>, bool)]) -> RecordBatch {
        let mut builder = BatchBuilder::new(Compression::None);
        for (key, value) in records {
            builder.push(Timestamp(5), key.map(str::as_bytes), value.then_some(&b"value"[..]), &[]);
        }
        let batch = RecordBatch::parse(builder.build()).expect("built");
        batch.with_position(Offset(10), LeaderEpoch(0))
    }

    fn keys(latest: &[(&str, i64)]) -> OffsetMap {
        let mut keys = OffsetMap::default();
        for (key, offset) in latest {
            keys.put(key.as_bytes(), Offset(*offset));
        }
        keys
    }

    fn judge(batch: &RecordBatch, latest: &[(&str, i64)], now: Timestamp, keep_header: bool) -> Kept {
        let keys = keys(latest);
        let retention = Retention { keys: &keys, to: Offset(100), now, delete_retention_millis: HOUR };
        retention.judge(batch, keep_header).expect("readable")
    }

    fn offsets(kept: &Kept) -> Vec<i64> {
        let Kept::Part(batch) = kept else { panic!("a part: {kept:?}") };
        batch.records().expect("sound").map(|record| record.expect("readable").offset.0).collect()
    }

    #[test]
    fn a_record_stays_if_it_is_the_last_of_its_key_or_its_key_is_unknown() {
        let three = batch(&[(Some("a"), true), (Some("b"), true), (Some("c"), true)]);
        assert_eq!(offsets(&judge(&three, &[("a", 20), ("b", 11)], NOW, false)), [11, 12]);
        assert_eq!(judge(&three, &[("a", 10)], NOW, false), Kept::Whole);
    }

    #[test]
    fn a_batch_without_records_goes_unless_its_header_is_needed() {
        let one = batch(&[(Some("a"), true)]);
        assert_eq!(judge(&one, &[("a", 20)], NOW, false), Kept::Nothing);
        let empty = judge(&one, &[("a", 20)], NOW, true);
        assert_eq!(offsets(&empty), Vec::<i64>::new());
        let Kept::Part(empty) = empty else { panic!("a part") };
        assert_eq!(judge(&empty, &[], NOW, true), Kept::Whole);
        assert_eq!(judge(&empty, &[], NOW, false), Kept::Nothing);
    }

    #[test]
    fn a_tombstone_stays_until_its_horizon_which_the_first_compaction_sets() {
        let two = batch(&[(Some("a"), false), (Some("b"), true)]);
        let Kept::Part(first) = judge(&two, &[("a", 10)], NOW, false) else { panic!("it gets a horizon") };
        assert_eq!(first.delete_horizon(), Some(Timestamp(NOW.0 + HOUR)));
        assert_eq!(judge(&first, &[], Timestamp(NOW.0 + HOUR - 1), false), Kept::Whole);
        assert_eq!(offsets(&judge(&first, &[], Timestamp(NOW.0 + HOUR), false)), [11]);
    }

    #[test]
    fn a_tombstone_that_is_overwritten_goes_at_once() {
        let two = batch(&[(Some("a"), false), (Some("b"), true)]);
        assert_eq!(offsets(&judge(&two, &[("a", 30)], NOW, false)), [11]);
    }

    #[test]
    fn a_record_without_a_key_goes() {
        assert_eq!(offsets(&judge(&batch(&[(None, true), (Some("b"), true)]), &[], NOW, false)), [11]);
    }

    #[test]
    fn what_lies_behind_the_compacted_part_stays() {
        let keys = keys(&[("a", 90)]);
        let retention = Retention { keys: &keys, to: Offset(10), now: NOW, delete_retention_millis: 0 };
        assert_eq!(retention.judge(&batch(&[(Some("a"), false)]), false), Ok(Kept::Whole));
    }
}
