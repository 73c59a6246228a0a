//! ListOffsets and OffsetForLeaderEpoch: where logs begin and end, and where epochs do.
//!
//! The ends of a log are known at once. A lookup by time finds the batch by its header and must read it to find the
//! record in it; the answer goes out when the last read has ended.

use std::collections::BTreeMap;

use super::{Broker, DiskWait};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::log::ReadPlan;
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{
    EpochEndOffset, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListedOffset,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, PartitionEpochQuery,
};
use crate::offset::Offset;
use crate::record::batches;
use crate::replica::{ReadBound, Replica};
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::Timestamp;

/// The first version that knows OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE: i16 = 5;

/// Where the bytes of a lookup by time belong.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookupSlot {
    request: u64,
    answer: usize,
    at: Timestamp,
}

/// ListOffsets requests that read.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    reading: BTreeMap<u64, Lookup>,
    next: u64,
}

#[derive(Debug)]
struct Lookup {
    context: RequestContext,
    answers: Vec<ListedOffset>,
    reads_left: usize,
}

/// What a question comes to before anything is read.
enum Found {
    /// The answer.
    At(Offset, Timestamp, LeaderEpoch),
    /// The answer is in this batch.
    InBatch(ReadPlan, Timestamp),
}

/// Nothing is there to be found.
const NOWHERE: Found = Found::At(Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE);

impl Broker {
    pub(super) fn on_list_offsets(
        &mut self,
        context: RequestContext,
        request: &ListOffsetsRequest,
        effects: &mut Effects,
    ) {
        let bound = match (request.replica, request.isolation_level) {
            (NodeId::NONE, 1) => ReadBound::LastStableOffset,
            (NodeId::NONE, _) => ReadBound::HighWatermark,
            _ => ReadBound::LogEnd,
        };
        let mut answers = Vec::with_capacity(request.partitions.len());
        let mut reads = Vec::new();
        for query in &request.partitions {
            let mut answer = nothing_found(query);
            match self.find_offset(query, bound) {
                Ok(Found::At(offset, timestamp, epoch)) => {
                    (answer.offset, answer.timestamp, answer.leader_epoch) = (offset, timestamp, epoch);
                }
                Ok(Found::InBatch(plan, at)) => reads.push((answers.len(), plan, at)),
                Err(ErrorCode::OffsetNotAvailable) if context.api_version < OFFSET_NOT_AVAILABLE => {
                    answer.error = ErrorCode::LeaderNotAvailable;
                }
                Err(error) => answer.error = error,
            }
            answers.push(answer);
        }
        if reads.is_empty() {
            return effects.respond(&context, ListOffsetsResponse { partitions: answers }.into());
        }
        self.lookups.next += 1;
        let request = self.lookups.next;
        self.lookups.reading.insert(request, Lookup { context, answers, reads_left: reads.len() });
        for (answer, plan, at) in reads {
            let token = self.disk_token();
            self.disk.insert(token, DiskWait::Lookup(LookupSlot { request, answer, at }));
            effects.push(Effect::Disk { token, op: plan.op });
        }
    }

    fn find_offset(&self, query: &ListOffsetsPartition, bound: ReadBound) -> Result<Found, ErrorCode> {
        let replica = self.replica(&query.partition)?;
        replica.check_reader(query.current_leader_epoch, false)?;
        let end = replica.read_bound(bound);
        // A new leader's high watermark may lie below what was acknowledged: better no answer than a wrong one.
        let stale = bound != ReadBound::LogEnd && replica.high_watermark() < replica.leader()?.start();
        let beyond = if stale { Err(ErrorCode::OffsetNotAvailable) } else { Ok(NOWHERE) };
        match query.spec {
            OffsetSpec::Latest if stale => beyond,
            OffsetSpec::Latest => Ok(Found::At(end, Timestamp::NONE, replica.leader_epoch())),
            OffsetSpec::Earliest => {
                let start = replica.log().start_offset();
                let epoch = replica.log().epochs().epoch_at(start).unwrap_or(LeaderEpoch::NONE);
                Ok(Found::At(start, Timestamp::NONE, epoch))
            }
            OffsetSpec::Timestamp(at) if at.0 < 0 => Err(ErrorCode::UnsupportedVersion),
            OffsetSpec::Timestamp(at) => first_at(replica, at, end).map_or(beyond, Ok),
            OffsetSpec::MaxTimestamp => latest_by_time(replica, end).map_or(beyond, Ok),
        }
    }

