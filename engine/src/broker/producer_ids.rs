//! InitProducerId, DescribeProducers, and how long a partition remembers a producer.
//!
//! A broker hands out producer ids from a block that the controller gave to it alone (KIP-730; Kafka's
//! `RPCProducerIdManager`). It asks for the next block when a tenth of the current one is left; a request that finds
//! no id waits for the block. What is left of a block when the broker stops is never used.
//!
//! There are no transactions yet: a `transactional.id` is refused.

use std::collections::VecDeque;

use super::{Broker, Call};
use crate::error::ErrorCode;
use crate::id::{ConnectionId, ProducerId, TopicPartition};
use crate::machine::{CallError, Effects, RequestContext, Wakeup};
use crate::message::{
    ActiveProducer, AllocateProducerIdsRequest, AllocateProducerIdsResponse, DescribeProducersRequest,
    DescribeProducersResponse, InitProducerIdRequest, InitProducerIdResponse, PartitionProducers, Response,
};
use crate::offset::Offset;
use crate::time::{Instant, Now};

/// Most requests that wait for a block; more are told to come back.
const WAITING_MAX: usize = 1000;

/// Ids this broker may still hand out.
#[derive(Debug)]
struct Block {
    next: i64,
    end: i64,
    /// At this id it is time to ask for another block.
    low: i64,
}

impl Block {
    fn new(start: ProducerId, length: i32) -> Block {
        let end = start.0.saturating_add(i64::from(length.max(0)));
        Block { next: start.0, end, low: end - i64::from(length) / 10 }
    }

    fn take(&mut self) -> Option<ProducerId> {
        (self.next < self.end).then(|| {
            self.next += 1;
            ProducerId(self.next - 1)
        })
    }
}

/// The producer ids of a broker, who waits for one, and when to forget producers.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    current: Option<Block>,
    following: Option<Block>,
    asking: bool,
    waiting: VecDeque<RequestContext>,
    next_expiration: Option<Instant>,
}

impl ProducerIds {
    fn take(&mut self) -> Option<ProducerId> {
        if let Some(id) = self.current.as_mut().and_then(Block::take) {
            return Some(id);
        }
        self.current = self.following.take();
        self.current.as_mut().and_then(Block::take)
    }

    fn is_low(&self) -> bool {
        self.following.is_none() && self.current.as_ref().is_none_or(|block| block.next >= block.low)
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.waiting.retain(|context| context.connection != connection);
    }

    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        self.next_expiration.map(|at| (at, Wakeup::ProducerExpiration))
    }
}

impl Broker {
    pub(super) fn on_init_producer_id(
        &mut self,
        context: RequestContext,
        request: &InitProducerIdRequest,
        effects: &mut Effects,
    ) {
        if request.transactional_id.is_some() {
            return refuse(&context, ErrorCode::UnsupportedVersion, effects);
        }
        // Without a transactional id the id and epoch a client names are not looked at (KIP-360): it gets new ones.
        if self.producer_ids.waiting.len() >= WAITING_MAX {
            return refuse(&context, ErrorCode::CoordinatorLoadInProgress, effects);
        }
        self.producer_ids.waiting.push_back(context);
        self.hand_out(effects);
        self.ask_for_producer_ids(effects);
    }

    fn hand_out(&mut self, effects: &mut Effects) {
        while let Some(context) = self.producer_ids.waiting.pop_front() {
            let Some(producer_id) = self.producer_ids.take() else {
                return self.producer_ids.waiting.push_front(context);
            };
            let response = InitProducerIdResponse { error: ErrorCode::None, producer_id, producer_epoch: 0 };
            effects.respond(&context, response.into());
        }
    }

    fn ask_for_producer_ids(&mut self, effects: &mut Effects) {
        if self.producer_ids.asking || !self.producer_ids.is_low() {
            return;
        }
        let Some(broker_epoch) = self.lifecycle.broker_epoch() else {
            return self.refuse_waiting(effects);
        };
        self.producer_ids.asking = true;
        let request = AllocateProducerIdsRequest { broker: self.settings.node, broker_epoch };
        self.call_controller(Call::AllocateProducerIds, request, effects);
    }

