//! Settings of the metadata log and its snapshots (`metadata.*`, KIP-630): the keys, and the struct they are read into.

use super::key::Scope::Broker;
use super::key::{INT_MAX, Key, LONG_MAX, integer, key};
use super::typed::Lookup;
use crate::time::Duration;

/// How a controller keeps its log, and when it writes a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetadataLogConfig {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; zero is never.
    pub snapshot_interval: Duration,
    /// `metadata.log.segment.bytes`.
    pub segment_bytes: usize,
    /// `metadata.log.segment.ms`, in milliseconds of record timestamps.
    pub segment_millis: i64,
    /// `metadata.max.retention.bytes`; negative is for ever.
    pub retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative is for ever.
    pub retention_millis: i64,
}

impl MetadataLogConfig {
    pub(super) fn read(lookup: &Lookup<'_>) -> MetadataLogConfig {
        MetadataLogConfig {
            snapshot_bytes: lookup.count("metadata.log.max.record.bytes.between.snapshots") as u64,
            snapshot_interval: lookup.millis("metadata.log.max.snapshot.interval.ms"),
            segment_bytes: lookup.count("metadata.log.segment.bytes"),
            segment_millis: lookup.integer("metadata.log.segment.ms"),
            retention_bytes: lookup.integer("metadata.max.retention.bytes"),
            retention_millis: lookup.integer("metadata.max.retention.ms"),
        }
    }
}

/// The settings, with Kafka's defaults and bounds (`KRaftConfigs`; of the segment size, the bound that Kafka checks when
/// it opens the log).
pub(super) const KEYS: &[Key] = &[
    key(
        Broker,
        "metadata.log.max.record.bytes.between.snapshots",
        integer(1, LONG_MAX),
        "20971520",
        "A controller writes a snapshot of the metadata after so many bytes of committed records.",
    ),
    key(
        Broker,
        "metadata.log.max.snapshot.interval.ms",
        integer(0, LONG_MAX),
        "3600000",
        "A controller writes a snapshot so long after the last one if there are new records; 0: only by bytes.",
    ),
    key(
        Broker,
        "metadata.log.segment.bytes",
        integer(8 * 1024 * 1024, INT_MAX),
        "1073741824",
        "The metadata log starts a new segment file beyond this size; files go as a whole.",
    ),
    key(
        Broker,
        "metadata.log.segment.ms",
        integer(1, LONG_MAX),
        "604800000",
        "A metadata record so much younger than its segment's first one begins a new segment.",
    ),
    key(
        Broker,
        "metadata.max.retention.bytes",
        integer(-1, LONG_MAX),
        "104857600",
        "The oldest snapshot and the metadata log before the next one go while log and snapshots have more bytes; -1: never.",
    ),
    key(
        Broker,
        "metadata.max.retention.ms",
        integer(-1, LONG_MAX),
        "604800000",
        "A snapshot older than this and the metadata log before the next one go; -1: never.",
    ),
];
