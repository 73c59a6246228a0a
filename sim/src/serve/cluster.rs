//! A whole cluster on loopback in one operating-system process.
//!
//! Brokers are 1 to N. The first ones are controllers, too (combined mode): a controller has its broker's id and
//! directory, and a port of its own after the brokers' ports.
//!
//! How many controllers there are is settled by the first start over a directory: later ones find the metadata logs
//! and keep to that number. More voters than before could elect each other without the records of the old ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tribunal_engine::broker::BrokerSettings;
use tribunal_engine::config::BrokerConfig;
use tribunal_engine::controller::ControllerSettings;
use tribunal_engine::driver::real::{DataDirectory, Identity, OpenError, Role, incarnation, listen, seed};
use tribunal_engine::id::{DirectoryId, Endpoint, NodeId, TopicName};
use tribunal_engine::rng::Rng;
use tribunal_engine::variant::ProtocolVariant;

use super::members::{self, Member, Process, ServeError};
use super::properties::{Origin, Problem, ServerProperties};
use super::settings;

/// Everything listens here, and clients are told so literally: `localhost` may be another address (`::1`).
const LOOPBACK: &str = "127.0.0.1";

/// Controllers of a new cluster, if it has as many brokers.
const CONTROLLERS: u16 = 3;

/// How long voters of one process wait before they elect the first leader. They start together and answer each other
/// in microseconds: Kafka's second would only be a second without a controller. Losing a leader is judged by
/// `controller.quorum.fetch.timeout.ms`, as ever.
const ELECTION_TIMEOUT_MS: &str = "50";

/// Where the cluster keeps its data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// In a temporary directory that goes when the cluster does.
    Temporary,
    /// Here, for the next start, too.
    Kept(PathBuf),
}

/// A cluster to serve.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterPlan {
    brokers: u16,
    /// As many as were there before, or [`CONTROLLERS`], if nobody said.
    controllers: Option<u16>,
    first_port: u16,
    config: BrokerConfig,
}

impl ClusterPlan {
    /// Most brokers of one cluster: each is a thread, and a directory.
    pub const BROKERS_MAX: u16 = 16;

    /// A cluster of `brokers` brokers, `controllers` of which (1, 3 or 5) are controllers, too. Ports follow each other
    /// from `first_port`, or are the system's choice if it is 0.
    ///
    /// # Errors
    /// Every unknown name and every bad value among the properties; more controllers than brokers.
    pub fn new(
        brokers: u16,
        controllers: Option<u16>,
        first_port: u16,
        mut properties: ServerProperties,
        judge: bool,
    ) -> Result<ClusterPlan, Vec<Problem>> {
        if judge {
            for (key, value) in judge_profile(brokers) {
                properties.add_default("--judge", key, &value);
            }
        }
        properties.add_default("--brokers", "controller.quorum.election.timeout.ms", ELECTION_TIMEOUT_MS);
        // With Kafka's default of three a smaller cluster would never have a consumer group.
        let replicas = brokers.min(3).to_string();
        properties.add_default("--brokers", "offsets.topic.replication.factor", &replicas);
        let mut problems = Vec::new();
        if let Some(controllers) = controllers.filter(|controllers| *controllers > brokers) {
            let origin = Origin::Flag(format!("--controllers {controllers}"));
            let message = format!("controllers are brokers, too, and there are {brokers} of those");
            problems.push(
                Problem::new(&origin, message).help(format!("--brokers {controllers}, or fewer controllers")),
            );
        }
        match settings::broker_config(&properties) {
            Ok(config) if problems.is_empty() => Ok(ClusterPlan { brokers, controllers, first_port, config }),
            outcome => {
                problems.extend(outcome.err().unwrap_or_default());
                Err(problems)
            }
        }
    }

    /// Opens directories and ports. Nothing is started, and nothing that was there is changed.
    ///
    /// # Errors
    /// The first obstacle.
    pub fn open(&self, data: &Data) -> Result<members::Open, ServeError> {
        let mut rng = Rng::from_seed(seed());
        let (root, temporary) = match data {
            Data::Temporary => (temporary_folder(&mut rng), true),
            Data::Kept(path) => (path.clone(), false),
        };
        let cluster_id = self.cluster_id(&root, &mut rng)?;
        let count = self.controllers(&root)?;
        let mut open = members::Open::new(if temporary { Some(root.clone()) } else { None });
        let mut endpoints = Vec::new();
        for index in 0..self.brokers + count {
            let port = if self.first_port == 0 { 0 } else { self.port(index, count)? };
            let listener = listen(&Endpoint::new(LOOPBACK, port))
                .map_err(|source| ServeError::Listen { endpoint: Endpoint::new(LOOPBACK, port), source })?;
            let port = listener.local_addr().map_err(ServeError::System)?.port();
            endpoints.push((Endpoint::new(LOOPBACK, port), listener));
        }
        let mut controllers = endpoints.split_off(usize::from(self.brokers)).into_iter();
        let voters: BTreeMap<NodeId, Endpoint> = (1..)
            .map(NodeId)
            .zip(controllers.as_slice().iter().map(|(endpoint, _)| endpoint.clone()))
            .collect();
        for (id, (endpoint, listener)) in (1..=self.brokers).zip(endpoints) {
            let node = NodeId(i32::from(id));
            let identity = Identity { cluster_id: cluster_id.clone(), node };
            let directory = DataDirectory::open(&broker_folder(&root, id), &identity)?;
            let mut processes = Vec::new();
            if let Some((endpoint, listener)) = controllers.next() {
                let role = self.controller(&identity, directory.id(), endpoint, &voters, &mut rng);
                processes.push(Process { name: format!("controller-{id}"), role, listener });
            }
            let role = self.broker(node, &cluster_id, endpoint, &voters, &mut rng);
            processes.push(Process { name: format!("broker-{id}"), role, listener });
            open.members.push(Member { directory, processes });
        }
        Ok(open)
    }

