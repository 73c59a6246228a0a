//! The follower's end of a fetch session (KIP-227, Kafka's `FetchSessionHandler`): what a leader was told of each
//! partition, so that the next fetch carries only what changed.
//!
//! It promises: while the session is open, what the leader keeps is what `told` says, once the request under way has
//! arrived. What is to change is kept apart from it until a request carries it, so that a change which is taken back
//! before it was said is never said. As soon as `told` is in doubt (an error, a reply that never came) the session is
//! given up, and the next request says everything anew. When to fetch, and from where in a log, is decided by its owner.

use std::collections::BTreeMap;

use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicId, TopicPartition};
use crate::message::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};

/// What is asked of a partition, and of which topic under its name.
pub(super) type Asked = (TopicId, FetchPartition);

/// What one leader was told.
#[derive(Debug, Default)]
pub(super) struct FetchSession {
    /// The leader's name for it, or 0.
    id: i32,
    /// The number of the next request; [`FetchRequest::INITIAL_EPOCH`] while no session is open.
    epoch: i32,
    told: BTreeMap<TopicPartition, Asked>,
    /// What the next request asks for, or takes out (none). Never what `told` says already.
    changes: BTreeMap<TopicPartition, Option<Asked>>,
}

impl FetchSession {
    /// True if the leader remembers what it was told. Otherwise the next request must name every partition.
    pub(super) fn is_open(&self) -> bool {
        self.epoch != FetchRequest::INITIAL_EPOCH
    }

