//! Knobs of the protocol whose other value is a historic bug.
//!
//! The safe value is the default. Each knob is read in one place. The museum of bugs turns one of them and shows
//! which checker catches it (`kafka` issue numbers and KIPs in the doc comments). Nothing outside tests and
//! museum scenarios sets them.

/// Which replicas the high watermark waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HighWatermarkQuorum {
    /// Every member of the maximal ISR: the committed ISR and the one proposed to the controller (KIP-497).
    #[default]
    MaximalIsr,
    /// The committed ISR only: a proposed member may be elected without the data (kafka.md B18).
    CommittedIsr,
    /// Like the maximal ISR, less the member with the highest id that is not the leader: an off-by-one member.
    IgnoreOneMember,
}

/// How a follower finds where its log parts from the leader's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Truncation {
    /// By the diverging epoch and its end: it goes back epoch by epoch until the logs agree (KIP-279, KIP-595).
    #[default]
    DivergingEpoch,
    /// To the end offset the leader names, whatever epoch that offset belongs to (KIP-101; KAFKA-6361).
    OffsetOnly,
    /// To its own high watermark, on every new leader epoch (KIP-101 scenario 1, KAFKA-1211).
    ToHighWatermark,
}

/// How the metadata quorum keeps what it has committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum QuorumMemory {
    /// As KRaft does today.
    #[default]
    Safe,
    /// A leader that restarts leads its old epoch on, and followers cut whatever it has lost (KAFKA-10527,
    /// KAFKA-12460).
    LeaderRestartsInItsEpoch,
    /// A voter forgets its vote with its process, and may vote twice in one epoch.
    VoteForgotten,
}

impl QuorumMemory {
    /// A leader that restarts does not resign.
    #[must_use]
    pub fn leads_its_old_epoch(self) -> bool {
        self == QuorumMemory::LeaderRestartsInItsEpoch
    }

    /// Epoch and vote are on disk before they are told.
    #[must_use]
    pub fn is_written(self) -> bool {
        self != QuorumMemory::VoteForgotten
    }

    /// A follower cuts its log below its high watermark, where the safe one stops the process.
    #[must_use]
    pub fn may_cut_committed(self) -> bool {
        self != QuorumMemory::Safe
    }
}

/// Whether the controller keeps eligible leader replicas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EligibleLeaders {
    /// Yes (KIP-966 part 1; `eligible.leader.replicas.version` = 1, as new clusters have it from Kafka 4.1 on).
    #[default]
    Kept,
    /// No: the last member of an ISR stays in it, whatever it has lost meanwhile (kafka.md B24, last replica
    /// standing).
    Off,
}

/// When a follower compares its log with the leader's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reconciliation {
    /// With every fetch (KIP-595).
    #[default]
    EveryFetch,
    /// Once in each leader epoch (KIP-101, KIP-279).
    EveryEpoch,
    /// Once when the leader is another broker: epochs that were missed in between are not noticed (KAFKA-7164).
    LeaderChange,
}

/// When a follower may join the ISR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IsrJoin {
    /// It has reached the high watermark and the offset at which the leader's epoch began.
    #[default]
    ReachedEpochStart,
    /// It has reached the high watermark, which may be stale on a new leader (KAFKA-7128).
    ReachedHighWatermark,
}

/// Which answers to AlterPartition make a leader forget its proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IsrRollback {
    /// Those that prove that the controller did not apply it.
    #[default]
    DefiniteErrors,
    /// Every failure, a lost answer too: the controller may have applied it (kafka.md B19).
    AnyError,
}

/// When the offsets of a group are forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OffsetExpiry {
    /// Of a group without members; of a stable group only those of topics it does not read (KIP-211, KAFKA-13636).
    #[default]
    GroupEmptyAndStable,
    /// Also while the group rebalances and nobody knows yet which topics it will read (KAFKA-13636).
    GroupEmpty,
    /// When the commit is old, whoever lives (KAFKA-4682).
    CommitAge,
}

/// A check that a variant may leave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Guard {
    /// The check is made.
    #[default]
    On,
    /// The check is left out.
    Off,
}

