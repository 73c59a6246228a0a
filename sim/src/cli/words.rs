//! Words that people ask about, and small helpers to write sentences.

/// Word and meaning, in the order of the alphabet.
pub(super) const GLOSSARY: &[(&str, &str)] = &[
    (
        "acknowledged",
        "The producer was told that the record is written. With acks=0 nobody tells it anything: a record counts as \
         acknowledged once it is sent.",
    ),
    (
        "allowed",
        "It happened, and a setting permits it. The setting is named, because changing it is the remedy.",
    ),
    ("broken", "The settings promise it, and it did not hold in some seed."),
    (
        "controller",
        "The node that decides who leads which partition and who is in the ISR. It keeps its decisions in a log of its \
         own (KRaft).",
    ),
    (
        "epoch",
        "The number of a leadership: every election raises it. A replica that knows a newer epoch refuses a leader of an \
         older one (KIP-101).",
    ),
    (
        "fenced",
        "The controller has stopped hearing from a broker (broker.session.timeout.ms) and takes it out of every ISR. It \
         leads nothing until it registers again.",
    ),
    (
        "held",
        "It was observed and held in every seed that tested it. That is evidence, not a proof: see `seed`.",
    ),
    (
        "high watermark",
        "The first offset that is not yet on every replica of the ISR. Consumers read only below it.",
    ),
    (
        "intended start",
        "When the load wanted a record to be sent, even if the client was still waiting for an earlier one. Latency \
         counts from there, because that is what a user waits.",
    ),
    (
        "isr",
        "In-sync replicas: the replicas that follow the leader closely enough (replica.lag.time.max.ms) to take over \
         without loss. The leader is always one of them.",
    ),
    (
        "leader",
        "The replica of a partition that takes all writes; the others copy it. When it dies the controller elects \
         another.",
    ),
    ("not tested", "Nothing was observed that could have broken it. That is no success, and says why."),
    ("offset", "The position of a record in its partition."),
    (
        "outage",
        "From the first send that was wanted after the last acknowledgement to the next acknowledgement.",
    ),
    (
        "outside faults",
        "Of the sends no fault touched: no fault was active between intended start and acknowledgement.",
    ),
    (
        "rto",
        "Recovery time: from the start of a fault until, on every partition it hit, a record that was wanted after it \
         began is acknowledged.",
    ),
    (
        "rule of three",
        "If something happened in none of n seeds, its rate is below 3/n with 95 % confidence. None of 200 means: below \
         1.5 %, not never.",
    ),
    (
        "seed",
        "The number from which everything random in a run follows. The same binary, scenario and seed give the same run.",
    ),
    (
        "truncation",
        "A replica cuts the end of its log where it differs from the log of the new leader. What was only there is gone.",
    ),
    (
        "unclean election",
        "A replica outside the ISR becomes leader because no other is left (unclean.leader.election.enable). The \
         partition lives on and may lose records.",
    ),
    (
        "unknown",
        "The producer got no answer that proves a write or its absence: the record may be there or not.",
    ),
    ("variant", "One combination of the values of the matrix. All variants run with the same seeds."),
    (
        "virtual time",
        "The clock of the simulation. A second of it takes as long as its events need to compute.",
    ),
];

/// `1 run`, `12 runs`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_the_order_of_the_alphabet() {
        assert!(GLOSSARY.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
