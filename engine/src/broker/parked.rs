//! Replies that wait: one structure for every API whose answer may have to wait.
//!
//! An entry knows the partitions it waits for, its deadline and its connection, so that taking it out looks at
//! nothing else. What an entry waits for is judged by the API that parked it; this structure only finds who is
//! concerned by a change. Entries of one partition are found in the order in which they were parked.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ConnectionId, TopicPartition};
use crate::machine::Wakeup;
use crate::time::Instant;

/// Names a parked entry. Never used twice by one structure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ParkId(u64);

#[derive(Debug)]
struct Entry<T> {
    content: T,
    place: PlaceId,
    deadline: Instant,
}

/// Names a place. Never used twice by one structure.
type PlaceId = u64;

/// Where an entry waits: it is found there by each of these partitions.
#[derive(Debug)]
struct Place {
    connection: ConnectionId,
    /// In order, each once.
    partitions: Vec<TopicPartition>,
    occupant: Option<ParkId>,
}

/// Entries of one API that wait.
#[derive(Debug)]
pub(super) struct Parked<T> {
    next: ParkId,
    entries: BTreeMap<ParkId, Entry<T>>,
    places: BTreeMap<PlaceId, Place>,
    /// The place a connection left last. A reader comes back for the same partitions, and the more they are, the
    /// more it saves not to enter each anew.
    vacant: BTreeMap<ConnectionId, PlaceId>,
    /// One element for each partition of each place. A set of pairs, not of sets: no partition leaves an empty
    /// set behind.
    by_partition: BTreeSet<(TopicPartition, PlaceId)>,
    deadlines: BTreeSet<(Instant, ParkId)>,
}

