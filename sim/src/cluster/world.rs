//! What faults may do to a cluster, whatever it is made of.
//!
//! The simulated cluster is one [`World`]; a cluster of real processes can be another, so that one plan drives both.

use tribunal_engine::broker::partition_of_group;
use tribunal_engine::id::{NodeId, TopicName, TopicPartition};
use tribunal_engine::time::{Duration, Instant};

use super::{Cluster, models};
use crate::runtime::{Direction, DiskFaultId, FaultId, HostId, SlowLink};
use crate::scenario::disk_fault::{DiskFaultKind, DiskFaultPlan};
use crate::scenario::distribution::Distribution;
use crate::scenario::plan::{ConsumerPlan, Cut};
use crate::view::{ClusterView, What};
use crate::workload::SlowWork;

/// How long a broker that is asked to stop waits for the controller's leave: the grace period of an orchestrator.
/// Kafka alone would wait five minutes.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A machine of the world.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Host {
    /// A broker or a controller.
    Node(NodeId),
    /// A client, by the name of its host.
    Client(String),
}

/// A network fault that can be ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkFault(Vec<FaultId>);

/// A fault of disks that can be mended, and what it has struck already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DiskFault {
    active: Vec<(HostId, DiskFaultId)>,
    struck: u64,
}

/// What faults can do and see.
pub trait World {
    /// True time.
    fn now(&self) -> Instant;
    /// What is known of the cluster.
    fn observe<R>(&self, look: impl FnOnce(&ClusterView) -> R) -> R;
    /// Every machine.
    fn hosts(&self) -> Vec<Host>;
    /// Every broker.
    fn brokers(&self) -> Vec<NodeId>;
    /// Every controller, active or not; in combined mode they are brokers as well.
    fn controllers(&self) -> Vec<NodeId>;
    /// The process dies; its machine lives.
    fn crash(&mut self, host: &Host);
    /// The process is asked to stop in good order; it may take its time. A member of a group leaves it, unless it is
    /// static; a client without a group has nobody to say goodbye to and dies.
    fn stop(&mut self, host: &Host);
    /// True while the process of the machine runs, or is paused.
    fn is_up(&self, host: &Host) -> bool;
    /// The machine goes dark and loses what it had not synced, as the plan's disk model says.
    fn power_loss(&mut self, host: &Host);
    /// True while the process of the machine runs and is not paused.
    fn is_running(&self, host: &Host) -> bool;
    /// The machines of `[consumer.NAME]`; of a group those of every member that has ever started.
    fn members(&self, consumer: &str) -> Vec<Host>;
    /// The machine of the member that the group has next; `None` if it may have no more.
    fn next_member(&self, consumer: &str) -> Option<Host>;
    /// The broker that coordinates the group of `[consumer.NAME]`, if there is one.
    fn coordinator(&self, consumer: &str) -> Option<NodeId>;
    /// A member of a group works so many times longer on each record.
    fn work_slowly(&mut self, host: &Host, factor: u32) -> SlowWork;
    /// It does not any more.
    fn work_as_planned(&mut self, host: &Host, slow: SlowWork);
    /// Starts the process of a machine that is down. Clients come back without their memory.
    fn start(&mut self, host: &Host);
    /// The process stands still.
    fn pause(&mut self, host: &Host);
    /// It goes on.
    fn resume(&mut self, host: &Host);
    /// Messages from one side to the other are held (both ways, or one).
    fn partition(&mut self, from: &[Host], to: &[Host], cut: Cut) -> NetworkFault;
    /// Messages between the sides take longer, both ways.
    fn slow_link(&mut self, one: &[Host], other: &[Host], latency: Distribution) -> NetworkFault;
    /// Ends a network fault.
    fn heal(&mut self, fault: NetworkFault);
    /// Something is wrong with the disks of `hosts`.
    fn break_disks(&mut self, hosts: &[Host], fault: &DiskFaultPlan) -> DiskFault;
    /// Mends a fault of disks. Answers how many operations (or bits, if they rotted) it struck.
    fn mend_disks(&mut self, fault: DiskFault) -> u64;
    /// Starts a broker that runs with failed logs again, as its operator does once the disk is mended.
    fn restart_if_logs_failed(&mut self, host: &Host);
}

impl Cluster {
    fn host_id(&self, host: &Host) -> HostId {
        match host {
            Host::Node(node) => self.nodes[node],
            Host::Client(name) => self.client(name),
        }
    }

    fn host_ids(&self, hosts: &[Host]) -> Vec<HostId> {
        hosts.iter().map(|host| self.host_id(host)).collect()
    }

    fn consumer(&self, name: &str) -> Option<&ConsumerPlan> {
        self.plan.consumers.iter().find(|consumer| consumer.name == name)
    }

    fn note_host(&self, host: &Host, what: What) {
        if let Host::Node(node) = host {
            self.note(Some(*node), what);
        }
    }
}

impl World for Cluster {
    fn now(&self) -> Instant {
        Cluster::now(self)
    }

    fn observe<R>(&self, look: impl FnOnce(&ClusterView) -> R) -> R {
        look(&self.recorder.view())
    }

    fn hosts(&self) -> Vec<Host> {
        let nodes = self.nodes.keys().copied().map(Host::Node);
        nodes.chain(self.clients.keys().cloned().map(Host::Client)).collect()
    }

