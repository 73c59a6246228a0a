//! What a consumer knows of each partition it was assigned: position, fetched records, what is under way.
//!
//! Pure: it is told the time.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::ConsumedRecord;
use crate::epoch::LeaderEpoch;
use crate::id::{NodeId, TopicPartition};
use crate::offset::Offset;
use crate::record::{BatchError, batches};
use crate::time::Instant;

/// Where a consumer will read next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The next offset.
    pub offset: Offset,
    /// Leader epoch of the last record read before it, or NONE.
    pub leader_epoch: LeaderEpoch,
}

/// Records that were fetched and not yet returned.
struct Fetched {
    records: VecDeque<ConsumedRecord>,
    /// The position when all are returned: behind the last batch, whether or not it held a last record.
    after: Position,
}

/// One assigned partition.
pub(super) struct Assigned {
    /// Where to read next; `None` until it was reset.
    pub(super) position: Option<Position>,
    /// The position that was out of range.
    pub(super) lost: Option<Offset>,
    /// The leader epoch in which the position is known to be part of the log; NONE if in none yet.
    pub(super) validated: LeaderEpoch,
    /// The follower to read from instead of the leader (KIP-392), and until when.
    preferred: Option<(NodeId, Instant)>,
    /// The group is asked where it has come to: no position is made up meanwhile.
    pub(super) waits_for_committed: bool,
    /// Nothing is fetched or returned until it is resumed.
    pub(super) paused: bool,
    /// No reset: there is no position, and `auto.offset.reset=none` leaves that to the caller.
    pub(super) stuck: bool,
    /// The broker that was asked about it and has not answered.
    pub(super) busy: Option<NodeId>,
    /// No request for it before this time.
    pub(super) not_before: Instant,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Counts assignments, seeks and questions: an answer to an older question is dropped.
    pub(super) generation: u64,
    fetched: Option<Fetched>,
}

impl Assigned {
    fn new(generation: u64, now: Instant) -> Self {
        Assigned {
            position: None,
            lost: None,
            validated: LeaderEpoch::NONE,
            preferred: None,
            waits_for_committed: false,
            paused: false,
            stuck: false,
            busy: None,
            not_before: now,
            failures: 0,
            generation,
            fetched: None,
        }
    }

    /// Where to fetch, if a fetch makes sense now: there is a position and all that was fetched is returned.
    pub(super) fn fetch_offset(&self) -> Option<Offset> {
        if self.fetched.is_some() || self.paused {
            None
        } else {
            self.position.map(|position| position.offset)
        }
    }

    /// True if the position must be asked for.
    pub(super) fn needs_reset(&self) -> bool {
        self.position.is_none() && !self.stuck && !self.waits_for_committed
    }

    /// The follower to read from now, if a leader named one and that is not too long ago.
    pub(super) fn preferred_replica(&self, now: Instant) -> Option<NodeId> {
        self.preferred.filter(|(_, until)| now < *until).map(|(broker, _)| broker)
    }

    /// Reads from `broker` until `until`.
    pub(super) fn prefer(&mut self, broker: NodeId, until: Instant) {
        self.preferred = Some((broker, until));
    }

    /// Reads from the leader again. True if it read from `broker` before.
    pub(super) fn return_to_leader(&mut self, broker: NodeId) -> bool {
        let left = self.preferred.is_some_and(|(preferred, _)| preferred == broker);
        if left {
            self.preferred = None;
        }
        left
    }

    /// True if the leader of `epoch` must be asked whether its log goes as far as the position does (KIP-320): the
    /// last record before it was read from an earlier leader.
    pub(super) fn needs_validation(&self, epoch: LeaderEpoch) -> bool {
        self.fetched.is_none()
            && epoch > self.validated
            && self.position.is_some_and(|position| position.leader_epoch != LeaderEpoch::NONE)
    }
}

/// All assigned partitions.
pub(super) struct Assignment {
    partitions: BTreeMap<TopicPartition, Assigned>,
    /// Partitions with fetched records, in the order the records came.
    ready: VecDeque<TopicPartition>,
    generations: u64,
}

impl Assignment {
    pub(super) fn new() -> Self {
        Assignment { partitions: BTreeMap::new(), ready: VecDeque::new(), generations: 0 }
    }

    /// Replaces the assignment as the group says: new partitions wait for what the group has committed.
    pub(super) fn assign_waiting(&mut self, partitions: Vec<TopicPartition>, now: Instant) {
        let before = self.generations;
        self.assign(partitions, now);
        for assigned in self.partitions.values_mut().filter(|assigned| assigned.generation > before) {
            assigned.waits_for_committed = true;
        }
    }

    /// Replaces the assignment. Partitions that stay keep their position and what was fetched.
    pub(super) fn assign(&mut self, partitions: Vec<TopicPartition>, now: Instant) {
        self.generations += 1;
        self.partitions.retain(|partition, _| partitions.contains(partition));
        self.ready.retain(|partition| partitions.contains(partition));
        for partition in partitions {
            let generation = self.generations;
            self.partitions.entry(partition).or_insert_with(|| Assigned::new(generation, now));
        }
    }

