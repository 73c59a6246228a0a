//! The settings of a topic's logs: how they are cut into segments, flushed and kept.

use super::Properties;
use super::key::Scope::{Broker, Topic};
use super::key::{INT_MAX, Key, Kind, LONG_MAX, dynamic, integer, key, only};
use super::typed::Lookup;

/// `message.timestamp.type`: whose clock timestamps are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The leader's, when it appends.
    LogAppendTime,
}

/// `cleanup.policy`: what becomes of old records. Both may be on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CleanupPolicy {
    /// Old segments are deleted, by time and size.
    pub delete: bool,
    /// Of each key the last record is kept.
    pub compact: bool,
}

/// Settings of a log. Times are in milliseconds of the wall clock, which is what timestamps are in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `segment.bytes`: a batch that would make a segment longer begins a new one. A single larger batch gets a
    /// segment of its own.
    pub segment_bytes: usize,
    /// `segment.ms`: a batch that is so much younger than the first of its segment begins a new one.
    pub segment_millis: i64,
    /// `index.interval.bytes`: so many bytes lie between two entries of an index.
    pub index_interval_bytes: u64,
    /// `flush.messages`: so many records are written before they are synced.
    pub flush_messages: i64,
    /// `flush.ms`: a log is synced when its last sync was so long ago; looked at every
    /// `log.flush.scheduler.interval.ms`.
    pub flush_millis: i64,
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `retention.ms`: a segment whose newest record is older is deleted; -1 is never.
    pub retention_millis: i64,
    /// `retention.bytes`: the oldest segments are deleted while the rest has so many bytes; -1 is never.
    pub retention_bytes: i64,
    /// `min.cleanable.dirty.ratio`, in millionths: a log is compacted when more than this part of it was not yet.
    pub min_cleanable_dirty_millionths: u32,
    /// `min.compaction.lag.ms`: records stay whole for so long.
    pub min_compaction_lag_millis: i64,
    /// `max.compaction.lag.ms`: after so long a record is compacted whatever the dirty ratio is.
    pub max_compaction_lag_millis: i64,
    /// `delete.retention.ms`: a tombstone stays for so long after it was first compacted (KIP-534).
    pub delete_retention_millis: i64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a timestamp may lie before the leader's clock.
    pub timestamp_before_max_millis: i64,
    /// `message.timestamp.after.max.ms`: how far a timestamp may lie after the leader's clock.
    pub timestamp_after_max_millis: i64,
}

impl Default for LogConfig {
    /// Kafka's defaults, out of the table.
    fn default() -> Self {
        let none = Properties::new();
        let lookup = Lookup::new(Broker, &none).expect("no property is wrong");
        LogConfig::of_broker(&lookup)
    }
}

impl LogConfig {
    /// What `server.properties` says about logs of topics that say nothing themselves.
    pub(super) fn of_broker(lookup: &Lookup<'_>) -> LogConfig {
        LogConfig {
            segment_bytes: lookup.count("log.segment.bytes"),
            segment_millis: lookup.integer("log.roll.ms"),
            index_interval_bytes: lookup.count("log.index.interval.bytes") as u64,
            flush_messages: lookup.integer("log.flush.interval.messages"),
            flush_millis: lookup.integer("log.flush.interval.ms"),
            cleanup: cleanup(&lookup.word("log.cleanup.policy")),
            retention_millis: lookup.integer("log.retention.ms"),
            retention_bytes: lookup.integer("log.retention.bytes"),
            min_cleanable_dirty_millionths: lookup.millionths("log.cleaner.min.cleanable.ratio"),
            min_compaction_lag_millis: lookup.integer("log.cleaner.min.compaction.lag.ms"),
            max_compaction_lag_millis: lookup.integer("log.cleaner.max.compaction.lag.ms"),
            delete_retention_millis: lookup.integer("log.cleaner.delete.retention.ms"),
            timestamp_type: timestamp_type(&lookup.word("log.message.timestamp.type")),
            timestamp_before_max_millis: lookup.integer("log.message.timestamp.before.max.ms"),
            timestamp_after_max_millis: lookup.integer("log.message.timestamp.after.max.ms"),
        }
    }

