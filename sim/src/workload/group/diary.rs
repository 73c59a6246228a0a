//! What one boot of a member saw, written into the history as it happens.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use tribunal_engine::client::{ConsumedRecord, ConsumerEvent, GroupMetadata, Offsets, Outcome};
use tribunal_engine::error::ErrorCode;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::offset::Offset;

use super::super::Load;
use crate::history::{Commit, CommitOutcome, Delivery, MemberLife, Ownership, PositionReset, RecordId};

/// Writes down one boot of a member. Clones write the same one.
#[derive(Clone)]
pub(super) struct Diary {
    load: Load,
    /// Index into the members of the history.
    life: usize,
    /// Indexes of the partitions of the subscription.
    indexes: Rc<BTreeMap<TopicPartition, u32>>,
    /// The ownership that lasts, by partition.
    owned: Rc<RefCell<BTreeMap<TopicPartition, u32>>>,
    /// The group refused the member for good.
    refused: Rc<Cell<bool>>,
}

/// Notes the end of the process, however it ends: a process that dies drops it.
pub(super) struct EndGuard(Diary);

impl Drop for EndGuard {
    fn drop(&mut self) {
        let now = self.0.load.handle.now();
        self.0.write(|life| life.ended = Some(now));
    }
}

/// The group has no place for the member.
pub(super) struct Refused;

impl Diary {
    pub(super) fn begin(load: &Load, group: &str, host: &str, partitions: &[TopicPartition]) -> Diary {
        let mut history = load.history.borrow_mut();
        let life = MemberLife::new(group, host, load.handle.now(), partitions.to_vec());
        history.members.push(life);
        Diary {
            load: load.clone(),
            life: history.members.len() - 1,
            indexes: Rc::new(partitions.iter().cloned().zip(0..).collect()),
            owned: Rc::default(),
            refused: Rc::default(),
        }
    }

    pub(super) fn end_guard(&self) -> EndGuard {
        EndGuard(self.clone())
    }

    /// Nothing is written once the run is over and the history is with its judges.
    fn write<T: Default>(&self, change: impl FnOnce(&mut MemberLife) -> T) -> T {
        let mut history = self.load.history.borrow_mut();
        history.members.get_mut(self.life).map(change).unwrap_or_default()
    }

    /// The member owns these partitions from now on; and what it kept under another member id it owns anew as this one.
    pub(super) fn owns(&self, as_member: Option<&GroupMetadata>, partitions: &[TopicPartition]) {
        let kept = as_member.map(|it| self.kept_from_another(&it.member_id)).unwrap_or_default();
        self.gives_up(&kept, false);
        let from = self.load.handle.now();
        let mut owned = self.owned.borrow_mut();
        self.write(|life| {
            for partition in partitions.iter().chain(&kept) {
                let Some(index) = self.indexes.get(partition) else { continue };
                owned.insert(partition.clone(), u32::try_from(life.ownerships.len()).unwrap_or(u32::MAX));
                life.ownerships.push(Ownership {
                    partition: *index,
                    member: as_member.map(|it| it.member_id.clone()).unwrap_or_default(),
                    epoch: as_member.map_or(-1, |it| it.generation),
                    from,
                    until: None,
                    lost: false,
                });
            }
        });
    }

    /// What is still owned from a time when the member had another id than this one.
    fn kept_from_another(&self, member_id: &str) -> Vec<TopicPartition> {
        let owned = self.owned.borrow();
        self.write(|life| {
            let another = |index: u32| {
                let ownership = life.ownerships.get(index as usize);
                ownership.is_some_and(|one| !one.member.is_empty() && one.member != member_id)
            };
            let kept = owned.iter().filter(|(_, ownership)| another(**ownership));
            kept.map(|(partition, _)| partition.clone()).collect()
        })
    }

    /// It owns them no longer.
    pub(super) fn gives_up(&self, partitions: &[TopicPartition], lost: bool) {
        let now = self.load.handle.now();
        let mut owned = self.owned.borrow_mut();
        self.write(|life| {
            for ownership in partitions.iter().filter_map(|partition| owned.remove(partition)) {
                if let Some(ownership) = life.ownerships.get_mut(ownership as usize) {
                    ownership.until = Some(now);
                    ownership.lost = lost;
                }
            }
        });
    }

