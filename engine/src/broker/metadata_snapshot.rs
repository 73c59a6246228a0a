//! Catching up from a snapshot of the metadata: what a broker does whose next record the active controller has no more
//! (KIP-630).
//!
//! The snapshot is fetched piece by piece, in place of the fetch of the log. When it is whole the broker puts its image
//! in place of its own and applies the difference: to each partition that is another one now, or none, once, as it
//! does with a batch of records.

use std::collections::BTreeSet;

use super::metadata_fetch::RETRY_BACKOFF;
use super::{Broker, partition_of};
use crate::error::ErrorCode;
use crate::event::Event;
use crate::id::TopicPartition;
use crate::machine::Effects;
use crate::message::{FetchSnapshotResponse, LeaderIdAndEpoch, SnapshotId};
use crate::metadata::{ConfigResource, Fetched, MetadataImage, SnapshotError, SnapshotFetch};
use crate::time::Now;

impl Broker {
    /// The controller has no records for this broker, but a snapshot.
    pub(super) fn begin_snapshot(&mut self, now: Now, id: SnapshotId) {
        if id.end_offset > self.metadata_fetch.next_offset {
            self.metadata_fetch.snapshot = Some(SnapshotFetch::new(id));
        } else {
            self.metadata_fetch.pause_until = now.mono.after(RETRY_BACKOFF);
        }
    }

    /// A piece is there, or why there is none. A fetch that comes to nothing is begun anew with a fetch of the log:
    /// the controller then tells which snapshot it has.
    pub(super) fn on_snapshot_piece(
        &mut self,
        now: Now,
        piece: &FetchSnapshotResponse,
        effects: &mut Effects,
    ) {
        let Some(mut fetch) = self.metadata_fetch.snapshot.take() else { return };
        match fetch.take(piece) {
            Ok(Fetched::Piece) => self.metadata_fetch.snapshot = Some(fetch),
            Ok(Fetched::Whole(_, snapshot)) => {
                let image = MetadataImage::of_snapshot(&snapshot.records);
                self.replace_metadata(now, fetch.id(), image, effects);
            }
            Err(error) => {
                self.metadata_fetch.pause_until = now.mono.after(RETRY_BACKOFF);
                let SnapshotError::Refused(error) = error else { return };
                if matches!(error, ErrorCode::SnapshotNotFound | ErrorCode::PositionOutOfRange) {
                    return;
                }
                let named = Some(piece.current_leader).filter(|named| *named != LeaderIdAndEpoch::NONE);
                self.doubt_controller(named, effects);
            }
        }
    }

    fn replace_metadata(&mut self, now: Now, id: SnapshotId, image: MetadataImage, effects: &mut Effects) {
        effects.note(Event::MetadataSnapshotLoaded { end: id.end_offset, epoch: id.epoch });
        let before = std::mem::replace(&mut self.image, image);
        self.metadata_fetch.next_offset = id.end_offset;
        if !self.metadata_fetch.published {
            return self.maybe_publish(now, effects);
        }
        let mut touched = differing(&before, &self.image);
        let configs = |image: &MetadataImage| {
            let own = image.settings(&ConfigResource::Broker(self.settings.node)).cloned();
            (own, image.settings(&ConfigResource::ClusterDefault).cloned())
        };
        if configs(&before) != configs(&self.image) {
            self.apply_dynamic_config();
            touched.extend(self.replicas.keys().cloned());
        }
        for partition in &touched {
            self.apply_partition(now, partition, effects);
        }
        if before.brokers() != self.image.brokers() {
            self.brokers_changed(now, effects);
        }
    }
}

/// The partitions that are not the same in both: created, deleted, changed, or of a topic that is another one or has
/// other settings.
fn differing(before: &MetadataImage, after: &MetadataImage) -> BTreeSet<TopicPartition> {
    let mut differing = BTreeSet::new();
    for (one, other) in [(before, after), (after, before)] {
        for (topic, index, partition) in one.partitions() {
            let same = other.topics().get(&topic.name).is_some_and(|known| {
                let same_topic = known.id == topic.id && known.settings == topic.settings;
                same_topic && known.partitions.get(&index) == Some(partition)
            });
            if !same {
                differing.insert(partition_of(topic, index));
            }
        }
    }
    differing
}
