//! Who votes, and with which disk (KIP-853).
//!
//! Who may vote is configured (`controller.quorum.voters`). Whether a voter still has what it has said is on its disk
//! is another question: one that lost its disk and comes back under its id has forgotten its votes and its records, and
//! with it a majority could elect a leader that lacks what was committed (kafka.md B74). So a voter is an id **and** the
//! id of the directory its log lies in. Which directories these are stands in the log itself, in records of the whole
//! set ([`MetadataRecord::Voters`]), and counts from the moment such a record is in a log, as Raft has it.
//!
//! - A candidate asks each voter by the directory its log names; one that has another directory refuses.
//! - A leader counts a fetch only if it comes from the directory its log names.
//! - A voter that its own log does not name does not stand for election.
//! - As long as a log names nobody, every voter is needed, for an election and for the high watermark: two voters of
//!   three with empty disks cannot know whether the third has records that they have lost. The first leader names
//!   everybody when everybody has fetched from it.
//! - A voter with another directory than the one named fetches what is committed, like a broker. When it has that, the
//!   leader takes the old directory out of the set, and when this is committed, the new one in: two changes of one
//!   member each, so that any two majorities have a voter in common (what Kafka 4.2 does with RemoveVoter and AddVoter
//!   under `controller.quorum.auto.join.enable`). Until then it does not count.
//!
//! A quorum of one remembers nobody: there is nobody to tell it what it has lost.

use std::collections::BTreeMap;

use super::role::Role;
use super::{Quorum, decode_batch};
use crate::event::Event;
use crate::id::{DirectoryId, NodeId};
use crate::machine::Effects;
use crate::metadata::MetadataRecord;
use crate::offset::Offset;
use crate::record::RecordBatch;
use crate::time::Now;
use crate::variant::Guard;

/// The directory of each voter.
pub(super) type Directories = BTreeMap<NodeId, DirectoryId>;

/// The sets of voters that a log names, one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct VoterSets {
    /// What is known without the log: from its snapshot, or from whoever formatted the cluster.
    base: Option<Directories>,
    /// It stands in a record, and so belongs into the next snapshot.
    recorded: bool,
    /// Those in the log, with the offsets of their records.
    changes: Vec<(Offset, Directories)>,
}

impl VoterSets {
    /// What a snapshot says; without a word of it, what the configuration says.
    pub(super) fn of_snapshot(records: &[MetadataRecord], configured: &Directories) -> VoterSets {
        let named = records.iter().find_map(|record| match record {
            MetadataRecord::Voters { directories } => Some(directories.clone()),
            _ => None,
        });
        let recorded = named.is_some();
        let configured = (!configured.is_empty()).then(|| configured.clone());
        VoterSets { base: named.or(configured), recorded, changes: Vec::new() }
    }

    /// The set that counts; `None` if nobody is named.
    pub(super) fn latest(&self) -> Option<&Directories> {
        self.changes.last().map(|(_, directories)| directories).or(self.base.as_ref())
    }

    /// Records were appended to the log.
    pub(super) fn read<'a>(&mut self, records: impl IntoIterator<Item = (Offset, &'a MetadataRecord)>) {
        for (offset, record) in records {
            if let MetadataRecord::Voters { directories } = record {
                self.changes.push((offset, directories.clone()));
            }
        }
    }

    /// The log ends at `end` now.
    fn truncate(&mut self, end: Offset) {
        self.changes.retain(|(offset, _)| *offset < end);
    }

    /// True if the set that counts is not committed yet.
    fn is_changing(&self, committed: Offset) -> bool {
        self.changes.last().is_some_and(|(offset, _)| *offset >= committed)
    }

    /// The record of the set before `end` for a snapshot that ends there. What lies before is forgotten.
    pub(super) fn for_snapshot(&mut self, end: Offset) -> Option<MetadataRecord> {
        let settled = self.changes.partition_point(|(offset, _)| *offset < end);
        if let Some((_, directories)) = self.changes.drain(..settled).next_back() {
            (self.base, self.recorded) = (Some(directories), true);
        }
        let directories = self.base.clone().filter(|_| self.recorded)?;
        Some(MetadataRecord::Voters { directories })
    }
}