    fn brokers(&self) -> Vec<NodeId> {
        self.plan.cluster.broker_ids().collect()
    }

    fn controllers(&self) -> Vec<NodeId> {
        self.plan.cluster.controller_ids().collect()
    }

    fn crash(&mut self, host: &Host) {
        self.simulation.crash(self.host_id(host));
        self.note_host(host, What::Crashed);
    }

    fn stop(&mut self, host: &Host) {
        match host {
            Host::Node(node) => {
                if let Some(shutdown) = self.shutdowns.get(node) {
                    shutdown.request(STOP_PATIENCE);
                }
            }
            Host::Client(name) if self.is_member(name) => self.members.ask_to_leave(name),
            Host::Client(_) => self.crash(host),
        }
    }

    fn is_up(&self, host: &Host) -> bool {
        Cluster::is_up(self, self.host_id(host))
    }

    fn is_running(&self, host: &Host) -> bool {
        let id = self.host_id(host);
        Cluster::is_up(self, id) && !self.simulation.is_paused(id)
    }

    fn members(&self, consumer: &str) -> Vec<Host> {
        let hosts = self.consumer(consumer).map(ConsumerPlan::hosts).unwrap_or_default();
        hosts.into_iter().filter(|host| !self.late_clients.contains(host)).map(Host::Client).collect()
    }

    fn next_member(&self, consumer: &str) -> Option<Host> {
        let late = self.consumer(consumer)?.late_hosts();
        late.into_iter().find(|host| self.late_clients.contains(host)).map(Host::Client)
    }

    fn coordinator(&self, consumer: &str) -> Option<NodeId> {
        let group = self.consumer(consumer)?.group.as_ref()?;
        let count = self.plan.cluster.config.group.offsets_topic_num_partitions;
        let partition = TopicPartition {
            topic: TopicName::new(TopicName::CONSUMER_OFFSETS),
            partition: partition_of_group(&group.id, count),
        };
        self.observe(|view| view.internal_leaders.get(&partition).copied().flatten())
    }

    fn work_slowly(&mut self, host: &Host, factor: u32) -> SlowWork {
        match host {
            Host::Client(name) => self.members.work_slowly(name, factor),
            Host::Node(node) => panic!("{node} is no member of a group"),
        }
    }

    fn work_as_planned(&mut self, host: &Host, slow: SlowWork) {
        if let Host::Client(name) = host {
            self.members.work_as_planned(name, slow);
        }
    }

    fn power_loss(&mut self, host: &Host) {
        let model = models::power_loss(self.plan.cluster.on_power_loss);
        self.simulation.power_loss(self.host_id(host), model);
        self.note_host(host, What::PowerLost);
    }

    fn start(&mut self, host: &Host) {
        let id = self.host_id(host);
        if Cluster::is_up(self, id) {
            return;
        }
        self.simulation.boot(id);
        match host {
            Host::Node(node) => self.start_process(*node),
            Host::Client(name) => {
                self.late_clients.remove(name);
                self.start_client(name);
            }
        }
    }

    fn pause(&mut self, host: &Host) {
        self.simulation.pause(self.host_id(host));
        self.note_host(host, What::Paused);
    }

    fn resume(&mut self, host: &Host) {
        self.simulation.resume(self.host_id(host));
        self.note_host(host, What::Resumed);
    }

    fn partition(&mut self, from: &[Host], to: &[Host], cut: Cut) -> NetworkFault {
        let direction = match cut {
            Cut::Full => Direction::Full,
            Cut::OneWay => Direction::OneWay,
        };
        NetworkFault(vec![self.simulation.partition(&self.host_ids(from), &self.host_ids(to), direction)])
    }

    fn slow_link(&mut self, one: &[Host], other: &[Host], latency: Distribution) -> NetworkFault {
        let slow = SlowLink { extra: models::latency(latency), ..SlowLink::default() };
        let (one, other) = (self.host_ids(one), self.host_ids(other));
        NetworkFault(vec![
            self.simulation.slow_link(&one, &other, slow),
            self.simulation.slow_link(&other, &one, slow),
        ])
    }

    fn heal(&mut self, fault: NetworkFault) {
        for fault in fault.0 {
            self.simulation.heal(fault);
        }
    }

    fn break_disks(&mut self, hosts: &[Host], fault: &DiskFaultPlan) -> DiskFault {
        let scope = models::disk_scope(fault);
        let mut broken = DiskFault::default();
        for host in self.host_ids(hosts) {
            if let DiskFaultKind::Corrupt { bits } = fault.kind {
                broken.struck += self.simulation.corrupt_disk(host, &scope, bits).len() as u64;
            } else if let Some(kind) = models::disk_fault(fault.kind) {
                broken.active.push((host, self.simulation.disk_fault(host, kind, scope.clone())));
            }
        }
        broken
    }

    fn mend_disks(&mut self, fault: DiskFault) -> u64 {
        let mended = fault.active.into_iter().map(|(host, id)| self.simulation.mend_disk(host, id));
        fault.struck + mended.sum::<u64>()
    }

    fn restart_if_logs_failed(&mut self, host: &Host) {
        let Host::Node(node) = host else { return };
        if self.is_up(self.host_id(host)) && self.observe(|view| view.has_failed_logs(*node)) {
            self.crash(host);
            self.start(host);
        }
    }
}