    /// Moves the position; drops what was fetched. False if the partition is not assigned.
    pub(super) fn seek(
        &mut self,
        partition: &TopicPartition,
        position: Option<Position>,
        now: Instant,
    ) -> bool {
        self.generations += 1;
        let Some(assigned) = self.partitions.get_mut(partition) else { return false };
        let paused = assigned.paused;
        *assigned = Assigned::new(self.generations, now);
        assigned.position = position;
        assigned.paused = paused;
        self.ready.retain(|ready| ready != partition);
        true
    }

    /// Neither fetches nor returns records of `partition` until it is resumed. False if it is not assigned.
    pub(super) fn pause(&mut self, partition: &TopicPartition) -> bool {
        let Some(assigned) = self.partitions.get_mut(partition) else { return false };
        assigned.paused = true;
        self.ready.retain(|ready| ready != partition);
        true
    }

    /// Ends a pause; what was fetched before it is returned. False if the partition is not assigned.
    pub(super) fn resume(&mut self, partition: &TopicPartition) -> bool {
        let Some(assigned) = self.partitions.get_mut(partition) else { return false };
        if std::mem::take(&mut assigned.paused) && assigned.fetched.is_some() {
            self.ready.push_back(partition.clone());
        }
        true
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.partitions.get(partition)
    }

    /// The partition, if the question of `generation` is still of interest.
    pub(super) fn current(&mut self, partition: &TopicPartition, generation: u64) -> Option<&mut Assigned> {
        self.partitions.get_mut(partition).filter(|assigned| assigned.generation == generation)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Assigned)> {
        self.partitions.iter()
    }

    /// Notes that `broker` is asked about `partition`; answers to earlier questions will be dropped. Gives the
    /// generation of the question.
    pub(super) fn ask(&mut self, partition: &TopicPartition, broker: NodeId) -> Option<u64> {
        self.generations += 1;
        let assigned = self.partitions.get_mut(partition)?;
        assigned.busy = Some(broker);
        assigned.generation = self.generations;
        Some(self.generations)
    }

    /// Leaves every partition without a position to the caller; gives those that were not left before, with the
    /// position each had.
    pub(super) fn strand(&mut self) -> Vec<(TopicPartition, Option<Offset>)> {
        let lacking = self.partitions.iter_mut().filter(|(_, assigned)| assigned.needs_reset());
        lacking
            .map(|(partition, assigned)| {
                assigned.stuck = true;
                (partition.clone(), assigned.lost)
            })
            .collect()
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Assigned> {
        self.partitions.get_mut(partition)
    }

    /// Takes in the batches of a fetch. A broker returns whole batches: records below the position are dropped.
    ///
    /// # Errors
    /// The first batch that is wanted cannot be read.
    pub(super) fn take_in(&mut self, partition: &TopicPartition, bytes: Bytes) -> Result<(), BatchError> {
        let Some(assigned) = self.partitions.get_mut(partition) else { return Ok(()) };
        let Some(position) = assigned.position else { return Ok(()) };
        let mut fetched = Fetched { records: VecDeque::new(), after: position };
        if let Err(problem) = read_batches(partition, bytes, position, &mut fetched)
            && fetched.after == position
        {
            return Err(problem);
        }
        if fetched.records.is_empty() {
            assigned.position = Some(fetched.after);
        } else {
            assigned.fetched = Some(fetched);
            if !assigned.paused {
                self.ready.push_back(partition.clone());
            }
        }
        Ok(())
    }

    /// Returns up to `count` fetched records and moves the positions behind them.
    pub(super) fn take(&mut self, count: usize) -> Vec<ConsumedRecord> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some(partition) = self.ready.front() else { break };
            let assigned = self.partitions.get_mut(partition).expect("ready partitions are assigned");
            let fetched = assigned.fetched.as_mut().expect("ready partitions have fetched records");
            let share = fetched.records.len().min(count - taken.len());
            taken.extend(fetched.records.drain(..share));
            if fetched.records.is_empty() {
                assigned.position = Some(fetched.after);
                assigned.fetched = None;
                self.ready.pop_front();
            } else if let Some(last) = taken.last() {
                assigned.position =
                    Some(Position { offset: last.offset.next(), leader_epoch: last.leader_epoch });
            }
        }
        taken
    }
}

/// Reads whole batches until the end or the first that is broken; `fetched` holds what came before it.
fn read_batches(
    partition: &TopicPartition,
    bytes: Bytes,
    position: Position,
    fetched: &mut Fetched,
) -> Result<(), BatchError> {
    for batch in batches(bytes) {
        let batch = batch?;
        if batch.next_offset() <= position.offset {
            continue;
        }
        let leader_epoch = batch.leader_epoch();
        if !batch.is_control() {
            let complete = fetched.records.len();
            for record in batch.records()? {
                let record = match record {
                    Ok(record) => record,
                    Err(problem) => {
                        fetched.records.truncate(complete);
                        return Err(problem);
                    }
                };
                if record.offset < position.offset {
                    continue;
                }
                fetched.records.push_back(ConsumedRecord {
                    partition: partition.clone(),
                    offset: record.offset,
                    leader_epoch,
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                });
            }
        }
        fetched.after = Position { offset: batch.next_offset(), leader_epoch };
    }
    Ok(())
}
