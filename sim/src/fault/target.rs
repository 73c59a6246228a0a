//! From a target of the plan to machines, at the moment a fault fires.

use tribunal_engine::id::{NodeId, TopicPartition};
use tribunal_engine::rng::Rng;

use crate::cluster::{Host, OPERATOR, World};
use crate::scenario::target::{Target, TargetExpr};
use crate::view::{ClusterView, Committed};

/// The machines of a list of targets; empty if none of them exists at present (a partition without a leader). Several
/// `any(...)` of one list draw different machines, as long as there are any.
pub(super) fn resolve(targets: &TargetExpr, world: &impl World, rng: &mut Rng) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for target in &targets.0 {
        let found = match target {
            Target::Any(set) => any(set, &hosts, world, rng),
            target => resolve_one(target, world, rng),
        };
        hosts.extend(found);
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

/// The machines that are on neither `taken` nor the scenario's own.
pub(super) fn rest(taken: &[Host], world: &impl World) -> Vec<Host> {
    let own = Host::Client(OPERATOR.to_owned());
    world.hosts().into_iter().filter(|host| !taken.contains(host) && *host != own).collect()
}

pub(super) fn resolve_one(target: &Target, world: &impl World, rng: &mut Rng) -> Vec<Host> {
    let nodes = |nodes: Vec<NodeId>| nodes.into_iter().map(Host::Node).collect::<Vec<_>>();
    match target {
        Target::Broker(id) => nodes(vec![*id]),
        Target::Leader(partition) => {
            nodes(committed(world, partition).and_then(|state| state.leader).into_iter().collect())
        }
        Target::Followers(partition) => nodes(followers(world, partition)),
        Target::AnyFollower(partition) => {
            let followers = followers(world, partition);
            let drawn = usize::try_from(rng.below(followers.len() as u64)).unwrap_or(0);
            nodes(followers.get(drawn).copied().into_iter().collect())
        }
        Target::Isr(partition) => {
            nodes(committed(world, partition).map(|state| state.isr).unwrap_or_default())
        }
        Target::Controller => nodes(world.observe(ClusterView::active_controller).into_iter().collect()),
        Target::AllControllers => nodes(world.controllers()),
        Target::AllBrokers => nodes(world.brokers()),
        Target::Producer(name) => clients(world, |host| {
            host.strip_prefix(name.as_str())
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|number| number.parse::<u32>().is_ok())
        }),
        Target::Consumer(name) => world.members(name),
        Target::Coordinator(name) => nodes(world.coordinator(name).into_iter().collect()),
        Target::Any(set) => any(set, &[], world, rng),
        Target::Rest => rest(&[], world),
        Target::Disk(host) => resolve_one(host, world, rng),
        Target::Link(one, other) => {
            let mut hosts = resolve_one(one, world, rng);
            hosts.extend(resolve_one(other, world, rng));
            hosts
        }
    }
}

/// One machine of a set that runs and is not among `taken`.
fn any(set: &Target, taken: &[Host], world: &impl World, rng: &mut Rng) -> Vec<Host> {
    let mut set = resolve_one(set, world, rng);
    set.retain(|host| world.is_running(host) && !taken.contains(host));
    if set.is_empty() {
        return set;
    }
    let drawn = usize::try_from(rng.below(set.len() as u64)).unwrap_or(0);
    vec![set.swap_remove(drawn)]
}

fn clients(world: &impl World, wanted: impl Fn(&str) -> bool) -> Vec<Host> {
    world.hosts().into_iter().filter(|host| matches!(host, Host::Client(name) if wanted(name))).collect()
}

fn committed(world: &impl World, partition: &TopicPartition) -> Option<Committed> {
    world.observe(|view| view.partitions.get(partition).and_then(|partition| partition.committed.clone()))
}

fn followers(world: &impl World, partition: &TopicPartition) -> Vec<NodeId> {
    let leader = committed(world, partition).and_then(|state| state.leader);
    let replicas: Vec<NodeId> = world.observe(|view| {
        view.partitions
            .get(partition)
            .map(|partition| partition.replicas.keys().copied().collect())
            .unwrap_or_default()
    });
    replicas.into_iter().filter(|replica| Some(*replica) != leader).collect()
}
