//! What a run says about one lost record: its batch, who held it, the fault, the election, the cuts.

use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, ElectionReason, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::{Duration, Instant};

use super::cause::{Removal, Strike};
use crate::checker::no_acked_record_lost::Lost;
use crate::history::{History, RecordId};
use crate::run::RunOutcome;
use crate::view::{Acknowledgement, Cut, Happening, LOST_AT_RESTART, PartitionView, What};

/// How long after a send with acks=0 a fault may have kept it from its broker.
const IN_TRANSIT: Duration = Duration::from_secs(1);

/// An election after the acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Election {
    /// When the controller decided.
    pub(super) at: Instant,
    /// When the new leader took over, or when the controller decided.
    pub(super) effective: Instant,
    pub(super) leader: NodeId,
    pub(super) epoch: LeaderEpoch,
    pub(super) reason: ElectionReason,
    /// The log end offset the new leader began with.
    pub(super) end: Offset,
}

/// Everything found about one lost record.
pub(super) struct Trace<'a> {
    pub(super) state: Option<&'a PartitionView>,
    pub(super) offset: Option<Offset>,
    pub(super) epoch: Option<LeaderEpoch>,
    /// The broker's side of the acknowledgement.
    pub(super) given: Option<&'a Acknowledgement>,
    /// The batch that held it.
    pub(super) batch: Option<BatchId>,
    /// Who had it when it was acknowledged.
    pub(super) held_by: Vec<NodeId>,
    /// The broker that led when it was sent: the one that acknowledged, if one did.
    pub(super) leader: Option<NodeId>,
    /// What struck that broker.
    pub(super) fault: Option<&'a Happening>,
    /// The first election of a leader without the record.
    pub(super) election: Option<Election>,
    /// The cuts that removed copies, by time.
    pub(super) cuts: Vec<&'a Cut>,
}

impl<'a> Trace<'a> {
    /// Collects what is known of a lost record.
    pub(super) fn of(run: &'a RunOutcome, lost: &Lost<'_>) -> Trace<'a> {
        let state = run.view.partitions.get(lost.partition);
        let seen = seen_by_a_reader(&run.history, lost.partition, lost.send.record);
        let offset = lost.offset.or(seen.map(|(offset, _)| offset));
        let given = state.zip(offset).and_then(|(state, offset)| match seen {
            Some((_, epoch)) if lost.offset.is_none() => state
                .acknowledgements
                .iter()
                .find(|given| given.epoch == epoch && given.base <= offset && offset <= given.last),
            _ => state.acknowledgement(offset, lost.send.completed),
        });
        let epoch = given.map(|given| given.epoch).or(seen.map(|(_, epoch)| epoch));
        let batch = state.zip(given).zip(offset).and_then(|((state, given), offset)| {
            let covers = |batch: &BatchId| batch.base <= offset && offset <= batch.last;
            let mut appends = state.appends.iter().filter(|append| append.broker == given.broker);
            let batch = |append: &crate::view::Append| append.batch;
            appends.find(|append| append.batch.epoch == given.epoch && covers(&append.batch)).map(batch)
        });
        let held_by = state.zip(batch).zip(given).map(|((state, batch), given)| {
            let brokers = state.replicas.keys().copied();
            brokers.filter(|broker| holds_at(state, *broker, &batch, given.at)).collect()
        });
        let leader =
            given.map(|given| given.broker).or_else(|| led_at(run, lost.partition, lost.send.invoked));
        let election = state
            .zip(batch)
            .zip(given)
            .and_then(|((state, batch), given)| election(run, lost.partition, state, &batch, given));
        let cuts: Vec<&Cut> = state.zip(batch).map_or(Vec::new(), |(state, batch)| {
            state.cuts.iter().filter(|cut| cut.lost.contains(&batch)).collect()
        });
        let since = given.map_or(lost.send.invoked, |given| given.at);
        let until = election.map(|election| election.at).or(cuts.first().map(|cut| cut.at));
        // A record that no broker is known to have had was on its way: only what struck then matters.
        let until = until.or(given.is_none().then(|| since.after(IN_TRANSIT)));
        let fault = leader.and_then(|leader| fault(run, leader, since, until));
        Trace {
            state,
            offset,
            epoch,
            given,
            batch,
            held_by: held_by.unwrap_or_default(),
            leader,
            fault,
            election,
            cuts,
        }
    }

    /// What struck the leader, as a class.
    pub(super) fn strike(&self) -> Strike {
        match self.fault.map(|fault| &fault.what) {
            Some(What::Crashed) => Strike::Crashed,
            Some(What::Stopped) => Strike::Stopped,
            Some(What::PowerLost) => Strike::PowerLost,
            Some(What::Paused) => Strike::Paused,
            Some(What::FaultBegan { .. }) => Strike::OtherFault,
            Some(
                What::Event(_) | What::Started | What::Resumed | What::FaultEnded { .. } | What::Phase(_),
            )
            | None => Strike::None,
        }
    }

    /// What removed the last copies, as a class.
    pub(super) fn removal(&self) -> Removal {
        let at_restart = self.cuts.iter().any(|cut| cut.why == LOST_AT_RESTART);
        let truncated = self.cuts.iter().any(|cut| cut.why != LOST_AT_RESTART);
        match (at_restart, truncated) {
            (false, false) => Removal::None,
            (true, false) => Removal::LostAtRestart,
            (true, true) => Removal::Both,
            (false, true) => match self.cuts.iter().all(|cut| Some(cut.broker) == self.leader) {
                true => Removal::TruncatedOnReturn,
                false => Removal::Truncated,
            },
        }
    }
}