    /// Takes a topic's own setting; false if it is none of a log.
    pub(super) fn set(&mut self, name: &str, lookup: &Lookup<'_>) -> bool {
        match name {
            "segment.bytes" => self.segment_bytes = lookup.count(name),
            "segment.ms" => self.segment_millis = lookup.integer(name),
            "index.interval.bytes" => self.index_interval_bytes = lookup.count(name) as u64,
            "flush.messages" => self.flush_messages = lookup.integer(name),
            "flush.ms" => self.flush_millis = lookup.integer(name),
            "cleanup.policy" => self.cleanup = cleanup(&lookup.word(name)),
            "retention.ms" => self.retention_millis = lookup.integer(name),
            "retention.bytes" => self.retention_bytes = lookup.integer(name),
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_millionths = lookup.millionths(name),
            "min.compaction.lag.ms" => self.min_compaction_lag_millis = lookup.integer(name),
            "max.compaction.lag.ms" => self.max_compaction_lag_millis = lookup.integer(name),
            "delete.retention.ms" => self.delete_retention_millis = lookup.integer(name),
            "message.timestamp.type" => self.timestamp_type = timestamp_type(&lookup.word(name)),
            "message.timestamp.before.max.ms" => self.timestamp_before_max_millis = lookup.integer(name),
            "message.timestamp.after.max.ms" => self.timestamp_after_max_millis = lookup.integer(name),
            "file.delete.delay.ms" => {}
            _ => return false,
        }
        true
    }

    /// How long a segment may take records: a compacted log rolls in time for `max.compaction.lag.ms`, since its
    /// active segment is never compacted (Kafka's `LogConfig.maxSegmentMs`).
    #[must_use]
    pub fn segment_millis_max(&self) -> i64 {
        if self.cleanup.compact {
            self.segment_millis.min(self.max_compaction_lag_millis)
        } else {
            self.segment_millis
        }
    }
}

fn cleanup(word: &str) -> CleanupPolicy {
    CleanupPolicy { delete: word.contains("delete"), compact: word.contains("compact") }
}