/// The knobs. `ProtocolVariant::default()` is the safe protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtocolVariant {
    /// Which replicas the high watermark waits for.
    pub high_watermark_quorum: HighWatermarkQuorum,
    /// How followers truncate.
    pub truncation: Truncation,
    /// Who may lead when the ISR is empty.
    pub eligible_leaders: EligibleLeaders,
    /// When followers look whether they must truncate.
    pub reconciliation: Reconciliation,
    /// A reader's idea of the leader epoch is compared with the leader's own (KIP-320).
    pub leader_epoch_check: Guard,
    /// A follower drops answers to fetches it would not make any more (KAFKA-13207).
    pub late_response_check: Guard,
    /// When followers join the ISR.
    pub isr_join: IsrJoin,
    /// When leaders forget an ISR they proposed.
    pub isr_rollback: IsrRollback,
    /// The controller compares leader, leader epoch and partition epoch of a proposed ISR with its own (KIP-497).
    pub partition_epoch_check: Guard,
    /// The controller compares the broker epochs of the members of a proposed ISR with the registered ones (KIP-903).
    pub broker_epoch_check: Guard,
    /// What the metadata quorum forgets.
    pub quorum_memory: QuorumMemory,
    /// A new leader knows of idempotent producers what their batches in its log say (KIP-98).
    pub producer_state: Guard,
    /// A sticky assignor believes only members that own partitions of the newest generation (KAFKA-12984), and a member
    /// that drops out of its generation while it joins owns nothing any more (KAFKA-12983, KAFKA-13891). Without it the
    /// client is the old one on both sides: it looked after what it had lost once, when it began to join, and if it was
    /// refused after that it joined anew and claimed what it had owned before.
    pub assignor_generation_check: Guard,
    /// When offsets expire.
    pub offset_expiry: OffsetExpiry,
    /// Who commits for a group must be a member of its current generation.
    pub commit_generation_check: Guard,
    /// The new member id of a static member that came back is stored before it is told (KAFKA-10284).
    pub static_persist: Guard,
    /// Members that joined and do not ask for their assignment are taken out (KAFKA-12890).
    pub sync_timer: Guard,
    /// A partition that a member was to give up and gets back keeps its owner (KIP-848, KAFKA-16147).
    pub epoch_on_reassign: Guard,
    /// A voter of the metadata quorum is its id and its directory: one whose disk was replaced is another (KIP-853).
    pub directory_id: Guard,
}

impl ProtocolVariant {
    /// The protocol as Kafka runs it today: the base of every named variant.
    pub const SAFE: ProtocolVariant = ProtocolVariant {
        high_watermark_quorum: HighWatermarkQuorum::MaximalIsr,
        truncation: Truncation::DivergingEpoch,
        reconciliation: Reconciliation::EveryFetch,
        leader_epoch_check: Guard::On,
        late_response_check: Guard::On,
        isr_join: IsrJoin::ReachedEpochStart,
        isr_rollback: IsrRollback::DefiniteErrors,
        partition_epoch_check: Guard::On,
        broker_epoch_check: Guard::On,
        quorum_memory: QuorumMemory::Safe,
        eligible_leaders: EligibleLeaders::Kept,
        producer_state: Guard::On,
        assignor_generation_check: Guard::On,
        offset_expiry: OffsetExpiry::GroupEmptyAndStable,
        commit_generation_check: Guard::On,
        static_persist: Guard::On,
        sync_timer: Guard::On,
        epoch_on_reassign: Guard::On,
        directory_id: Guard::On,
    };