    /// Folders of brokers that this cluster has no more, of which the partitions' replicas would be missing.
    #[must_use]
    pub fn left_out(&self, data: &Data) -> Vec<PathBuf> {
        let Data::Kept(root) = data else { return Vec::new() };
        let ids = self.brokers + 1..=Self::BROKERS_MAX;
        ids.map(|id| broker_folder(root, id)).filter(|folder| folder.exists()).collect()
    }

    fn port(&self, index: u16, controllers: u16) -> Result<u16, ServeError> {
        let count = self.brokers + controllers;
        self.first_port.checked_add(index).ok_or(ServeError::Ports { first: self.first_port, count })
    }

    /// How many brokers are controllers, too: as many as before.
    fn controllers(&self, root: &Path) -> Result<u16, ServeError> {
        let has_metadata_log = |id: &u16| broker_folder(root, *id).join(metadata_folder()).exists();
        let Some(last) = (1..=Self::BROKERS_MAX).rev().find(has_metadata_log) else {
            return Ok(self.controllers.unwrap_or_else(|| CONTROLLERS.min(odd(self.brokers))));
        };
        // One that was killed in its first moments has not made its log yet.
        let found = if last.is_multiple_of(2) { last + 1 } else { last };
        let wanted = self.controllers.unwrap_or(found);
        if wanted == found && found <= self.brokers {
            return Ok(found);
        }
        Err(ServeError::Controllers {
            path: root.display().to_string(),
            found,
            wanted,
            brokers: self.brokers,
        })
    }

    /// The id of the cluster that was here before, or a new one.
    fn cluster_id(&self, root: &Path, rng: &mut Rng) -> Result<String, OpenError> {
        for id in 1..=self.brokers {
            if let Some(identity) = DataDirectory::identity(&broker_folder(root, id))? {
                return Ok(identity.cluster_id);
            }
        }
        Ok(members::new_cluster_id(rng))
    }

    fn controller(
        &self,
        identity: &Identity,
        directory: DirectoryId,
        endpoint: Endpoint,
        voters: &BTreeMap<NodeId, Endpoint>,
        rng: &mut Rng,
    ) -> Role {
        let settings = ControllerSettings {
            node: identity.node,
            cluster_id: identity.cluster_id.clone(),
            config: self.config.clone(),
            voters: voters.clone(),
            directory,
            // Found out by the first leader, and kept in the log.
            directories: BTreeMap::new(),
            rng: Rng::from_seed(rng.next_u64()),
            variant: ProtocolVariant::default(),
        };
        Role::Controller { settings, endpoint }
    }

    fn broker(
        &self,
        node: NodeId,
        cluster_id: &str,
        endpoint: Endpoint,
        voters: &BTreeMap<NodeId, Endpoint>,
        rng: &mut Rng,
    ) -> Role {
        let settings = BrokerSettings {
            node,
            cluster_id: cluster_id.to_owned(),
            endpoint,
            rack: None,
            incarnation: incarnation(rng),
            voters: voters.clone(),
            config: self.config.clone(),
            variant: ProtocolVariant::default(),
        };
        Role::Broker { settings, ready_at: usize::from(self.brokers) }
    }
}

/// What the test suites of Kafka clients take for granted: topics that appear when they are named, with four
/// partitions and three replicas.
fn judge_profile(brokers: u16) -> Vec<(&'static str, String)> {
    vec![
        ("auto.create.topics.enable", "true".to_owned()),
        ("num.partitions", "4".to_owned()),
        ("default.replication.factor", brokers.min(3).to_string()),
    ]
}

/// The largest odd number up to `count`: a majority of an even number is no smaller than of one more.
fn odd(count: u16) -> u16 {
    if count.is_multiple_of(2) { count - 1 } else { count }
}

/// Where a controller has its log, within its broker's folder.
fn metadata_folder() -> String {
    format!("{}-0", TopicName::CLUSTER_METADATA)
}

fn broker_folder(root: &Path, id: u16) -> PathBuf {
    root.join(format!("broker-{id}"))
}

fn temporary_folder(rng: &mut Rng) -> PathBuf {
    std::env::temp_dir().join(format!("tribunal-{}-{:08x}", std::process::id(), rng.below(1 << 32)))
}
