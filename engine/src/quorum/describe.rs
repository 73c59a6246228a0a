//! DescribeQuorum: how far every voter and observer is, as the leader sees it.

use super::Quorum;
use super::role::{Fetcher, Leading};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::message::{DescribeQuorumRequest, DescribeQuorumResponse, DescribedQuorum, QuorumReplica};
use crate::offset::Offset;
use crate::time::Now;

impl Quorum {
    pub(super) fn describe(&self, now: Now, request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
        let describe = |partition: &TopicPartition| {
            if *partition != *self.log.partition() {
                return self.unknown(partition, ErrorCode::UnknownTopicOrPartition);
            }
            match self.leading() {
                Some(leading) => self.describe_led(now, leading),
                None => self.unknown(partition, ErrorCode::NotLeaderOrFollower),
            }
        };
        DescribeQuorumResponse {
            error: ErrorCode::None,
            partitions: request.partitions.iter().map(describe).collect(),
            nodes: self.settings.voters.iter().map(|(id, endpoint)| (*id, endpoint.clone())).collect(),
        }
    }

    fn unknown(&self, partition: &TopicPartition, error: ErrorCode) -> DescribedQuorum {
        DescribedQuorum {
            partition: partition.clone(),
            error,
            current_leader: self.current_leader(),
            high_watermark: Offset::NONE,
            voters: Vec::new(),
            observers: Vec::new(),
        }
    }

    fn describe_led(&self, now: Now, leading: &Leading) -> DescribedQuorum {
        let own = QuorumReplica {
            replica: self.settings.node,
            log_end_offset: self.log.end_offset(),
            last_fetch: now.wall,
            last_caught_up: now.wall,
        };
        let mut voters: Vec<QuorumReplica> = leading.voters.iter().map(replica).chain([own]).collect();
        voters.sort_unstable_by_key(|voter| voter.replica);
        DescribedQuorum {
            partition: self.log.partition().clone(),
            error: ErrorCode::None,
            current_leader: self.current_leader(),
            high_watermark: self.high_watermark,
            voters,
            observers: leading.observers.iter().map(replica).collect(),
        }
    }
}

fn replica((id, fetcher): (&NodeId, &Fetcher)) -> QuorumReplica {
    QuorumReplica {
        replica: *id,
        log_end_offset: fetcher.end,
        last_fetch: fetcher.last_fetch_wall,
        last_caught_up: fetcher.last_caught_up,
    }
}
