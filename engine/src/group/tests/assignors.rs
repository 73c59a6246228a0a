//! What assignors promise, whoever subscribes to what.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// Members (what they subscribe to, and what they had), and how many partitions topics have.
type Scene = (Vec<(BTreeSet<u8>, Vec<(u8, i32)>)>, BTreeMap<u8, i32>);

fn topic(number: u8) -> TopicId {
    TopicId(Uuid::from_u128(u128::from(number) + 10))
}

fn scene() -> impl Strategy<Value = Scene> {
    let member = (btree_set(0..4_u8, 0..4), vec((0..5_u8, 0..12_i32), 0..10));
    (vec(member, 1..7), btree_map(0..4_u8, 0..9_i32, 0..5))
}

/// Everybody wants the same.
fn even(scene: Scene) -> Scene {
    let (mut members, counts) = scene;
    let wanted = members[0].0.clone();
    members.iter_mut().for_each(|(topics, _)| topics.clone_from(&wanted));
    (members, counts)
}

fn names() -> Vec<String> {
    (0..10).map(|index| format!("m{index}")).collect()
}

/// Assigns a scene; what members had is theirs by the order of members.
fn assigned(
    assignor: ServerAssignor,
    scene: &Scene,
) -> (Vec<BTreeSet<TopicId>>, Vec<Assignment>, Vec<Assignment>, Counts) {
    let (members, counts) = scene;
    let names = names();
    let had: Vec<Assignment> = members
        .iter()
        .map(|(_, had)| had.iter().map(|(number, index)| (topic(*number), PartitionIndex(*index))).collect())
        .collect();
    let counts: Counts = counts.iter().map(|(number, count)| (topic(*number), *count)).collect();
    let wanted: Vec<BTreeSet<TopicId>> = members
        .iter()
        .map(|(topics, _)| {
            topics.iter().map(|number| topic(*number)).filter(|id| counts.contains_key(id)).collect()
        })
        .collect();
    let mut subscribers = Subscribers::new();
    for (index, topics) in wanted.iter().enumerate() {
        let subscriber = Subscriber { instance: None, topics: topics.clone(), has: Some(&had[index]) };
        subscribers.insert(&names[index], subscriber);
    }
    let result = assign(assignor, &subscribers, &counts);
    assert_eq!(result.len(), members.len(), "everybody is in it");
    let result = names.iter().take(members.len()).map(|name| result[name.as_str()].clone()).collect();
    (wanted, had, result, counts)
}

/// Every partition that somebody wants has one owner, who wants it; no other has any.
fn is_complete_and_legal(wanted: &[BTreeSet<TopicId>], result: &[Assignment], counts: &Counts) {
    let mut owners: BTreeMap<Place, usize> = BTreeMap::new();
    for (index, assignment) in result.iter().enumerate() {
        for place in assignment.iter() {
            assert!(wanted[index].contains(&place.0), "{place:?} is given to somebody who does not want it");
            assert_eq!(owners.insert(place, index), None, "{place:?} has two owners");
        }
    }
    for (id, count) in counts.iter().filter(|(id, _)| wanted.iter().any(|topics| topics.contains(id))) {
        for index in 0..*count {
            assert!(owners.contains_key(&(*id, PartitionIndex(index))), "{index} of {id:?} has no owner");
        }
    }
    assert!(owners.keys().all(|(id, index)| index.0 < counts[id]), "a partition that is not there");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_partition_has_one_owner_who_wants_it(scene in scene()) {
        for assignor in [ServerAssignor::Uniform, ServerAssignor::Range] {
            let (wanted, _, result, counts) = assigned(assignor, &scene);
            is_complete_and_legal(&wanted, &result, &counts);
        }
    }

    #[test]
    fn uniform_leaves_no_partition_with_somebody_who_has_two_more_than_another_who_wants_it(scene in scene()) {
        let (wanted, _, result, _) = assigned(ServerAssignor::Uniform, &scene);
        for mine in &result {
            for (topic, _) in mine.iter() {
                for (other, theirs) in result.iter().enumerate() {
                    prop_assert!(!wanted[other].contains(&topic) || mine.len() <= theirs.len() + 1);
                }
            }
        }
    }

    #[test]
    fn uniform_moves_no_more_than_it_must_when_everybody_wants_the_same(scene in scene()) {
        let (wanted, had, result, counts) = assigned(ServerAssignor::Uniform, &even(scene));
        let people = result.len();
        let total: usize = result.iter().map(Assignment::len).sum();
        // What each could keep: legal, and not an earlier member's.
        let mut taken = BTreeSet::new();
        let could: Vec<usize> = had
            .iter()
            .enumerate()
            .map(|(index, had)| {
                had.iter()
                    .filter(|(topic, partition)| {
                        wanted[index].contains(topic) && (0..counts[topic]).contains(&partition.0)
                    })
                    .filter(|place| taken.insert(*place))
                    .count()
            })
            .collect();
        let (share, more) = (total / people, total % people);
        let rich = could.iter().filter(|count| **count > share).count().min(more);
        let most: usize = could.iter().map(|count| (*count).min(share)).sum::<usize>() + rich;
        let mut seen = BTreeSet::new();
        let mut kept = 0;
        for (had, mine) in had.iter().zip(&result) {
            kept += had.iter().filter(|place| seen.insert(*place) && mine.contains(*place)).count();
        }
        prop_assert!(kept >= most, "{kept} of {most} stay");
    }

    #[test]
    fn uniform_leaves_what_it_made_as_it_is(scene in scene()) {
        let (wanted, _, result, counts) = assigned(ServerAssignor::Uniform, &scene);
        let names = names();
        let mut subscribers = Subscribers::new();
        for (index, topics) in wanted.iter().enumerate() {
            let subscriber = Subscriber { instance: None, topics: topics.clone(), has: Some(&result[index]) };
            subscribers.insert(&names[index], subscriber);
        }
        let again = assign(ServerAssignor::Uniform, &subscribers, &counts);
        prop_assert_eq!(again.into_values().collect::<Vec<_>>(), result);
    }

    #[test]
    fn range_gives_each_subscriber_one_run_of_a_topic(scene in scene()) {
        let (wanted, _, result, counts) = assigned(ServerAssignor::Range, &scene);
        for (id, count) in &counts {
            let takers = wanted.iter().filter(|topics| topics.contains(id)).count();
            for mine in &result {
                let run: Vec<i32> = mine.iter().filter(|(topic, _)| topic == id).map(|(_, index)| index.0).collect();
                prop_assert!(run.windows(2).all(|pair| pair[1] == pair[0] + 1));
                let fair = usize::try_from(*count).unwrap_or(0).div_ceil(takers.max(1));
                prop_assert!(run.len() <= fair);
            }
        }
    }
}

#[test]
fn range_keeps_the_place_of_a_static_member_that_comes_back_under_another_id() {
    let counts = Counts::from([(topic(0), 4)]);
    let member = |instance| Subscriber { instance, topics: [topic(0)].into(), has: None };
    let before =
        assign(ServerAssignor::Range, &[("x", member(Some("i"))), ("y", member(None))].into(), &counts);
    let after =
        assign(ServerAssignor::Range, &[("z", member(Some("i"))), ("y", member(None))].into(), &counts);
    assert_eq!(before["x"], after["z"]);
    assert_eq!(before["x"].iter().map(|(_, index)| index.0).collect::<Vec<_>>(), [0, 1]);
}
