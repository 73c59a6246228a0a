//! Catching up from a snapshot: what a follower does whose next record is no longer in the leader's log (KIP-630).
//!
//! It fetches the leader's newest snapshot piece by piece into memory. Only when all of it is there and proves to be
//! whole does anything change: the snapshot goes to the disk, atomically; then the log is given up and begins anew at
//! its end. Whatever ends the process in between, recovery finds the old log or the snapshot, and the vote is not
//! touched. The next fetch, which says that all this is on disk, leaves when it is.

use bytes::Bytes;

use super::Quorum;
use super::role::Role;
use super::voters::VoterSets;
use crate::epoch::LeaderEpoch;
use crate::event::Event;
use crate::machine::Effects;
use crate::message::{FetchSnapshotResponse, LeaderIdAndEpoch, SnapshotId};
use crate::metadata::{Fetched, Snapshot, SnapshotFetch};
use crate::time::Now;

impl Quorum {
    /// The leader has no records for this voter, but a snapshot.
    pub(super) fn begin_loading(&mut self, now: Now, id: SnapshotId) {
        // All of a snapshot is committed: one that ends before what is known as committed here is no news.
        let news = id.end_offset > self.high_watermark && id.epoch >= LeaderEpoch::ZERO;
        match &mut self.role {
            Role::Follower(following) if news => following.snapshot = Some(SnapshotFetch::new(id)),
            _ => self.pause(now),
        }
    }

    /// A piece is there, or why there is none. A fetch that comes to nothing is begun anew with a fetch of the log:
    /// the leader then tells which snapshot it has.
    pub(super) fn take_piece(&mut self, now: Now, piece: &FetchSnapshotResponse, effects: &mut Effects) {
        let Role::Follower(following) = &mut self.role else { return };
        let Some(mut fetch) = following.snapshot.take() else { return };
        match fetch.take(piece) {
            Ok(Fetched::Piece) => {
                following.snapshot = Some(fetch);
                self.leader_served(now);
            }
            Ok(Fetched::Whole(file, snapshot)) => {
                self.leader_served(now);
                self.load(now, fetch.id(), file, snapshot, effects);
            }
            Err(_) if piece.current_leader != LeaderIdAndEpoch::NONE => {
                self.learn(now, piece.current_leader, effects);
            }
            Err(_) => {}
        }
    }

    /// Replaces the log by a snapshot.
    fn load(&mut self, now: Now, id: SnapshotId, file: Bytes, snapshot: Snapshot, effects: &mut Effects) {
        let end = id.end_offset;
        if end <= self.high_watermark {
            return self.pause(now);
        }
        self.store_snapshot(id, snapshot.last_contained, file, effects);
        self.with_log(effects, |log, io| log.restart_at(end, io));
        self.base = id;
        self.forget_snapshots(effects);
        self.ahead.clear();
        self.voters = VoterSets::of_snapshot(&snapshot.records, &self.settings.directories);
        (self.applied, self.high_watermark) = (end, end);
        self.snapshot_loaded(now, id, snapshot);
        effects.note(Event::MetadataSnapshotLoaded { end, epoch: id.epoch });
    }
}
