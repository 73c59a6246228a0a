//! ListOffsets and OffsetForLeaderEpoch: where logs begin and end, and where epochs do.
//!
//! The ends of a log are known at once. A lookup by time reads batches from where the time index says until it has the
//! record; the answer goes out when the last search has ended.

use std::collections::BTreeMap;

use super::{Broker, DiskWait};
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::log::{SearchStep, TimestampSearch};
use crate::machine::{Effect, Effects, RequestContext};
use crate::message::{
    EpochEndOffset, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListedOffset,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, PartitionEpochQuery,
};
use crate::offset::Offset;
use crate::replica::{ReadBound, Replica};
use crate::storage::{DiskDone, DiskOutcome};
use crate::time::Timestamp;

/// The first version that knows OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE: i16 = 5;
/// The earliest offset on local disks (KIP-405), which is where all of a log is.
const EARLIEST_LOCAL: Timestamp = Timestamp(-4);

/// Where the bytes of a lookup by time belong.
#[derive(Clone, Debug)]
pub(super) struct LookupSlot {
    request: u64,
    answer: usize,
    search: TimestampSearch,
    /// Only what lies before may be told.
    end: Offset,
    /// What to say if nothing is found.
    beyond: ErrorCode,
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
    /// The answer has to be looked for, below an offset; if nothing is found, the error is the answer.
    Search(TimestampSearch, Offset, ErrorCode),
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
                Ok(Found::Search(search, end, beyond)) => reads.push((answers.len(), search, end, beyond)),
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
        for (answer, search, end, beyond) in reads {
            self.read_on(LookupSlot { request, answer, search, end, beyond }, effects);
        }
    }

    fn read_on(&mut self, slot: LookupSlot, effects: &mut Effects) {
        let (token, op) = (self.disk_token(), slot.search.op());
        self.disk.insert(token, DiskWait::Lookup(slot));
        effects.push(Effect::Disk { token, op });
    }

    fn find_offset(&self, query: &ListOffsetsPartition, bound: ReadBound) -> Result<Found, ErrorCode> {
        let replica = self.replica(&query.partition)?;
        replica.check_reader(query.current_leader_epoch, false)?;
        let end = replica.read_bound(bound);
        // A new leader's high watermark may lie below what was acknowledged: better no answer than a wrong one.
        let stale = bound != ReadBound::LogEnd && replica.high_watermark() < replica.leader()?.start();
        let beyond = if stale { ErrorCode::OffsetNotAvailable } else { ErrorCode::None };
        let begin = |step| match step {
            SearchStep::Read(search) => Ok(Found::Search(search, end, beyond)),
            SearchStep::Found(_) | SearchStep::NotFound if stale => Err(beyond),
            SearchStep::Found(_) | SearchStep::NotFound => Ok(NOWHERE),
        };
        match query.spec {
            OffsetSpec::Latest if stale => Err(beyond),
            OffsetSpec::Latest => Ok(Found::At(end, Timestamp::NONE, replica.leader_epoch())),
            OffsetSpec::Earliest | OffsetSpec::Timestamp(EARLIEST_LOCAL) => {
                let earliest = replica.log().earliest();
                Ok(Found::At(earliest.offset, Timestamp::NONE, earliest.epoch))
            }
            OffsetSpec::Timestamp(at) if at.0 < 0 => Err(ErrorCode::UnsupportedVersion),
            OffsetSpec::Timestamp(at) => begin(replica.log().search_timestamp(at)),
            OffsetSpec::MaxTimestamp => begin(replica.log().search_max_timestamp(end)),
        }
    }

    pub(super) fn on_lookup_read(
        &mut self,
        mut slot: LookupSlot,
        outcome: DiskOutcome,
        effects: &mut Effects,
    ) {
        let Some(lookup) = self.lookups.reading.get_mut(&slot.request) else { return };
        let answer = lookup.answers.get_mut(slot.answer).expect("a lookup reads for one of its answers");
        match search_on(self.replicas.get(&answer.partition), &slot.search, outcome) {
            Ok(SearchStep::Read(search)) => {
                slot.search = search;
                return self.read_on(slot, effects);
            }
            Ok(SearchStep::Found(found)) if found.offset < slot.end => {
                (answer.offset, answer.timestamp) = (found.offset, found.timestamp);
                answer.leader_epoch = found.epoch;
            }
            Ok(SearchStep::Found(_) | SearchStep::NotFound) => {
                let old = lookup.context.api_version < OFFSET_NOT_AVAILABLE;
                let unavailable = slot.beyond == ErrorCode::OffsetNotAvailable && old;
                answer.error = if unavailable { ErrorCode::LeaderNotAvailable } else { slot.beyond };
            }
            Err(error) => answer.error = error,
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

/// Takes what was read for a search.
fn search_on(
    replica: Option<&Replica>,
    search: &TimestampSearch,
    outcome: DiskOutcome,
) -> Result<SearchStep, ErrorCode> {
    let replica = replica.ok_or(ErrorCode::NotLeaderOrFollower)?;
    match outcome {
        Ok(DiskDone::Read(bytes)) => {
            replica.log().continue_search(search, &bytes).map_err(|error| error.error_code())
        }
        Ok(DiskDone::Done | DiskDone::InFile(_)) | Err(_) => Err(ErrorCode::KafkaStorageError),
    }
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
