//! The words of the page, in two sentences each, with the name Kafka's documentation uses.

use maud::{Markup, html};

/// Word, meaning, where Kafka's documentation has it.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "acks",
        "How many replicas must have a record before the producer is told that it is written: none (0), the leader (1), \
         or every replica in the ISR (all). Fewer is faster and promises less.",
        "producer configuration `acks`",
    ),
    (
        "acknowledged",
        "The producer was told that the record is written. With acks=0 nobody tells it anything: a record counts as \
         acknowledged once it is sent.",
        "producer callback",
    ),
    (
        "allowed",
        "It happened, and a setting permits it. The setting is named, because changing it is the remedy.",
        "",
    ),
    (
        "controller",
        "The brokers that decide who leads which partition and who is in the ISR. They keep their decisions in a log of \
         their own (KRaft).",
        "`process.roles=controller`",
    ),
    (
        "epoch",
        "The number of a leadership: every election raises it. A replica that knows a newer epoch refuses a leader of an \
         older one.",
        "leader epoch, KIP-101",
    ),
    (
        "fenced",
        "The controller has stopped hearing from a broker and takes it out of every ISR. It leads nothing until it \
         registers again.",
        "`broker.session.timeout.ms`",
    ),
    (
        "flush",
        "Forcing a log from memory to disk. By default Kafka leaves this to the operating system and relies on replicas.",
        "`flush.messages`, `flush.ms`",
    ),
    (
        "high watermark (HW)",
        "The first offset that is not yet on every replica of the ISR. Consumers read only below it.",
        "high watermark, `replica.high.watermark.checkpoint.interval.ms`",
    ),
    (
        "idempotence",
        "The producer numbers its batches, so that a broker recognises a retry and writes it once. Needs acks=all.",
        "`enable.idempotence`",
    ),
    (
        "intended start",
        "When the load plan wanted a record to be sent, even if the client was still waiting for an earlier one. Latency \
         from there shows what a user waits; from the real send it hides the waiting.",
        "",
    ),
    (
        "ISR",
        "In-sync replicas: the replicas that follow the leader closely enough to take over without loss. The leader is \
         always one of them.",
        "`replica.lag.time.max.ms`",
    ),
    (
        "leader, follower",
        "One replica of a partition takes all writes, the others copy it. When the leader dies, the controller elects \
         another.",
        "replication",
    ),
    (
        "log end offset (LEO)",
        "The offset the next record will get. What is between the high watermark and the log end is not committed yet.",
        "log end offset",
    ),
    (
        "min.insync.replicas",
        "With acks=all, a write is refused unless so many replicas are in the ISR. Other acks settings ignore it.",
        "`min.insync.replicas`",
    ),
    (
        "offset",
        "The position of a record in its partition. One offset means one record, for every reader and for ever.",
        "offset",
    ),
    (
        "RTO, RPO",
        "Recovery time: from a fault to the first successful write after it. Recovery point: what was lost.",
        "",
    ),
    (
        "seed",
        "The number from which everything random in a run follows. The same binary, scenario and seed give the same run.",
        "",
    ),
    (
        "truncation",
        "A replica cuts the end of its log where it differs from the log of the new leader. What was only there is gone.",
        "KIP-101, KIP-595",
    ),
    (
        "unclean election",
        "A replica outside the ISR becomes leader because no other is left. The partition lives on and may lose records.",
        "`unclean.leader.election.enable`",
    ),
    (
        "unknown",
        "The producer got no answer that proves a write or its absence. The record may be there, once, twice or not at all.",
        "",
    ),
    (
        "virtual time",
        "The clock of the simulation. A second of it takes as long as its events need to compute.",
        "",
    ),
];

/// The list.
pub(super) fn section() -> Markup {
    html! {
        section aria-labelledby="glossary" {
            h2 id="glossary" { "Glossary" }
            dl.glossary {
                @for (word, meaning, kafka) in WORDS {
                    dt { (word) }
                    dd {
                        (meaning)
                        @if !kafka.is_empty() { span.small { " Kafka: " (kafka.replace('`', "")) "." } }
                    }
                }
            }
        }
    }
}
