//! A member's callbacks: they write down what it owns, and commit what it has processed before it gives that up.

use std::cell::RefCell;
use std::rc::Rc;

use tribunal_engine::client::{Callback, Consumer, Offsets, RebalanceListener};
use tribunal_engine::id::TopicPartition;

use super::commit;
use super::diary::Diary;
use crate::runtime::SimPlatform;

/// The callbacks of one boot of a member.
pub(super) struct Listener {
    diary: Diary,
    /// Positions that the member wanted to commit and could not.
    uncommitted: Rc<RefCell<Offsets>>,
}

impl Listener {
    pub(super) fn new(diary: Diary, uncommitted: Rc<RefCell<Offsets>>) -> Listener {
        Listener { diary, uncommitted }
    }
}

impl RebalanceListener<SimPlatform> for Listener {
    fn assigned(&self, consumer: Consumer<SimPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let diary = self.diary.clone();
        Box::pin(async move { diary.owns(consumer.group_metadata().as_ref(), &partitions) })
    }

    fn revoked(&self, consumer: Consumer<SimPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        let (diary, uncommitted) = (self.diary.clone(), self.uncommitted.clone());
        diary.note_events(consumer.take_events());
        Box::pin(async move {
            commit(&consumer, &diary, &uncommitted).await;
            uncommitted.borrow_mut().retain(|partition, _| !partitions.contains(partition));
            diary.gives_up(&partitions, false);
        })
    }

    fn lost(&self, consumer: Consumer<SimPlatform>, partitions: Vec<TopicPartition>) -> Callback {
        self.diary.note_events(consumer.take_events());
        self.uncommitted.borrow_mut().retain(|partition, _| !partitions.contains(partition));
        let diary = self.diary.clone();
        Box::pin(async move { diary.gives_up(&partitions, true) })
    }
}
