//! A whole small cluster as a stage, for scripts about consumer groups.
//!
//! It takes the commands of the golden dialogues ([`crate::dialogue`]) and these: `times N COMMAND ; COMMAND ...`,
//! `later DURATION` (the time of day is so much later, and nothing else has happened), and
//! at the end `judge offset N OFFSET` (broker N says that the group is so far), `judge owners` (no partition has two),
//! `judge alive N COMMAND` (its answer is NONE), `judge stable`. Of what happens it shows what is about groups.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tribunal_engine::variant::ProtocolVariant;

use super::Stage;
use crate::dialogue::{obey, start};
use crate::mini_cluster::MiniCluster;

/// What of the transcript is shown: a line with one of these words.
const SHOWN: &[&str] = &["> group-", "> offset", "> to client"];

/// The stage.
pub(super) struct Groups {
    cluster: MiniCluster,
    /// Who owns what, and gives up what, by member.
    owners: BTreeMap<String, String>,
    /// Whether the group was last told to be stable.
    stable: bool,
}

impl Groups {
    pub(super) fn new(variant: ProtocolVariant) -> Groups {
        Groups { cluster: start(variant, 1), owners: BTreeMap::new(), stable: false }
    }

    /// Does a command of a dialogue; returns what of it is shown.
    fn play(&mut self, command: &str) -> String {
        obey(&mut self.cluster, command);
        let transcript = std::mem::take(&mut self.cluster.transcript);
        let mut shown = String::new();
        for line in transcript.lines().filter(|line| SHOWN.iter().any(|word| line.contains(word))) {
            self.listen(line);
            writeln!(shown, "{line}").expect("a string takes everything");
        }
        shown
    }

    fn listen(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, "group-owns", _, member, _, what @ ..] => {
                self.owners.insert((*member).to_owned(), what.join(" "));
            }
            [_, "group-left", _, member, ..] => drop(self.owners.remove(*member)),
            [_, "group-rebalance", ..] => self.stable = false,
            [_, "group-stable", ..] => self.stable = true,
            _ => {}
        }
    }

    /// Whether what it shows says so.
    fn says(&mut self, command: &str, expected: &str) -> Result<(), String> {
        let shown = self.play(command) + &self.play("settle");
        if shown.contains(expected) {
            Ok(())
        } else {
            Err(format!("{expected:?} is not in: {}", shown.trim()))
        }
    }

    fn judge(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["offset", at, offset] => {
                self.says(&format!("committed {at} g"), &format!("offsets NONE [orders/0@{offset}]"))
            }
            ["alive", command @ ..] => self.says(&command.join(" "), "heartbeat NONE"),
            ["stable"] if self.stable => Ok(()),
            ["stable"] => Err("the group is not stable".to_owned()),
            ["owners"] => {
                let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
                for (member, what) in &self.owners {
                    let partitions = what.split(['[', ']', ',', ' ']).filter(|word| word.contains("orders/"));
                    for partition in partitions {
                        if let Some(other) = seen.insert(partition, member) {
                            return Err(format!("{partition} is owned by {other} and {member}"));
                        }
                    }
                }
                Ok(())
            }
            words => panic!("unknown judgement {words:?}"),
        }
    }
}

impl Stage for Groups {
    fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["times", count, commands @ ..] => {
                let commands = commands.join(" ");
                let mut shown = String::new();
                for _ in 0..count.parse().expect("a number") {
                    for command in commands.split(" ; ") {
                        shown += &self.play(command);
                    }
                }
                shown
            }
            ["later", duration] => {
                let millis = duration.strip_suffix("ms").expect("a duration in ms").parse::<i64>();
                self.cluster.wall.0 += millis.expect("a number");
                String::new()
            }
            ["judge", words @ ..] => match self.judge(words) {
                Ok(()) => "  fine\n".to_owned(),
                Err(why) => format!("  {why}\n"),
            },
            _ => self.play(command),
        }
    }
}