    /// True if the next request would leave nothing to fetch.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.values().all(Option::is_none) && self.changes.len() == self.told.len()
    }

    /// Forgets what was told: the next request begins a session, and ends the one that was.
    pub(super) fn begin_anew(&mut self) {
        self.epoch = FetchRequest::INITIAL_EPOCH;
        self.told.clear();
        self.changes.clear();
    }

    /// The next request asks for this, if the leader does not know so already.
    pub(super) fn ask(&mut self, partition: &TopicPartition, topic: TopicId, fetch: FetchPartition) {
        let asked = (topic, fetch);
        if self.told.get(partition) == Some(&asked) {
            self.changes.remove(partition);
        } else {
            self.changes.insert(partition.clone(), Some(asked));
        }
    }

    /// The next request takes this out of the session, if it is in it.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        if self.told.contains_key(partition) {
            self.changes.insert(partition.clone(), None);
        } else {
            self.changes.remove(partition);
        }
    }

    /// What the leader was told of a partition, by the request under way at the latest.
    pub(super) fn told(&self, partition: &TopicPartition) -> Option<&Asked> {
        self.told.get(partition)
    }

    /// Adds to a request what changed since the last one.
    pub(super) fn complete(&mut self, request: FetchRequest) -> FetchRequest {
        let mut topics: BTreeMap<TopicId, Vec<FetchPartition>> = BTreeMap::new();
        let mut forgotten: BTreeMap<TopicId, Vec<PartitionIndex>> = BTreeMap::new();
        for (partition, asked) in std::mem::take(&mut self.changes) {
            let index = partition.partition;
            let before = match &asked {
                Some(asked) => self.told.insert(partition, asked.clone()),
                None => self.told.remove(&partition),
            };
            let topic = asked.as_ref().map(|(topic, _)| *topic);
            // A topic of this name that is there no more is taken out, whatever took its place.
            if let Some((before, _)) = before.filter(|(before, _)| Some(*before) != topic) {
                forgotten.entry(before).or_default().push(index);
            }
            if let Some((topic, fetch)) = asked {
                topics.entry(topic).or_default().push(fetch);
            }
        }
        let topics = topics.into_iter().map(|(id, partitions)| FetchTopic { name: None, id, partitions });
        let forgotten_topics =
            forgotten.into_iter().map(|(id, partitions)| ForgottenTopic { name: None, id, partitions });
        FetchRequest {
            session_id: self.id,
            session_epoch: self.epoch,
            topics: topics.collect(),
            forgotten_topics: forgotten_topics.collect(),
            ..request
        }
    }

    /// Takes in what an answer says about the session.
    ///
    /// # Errors
    /// The answer's. The session is given up.
    pub(super) fn answered(&mut self, response: &FetchResponse) -> Result<(), ErrorCode> {
        if response.error.is_error() {
            self.begin_anew();
            return Err(response.error);
        }
        self.id = response.session_id;
        // A leader without room for a session says 0: the next request is whole again.
        self.epoch =
            if self.id == 0 { FetchRequest::INITIAL_EPOCH } else { FetchRequest::epoch_after(self.epoch) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::LeaderEpoch;
    use crate::id::NodeId;
    use crate::offset::Offset;

    const TOPIC: TopicId = TopicId(uuid::Uuid::from_u128(7));
    const RECREATED: TopicId = TopicId(uuid::Uuid::from_u128(8));

    fn partition(index: i32) -> TopicPartition {
        TopicPartition::new("orders", index)
    }

    fn at(index: i32, offset: i64) -> FetchPartition {
        FetchPartition {
            partition: PartitionIndex(index),
            current_leader_epoch: LeaderEpoch(0),
            fetch_offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch::NONE,
            log_start_offset: Offset::ZERO,
            max_bytes: 1024,
        }
    }

    fn request(session: &mut FetchSession) -> FetchRequest {
        session.complete(FetchRequest::new(NodeId(2), Vec::new()))
    }

    type Said = ((i32, i32), Vec<(i32, i64)>, Vec<(TopicId, i32)>);

    /// The numbers of a request, the partitions it asks for and those it leaves out.
    fn said(request: &FetchRequest) -> Said {
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let left_out = request.forgotten_topics.iter();
        (
            (request.session_id, request.session_epoch),
            partitions.map(|fetch| (fetch.partition.0, fetch.fetch_offset.0)).collect(),
            left_out.flat_map(|topic| topic.partitions.iter().map(|index| (topic.id, index.0))).collect(),
        )
    }

    fn opened() -> FetchSession {
        let mut session = FetchSession::default();
        session.ask(&partition(0), TOPIC, at(0, 5));
        session.ask(&partition(1), TOPIC, at(1, 6));
        assert_eq!(said(&request(&mut session)), ((0, 0), vec![(0, 5), (1, 6)], vec![]));
        let answer = FetchResponse { session_id: 77, ..FetchResponse::new(Vec::new()) };
        assert_eq!(session.answered(&answer), Ok(()));
        session
    }

    #[test]
    fn after_the_first_request_only_what_changed_is_said() {
        let mut session = opened();
        session.ask(&partition(0), TOPIC, at(0, 5));
        session.ask(&partition(1), TOPIC, at(1, 9));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![(1, 9)], vec![]));
        assert_eq!(session.told(&partition(1)), Some(&(TOPIC, at(1, 9))));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_taken_out_and_can_come_back() {
        let mut session = opened();
        session.forget(&partition(0));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![], vec![(TOPIC, 0)]));
        session.ask(&partition(0), TOPIC, at(0, 5));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![(0, 5)], vec![]));
    }

    #[test]
    fn what_comes_back_before_the_leader_heard_that_it_went_is_not_taken_out() {
        let mut session = opened();
        session.forget(&partition(0));
        session.forget(&partition(1));
        assert!(session.is_empty());
        session.ask(&partition(0), TOPIC, at(0, 5));
        session.ask(&partition(1), TOPIC, at(1, 9));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![(1, 9)], vec![]));
        assert_eq!(session.told(&partition(0)), Some(&(TOPIC, at(0, 5))));
    }

    #[test]
    fn what_is_taken_out_of_the_session_before_it_was_asked_for_is_not_said() {
        let mut session = opened();
        session.ask(&partition(2), TOPIC, at(2, 7));
        session.forget(&partition(2));
        session.ask(&partition(1), TOPIC, at(1, 9));
        session.ask(&partition(1), TOPIC, at(1, 6));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![], vec![]));
        assert!(!session.is_empty());
    }

    #[test]
    fn nothing_is_left_to_fetch_when_everything_told_is_taken_out_and_nothing_is_asked_for() {
        let mut session = opened();
        session.forget(&partition(0));
        assert!(!session.is_empty());
        session.forget(&partition(1));
        assert!(session.is_empty());
        session.ask(&partition(2), TOPIC, at(2, 0));
        assert!(!session.is_empty());
    }

    #[test]
    fn a_topic_created_anew_under_its_name_takes_the_place_of_the_old_one() {
        let mut session = opened();
        session.ask(&partition(0), RECREATED, at(0, 0));
        assert_eq!(said(&request(&mut session)), ((77, 1), vec![(0, 0)], vec![(TOPIC, 0)]));
    }

    #[test]
    fn an_error_ends_the_session_and_the_next_request_begins_a_new_one_in_its_place() {
        let mut session = opened();
        let error = ErrorCode::InvalidFetchSessionEpoch;
        let answer = FetchResponse { error, ..FetchResponse::new(Vec::new()) };
        assert_eq!(session.answered(&answer), Err(error));
        assert!(!session.is_open() && session.is_empty());
        session.forget(&partition(0));
        session.ask(&partition(0), TOPIC, at(0, 5));
        assert_eq!(said(&request(&mut session)), ((77, 0), vec![(0, 5)], vec![]));
    }

    #[test]
    fn a_leader_without_room_for_a_session_is_told_everything_again() {
        let mut session = opened();
        session.begin_anew();
        assert_eq!(session.answered(&FetchResponse::new(Vec::new())), Ok(()));
        assert!(!session.is_open());
    }
}
