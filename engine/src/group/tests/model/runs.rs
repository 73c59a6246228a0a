//! The runs: of a coordinator as it is, which keeps to the models, and of some with a bug, which the models find.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::classic::Classic;
use super::consumer::Consumer;
use super::live::Live;
use super::*;
use crate::variant::ProtocolVariant;

/// Takes a coordinator through what one of the models does.
struct Run<M>(std::marker::PhantomData<M>);

impl<M: Model + ReferenceStateMachine<State = M>> StateMachineTest for Run<M> {
    type SystemUnderTest = Live;
    type Reference = M;

    fn init_test(model: &M) -> Live {
        Live::new(&model.settings(), model.seen().planted)
    }

    fn apply(mut live: Live, model: &M, _: M::Transition) -> Live {
        live.follow(model);
        live
    }

    fn check_invariants(live: &Live, _: &M) {
        live.bench.check();
    }

    fn teardown(mut live: Live, mut model: M) {
        model.recover(&mut |model| live.follow(model));
        assert!(live.bench.open.is_empty(), "every request is answered");
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn whatever_members_do_the_coordinator_keeps_to_the_model_and_the_group_recovers(
        sequential 1..100 => Run<Classic>
    );

    #[test]
    fn whatever_consumers_do_the_coordinator_keeps_to_the_model_and_no_partition_has_two_owners(
        sequential 1..120 => Run<Consumer>
    );
}

/// What the runs of a model say of a coordinator with a bug.
fn finds<M: Model + ReferenceStateMachine<State = M>>(name: &str) -> bool {
    let variant = ProtocolVariant::named(name).expect("it has a name");
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::with_cases(300) };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let found = runner.run(&M::sequential_strategy(1..100), |(mut model, steps, _)| {
        model.desk().planted = variant;
        Run::<M>::test_sequential(config.clone(), model, steps, None);
        Ok(())
    });
    matches!(found, Err(TestError::Fail(..)))
}

#[test]
fn the_model_finds_a_coordinator_that_lets_zombies_commit() {
    assert!(finds::<Classic>("no-commit-generation-check"));
    assert!(finds::<Consumer>("no-commit-generation-check"));
}

#[test]
fn the_model_finds_a_coordinator_that_does_not_store_the_new_id_of_a_static_member() {
    assert!(finds::<Classic>("static-member-not-stored"));
}

#[test]
fn the_model_finds_a_coordinator_that_waits_for_a_sync_for_ever() {
    assert!(finds::<Classic>("no-sync-timer"));
}

#[test]
fn the_model_finds_a_coordinator_that_forgets_who_owns_a_partition() {
    assert!(finds::<Consumer>("owner-forgotten-on-reassignment"));
}

#[test]
fn the_model_finds_a_coordinator_that_forgets_offsets_of_a_group_that_forms() {
    assert!(finds::<Classic>("offsets-expire-while-rebalancing"));
}

#[test]
fn the_model_finds_a_coordinator_that_forgets_offsets_of_a_living_group() {
    assert!(finds::<Classic>("offsets-expire-by-commit-age"));
    assert!(finds::<Consumer>("offsets-expire-by-commit-age"));
}
