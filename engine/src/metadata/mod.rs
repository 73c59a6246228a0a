//! The cluster's metadata: the records of the controller's log and the image they add up to.
//!
//! Controllers and brokers share it: the controller decides records and replays them, brokers fetch the same
//! records and replay them. [`MetadataImage::replay`] is the only mutator, live and on recovery, so both sides
//! hold the same state at the same offset. [`Snapshot`] is an image as a file: what a replica takes whose next record is
//! no longer in the log (KIP-630).

mod codec;
mod image;
mod record;
mod snapshot;

#[cfg(test)]
mod tests;

pub use codec::RecordError;
pub use image::{BrokerImage, MetadataImage, PartitionImage, TopicImage};
pub use record::{ConfigResource, MetadataRecord, PartitionChange};
pub(crate) use snapshot::Fetched;
pub use snapshot::{Snapshot, SnapshotError, SnapshotFetch};
