//! What a broker checks of records before it stores them (Kafka's `ProduceRequest.validateRecords`,
//! `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`).
//!
//! A pure function of the batch, the topic's settings and the clock. The batch stays as it is: what is not stored as
//! it came is refused. Only `message.timestamp.type=LogAppendTime` changes its header.

use bytes::Bytes;

use crate::config::{TimestampType, TopicConfig};
use crate::error::ErrorCode;
use crate::message::RecordError;
use crate::record::{BatchError, Compression, RecordBatch, RecordOutline};
use crate::time::Timestamp;

/// Most records of a batch that are named one by one in a refusal.
const RECORD_ERRORS_MAX: usize = 1000;
/// The first version of Produce that may carry zstd (KIP-110).
const ZSTD: i16 = 7;

/// Why records are not stored.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Refusal {
    pub(super) error: ErrorCode,
    /// For a person.
    pub(super) message: Option<String>,
    /// The records that are to blame, if not all are (KIP-467).
    pub(super) records: Vec<RecordError>,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Refusal { error, message: None, records: Vec::new() }
    }
}

impl From<BatchError> for Refusal {
    fn from(problem: BatchError) -> Self {
        let error = match problem {
            // More than one batch: Kafka asks for exactly one since v3 of Produce.
            BatchError::TrailingBytes { .. } => ErrorCode::InvalidRecord,
            _ => problem.error_code(),
        };
        Refusal::because(error, problem.to_string())
    }
}

impl Refusal {
    fn because(error: ErrorCode, message: String) -> Refusal {
        Refusal { error, message: Some(message), records: Vec::new() }
    }
}

/// The batch as it is to be stored.
///
/// # Errors
/// [`Refusal`]: MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP,
/// UNSUPPORTED_FOR_MESSAGE_FORMAT or UNSUPPORTED_COMPRESSION_TYPE.
pub(super) fn check(
    records: Option<Bytes>,
    config: &TopicConfig,
    produce_version: i16,
    now: Timestamp,
) -> Result<RecordBatch, Refusal> {
    let records = records
        .filter(|records| !records.is_empty())
        .ok_or_else(|| Refusal::because(ErrorCode::InvalidRecord, "no record batch".to_owned()))?;
    let bytes_max = config.max_message_bytes;
    if records.len() > bytes_max {
        let message = format!("batch of {} bytes; max.message.bytes is {bytes_max}", records.len());
        return Err(Refusal::because(ErrorCode::MessageTooLarge, message));
    }
    let batch = RecordBatch::parse(records)?;
    batch.check_from_producer()?;
    if batch.compression() == Compression::Zstd && produce_version < ZSTD {
        let message = format!("zstd needs version {ZSTD} of Produce");
        return Err(Refusal::because(ErrorCode::UnsupportedCompressionType, message));
    }
    check_records(&batch, config, now)?;
    let stamps = config.log.timestamp_type == TimestampType::LogAppendTime;
    Ok(if stamps { batch.with_log_append_time(now) } else { batch })
}

/// What is wrong with records one by one.
struct Wrong {
    count: usize,
    named: Vec<RecordError>,
    timestamps: bool,
}

impl Wrong {
    fn note(&mut self, record: &RecordOutline, problem: impl FnOnce() -> String) {
        self.count += 1;
        if self.named.len() < RECORD_ERRORS_MAX {
            self.named.push(RecordError { batch_index: record.index, message: Some(problem()) });
        }
    }
}

