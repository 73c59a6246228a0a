//! Guarantees, verdicts, configuration: everything of the sample that is a table.

use super::{MS, Shape};
use tribunal_reports::artifact::{
    Coverage, Guarantee, GuaranteeVerdict, NotTested, Outcome, Setting, Warning,
};

/// Id, title, definition, how it is checked, other names.
const GUARANTEES: [(&str, &str, &str, &str, &str); 5] = [
    (
        "order-per-partition",
        "Records of one producer keep their order",
        "Within a partition, records of one producer appear in the order in which it sent them.",
        "The final read of every partition against the order of sends.",
        "Jepsen: nonmonotonic-send",
    ),
    (
        "no-acked-record-lost",
        "No acknowledged record is lost",
        "A record whose producer was told that it is written is read by every reader that reads to the end.",
        "Every acknowledged record is looked up in a final read by fresh consumers, after all faults are healed.",
        "Jepsen: lost-write, unseen",
    ),
    (
        "no-duplicates",
        "No record is written twice",
        "A record that was sent once stands in the log once.",
        "Every record carries an id; the final read counts each.",
        "Jepsen: duplicate",
    ),
    (
        "no-read-of-truncated-record",
        "Nobody reads a record that is truncated later",
        "A consumer never sees a record that a later leader does not have.",
        "Every polled record is compared with the final log.",
        "Jepsen: inconsistent-offsets",
    ),
    (
        "high-watermark-never-back",
        "The high watermark never moves back",
        "On one leader, the high watermark grows or stays.",
        "Every change of a high watermark, on every broker.",
        "",
    ),
];

pub(crate) fn guarantees() -> Vec<Guarantee> {
    let make =
        |(id, title, definition, how_checked, also_known_as): (&str, &str, &str, &str, &str)| Guarantee {
            id: id.to_owned(),
            title: title.to_owned(),
            definition: definition.to_owned(),
            how_checked: how_checked.to_owned(),
            also_known_as: also_known_as.to_owned(),
        };
    GUARANTEES.into_iter().map(make).collect()
}

pub(crate) fn verdicts(shape: &Shape, seeds: u64) -> Vec<GuaranteeVerdict> {
    let setting = format!("acks={}", shape.acks);
    let held = |id: &str, checked: u64, what: &str| GuaranteeVerdict {
        guarantee: id.to_owned(),
        outcome: Outcome::Held,
        seeds_affected: 0,
        occurrences: 0,
        checked,
        checked_what: what.to_owned(),
        first_seed: None,
        first_at_ns: None,
        explanation: "No case was seen.".to_owned(),
        allowed_by: None,
        examples: Vec::new(),
    };
    let mut lost = held("no-acked-record-lost", seeds * 78_000, "acknowledged records");
    if shape.lost > 0 {
        lost.outcome = Outcome::Allowed;
        lost.seeds_affected = 12;
        lost.occurrences = shape.lost * 12;
        lost.first_seed = Some(shape.seed);
        lost.first_at_ns = Some(10_003 * MS);
        lost.allowed_by = Some(setting.clone());
        lost.explanation = format!(
            "With {setting} a record survives only as long as the log of the leader that took it. Broker 1 crashed \
             before a follower had fetched the last records."
        );
        lost.examples = (0..3)
            .map(|number| {
                format!(
                    "k{}#20{number} at orders/0 offset {}, seed {}",
                    17 + number,
                    19_873 + number,
                    shape.seed
                )
            })
            .collect();
    }
    let mut order = held("order-per-partition", seeds * 78_000, "records");
    let mut truncated = held("no-read-of-truncated-record", seeds * 77_000, "polled records");
    let mut duplicates = held("no-duplicates", seeds * 78_000, "records");
    if shape.acks == "all" {
        order.outcome = Outcome::Broken;
        order.seeds_affected = 2;
        order.occurrences = 3;
        order.first_seed = Some(20);
        order.first_at_ns = Some(16_912 * MS);
        order.explanation = "A retry of an earlier batch was appended after a later one.".to_owned();
        order.examples = vec!["k41#88 stands behind k41#89 in orders/0, seed 20".to_owned()];
        truncated.outcome = Outcome::NotTested;
        truncated.checked = 0;
        truncated.explanation = "No replica truncated a record, so nobody could have read one.".to_owned();
    } else {
        duplicates.outcome = Outcome::Allowed;
        duplicates.seeds_affected = 5;
        duplicates.occurrences = 12;
        duplicates.first_seed = Some(4);
        duplicates.allowed_by = Some("enable.idempotence=false".to_owned());
        duplicates.explanation = "A retry after a lost answer was appended again.".to_owned();
    }
    vec![order, lost, duplicates, truncated, held("high-watermark-never-back", seeds * 412, "changes")]
}

pub(crate) fn configuration(file: &str) -> Vec<Setting> {
    let set = |scope: &str, name: &str, value: &str, default: &str, line: u32| Setting {
        scope: scope.to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
        default: Some(default.to_owned()),
        origin: format!("{file}:{line}"),
        changed: true,
        variant: None,
    };
    let mut settings = vec![
        set("cluster", "broker.session.timeout.ms", "6000", "9000", 24),
        set("topic orders", "min.insync.replicas", "2", "1", 29),
        set("producer checkout", "linger.ms", "5", "5", 34),
    ];
    for acks in ["0", "1", "all"] {
        let mut setting = set("producer checkout", "acks", acks, "all", 0);
        setting.origin = "matrix".to_owned();
        setting.variant = Some(format!("acks={acks}"));
        settings.push(setting);
    }
    for (name, value) in [
        ("unclean.leader.election.enable", "false"),
        ("replica.lag.time.max.ms", "30000"),
        ("log.flush.interval.messages", "9223372036854775807"),
        ("num.network.threads", "3"),
    ] {
        let mut setting = set("cluster", name, value, value, 0);
        setting.origin = "default".to_owned();
        setting.changed = false;
        settings.push(setting);
    }
    settings
}

pub(crate) fn not_tested() -> Vec<NotTested> {
    vec![NotTested {
        what: "fault slow-disk".to_owned(),
        reason: "its trigger truncated(orders/0) > 100 was never true in 40 seeds".to_owned(),
    }]
}

pub(crate) fn warnings() -> Vec<Warning> {
    vec![Warning {
        code: "K003".to_owned(),
        text: "acks=1 turns idempotence off without a word. Set enable.idempotence=false to say so, or acks=all.".to_owned(),
        setting: Some("acks".to_owned()),
        line: Some(34),
    }]
}

pub(crate) fn coverage() -> Vec<Coverage> {
    let row = |what: &str, count, seeds| Coverage { what: what.to_owned(), count, seeds };
    vec![row("leader changes", 240, 40), row("truncations", 76, 38), row("unclean elections", 0, 0)]
}
