//! Boot: recover what is on disk, then run. Plain async code; nothing is promised to anybody yet.

use std::io;
use std::rc::Rc;

use super::node::{Node, Observer};
use super::platform::{Clock, Platform};
use super::shutdown::ShutdownSignal;
use crate::broker::{Broker, BrokerSettings};
use crate::config::TopicConfig;
use crate::controller::{Controller, ControllerSettings};
use crate::event::Event;
use crate::id::{Endpoint, TopicName, TopicPartition};
use crate::log::{PartitionLog, Shutdown, take_clean_shutdown};
use crate::quorum::{Quorum, QuorumError};
use crate::storage::{Disk, DiskError};
use crate::wire::Listener;

/// Why a process could not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A partition's log could not be read.
    #[error("the logs cannot be read: {0}")]
    Disk(#[from] DiskError),
    /// The controller's log could not be read.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// The port is taken, or the address is not ours.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// Recovers every log of a broker and runs it until `shutdown` was requested and it has stopped.
///
/// # Errors
/// If it could not start.
pub async fn start_broker<P: Platform>(
    platform: P,
    settings: BrokerSettings,
    observer: Rc<dyn Observer<Broker>>,
    shutdown: &ShutdownSignal,
) -> Result<(), BootError> {
    let (last_shutdown, previous_epoch) = take_clean_shutdown(platform.disk()).await?;
    let logs = recover_logs(&platform, settings.config.topic_defaults, last_shutdown, &*observer).await?;
    let (endpoint, frame_bytes_max) = (settings.endpoint.clone(), settings.config.socket_request_max_bytes);
    let name = format!("broker-{}", settings.node);
    let broker = Broker::new(settings, logs).with_previous_epoch(previous_epoch);
    Node::new(platform, broker, Listener::Broker, name, frame_bytes_max, observer)
        .run(endpoint, shutdown)
        .await?;
    Ok(())
}

/// Recovers the metadata log and runs the controller until `shutdown` was requested and it has stopped. In combined
/// mode a broker of the same id runs on the same platform, in directories of its own and on an endpoint of its own;
/// both are started, neither knows the other.
///
/// # Errors
/// If it could not start.
pub async fn start_controller<P: Platform>(
    platform: P,
    settings: ControllerSettings,
    endpoint: Endpoint,
    observer: Rc<dyn Observer<Controller>>,
    shutdown: &ShutdownSignal,
) -> Result<(), BootError> {
    let quorum = Quorum::recover(platform.disk(), settings.quorum()).await?;
    let (name, frame_bytes_max) =
        (format!("controller-{}", settings.node), settings.config.socket_request_max_bytes);
    let controller = Controller::new(settings, quorum);
    Node::new(platform, controller, Listener::Controller, name, frame_bytes_max, observer)
        .run(endpoint, shutdown)
        .await?;
    Ok(())
}

async fn recover_logs<P: Platform>(
    platform: &P,
    defaults: TopicConfig,
    shutdown: Shutdown,
    observer: &dyn Observer<Broker>,
) -> Result<Vec<PartitionLog>, DiskError> {
    let mut logs = Vec::new();
    for directory in platform.disk().directories().await? {
        let Some(partition) = partition_of(&directory) else { continue };
        let recovered = PartitionLog::recover(platform.disk(), partition.clone(), defaults.log, shutdown);
        let (log, cut) = recovered.await?;
        if let Some(cut) = cut {
            let event = Event::RecoveryCut { partition, at: cut.at, bytes: cut.bytes, reason: cut.reason };
            observer.note(platform.clock().now(), &event);
        }
        logs.push(log);
    }
    Ok(logs)
}

/// The partition a directory belongs to: `orders-0`. Directories that are no partition's are left alone.
fn partition_of(directory: &str) -> Option<TopicPartition> {
    let (topic, index) = directory.rsplit_once('-')?;
    let index: i32 = index.parse().ok()?;
    (TopicName::check(topic).is_ok() && index >= 0 && topic != TopicName::CLUSTER_METADATA)
        .then(|| TopicPartition::new(topic, index))
}