impl Quorum {
    fn minds_directories(&self) -> bool {
        self.settings.variant.directory_id == Guard::On && self.settings.voters.len() > 1
    }

    /// The set that counts, if directories do and somebody is named.
    fn named(&self) -> Option<&Directories> {
        self.voters.latest().filter(|_| self.minds_directories())
    }

    /// How many voters there are.
    pub(super) fn voter_count(&self) -> usize {
        self.named().map_or(self.settings.voters.len(), Directories::len)
    }

    /// How many of them an election or a commit needs.
    pub(super) fn voters_needed(&self) -> usize {
        let everybody = self.minds_directories() && self.named().is_none();
        if everybody { self.voter_count() } else { self.voter_count() / 2 + 1 }
    }

    /// The directory by which a voter is asked, or NONE.
    pub(super) fn directory_of(&self, voter: NodeId) -> DirectoryId {
        self.named().and_then(|named| named.get(&voter).copied()).unwrap_or(DirectoryId::NONE)
    }

    /// This voter's own directory, or NONE if nobody is to know.
    pub(super) fn own_directory(&self) -> DirectoryId {
        if self.minds_directories() { self.settings.directory } else { DirectoryId::NONE }
    }

    /// Whether a voter counts, if it has that directory.
    pub(super) fn counts(&self, voter: NodeId, directory: DirectoryId) -> bool {
        match self.named() {
            Some(named) => named.get(&voter) == Some(&directory),
            None => self.is_voter(voter),
        }
    }

    /// Whether this voter itself counts.
    pub(super) fn counts_itself(&self) -> bool {
        self.counts(self.settings.node, self.settings.directory)
    }

    /// The other voters that count.
    pub(super) fn counting_others(&self) -> Vec<NodeId> {
        let counts = |voter: &NodeId| self.named().is_none_or(|named| named.contains_key(voter));
        self.others().into_iter().filter(counts).collect()
    }

    /// Whether the question of a candidate is meant for the disk that this voter has.
    pub(super) fn is_meant(&self, directory: DirectoryId) -> bool {
        !self.minds_directories() || [DirectoryId::NONE, self.settings.directory].contains(&directory)
    }

    /// A batch is in the log: it may name voters.
    pub(super) fn read_voters(&mut self, batch: &RecordBatch, effects: &mut Effects) {
        let mut records = Vec::new();
        decode_batch(batch, &mut records).expect("what is appended was decoded before");
        let before = self.voters.changes.len();
        self.voters.read(records.iter().map(|(offset, record)| (*offset, record)));
        if self.voters.changes.len() > before {
            self.note_voters(effects);
        }
    }

    /// The log was cut, and may name other voters now.
    pub(super) fn cut_voters(&mut self) {
        self.voters.truncate(self.log.end_offset());
    }

    fn note_voters(&self, effects: &mut Effects) {
        let Some(named) = self.named() else { return };
        let (directory, votes) = (self.settings.directory, self.counts_itself());
        effects.note(Event::QuorumVoters { directories: named.clone(), directory, votes });
    }

    /// A voter has fetched from `offset` on with that directory: the leader names it when it may.
    pub(super) fn name_voter(
        &mut self,
        now: Now,
        voter: NodeId,
        directory: DirectoryId,
        offset: Offset,
        effects: &mut Effects,
    ) {
        if !self.minds_directories() || directory == DirectoryId::NONE {
            return;
        }
        let (others, own) = (self.others(), (self.settings.node, self.settings.directory));
        let committed = self.high_watermark;
        let Role::Leader(leading) = &mut self.role else { return };
        let directories = match self.voters.latest() {
            None => {
                leading.directories.insert(voter, directory);
                if !others.iter().all(|other| leading.directories.contains_key(other)) {
                    return;
                }
                leading.directories.clone().into_iter().chain([own]).collect()
            }
            Some(named) => {
                let has_all = offset >= committed && committed > leading.epoch_start;
                if named.get(&voter) == Some(&directory) || !has_all || self.voters.is_changing(committed) {
                    return;
                }
                let mut next = named.clone();
                if next.remove(&voter).is_none() {
                    next.insert(voter, directory);
                }
                next
            }
        };
        self.append_in_epoch(now.wall, &[MetadataRecord::Voters { directories }], effects);
        self.plan_check_quorum();
    }
}
