//! `tribunal serve`: a cluster for real clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use clap::Args;
use tribunal_engine::id::NodeId;

use super::Streams;
use crate::serve::{
    ClusterPlan, Data, Ending, Level, NodePlan, Open, Problem, Running, ServeError, ServerProperties, Wake,
    hear, start_log,
};
use crate::verdict::Exit;

/// The arguments of `tribunal serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tribunal serve                                     three brokers on 127.0.0.1:9092, 9093, 9094, each also one of
                                                     three controllers, on 9095, 9096, 9097
  tribunal serve --port 0                            on free ports, which the ready line names
  tribunal serve --data ./cluster                    keep the data; the next start has every record
  tribunal serve --config min.insync.replicas=2      any broker setting of Kafka that `explain` knows
  tribunal serve --judge                             what test suites of Kafka clients take for granted
  tribunal serve --node 1 --config server.properties one node of a cluster of several processes

When every broker serves, one line on stdout says so:
  ready: bootstrap.servers=127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094
Point any Kafka client there:  kcat -b 127.0.0.1:9092 -L

Ctrl-C or SIGTERM closes the cluster in order: logs are synced and marked as closed. A second Ctrl-C ends it at once;
what was acknowledged is still there, and the next start checks the logs.

Without --data everything is in a temporary directory that goes with the cluster.

Exit codes: 0 closed in order, 2 could not start (a port is taken, a directory is another node's, a bad setting: the
            message says what to do, and nothing was changed), 70 a bug in tribunal, 130 ended by a second Ctrl-C")]
pub(super) struct Arguments {
    /// Brokers of the cluster
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "node",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(ClusterPlan::BROKERS_MAX)))]
    brokers: u16,
    /// How many of the brokers are controllers, too: 1, 3 or 5. As many as before over kept data; otherwise 3 if there
    /// are so many brokers
    #[arg(long, value_name = "N", value_parser = ["1", "3", "5"], conflicts_with = "node")]
    controllers: Option<String>,
    /// Port of the first broker; the others follow, then the controllers. 0: any free ports
    #[arg(long, value_name = "PORT", default_value_t = 9092, conflicts_with = "node")]
    port: u16,
    /// Keep the data here
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A broker setting, or a file of them in the format of server.properties. Can be given again
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<String>,
    /// A file of broker settings in the format of server.properties. Can be given again
    #[arg(long, value_name = "FILE")]
    properties: Vec<PathBuf>,
    /// What test suites of clients expect: topics appear when they are named, with 4 partitions and 3 replicas
    #[arg(long, conflicts_with = "node")]
    judge: bool,
    /// Run this one node of a cluster, as its --config FILE describes it
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: Option<i32>,
    /// The id of the cluster the node belongs to; follows from controller.quorum.voters unless given
    #[arg(long, value_name = "ID", requires = "node")]
    cluster_id: Option<String>,
    /// How much to say on stderr
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    log_level: Level,
}

/// Serves until it is told to stop.
pub(super) fn execute(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Exit> {
    start_log(arguments.log_level, streams.err_style.colour);
    let open = match open(arguments, streams)? {
        Ok(open) => open,
        Err(error) => {
            writeln!(streams.err, "tribunal: {error}")?;
            return Ok(Exit::Usage);
        }
    };
    let Some(open) = open else { return Ok(Exit::Usage) };
    let bootstrap: Vec<String> = open.bootstrap().iter().map(ToString::to_string).collect();
    let mut running = match Running::start(open, &hear()) {
        Ok(running) => running,
        Err(error) => {
            writeln!(streams.err, "tribunal: {error}")?;
            return Ok(Exit::Usage);
        }
    };
    stop_on_interrupt(running.waker());
    if running.wait_until_ready() {
        writeln!(streams.out, "ready: bootstrap.servers={}", bootstrap.join(","))?;
        streams.out.flush()?;
        running.wait();
    }
    Ok(match running.stop() {
        Ending::Clean => Exit::Met,
        Ending::Failed => Exit::Usage,
        Ending::Bug => Exit::Internal,
    })
}

/// Reads settings and opens directories and ports; `None` if the settings have problems, which are printed.
fn open(arguments: &Arguments, streams: &mut Streams<'_>) -> io::Result<Result<Option<Open>, ServeError>> {
    let mut problems = Vec::new();
    let properties = properties(arguments, &mut problems)?;
    let planned = match arguments.node {
        Some(node) => {
            let (cluster_id, data) = (arguments.cluster_id.clone(), arguments.data.clone());
            NodePlan::new(NodeId(node), properties, cluster_id, data).map(Planned::Node)
        }
        None => {
            let data = arguments.data.clone().map_or(Data::Temporary, Data::Kept);
            let controllers = arguments.controllers.as_ref().and_then(|count| count.parse().ok());
            ClusterPlan::new(arguments.brokers, controllers, arguments.port, properties, arguments.judge)
                .map(|plan| Planned::Cluster(plan, data))
        }
    };
    match planned {
        Ok(planned) if problems.is_empty() => Ok(planned.open().map(Some)),
        planned => {
            problems.extend(planned.err().unwrap_or_default());
            for problem in &problems {
                writeln!(streams.err, "{problem}")?;
            }
            Ok(Ok(None))
        }
    }
}

enum Planned {
    Cluster(ClusterPlan, Data),
    Node(NodePlan),
}

impl Planned {
    fn open(&self) -> Result<Open, ServeError> {
        match self {
            Planned::Node(plan) => plan.open(),
            Planned::Cluster(plan, data) => {
                for folder in plan.left_out(data) {
                    let folder = folder.display();
                    tracing::warn!(
                        "{folder} is of a broker this cluster has no more; start with more --brokers"
                    );
                }
                plan.open(data)
            }
        }
    }
}

/// Everything that was given, files before flags, so that a flag can change what a file says.
fn properties(arguments: &Arguments, problems: &mut Vec<Problem>) -> io::Result<ServerProperties> {
    let mut properties = ServerProperties::default();
    let is_setting = |text: &&String| text.contains('=') && !Path::new(text).exists();
    let named = arguments.config.iter().filter(|text| !is_setting(text)).map(PathBuf::from);
    for path in named.chain(arguments.properties.iter().cloned()) {
        let text = fs::read_to_string(&path).map_err(|error| super::files::named(&path, &error))?;
        let added = properties.add_file(&path.display().to_string(), &text);
        problems.extend(added.err().unwrap_or_default());
    }
    for text in arguments.config.iter().filter(is_setting) {
        problems.extend(properties.add_flag(text).err());
    }
    Ok(properties)
}

/// The first Ctrl-C or SIGTERM asks to stop, the second ends the process.
fn stop_on_interrupt(waker: Sender<Wake>) {
    let asked = AtomicBool::new(false);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) || waker.send(Wake::Interrupted).is_err() {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    // Without a handler a signal ends the process at once: as a crash does, after which the logs are checked.
    let _ = ctrlc::set_handler(handler);
}
