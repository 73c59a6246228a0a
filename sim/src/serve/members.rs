//! The nodes of this operating-system process, with their directories locked and their sockets open.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tribunal_engine::driver::real::{DataDirectory, OpenError, Role};
use tribunal_engine::id::Endpoint;
use tribunal_engine::rng::Rng;

/// Why nothing was started. Nothing that was there before is changed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// A port cannot be listened on.
    #[error(
        "cannot listen on {endpoint}: {source}; stop what listens there, or choose another --port (0: any free one)"
    )]
    Listen {
        /// Where.
        endpoint: Endpoint,
        /// Why not.
        source: io::Error,
    },
    /// There are not enough ports.
    #[error("{count} ports from {first} on reach beyond 65535; choose a lower --port")]
    Ports {
        /// The first port.
        first: u16,
        /// How many are needed.
        count: u16,
    },
    /// The controllers would not be those that wrote the metadata.
    #[error(
        "{path} is a cluster whose first {found} brokers are controllers, and this would be {brokers} brokers with \
         {wanted} controllers; start with --brokers {found} or more and --controllers {found}"
    )]
    Controllers {
        /// The data directory.
        path: String,
        /// How many wrote it.
        found: u16,
        /// How many were to start.
        wanted: u16,
        /// Of how many brokers.
        brokers: u16,
    },
    /// The system refused something else.
    #[error("cannot start: {0}")]
    System(io::Error),
}

/// One broker or controller to start.
#[derive(Debug)]
pub struct Process {
    /// `broker-1`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its socket.
    pub listener: TcpListener,
}

/// One node: its directory and the processes that share it.
#[derive(Debug)]
pub struct Member {
    /// Locked.
    pub directory: DataDirectory,
    /// A controller first, if it is one: its broker wants to talk to it.
    pub processes: Vec<Process>,
}

/// Nodes that could start now.
#[derive(Debug)]
pub struct Open {
    /// The nodes.
    pub members: Vec<Member>,
    /// Removed when it is over.
    temporary: Temporary,
}

impl Open {
    pub(super) fn new(temporary: Option<PathBuf>) -> Open {
        Open { members: Vec::new(), temporary: Temporary(temporary) }
    }

    /// Where clients may ask first: every broker.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<Endpoint> {
        let roles = self.members.iter().flat_map(|member| &member.processes).map(|process| &process.role);
        roles
            .filter_map(|role| match role {
                Role::Broker { settings, .. } => Some(settings.endpoint.clone()),
                Role::Controller { .. } => None,
            })
            .collect()
    }

    /// The nodes, and what removes their data when it is dropped.
    pub(super) fn take(self) -> (Vec<Member>, Temporary) {
        (self.members, self.temporary)
    }
}

/// A folder that goes when this does.
#[derive(Debug)]
pub(super) struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // What cannot be removed is for the system's own cleaning of temporary files.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// A cluster id as Kafka makes them: 16 random bytes in base64.
pub(super) fn new_cluster_id(rng: &mut Rng) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
    bytes[8..].copy_from_slice(&rng.next_u64().to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}
