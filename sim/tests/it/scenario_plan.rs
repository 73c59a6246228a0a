//! What good scenario files mean, as plans.

use std::path::Path;
use std::time::Duration;

use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::Acks;
use tribunal_engine::variant::Truncation;
use tribunal_sim::scenario::expect::Claim;
use tribunal_sim::scenario::plan::{Action, Cut, Origin, Skew, Trigger};
use tribunal_sim::scenario::seeds::SeedSet;
use tribunal_sim::scenario::target::{Target, TargetExpr};
use tribunal_sim::scenario::{self, Guarantee, Plan, Scenario};

fn leader_crash() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/leader-crash.toml");
    scenario::load(&path).unwrap_or_else(|problems| panic!("{problems}")).0
}

/// A small good file with `extra` at its end.
fn with(extra: &str) -> Scenario {
    let text = format!(
        "format = 1\nname = \"t\"\n[run]\nduration = \"40s\"\n[topic.orders]\nreplication = 3\n\
         [producer.checkout]\ntopic = \"orders\"\nrate = \"50/s\"\n{extra}"
    );
    scenario::parse("t.toml", &text).unwrap_or_else(|problems| panic!("{problems}")).0
}

fn origin<'s>(scenario: &'s Scenario, variant: usize, table: &str, name: &str) -> &'s Origin {
    let settings = &scenario.variants[variant].settings;
    &settings
        .iter()
        .find(|setting| setting.table == table && setting.name == name)
        .expect("the setting")
        .origin
}

#[test]
fn the_matrix_makes_one_plan_for_each_value() {
    let scenario = leader_crash();
    let labels: Vec<&str> = scenario.variants.iter().map(|plan| plan.label.as_str()).collect();
    assert_eq!(labels, ["acks=0", "acks=1", "acks=all"]);
    let acks: Vec<Acks> = scenario.variants.iter().map(|plan| plan.producers[0].config.acks).collect();
    assert_eq!(acks, [Acks::None, Acks::Leader, Acks::All]);
}

#[test]
fn expectations_know_their_line_and_their_variants() {
    let scenario = leader_crash();
    assert_eq!(scenario.expectations[0].claim, Claim::Holds(Guarantee::NoAckedRecordLost));
    let line = scenario.source.lines().nth(scenario.expectations[0].line - 1).expect("the line");
    assert!(line.contains("holds no-acked-record-lost"), "{line}");
    let applying: Vec<&[usize]> = scenario.variants.iter().map(|plan| plan.expectations.as_slice()).collect();
    assert_eq!(applying, [[2].as_slice(), &[1, 2, 3], &[0, 2, 3]]);
}

#[test]
fn a_fault_has_its_trigger_target_and_duration() {
    let fault = &leader_crash().variants[0].faults[0];
    let strike = &fault.strikes[0];
    assert_eq!((fault.name.as_str(), &strike.action), ("kill-leader", &Action::Crash));
    assert_eq!(strike.targets, TargetExpr(vec![Target::Leader(TopicPartition::new("orders", 0))]));
    assert_eq!(strike.duration.map(|duration| duration.min), Some(Duration::from_secs(12)));
    assert!(
        matches!(&fault.trigger, Trigger::When(expr) if expr.to_string().starts_with("time >= 10s and "))
    );
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let scenario = leader_crash();
    let line_of =
        |text: &str| scenario.source.lines().position(|line| line.contains(text)).map(|line| line + 1);
    let acks = Origin::Matrix { axis: "acks".to_owned(), line: line_of("acks = [\"0\"").expect("the axis") };
    assert_eq!(origin(&scenario, 1, "producer.checkout", "acks"), &acks);
    let linger = Origin::File { line: line_of("linger.ms").expect("the setting") };
    assert_eq!(origin(&scenario, 1, "producer.checkout", "linger.ms"), &linger);
    assert_eq!(origin(&scenario, 1, "producer.checkout", "retries"), &Origin::Default);
    let inherited = Origin::Cluster { name: "unclean.leader.election.enable" };
    assert_eq!(origin(&scenario, 1, "topic.orders", "unclean.leader.election.enable"), &inherited);
}

#[test]
fn a_short_file_gets_documented_defaults() {
    let scenario = with("");
    let plan = &scenario.variants[0];
    assert_eq!((scenario.variants.len(), plan.label.as_str()), (1, ""));
    assert_eq!(plan.cluster.broker_ids().collect::<Vec<_>>(), [NodeId(1), NodeId(2), NodeId(3)]);
    assert_eq!((plan.cluster.controllers, plan.cluster.profile.name, plan.protocol_name), (3, "lan", "safe"));
    assert_eq!(
        (plan.topics[0].partitions, plan.producers[0].count, plan.producers[0].keys.distinct),
        (1, 1, 0)
    );
    assert_eq!((scenario.run.settle, scenario.run.seeds), (Duration::from_secs(10), SeedSet::Range(1, 20)));
}

