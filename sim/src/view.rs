//! The cluster as seen from outside: what its machines said, added up.
//!
//! Every event of every machine, and everything done to a process, is a [`Happening`]. The view keeps the state
//! they add up to (who leads, which ISR the controller committed, what each replica's log holds) and the list of
//! happenings a person may ask about. Checkers get each happening with the view as it is after it. Nothing here
//! reaches into a machine.
//!
//! The **ghost** is what no broker can know: the true high watermark of a partition, that is the furthest a
//! legitimate leader (the controller's, in its epoch) has ever committed, and the batches below it.

mod group;

use std::collections::BTreeMap;
use std::fmt;

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, Event, QuorumRole};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Instant;

pub use group::{AcceptedCommit, Arrival, Assigned, Departure, Expiration, GroupView, Rebalance};

use crate::scenario::Plan;

/// Something happened to a process or to the network.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are the field's words; the variants say what happened")]
pub enum What {
    /// A machine said so.
    Event(Event),
    /// A process was started.
    Started,
    /// A process died; its machine lives.
    Crashed,
    /// A process stopped in good order.
    Stopped,
    /// A machine lost power.
    PowerLost,
    /// A process stands still.
    Paused,
    /// It goes on.
    Resumed,
    /// A fault of the scenario began; `targets` are the brokers, controllers or clients it hit.
    FaultBegan { fault: String, action: String, targets: String },
    /// A fault of the scenario ended.
    FaultEnded { fault: String },
    /// A phase of the run began.
    Phase(Phase),
}

/// The phases of a run, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Processes start, topics are created.
    Boot,
    /// Clients work, faults strike.
    Load,
    /// Faults are over, load has stopped; the cluster must converge and serve.
    Settle,
    /// Fresh consumers read everything.
    FinalRead,
    /// Over.
    Done,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Phase::Boot => "boot",
            Phase::Load => "load",
            Phase::Settle => "settle",
            Phase::FinalRead => "final read",
            Phase::Done => "done",
        })
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// True virtual time.
    pub at: Instant,
    /// The process it is about; `None` for what is about none.
    pub node: Option<NodeId>,
    /// What.
    pub what: What,
}

/// What the controller has committed about a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Its leader.
    pub leader: Option<NodeId>,
    /// The leader epoch.
    pub epoch: LeaderEpoch,
    /// The ISR.
    pub isr: Vec<NodeId>,
}

/// A replica as its own events describe it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaView {
    /// Its process runs.
    pub up: bool,
    /// The epoch it leads in, while it believes to lead.
    pub leads: Option<LeaderEpoch>,
    /// Its log, batch by batch.
    pub log: Vec<BatchId>,
    /// Its own high watermark.
    pub high_watermark: Offset,
}

impl ReplicaView {
    pub(crate) fn new() -> ReplicaView {
        ReplicaView { up: true, leads: None, log: Vec::new(), high_watermark: Offset::ZERO }
    }

    /// Its log end offset.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.log.last().map_or(Offset::ZERO, |batch| batch.last.next())
    }

    /// The batch that holds `offset`.
    #[must_use]
    pub fn batch_at(&self, offset: Offset) -> Option<&BatchId> {
        let index = self.log.partition_point(|batch| batch.last < offset);
        self.log.get(index).filter(|batch| batch.base <= offset)
    }

    fn cut(&mut self, end: Offset) {
        let kept = self.log.partition_point(|batch| batch.last < end);
        self.log.truncate(kept);
    }
}

/// An acknowledgement a leader gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// When.
    pub at: Instant,
    /// By whom.
    pub broker: NodeId,
    /// First offset.
    pub base: Offset,
    /// Last offset (inclusive).
    pub last: Offset,
    /// In which epoch.
    pub epoch: LeaderEpoch,
    /// For which acks.
    pub acks: Acks,
    /// With which committed ISR, as the leader knew it.
    pub isr: Vec<NodeId>,
}

/// A batch that a replica took into its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Append {
    /// When.
    pub at: Instant,
    /// Whose log.
    pub broker: NodeId,
    /// The batch.
    pub batch: BatchId,
}

