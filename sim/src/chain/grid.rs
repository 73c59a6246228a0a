//! What every replica held around a loss, at up to three moments: before the fault, at the election, at the end.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{BatchId, Event};
use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::offset::Offset;
use tribunal_engine::record::batches;
use tribunal_engine::time::Instant;

use super::steps::verb;
use super::trace::{Trace, log_at};
use crate::checker::no_acked_record_lost::Lost;
use crate::history::RecordId;
use crate::run::RunOutcome;
use crate::view::{PartitionView, What};

/// Columns shown before the first difference.
const BEFORE: i64 = 4;
/// Columns in all, unless the lost record lies further on.
const COLUMNS: i64 = 16;

/// What every replica held, at up to three moments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetGrid {
    /// The partition.
    pub partition: TopicPartition,
    /// Offset of the first column.
    pub first: Offset,
    /// Number of columns.
    pub columns: u32,
    /// The first offset at which two replicas differ: where the log that was acknowledged parts from the one that
    /// stayed.
    pub divergence: Option<Offset>,
    /// By time.
    pub moments: Vec<GridMoment>,
}

/// The replicas at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GridMoment {
    /// `before broker 1 crashed`.
    pub title: String,
    /// When.
    pub at: Instant,
    /// One row for each replica, by broker.
    pub rows: Vec<GridRow>,
}

/// The log of one replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GridRow {
    /// The broker.
    pub replica: NodeId,
    /// `leader`, `follower` or `down`, as the broker itself believed.
    pub role: &'static str,
    /// One cell for each column; none where the log holds nothing.
    pub cells: Vec<Option<GridCell>>,
    /// Its own high watermark; none while it is down.
    pub high_watermark: Option<Offset>,
}

/// One record at one offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GridCell {
    /// The record; none if neither a client nor a disk at the end tells which it was.
    pub record: Option<RecordId>,
    /// Leader epoch of its batch.
    pub epoch: LeaderEpoch,
    /// A producer was told that it is written.
    pub acked: bool,
    /// It is lost at the end of the run.
    pub lost: bool,
}

/// The grid around a loss; none if its offset or its batch is unknown.
pub(super) fn grid(run: &RunOutcome, trace: &Trace<'_>, all: &[Lost<'_>]) -> Option<OffsetGrid> {
    let (state, offset, given) = (trace.state?, trace.offset?, trace.given?);
    trace.batch?;
    let partition = run.view.partitions.iter().find(|(_, known)| std::ptr::eq(*known, state))?.0;
    let end = run.phases.last().map_or(given.at, |(_, at)| *at);
    let divergence = divergence(state, given.broker, given.at, end);
    let first = Offset((divergence.unwrap_or(offset).0 - BEFORE).max(0));
    // If the record lies far behind the first difference, the record is what matters.
    let first = if offset.since(first) < 3 * COLUMNS { first } else { Offset(offset.0 - BEFORE) };
    let columns = COLUMNS.max(offset.since(first) + 2);
    let last = first.plus(columns - 1);
    let cells = Cells {
        names: names(run, partition, state, first, last),
        lost: all.iter().map(|lost| lost.send.record).collect(),
        first,
        last,
    };
    let moments = moments(trace, given.at, end);
    let moments = moments.into_iter().map(|(title, at)| GridMoment {
        title,
        at,
        rows: state.replicas.keys().map(|replica| row(run, partition, state, *replica, at, &cells)).collect(),
    });
    Some(OffsetGrid {
        partition: partition.clone(),
        first,
        columns: u32::try_from(columns).unwrap_or(u32::MAX),
        divergence,
        moments: moments.collect(),
    })
}

struct Cells {
    /// Which record is where, by offset and epoch, and whether it was acknowledged there.
    names: BTreeMap<(Offset, LeaderEpoch), (RecordId, bool)>,
    lost: BTreeSet<RecordId>,
    first: Offset,
    last: Offset,
}

/// Where the log of `broker` at `at` parts from the log that stayed.
fn divergence(state: &PartitionView, broker: NodeId, at: Instant, end: Instant) -> Option<Offset> {
    let acknowledged = log_at(state, broker, at);
    let leader = state.committed.as_ref().and_then(|committed| committed.leader);
    let stayed = log_at(state, leader.unwrap_or(broker), end);
    let common = acknowledged.iter().zip(&stayed).take_while(|(one, other)| one == other).count();
    acknowledged.get(common).map(|batch| batch.base)
}

fn moments(trace: &Trace<'_>, acknowledged: Instant, end: Instant) -> Vec<(String, Instant)> {
    let mut moments: Vec<(String, Instant)> = Vec::new();
    let struck = trace.fault.filter(|fault| fault.at > acknowledged);
    moments.push(match struck {
        Some(fault) => {
            let who = fault.node.map_or_else(|| "the leader".to_owned(), |node| format!("broker {node}"));
            let just_before = Instant::from_nanos(fault.at.as_nanos() - 1);
            (format!("before {who} {}", verb(&fault.what)), just_before)
        }
        None => ("when it was acknowledged".to_owned(), acknowledged),
    });
    if let Some(election) = trace.election {
        moments.push((format!("when broker {} was elected", election.leader), election.effective));
    }
    moments.push(("at the end".to_owned(), end));
    moments
}