#[test]
fn an_overlay_changes_the_path_it_names() {
    let scenario = with(
        "config = { \"linger.ms\" = 5 }\n[matrix]\nmode = [\"plain\", \"big\"]\n[matrix.set.mode]\n\
         big.producer.checkout.config = { \"batch.size\" = 1 }\nbig.topic.orders.partitions = 4\n",
    );
    let [plain, big] = scenario.variants.as_slice() else { panic!("two variants") };
    assert_eq!((plain.topics[0].partitions, big.topics[0].partitions), (1, 4));
    assert_eq!((plain.producers[0].config.batch_size, big.producers[0].config.batch_size), (16384, 1));
    assert_eq!(big.producers[0].config.linger, Duration::from_millis(5));
    let line = scenario.source.lines().position(|line| line.contains("batch.size")).expect("the line") + 1;
    let mode = Origin::Matrix { axis: "mode".to_owned(), line };
    assert_eq!(origin(&scenario, 1, "producer.checkout", "batch.size"), &mode);
}

#[test]
fn an_overlay_of_dotted_keys_reaches_into_settings_and_adds_whole_tables() {
    let scenario = with(
        "config = { \"linger.ms\" = 5, acks = \"1\" }\n[matrix]\nload = [\"plain\", \"kip-848\"]\n[matrix.set.load]\n\
         kip-848.producer.checkout.config.\"linger.ms\" = 7\n\
         kip-848.fault.away = { at = \"1s\", action = \"crash\", target = \"broker 1\", for = \"1s\" }\n\
         kip-848.consumer.billing.topics = [\"orders\"]\nkip-848.consumer.billing.members = 2\n",
    );
    let [plain, other] = scenario.variants.as_slice() else { panic!("two variants") };
    let linger = |plan: &Plan| (plan.producers[0].config.linger, plan.producers[0].config.acks);
    assert_eq!(linger(plain), (Duration::from_millis(5), Acks::Leader));
    assert_eq!(linger(other), (Duration::from_millis(7), Acks::Leader), "what it does not name stays");
    assert_eq!((plain.faults.len(), other.faults.len()), (0, 1));
    assert_eq!((plain.consumers.len(), other.consumers[0].hosts().len()), (0, 2));
}