/// A replica's own high watermark moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HighWatermarkMove {
    /// When.
    pub at: Instant,
    /// Whose.
    pub broker: NodeId,
    /// To where.
    pub to: Offset,
}

/// Why a log was cut that was shorter when its broker came back: the bytes had not been synced.
pub const LOST_AT_RESTART: &str = "lost at restart";

/// A cut of a replica's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// When.
    pub at: Instant,
    /// Whose log.
    pub broker: NodeId,
    /// The batches that went.
    pub lost: Vec<BatchId>,
    /// The new log end offset.
    pub to: Offset,
    /// The truncation with its reason, or [`LOST_AT_RESTART`].
    pub why: String,
}

/// Everything known of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionView {
    /// `min.insync.replicas` of its topic.
    pub min_insync_replicas: usize,
    /// What the controller has committed.
    pub committed: Option<Committed>,
    /// Its replicas.
    pub replicas: BTreeMap<NodeId, ReplicaView>,
    /// The ghost: the furthest a legitimate leader has committed.
    pub true_high_watermark: Offset,
    /// The ghost: the batches below it, as the leader had them when it committed them.
    pub committed_log: Vec<BatchId>,
    /// Every acknowledgement.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Every append, by time: with `cuts` it tells what a replica held at any moment.
    pub appends: Vec<Append>,
    /// Every move of a replica's high watermark, by time.
    pub high_watermarks: Vec<HighWatermarkMove>,
    /// Every cut.
    pub cuts: Vec<Cut>,
    /// Some replica was compacted up to here: below it replicas may hold different parts of the same log.
    pub compacted_before: Offset,
}

impl PartitionView {
    /// A partition nothing is known of.
    #[must_use]
    pub fn new(min_insync_replicas: usize) -> PartitionView {
        PartitionView {
            min_insync_replicas,
            committed: None,
            replicas: BTreeMap::new(),
            true_high_watermark: Offset::ZERO,
            committed_log: Vec::new(),
            acknowledgements: Vec::new(),
            appends: Vec::new(),
            high_watermarks: Vec::new(),
            cuts: Vec::new(),
            compacted_before: Offset::ZERO,
        }
    }

    /// The replica that leads with the controller's word: its leader, alive, in its epoch.
    #[must_use]
    pub fn legitimate_leader(&self) -> Option<(NodeId, &ReplicaView)> {
        let committed = self.committed.as_ref()?;
        let leader = committed.leader?;
        let replica = self.replicas.get(&leader)?;
        (replica.up && replica.leads == Some(committed.epoch)).then_some((leader, replica))
    }

    /// Records that no in-sync replica but the leader has.
    #[must_use]
    pub fn unreplicated(&self) -> Option<i64> {
        let (leader, replica) = self.legitimate_leader()?;
        let others = self.committed.as_ref()?.isr.iter().filter(|member| **member != leader);
        let furthest = others.filter_map(|member| self.replicas.get(member)).map(ReplicaView::end).max();
        Some(replica.end().since(furthest.unwrap_or(Offset::ZERO)).max(0))
    }

    /// Records cut from replicas so far.
    #[must_use]
    pub fn truncated(&self) -> i64 {
        self.cuts.iter().flat_map(|cut| &cut.lost).map(|batch| batch.last.since(batch.base) + 1).sum()
    }

    /// The broker's side of an acknowledgement of `offset` that a client got at `completed`: the last one given
    /// until then.
    #[must_use]
    pub fn acknowledgement(&self, offset: Offset, completed: Option<Instant>) -> Option<&Acknowledgement> {
        let until = |given: &Acknowledgement| completed.is_none_or(|completed| given.at <= completed);
        let given = self.acknowledgements.get(..self.acknowledgements.partition_point(until))?;
        given.iter().rev().find(|given| given.base <= offset && offset <= given.last)
    }

    /// Whether a replica was compacted.
    #[must_use]
    pub fn is_compacted(&self) -> bool {
        self.compacted_before > Offset::ZERO
    }

    /// Whether two batches at one place are the same one, as far as compaction leaves it: there fewer records of it may
    /// be left, and its checksum is another.
    #[must_use]
    pub fn are_one(&self, one: &BatchId, other: &BatchId) -> bool {
        let place = |batch: &BatchId| (batch.base, batch.last, batch.epoch);
        one == other || (place(one) == place(other) && one.base < self.compacted_before)
    }