    /// Every variant that has a name, with the sentence that explains it; the first is the safe one.
    pub const NAMED: &'static [(&'static str, ProtocolVariant, &'static str)] = &[
        ("safe", Self::SAFE, "the protocol as Kafka runs it today"),
        (
            "high-watermark-ignores-one-member",
            ProtocolVariant { high_watermark_quorum: HighWatermarkQuorum::IgnoreOneMember, ..Self::SAFE },
            "the leader does not wait for one in-sync replica before it commits",
        ),
        (
            "truncate-to-high-watermark",
            ProtocolVariant { truncation: Truncation::ToHighWatermark, ..Self::SAFE },
            "a follower of a new epoch cuts its log to its own, lagging, high watermark (KIP-101, KAFKA-1211)",
        ),
        (
            "high-watermark-over-committed-isr",
            ProtocolVariant { high_watermark_quorum: HighWatermarkQuorum::CommittedIsr, ..Self::SAFE },
            "the leader commits without the replica it has just proposed for the ISR (KIP-497, KIP-966 6.5.2)",
        ),
        (
            "truncate-to-offset-only",
            ProtocolVariant {
                truncation: Truncation::OffsetOnly,
                reconciliation: Reconciliation::EveryEpoch,
                ..Self::SAFE
            },
            "a follower cuts to the offset the leader names without asking which epoch it ends (KIP-279, KAFKA-6361)",
        ),
        (
            "reconcile-on-leader-change-only",
            ProtocolVariant { reconciliation: Reconciliation::LeaderChange, ..Self::SAFE },
            "a follower that missed epochs does not look for divergence if the leader is the same broker (KAFKA-7164)",
        ),
        (
            "unfenced-fetches",
            ProtocolVariant {
                leader_epoch_check: Guard::Off,
                reconciliation: Reconciliation::EveryEpoch,
                ..Self::SAFE
            },
            "a leader counts the fetches of a follower that knows nothing of its epoch (KIP-320, KAFKA-6880)",
        ),
        (
            "late-responses-truncate",
            ProtocolVariant { late_response_check: Guard::Off, ..Self::SAFE },
            "a broker that leads by now obeys a diverging epoch it asked for as a follower (KAFKA-13207)",
        ),
        (
            "isr-join-below-epoch-start",
            ProtocolVariant { isr_join: IsrJoin::ReachedHighWatermark, ..Self::SAFE },
            "a follower joins the ISR of a new leader whose high watermark is still stale (KAFKA-7128)",
        ),
        (
            "isr-rollback-on-any-error",
            ProtocolVariant { isr_rollback: IsrRollback::AnyError, ..Self::SAFE },
            "a leader forgets an ISR it proposed when the answer is lost, though it may be committed (KIP-497)",
        ),
        (
            "no-partition-epoch-check",
            ProtocolVariant { partition_epoch_check: Guard::Off, ..Self::SAFE },
            "the controller takes an ISR from a leader that does not know the current state (KIP-497)",
        ),
        (
            "no-broker-epoch-check",
            ProtocolVariant { broker_epoch_check: Guard::Off, ..Self::SAFE },
            "a broker that came back without its disk joins the ISR for what it had before (KIP-903, KAFKA-14139)",
        ),
        (
            "quorum-leader-restarts-in-its-epoch",
            ProtocolVariant { quorum_memory: QuorumMemory::LeaderRestartsInItsEpoch, ..Self::SAFE },
            "a controller that restarts leads its old epoch on and gives its offsets out again (KAFKA-10527)",
        ),
        (
            "quorum-vote-forgotten",
            ProtocolVariant { quorum_memory: QuorumMemory::VoteForgotten, ..Self::SAFE },
            "a controller does not write down its vote and can vote twice in one epoch",
        ),
        (
            "no-eligible-leader-replicas",
            ProtocolVariant { eligible_leaders: EligibleLeaders::Off, ..Self::SAFE },
            "the last replica standing keeps the leadership even if it lost what was not on its disk (KIP-966)",
        ),
        (
            "producer-state-not-rebuilt",
            ProtocolVariant { producer_state: Guard::Off, ..Self::SAFE },
            "a new leader knows nothing of idempotent producers and takes a retry for a new batch",
        ),
        (
            "stale-owned-partitions",
            ProtocolVariant { assignor_generation_check: Guard::Off, ..Self::SAFE },
            "who drops out while it joins claims what it owned, and the sticky assignor believes it (KAFKA-12984)",
        ),
        (
            "offsets-expire-while-rebalancing",
            ProtocolVariant { offset_expiry: OffsetExpiry::GroupEmpty, ..Self::SAFE },
            "a coordinator forgets old offsets of a group that is just forming again (KAFKA-13636)",
        ),
        (
            "offsets-expire-by-commit-age",
            ProtocolVariant { offset_expiry: OffsetExpiry::CommitAge, ..Self::SAFE },
            "a coordinator forgets the offsets of a living group that commits rarely (KIP-211, KAFKA-4682)",
        ),
        (
            "no-commit-generation-check",
            ProtocolVariant { commit_generation_check: Guard::Off, ..Self::SAFE },
            "a consumer that was taken for dead wakes up and commits over its successor",
        ),
        (
            "static-member-not-stored",
            ProtocolVariant { static_persist: Guard::Off, ..Self::SAFE },
            "the next coordinator knows a static member by its old id and fences the living one (KAFKA-10284)",
        ),
        (
            "no-sync-timer",
            ProtocolVariant { sync_timer: Guard::Off, ..Self::SAFE },
            "a member that never asks for its assignment holds up the group for ever (KAFKA-12890)",
        ),
        (
            "owner-forgotten-on-reassignment",
            ProtocolVariant { epoch_on_reassign: Guard::Off, ..Self::SAFE },
            "a partition that its owner was to give up and got back is given to another as well (KAFKA-16147)",
        ),
        (
            "no-directory-id",
            ProtocolVariant { directory_id: Guard::Off, ..Self::SAFE },
            "a controller that came back without its disk votes as if it still had it (KIP-853)",
        ),
    ];

    /// The variant of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<ProtocolVariant> {
        Self::NAMED.iter().find(|(known, ..)| *known == name).map(|(_, variant, _)| *variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_safe_protocol() {
        assert_eq!(ProtocolVariant::default(), ProtocolVariant::SAFE);
    }

    #[test]
    fn every_other_named_variant_differs_from_the_safe_one() {
        for (name, variant, _) in &ProtocolVariant::NAMED[1..] {
            assert_ne!(*variant, ProtocolVariant::SAFE, "{name}");
        }
    }
}
