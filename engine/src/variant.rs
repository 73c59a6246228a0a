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

/// What a new leader knows of idempotent producers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProducerState {
    /// What their batches in its log say: every replica keeps it (KIP-98).
    #[default]
    Rebuilt,
    /// Nothing: it takes the retry of a batch it has for a new one (kafka.md B53).
    NotRebuilt,
}

/// The knobs. `ProtocolVariant::default()` is the safe protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtocolVariant {
    /// Which replicas the high watermark waits for.
    pub high_watermark_quorum: HighWatermarkQuorum,
    /// How followers truncate.
    pub truncation: Truncation,
    /// What a new leader knows of idempotent producers.
    pub producer_state: ProducerState,
}

impl ProtocolVariant {
    /// The protocol as Kafka runs it today.
    const SAFE: ProtocolVariant = ProtocolVariant {
        high_watermark_quorum: HighWatermarkQuorum::MaximalIsr,
        truncation: Truncation::DivergingEpoch,
        producer_state: ProducerState::Rebuilt,
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
            "producer-state-not-rebuilt",
            ProtocolVariant { producer_state: ProducerState::NotRebuilt, ..Self::SAFE },
            "a new leader knows nothing of idempotent producers and takes a retry for a new batch",
        ),
    ];

    /// The variant of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<ProtocolVariant> {
        Self::NAMED.iter().find(|(known, ..)| *known == name).map(|(_, variant, _)| *variant)
    }
}
