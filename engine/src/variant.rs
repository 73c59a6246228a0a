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

/// The knobs. `ProtocolVariant::default()` is the safe protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProtocolVariant {
    /// Which replicas the high watermark waits for.
    pub high_watermark_quorum: HighWatermarkQuorum,
    /// How followers truncate.
    pub truncation: Truncation,
    /// Who may lead when the ISR is empty.
    pub eligible_leaders: EligibleLeaders,
}

/// The safe protocol, to name what another differs in.
const SAFE: ProtocolVariant = ProtocolVariant {
    high_watermark_quorum: HighWatermarkQuorum::MaximalIsr,
    truncation: Truncation::DivergingEpoch,
    eligible_leaders: EligibleLeaders::Kept,
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
            "no-eligible-leader-replicas",
            ProtocolVariant { eligible_leaders: EligibleLeaders::Off, ..SAFE },
            "the last replica standing keeps the leadership even if it lost its disk's cache (KIP-966)",
        ),
    ];

    /// The variant of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<ProtocolVariant> {
        Self::NAMED.iter().find(|(known, ..)| *known == name).map(|(_, variant, _)| *variant)
    }
}
