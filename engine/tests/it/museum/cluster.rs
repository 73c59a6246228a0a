//! A whole small cluster as a stage, for scripts about what the controller accepts.
//!
//! It takes the commands of the golden dialogues ([`crate::dialogue`]) and these: `mend A B` ends one cut,
//! `wipe N` ends a broker and takes its disk away, `hold alter-partition` keeps every AlterPartition on its way from
//! now on, `release` delivers what was kept, `judge` looks whether anything acknowledged is lost. Of what happens it
//! shows what the script is about: elections, ISRs, acknowledgements, truncations.

use std::fmt::Write as _;

use tribunal_engine::message::ApiKey;
use tribunal_engine::variant::ProtocolVariant;

use super::{Stage, held};
use crate::dialogue::{node, obey, start};
use crate::mini_cluster::MiniCluster;

/// What of the transcript is shown: a line with one of these words.
const SHOWN: &[&str] = &[
    "> elected",
    "> isr-changed",
    "> isr-proposed",
    "> ack ",
    "> fenced",
    "> unfenced",
    "> registered",
    "> truncate",
    "> refused",
];

/// The stage.
pub(super) struct Museum {
    cluster: MiniCluster,
}

impl Museum {
    pub(super) fn new(variant: ProtocolVariant) -> Museum {
        Museum { cluster: start(variant) }
    }

    /// Whether every acknowledged record is on the leader, or on every member of the ISR while there is no leader.
    fn judge(&mut self) -> String {
        let mut verdict = String::new();
        let judges = match self.cluster.leader() {
            Some(leader) => vec![leader],
            None => self.cluster.isr(),
        };
        for judge in judges {
            let log = held(self.cluster.log_bytes(judge));
            for value in &self.cluster.acknowledged {
                if !log.iter().any(|held| held.value == *value) {
                    writeln!(verdict, "  lost: {value}, acknowledged, is not on {judge}")
                        .expect("a string takes everything");
                }
            }
        }
        if verdict.is_empty() { "  fine\n".to_owned() } else { verdict }
    }
}

impl Stage for Museum {
    fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["mend", one, other] => self.cluster.mend(node(one), node(other)),
            ["wipe", id] => self.cluster.wipe(node(id)),
            ["hold", "alter-partition"] => self.cluster.hold(ApiKey::AlterPartition),
            ["release"] => self.cluster.release(),
            ["judge"] => return self.judge(),
            _ => obey(&mut self.cluster, command),
        }
        let transcript = std::mem::take(&mut self.cluster.transcript);
        let shown = transcript.lines().filter(|line| SHOWN.iter().any(|word| line.contains(word)));
        shown.fold(String::new(), |mut all, line| {
            writeln!(all, "{line}").expect("a string takes everything");
            all
        })
    }
}