    /// A poll returned these; gives their places among the deliveries.
    pub(super) fn delivered(&self, records: &[ConsumedRecord]) -> Range<usize> {
        let unowned: Vec<TopicPartition> = {
            let owned = self.owned.borrow();
            let all = records.iter().map(|record| &record.partition);
            let mut unowned: Vec<_> =
                all.filter(|partition| !owned.contains_key(*partition)).cloned().collect();
            unowned.dedup();
            unowned
        };
        // Whoever reads a partition acts as its owner, whatever it was told; a checker will object.
        self.owns(None, &unowned);
        self.load.counts.consumed.set(self.load.counts.consumed.get() + records.len() as u64);
        let (at, owned) = (self.load.handle.now(), self.owned.borrow());
        self.write(|life| {
            let first = life.deliveries.len();
            life.deliveries.extend(records.iter().filter_map(|record| {
                Some(Delivery {
                    partition: *self.indexes.get(&record.partition)?,
                    offset: record.offset,
                    leader_epoch: record.leader_epoch,
                    record: record.value.as_deref().and_then(RecordId::of_value),
                    at,
                    processed: None,
                    ownership: *owned.get(&record.partition)?,
                })
            }));
            first..life.deliveries.len()
        })
    }

    /// The work on one of them is done.
    pub(super) fn processed(&self, delivery: usize) {
        let now = self.load.handle.now();
        self.write(|life| {
            if let Some(delivery) = life.deliveries.get_mut(delivery) {
                delivery.processed = Some(now);
            }
        });
    }

    /// Positions were handed to the client to be committed; gives their places among the commits.
    pub(super) fn commits(&self, offsets: &Offsets) -> Range<usize> {
        let sent = self.load.handle.now();
        self.write(|life| {
            let first = life.commits.len();
            life.commits.extend(offsets.iter().filter_map(|(partition, position)| {
                Some(Commit {
                    partition: *self.indexes.get(partition)?,
                    offset: position.offset,
                    sent,
                    answered: None,
                    outcome: CommitOutcome::Pending,
                })
            }));
            first..life.commits.len()
        })
    }

    /// How that ended.
    pub(super) fn committed(&self, commits: Range<usize>, outcome: &Outcome<()>) {
        let now = self.load.handle.now();
        let ended = match outcome {
            Outcome::Ok(()) => CommitOutcome::Acknowledged,
            Outcome::Failed(error) => CommitOutcome::Refused(error.to_string()),
            Outcome::Unknown(error) => CommitOutcome::Unknown(error.to_string()),
        };
        self.write(|life| {
            for commit in life.commits.get_mut(commits).into_iter().flatten() {
                commit.answered = Some(now);
                commit.outcome = ended.clone();
            }
        });
    }

    /// What the consumer went through besides.
    ///
    /// # Errors
    /// The group refused the member for good, now or before.
    pub(super) fn take_events(&self, events: Vec<ConsumerEvent>) -> Result<(), Refused> {
        self.note_events(events);
        if self.refused.get() { Err(Refused) } else { Ok(()) }
    }

    /// The same for a callback: what happened before it is written down before it.
    pub(super) fn note_events(&self, events: Vec<ConsumerEvent>) {
        for event in events {
            match event {
                ConsumerEvent::Reset { partition, from, to } => self.reset(&partition, from, to),
                ConsumerEvent::Truncated { partition, from, to } => self.reset(&partition, Some(from), to),
                ConsumerEvent::Committed { offsets, outcome, .. } => {
                    let commits = self.commits(&offsets);
                    self.committed(commits, &outcome);
                }
                ConsumerEvent::GroupFailed { error } => {
                    assert_ne!(error, ErrorCode::None, "a group that fails says why");
                    self.refused.set(true);
                }
                _ => {}
            }
        }
    }

    fn reset(&self, partition: &TopicPartition, from: Option<Offset>, to: Offset) {
        let Some(partition) = self.indexes.get(partition).copied() else { return };
        let at = self.load.handle.now();
        self.write(|life| life.resets.push(PositionReset { at, partition, from, to }));
    }
}
