//! What a served cluster says on stderr, through `tracing`: one line a fact, with the process it is about.
//!
//! Changes of the cluster are `info`, changes of replicas `debug`, every batch and watermark `trace`. What a person
//! should look at is `warn` or `error`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tracing::{debug, error, info, trace, warn};
use tribunal_engine::driver::real::Hear;
use tribunal_engine::event::Event;
use tribunal_engine::id::{DirectoryId, NodeId};

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Level {
    /// Only what went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And what changes in the cluster.
    Info,
    /// And what changes in replicas.
    Debug,
    /// And every batch.
    Trace,
}

/// Starts the log of this process on stderr. Once.
pub fn start_log(level: Level, colour: bool) {
    let level = match level {
        Level::Error => tracing::Level::ERROR,
        Level::Warn => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
        Level::Trace => tracing::Level::TRACE,
    };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level).with_ansi(colour);
    // Somebody else's log is as good as ours.
    let _ = log.with_target(false).try_init();
}

/// Writes what processes note into the log.
#[must_use]
pub fn hear() -> Hear {
    Arc::new(|name, fact| match fact {
        Ok(event) => write(name, event),
        Err(trouble) => error!("{name}: {trouble}"),
    })
}

/// The directories of voters, for a person.
fn shown(directories: &BTreeMap<NodeId, DirectoryId>) -> String {
    let each: Vec<String> = directories.iter().map(|(voter, id)| format!("{voter}={id}")).collect();
    each.join(" ")
}

fn write(name: &str, event: &Event) {
    match event {
        Event::StorageFailed { .. } => error!("{name}: {event}"),
        Event::QuorumVoters { votes: false, directory, directories } => warn!(
            "{name}: the quorum does not know this controller by the directory it has ({directory}; it knows {}): \
             its disk was replaced or emptied. It takes no part in elections and counts for no commit until it has \
             caught up and the leader has taken the new directory in, which needs the other controllers and nothing \
             else. Do not start a controller of this id on the old disk any more",
            shown(directories),
        ),
        Event::QuorumVoters { .. } => info!("{name}: {event}"),
        Event::RecoveryCut { .. } | Event::ConnectionClosed { .. } => warn!("{name}: {event}"),
        Event::BrokerRegistered { .. }
        | Event::BrokerFenced { .. }
        | Event::BrokerUnfenced { .. }
        | Event::LeaderElected { .. }
        | Event::IsrChanged { .. }
        | Event::QuorumRoleChanged { .. } => info!("{name}: {event}"),
        Event::Appended { .. }
        | Event::HighWatermark { .. }
        | Event::Acknowledged { .. }
        | Event::Deduplicated { .. }
        | Event::MetadataCommitted { .. } => {
            trace!("{name}: {event}");
        }
        // What concerns one replica or one broker alone.
        _ => debug!("{name}: {event}"),
    }
}