impl<T> Default for Parked<T> {
    fn default() -> Self {
        Parked {
            next: ParkId(0),
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            vacant: BTreeMap::new(),
            by_partition: BTreeSet::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<T> Parked<T> {
    /// Keeps `content` until it is taken. A partition named twice counts once.
    pub(super) fn park(
        &mut self,
        connection: ConnectionId,
        content: T,
        mut partitions: Vec<TopicPartition>,
        deadline: Instant,
    ) -> ParkId {
        let id = self.next;
        self.next = ParkId(id.0 + 1);
        partitions.sort_unstable();
        partitions.dedup();
        let place = self.place(connection, partitions, id);
        self.deadlines.insert((deadline, id));
        self.entries.insert(id, Entry { content, place, deadline });
        id
    }

    /// A place at these partitions: the one the connection left, if it is there.
    fn place(
        &mut self,
        connection: ConnectionId,
        partitions: Vec<TopicPartition>,
        occupant: ParkId,
    ) -> PlaceId {
        if let Some(vacant) = self.vacant.remove(&connection) {
            if let Some(place) = self.places.get_mut(&vacant).filter(|place| place.partitions == partitions) {
                place.occupant = Some(occupant);
                return vacant;
            }
            self.remove_place(vacant);
        }
        // As good a name as any: an entry takes at most one new place.
        let id = occupant.0;
        self.by_partition.extend(partitions.iter().map(|partition| (partition.clone(), id)));
        self.places.insert(id, Place { connection, partitions, occupant: Some(occupant) });
        id
    }

    fn remove_place(&mut self, id: PlaceId) {
        let Some(place) = self.places.remove(&id) else { return };
        for partition in place.partitions {
            self.by_partition.remove(&(partition, id));
        }
    }

    /// A look at an entry.
    pub(super) fn get(&self, id: ParkId) -> Option<&T> {
        self.entries.get(&id).map(|entry| &entry.content)
    }

    /// A look at an entry, to change it.
    pub(super) fn get_mut(&mut self, id: ParkId) -> Option<&mut T> {
        self.entries.get_mut(&id).map(|entry| &mut entry.content)
    }

    /// The entries that wait for `partition`, oldest first.
    pub(super) fn waiting_on(&self, partition: &TopicPartition) -> Vec<ParkId> {
        let (first, last) = ((partition.clone(), PlaceId::MIN), (partition.clone(), PlaceId::MAX));
        let places = self.by_partition.range(first..=last).filter_map(|(_, id)| self.places.get(id));
        let mut waiting: Vec<ParkId> = places.filter_map(|place| place.occupant).collect();
        waiting.sort_unstable();
        waiting
    }

    /// True if nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes an entry out.
    pub(super) fn take(&mut self, id: ParkId) -> Option<T> {
        let Entry { content, place: left, deadline } = self.entries.remove(&id)?;
        self.deadlines.remove(&(deadline, id));
        if let Some(place) = self.places.get_mut(&left) {
            place.occupant = None;
            let before = self.vacant.insert(place.connection, left);
            before.into_iter().for_each(|before| self.remove_place(before));
        }
        Some(content)
    }

    /// The entry whose deadline came first, if it is `now` or has passed.
    pub(super) fn expired(&self, now: Instant) -> Option<ParkId> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// Drops the entries of a connection that is gone.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        let its = self.places.values().filter(|place| place.connection == connection);
        for id in its.filter_map(|place| place.occupant).collect::<Vec<_>>() {
            self.take(id);
        }
        if let Some(vacant) = self.vacant.remove(&connection) {
            self.remove_place(vacant);
        }
    }

    /// The first deadline.
    pub(super) fn next_deadline(&self) -> Option<(Instant, Wakeup)> {
        self.deadlines.first().map(|(deadline, _)| (*deadline, Wakeup::Parked))
    }

    /// Panics on a bug of ours.
    pub(super) fn invariants(&self) {
        assert_eq!(self.entries.len(), self.deadlines.len(), "every parked reply has one deadline");
        let occupied = self.places.values().filter(|place| place.occupant.is_some()).count();
        assert_eq!(self.entries.len(), occupied, "every parked reply has a place");
        assert_eq!(self.places.len(), occupied + self.vacant.len(), "a place is empty and kept for nobody");
        assert!(
            self.places.is_empty() <= self.by_partition.is_empty(),
            "a partition is waited for by nobody"
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Duration;

    fn at(millis: u64) -> Instant {
        Instant::START.after(Duration::from_millis(millis))
    }

    fn partition(index: i32) -> TopicPartition {
        TopicPartition::new("orders", index)
    }

    #[test]
    fn an_entry_is_found_by_each_of_its_partitions_until_it_is_taken() {
        let mut parked = Parked::default();
        let id = parked.park(ConnectionId(1), "a", vec![partition(0), partition(1), partition(0)], at(5));
        assert_eq!(parked.waiting_on(&partition(0)), [id]);
        assert_eq!(parked.waiting_on(&partition(1)), [id]);
        assert_eq!(parked.take(id), Some("a"));
        assert_eq!(parked.take(id), None);
        assert!(parked.waiting_on(&partition(0)).is_empty());
        assert!(parked.waiting_on(&partition(1)).is_empty());
        parked.invariants();
    }

    #[test]
    fn entries_of_a_partition_come_in_the_order_of_parking() {
        let mut parked = Parked::default();
        let first = parked.park(ConnectionId(1), 1, vec![partition(0)], at(9));
        let second = parked.park(ConnectionId(2), 2, vec![partition(0)], at(5));
        assert_eq!(parked.waiting_on(&partition(0)), [first, second]);
    }

    #[test]
    fn who_comes_back_for_the_same_partitions_is_found_in_the_order_of_parking_all_the_same() {
        let mut parked = Parked::default();
        let first = parked.park(ConnectionId(1), 1, vec![partition(0), partition(1)], at(9));
        assert_eq!(parked.take(first), Some(1));
        assert!(parked.waiting_on(&partition(0)).is_empty());
        let second = parked.park(ConnectionId(2), 2, vec![partition(0)], at(5));
        let third = parked.park(ConnectionId(1), 3, vec![partition(0), partition(1)], at(9));
        assert_eq!(parked.waiting_on(&partition(0)), [second, third]);
        assert_eq!(parked.waiting_on(&partition(1)), [third]);
        parked.take(third);
        parked.park(ConnectionId(1), 4, vec![partition(2)], at(9));
        assert!(parked.waiting_on(&partition(1)).is_empty());
        parked.invariants();
    }

    #[test]
    fn an_entry_expires_at_its_deadline_and_not_before() {
        let mut parked = Parked::default();
        let later = parked.park(ConnectionId(1), 1, vec![], at(9));
        let sooner = parked.park(ConnectionId(1), 2, vec![], at(5));
        assert_eq!(parked.next_deadline(), Some((at(5), Wakeup::Parked)));
        assert_eq!(parked.expired(at(4)), None);
        assert_eq!(parked.expired(at(5)), Some(sooner));
        parked.take(sooner);
        assert_eq!(parked.expired(at(8)), None);
        assert_eq!(parked.expired(at(20)), Some(later));
    }

    #[test]
    fn a_closed_connection_takes_its_entries_along_and_no_others() {
        let mut parked = Parked::default();
        parked.park(ConnectionId(1), 1, vec![partition(0)], at(5));
        let kept = parked.park(ConnectionId(2), 2, vec![partition(0)], at(5));
        parked.forget(ConnectionId(1));
        assert_eq!(parked.waiting_on(&partition(0)), [kept]);
        parked.invariants();
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_was_parked_and_not_taken(
            steps in prop::collection::vec((0_u8..4, 0_usize..20, 0_i32..3, 0_u64..10), 0..60),
        ) {
            let mut parked = Parked::default();
            let mut model: Vec<(ParkId, u64, Vec<i32>, u64)> = Vec::new();
            for (kind, place, index, number) in steps {
                match kind {
                    0 | 1 => {
                        let partitions: Vec<i32> = (0..=index).collect();
                        let named = partitions.iter().copied().map(partition).collect();
                        let id = parked.park(ConnectionId(number % 3), number, named, at(number));
                        model.push((id, number, partitions, number % 3));
                    }
                    2 if !model.is_empty() => {
                        let (id, number, ..) = model.remove(place % model.len());
                        prop_assert_eq!(parked.take(id), Some(number));
                    }
                    2 => {}
                    _ => {
                        parked.forget(ConnectionId(number % 3));
                        model.retain(|(.., connection)| *connection != number % 3);
                    }
                }
                parked.invariants();
                for index in 0..3 {
                    let waiting: Vec<ParkId> =
                        model.iter().filter(|(_, _, on, _)| on.contains(&index)).map(|(id, ..)| *id).collect();
                    prop_assert_eq!(parked.waiting_on(&partition(index)), waiting);
                }
                let first = model.iter().map(|(_, number, ..)| *number).min();
                prop_assert_eq!(parked.next_deadline().map(|(deadline, _)| deadline), first.map(at));
            }
        }
    }
}
