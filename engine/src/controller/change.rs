//! From what is to become of a partition to the record that makes it so (Kafka's `PartitionChangeBuilder`).
//!
//! Every change of an existing partition goes through here, whatever its cause, so that the rules hold for all:
//! - a clean leader is in the ISR, or, if that is empty, eligible (KIP-966), and acceptable to the caller;
//! - the sitting leader stays if it may; then assignment order decides;
//! - a reassignment is complete when all replicas it adds are in sync and enough of the final ones are;
//! - while the ISR is smaller than `min.insync.replicas`, whoever leaves it becomes an eligible leader: nothing is
//!   committed without it any more, so it holds every committed record. Who was stopped uncleanly is not eligible;
//! - the leader epoch rises exactly when the leader is written, and it is written when replicas go, so that nobody
//!   counts what a removed replica had (kafka.md B17);
//! - without eligible leaders the last member of an ISR is never removed.

use crate::id::{NodeId, PartitionIndex, TopicId};
use crate::metadata::{PartitionChange, PartitionImage};

/// How hard to look for a leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Election {
    /// The sitting one, or another clean one.
    Online,
    /// The first replica, if it may; otherwise as [`Election::Online`].
    Preferred,
    /// A clean one, or at worst any acceptable replica, which then decides alone what the partition holds.
    Unclean,
}

/// A change of one partition in the making.
pub(super) struct ChangeBuilder<'a> {
    topic: TopicId,
    index: PartitionIndex,
    partition: &'a PartitionImage,
    acceptable: &'a dyn Fn(NodeId) -> bool,
    /// `min.insync.replicas` of the topic.
    min_insync_replicas: usize,
    /// Whether the cluster keeps eligible leader replicas (KIP-966).
    keeps_elr: bool,
    election: Election,
    isr: Vec<NodeId>,
    elr: Vec<NodeId>,
    replicas: Vec<NodeId>,
    adding: Vec<NodeId>,
    removing: Vec<NodeId>,
    recovering: bool,
    stopped_uncleanly: Option<NodeId>,
}

/// Who was elected, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Elected {
    leader: Option<NodeId>,
    unclean: bool,
}

