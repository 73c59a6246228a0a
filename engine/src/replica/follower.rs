//! The follower of a partition: where it fetches from, and what it does with what it gets.
//!
//! A response counts only if the replica still is what it was when it asked: same epoch, same end. A late answer
//! must not truncate or extend a log that has moved on (KAFKA-13207).

use super::{Replica, Role};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::event::{Event, TruncationReason};
use crate::id::NodeId;
use crate::log::LogIo;
use crate::machine::Effects;
use crate::message::{DivergingEpoch, FetchPartition, FetchedPartition};
use crate::offset::Offset;
use crate::record::batches;
use crate::time::{Duration, Instant, Now};
use crate::variant::{Guard, Reconciliation, Truncation};

/// A replica that copies a leader.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    leader: Option<NodeId>,
    /// It does not fetch before this.
    pause_until: Instant,
    /// Its log was compared with the leader's and agreed. Only variants that compare once ask for it.
    reconciled: bool,
}

/// The state of a follower when it asked; an answer to another state is void.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchPosition {
    /// The leader epoch it fetched in.
    pub epoch: LeaderEpoch,
    /// The first offset it asked for.
    pub offset: Offset,
}

impl Follower {
    pub(super) fn waiting() -> Follower {
        Follower { leader: None, pause_until: Instant::START, reconciled: false }
    }

    pub(super) fn of(leader: Option<NodeId>, now: Instant, reconciled: bool) -> Follower {
        Follower { leader, pause_until: now, reconciled }
    }

    /// True if its log was compared with that of `leader` in an earlier epoch.
    pub(super) fn has_reconciled_with(&self, leader: Option<NodeId>) -> bool {
        self.reconciled && self.leader == leader
    }

    /// Whom it copies; nobody while the partition has no leader.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// When it may fetch again.
    #[must_use]
    pub fn pause_until(&self) -> Instant {
        self.pause_until
    }
}

impl Replica {
    /// What to ask the leader for; `None` while writes of this log are under way, since only what is written may
    /// be claimed.
    #[must_use]
    pub fn fetch_position(&self) -> Option<FetchPosition> {
        self.follower()?.leader?;
        let progress = self.log.progress();
        (progress.submitted() == progress.accepted() && !self.log.is_cutting())
            .then(|| FetchPosition { epoch: self.leader_epoch, offset: progress.accepted() })
    }

    /// The fetch for a position.
    #[must_use]
    pub fn fetch_request(&self, position: FetchPosition, max_bytes: i32) -> FetchPartition {
        let last_fetched_epoch = if self.compares_logs() {
            self.log.latest_epoch().unwrap_or(LeaderEpoch::NONE)
        } else {
            LeaderEpoch::NONE
        };
        FetchPartition {
            partition: self.partition().partition,
            current_leader_epoch: position.epoch,
            fetch_offset: position.offset,
            last_fetched_epoch,
            log_start_offset: self.log.start_offset(),
            max_bytes,
        }
    }

    /// True if the next fetch tells the leader the epoch of the last record, so that it can find a divergence.
    fn compares_logs(&self) -> bool {
        let variant = self.settings.variant;
        let reconciled = self.follower().is_some_and(|follower| follower.reconciled);
        variant.truncation != Truncation::ToHighWatermark
            && (variant.reconciliation == Reconciliation::EveryFetch || !reconciled)
    }

    fn reconciled(&mut self) {
        if let Role::Follower(follower) = &mut self.role {
            follower.reconciled = true;
        }
    }

    /// Stops fetching for a while after a failure.
    pub fn pause_fetching(&mut self, until: Instant) {
        if let Role::Follower(follower) = &mut self.role {
            follower.pause_until = until;
        }
    }

    /// Takes the leader's answer. Truncation comes before the high watermark is touched: otherwise a divergent
    /// tail would count as committed for a moment (KAFKA-14704).
    pub fn on_fetched(
        &mut self,
        now: Now,
        asked: FetchPosition,
        fetched: &FetchedPartition,
        backoff: Duration,
        io: &mut LogIo,
        effects: &mut Effects,
    ) {
        let late = self.fetch_position() != Some(asked);
        if late && self.settings.variant.late_response_check == Guard::On {
            return;
        }
        if let Some(diverging) = fetched.diverging_epoch.filter(|_| !fetched.error.is_error()) {
            return self.on_divergence(diverging, io, effects);
        }
        if late {
            return;
        }
        if fetched.error == ErrorCode::OffsetOutOfRange && fetched.log_start_offset > self.log.end_offset() {
            return self.restart_at(fetched.log_start_offset, io, effects);
        }
        if fetched.error.is_error() {
            // Epoch errors say that metadata is on its way to one of us; the others too are retried.
            return self.pause_fetching(now.mono.after(backoff));
        }
        self.reconciled();
        for batch in batches(fetched.records.clone()) {
            let appended = batch.map_err(|_| ()).and_then(|batch| {
                if batch.base_offset() > self.log.end_offset() {
                    // The leader's log was compacted below its high watermark, which may still be on its way back.
                    self.log.allow_gaps_before(fetched.high_watermark.max(batch.next_offset()), io);
                }
                self.log.append_as_follower(batch, io).map_err(|_| ())
            });
            let Ok(id) = appended else {
                // The leader sent something that does not fit: ask again later rather than guess.
                self.pause_fetching(now.mono.after(backoff));
                return;
            };
            effects.note(Event::Appended {
                partition: self.partition().clone(),
                batch: id,
                as_leader: false,
            });
        }
        // A follower's high watermark follows its leader's, also back (kafka.md 3.1).
        let high_watermark = fetched.high_watermark.min(self.log.end_offset()).max(self.log.start_offset());
        self.set_high_watermark(high_watermark, effects);
        self.follow_log_start(fetched.log_start_offset, io, effects);
    }

    /// Cuts the log to where it agrees with the leader's, one epoch at a time: if our largest epoch at or below
    /// the leader's is an older one, the next fetch finds the next divergence (KIP-279).
    fn on_divergence(&mut self, diverging: DivergingEpoch, io: &mut LogIo, effects: &mut Effects) {
        let ours = match self.settings.variant.truncation {
            Truncation::OffsetOnly => {
                self.reconciled();
                self.log.end_offset()
            }
            Truncation::DivergingEpoch | Truncation::ToHighWatermark => {
                self.log.end_offset_for(diverging.epoch).map_or(self.log.start_offset(), |end| end.end)
            }
        };
        let to = ours.min(diverging.end_offset).max(self.log.start_offset());
        let reason = TruncationReason::DivergingEpoch { epoch: diverging.epoch, end: diverging.end_offset };
        self.truncate(to, reason, io, effects);
    }
}