#[test]
fn skip_and_only_choose_among_the_combinations() {
    let matrix = "[matrix]\na = [1, 2]\nb = [\"x\", \"y\"]\n";
    let labels = |extra: &str| {
        let scenario = with(&format!("{matrix}{extra}"));
        scenario.variants.into_iter().map(|plan| plan.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(""), ["a=1, b=x", "a=1, b=y", "a=2, b=x", "a=2, b=y"]);
    assert_eq!(labels("skip = [{ a = 1, b = \"x\" }]\n"), ["a=1, b=y", "a=2, b=x", "a=2, b=y"]);
    assert_eq!(labels("only = [{ b = \"y\" }]\nskip = [{ a = 2 }]\n"), ["a=1, b=y"]);
}

#[test]
fn the_protocol_can_be_an_axis() {
    let scenario = with(
        "[cluster]\nprotocol = \"${protocol}\"\n[matrix]\nprotocol = [\"safe\", \"truncate-to-high-watermark\"]\n",
    );
    let truncation: Vec<Truncation> = scenario.variants.iter().map(|plan| plan.protocol.truncation).collect();
    assert_eq!(truncation, [Truncation::DivergingEpoch, Truncation::ToHighWatermark]);
}

#[test]
fn partitions_and_slow_links_name_their_own_targets() {
    let scenario = with(
        "[fault.cut]\nat = \"5s..6s\"\naction = \"partition\"\nside-a = [\"leader(orders/0)\", \"producer checkout\"]\n\
         side-b = \"rest\"\ncut = \"one-way\"\nfor = \"18s..22s\"\n\
         [fault.lag]\nwhen = \"isr(orders/0) == 3\"\naction = \"slow-link\"\n\
         target = \"link(leader(orders/0), any-follower(orders/0))\"\nlatency = \"200ms..900ms\"\noptional = true\n",
    );
    let [cut, lag] = scenario.variants[0].faults.as_slice() else { panic!("two faults") };
    let Action::Partition { side_a, side_b, cut: direction } = &cut.strikes[0].action else {
        panic!("a partition")
    };
    assert_eq!(side_a.to_string(), "leader(orders/0), producer checkout");
    assert_eq!((side_b, direction), (&TargetExpr(vec![Target::Rest]), &Cut::OneWay));
    assert!(cut.strikes[0].targets.0.is_empty());
    let Action::SlowLink { link, latency } = &lag.strikes[0].action else { panic!("a slow link") };
    assert_eq!(link.1, Target::AnyFollower(TopicPartition::new("orders", 0)));
    assert_eq!((latency.max(), lag.optional), (Duration::from_millis(900), true));
}

#[test]
fn the_example_of_the_readme_loads_without_a_warning() {
    let readme = include_str!("../../../scenarios/README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let (_, warnings) = scenario::parse("README.md", example).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(warnings, []);
}

#[test]
fn a_file_with_windows_line_ends_reads_the_same() {
    let unix = leader_crash();
    let windows = scenario::parse("w.toml", &unix.source.replace('\n', "\r\n")).expect("a good file").0;
    assert_eq!(unix.variants, windows.variants);
}

#[test]
fn a_hostile_file_is_answered() {
    let many_keys: String = (0..20_000).map(|key| format!("k{key} = 1\n")).collect();
    let diagnostics = scenario::parse("many.toml", &many_keys).expect_err("unknown keys");
    assert!(diagnostics.errors() >= 20_000 && diagnostics.render(false, 100).contains("not shown"));
    let one_line =
        format!("config = {{ {} }}", (0..10_000).map(|key| format!("k{key} = 1, ")).collect::<String>());
    assert!(!scenario::parse("line.toml", &one_line).expect_err("unknown keys").render(true, 100).is_empty());
    assert!(scenario::parse("large.toml", &"#".repeat(scenario::FILE_MAX + 1)).is_err());
    assert!(scenario::load(Path::new("no/such/file.toml")).is_err());
}

#[test]
fn a_broker_that_two_faults_add_is_missing_once() {
    let add = |name: &str, at: &str, broker: i32| {
        format!("[fault.{name}]\nat = \"{at}\"\naction = \"add\"\ntarget = \"broker {broker}\"\n")
    };
    let adds = add("first", "5s", 4) + &add("second", "10s", 5) + &add("again", "15s", 4);
    let plan = &with(&format!("[cluster]\nbrokers = 5\n{adds}")).variants[0];
    assert_eq!(plan.late_brokers().into_iter().collect::<Vec<_>>(), [NodeId(4), NodeId(5)]);
}

fn from_diagnostics(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/diagnostics").join(name);
    scenario::load(&path).unwrap_or_else(|problems| panic!("{problems}")).0
}

#[test]
fn what_is_included_counts_and_config_wins_over_properties() {
    let scenario = from_diagnostics("properties-without-effect.toml");
    let plan = &scenario.variants[0];
    assert_eq!((plan.topics[0].partitions, plan.cluster.brokers), (2, 3));
    assert_eq!(plan.producers[0].properties.get("linger.ms").map(String::as_str), Some("7"));
    let Origin::File { line } = origin(&scenario, 0, "producer.shop", "linger.ms") else { panic!("given") };
    assert_eq!(scenario::place(&scenario.source, *line), ("", 16));
}

#[test]
fn a_value_of_another_file_remembers_that_file_and_its_line() {
    let text = "format = 1\nname = \"t\"\ninclude = [\"lib/load.toml\"]\n[run]\nduration = \"40s\"\n\
                [producer.shop]\nrate = \"9/s\"\nproperties-file = \"p.properties\"\n\
                #:file lib/load.toml\n[topic.orders]\n[producer.shop]\ntopic = \"orders\"\nrate = \"5/s\"\n\
                config = { \"batch.size\" = 7 }\n#:file p.properties\n# ours\nlinger.ms=3\nbatch.size=5\n";
    let scenario = scenario::parse("t.toml", text).unwrap_or_else(|problems| panic!("{problems}")).0;
    assert_eq!(scenario.variants[0].producers[0].rate.records, 9);
    let place = |name| match origin(&scenario, 0, "producer.shop", name) {
        Origin::File { line } => scenario::place(text, *line),
        other => panic!("{other:?}"),
    };
    assert_eq!((place("linger.ms"), place("batch.size")), (("p.properties", 2), ("lib/load.toml", 5)));
}

#[test]
fn the_source_of_a_scenario_reads_again_without_its_files() {
    let scenario = from_diagnostics("properties-without-effect.toml");
    let again =
        scenario::parse("report.html", &scenario.source).unwrap_or_else(|problems| panic!("{problems}")).0;
    assert_eq!((&again.variants, &again.source), (&scenario.variants, &scenario.source));
}

#[test]
fn keys_can_be_skewed() {
    let keys = "[producer.pos]\ntopic = \"orders\"\nrate = \"5/s\"\nkeys = { distinct = 5000, skew = \"zipf 1.1\" }\n";
    let keys = with(keys).variants[0].producers[1].keys;
    assert_eq!((keys.distinct, keys.skew), (5_000, Skew::Zipf { exponent: 1.1 }));
}