fn timestamp_type(word: &str) -> TimestampType {
    if word == "LogAppendTime" { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
}

const CLEANUP: Kind = Kind::Word(&["delete", "compact", "compact,delete", "delete,compact"]);
const TIMESTAMP_TYPE: Kind = Kind::Word(&["CreateTime", "LogAppendTime"]);
const LONG: Kind = integer(0, LONG_MAX);
const LONG_OR_NONE: Kind = integer(-1, LONG_MAX);
const CLEANUP_DOC: &str = "Old segments are deleted, or of each key the last record is kept, or both.";
const SEGMENT_MS_DOC: &str = "A record so much younger than its segment's first one begins a new segment.";
const INDEX_DOC: &str = "A segment's indexes get an entry for every so many bytes.";
const FLUSH_MESSAGES_DOC: &str =
    "So many records are synced to disk together; 1 acknowledges nothing unsynced.";
const FLUSH_MS_DOC: &str =
    "A log is synced so long after its last sync, if `log.flush.scheduler.interval.ms` lets the broker look.";
const RETENTION_MS_DOC: &str = "A segment whose newest record is older is deleted; -1 keeps it for ever.";
const RETENTION_BYTES_DOC: &str =
    "The oldest segments are deleted while the rest still has so many bytes; -1: never.";
const DIRTY_DOC: &str = "A log is compacted when more than this part of it was not yet.";
const MIN_LAG_DOC: &str = "A record is not compacted before it is so old.";
const MAX_LAG_DOC: &str = "A record so old is compacted whatever part of the log was not yet.";
const DELETE_RETENTION_DOC: &str =
    "A tombstone stays so long after it was first compacted; a reader slower than that may miss it.";
const TYPE_DOC: &str = "Whether timestamps are the producer's or those of the append.";
const BEFORE_DOC: &str = "A record whose timestamp lies further before the broker's clock is refused.";
const AFTER_DOC: &str = "A record whose timestamp lies further after the broker's clock is refused.";

/// The settings of logs.
pub(super) const KEYS: &[Key] = &[
    dynamic(key(
        Broker,
        "log.segment.bytes",
        integer(1_048_576, INT_MAX),
        "1073741824",
        "A log starts a new segment file beyond this size. A topic may set `segment.bytes`.",
    )),
    dynamic(key(Broker, "log.roll.ms", integer(1, LONG_MAX), "604800000", SEGMENT_MS_DOC)),
    dynamic(key(Broker, "log.index.interval.bytes", integer(0, INT_MAX), "4096", INDEX_DOC)),
    dynamic(key(
        Broker,
        "log.flush.interval.messages",
        integer(1, LONG_MAX),
        "9223372036854775807",
        FLUSH_MESSAGES_DOC,
    )),
    dynamic(key(Broker, "log.flush.interval.ms", LONG, "9223372036854775807", FLUSH_MS_DOC)),
    key(
        Broker,
        "log.flush.scheduler.interval.ms",
        LONG,
        "9223372036854775807",
        "How often a broker looks for logs that `flush.ms` wants synced; by default never, as in Kafka.",
    ),
    key(
        Broker,
        "log.flush.offset.checkpoint.interval.ms",
        integer(1, INT_MAX),
        "60000",
        "How often a broker notes up to where its logs are on disk; recovery reads on from there.",
    ),
    dynamic(key(Broker, "log.cleanup.policy", CLEANUP, "delete", CLEANUP_DOC)),
    dynamic(key(Broker, "log.retention.ms", LONG_OR_NONE, "604800000", RETENTION_MS_DOC)),
    dynamic(key(Broker, "log.retention.bytes", LONG_OR_NONE, "-1", RETENTION_BYTES_DOC)),
    key(
        Broker,
        "log.retention.check.interval.ms",
        integer(1, LONG_MAX),
        "300000",
        "How often a broker looks for segments to delete.",
    ),
    key(
        Broker,
        "log.cleaner.enable",
        Kind::Boolean,
        "true",
        "Compact the logs whose `cleanup.policy` says so.",
    ),
    key(
        Broker,
        "log.cleaner.backoff.ms",
        LONG,
        "15000",
        "How long the cleaner waits when no log is to be compacted before it looks again.",
    ),
    dynamic(key(
        Broker,
        "log.cleaner.dedupe.buffer.size",
        integer(1, LONG_MAX),
        "134217728",
        "Bytes for the keys of a compaction; a log with more is compacted in several goes.",
    )),
    dynamic(key(
        Broker,
        "log.cleaner.io.buffer.size",
        integer(1, INT_MAX),
        "524288",
        "Bytes that a compaction reads at a time.",
    )),
    dynamic(key(Broker, "log.cleaner.min.cleanable.ratio", Kind::Ratio, "0.5", DIRTY_DOC)),
    dynamic(key(Broker, "log.cleaner.min.compaction.lag.ms", LONG, "0", MIN_LAG_DOC)),
    dynamic(key(
        Broker,
        "log.cleaner.max.compaction.lag.ms",
        integer(1, LONG_MAX),
        "9223372036854775807",
        MAX_LAG_DOC,
    )),
    dynamic(key(Broker, "log.cleaner.delete.retention.ms", LONG, "86400000", DELETE_RETENTION_DOC)),
    dynamic(key(Broker, "log.message.timestamp.type", TIMESTAMP_TYPE, "CreateTime", TYPE_DOC)),
    dynamic(key(Broker, "log.message.timestamp.before.max.ms", LONG, "9223372036854775807", BEFORE_DOC)),
    dynamic(key(Broker, "log.message.timestamp.after.max.ms", LONG, "3600000", AFTER_DOC)),
    key(
        Topic,
        "segment.bytes",
        integer(1_048_576, INT_MAX),
        "1073741824",
        "The log starts a new segment file beyond this size.",
    ),
    key(Topic, "segment.ms", integer(1, LONG_MAX), "604800000", SEGMENT_MS_DOC),
    key(Topic, "index.interval.bytes", integer(0, INT_MAX), "4096", INDEX_DOC),
    key(Topic, "flush.messages", integer(1, LONG_MAX), "9223372036854775807", FLUSH_MESSAGES_DOC),
    key(Topic, "flush.ms", LONG, "9223372036854775807", FLUSH_MS_DOC),
    key(Topic, "cleanup.policy", CLEANUP, "delete", CLEANUP_DOC),
    key(Topic, "retention.ms", LONG_OR_NONE, "604800000", RETENTION_MS_DOC),
    key(Topic, "retention.bytes", LONG_OR_NONE, "-1", RETENTION_BYTES_DOC),
    key(Topic, "min.cleanable.dirty.ratio", Kind::Ratio, "0.5", DIRTY_DOC),
    key(Topic, "min.compaction.lag.ms", LONG, "0", MIN_LAG_DOC),
    key(Topic, "max.compaction.lag.ms", integer(1, LONG_MAX), "9223372036854775807", MAX_LAG_DOC),
    key(Topic, "delete.retention.ms", LONG, "86400000", DELETE_RETENTION_DOC),
    only(
        key(
            Topic,
            "file.delete.delay.ms",
            LONG,
            "60000",
            "Files go at once: a read that was asked for before a deletion is done before it.",
        ),
        "0",
    ),
    key(Topic, "message.timestamp.type", TIMESTAMP_TYPE, "CreateTime", TYPE_DOC),
    key(Topic, "message.timestamp.before.max.ms", LONG, "9223372036854775807", BEFORE_DOC),
    key(Topic, "message.timestamp.after.max.ms", LONG, "3600000", AFTER_DOC),
];
