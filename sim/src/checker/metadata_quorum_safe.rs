//! `metadata-quorum-safe`: each epoch of the metadata quorum is led once, and what is committed stays.
//!
//! Source: ElectionSafety and LogMatching of the KRaft specification (W15), SingleLeader and ConsistentCommittedData
//! of Kafka's `RaftEventSimulationTest` (W16); M1 (committed metadata lost) and M2 (replaced). Every voter says when
//! it takes a role and when it learns that a batch is committed. A voter that restarts and leads its old epoch on is
//! a second leader of it: it has forgotten what it did there (KAFKA-10527).
//!
//! Why not stricter: leaders of different epochs may overlap in time, and a voter may learn late what is committed.
//! Batches that a voter has only as part of a snapshot are not compared.

use std::collections::BTreeMap;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, Event, QuorumRole};
use tribunal_engine::id::NodeId;
use tribunal_engine::offset::Offset;

use super::found::Found;
use super::{Checker, Finding, FinishedRun, Violation};
use crate::scenario::Guarantee;
use crate::view::{ClusterView, Happening, What};

/// The checker.
#[derive(Debug, Default)]
pub struct MetadataQuorumSafe {
    /// How often each process was started.
    boots: BTreeMap<NodeId, u64>,
    /// Who led each epoch, and in which boot.
    leaders: BTreeMap<LeaderEpoch, (NodeId, u64)>,
    /// What is committed, by first offset, and who said so first.
    committed: BTreeMap<Offset, (BatchId, NodeId)>,
    checked: u64,
    found: Found,
}

impl MetadataQuorumSafe {
    fn leads(&mut self, happening: &Happening, voter: NodeId, epoch: LeaderEpoch) {
        let boot = self.boots.get(&voter).copied().unwrap_or(0);
        let (first, first_boot) = *self.leaders.entry(epoch).or_insert((voter, boot));
        if (first, first_boot) == (voter, boot) {
            return;
        }
        let text = if first == voter {
            format!("controller {voter} leads epoch {epoch} of the metadata quorum again after a restart")
        } else {
            format!("controllers {first} and {voter} both lead epoch {epoch} of the metadata quorum")
        };
        self.found.add(|| violation(happening, voter, None, text));
    }

    fn commits(&mut self, happening: &Happening, voter: NodeId, batch: BatchId) {
        let before = self.committed.range(..=batch.last).next_back();
        match before.map(|(_, known)| *known) {
            Some((known, _)) if known == batch => {}
            Some((known, first)) if known.last >= batch.base => {
                let text = format!(
                    "controller {voter} has metadata @{}..{} of epoch {} committed where controller {first} had @{}..{} of epoch {}",
                    batch.base, batch.last, batch.epoch, known.base, known.last, known.epoch
                );
                self.found.add(|| violation(happening, voter, Some(batch.base), text));
            }
            _ => {
                self.committed.insert(batch.base, (batch, voter));
            }
        }
    }
}

fn violation(happening: &Happening, voter: NodeId, offset: Option<Offset>, text: String) -> Violation {
    Violation { at: Some(happening.at), offset, broker: Some(voter), ..Violation::saying(text) }
}

impl Checker for MetadataQuorumSafe {
    fn guarantee(&self) -> Guarantee {
        Guarantee::MetadataQuorumSafe
    }

    fn on_happening(&mut self, _view: &ClusterView, happening: &Happening) {
        let Some(node) = happening.node else { return };
        match &happening.what {
            What::Started => *self.boots.entry(node).or_default() += 1,
            What::Event(Event::QuorumRoleChanged { role: QuorumRole::Leader, epoch, .. }) => {
                self.checked += 1;
                self.leads(happening, node, *epoch);
            }
            What::Event(Event::MetadataCommitted { batch }) => {
                self.checked += 1;
                self.commits(happening, node, *batch);
            }
            _ => {}
        }
    }

    fn finish(&mut self, _run: &FinishedRun<'_>) -> Finding {
        self.found.finding(self.guarantee(), self.checked, "elections and commits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::sample::Sample;

    fn leads(sample: &mut Sample, voter: i32, epoch: i32) {
        let (epoch, leader) = (LeaderEpoch(epoch), Some(NodeId(voter)));
        sample.event(voter, Event::QuorumRoleChanged { role: QuorumRole::Leader, epoch, leader });
    }

    fn commits(sample: &mut Sample, voter: i32, base: i64, last: i64, crc: u32) {
        let batch = BatchId { base: Offset(base), last: Offset(last), epoch: LeaderEpoch(1), crc };
        sample.event(voter, Event::MetadataCommitted { batch });
    }

    fn violations(script: impl FnOnce(&mut Sample)) -> u64 {
        let mut sample = Sample::watching(MetadataQuorumSafe::default());
        script(&mut sample);
        sample.finding().violated
    }

    #[test]
    fn epochs_led_one_after_the_other_and_batches_known_to_all_are_held() {
        let violated = violations(|sample| {
            leads(sample, 100, 1);
            commits(sample, 100, 0, 0, 7);
            commits(sample, 101, 0, 0, 7);
            leads(sample, 101, 2);
            commits(sample, 101, 1, 3, 8);
            commits(sample, 100, 1, 3, 8);
        });
        assert_eq!(violated, 0);
    }

    #[test]
    fn two_leaders_of_one_epoch_are_found() {
        let violated = violations(|sample| {
            leads(sample, 100, 1);
            leads(sample, 101, 1);
        });
        assert_eq!(violated, 1);
    }

    #[test]
    fn a_leader_that_restarts_in_its_epoch_is_found() {
        let violated = violations(|sample| {
            sample.process(100, What::Started);
            leads(sample, 100, 1);
            sample.process(100, What::Crashed);
            sample.process(100, What::Started);
            leads(sample, 100, 1);
        });
        assert_eq!(violated, 1);
    }

    #[test]
    fn another_batch_at_a_committed_offset_is_found() {
        let violated = violations(|sample| {
            commits(sample, 100, 0, 2, 7);
            commits(sample, 101, 0, 2, 8);
            commits(sample, 102, 1, 1, 7);
        });
        assert_eq!(violated, 2);
    }

    #[test]
    fn a_voter_that_restarts_and_learns_again_what_is_committed_is_legal() {
        let violated = violations(|sample| {
            commits(sample, 100, 0, 2, 7);
            commits(sample, 100, 3, 4, 7);
            sample.process(100, What::Started);
            commits(sample, 100, 0, 2, 7);
            commits(sample, 100, 3, 4, 7);
        });
        assert_eq!(violated, 0);
    }
}
