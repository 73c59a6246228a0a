//! `[cluster]` and `[cluster.disk]`.

use tribunal_engine::config::{BrokerConfig, Scope};
use tribunal_engine::variant::ProtocolVariant;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{ClusterPlan, Mode, OnPowerLoss, Setting};
use super::super::profile::{DiskModel, NetworkModel, PROFILES, Profile};
use super::super::read::Section;
use super::super::schema;
use super::super::settings::Given;
use super::super::tree::{Kind, Table};
use super::Marks;

const BROKERS_DEFAULT: i64 = 3;
/// Most brokers of a cluster.
const BROKERS_MAX: i64 = 99;

/// Controllers of a cluster that does not say how many, if it has room for them.
const CONTROLLERS_DEFAULT: i64 = 3;
/// Most controllers of a cluster.
const CONTROLLERS_MAX: i64 = 5;

/// A protocol variant with its name.
pub(super) type Protocol = (&'static str, ProtocolVariant);

pub(super) fn cluster(
    sink: &mut Sink<'_>,
    top: &Section<'_>,
    marks: &mut Marks,
) -> (Option<ClusterPlan>, Protocol, Vec<Setting>) {
    let empty = Table::default();
    let entry = top.table(sink, "cluster");
    let table = entry.and_then(|entry| entry.node.table()).unwrap_or(&empty);
    let head = entry.map_or(Span::default(), |entry| entry.key_span);
    let section = Section { path: "cluster", table, head };
    section.check_keys(sink, schema::CLUSTER);
    let brokers = match section.entry("brokers") {
        Some(_) => section.integer(sink, "brokers", 1, BROKERS_MAX),
        None => Some(BROKERS_DEFAULT),
    };
    let mode = mode(sink, &section);
    let controllers = controllers(sink, &section, mode, brokers);
    let profile = profile(sink, &section);
    let latency = section.distribution(sink, "latency");
    let protocol = protocol(sink, &section);
    let (fsync, on_power_loss) = disk(sink, &section);
    let given = Given::read(sink, &section, Scope::Broker);
    let settings = given.table(sink, &section, Scope::Broker);
    if let Some(span) = given.span("min.insync.replicas") {
        marks.insert("cluster.config.min.insync.replicas".to_owned(), span);
    }
    let config = match BrokerConfig::from_properties(&given.properties) {
        Ok(config) => Some(config),
        Err(errors) => {
            given.refused(sink, &section, errors);
            None
        }
    };
    let plan =
        brokers.and_then(|brokers| u16::try_from(brokers).ok()).zip(config).map(|(brokers, config)| {
            ClusterPlan {
                brokers,
                controllers,
                mode,
                profile,
                network: NetworkModel {
                    latency: latency.unwrap_or(profile.network.latency),
                    ..profile.network
                },
                cpu: profile.cpu,
                disk: DiskModel { fsync: fsync.unwrap_or(profile.disk.fsync), ..profile.disk },
                on_power_loss,
                properties: given.properties.clone(),
                config,
            }
        });
    (plan, protocol, settings)
}

fn mode(sink: &mut Sink<'_>, section: &Section<'_>) -> Mode {
    let names: Vec<&'static str> = Mode::NAMED.iter().map(|(name, _)| *name).collect();
    let name = section.word(sink, "mode", &names);
    Mode::NAMED.iter().find(|(known, _)| Some(*known) == name).map(|(_, mode)| *mode).unwrap_or_default()
}

/// How many controllers: a majority of an even number is no smaller than of one more.
fn controllers(sink: &mut Sink<'_>, section: &Section<'_>, mode: Mode, brokers: Option<i64>) -> u16 {
    let places = match (mode, brokers) {
        (Mode::Combined, Some(brokers)) => brokers,
        _ => CONTROLLERS_MAX,
    };
    let fallback = if places >= CONTROLLERS_DEFAULT { CONTROLLERS_DEFAULT } else { 1 };
    let given = match section.entry("controllers") {
        Some(_) => section.integer(sink, "controllers", 1, CONTROLLERS_MAX),
        None => Some(fallback),
    };
    if let (Some(number), Some(node)) = (given, section.node("controllers")) {
        let problem = if number % 2 == 0 {
            let message = format!("{number} controllers survive no more failures than {}", number - 1);
            Some((message, "expected 1, 3 or 5"))
        } else if number > places {
            let message = format!("{number} controllers need {number} brokers to run in");
            Some((message, "more than the brokers of a combined cluster"))
        } else {
            None
        };
        if let Some((message, label)) = problem {
            let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label(label);
            sink.push(node.span, problem);
        }
    }
    given.and_then(|number| u16::try_from(number).ok()).unwrap_or(1)
}

fn profile(sink: &mut Sink<'_>, section: &Section<'_>) -> &'static Profile {
    let names: Vec<&'static str> = PROFILES.iter().map(|profile| profile.name).collect();
    section.word(sink, "profile", &names).and_then(Profile::named).unwrap_or_else(Profile::default_profile)
}

fn protocol(sink: &mut Sink<'_>, section: &Section<'_>) -> Protocol {
    let names: Vec<&'static str> = ProtocolVariant::NAMED.iter().map(|(name, ..)| *name).collect();
    let name = section.word(sink, "protocol", &names);
    let (name, variant, _) = ProtocolVariant::NAMED
        .iter()
        .find(|(known, ..)| Some(*known) == name)
        .unwrap_or(&ProtocolVariant::NAMED[0]);
    (name, *variant)
}

fn disk(
    sink: &mut Sink<'_>,
    cluster: &Section<'_>,
) -> (Option<super::super::distribution::Distribution>, OnPowerLoss) {
    let mut on_power_loss = OnPowerLoss::UnsyncedSuffix;
    let Some(entry) = cluster.table(sink, "disk") else { return (None, on_power_loss) };
    let Kind::Table(table) = &entry.node.kind else { return (None, on_power_loss) };
    let section = Section { path: "cluster.disk", table, head: entry.key_span };
    section.check_keys(sink, schema::DISK);
    let names: Vec<&'static str> = OnPowerLoss::NAMED.iter().map(|(name, _)| *name).collect();
    let name = section.word(sink, "on-power-loss", &names);
    if let Some((_, named)) = OnPowerLoss::NAMED.iter().find(|(known, _)| Some(*known) == name) {
        on_power_loss = *named;
    }
    (section.distribution(sink, "fsync"), on_power_loss)
}
