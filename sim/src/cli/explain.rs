//! `tribunal explain`: what a code, a guarantee, a setting, an action, a protocol variant, a profile or a word means.

use std::io;

use clap::Args;
use tribunal_engine::config::{KEYS, Key, Kind};
use tribunal_engine::variant::ProtocolVariant;
use tribunal_reports::glossary;

use super::Streams;
use super::style::{Style, hanging};
use crate::export;
use crate::scenario::action::{ACTIONS, Hardware};
use crate::scenario::diagnostic::nearest;
use crate::scenario::disk_fault::DiskFaultKind;
use crate::scenario::profile::PROFILES;
use crate::scenario::{Guarantee, codes};
use crate::verdict::Exit;

/// The arguments of `tribunal explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal explain T012                     a code of `tribunal check`
  tribunal explain no-acked-record-lost     a guarantee
  tribunal explain min.insync.replicas      a Kafka setting
  tribunal explain fsync-error              an action of a fault
  tribunal explain truncate-to-high-watermark   a planted bug of the protocol
  tribunal explain cloud-3az                a profile
  tribunal explain high watermark           a word
  tribunal explain exit codes               what the exit codes mean")]
pub(super) struct Arguments {
    /// What to explain
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
}

/// Explains everything of that name.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let word = arguments.words.join(" ");
    let found = explain(&word, streams.style);
    if found.is_empty() {
        let known = known();
        let help = match nearest(&word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "see `tribunal explain --help` for what can be asked".to_owned(),
        };
        writeln!(streams.err, "tribunal: nothing is called `{word}`; {help}")?;
        return Ok(Exit::Usage);
    }
    writeln!(streams.out, "{}", found.join("\n\n"))?;
    Ok(Exit::Met)
}

fn known() -> Vec<&'static str> {
    let mut known: Vec<&'static str> = codes::ALL.iter().map(|code| code.id).collect();
    known.extend(Guarantee::ALL.iter().map(|guarantee| guarantee.name()));
    known.extend(KEYS.iter().map(|key| key.name));
    known.extend(ProtocolVariant::NAMED.iter().map(|(name, ..)| *name));
    known.extend(PROFILES.iter().map(|profile| profile.name));
    known.extend(ACTIONS.iter().map(|(name, _)| *name));
    known.extend(
        glossary::WORDS.iter().flat_map(|word| std::iter::once(word.word).chain(word.also.iter().copied())),
    );
    known
}

fn explain(word: &str, style: Style) -> Vec<String> {
    let entry = |title: &str, kind: &str, text: &str| {
        format!("{}  {}\n  {}", style.bold(title), style.faint(kind), hanging(text, 2, style.width))
    };
    let mut found = Vec::new();
    if let Some(code) = codes::explain(word) {
        let kind = if code.id < "T100" { "error" } else { "warning" };
        found.push(entry(&format!("{}: {}", code.id, code.title), kind, code.explanation));
    }
    if let Some(guarantee) = Guarantee::named(word) {
        let jepsen = guarantee
            .jepsen_name()
            .map_or_else(String::new, |name| format!(" Jepsen calls a violation {name}."));
        let text = format!("{} {}{jepsen}", guarantee.definition(), export::how_checked(guarantee));
        found.push(entry(word, "guarantee", &text));
    }
    for key in KEYS.iter().filter(|key| key.name.eq_ignore_ascii_case(word)) {
        found.push(entry(key.name, &format!("Kafka setting of a {}", key.scope), &setting(key)));
    }
    for (name, _, meaning) in ProtocolVariant::NAMED.iter().filter(|(name, ..)| *name == word) {
        let text = format!("{}.", capital(meaning));
        found.push(entry(name, "protocol variant", &text));
    }
    for profile in PROFILES.iter().filter(|profile| profile.name == word) {
        found.push(entry(profile.name, "profile", &format!("{}.", capital(profile.description))));
    }
    for (name, meaning) in ACTIONS.iter().filter(|(name, _)| *name == word) {
        let disk = DiskFaultKind::NAMED.iter().find(|(disk, _)| disk == name);
        let hardware = disk.map_or(Hardware::Legal, |(_, hardware)| *hardware);
        found.push(entry(name, &format!("action, {hardware} hardware"), meaning));
    }
    if let Some(found_word) = glossary::find(word) {
        let kafka = match found_word.kafka {
            "" => String::new(),
            kafka => format!(" Kafka: {}.", kafka.replace('`', "")),
        };
        found.push(entry(found_word.word, "word", &format!("{}{kafka}", found_word.meaning)));
    }
    if matches!(word, "exit codes" | "exit code" | "exit-codes" | "exit") {
        let lines: Vec<String> =
            Exit::MEANINGS.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}", exit.code())).collect();
        found.push(format!("{}\n{}", style.bold("exit codes"), lines.join("\n")));
    }
    found
}

fn setting(key: &Key) -> String {
    let values = match key.kind {
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer { min, max } if max >= i64::from(i32::MAX) => format!("a whole number from {min}"),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Ratio => "a number from 0 to 1".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Text => "any text".to_owned(),
    };
    let only = key.only.map_or_else(String::new, |only| format!(" This engine can only do `{only}` so far."));
    let doc = capital(key.doc.trim_end_matches('.'));
    format!("{doc}. Value: {values}. Kafka's default: {}.{only}", key.default)
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
