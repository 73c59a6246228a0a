//! What a fetch would return right now: which bytes of which partitions, errors, divergence, a nearer replica.
//!
//! Limits (KIP-74): partitions are read in order until the answer's limit is reached, each up to its own limit,
//! whole batches only. The first batch of an answer is returned whatever its size, so that a reader always gets on.
//! What a consumer may see is looked up once for a partition: reading the high watermark again while it moves would
//! disclose what the answer does not account for (KAFKA-9807).

use super::session::{TopicKey, Wanted};
use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicPartition};
use crate::log::ReadPlan;
use crate::message::{DivergingEpoch, FetchedPartition, LeaderIdAndEpoch};
use crate::offset::Offset;
use crate::replica::{ReadBound, Replica};

/// The first version whose consumers may be served by a follower (KIP-392).
const FOLLOWER_FETCHING: i16 = 11;
/// The first version that is told of a new leader (KIP-951).
const NEW_LEADERS: i16 = 16;

/// Who reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reader {
    /// The follower, or NONE for a consumer.
    pub(super) replica: NodeId,
    pub(super) version: i16,
    pub(super) read_committed: bool,
    /// `client.rack`, or empty.
    pub(super) rack: String,
}

impl Reader {
    fn is_consumer(&self) -> bool {
        self.replica == NodeId::NONE
    }

    /// How far it may read.
    fn bound(&self) -> ReadBound {
        match (self.is_consumer(), self.read_committed) {
            (false, _) => ReadBound::LogEnd,
            (true, false) => ReadBound::HighWatermark,
            (true, true) => ReadBound::LastStableOffset,
        }
    }
}

/// A partition of a fetch, and what was found out when the request arrived.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) wanted: Wanted,
    /// The partition, if the topic is known.
    pub(super) partition: Option<TopicPartition>,
}

/// Why a follower's fetch of a partition did not count.
pub(super) type Verdict = Result<DivergingEpoch, ErrorCode>;

/// How many bytes a fetch waits for, and how many it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    pub(super) bytes_min: usize,
    pub(super) bytes_max: usize,
}

/// What a fetch would return right now.
#[derive(Default)]
pub(super) struct Plan {
    /// By index of the target, in order; records are still to be read. What the reader knows is left out.
    pub(super) answers: Vec<(usize, FetchedPartition)>,
    /// What to read, by index of the answer.
    pub(super) reads: Vec<(usize, ReadPlan)>,
    pub(super) bytes: usize,
    /// There is something to say at once: an error, a divergence, another replica to ask.
    pub(super) urgent: bool,
}

impl Plan {
    /// True if the answer should go out now.
    pub(super) fn is_ready(&self, limits: Limits) -> bool {
        self.urgent || self.bytes >= limits.bytes_min
    }

    /// Adds what a partition has to say.
    pub(super) fn add(
        &mut self,
        broker: &Broker,
        reader: &Reader,
        limits: Limits,
        (index, target): (usize, &Target),
        verdict: Option<&Verdict>,
    ) {
        let reads = self.reads.len();
        let answer = self.partition(broker, reader, limits, target, verdict).unwrap_or_else(|error| {
            self.urgent = true;
            failed(broker, reader, target, error)
        });
        if self.reads.len() > reads || target.wanted.is_news(&answer) {
            self.answers.push((index, answer));
        }
    }

    fn partition(
        &mut self,
        broker: &Broker,
        reader: &Reader,
        limits: Limits,
        target: &Target,
        verdict: Option<&Verdict>,
    ) -> Result<FetchedPartition, ErrorCode> {
        let fetch = &target.wanted.fetch;
        let replica = find(broker, target)?;
        let any_replica = reader.is_consumer() && reader.version >= FOLLOWER_FETCHING;
        replica.check_reader(fetch.current_leader_epoch, any_replica)?;
        let mut answer = described(replica, target);
        let diverging = match verdict {
            Some(verdict) => Some((*verdict)?),
            None if reader.is_consumer() => replica.divergence(fetch),
            None => None,
        };
        if diverging.is_some() {
            self.urgent = true;
            answer.diverging_epoch = diverging;
            return Ok(answer);
        }
        if let Some(nearer) = nearer_replica(broker, reader, replica, target) {
            self.urgent = true;
            answer.preferred_read_replica = nearer;
            return Ok(answer);
        }
        let left = limits.bytes_max.saturating_sub(self.bytes);
        let wanted = usize::try_from(fetch.max_bytes).unwrap_or(0).min(left);
        let read = replica
            .log()
            .read(fetch.fetch_offset, wanted, replica.read_bound(reader.bound()))
            .map_err(|_| ErrorCode::OffsetOutOfRange)?;
        if let Some(read) = read.filter(|read| self.bytes == 0 || read.bytes <= wanted) {
            self.bytes += read.bytes;
            self.reads.push((self.answers.len(), read));
        }
        Ok(answer)
    }
}

/// The replica of a partition, if this broker has it and the reader means the same topic.
fn find<'a>(broker: &'a Broker, target: &Target) -> Result<&'a Replica, ErrorCode> {
    let unknown = match &target.wanted.topic {
        TopicKey::Name(_) => ErrorCode::UnknownTopicOrPartition,
        TopicKey::Id(_) => ErrorCode::UnknownTopicId,
    };
    let partition = target.partition.as_ref().ok_or(unknown)?;
    let replica = broker.replica(partition).map_err(|error| match error {
        ErrorCode::UnknownTopicOrPartition if broker.image.topics().contains_key(&partition.topic) => error,
        ErrorCode::UnknownTopicOrPartition => unknown,
        error => error,
    })?;
    match target.wanted.topic {
        TopicKey::Id(id) if replica.topic_id() != id => Err(ErrorCode::InconsistentTopicId),
        _ => Ok(replica),
    }
}

/// Another replica that this consumer should rather read from.
fn nearer_replica(broker: &Broker, reader: &Reader, replica: &Replica, target: &Target) -> Option<NodeId> {
    let asks = reader.is_consumer() && reader.version >= FOLLOWER_FETCHING && !reader.rack.is_empty();
    if !asks || !broker.settings.config.replica_selector_rack_aware {
        return None;
    }
    replica.nearer_replica(&reader.rack, target.wanted.fetch.fetch_offset, &broker.image)
}

fn described(replica: &Replica, target: &Target) -> FetchedPartition {
    FetchedPartition {
        high_watermark: replica.high_watermark(),
        last_stable_offset: replica.read_bound(ReadBound::LastStableOffset),
        log_start_offset: replica.log().start_offset(),
        ..FetchedPartition::new(target.wanted.fetch.partition)
    }
}

fn failed(broker: &Broker, reader: &Reader, target: &Target, error: ErrorCode) -> FetchedPartition {
    let moved = matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
    let told = moved && reader.is_consumer() && reader.version >= NEW_LEADERS;
    let image = target.partition.as_ref().filter(|_| told).and_then(|it| broker.image.partition(it));
    let leader = image.and_then(|image| Some((image.leader?, image.leader_epoch)));
    // A follower with nothing in common with us begins anew where our log starts.
    let out_of_range = target.partition.as_ref().filter(|_| error == ErrorCode::OffsetOutOfRange);
    let replica = out_of_range.and_then(|partition| broker.replica(partition).ok());
    FetchedPartition {
        error,
        log_start_offset: replica.map_or(Offset::NONE, |replica| replica.log().start_offset()),
        current_leader: leader.map(|(leader, epoch)| LeaderIdAndEpoch { leader, epoch }),
        ..FetchedPartition::new(target.wanted.fetch.partition)
    }
}
