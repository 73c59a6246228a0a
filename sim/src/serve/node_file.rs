//! One node of a cluster, as a `server.properties` file describes it.
//!
//! Kafka's names and syntax. Listeners are PLAINTEXT only. What a file says is checked as a whole: every problem is
//! reported with its line before anything is opened.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tribunal_engine::broker::BrokerSettings;
use tribunal_engine::config::BrokerConfig;
use tribunal_engine::controller::ControllerSettings;
use tribunal_engine::driver::real::{DataDirectory, Identity, Role, incarnation, listen, seed};
use tribunal_engine::id::{Endpoint, NodeId};
use tribunal_engine::rng::Rng;
use tribunal_engine::variant::ProtocolVariant;

use super::members::{self, Member, Process, ServeError};
use super::properties::{Given, Origin, Problem, ServerProperties};
use super::settings;

/// The listener name of controllers unless `controller.listener.names` says otherwise.
const CONTROLLER_LISTENER: &str = "CONTROLLER";

/// A node to serve.
#[derive(Clone, PartialEq, Debug)]
pub struct NodePlan {
    node: NodeId,
    broker: Option<Listening>,
    controller: Option<Listening>,
    voters: Vec<(NodeId, Endpoint)>,
    directory: PathBuf,
    rack: Option<String>,
    cluster_id: String,
    config: BrokerConfig,
}

/// Where a role listens, and where others are told it does.
#[derive(Clone, PartialEq, Debug)]
struct Listening {
    bind: Endpoint,
    advertised: Endpoint,
}

impl NodePlan {
    /// Reads the settings of node `node`. Without a cluster id it follows from the voters, which every node of a
    /// cluster is told alike.
    ///
    /// # Errors
    /// Every problem there is.
    pub fn new(
        node: NodeId,
        mut properties: ServerProperties,
        cluster_id: Option<String>,
        data: Option<PathBuf>,
    ) -> Result<NodePlan, Vec<Problem>> {
        let mut reader = Reader { problems: Vec::new() };
        reader.node_id(node, properties.take("node.id"));
        let roles = properties.take("process.roles");
        let (is_broker, is_controller) = reader.roles(roles.as_ref());
        let voters = reader.voters(properties.take("controller.quorum.voters"));
        let names = properties.take("controller.listener.names");
        let controller_name = names.map_or_else(|| CONTROLLER_LISTENER.to_owned(), |given| given.value);
        reader.plaintext_only(properties.take("listener.security.protocol.map"));
        let listeners = reader.listeners(properties.take("listeners"));
        let advertised = reader.listeners(properties.take("advertised.listeners"));
        let inter_broker = properties.take("inter.broker.listener.name");
        reader.inter_broker(inter_broker, &listeners, &controller_name);
        let of = |listeners: &[(String, Endpoint)], controller: bool| {
            let fits = |(name, _): &&(String, Endpoint)| (*name == controller_name) == controller;
            listeners.iter().find(fits).map(|(_, endpoint)| endpoint.clone())
        };
        let broker =
            is_broker.then(|| reader.broker(of(&listeners, false), of(&advertised, false))).flatten();
        let controller =
            is_controller.then(|| reader.controller(node, of(&listeners, true), &voters)).flatten();
        if let Some(given) = roles.filter(|given| given.value.trim() == "broker") {
            reader.is_no_voter(node, &given, &voters);
        }
        let directory = reader.directory(data, properties.take("log.dirs"), properties.take("log.dir"));
        let rack = properties.take("broker.rack").map(|given| given.value);
        let config =
            settings::broker_config(&properties).map_err(|problems| reader.problems.extend(problems)).ok();
        match (config, directory) {
            (Some(config), Some(directory)) if reader.problems.is_empty() => {
                let cluster_id = cluster_id.unwrap_or_else(|| derived_cluster_id(&voters));
                Ok(NodePlan { node, broker, controller, voters, directory, rack, cluster_id, config })
            }
            _ => {
                reader.problems.sort();
                Err(reader.problems)
            }
        }
    }

