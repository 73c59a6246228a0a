//! What every assignor promises, over random groups.

use std::collections::BTreeSet;

use proptest::prelude::{Strategy, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;

const ALL: [Assignor; 4] =
    [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

fn topic(number: usize) -> TopicName {
    TopicName::new(&format!("t{number}"))
}

fn member(id: usize, topics: &BTreeSet<usize>) -> Candidate {
    let topics = topics.iter().map(|number| topic(*number)).collect();
    let subscription = Subscription { topics, generation: -1, ..Subscription::default() };
    Candidate { member_id: format!("m{id}"), instance_id: None, subscription }
}

/// `member` comes back and owns `owned` since `generation`, as each assignor is told.
fn owning(member: &mut Candidate, owned: Vec<TopicPartition>, generation: i32) {
    member.subscription.user_data = Some(encode_sticky(&owned, generation));
    member.subscription.owned = owned;
    member.subscription.generation = generation;
}

fn topics() -> impl Strategy<Value = Topics> {
    prop::collection::vec(0_usize..7, 1..4).prop_map(|counts| {
        counts.into_iter().enumerate().map(|(place, count)| (topic(place), count)).collect()
    })
}

fn members() -> impl Strategy<Value = Vec<Candidate>> {
    let wanted = prop::collection::btree_set(0_usize..4, 1..4);
    prop::collection::vec(wanted, 1..6)
        .prop_map(|wanted| wanted.iter().enumerate().map(|(id, topics)| member(id, topics)).collect())
}

fn alike(count: usize) -> Vec<Candidate> {
    (0..count).map(|id| member(id, &(0..4).collect())).collect()
}

fn count(assignments: &Assignments, member: &Candidate) -> usize {
    assignments[&member.member_id].len()
}

proptest! {
    #[test]
    fn every_partition_goes_to_one_member_that_wants_it(members in members(), topics in topics()) {
        for assignor in ALL {
            let assignments = assign(assignor, &members, &topics, Guard::On);
            let mut given = BTreeSet::new();
            for member in &members {
                for partition in &assignments[&member.member_id] {
                    prop_assert!(member.wants(&partition.topic), "{:?}", assignor);
                    prop_assert!(given.insert(partition.clone()), "{:?}: {} twice", assignor, partition);
                }
            }
            let wanted = topics.iter().filter(|(topic, _)| members.iter().any(|member| member.wants(topic)));
            let wanted: BTreeSet<_> =
                wanted.flat_map(|(topic, count)| partitions_of(topic, *count)).collect();
            prop_assert_eq!(given, wanted, "{:?}", assignor);
        }
    }

    #[test]
    fn members_that_want_the_same_get_shares_that_differ_by_one(count in 1_usize..6, topics in topics()) {
        let members = alike(count);
        for assignor in [Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky] {
            let assignments = assign(assignor, &members, &topics, Guard::On);
            let shares = assignments.values().map(Vec::len);
            let (least, most) = (shares.clone().min().unwrap_or(0), shares.max().unwrap_or(0));
            prop_assert!(most - least <= 1, "{:?}: {} and {}", assignor, least, most);
        }
    }

    #[test]
    fn range_is_even_topic_by_topic(count in 1_usize..6, topics in topics()) {
        let members = alike(count);
        let assignments = assign(Assignor::Range, &members, &topics, Guard::On);
        for topic in topics.keys() {
            let of_topic = |partitions: &Vec<TopicPartition>| {
                partitions.iter().filter(|partition| partition.topic == *topic).count()
            };
            let shares = assignments.values().map(of_topic);
            prop_assert!(shares.clone().max().unwrap_or(0) - shares.min().unwrap_or(0) <= 1);
        }
    }

    #[test]
    fn no_single_move_makes_a_sticky_assignment_more_even(members in members(), topics in topics()) {
        let assignments = assign(Assignor::Sticky, &members, &topics, Guard::On);
        for from in &members {
            for partition in &assignments[&from.member_id] {
                for to in members.iter().filter(|to| to.wants(&partition.topic)) {
                    prop_assert!(count(&assignments, from) <= count(&assignments, to) + 1);
                }
            }
        }
    }

    #[test]
    fn what_is_balanced_stays_as_it_is(members in members(), topics in topics()) {
        for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
            let before = assign(assignor, &members, &topics, Guard::On);
            let mut again = members.clone();
            for member in &mut again {
                owning(member, before[&member.member_id].clone(), 4);
            }
            prop_assert_eq!(&assign(assignor, &again, &topics, Guard::On), &before);
        }
    }

    #[test]
    fn who_stays_keeps_all_that_balance_allows(
        before in 1_usize..6, after in 1_usize..6, topics in topics()
    ) {
        let owned = assign(Assignor::Sticky, &alike(before), &topics, Guard::On);
        let mut members = alike(after);
        for member in &mut members {
            let owned = owned.get(&member.member_id).cloned().unwrap_or_default();
            owning(member, owned, 4);
        }
        let assignments = assign(Assignor::Sticky, &members, &topics, Guard::On);
        let least = topics.values().sum::<usize>() / after;
        for member in &members {
            let had: BTreeSet<_> = member.subscription.owned.iter().collect();
            let kept = assignments[&member.member_id].iter().filter(|partition| had.contains(partition));
            prop_assert!(kept.count() >= had.len().min(least));
        }
    }

    #[test]
    fn a_cooperative_round_gives_nobody_what_another_still_owns(
        members in members(),
        topics in topics(),
        claims in prop::collection::vec((0_usize..6, 0_usize..4, 0_i32..7, 3_i32..5), 0..20),
    ) {
        let mut members = members;
        let mut owned: BTreeMap<usize, (Vec<TopicPartition>, i32)> = BTreeMap::new();
        for (member, number, index, generation) in claims {
            let claim = owned.entry(member % members.len()).or_insert((Vec::new(), generation));
            claim.0.push(TopicPartition::new(&format!("t{number}"), index));
        }
        for (member, (owned, generation)) in owned {
            owning(&mut members[member], owned, generation);
        }
        let assignments = assign(Assignor::CooperativeSticky, &members, &topics, Guard::On);
        let mut given = BTreeSet::new();
        for member in &members {
            for partition in &assignments[&member.member_id] {
                prop_assert!(given.insert(partition), "{} twice", partition);
                let mut others = members.iter().filter(|other| other.member_id != member.member_id);
                let own = &member.subscription;
                let older = |other: &Candidate| other.subscription.generation < own.generation;
                let still_owned = others.any(|other| {
                    let claims = other.subscription.owned.contains(partition);
                    claims && !(own.owned.contains(partition) && older(other))
                });
                prop_assert!(!still_owned, "{} moves in one round", partition);
            }
        }
    }
}

#[test]
fn static_members_keep_their_place_in_a_range_when_their_id_changes() {
    let mut members = alike(2);
    members[0].instance_id = Some("b".to_owned());
    members[1].instance_id = Some("a".to_owned());
    let topics = Topics::from([(topic(0), 2)]);
    let before = assign(Assignor::Range, &members, &topics, Guard::On);
    assert_eq!(before["m1"], [TopicPartition::new("t0", 0)]);
    members[1].member_id = "z".to_owned();
    let after = assign(Assignor::Range, &members, &topics, Guard::On);
    assert_eq!(after["z"], before["m1"]);
}

/// One member says it owns everything since generation 3, the other the same since 4.
fn stale_and_fresh() -> Vec<Candidate> {
    let mut members = alike(2);
    let all = vec![TopicPartition::new("t0", 0), TopicPartition::new("t0", 1)];
    owning(&mut members[0], all.clone(), 3);
    owning(&mut members[1], all, 4);
    members
}

#[test]
fn claims_of_an_older_generation_are_not_believed() {
    let topics = Topics::from([(topic(0), 2)]);
    for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
        let assignments = assign(assignor, &stale_and_fresh(), &topics, Guard::On);
        let given: Vec<_> = assignments.values().flatten().collect();
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "{assignor:?}: {given:?}");
    }
}

#[test]
fn without_the_check_two_members_get_the_same_partition() {
    let topics = Topics::from([(topic(0), 2)]);
    let assignments = assign(Assignor::CooperativeSticky, &stale_and_fresh(), &topics, Guard::Off);
    assert_eq!(assignments["m0"], [TopicPartition::new("t0", 0), TopicPartition::new("t0", 1)]);
    assert!(!assignments["m1"].is_empty());
}