fn row(
    run: &RunOutcome,
    partition: &TopicPartition,
    state: &PartitionView,
    replica: NodeId,
    at: Instant,
    cells: &Cells,
) -> GridRow {
    let log = log_at(state, replica, at);
    let (role, since) = role(run, partition, replica, at);
    let moves = state.high_watermarks.iter().filter(|moved| moved.broker == replica && moved.at <= at);
    let known = moves.rev().find(|moved| since.is_none_or(|since| moved.at >= since));
    let high_watermark = known.map_or(Offset::ZERO, |moved| moved.to);
    GridRow {
        replica,
        role,
        cells: (cells.first.0..=cells.last.0).map(|offset| cells.at(&log, Offset(offset))).collect(),
        high_watermark: (role != "down").then_some(high_watermark),
    }
}

impl Cells {
    fn at(&self, log: &[BatchId], offset: Offset) -> Option<GridCell> {
        let batch = log.get(log.partition_point(|batch| batch.last < offset))?;
        if batch.base > offset {
            return None;
        }
        let known = self.names.get(&(offset, batch.epoch));
        Some(GridCell {
            record: known.map(|(record, _)| *record),
            epoch: batch.epoch,
            acked: known.is_some_and(|(_, acked)| *acked),
            lost: known.is_some_and(|(record, _)| self.lost.contains(record)),
        })
    }
}

/// What a broker is for a partition at a time, and since when its process has run (none: from the start).
fn role(
    run: &RunOutcome,
    wanted: &TopicPartition,
    broker: NodeId,
    at: Instant,
) -> (&'static str, Option<Instant>) {
    let mut role = "follower";
    let mut since = None;
    let past = run.view.happenings.iter().take_while(|happening| happening.at <= at);
    for happening in past.filter(|happening| happening.node == Some(broker)) {
        match &happening.what {
            What::Event(Event::BecameLeader { partition, .. }) if partition == wanted => role = "leader",
            What::Event(Event::BecameFollower { partition, .. }) if partition == wanted => role = "follower",
            What::Crashed | What::Stopped | What::PowerLost => role = "down",
            What::Started => (role, since) = ("follower", Some(happening.at)),
            _ => {}
        }
    }
    (role, since)
}

/// Which record is at which offset in which epoch, from everyone who knows: acknowledgements, readers, the final
/// read, and the disks at the end.
fn names(
    run: &RunOutcome,
    partition: &TopicPartition,
    state: &PartitionView,
    first: Offset,
    last: Offset,
) -> BTreeMap<(Offset, LeaderEpoch), (RecordId, bool)> {
    let shown = |offset: Offset| first <= offset && offset <= last;
    let mut names = BTreeMap::new();
    for ((known, _), log) in &run.replica_logs {
        if known == partition {
            for (at, record) in records_on_disk(log, first, last) {
                names.entry(at).or_insert((record, false));
            }
        }
    }
    for reader in &run.history.readers {
        for read in reader.reads.iter().filter(|read| shown(read.offset)) {
            let here = reader.partitions.get(read.partition as usize) == Some(partition);
            if let Some(record) = read.record.filter(|_| here) {
                names.entry((read.offset, read.leader_epoch)).or_insert((record, false));
            }
        }
    }
    for send in run.history.sends.iter().flatten() {
        let Some((known, Some(offset))) = send.acknowledged() else { continue };
        if known != partition || !shown(offset) {
            continue;
        }
        if let Some(given) = state.acknowledgement(offset, send.completed) {
            names.insert((offset, given.epoch), (send.record, true));
        }
    }
    // Where acks=0 named no offset, the client was told all the same.
    for (record, acked) in names.values_mut() {
        *acked |= run.history.send(*record).is_some_and(|send| send.acknowledged().is_some());
    }
    names
}

fn records_on_disk(log: &Bytes, first: Offset, last: Offset) -> Vec<((Offset, LeaderEpoch), RecordId)> {
    let mut found = Vec::new();
    let sound = batches(log.clone()).map_while(Result::ok);
    let shown =
        sound.skip_while(|batch| batch.last_offset() < first).take_while(|batch| batch.base_offset() <= last);
    for batch in shown {
        let epoch = batch.leader_epoch();
        let Ok(records) = batch.records() else { continue };
        for record in records.map_while(Result::ok) {
            if let Some(id) = record.value.as_deref().and_then(RecordId::of_value) {
                found.push(((record.offset, epoch), id));
            }
        }
    }
    found
}