    /// Opens the directory and the ports. Nothing is started, and nothing that was there is changed.
    ///
    /// # Errors
    /// The first obstacle.
    pub fn open(&self) -> Result<members::Open, ServeError> {
        let mut rng = Rng::from_seed(seed());
        let mut open = members::Open::new(None);
        let identity = Identity { cluster_id: self.cluster_id.clone(), node: self.node };
        let directory = DataDirectory::open(&self.directory, &identity)?;
        let mut processes = Vec::new();
        if let Some(listening) = &self.controller {
            let listener = socket(&listening.bind)?;
            let settings = ControllerSettings {
                node: self.node,
                cluster_id: self.cluster_id.clone(),
                config: self.config.clone(),
                voters: self.voters.iter().cloned().collect(),
                directory: directory.id(),
                // Found out by the first leader, and kept in the log.
                directories: BTreeMap::new(),
                rng: Rng::from_seed(rng.next_u64()),
                variant: ProtocolVariant::default(),
            };
            let role = Role::Controller { settings, endpoint: listening.advertised.clone() };
            processes.push(Process { name: format!("controller-{}", self.node), role, listener });
        }
        if let Some(listening) = &self.broker {
            let listener = socket(&listening.bind)?;
            let settings = BrokerSettings {
                node: self.node,
                cluster_id: self.cluster_id.clone(),
                endpoint: listening.advertised.clone(),
                rack: self.rack.clone(),
                incarnation: incarnation(&mut rng),
                voters: self.voters.iter().cloned().collect(),
                config: self.config.clone(),
                variant: ProtocolVariant::default(),
            };
            let role = Role::Broker { settings, ready_at: 1 };
            processes.push(Process { name: format!("broker-{}", self.node), role, listener });
        }
        open.members.push(Member { directory, processes });
        Ok(open)
    }
}

fn socket(bind: &Endpoint) -> Result<std::net::TcpListener, ServeError> {
    listen(bind).map_err(|source| ServeError::Listen { endpoint: bind.clone(), source })
}

/// The same on every node of a cluster, and not the same for two clusters of one machine.
fn derived_cluster_id(voters: &[(NodeId, Endpoint)]) -> String {
    let mut voters: Vec<String> = voters.iter().map(|(id, endpoint)| format!("{id}@{endpoint}")).collect();
    voters.sort();
    members::new_cluster_id(&mut Rng::from_seed(0).fork(&voters.join(",")))
}

