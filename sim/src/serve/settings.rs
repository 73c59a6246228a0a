//! From properties to typed settings: every unknown name and every bad value, each with its place.

use std::net::Ipv6Addr;

use tribunal_engine::config::{BrokerConfig, ConfigError, KEYS, Properties, Scope};
use tribunal_engine::id::Endpoint;

use super::properties::{Given, Problem, ServerProperties};
use crate::scenario::diagnostic::suggest;

/// Settings of a process rather than of its protocol; `node_file` reads them.
pub(super) const PROCESS_KEYS: &[&str] = &[
    "advertised.listeners",
    "broker.rack",
    "controller.listener.names",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "node.id",
    "process.roles",
];

/// Reads everything that is in the engine's table.
///
/// # Errors
/// Every problem there is.
pub(super) fn broker_config(properties: &ServerProperties) -> Result<BrokerConfig, Vec<Problem>> {
    let given: Properties =
        properties.iter().map(|(key, given)| (key.to_owned(), given.value.clone())).collect();
    BrokerConfig::from_properties(&given)
        .map_err(|errors| errors.iter().map(|error| problem(properties, error)).collect())
}

fn problem(properties: &ServerProperties, error: &ConfigError) -> Problem {
    let (ConfigError::Unknown { name, .. } | ConfigError::Invalid { name, .. }) = error;
    let origin = properties.get(name).map_or_else(
        || super::Origin::Flag("the settings together".to_owned()),
        |given| given.origin.clone(),
    );
    let problem = Problem::new(&origin, error.to_string());
    match error {
        ConfigError::Unknown { .. } if PROCESS_KEYS.contains(&name.as_str()) => problem.help(
            "this is a setting of one process; it belongs into a file for `tribunal serve --node ID --config FILE`",
        ),
        ConfigError::Unknown { .. } => problem.help(suggestion(name)),
        ConfigError::Invalid { .. } => problem,
    }
}

fn suggestion(name: &str) -> String {
    let known = KEYS.iter().filter(|key| key.scope == Scope::Broker).map(|key| key.name);
    let known = known.chain(PROCESS_KEYS.iter().copied());
    let suggested = suggest(name, known);
    if suggested.starts_with("did you mean") {
        suggested
    } else {
        "`tribunal explain` knows every setting there is; what is not built is refused, not ignored"
            .to_owned()
    }
}

/// Reads `host:port`, with an IPv6 address in brackets.
pub(super) fn endpoint(given: &Given, text: &str) -> Result<Endpoint, Problem> {
    let wrong = |message: String| Problem::new(&given.origin, message);
    let (host, port) =
        text.rsplit_once(':').ok_or_else(|| wrong(format!("`{text}` has no port; expected host:port")))?;
    let port = port.parse().map_err(|_| wrong(format!("`{port}` is not a port; expected 0 to 65535")))?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
        Some(address) => return Err(wrong(format!("`{address}` is not an IPv6 address"))),
        None => host,
    };
    Ok(Endpoint::new(host, port))
}