/// Whether a replica's log held a batch at a time.
pub(super) fn holds_at(state: &PartitionView, broker: NodeId, batch: &BatchId, at: Instant) -> bool {
    let appends = state.appends.iter().filter(|append| append.broker == broker && append.at <= at);
    let Some(taken) = appends.rev().find(|append| append.batch == *batch) else { return false };
    let mut cuts = state.cuts.iter().filter(|cut| cut.broker == broker);
    !cuts.any(|cut| taken.at <= cut.at && cut.at <= at && cut.lost.contains(batch))
}

/// A replica's log at a time, batch by batch.
pub(super) fn log_at(state: &PartitionView, broker: NodeId, at: Instant) -> Vec<BatchId> {
    let mut cuts = state.cuts.iter().filter(|cut| cut.broker == broker && cut.at <= at).peekable();
    let mut log: Vec<BatchId> = Vec::new();
    for append in state.appends.iter().filter(|append| append.broker == broker && append.at <= at) {
        while let Some(cut) = cuts.next_if(|cut| cut.at <= append.at) {
            log.retain(|batch| batch.last < cut.to);
        }
        log.push(append.batch);
    }
    for cut in cuts {
        log.retain(|batch| batch.last < cut.to);
    }
    log
}

fn seen_by_a_reader(
    history: &History,
    partition: &TopicPartition,
    record: RecordId,
) -> Option<(Offset, LeaderEpoch)> {
    history.readers.iter().find_map(|reader| {
        let index = reader.partitions.iter().position(|candidate| candidate == partition)?;
        let read = reader.reads.iter().find(|read| {
            read.record == Some(record) && usize::try_from(read.partition).is_ok_and(|known| known == index)
        })?;
        Some((read.offset, read.leader_epoch))
    })
}

fn led_at(run: &RunOutcome, wanted: &TopicPartition, at: Instant) -> Option<NodeId> {
    let until = run.view.happenings.iter().take_while(|happening| happening.at <= at);
    let leaders = until.filter_map(|happening| match &happening.what {
        What::Event(Event::LeaderElected { partition, leader: Some(leader), .. }) if partition == wanted => {
            Some(*leader)
        }
        _ => None,
    });
    leaders.last()
}

/// The first leader elected after the acknowledgement that did not have the record.
fn election(
    run: &RunOutcome,
    wanted: &TopicPartition,
    state: &PartitionView,
    batch: &BatchId,
    given: &Acknowledgement,
) -> Option<Election> {
    let happenings = &run.view.happenings;
    let elections = happenings.iter().filter_map(|happening| match &happening.what {
        What::Event(Event::LeaderElected { partition, leader: Some(leader), epoch, reason, .. })
            if partition == wanted && *epoch > given.epoch =>
        {
            Some((happening.at, *leader, *epoch, *reason))
        }
        _ => None,
    });
    elections
        .map(|(at, leader, epoch, reason)| {
            let taken = happenings.iter().find_map(|happening| match &happening.what {
                What::Event(Event::BecameLeader { partition, epoch: taken, start, .. })
                    if partition == wanted && *taken == epoch && happening.node == Some(leader) =>
                {
                    Some((happening.at, *start))
                }
                _ => None,
            });
            let end = || log_at(state, leader, at).last().map_or(Offset::ZERO, |batch| batch.last.next());
            let (effective, end) = taken.unwrap_or_else(|| (at, end()));
            Election { at, effective, leader, epoch, reason, end }
        })
        .find(|election| !holds_at(state, election.leader, batch, election.effective))
}

/// What struck a broker after `since` and before `until`: what befell its process, or else a fault of the scenario
/// that was on at that time, rather one that names the broker.
fn fault(run: &RunOutcome, broker: NodeId, since: Instant, until: Option<Instant>) -> Option<&Happening> {
    let before = |happening: &&Happening| until.is_none_or(|until| happening.at <= until);
    let stopped =
        |what: &What| matches!(what, What::Crashed | What::Stopped | What::PowerLost | What::Paused);
    let runs = |what: &What| matches!(what, What::Started | What::Resumed);
    let own = || run.view.happenings.iter().filter(before).filter(|happening| happening.node == Some(broker));
    let mut earlier = own().filter(|happening| happening.at < since);
    let already = earlier.rfind(|happening| stopped(&happening.what) || runs(&happening.what));
    let already = already.filter(|happening| stopped(&happening.what));
    let process =
        already.or_else(|| own().find(|happening| happening.at >= since && stopped(&happening.what)));
    let name = format!("broker {broker}");
    let mut active: Vec<&Happening> = Vec::new();
    for happening in run.view.happenings.iter().filter(before) {
        match &happening.what {
            What::FaultBegan { .. } => active.push(happening),
            What::FaultEnded { fault } if happening.at < since => active.retain(
                |began| !matches!(&began.what, What::FaultBegan { fault: name, .. } if name == fault),
            ),
            _ => {}
        }
    }
    let names = |began: &&&Happening| match &began.what {
        What::FaultBegan { targets, .. } => targets.split([',', '|']).any(|target| target.trim() == name),
        _ => false,
    };
    process.or_else(|| active.iter().rev().find(names).or(active.last()).copied())
}