    pub(super) fn on_lookup_read(&mut self, slot: LookupSlot, outcome: DiskOutcome, effects: &mut Effects) {
        let Some(lookup) = self.lookups.reading.get_mut(&slot.request) else { return };
        let answer = lookup.answers.get_mut(slot.answer).expect("a lookup reads for one of its answers");
        match outcome {
            Ok(DiskDone::Read(bytes)) => find_record(bytes, slot.at, answer),
            Ok(DiskDone::Done) | Err(_) => answer.error = ErrorCode::KafkaStorageError,
        }
        lookup.reads_left -= 1;
        if lookup.reads_left == 0
            && let Some(lookup) = self.lookups.reading.remove(&slot.request)
        {
            effects.respond(&lookup.context, ListOffsetsResponse { partitions: lookup.answers }.into());
        }
    }

    pub(super) fn offsets_for_epochs(
        &self,
        request: &OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let answer = |query: &PartitionEpochQuery| {
            let (error, leader_epoch, end_offset) = match self.end_of_epoch(query) {
                Ok(Some((epoch, end))) => (ErrorCode::None, epoch, end),
                Ok(None) => (ErrorCode::None, LeaderEpoch::NONE, Offset::NONE),
                Err(error) => (error, LeaderEpoch::NONE, Offset::NONE),
            };
            EpochEndOffset { partition: query.partition.clone(), error, leader_epoch, end_offset }
        };
        OffsetForLeaderEpochResponse { partitions: request.partitions.iter().map(answer).collect() }
    }

    fn end_of_epoch(&self, query: &PartitionEpochQuery) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
        let replica = self.replica(&query.partition)?;
        replica.check_reader(query.current_leader_epoch, false)?;
        Ok(replica.end_offset_for(query.leader_epoch).map(|end| (end.epoch, end.end)))
    }
}

/// The batch that holds the first record at `at` or later, if it lies below `end`.
fn first_at(replica: &Replica, at: Timestamp, end: Offset) -> Option<Found> {
    let (base, _) = replica.log().offset_for_timestamp(at)?;
    let plan = replica.log().read(base, 0, end).ok()??;
    Some(Found::InBatch(plan, at))
}

/// The batch that holds the latest timestamp of those below `end`.
fn latest_by_time(replica: &Replica, end: Offset) -> Option<Found> {
    let (base, latest) = replica.log().offset_of_max_timestamp(end)?;
    let plan = replica.log().read(base, 0, end).ok()??;
    Some(Found::InBatch(plan, latest))
}

fn nothing_found(query: &ListOffsetsPartition) -> ListedOffset {
    ListedOffset {
        partition: query.partition.clone(),
        error: ErrorCode::None,
        timestamp: Timestamp::NONE,
        offset: Offset::NONE,
        leader_epoch: LeaderEpoch::NONE,
    }
}

/// The first record of a batch at `at` or later.
fn find_record(bytes: bytes::Bytes, at: Timestamp, answer: &mut ListedOffset) {
    let Some(Ok(batch)) = batches(bytes).next() else {
        answer.error = ErrorCode::CorruptMessage;
        return;
    };
    let Ok(records) = batch.records() else {
        answer.error = ErrorCode::CorruptMessage;
        return;
    };
    if let Some(record) = records.flatten().find(|record| record.timestamp >= at) {
        (answer.offset, answer.timestamp) = (record.offset, record.timestamp);
        answer.leader_epoch = batch.leader_epoch();
    }
}
