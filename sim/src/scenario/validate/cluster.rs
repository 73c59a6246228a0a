//! `[cluster]` and `[cluster.disk]`.

use tribunal_engine::config::{BrokerConfig, Scope};
use tribunal_engine::variant::ProtocolVariant;

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::{ClusterPlan, OnPowerLoss, Setting};
use super::super::profile::{DiskModel, NetworkModel, PROFILES, Profile};
use super::super::read::Section;
use super::super::schema;
use super::super::settings::Given;
use super::super::tree::{Kind, Table};
use super::Marks;

const BROKERS_DEFAULT: i64 = 3;
/// Most brokers of a cluster.
const BROKERS_MAX: i64 = 99;

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
    controllers(sink, &section);
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
                controllers: 1,
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

fn controllers(sink: &mut Sink<'_>, section: &Section<'_>) {
    if let Some(number @ 2..) = section.integer(sink, "controllers", 1, 9)
        && let Some(node) = section.node("controllers")
    {
        let message = format!("a quorum of {number} controllers is part of the format but not built yet");
        let problem = TextProblem::new(codes::NOT_BUILT, 0..0, message).label("only 1 works so far");
        sink.push(node.span, problem.help("write controllers = 1, or leave it out"));
    }
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
