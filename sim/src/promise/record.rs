//! The promise for one record: lost, displaced, stored twice, or replaced at its offset.

use tribunal_engine::config::ProducerConfig;
use tribunal_engine::event::Event;
use tribunal_engine::id::TopicPartition;
use tribunal_engine::message::Acks;
use tribunal_engine::offset::Offset;

use super::Excuse;
use super::evidence::{Evidence, unclean};
use crate::checker::no_acked_record_lost::Lost;
use crate::checker::no_duplicates::Copy;
use crate::checker::offset_means_one_record::Disagreement;
use crate::checker::order_per_partition::Inversion;
use crate::history::{RecordId, Send};
use crate::view::{Acknowledgement, What};

/// Whether an acknowledged record may be gone.
pub(super) fn loss(evidence: &Evidence<'_>, lost: &Lost<'_>) -> Option<Excuse> {
    let deleted =
        lost.offset.and_then(|offset| evidence.retention(lost.partition, offset, lost.send.invoked));
    deleted.or_else(|| gone(evidence, lost.producer.acks, lost.send, lost.partition, lost.offset))
}

fn gone(
    evidence: &Evidence<'_>,
    acks: Acks,
    send: &Send,
    partition: &TopicPartition,
    offset: Option<Offset>,
) -> Option<Excuse> {
    if acks == Acks::None {
        // The client calls a record sent once it has left; no broker said that it has it.
        return Some(Excuse::new(
            "acks=0",
            "With acks=0 nobody waits for a broker: a record counts as sent when it has left the client.",
        ));
    }
    // An acknowledgement that no broker gave cannot be excused by any setting.
    let offset = offset?;
    let given = evidence.acknowledgement(partition, offset, send.completed)?;
    // A leader that did not know of an unclean election yet acknowledged in an older epoch too.
    if evidence.unclean_election(partition).is_some_and(|(epoch, _)| given.epoch < epoch) {
        return Some(unclean());
    }
    match acks {
        Acks::None => None,
        Acks::Leader => leader_gave_up(evidence, partition, offset, given).then(|| {
            Excuse::new(
                "acks=1",
                "With acks=1 the leader answers before any follower has the record: it survives only as long as that leader's log.",
            )
        }),
        Acks::All => {
            let epoch = evidence.epoch_of_batch(partition, offset, given);
            evidence.too_many_copies_lost(partition, offset, Some(epoch))
        }
    }
}

/// Whether the leader that acknowledged lost its leadership or the record since.
fn leader_gave_up(
    evidence: &Evidence<'_>,
    wanted: &TopicPartition,
    offset: Offset,
    given: &Acknowledgement,
) -> bool {
    let deposed = evidence.run.view.happenings.iter().any(|happening| match &happening.what {
        What::Event(Event::LeaderElected { partition, leader: Some(leader), epoch, .. }) => {
            partition == wanted && *epoch > given.epoch && *leader != given.broker
        }
        _ => false,
    });
    let state = evidence.partition(wanted);
    let cut = state
        .into_iter()
        .flat_map(|state| &state.cuts)
        .any(|cut| cut.broker == given.broker && cut.at >= given.at && cut.to <= offset);
    deposed || cut
}

/// Whether two records of one producer may stand the wrong way round.
pub(super) fn inversion(evidence: &Evidence<'_>, pair: &Inversion<'_>) -> Option<Excuse> {
    let config = &evidence.producer(pair.first.0.producer)?.config;
    if config.enable_idempotence {
        let history = &evidence.run.history;
        if history.session(pair.first.0) != history.session(pair.second.0) {
            return Some(Excuse::new(
                "enable.idempotence=true",
                "Idempotence keeps the order within one session: a producer that comes back has another id, and what its predecessor sent may arrive late.",
            ));
        }
        let offsets = [pair.first.1, pair.second.1];
        return offsets.into_iter().find_map(|offset| state_lost(evidence, pair.partition, offset));
    }
    if config.acks == Acks::None {
        return Some(Excuse::new(
            "acks=0",
            "With acks=0 the producer does not learn of a broken connection in time: what it sends on a new one may overtake what is still on its way.",
        ));
    }
    if repeats(config) && config.max_in_flight_requests_per_connection > 1 {
        return Some(Excuse::new(
            format!("max.in.flight.requests.per.connection={}", config.max_in_flight_requests_per_connection),
            "Without idempotence a request that is sent again after an error falls behind the requests that were in flight with it.",
        ));
    }
    // One request at a time keeps the order of what is acknowledged, and of nothing else: a request the client gave
    // up may arrive after the next one, and a first copy may be lost and a late second one stay.
    let in_place = |(record, offset): (RecordId, Offset)| {
        let send = evidence.run.history.send(record);
        send.and_then(Send::acknowledged).is_some_and(|(_, acked)| acked == Some(offset))
    };
    (!in_place(pair.first) || !in_place(pair.second)).then(|| {
        Excuse::new(
            "enable.idempotence=false",
            "Without idempotence the leader cannot tell a late copy of an old request from a new one.",
        )
    })
}

/// Whether a record may be stored twice.
pub(super) fn copy(evidence: &Evidence<'_>, copy: &Copy<'_>) -> Option<Excuse> {
    let config = &evidence.producer(copy.record.producer)?.config;
    if config.enable_idempotence {
        let places = [copy.first, copy.again];
        return places.into_iter().find_map(|(partition, offset)| state_lost(evidence, partition, offset));
    }
    repeats(config).then(|| {
        Excuse::new(
            "enable.idempotence=false",
            "Without idempotence a request that was written but not answered is written again by the retry.",
        )
    })
}

/// Whether an offset may have stood for two records.
pub(super) fn disagreement(evidence: &Evidence<'_>, one: &Disagreement) -> Option<Excuse> {
    let history = &evidence.run.history;
    let Some(record) = one.acknowledged else {
        // Readers see only what is committed: it must have been given up, and the offset used again.
        return evidence
            .unclean_election(&one.partition)
            .map(|_| unclean())
            .or_else(|| evidence.too_many_copies_lost(&one.partition, one.offset, None));
    };
    // The offset is free for another record exactly if the acknowledged one may be gone from it.
    let acks = history.producers.get(record.producer as usize)?.acks;
    gone(evidence, acks, history.send(record)?, &one.partition, Some(one.offset))
}

/// Whether a leader may have forgotten what an idempotent producer wrote around an offset: with the records
/// themselves, and with nothing else.
fn state_lost(evidence: &Evidence<'_>, partition: &TopicPartition, offset: Offset) -> Option<Excuse> {
    let unclean = evidence.unclean_election(partition).map(|_| unclean());
    unclean.or_else(|| evidence.too_many_copies_lost(partition, offset, None))
}

fn repeats(config: &ProducerConfig) -> bool {
    config.retries > 0
}