impl<'a> ChangeBuilder<'a> {
    /// A change of `partition` that so far only looks whether its leader may stay. `acceptable` says which brokers
    /// may lead at all.
    pub(super) fn new(
        topic: TopicId,
        index: PartitionIndex,
        partition: &'a PartitionImage,
        acceptable: &'a dyn Fn(NodeId) -> bool,
    ) -> ChangeBuilder<'a> {
        ChangeBuilder {
            topic,
            index,
            partition,
            acceptable,
            min_insync_replicas: 1,
            keeps_elr: false,
            election: Election::Online,
            isr: partition.isr.clone(),
            elr: Vec::new(),
            replicas: partition.replicas.clone(),
            adding: partition.adding.clone(),
            removing: partition.removing.clone(),
            recovering: partition.recovering,
            stopped_uncleanly: None,
        }
    }

    /// Keeps eligible leader replicas by this `min.insync.replicas`.
    pub(super) fn rules(mut self, min_insync_replicas: usize, keeps_elr: bool) -> Self {
        (self.min_insync_replicas, self.keeps_elr) = (min_insync_replicas, keeps_elr);
        self
    }

    pub(super) fn election(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// The ISR to be.
    pub(super) fn isr(mut self, mut isr: Vec<NodeId>) -> Self {
        isr.sort_unstable();
        isr.dedup();
        self.isr = isr;
        self
    }

    /// The ISR as it is, without this broker.
    pub(super) fn without(self, broker: NodeId) -> Self {
        let isr = self.partition.isr.iter().copied().filter(|member| *member != broker).collect();
        self.isr(isr)
    }

    /// Whether the leader still has to recover from an unclean election.
    pub(super) fn recovering(mut self, recovering: bool) -> Self {
        self.recovering = recovering;
        self
    }

    /// This broker stopped without writing down that its logs are whole.
    pub(super) fn stopped_uncleanly(mut self, broker: NodeId) -> Self {
        self.stopped_uncleanly = Some(broker);
        self
    }

    /// The assignment to be, with what is added and removed on the way.
    pub(super) fn assignment(
        mut self,
        replicas: Vec<NodeId>,
        adding: Vec<NodeId>,
        removing: Vec<NodeId>,
    ) -> Self {
        (self.replicas, self.adding, self.removing) = (replicas, adding, removing);
        self
    }

    /// The record, or `None` if nothing changes.
    pub(super) fn build(mut self) -> Option<PartitionChange> {
        let partition = self.partition;
        let mut change = PartitionChange::of(self.topic, self.index);
        self.complete_reassignment();
        self.find_eligible();
        self.elect(&mut change);
        let isr_counts = self.keeps_elr || !self.isr.is_empty();
        if change.isr.is_none() && isr_counts && self.isr != partition.isr {
            change.isr = Some(self.isr.clone());
        }
        let loses_replica = !partition.replicas.iter().all(|replica| self.replicas.contains(replica));
        if change.leader.is_none() && loses_replica {
            change.leader = Some(partition.leader);
        }
        change.elr = differs(&self.elr, &partition.elr);
        change.last_known_elr = self.last_known(&change);
        change.replicas = differs(&self.replicas, &partition.replicas);
        change.adding = differs(&self.adding, &partition.adding);
        change.removing = differs(&self.removing, &partition.removing);
        if self.recovering != partition.recovering {
            change.recovering = Some(self.recovering);
        }
        (!change.is_empty()).then_some(change)
    }

    fn effective_min_isr(&self) -> usize {
        self.min_insync_replicas.min(self.replicas.len())
    }

    fn complete_reassignment(&mut self) {
        if self.adding.is_empty() && self.removing.is_empty() {
            return;
        }
        let stays = |broker: &&NodeId| !self.removing.contains(broker);
        let isr: Vec<NodeId> = self.isr.iter().filter(stays).copied().collect();
        let replicas: Vec<NodeId> = self.replicas.iter().filter(stays).copied().collect();
        let enough = !isr.is_empty() && isr.len() >= self.min_insync_replicas.min(replicas.len());
        if enough && self.adding.iter().all(|broker| isr.contains(broker)) {
            (self.isr, self.replicas) = (isr, replicas);
            self.adding.clear();
            self.removing.clear();
        }
    }

    /// Who left an ISR that is too small to commit anything holds all that was committed.
    fn find_eligible(&mut self) {
        if !self.keeps_elr || self.isr.len() >= self.effective_min_isr() {
            return;
        }
        let mut eligible: Vec<NodeId> =
            self.partition.elr.iter().chain(&self.partition.isr).copied().collect();
        eligible.retain(|broker| {
            !self.isr.contains(broker)
                && self.replicas.contains(broker)
                && self.stopped_uncleanly != Some(*broker)
        });
        eligible.sort_unstable();
        eligible.dedup();
        self.elr = eligible;
    }

    fn elect(&mut self, change: &mut PartitionChange) {
        let elected = self.find_leader();
        if elected.leader == self.partition.leader {
            return;
        }
        change.leader = Some(elected.leader);
        let Some(leader) = elected.leader else { return };
        if elected.unclean {
            // The new leader becomes the whole ISR: what the others hold beyond its log is given up.
            change.isr = Some(vec![leader]);
            self.elr.clear();
            self.recovering = true;
        } else if !self.isr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|eligible| *eligible != leader);
        }
    }

    fn find_leader(&self) -> Elected {
        let clean = |leader: Option<NodeId>| Elected { leader, unclean: false };
        let sitting = self.partition.leader.filter(|leader| self.may_lead(*leader));
        let preferred = self.replicas.first().copied().filter(|broker| self.may_lead(*broker));
        let first = match self.election {
            Election::Preferred => preferred.or(sitting),
            Election::Online | Election::Unclean => sitting,
        };
        if let Some(leader) =
            first.or_else(|| self.replicas.iter().copied().find(|broker| self.may_lead(*broker)))
        {
            return clean(Some(leader));
        }
        if let Some(leader) = self.last_known_leader() {
            return Elected { leader: Some(leader), unclean: true };
        }
        let any = || self.replicas.iter().copied().find(|broker| (self.acceptable)(*broker));
        match self.election {
            Election::Unclean => {
                any().map_or(clean(None), |leader| Elected { leader: Some(leader), unclean: true })
            }
            Election::Online | Election::Preferred => clean(None),
        }
    }

    fn may_lead(&self, broker: NodeId) -> bool {
        let eligible = self.isr.is_empty() && self.elr.contains(&broker);
        (self.isr.contains(&broker) || eligible) && (self.acceptable)(broker)
    }

    /// With nobody in sync and nobody eligible, the last leader may come back, if it is alive (KAFKA-19522).
    fn last_known_leader(&self) -> Option<NodeId> {
        match self.partition.last_known_elr.as_slice() {
            [last] if self.keeps_elr && self.isr.is_empty() && self.elr.is_empty() => {
                Some(*last).filter(|last| self.replicas.contains(last) && (self.acceptable)(*last))
            }
            _ => None,
        }
    }

    /// The leader under which the ISR became empty is remembered until there is a leader again.
    fn last_known(&self, change: &PartitionChange) -> Option<Vec<NodeId>> {
        let leader = change.leader.unwrap_or(self.partition.leader);
        if leader.is_some() {
            return differs(&[], &self.partition.last_known_elr);
        }
        let empty = self.keeps_elr && change.isr.as_ref().is_some_and(Vec::is_empty);
        let last = self.partition.leader.filter(|_| empty)?;
        differs(&[last], &self.partition.last_known_elr)
    }
}

fn differs(new: &[NodeId], old: &[NodeId]) -> Option<Vec<NodeId>> {
    (new != old).then(|| new.to_vec())
}

#[cfg(test)]
mod tests;
