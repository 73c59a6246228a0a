//! What both schedulers are given: the plan of `scenarios/steady.toml`, at two rates.

use std::path::Path;

use tribunal_engine::id::TopicPartition;
use tribunal_engine::time::Duration;
use tribunal_sim::scenario::Plan;
use tribunal_sim::scenario::units::Rate;

/// A load: what to call it, and records per second of each producer if not the file's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Its name in results.
    pub name: &'static str,
    /// Records per second of each producer; `None` leaves the file's.
    pub rate: Option<u64>,
}

/// The loads to measure.
pub const LOADS: [Load; 2] =
    [Load { name: "10_per_producer", rate: None }, Load { name: "50_per_producer", rate: Some(50) }];

/// The plan of the scenario under a load.
///
/// # Panics
/// If the scenario cannot be read.
#[must_use]
pub fn plan(load: Load) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/steady.toml");
    let (scenario, _) = tribunal_sim::scenario::load(&path)
        .unwrap_or_else(|problems| panic!("{} cannot be read: {problems:?}", path.display()));
    let mut plan = scenario.variants.into_iter().next().expect("a scenario has a variant");
    if let Some(records) = load.rate {
        for producer in &mut plan.producers {
            producer.rate = Rate { records, per: Duration::from_secs(1) };
        }
    }
    plan
}

/// Records per second of all producers together.
#[must_use]
pub fn records_per_second(plan: &Plan) -> f64 {
    plan.producers.iter().map(|producer| producer.rate.per_second() * f64::from(producer.count)).sum()
}

/// Every partition of the plan.
#[must_use]
pub fn partitions(plan: &Plan) -> Vec<TopicPartition> {
    let of = |name: &str, count| (0..count).map(|index| TopicPartition::new(name, index)).collect::<Vec<_>>();
    plan.topics.iter().flat_map(|topic| of(topic.name.as_str(), topic.partitions)).collect()
}

/// A cluster under steady load that can be given time.
pub trait Arm {
    /// Lets `seconds` of simulated time pass.
    fn run(&mut self, seconds: u64);

    /// Records acknowledged so far.
    fn acknowledged(&self) -> u64;

    /// Records returned to consumers so far.
    fn consumed(&self) -> u64;
}
