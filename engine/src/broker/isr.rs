//! Keeping ISRs true: the periodic lag check, and the conversation with the controller (KIP-497).

use super::{Broker, Call};
use crate::epoch::BrokerEpoch;
use crate::error::ErrorCode;
use crate::id::TopicPartition;
use crate::machine::{CallError, Effects, Wakeup};
use crate::message::{AlterPartitionRequest, PartitionAlteration, Response};
use crate::time::{Duration, Instant, Now};

/// Wait before a proposal that nobody answered is sent again (Kafka's AlterPartitionManager: 50 ms).
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// When lag is checked next, and when unanswered proposals are sent again.
#[derive(Debug, Default)]
pub(super) struct IsrChecks {
    next_check: Option<Instant>,
    retry_at: Option<Instant>,
}

impl IsrChecks {
    /// The broker leads something: followers must be watched, every `replica.lag.time.max.ms` / 2 as in Kafka.
    pub(super) fn schedule(&mut self, now: Now, lag_time_max: Duration) {
        if self.next_check.is_none() {
            self.next_check = Some(now.mono.after(lag_time_max / 2));
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wakeup)> {
        [self.next_check, self.retry_at].into_iter().flatten().min().map(|at| (at, Wakeup::IsrCheck))
    }
}

impl Broker {
    pub(super) fn check_isr(&mut self, now: Now, effects: &mut Effects) {
        if self.isr.next_check.is_some_and(|at| at <= now.mono) {
            self.isr.next_check = Some(now.mono.after(self.settings.config.replica_lag_time_max / 2));
            for partition in self.leading() {
                if let Some(replica) = self.replicas.get_mut(&partition) {
                    replica.maybe_shrink_isr(now, &self.image, effects);
                }
                self.propose_isr(now, &partition, effects);
            }
        }
        if self.isr.retry_at.is_some_and(|at| at <= now.mono) {
            self.isr.retry_at = None;
            for partition in self.leading() {
                self.propose_isr(now, &partition, effects);
            }
        }
    }

    fn leading(&self) -> Vec<TopicPartition> {
        self.replicas
            .iter()
            .filter(|(_, replica)| replica.leader().is_ok())
            .map(|(tp, _)| tp.clone())
            .collect()
    }

    /// Sends the partition's proposal, if it has one that is not on its way.
    pub(super) fn propose_isr(&mut self, now: Now, partition: &TopicPartition, effects: &mut Effects) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if !replica.leader().is_ok_and(crate::replica::Leader::has_unsent_proposal)
            || self.isr.retry_at.is_some_and(|at| at > now.mono)
        {
            return;
        }
        let Some(new_isr) = replica.take_proposal() else { return };
        let alteration = PartitionAlteration {
            topic: replica.topic_id(),
            partition: partition.partition,
            leader_epoch: replica.leader_epoch(),
            new_isr,
            leader_recovery_state: 0,
            partition_epoch: replica.partition_epoch(),
        };
        let request = AlterPartitionRequest {
            broker: self.settings.node,
            broker_epoch: self.lifecycle.broker_epoch().unwrap_or(BrokerEpoch::NONE),
            partitions: vec![alteration],
        };
        self.call_controller(Call::AlterPartition(partition.clone()), request, effects);
    }

    /// Success needs nothing: the committed ISR arrives with the metadata, and until then the proposal stays in
    /// the maximal ISR.
    pub(super) fn on_altered(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        outcome: Result<Response, CallError>,
        effects: &mut Effects,
    ) {
        let error = match outcome {
            Ok(Response::AlterPartition(response)) if response.error.is_error() => Some(response.error),
            Ok(Response::AlterPartition(response)) => {
                response.partitions.first().map(|altered| altered.error)
            }
            Ok(_) | Err(_) => None,
        };
        if error == Some(ErrorCode::None) {
            return;
        }
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let before = super::Marks::of(replica);
        replica.proposal_failed(now, error, effects);
        self.isr.retry_at = Some(now.mono.after(RETRY_BACKOFF));
        self.after_change(now, partition, before, effects);
    }
}
