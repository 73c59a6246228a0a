//! What a leader checks in a producer's batch and changes in it, as the topic's settings ask (Kafka's
//! `LogValidator`). The header was checked before.

use super::partition_log::PartitionLog;
use crate::config::TimestampType;
use crate::error::ErrorCode;
use crate::record::{BatchError, RecordBatch};
use crate::time::Timestamp;

/// Why a leader refuses a batch.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValidationError {
    /// A timestamp is too far from the leader's clock.
    #[error("timestamp {timestamp} is out of range: it should be within [{min}, {max}]")]
    Timestamp {
        /// The timestamp, in milliseconds.
        timestamp: i64,
        /// `message.timestamp.before.max.ms` before the leader's clock.
        min: i64,
        /// `message.timestamp.after.max.ms` after the leader's clock.
        max: i64,
    },
    /// A compacted topic takes only records with a key.
    #[error("compacted topic cannot accept a message without a key")]
    NoKey,
    /// The records do not decode.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl ValidationError {
    /// The code a producer gets.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            ValidationError::Timestamp { .. } => ErrorCode::InvalidTimestamp,
            ValidationError::NoKey => ErrorCode::InvalidRecord,
            ValidationError::Batch(error) => error.error_code(),
        }
    }
}

impl PartitionLog {
    /// Checks timestamps and keys of a producer's batch against the settings, and stamps it with `now`, the leader's
    /// wall clock, if timestamps are those of the append. Records are read only if a setting asks for it: for
    /// `cleanup.policy=compact` and `message.timestamp.before.max.ms`. The batch is copied only to be stamped.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn validate(&self, batch: RecordBatch, now: Timestamp) -> Result<RecordBatch, ValidationError> {
        let settings = &self.settings;
        let stamps = settings.timestamp_type == TimestampType::LogAppendTime;
        let min = now.0.saturating_sub(settings.timestamp_before_max_millis);
        let max = now.0.saturating_add(settings.timestamp_after_max_millis);
        let in_range = |timestamp: Timestamp| {
            if stamps || timestamp == Timestamp::NONE || (min..=max).contains(&timestamp.0) {
                return Ok(());
            }
            Err(ValidationError::Timestamp { timestamp: timestamp.0, min, max })
        };
        in_range(batch.max_timestamp())?;
        let old_matters = !stamps && settings.timestamp_before_max_millis < i64::MAX;
        if settings.cleanup.compact || old_matters {
            for record in batch.records()? {
                let record = record?;
                in_range(record.timestamp)?;
                if settings.cleanup.compact && record.key.is_none() {
                    return Err(ValidationError::NoKey);
                }
            }
        }
        Ok(if stamps { batch.with_append_time(now) } else { batch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CleanupPolicy;
    use crate::id::TopicPartition;
    use crate::log::LogSettings;
    use crate::record::{BatchBuilder, Compression};

    const NOW: Timestamp = Timestamp(10_000);

    fn log(change: impl FnOnce(&mut LogSettings)) -> PartitionLog {
        let mut settings = LogSettings::default();
        change(&mut settings);
        PartitionLog::new(TopicPartition::new("orders", 0), settings)
    }

    fn batch(timestamps: &[i64], key: Option<&[u8]>) -> RecordBatch {
        let mut builder = BatchBuilder::new(Compression::None);
        for timestamp in timestamps {
            builder.push(Timestamp(*timestamp), key, Some(b"value"), &[]);
        }
        RecordBatch::parse(builder.build()).expect("built")
    }

    #[test]
    fn a_timestamp_too_far_from_the_clock_is_refused() {
        let log = log(|settings| {
            settings.timestamp_before_max_millis = 1000;
            settings.timestamp_after_max_millis = 100;
        });
        let code =
            |timestamps: &[i64]| log.validate(batch(timestamps, None), NOW).map_err(|e| e.error_code());
        assert!(code(&[9_000, 10_100]).is_ok());
        assert_eq!(code(&[10_101]), Err(ErrorCode::InvalidTimestamp));
        assert_eq!(code(&[8_999, 10_000]), Err(ErrorCode::InvalidTimestamp));
        assert!(code(&[-1]).is_ok());
    }

    #[test]
    fn append_time_takes_the_place_of_every_timestamp() {
        let log = log(|settings| settings.timestamp_type = TimestampType::LogAppendTime);
        let stamped = log.validate(batch(&[1, i64::MAX / 2], None), NOW).expect("any timestamp will do");
        assert!(stamped.is_log_append_time());
        assert_eq!(stamped.max_timestamp(), NOW);
        let again = RecordBatch::parse(stamped.to_bytes()).expect("its CRC is right");
        let timestamps: Vec<_> = again.records().expect("plain").map(|r| r.map(|r| r.timestamp)).collect();
        assert_eq!(timestamps, [Ok(NOW), Ok(NOW)]);
    }

    #[test]
    fn a_compacted_topic_refuses_records_without_a_key() {
        let log = log(|settings| settings.cleanup = CleanupPolicy { delete: false, compact: true });
        assert_eq!(log.validate(batch(&[NOW.0], None), NOW), Err(ValidationError::NoKey));
        assert!(log.validate(batch(&[NOW.0], Some(b"k")), NOW).is_ok());
    }
}
