//! Sequence numbers of idempotent producers: they count records, and begin again at 0 after the largest (Kafka's
//! `DefaultRecordBatch.incrementSequence`).

/// The sequence number `count` records after `sequence`. Both must not be negative.
#[must_use]
pub fn sequence_after(sequence: i32, count: i32) -> i32 {
    match sequence.checked_add(count) {
        Some(after) => after,
        None => count - (i32::MAX - sequence) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_begin_again_at_zero() {
        assert_eq!(sequence_after(0, 1), 1);
        assert_eq!(sequence_after(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 2, 5), 2);
        assert_eq!(sequence_after(i32::MAX, i32::MAX), i32::MAX - 1);
    }
}