    fn advance_ghost(&mut self) {
        let Some(committed) = &self.committed else { return };
        let min = self.min_insync_replicas.min(self.replicas.len().max(1));
        if committed.isr.len() < min {
            return;
        }
        let Some((_, leader)) = self.legitimate_leader() else { return };
        if leader.high_watermark <= self.true_high_watermark {
            return;
        }
        let high_watermark = leader.high_watermark;
        let from = leader.log.partition_point(|batch| batch.last < self.true_high_watermark);
        let fresh: Vec<BatchId> = leader.log.get(from..).unwrap_or_default().to_vec();
        self.committed_log.extend(fresh.into_iter().take_while(|batch| batch.last < high_watermark));
        self.true_high_watermark = high_watermark;
    }
}

/// What a voter of the metadata quorum last said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoterView {
    /// What it is.
    pub role: QuorumRole,
    /// The highest epoch it knows.
    pub epoch: LeaderEpoch,
    /// Its process runs.
    pub up: bool,
}

/// The cluster as seen from outside.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    /// The partitions of the scenario.
    pub partitions: BTreeMap<TopicPartition, PartitionView>,
    /// Who leads each partition of the brokers' own topics (`__consumer_offsets`), as the controller has it. Nothing
    /// else is kept of them: guarantees are about the topics of the scenario.
    pub internal_leaders: BTreeMap<TopicPartition, Option<NodeId>>,
    /// The voters of the metadata quorum.
    pub voters: BTreeMap<NodeId, VoterView>,
    /// The consumer groups, by id.
    pub groups: BTreeMap<String, GroupView>,
    /// When a partition of `__consumer_offsets` got or lost its coordinator, by time.
    pub coordinator_moves: Vec<Instant>,
    /// What a person may ask about, in order: everything but appends, acknowledgements, high watermarks and commits of
    /// metadata and of offsets.
    pub happenings: Vec<Happening>,
}

impl ClusterView {
    /// The view of a cluster of which nothing is known but the partitions it is to have.
    #[must_use]
    pub fn of(plan: &Plan) -> ClusterView {
        let mut view = ClusterView { groups: GroupView::all(plan), ..ClusterView::default() };
        for topic in &plan.topics {
            for index in 0..topic.partitions {
                let partition = PartitionView::new(topic.config.min_insync_replicas);
                view.partitions.insert(TopicPartition::new(topic.name.as_str(), index), partition);
            }
        }
        view
    }

    /// How often a broker was unfenced; at boot, the number of brokers that are ready.
    #[must_use]
    pub fn unfenced(&self) -> usize {
        let unfenced = |what: &What| matches!(what, What::Event(Event::BrokerUnfenced { .. }));
        self.happenings.iter().filter(|happening| unfenced(&happening.what)).count()
    }

    /// How often a controller or a broker took a snapshot of the metadata in place of the metadata log.
    #[must_use]
    pub fn snapshots_loaded(&self) -> usize {
        let loaded = |what: &What| matches!(what, What::Event(Event::MetadataSnapshotLoaded { .. }));
        self.happenings.iter().filter(|happening| loaded(&happening.what)).count()
    }

    /// The group of a table of the scenario.
    #[must_use]
    pub fn group_of(&self, table: &str) -> Option<&GroupView> {
        self.groups.values().find(|group| group.table == table)
    }

    /// The controller that leads the metadata quorum in the highest epoch, if its process runs.
    #[must_use]
    pub fn active_controller(&self) -> Option<NodeId> {
        let leading = self.voters.iter().filter(|(_, voter)| voter.up && voter.role == QuorumRole::Leader);
        leading.max_by_key(|(_, voter)| voter.epoch).map(|(id, _)| *id)
    }

    /// Whether a log of the process failed at the disk since it started.
    #[must_use]
    pub fn has_failed_logs(&self, node: NodeId) -> bool {
        let own = self.happenings.iter().rev().filter(|happening| happening.node == Some(node));
        let mut told = own.filter_map(|happening| match happening.what {
            What::Event(Event::StorageFailed { .. }) => Some(true),
            What::Started => Some(false),
            _ => None,
        });
        told.next().unwrap_or(false)
    }

