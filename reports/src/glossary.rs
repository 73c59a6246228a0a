//! The words of verdicts and reports, each in a few sentences, with the name Kafka's documentation uses.
//!
//! One list for everybody who explains: the page shows all of it, the command line looks words up.

/// A word and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// As it is written.
    pub word: &'static str,
    /// How people ask for it besides, in small letters.
    pub also: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
    /// Where Kafka's documentation has it; empty if it has not.
    pub kafka: &'static str,
}

/// Every word, in the order of the alphabet.
pub const WORDS: &[Word] = &[
    Word {
        word: "acknowledged",
        also: &[],
        meaning: "The producer was told that the record is written. With acks=0 nobody tells it anything: a record \
                  counts as acknowledged once it is sent.",
        kafka: "producer callback",
    },
    Word {
        word: "acks",
        also: &[],
        meaning: "How many replicas must have a record before the producer is told that it is written: none (0), the \
                  leader (1), or every replica in the ISR (all). Fewer is faster and promises less.",
        kafka: "producer configuration `acks`",
    },
    Word {
        word: "allowed",
        also: &[],
        meaning: "It happened, and a setting permits it. The setting is named, because changing it is the remedy.",
        kafka: "",
    },
    Word {
        word: "broken",
        also: &[],
        meaning: "The settings promise it, and it did not hold in some seed.",
        kafka: "",
    },
    Word {
        word: "consumer group",
        also: &["group", "group.id"],
        meaning: "Consumers that share the partitions of their topics: each partition is read by one member at a \
                  time, and how far the group has come is kept with it as committed offsets.",
        kafka: "`group.id`",
    },
    Word {
        word: "controller",
        also: &[],
        meaning: "The brokers that decide who leads which partition and who is in the ISR. They keep their decisions \
                  in a log of their own (KRaft).",
        kafka: "`process.roles=controller`",
    },
    Word {
        word: "cooperative rebalance",
        also: &["cooperative", "eager", "cooperative-sticky"],
        meaning: "A rebalance in which members keep what stays theirs and give up only what moves, in a round of \
                  its own. In an eager rebalance everybody gives up everything first, so that all work stops.",
        kafka: "`partition.assignment.strategy`, KIP-429",
    },
    Word {
        word: "coordinator",
        also: &["group coordinator"],
        meaning: "The broker that looks after a consumer group: the leader of the partition of \
                  `__consumer_offsets` that the group's id belongs to. Another broker takes over when it dies.",
        kafka: "group coordinator",
    },
    Word {
        word: "epoch",
        also: &[],
        meaning: "The number of a leadership: every election raises it. A replica that knows a newer epoch refuses a \
                  leader of an older one.",
        kafka: "leader epoch, KIP-101",
    },
    Word {
        word: "fenced",
        also: &[],
        meaning: "The controller has stopped hearing from a broker and takes it out of every ISR. It leads nothing \
                  until it registers again.",
        kafka: "`broker.session.timeout.ms`",
    },
    Word {
        word: "flush",
        also: &[],
        meaning: "Forcing a log from memory to disk. By default Kafka leaves this to the operating system and relies \
                  on replicas.",
        kafka: "`flush.messages`, `flush.ms`",
    },
    Word {
        word: "fsync",
        also: &["sync"],
        meaning: "The call that makes what was written to a file durable. Before it a power loss may take the bytes; a \
                  crash of the process takes nothing that was written.",
        kafka: "`flush.messages`, `flush.ms`",
    },
    Word {
        word: "generation",
        also: &["member epoch", "group epoch"],
        meaning: "The number of an assignment of a consumer group: every rebalance raises it. Who speaks for an \
                  older one is refused. With KIP-848 every member has an epoch of its own instead.",
        kafka: "KIP-848, classic group protocol",
    },
    Word {
        word: "hardware",
        also: &["legal", "rare", "illegal", "legal hardware", "rare hardware", "illegal hardware"],
        meaning: "What a fault asks of machines. Legal: sound ones do it, and a configuration has to live with it (a \
                  crash, a power loss that takes what was not synced, a full or slow disk, a partition). Rare: sound \
                  disks do it seldom, and report it or leave a wrong checksum (a read error, an fsync that fails, a \
                  bit that rots). Illegal: only a disk that breaks its contract does it (it calls durable what is \
                  not).",
        kafka: "",
    },
    Word {
        word: "held",
        also: &[],
        meaning: "It was observed and held in every seed that tested it. That is evidence, not a proof: see `seed`.",
        kafka: "",
    },
    Word {
        word: "high watermark (HW)",
        also: &["high watermark", "hw"],
        meaning: "The first offset that is not yet on every replica of the ISR. Consumers read only below it.",
        kafka: "high watermark, `replica.high.watermark.checkpoint.interval.ms`",
    },
    Word {
        word: "idempotence",
        also: &[],
        meaning: "The producer numbers its batches, so that a broker recognises a retry and writes it once. Needs \
                  acks=all.",
        kafka: "`enable.idempotence`",
    },
    Word {
        word: "intended start",
        also: &[],
        meaning: "When the load plan wanted a record to be sent, even if the client was still waiting for an earlier \
                  one. Latency from there shows what a user waits; from the real send it hides the waiting.",
        kafka: "",
    },
    Word {
        word: "ISR",
        also: &[],
        meaning: "In-sync replicas: the replicas that follow the leader closely enough to take over without loss. The \
                  leader is always one of them.",
        kafka: "`replica.lag.time.max.ms`",
    },
    Word {
        word: "lag",
        also: &["consumer lag"],
        meaning: "What a consumer group has still to do: the records between its committed offset and the high \
                  watermark, over all partitions. Its age is how long the oldest of them has waited.",
        kafka: "`records-lag`",
    },
    Word {
        word: "leader, follower",
        also: &["leader", "follower"],
        meaning: "One replica of a partition takes all writes, the others copy it. When the leader dies, the \
                  controller elects another.",
        kafka: "replication",
    },
    Word {
        word: "log end offset (LEO)",
        also: &["log end offset", "leo"],
        meaning: "The offset the next record will get. What is between the high watermark and the log end is not \
                  committed yet.",
        kafka: "log end offset",
    },
    Word {
        word: "log offline",
        also: &["offline", "kafka_storage_error"],
        meaning: "A log whose disk failed: the broker gives up its leadership, answers KAFKA_STORAGE_ERROR and takes \
                  nothing more into it until it starts again.",
        kafka: "KIP-112",
    },
    Word {
        word: "min.insync.replicas",
        also: &[],
        meaning: "With acks=all, a write is refused unless so many replicas are in the ISR. Other acks settings ignore \
                  it.",
        kafka: "`min.insync.replicas`",
    },
    Word {
        word: "not tested",
        also: &[],
        meaning: "Nothing was observed that could have broken it. That is no success, and says why.",
        kafka: "",
    },
    Word {
        word: "offset",
        also: &[],
        meaning: "The position of a record in its partition. One offset means one record, for every reader and for \
                  ever.",
        kafka: "offset",
    },
    Word {
        word: "outage",
        also: &[],
        meaning: "From the first send that was wanted after the last acknowledgement to the next acknowledgement.",
        kafka: "",
    },
    Word {
        word: "outside faults",
        also: &[],
        meaning: "Of the sends no fault touched: no fault was active between intended start and acknowledgement.",
        kafka: "",
    },
    Word {
        word: "rebalance",
        also: &["rebalances"],
        meaning: "Partitions are shared out anew among the members of a consumer group, because one joined, left \
                  or died, or because the topics changed.",
        kafka: "`partition.assignment.strategy`, `group.protocol`",
    },
    Word {
        word: "recovery",
        also: &[],
        meaning: "After a stop that was not clean a broker reads its logs from the last known good point and cuts the \
                  first record batch that is damaged, with everything behind it. What it cut comes back from the \
                  leader, if the leader has it.",
        kafka: "log recovery",
    },
    Word {
        word: "redelivered",
        also: &["processed twice"],
        meaning: "A record was given to a member of a group although one had been given it before: the first died, \
                  or lost the partition, before its commit.",
        kafka: "at least once delivery",
    },
    Word {
        word: "RPO",
        also: &["recovery point"],
        meaning: "Recovery point: what was lost, as a span of time before the fault.",
        kafka: "",
    },
    Word {
        word: "RTO",
        also: &["recovery time"],
        meaning: "Recovery time: from the start of a fault until, on every partition it hit, a record that was wanted \
                  after it began is acknowledged.",
        kafka: "",
    },
    Word {
        word: "rule of three",
        also: &[],
        meaning: "If something happened in none of n seeds, its rate is below 3/n with 95 % confidence. None of 200 \
                  means: below 1.5 %, not never.",
        kafka: "",
    },
    Word {
        word: "seed",
        also: &[],
        meaning: "The number from which everything random in a run follows. The same binary, scenario and seed give \
                  the same run.",
        kafka: "",
    },
    Word {
        word: "static membership",
        also: &["group.instance.id"],
        meaning: "A member with a name that outlives its process: when it comes back within the session timeout it \
                  gets its partitions back without a rebalance.",
        kafka: "`group.instance.id`, KIP-345",
    },
    Word {
        word: "takeover",
        also: &[],
        meaning: "From the death of a process that owned a partition of its group to the moment another member \
                  owns it. The session timeout is most of it.",
        kafka: "`session.timeout.ms`",
    },
    Word {
        word: "truncation",
        also: &[],
        meaning: "A replica cuts the end of its log where it differs from the log of the new leader. What was only \
                  there is gone.",
        kafka: "KIP-101, KIP-595",
    },
    Word {
        word: "unclean election",
        also: &[],
        meaning: "A replica outside the ISR becomes leader because no other is left. The partition lives on and may \
                  lose records.",
        kafka: "`unclean.leader.election.enable`",
    },
    Word {
        word: "unknown",
        also: &[],
        meaning: "The producer got no answer that proves a write or its absence. The record may be there, once, twice \
                  or not at all.",
        kafka: "",
    },
    Word {
        word: "variant",
        also: &[],
        meaning: "One combination of the values of the matrix. All variants run with the same seeds.",
        kafka: "",
    },
    Word {
        word: "virtual time",
        also: &[],
        meaning: "The clock of the simulation. A second of it takes as long as its events need to compute.",
        kafka: "",
    },
    Word {
        word: "zombie",
        also: &["zombie commit"],
        meaning: "A member of a consumer group that the coordinator has given up and that does not know it yet, \
                  after a long pause for instance. It may process records its successor processes too; its commits \
                  must be refused.",
        kafka: "ILLEGAL_GENERATION, FENCED_MEMBER_EPOCH",
    },
];

/// The word somebody asks for, in any case.
#[must_use]
pub fn find(asked: &str) -> Option<&'static Word> {
    let asked = asked.to_lowercase();
    WORDS.iter().find(|word| word.word.to_lowercase() == asked || word.also.contains(&asked.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_the_order_of_the_alphabet() {
        assert!(WORDS.windows(2).all(|pair| pair[0].word.to_lowercase() < pair[1].word.to_lowercase()));
    }

    #[test]
    fn a_word_is_found_by_what_people_call_it() {
        for (asked, word) in
            [("HW", "high watermark (HW)"), ("isr", "ISR"), ("Illegal", "hardware"), ("seed", "seed")]
        {
            assert_eq!(find(asked).map(|found| found.word), Some(word));
        }
        assert_eq!(find("nothing"), None);
    }

    #[test]
    fn nothing_is_called_by_two_words() {
        let mut names: Vec<String> = WORDS.iter().map(|word| word.word.to_lowercase()).collect();
        names.extend(WORDS.iter().flat_map(|word| word.also).map(|also| (*also).to_owned()));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
