//! What becomes of old records of a replica: retention, DeleteRecords, flushes. A replica whose disk failed does
//! nothing of it.

use super::{Replica, Role};
use crate::error::ErrorCode;
use crate::event::Event;
use crate::log::{Compacted, CompactionBuffers, LogIo};
use crate::machine::Effects;
use crate::offset::Offset;
use crate::time::Timestamp;

impl Replica {
    fn is_offline(&self) -> bool {
        matches!(self.role, Role::Offline)
    }

    /// Deletes the segments that retention gives up; never beyond the high watermark (KAFKA-5634).
    pub fn enforce_retention(&mut self, now: Timestamp, io: &mut LogIo, effects: &mut Effects) {
        if self.is_offline() {
            return;
        }
        if let Some(start) = self.log.enforce_retention(now, self.high_watermark, io) {
            self.note_log_start(start, effects);
        }
    }

    /// How much the log needs to be compacted, in millionths; none if it does not. Only below the high watermark: what
    /// lies above may be cut, and must not have taken the older record of its key with it.
    #[must_use]
    pub fn compaction_need(&self, now: Timestamp) -> Option<u64> {
        if self.is_offline() { None } else { self.log.compaction_need(now, self.high_watermark) }
    }

    /// Begins to compact the log.
    pub fn compact(&mut self, now: Timestamp, buffers: CompactionBuffers, io: &mut LogIo) {
        if !self.is_offline() {
            self.log.compact(now, self.high_watermark, buffers, io);
        }
    }

    /// Tells what a compaction has replaced.
    pub(super) fn note_compacted(&mut self, effects: &mut Effects) {
        for Compacted { from, to, bytes_before, bytes_after } in self.log.take_compacted() {
            let partition = self.partition().clone();
            effects.note(Event::Compacted { partition, from, to, bytes_before, bytes_after });
        }
    }

    /// Makes everything written so far durable.
    pub fn sync(&mut self, io: &mut LogIo) {
        if !self.is_offline() {
            self.log.sync(io);
        }
    }

    /// The process is about to end in order: see `PartitionLog::close`.
    pub fn close(&mut self, io: &mut LogIo) {
        if !self.is_offline() {
            self.log.close(io);
        }
    }

    /// Notes how much of the log is durable.
    pub fn checkpoint_recovery_point(&mut self, io: &mut LogIo) {
        if !self.is_offline() {
            self.log.checkpoint_recovery_point(io);
        }
    }

    /// DeleteRecords on a leader: everything before `before` is deleted. Returns the log start offset. Followers learn of it with their next fetch.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR; OFFSET_OUT_OF_RANGE beyond the high watermark; POLICY_VIOLATION if
    /// the topic's records are not to be deleted.
    pub fn delete_records(
        &mut self,
        before: Offset,
        io: &mut LogIo,
        effects: &mut Effects,
    ) -> Result<Offset, ErrorCode> {
        self.leader()?;
        if !self.config.log.cleanup.delete {
            return Err(ErrorCode::PolicyViolation);
        }
        if before < Offset::ZERO || before > self.high_watermark || self.log.is_cutting() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if self.log.advance_start(before, io) {
            self.note_log_start(before, effects);
        }
        Ok(self.log.start_offset())
    }

    /// A follower's log begins no earlier than its leader's, as far as it has come with writing.
    pub(super) fn follow_log_start(&mut self, leader_start: Offset, io: &mut LogIo, effects: &mut Effects) {
        let start = leader_start.min(self.high_watermark).min(self.log.progress().submitted());
        if !self.log.is_cutting() && self.log.advance_start(start, io) {
            self.note_log_start(start, effects);
        }
    }

    /// The leader has deleted everything this follower has: it begins anew where the leader's log begins.
    pub(super) fn restart_at(&mut self, leader_start: Offset, io: &mut LogIo, effects: &mut Effects) {
        self.log.restart_at(leader_start, io);
        self.set_high_watermark(leader_start, effects);
        self.note_log_start(leader_start, effects);
    }

    fn note_log_start(&self, log_start: Offset, effects: &mut Effects) {
        effects.note(Event::LogStart { partition: self.partition().clone(), log_start });
    }
}