    /// True if every partition is led with the controller's word.
    #[must_use]
    pub fn all_led(&self) -> bool {
        self.partitions.values().all(|partition| partition.legitimate_leader().is_some())
    }

    /// Takes one happening.
    pub fn take(&mut self, happening: &Happening) {
        if let What::Event(event) = &happening.what {
            if is_internal(event) {
                self.take_internal(event);
                return;
            }
            self.take_event(happening.at, happening.node, event);
            let frequent = matches!(
                event,
                Event::Appended { .. }
                    | Event::Acknowledged { .. }
                    | Event::HighWatermark { .. }
                    | Event::MetadataCommitted { .. }
                    | Event::OffsetCommitted { .. }
            );
            if frequent {
                return;
            }
        } else {
            self.take_process(happening);
        }
        self.happenings.push(happening.clone());
    }

    fn take_internal(&mut self, event: &Event) {
        if let Event::LeaderElected { partition, leader, .. } = event {
            self.internal_leaders.insert(partition.clone(), *leader);
        }
    }

    fn take_process(&mut self, happening: &Happening) {
        let Some(node) = happening.node else { return };
        if let Some(voter) = self.voters.get_mut(&node) {
            match happening.what {
                What::Crashed | What::PowerLost => voter.up = false,
                What::Started => *voter = VoterView { role: QuorumRole::Unattached, up: true, ..*voter },
                _ => {}
            }
        }
        for partition in self.partitions.values_mut() {
            let Some(replica) = partition.replicas.get_mut(&node) else { continue };
            match happening.what {
                What::Crashed | What::Stopped | What::PowerLost => {
                    replica.up = false;
                    replica.leads = None;
                    // It is not kept on disk.
                    replica.high_watermark = Offset::ZERO;
                }
                What::Started => replica.up = true,
                What::Event(_)
                | What::Paused
                | What::Resumed
                | What::FaultBegan { .. }
                | What::FaultEnded { .. }
                | What::Phase(_) => {}
            }
        }
    }

    fn take_event(&mut self, at: Instant, node: Option<NodeId>, event: &Event) {
        if let (Event::QuorumRoleChanged { role, epoch, .. }, Some(node)) = (event, node) {
            self.voters.insert(node, VoterView { role: *role, epoch: *epoch, up: true });
        }
        if let Some(group) = group::group_of(event) {
            return self.groups.entry(group.to_owned()).or_default().take(at, node, event);
        }
        if let Event::GroupsLoaded { partition, .. } = event {
            let moved = self.groups.values_mut().filter(|group| group.home == Some(partition.partition));
            moved.for_each(|group| group.moved(at, node));
        }
        if matches!(event, Event::GroupsLoaded { .. } | Event::GroupsResigned { .. }) {
            self.coordinator_moves.push(at);
        }
        let Some((name, node)) = partition_of(event).zip(node) else { return };
        let Some(partition) = self.partitions.get_mut(name) else { return };
        match event {
            Event::LeaderElected { leader, epoch, isr, .. } => {
                partition.committed = Some(Committed { leader: *leader, epoch: *epoch, isr: isr.clone() });
            }
            Event::IsrChanged { isr, .. } => {
                if let Some(committed) = &mut partition.committed {
                    committed.isr.clone_from(isr);
                }
            }
            // A controller's word about who may lead; no replica has changed.
            Event::EligibleLeadersChanged { .. } => {}
            Event::Acknowledged { base, last, epoch, acks, isr, .. } => {
                let (base, last, epoch, acks, isr) = (*base, *last, *epoch, *acks, isr.clone());
                partition.acknowledgements.push(Acknowledgement {
                    at,
                    broker: node,
                    base,
                    last,
                    epoch,
                    acks,
                    isr,
                });
            }
            Event::Truncated { to, .. } => cut(partition, at, node, *to, &event.to_string()),
            Event::Compacted { to, .. } => {
                partition.compacted_before = partition.compacted_before.max(*to);
            }
            Event::ReplicaRemoved { .. } => drop(partition.replicas.remove(&node)),
            Event::Recovered { end, .. } => {
                let replica = partition.replicas.entry(node).or_insert_with(ReplicaView::new);
                replica.high_watermark = Offset::ZERO;
                replica.up = true;
                cut(partition, at, node, *end, LOST_AT_RESTART);
            }
            _ => {
                match event {
                    Event::Appended { batch, .. } => {
                        partition.appends.push(Append { at, broker: node, batch: *batch });
                    }
                    Event::HighWatermark { high_watermark: to, .. } => {
                        partition.high_watermarks.push(HighWatermarkMove { at, broker: node, to: *to });
                    }
                    _ => {}
                }
                take_replica_event(partition.replicas.entry(node).or_insert_with(ReplicaView::new), event);
            }
        }
        partition.advance_ghost();
    }
}

