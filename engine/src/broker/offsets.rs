//! ListOffsets and OffsetForLeaderEpoch: where logs begin and end, and where epochs do.

use super::Broker;
use crate::epoch::LeaderEpoch;
use crate::error::ErrorCode;
use crate::message::{
    EpochEndOffset, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListedOffset,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, PartitionEpochQuery,
};
use crate::offset::Offset;
use crate::time::Timestamp;

impl Broker {
    pub(super) fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let answer = |query: &ListOffsetsPartition| {
            let found = self.find_offset(query);
            let (error, (offset, timestamp, leader_epoch)) = match found {
                Ok(found) => (ErrorCode::None, found),
                Err(error) => (error, (Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE)),
            };
            ListedOffset { partition: query.partition.clone(), error, timestamp, offset, leader_epoch }
        };
        ListOffsetsResponse { partitions: request.partitions.iter().map(answer).collect() }
    }

    fn find_offset(
        &self,
        query: &ListOffsetsPartition,
    ) -> Result<(Offset, Timestamp, LeaderEpoch), ErrorCode> {
        let replica = self.replica(&query.partition)?;
        let leader = replica.leader()?;
        replica.check_epoch(query.current_leader_epoch)?;
        let epoch = replica.leader_epoch();
        match query.spec {
            // A new leader's high watermark may lie below what was acknowledged: better no answer than a wrong one.
            OffsetSpec::Latest if replica.high_watermark() < leader.start() => {
                Err(ErrorCode::OffsetNotAvailable)
            }
            OffsetSpec::Latest => Ok((replica.high_watermark(), Timestamp::NONE, epoch)),
            OffsetSpec::Earliest => Ok((replica.log().start_offset(), Timestamp::NONE, epoch)),
            OffsetSpec::Timestamp(at) if at.0 < 0 => Err(ErrorCode::UnsupportedVersion),
            OffsetSpec::Timestamp(at) => {
                let found = replica.log().offset_for_timestamp(at);
                let visible = found.filter(|(offset, _)| *offset < replica.high_watermark());
                Ok(visible
                    .map_or((Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE), |(offset, timestamp)| {
                        (offset, timestamp, epoch)
                    }))
            }
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
        replica.leader()?;
        replica.check_epoch(query.current_leader_epoch)?;
        Ok(replica.end_offset_for(query.leader_epoch).map(|end| (end.epoch, end.end)))
    }
}
