//! AllocateProducerIds: blocks of producer ids for brokers (KIP-730; Kafka's `ProducerIdControlManager`).
//!
//! The log remembers where the next block begins, and the answer waits until that is committed: no controller after
//! this one hands the same ids out again (KAFKA-15552).

use super::{Controller, Decision};
use crate::error::ErrorCode;
use crate::id::ProducerId;
use crate::message::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use crate::metadata::MetadataRecord;

/// How many ids a block has (Kafka's `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
const BLOCK_IDS: i32 = 1000;

impl Controller {
    pub(super) fn decide_allocate_producer_ids(&self, request: &AllocateProducerIdsRequest) -> Decision {
        let refuse = |error| {
            Decision::reply(AllocateProducerIdsResponse {
                error,
                producer_id_start: ProducerId::NONE,
                producer_id_len: 0,
            })
        };
        let known = self.image.brokers().get(&request.broker);
        if known.is_none_or(|broker| broker.epoch != request.broker_epoch) {
            return refuse(ErrorCode::StaleBrokerEpoch);
        }
        let first = self.image.next_producer_id();
        let Some(next) = first.0.checked_add(i64::from(BLOCK_IDS)) else {
            // 2^63 ids are used up.
            return refuse(ErrorCode::UnknownServerError);
        };
        let record = MetadataRecord::ProducerIds {
            broker: request.broker,
            broker_epoch: request.broker_epoch,
            next_producer_id: ProducerId(next),
        };
        let response = AllocateProducerIdsResponse {
            error: ErrorCode::None,
            producer_id_start: first,
            producer_id_len: BLOCK_IDS,
        };
        Decision { records: vec![record], response: response.into() }
    }
}