/// Reads one setting after the other and collects what is wrong.
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn push(&mut self, given: &Given, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::new(&given.origin, message).help(help));
    }

    fn missing(&mut self, key: &str, example: &str) {
        let origin = Origin::Flag("--config FILE".to_owned());
        self.problems.push(Problem::new(&origin, format!("`{key}` is missing")).help(example));
    }

    fn node_id(&mut self, node: NodeId, given: Option<Given>) {
        let Some(given) = given else { return };
        if given.value.parse() != Ok(node.0) {
            let message = format!("`node.id` is {}, and this is to be node {node}", given.value);
            self.push(&given, message, "give --node the id of the file, or another file");
        }
    }

    fn roles(&mut self, given: Option<&Given>) -> (bool, bool) {
        let help = "`broker`, `controller` or `broker,controller`";
        let Some(given) = given else {
            self.missing("process.roles", &format!("process.roles = {help}"));
            return (false, false);
        };
        let (mut broker, mut controller) = (false, false);
        for role in given.value.split(',').map(str::trim) {
            match role {
                "broker" => broker = true,
                "controller" => controller = true,
                other => self.push(given, format!("`{other}` is no role"), help),
            }
        }
        (broker, controller)
    }

    fn voters(&mut self, given: Option<Given>) -> Vec<(NodeId, Endpoint)> {
        let help = "controller.quorum.voters = 1@127.0.0.1:9093";
        let Some(given) = given else {
            self.missing("controller.quorum.voters", help);
            return Vec::new();
        };
        let mut voters: Vec<(NodeId, Endpoint)> = Vec::new();
        for voter in given.value.split(',').map(str::trim) {
            let id = voter.split_once('@').and_then(|(id, rest)| Some((id.parse::<u16>().ok()?, rest)));
            match id.map(|(id, rest)| (NodeId(id.into()), settings::endpoint(&given, rest))) {
                Some((id, Ok(_))) if voters.iter().any(|(other, _)| *other == id) => {
                    self.push(
                        &given,
                        format!("voter {id} is named twice"),
                        "each controller has an id of its own",
                    );
                }
                Some((id, Ok(endpoint))) => voters.push((id, endpoint)),
                Some((_, Err(problem))) => self.problems.push(problem),
                None => self.push(&given, format!("`{voter}` is not id@host:port"), help),
            }
        }
        if ![0, 1, 3, 5].contains(&voters.len()) {
            let help = "controller.quorum.voters = 1@127.0.0.1:9093,2@127.0.0.1:9094,3@127.0.0.1:9095";
            self.push(&given, format!("a quorum has 1, 3 or 5 controllers, not {}", voters.len()), help);
        }
        voters
    }

    fn plaintext_only(&mut self, given: Option<Given>) {
        let Some(given) = given else { return };
        for pair in given.value.split(',').map(str::trim) {
            if pair.split_once(':').is_none_or(|(_, protocol)| protocol.trim() != "PLAINTEXT") {
                self.push(&given, format!("`{pair}` is not built"), "only NAME:PLAINTEXT works so far");
            }
        }
    }

    fn listeners(&mut self, given: Option<Given>) -> Vec<(String, Endpoint)> {
        let Some(given) = given else { return Vec::new() };
        let mut listeners = Vec::new();
        for listener in given.value.split(',').map(str::trim) {
            match listener.split_once("://").map(|(name, rest)| (name, settings::endpoint(&given, rest))) {
                Some((name, Ok(endpoint))) => listeners.push((name.to_owned(), endpoint)),
                Some((_, Err(problem))) => self.problems.push(problem),
                None => {
                    let help = "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093";
                    self.push(&given, format!("`{listener}` is not NAME://host:port"), help);
                }
            }
        }
        listeners
    }

    fn inter_broker(&mut self, given: Option<Given>, listeners: &[(String, Endpoint)], controller: &str) {
        let Some(given) = given else { return };
        let is_ours = |(name, _): &(String, Endpoint)| *name == given.value && name != controller;
        if !listeners.iter().any(is_ours) {
            let help = "brokers and clients share the one broker listener of `listeners`";
            self.push(&given, format!("`{}` is not the broker's listener", given.value), help);
        }
    }

    fn broker(&mut self, bind: Option<Endpoint>, advertised: Option<Endpoint>) -> Option<Listening> {
        let Some(bind) = bind else {
            self.missing("listeners", "listeners = PLAINTEXT://127.0.0.1:9092");
            return None;
        };
        let everywhere = ["", "0.0.0.0", "::"].contains(&&*bind.host);
        if everywhere && advertised.is_none() {
            self.missing(
                "advertised.listeners",
                "a broker that listens everywhere must say where clients reach it: \
                 advertised.listeners = PLAINTEXT://127.0.0.1:9092",
            );
        }
        let bind = if bind.host.is_empty() { Endpoint::new("0.0.0.0", bind.port) } else { bind };
        Some(Listening { advertised: advertised.unwrap_or_else(|| bind.clone()), bind })
    }

    fn controller(
        &mut self,
        node: NodeId,
        bind: Option<Endpoint>,
        voters: &[(NodeId, Endpoint)],
    ) -> Option<Listening> {
        let voter = voters.iter().find(|(id, _)| *id == node).map(|(_, endpoint)| endpoint.clone());
        let Some(advertised) = voter else {
            if !voters.is_empty() {
                let example = format!("a controller is one of the voters: {node}@127.0.0.1:9093");
                self.missing("controller.quorum.voters with this node", &example);
            }
            return None;
        };
        Some(Listening { bind: bind.unwrap_or_else(|| advertised.clone()), advertised })
    }

    /// Kafka's rule, too: the others would wait for the vote of somebody who has none.
    fn is_no_voter(&mut self, node: NodeId, roles: &Given, voters: &[(NodeId, Endpoint)]) {
        if voters.iter().any(|(voter, _)| *voter == node) {
            let message = format!("node {node} is one of the voters, but no controller");
            self.push(roles, message, "process.roles = broker,controller, or voters without this node");
        }
    }

    fn directory(
        &mut self,
        data: Option<PathBuf>,
        dirs: Option<Given>,
        dir: Option<Given>,
    ) -> Option<PathBuf> {
        let given = dirs.or(dir);
        if let Some(given) = given.as_ref().filter(|given| given.value.contains(',')) {
            self.push(given, "more than one log directory is not built", "name one directory");
        }
        let directory = data.or_else(|| given.map(|given| PathBuf::from(given.value)));
        if directory.is_none() {
            self.missing("log.dirs", "log.dirs = /var/lib/tribunal/broker-1, or --data DIR");
        }
        directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
node.id=1
process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:9093
log.dirs=/data
broker.rack=north
min.insync.replicas=2
";

    fn read(text: &str) -> Result<NodePlan, Vec<Problem>> {
        let mut properties = ServerProperties::default();
        properties.add_file("f", text).expect("understood");
        NodePlan::new(NodeId(1), properties, None, None)
    }

    /// Where the problems are, and what they are about.
    fn problems(text: &str) -> Vec<String> {
        read(text).expect_err("problems").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_of_kafka_is_understood() {
        let plan = read(GOOD).expect("no problem");
        assert_eq!(plan.broker.map(|broker| broker.advertised), Some(Endpoint::new("127.0.0.1", 9092)));
        assert_eq!(plan.controller.map(|one| one.bind), Some(Endpoint::new("127.0.0.1", 9093)));
        assert_eq!(plan.config.topic_defaults.min_insync_replicas, 2);
        assert_eq!((plan.rack.as_deref(), plan.directory), (Some("north"), PathBuf::from("/data")));
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let text = GOOD
            .replace("node.id=1", "node.id=7")
            .replace("broker,controller\n", "broker,judge\n")
            .replace("min.insync.replicas=2", "min.insync.replica=2")
            .replace("127.0.0.1:9092", "127.0.0.1");
        let problems = problems(&text);
        let places: Vec<&str> = problems.iter().filter_map(|problem| problem.get(..3)).collect();
        assert_eq!(places[..4], ["f:1", "f:2", "f:3", "f:9"], "{problems:#?}");
        assert!(
            problems.iter().any(|one| one.contains("did you mean `min.insync.replicas`?")),
            "{problems:#?}"
        );
    }

    #[test]
    fn a_broker_that_listens_everywhere_must_say_where_it_is() {
        let everywhere = GOOD.replace("PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://:9092");
        assert!(problems(&everywhere)[0].contains("advertised.listeners"));
        let told = format!("{everywhere}advertised.listeners=PLAINTEXT://example:9092\n");
        assert!(read(&told).is_ok());
    }

    #[test]
    fn three_voters_are_understood_and_this_node_listens_where_they_say() {
        let voters = "1@127.0.0.1:9093, 2@127.0.0.1:9193,3@[::1]:9293";
        let plan = read(&GOOD.replace("1@127.0.0.1:9093", voters)).expect("no problem");
        let ids: Vec<i32> = plan.voters.iter().map(|(voter, _)| voter.0).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(plan.voters[2].1, Endpoint::new("::1", 9293));
        assert_eq!(plan.controller.map(|one| one.advertised), Some(Endpoint::new("127.0.0.1", 9093)));
    }

    #[test]
    fn voters_that_cannot_be_a_quorum_are_refused() {
        for (voters, expected) in [
            ("1@127.0.0.1:9093,2@127.0.0.1:9193", "f:6: a quorum has 1, 3 or 5 controllers, not 2"),
            ("1@127.0.0.1:9093,1@127.0.0.1:9193,3@127.0.0.1:9293", "f:6: voter 1 is named twice"),
            ("one@127.0.0.1:9093", "f:6: `one@127.0.0.1:9093` is not id@host:port"),
            ("-1@127.0.0.1:9093", "f:6: `-1@127.0.0.1:9093` is not id@host:port"),
            ("1@127.0.0.1:99999", "f:6: `99999` is not a port"),
            ("2@127.0.0.1:9193", "controller.quorum.voters with this node` is missing"),
        ] {
            let problems = problems(&GOOD.replace("1@127.0.0.1:9093", voters));
            assert!(problems.iter().any(|one| one.contains(expected)), "{voters}: {problems:#?}");
        }
    }

    #[test]
    fn a_voter_that_is_no_controller_is_refused() {
        let problems = problems(&GOOD.replace("broker,controller\n", "broker\n"));
        assert!(
            problems[0].starts_with("f:2: node 1 is one of the voters, but no controller"),
            "{problems:#?}"
        );
    }

    #[test]
    fn nodes_told_the_same_voters_are_of_one_cluster() {
        let other = GOOD.replace("1@127.0.0.1:9093", "1@127.0.0.1:9094");
        let id = |text| read(text).expect("no problem").cluster_id;
        assert_eq!(id(GOOD), id(GOOD));
        assert_ne!(id(GOOD), id(&other));
    }
}