fn check_records(batch: &RecordBatch, config: &TopicConfig, now: Timestamp) -> Result<(), Refusal> {
    let mut wrong = Wrong { count: 0, named: Vec::new(), timestamps: false };
    let log = &config.log;
    let stamps = log.timestamp_type == TimestampType::LogAppendTime;
    let earliest = now.0.saturating_sub(log.timestamp_before_max_millis);
    let latest = now.0.saturating_add(log.timestamp_after_max_millis);
    let in_time = |timestamp: Timestamp| {
        stamps || timestamp == Timestamp::NONE || (earliest..=latest).contains(&timestamp.0)
    };
    batch.scan(|record: RecordOutline| {
        if !in_time(record.timestamp) {
            wrong.timestamps = true;
            wrong.note(&record, || {
                format!("timestamp {} is not from {earliest} to {latest}", record.timestamp.0)
            });
        } else if log.cleanup.compact && !record.has_key {
            wrong.note(&record, || "a compacted topic takes no record without a key".to_owned());
        }
    })?;
    if wrong.count == 0 {
        return Ok(());
    }
    let error = if wrong.timestamps { ErrorCode::InvalidTimestamp } else { ErrorCode::InvalidRecord };
    let message = format!("{} of {} records are refused", wrong.count, batch.record_count());
    Err(Refusal { error, message: Some(message), records: wrong.named })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BrokerConfig, Properties};
    use crate::record::BatchBuilder;

    const NOW: Timestamp = Timestamp(10_000_000);
    const VERSION: i16 = 9;

    fn config(settings: &[(&str, &str)]) -> TopicConfig {
        let defaults = BrokerConfig::from_properties(&Properties::new()).expect("defaults").topic_defaults;
        let given: Properties =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        TopicConfig::from_properties(&given, defaults).expect("settings of a test")
    }

    fn batch(codec: Compression, timestamps: &[i64]) -> Bytes {
        let mut builder = BatchBuilder::new(codec);
        for timestamp in timestamps {
            builder.push(Timestamp(*timestamp), Some(b"key"), Some(b"value"), &[]);
        }
        builder.build()
    }

    fn refused(records: Bytes, settings: &[(&str, &str)]) -> Refusal {
        check(Some(records), &config(settings), VERSION, NOW).expect_err("it is refused")
    }

    #[test]
    fn a_sound_batch_is_stored_as_it_came_whatever_its_codec() {
        for codec in Compression::ALL {
            let records = batch(codec, &[NOW.0, NOW.0 + 5]);
            let stored = check(Some(records.clone()), &config(&[]), VERSION, NOW).expect("sound");
            assert_eq!(stored.to_bytes(), records, "{codec:?}");
        }
    }

    #[test]
    fn no_records_and_two_batches_are_refused() {
        assert_eq!(
            check(None, &config(&[]), VERSION, NOW).expect_err("none").error,
            ErrorCode::InvalidRecord
        );
        let two = [batch(Compression::None, &[1]), batch(Compression::None, &[1])].concat();
        assert_eq!(refused(Bytes::from(two), &[]).error, ErrorCode::InvalidRecord);
        assert_eq!(refused(Bytes::new(), &[]).error, ErrorCode::InvalidRecord);
    }

    #[test]
    fn q21_a_batch_above_max_message_bytes_is_too_large() {
        let records = batch(Compression::None, &[1]);
        let limit = (records.len() - 1).to_string();
        assert_eq!(refused(records, &[("max.message.bytes", &limit)]).error, ErrorCode::MessageTooLarge);
    }

    #[test]
    fn a_payload_that_does_not_decompress_is_corrupt() {
        let sound = batch(Compression::Gzip, &[1]);
        let mut bytes = sound.to_vec();
        let at = bytes.len() - 12;
        bytes[at] ^= 0xff;
        let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
        bytes[17..21].copy_from_slice(&crc);
        assert_eq!(refused(Bytes::from(bytes), &[]).error, ErrorCode::CorruptMessage);
    }

    #[test]
    fn a_timestamp_too_far_from_the_brokers_clock_is_refused_and_the_record_named() {
        let hour = 3_600_000;
        let refusal = refused(batch(Compression::Lz4, &[NOW.0 + hour, NOW.0 + hour + 1]), &[]);
        assert_eq!(refusal.error, ErrorCode::InvalidTimestamp);
        assert_eq!(refusal.records.iter().map(|wrong| wrong.batch_index).collect::<Vec<_>>(), [1]);
        let early =
            refused(batch(Compression::None, &[NOW.0 - 11]), &[("message.timestamp.before.max.ms", "10")]);
        assert_eq!(early.error, ErrorCode::InvalidTimestamp);
    }

    #[test]
    fn q21_a_compacted_topic_names_the_records_without_a_key() {
        let mut builder = BatchBuilder::new(Compression::Snappy);
        for key in [Some(b"key".as_slice()), None, Some(b"".as_slice())] {
            builder.push(NOW, key, Some(b"value"), &[]);
        }
        let mut compacted = config(&[]);
        compacted.log.cleanup.compact = true;
        let refusal = check(Some(builder.build()), &compacted, VERSION, NOW).expect_err("one has no key");
        assert_eq!(refusal.error, ErrorCode::InvalidRecord);
        assert_eq!(refusal.records.iter().map(|wrong| wrong.batch_index).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn with_log_append_time_the_broker_stamps_the_batch_and_its_checksum_holds() {
        let settings = [("message.timestamp.type", "LogAppendTime")];
        let records = batch(Compression::Zstd, &[NOW.0 * 100]);
        let stored = check(Some(records), &config(&settings), VERSION, NOW).expect("no timestamp is refused");
        let read = RecordBatch::parse(stored.to_bytes()).expect("a sound batch");
        assert!(read.is_log_append_time());
        let times: Vec<Timestamp> = read
            .records()
            .expect("it decompresses")
            .map(|record| record.expect("readable").timestamp)
            .collect();
        assert_eq!(times, [NOW]);
    }

    #[test]
    fn zstd_needs_a_version_that_knows_it() {
        let records = batch(Compression::Zstd, &[1]);
        let refusal = check(Some(records), &config(&[]), 6, NOW).expect_err("too old");
        assert_eq!(refusal.error, ErrorCode::UnsupportedCompressionType);
    }
}