    pub(super) fn on_producer_ids(&mut self, outcome: &Result<Response, CallError>, effects: &mut Effects) {
        self.producer_ids.asking = false;
        if let Ok(Response::AllocateProducerIds(AllocateProducerIdsResponse {
            error: ErrorCode::None,
            producer_id_start,
            producer_id_len: length @ 1..,
        })) = outcome
        {
            self.producer_ids.following = Some(Block::new(*producer_id_start, *length));
            self.hand_out(effects);
            self.ask_for_producer_ids(effects);
        } else {
            // Clients come back; the next one makes the broker ask again.
            self.refuse_waiting(effects);
        }
    }

    fn refuse_waiting(&mut self, effects: &mut Effects) {
        for context in std::mem::take(&mut self.producer_ids.waiting) {
            refuse(&context, ErrorCode::CoordinatorLoadInProgress, effects);
        }
    }

    pub(super) fn describe_producers(&self, request: &DescribeProducersRequest) -> DescribeProducersResponse {
        let describe = |partition: &TopicPartition| match self.active_producers(partition) {
            Ok(producers) => PartitionProducers {
                partition: partition.clone(),
                error: ErrorCode::None,
                error_message: None,
                producers,
            },
            Err(error) => PartitionProducers {
                partition: partition.clone(),
                error,
                error_message: None,
                producers: Vec::new(),
            },
        };
        DescribeProducersResponse { partitions: request.partitions.iter().map(describe).collect() }
    }

    fn active_producers(&self, partition: &TopicPartition) -> Result<Vec<ActiveProducer>, ErrorCode> {
        let replica = self.replica(partition)?;
        replica.leader()?;
        let producers = replica.log().producers().active().map(|(producer_id, last)| ActiveProducer {
            producer_id,
            producer_epoch: i32::from(last.epoch),
            last_sequence: last.last_sequence,
            last_timestamp: last.timestamp,
            coordinator_epoch: 0,
            current_txn_start_offset: Offset::NONE,
        });
        Ok(producers.collect())
    }

    /// Forgets, every `producer.id.expiration.check.interval.ms`, the producers that have been silent for too long.
    pub(super) fn expire_producers(&mut self, now: Now) {
        let config = &self.settings.config;
        let interval = config.producer_id_expiration_check_interval;
        let due = *self.producer_ids.next_expiration.get_or_insert(now.mono.after(interval));
        if now.mono < due {
            return;
        }
        self.producer_ids.next_expiration = Some(now.mono.after(interval));
        for replica in self.replicas.values_mut() {
            replica.expire_producers(now.wall, config.producer_id_expiration);
        }
    }
}

fn refuse(context: &RequestContext, error: ErrorCode, effects: &mut Effects) {
    let response = InitProducerIdResponse { error, producer_id: ProducerId::NONE, producer_epoch: -1 };
    effects.respond(context, response.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_each_of_its_ids_once() {
        let mut ids =
            ProducerIds { current: Some(Block::new(ProducerId(1000), 20)), ..ProducerIds::default() };
        let taken: Vec<i64> = std::iter::from_fn(|| ids.take()).map(|id| id.0).collect();
        assert_eq!(taken, (1000..1020).collect::<Vec<_>>());
    }

    #[test]
    fn the_next_block_is_asked_for_when_a_tenth_is_left() {
        let mut ids = ProducerIds { current: Some(Block::new(ProducerId(0), 20)), ..ProducerIds::default() };
        for _ in 0..17 {
            ids.take();
        }
        assert!(!ids.is_low());
        ids.take();
        assert!(ids.is_low());
    }

    #[test]
    fn the_following_block_is_used_when_the_current_one_is_empty() {
        let mut ids = ProducerIds {
            current: Some(Block::new(ProducerId(0), 1)),
            following: Some(Block::new(ProducerId(5000), 10)),
            ..ProducerIds::default()
        };
        let taken: Vec<i64> = (0..3).filter_map(|_| ids.take()).map(|id| id.0).collect();
        assert_eq!(taken, [0, 5000, 5001]);
        assert!(!ids.is_low(), "eight ids are left of ten");
    }
}
