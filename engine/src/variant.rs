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
    /// By the diverging epoch in the fetch response (KIP-595).
    #[default]
    DivergingEpoch,
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

/// The knobs. `ProtocolVariant::default()` is the safe protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtocolVariant {
    /// Which replicas the high watermark waits for.
    pub high_watermark_quorum: HighWatermarkQuorum,
    /// How followers truncate.
    pub truncation: Truncation,
    /// What the metadata quorum forgets.
    pub quorum_memory: QuorumMemory,
}

/// The safe protocol, to name what another differs in.
const SAFE: ProtocolVariant = ProtocolVariant {
    high_watermark_quorum: HighWatermarkQuorum::MaximalIsr,
    truncation: Truncation::DivergingEpoch,
    quorum_memory: QuorumMemory::Safe,
};

impl ProtocolVariant {
    /// Every variant that has a name, with the sentence that explains it; the first is the safe one.
    pub const NAMED: &'static [(&'static str, ProtocolVariant, &'static str)] = &[
        ("safe", SAFE, "the protocol as Kafka runs it today"),
        (
            "high-watermark-ignores-one-member",
            ProtocolVariant { high_watermark_quorum: HighWatermarkQuorum::IgnoreOneMember, ..SAFE },
            "the leader does not wait for one in-sync replica before it commits",
        ),
        (
            "truncate-to-high-watermark",
            ProtocolVariant { truncation: Truncation::ToHighWatermark, ..SAFE },
            "a follower of a new epoch cuts its log to its own, lagging, high watermark (KIP-101, KAFKA-1211)",
        ),
        (
            "high-watermark-over-committed-isr",
            ProtocolVariant { high_watermark_quorum: HighWatermarkQuorum::CommittedIsr, ..SAFE },
            "the leader commits without the replica it has just proposed for the ISR (KIP-497, KIP-966 6.5.2)",
        ),
        (
            "quorum-leader-restarts-in-its-epoch",
            ProtocolVariant { quorum_memory: QuorumMemory::LeaderRestartsInItsEpoch, ..SAFE },
            "a controller that restarts leads its old epoch on and gives its offsets out again (KAFKA-10527)",
        ),
        (
            "quorum-vote-forgotten",
            ProtocolVariant { quorum_memory: QuorumMemory::VoteForgotten, ..SAFE },
            "a controller does not write down its vote and can vote twice in one epoch",
        ),
    ];

    /// The variant of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<ProtocolVariant> {
        Self::NAMED.iter().find(|(known, ..)| *known == name).map(|(_, variant, _)| *variant)
    }
}
