//! The rules of a partition's changes, one a test.

use uuid::Uuid;

use super::*;

const TOPIC: TopicId = TopicId(Uuid::nil());
const INDEX: PartitionIndex = PartitionIndex(0);

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// Replicas 1, 2, 3 with this ISR and leader.
fn partition(isr: &[i32], leader: Option<i32>) -> PartitionImage {
    PartitionImage::new(nodes(&[1, 2, 3]), nodes(isr), leader.map(NodeId))
}

/// What becomes of `before`, with `min.insync.replicas` 2, when only `alive` may lead.
fn after(
    before: &PartitionImage,
    alive: &[i32],
    change: impl FnOnce(ChangeBuilder<'_>) -> ChangeBuilder<'_>,
) -> Option<PartitionImage> {
    let acceptable = |broker: NodeId| alive.contains(&broker.0);
    let builder = ChangeBuilder::new(TOPIC, INDEX, before, &acceptable).rules(2, true);
    change(builder).build().map(|change| before.merged(&change))
}

#[test]
fn a_leader_that_may_stay_stays() {
    let before = partition(&[1, 2, 3], Some(2));
    assert_eq!(after(&before, &[1, 2, 3], |builder| builder), None);
    let shrunk = after(&before, &[1, 2, 3], |builder| builder.without(NodeId(3))).expect("a change");
    assert_eq!((shrunk.leader, shrunk.leader_epoch), (Some(NodeId(2)), before.leader_epoch));
    assert_eq!(shrunk.isr, nodes(&[1, 2]));
}

#[test]
fn a_lost_leader_is_followed_by_the_first_replica_in_sync_in_a_new_epoch() {
    let before = partition(&[1, 2, 3], Some(1));
    let changed = after(&before, &[2, 3], |builder| builder.without(NodeId(1))).expect("a change");
    assert_eq!((changed.leader, changed.leader_epoch), (Some(NodeId(2)), before.leader_epoch.next()));
    assert_eq!(changed.partition_epoch, before.partition_epoch.next());
}

#[test]
fn who_leaves_an_isr_below_the_minimum_is_eligible_until_the_isr_is_large_enough() {
    let before = partition(&[1, 2], Some(1));
    let below = after(&before, &[1], |builder| builder.without(NodeId(2))).expect("a change");
    assert_eq!((&below.isr, &below.elr), (&nodes(&[1]), &nodes(&[2])));
    let again = after(&below, &[1, 3], |builder| builder.isr(nodes(&[1, 3]))).expect("a change");
    assert_eq!((&again.isr, &again.elr), (&nodes(&[1, 3]), &nodes(&[])));
}

#[test]
fn the_last_member_leaves_too_and_the_last_leader_is_remembered() {
    let mut before = partition(&[3], Some(3));
    before.elr = nodes(&[2]);
    let changed = after(&before, &[], |builder| builder.without(NodeId(3))).expect("a change");
    assert_eq!((changed.leader, &changed.isr), (None, &nodes(&[])));
    assert_eq!((&changed.elr, &changed.last_known_elr), (&nodes(&[2, 3]), &nodes(&[3])));
}

#[test]
fn an_eligible_replica_that_is_elected_is_in_sync_and_no_unclean_leader() {
    let mut before = partition(&[], None);
    (before.elr, before.last_known_elr) = (nodes(&[2, 3]), nodes(&[3]));
    let changed = after(&before, &[2], |builder| builder).expect("a change");
    assert_eq!((changed.leader, changed.recovering), (Some(NodeId(2)), false));
    assert_eq!((&changed.isr, &changed.elr), (&nodes(&[2]), &nodes(&[3])));
    assert_eq!(changed.last_known_elr, nodes(&[]));
}

#[test]
fn who_stopped_uncleanly_is_eligible_no_more() {
    let mut before = partition(&[], None);
    (before.elr, before.last_known_elr) = (nodes(&[2, 3]), nodes(&[3]));
    let changed = after(&before, &[], |builder| builder.without(NodeId(3)).stopped_uncleanly(NodeId(3)));
    let changed = changed.expect("a change");
    assert_eq!((changed.leader, &changed.elr), (None, &nodes(&[2])));
}

#[test]
fn the_last_known_leader_leads_only_when_nobody_is_eligible_and_only_alive() {
    let mut before = partition(&[], None);
    before.last_known_elr = nodes(&[3]);
    assert_eq!(after(&before, &[1, 2], |builder| builder), None);
    let changed = after(&before, &[1, 2, 3], |builder| builder).expect("a change");
    assert_eq!((changed.leader, &changed.isr), (Some(NodeId(3)), &nodes(&[3])));
    assert!(changed.recovering);
}

#[test]
fn without_eligible_leaders_the_last_member_of_an_isr_stays_in_it() {
    let before = partition(&[3], Some(3));
    let acceptable = |broker: NodeId| broker != NodeId(3);
    let builder = ChangeBuilder::new(TOPIC, INDEX, &before, &acceptable).rules(2, false).without(NodeId(3));
    let changed = before.merged(&builder.build().expect("a change"));
    assert_eq!((changed.leader, &changed.isr, &changed.elr), (None, &nodes(&[3]), &nodes(&[])));
}

#[test]
fn only_an_unclean_election_takes_a_replica_that_is_neither_in_sync_nor_eligible() {
    let before = partition(&[3], Some(3));
    let changed = after(&before, &[1, 2], |builder| builder.without(NodeId(3))).expect("a change");
    assert_eq!(changed.leader, None);
    let changed = after(&before, &[1, 2], |builder| builder.without(NodeId(3)).election(Election::Unclean));
    let changed = changed.expect("a change");
    assert_eq!((changed.leader, &changed.isr, &changed.elr), (Some(NodeId(1)), &nodes(&[1]), &nodes(&[])));
    assert!(changed.recovering);
}

#[test]
fn the_preferred_replica_takes_over_if_it_is_in_sync() {
    let before = partition(&[1, 2], Some(2));
    let changed = after(&before, &[1, 2], |builder| builder.election(Election::Preferred));
    assert_eq!(changed.expect("a change").leader, Some(NodeId(1)));
    let lagging = partition(&[2, 3], Some(2));
    assert_eq!(after(&lagging, &[1, 2, 3], |builder| builder.election(Election::Preferred)), None);
}

#[test]
fn a_reassignment_is_complete_when_what_it_adds_is_in_sync_and_raises_the_leader_epoch() {
    let mut before = partition(&[1, 2, 3], Some(1));
    before.replicas = nodes(&[1, 2, 4, 3]);
    (before.adding, before.removing) = (nodes(&[4]), nodes(&[3]));
    assert_eq!(after(&before, &[1, 2, 3, 4], |builder| builder), None);
    let changed =
        after(&before, &[1, 2, 3, 4], |builder| builder.isr(nodes(&[1, 2, 3, 4]))).expect("a change");
    assert_eq!((&changed.replicas, &changed.isr), (&nodes(&[1, 2, 4]), &nodes(&[1, 2, 4])));
    assert!(!changed.is_reassigning());
    assert_eq!((changed.leader, changed.leader_epoch), (Some(NodeId(1)), before.leader_epoch.next()));
}

#[test]
fn a_reassignment_waits_for_enough_of_its_final_replicas() {
    let mut before = partition(&[1, 2], Some(1));
    before.replicas = nodes(&[4, 5, 1, 2]);
    (before.adding, before.removing) = (nodes(&[]), nodes(&[1, 2]));
    before.isr = nodes(&[1, 2, 4]);
    assert_eq!(after(&before, &[1, 2, 4, 5], |builder| builder), None);
    let changed = after(&before, &[1, 2, 4, 5], |builder| builder.isr(nodes(&[1, 4, 5]))).expect("a change");
    assert_eq!((&changed.replicas, changed.leader), (&nodes(&[4, 5]), Some(NodeId(4))));
}
