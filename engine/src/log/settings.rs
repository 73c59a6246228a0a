//! What a topic's configuration says about its logs.

use crate::config::TopicConfig;

/// Settings of one log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// `segment.bytes`: a batch that would make a segment longer begins a new one. A single larger batch gets a
    /// segment of its own.
    pub segment_bytes: usize,
    /// `segment.ms`: a batch that is so much younger than the first of its segment begins a new one.
    pub segment_millis: i64,
    /// `index.interval.bytes`: so many bytes lie between two entries of an index.
    pub index_interval_bytes: u64,
}

impl Default for LogSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        LogSettings {
            segment_bytes: 1 << 30,
            segment_millis: 7 * 24 * 60 * 60 * 1000,
            index_interval_bytes: 4096,
        }
    }
}

impl LogSettings {
    /// The settings of a topic's logs.
    #[must_use]
    pub fn of(topic: &TopicConfig) -> Self {
        LogSettings { segment_bytes: topic.segment_bytes, ..LogSettings::default() }
    }
}
