//! The numbers an idempotent producer puts on the batches of one partition (KIP-98, KIP-360; the idempotent half of
//! Kafka's `TransactionManager` and `TxnPartitionEntry`).
//!
//! Each batch carries the producer's id and epoch and the number of its first record. A leader takes batches in that
//! order only and answers one that it has already with its old offsets. Numbers are given when a batch is first
//! sent and stay through its retries.
//!
//! A batch that is given up leaves a gap in the numbers, or a doubt whether there is one. Then nothing new is sent
//! until everything under way is settled, and the partition begins again at 0 in the next epoch of the producer,
//! unless a later batch was acknowledged: it could only be written behind the one in doubt.
//!
//! Two rules are stricter than Kafka's. Until the first batch of an epoch is acknowledged, a partition has only one
//! under way: a leader that knows nothing of the producer takes any number, so the second could be written first and
//! the first never after it (KAFKA-14920). And a batch that may have been written is not renumbered: under its new
//! number a leader could not recognise it (KAFKA-14034).

use crate::id::ProducerId;
use crate::record::sequence_after;

/// Most batches of one partition under way: a leader remembers so many (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub(super) const UNDER_WAY_MAX: usize = 5;

/// A producer's id and epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) id: ProducerId,
    pub(super) epoch: i16,
}

impl Identity {
    /// The same producer in its next epoch; none after the last one.
    pub(super) fn bumped(self) -> Option<Identity> {
        self.epoch.checked_add(1).map(|epoch| Identity { epoch, ..self })
    }
}

/// The number of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number {
    pub(super) identity: Identity,
    /// Of its first record.
    pub(super) sequence: i32,
}

/// Why nothing new may be numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    /// A batch that may have been written was given up.
    Unresolved,
    /// A number is missing for good: a new epoch is needed.
    Gap,
}

/// What a partition has to do once nothing of it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// Go on.
    GoOn,
    /// Begin again in a new epoch.
    NewEpoch,
}

/// The numbers of one partition. Batches are named by the number of their first record among all of the producer's.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// Under which the numbers run; none before the first batch and after a gap.
    identity: Option<Identity>,
    next: i32,
    /// The last batch that was numbered.
    last: Option<u64>,
    /// The latest batch that was acknowledged.
    acknowledged: Option<u64>,
    trouble: Option<Trouble>,
}

impl Sequences {
    /// Whether a new batch may be numbered and sent while `under_way` others are.
    pub(super) fn may_number(&self, current: Identity, under_way: usize) -> bool {
        if self.trouble.is_some() {
            return false;
        }
        let proven = self.identity == Some(current) && self.acknowledged.is_some();
        under_way == 0 || (proven && under_way < UNDER_WAY_MAX)
    }

    /// Whether batches with numbers may be sent again: not if they are to be renumbered.
    pub(super) fn may_retry(&self) -> bool {
        self.trouble != Some(Trouble::Gap)
    }

    /// Numbers the batch `first_record` of `count` records. Only after [`Sequences::may_number`].
    pub(super) fn number(&mut self, current: Identity, first_record: u64, count: i32) -> Number {
        if self.identity != Some(current) {
            *self = Sequences { identity: Some(current), ..Sequences::default() };
        }
        let number = Number { identity: current, sequence: self.next };
        self.next = sequence_after(self.next, count);
        self.last = Some(first_record);
        number
    }

    /// A batch was acknowledged, and with it every one numbered before it was written.
    pub(super) fn acknowledged(&mut self, first_record: u64) {
        self.acknowledged = self.acknowledged.max(Some(first_record));
    }

    /// A batch with a number was given up; `doubtful` if it may have been written all the same.
    pub(super) fn gave_up(&mut self, doubtful: bool) {
        if doubtful && self.trouble.is_none() {
            self.trouble = Some(Trouble::Unresolved);
        } else if !doubtful {
            self.trouble = Some(Trouble::Gap);
        }
    }

    /// Nothing of the partition is under way. `retries` says whether batches with numbers wait to be sent again.
    /// None while that has to be awaited.
    pub(super) fn settle(&mut self, retries: bool) -> Option<Settled> {
        match self.trouble {
            Some(Trouble::Unresolved) if retries => None,
            Some(Trouble::Unresolved) if self.acknowledged >= self.last => {
                self.trouble = None;
                Some(Settled::GoOn)
            }
            Some(Trouble::Unresolved | Trouble::Gap) => {
                *self = Sequences::default();
                Some(Settled::NewEpoch)
            }
            None => Some(Settled::GoOn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: Identity = Identity { id: ProducerId(7), epoch: 0 };

    /// The numbers after one batch of three records, acknowledged.
    fn proven() -> Sequences {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.number(CURRENT, 0, 3).sequence, 0);
        sequences.acknowledged(0);
        sequences
    }

    #[test]
    fn numbers_count_records() {
        let mut sequences = proven();
        assert_eq!(sequences.number(CURRENT, 3, 2).sequence, 3);
        assert_eq!(sequences.number(CURRENT, 5, 1).sequence, 5);
    }

    #[test]
    fn one_batch_is_under_way_until_the_first_is_acknowledged_and_then_five() {
        let mut sequences = Sequences::default();
        assert!(sequences.may_number(CURRENT, 0));
        sequences.number(CURRENT, 0, 1);
        assert!(!sequences.may_number(CURRENT, 1));
        sequences.acknowledged(0);
        assert!(sequences.may_number(CURRENT, 4));
        assert!(!sequences.may_number(CURRENT, 5));
    }

    #[test]
    fn a_new_epoch_begins_at_zero_once_nothing_is_under_way() {
        let mut sequences = proven();
        let bumped = CURRENT.bumped().expect("far from the last");
        assert!(!sequences.may_number(bumped, 1));
        assert!(sequences.may_number(bumped, 0));
        assert_eq!(sequences.number(bumped, 3, 1), Number { identity: bumped, sequence: 0 });
        assert!(!sequences.may_number(bumped, 1), "nothing of the new epoch is acknowledged");
    }

    #[test]
    fn a_batch_in_doubt_is_resolved_by_a_later_acknowledgement() {
        let mut sequences = proven();
        sequences.number(CURRENT, 3, 1);
        sequences.number(CURRENT, 4, 1);
        sequences.gave_up(true);
        assert!(!sequences.may_number(CURRENT, 0));
        assert_eq!(sequences.settle(true), None);
        sequences.acknowledged(4);
        assert_eq!(sequences.settle(false), Some(Settled::GoOn));
        assert_eq!(sequences.number(CURRENT, 5, 1).sequence, 5);
    }

    #[test]
    fn a_batch_in_doubt_without_a_later_acknowledgement_needs_a_new_epoch() {
        let mut sequences = proven();
        sequences.number(CURRENT, 3, 1);
        sequences.gave_up(true);
        assert_eq!(sequences.settle(false), Some(Settled::NewEpoch));
        assert!(sequences.may_number(CURRENT, 0));
    }

    #[test]
    fn a_number_that_is_missing_for_good_needs_a_new_epoch_even_if_others_wait() {
        let mut sequences = proven();
        sequences.number(CURRENT, 3, 1);
        sequences.gave_up(true);
        sequences.gave_up(false);
        assert!(!sequences.may_retry());
        assert_eq!(sequences.settle(true), Some(Settled::NewEpoch));
    }

    #[test]
    fn after_the_last_epoch_there_is_none() {
        assert_eq!(Identity { id: ProducerId(1), epoch: i16::MAX }.bumped(), None);
    }
}
