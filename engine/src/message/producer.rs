//! Messages about idempotent producers: their ids, and what leaders know of them (KIP-98, KIP-664).

use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::{NodeId, ProducerId, TopicPartition};
use crate::offset::Offset;
use crate::time::Timestamp;

/// InitProducerId: an idempotent producer asks for its id.
#[derive(Clone, PartialEq, Debug)]
pub struct InitProducerIdRequest {
    /// `transactional.id`, or `None` for a producer that is only idempotent.
    pub transactional_id: Option<String>,
    /// How long a transaction may stay open, in milliseconds; without a transactional id it means nothing.
    pub transaction_timeout_ms: i32,
    /// The id the producer has, or NONE (version 3 on, KIP-360).
    pub producer_id: ProducerId,
    /// The epoch it has, or -1 (version 3 on).
    pub producer_epoch: i16,
}

/// The answer to InitProducerId.
#[derive(Clone, PartialEq, Debug)]
pub struct InitProducerIdResponse {
    /// NONE if the id is there.
    pub error: ErrorCode,
    /// The id, or NONE.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
}

/// AllocateProducerIds: a broker asks the controller for a block of producer ids (KIP-730).
#[derive(Clone, PartialEq, Debug)]
pub struct AllocateProducerIdsRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its epoch.
    pub broker_epoch: BrokerEpoch,
}

/// The answer to AllocateProducerIds.
#[derive(Clone, PartialEq, Debug)]
pub struct AllocateProducerIdsResponse {
    /// NONE if the block is the broker's.
    pub error: ErrorCode,
    /// The first id of the block.
    pub producer_id_start: ProducerId,
    /// How many ids it has.
    pub producer_id_len: i32,
}

/// DescribeProducers: which producers does the leader of a partition know? (KIP-664)
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeProducersRequest {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// The answer to DescribeProducers.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeProducersResponse {
    /// One answer a partition.
    pub partitions: Vec<PartitionProducers>,
}

/// The producers of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct PartitionProducers {
    /// The partition.
    pub partition: TopicPartition,
    /// NONE if the producers are those the leader knows.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// The producers, ascending by id.
    pub producers: Vec<ActiveProducer>,
}

/// A producer as the leader of a partition knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: i32,
    /// Sequence number of its last record, or -1.
    pub last_sequence: i32,
    /// Timestamp of its last record, or NONE.
    pub last_timestamp: Timestamp,
    /// Epoch of the coordinator that wrote its last marker; 0 if there is none.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, or NONE.
    pub current_txn_start_offset: Offset,
}