fn take_replica_event(replica: &mut ReplicaView, event: &Event) {
    match event {
        Event::BecameLeader { epoch, .. } => replica.leads = Some(*epoch),
        Event::BecameFollower { .. } | Event::StorageFailed { .. } => replica.leads = None,
        Event::Appended { batch, .. } => replica.log.push(*batch),
        Event::HighWatermark { high_watermark, .. } => replica.high_watermark = *high_watermark,
        _ => {}
    }
}

fn cut(partition: &mut PartitionView, at: Instant, broker: NodeId, to: Offset, why: &str) {
    let Some(replica) = partition.replicas.get_mut(&broker) else { return };
    if to < replica.end() {
        let kept = replica.log.partition_point(|batch| batch.last < to);
        let lost = replica.log.get(kept..).unwrap_or_default().to_vec();
        replica.cut(to);
        partition.cuts.push(Cut { at, broker, lost, to, why: why.to_owned() });
    }
}

/// Whether an event is about a replica of one of the brokers' own topics. A disk that fails is about its machine.
#[must_use]
pub fn is_internal(event: &Event) -> bool {
    let internal = partition_of(event).is_some_and(|partition| partition.topic.is_internal());
    internal && !matches!(event, Event::StorageFailed { .. })
}

/// The partition an event is about.
#[must_use]
pub fn partition_of(event: &Event) -> Option<&TopicPartition> {
    match event {
        Event::BecameLeader { partition, .. }
        | Event::BecameFollower { partition, .. }
        | Event::Recovered { partition, .. }
        | Event::ReplicaRemoved { partition, .. }
        | Event::Appended { partition, .. }
        | Event::Truncated { partition, .. }
        | Event::Compacted { partition, .. }
        | Event::HighWatermark { partition, .. }
        | Event::LogStart { partition, .. }
        | Event::IsrProposed { partition, .. }
        | Event::IsrCommitted { partition, .. }
        | Event::Acknowledged { partition, .. }
        | Event::Deduplicated { partition, .. }
        | Event::LeaderElected { partition, .. }
        | Event::IsrChanged { partition, .. }
        | Event::EligibleLeadersChanged { partition, .. }
        | Event::RecoveryCut { partition, .. }
        | Event::StorageFailed { partition } => Some(partition),
        Event::BrokerRegistered { .. }
        | Event::BrokerFenced { .. }
        | Event::BrokerUnfenced { .. }
        | Event::QuorumVoters { .. }
        | Event::QuorumRoleChanged { .. }
        | Event::MetadataCommitted { .. }
        | Event::MetadataSnapshotWritten { .. }
        | Event::MetadataSnapshotLoaded { .. }
        | Event::BrokerShuttingDown { .. }
        | Event::ShutdownBegan { .. }
        | Event::ShutdownGranted { .. }
        | Event::GroupRebalanceBegan { .. }
        | Event::GroupMemberJoined { .. }
        | Event::GroupMemberLeft { .. }
        | Event::GroupAssigned { .. }
        | Event::GroupMemberOwns { .. }
        | Event::GroupStable { .. }
        | Event::OffsetCommitted { .. }
        | Event::OffsetsExpired { .. }
        | Event::GroupsLoaded { .. }
        | Event::GroupLoaded { .. }
        | Event::GroupRecordSkipped { .. }
        | Event::GroupsResigned { .. }
        | Event::ConnectionClosed { .. } => None,
    }
}
