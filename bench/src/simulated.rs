//! The steady cluster in Tribunal's runtime, exactly as a run has it: recorder, checkers, history and all.

use std::rc::Rc;

use tribunal_engine::time::{Duration, Instant};
use tribunal_sim::checker;
use tribunal_sim::cluster::{Cluster, Recorder};
use tribunal_sim::scenario::Plan;
use tribunal_sim::view::ClusterView;
use tribunal_sim::workload::{self, Load};

use crate::steady::Arm;

/// A cluster under load.
pub struct Simulated {
    cluster: Cluster,
    load: Load,
}

impl Simulated {
    /// Boots the cluster of `plan`, creates its topics, and starts its clients, which never stop.
    ///
    /// # Panics
    /// If the cluster is not ready within a simulated minute.
    #[must_use]
    pub fn boot(plan: &Plan, seed: u64) -> Simulated {
        let recorder = Rc::new(Recorder::new(ClusterView::of(plan), checker::all(plan)));
        let mut cluster = Cluster::new(plan, seed, &Load::hosts(plan), recorder, None);
        let load = Load::new(cluster.handle());
        cluster.start_all();
        let deadline = cluster.now().after(Duration::from_secs(60));
        let brokers = usize::from(plan.cluster.brokers);
        assert!(
            cluster.run_while(deadline, |cluster| cluster.recorder().view().unfenced() < brokers),
            "the brokers register"
        );
        let creation = workload::create_topics(&mut cluster, plan);
        let created = cluster
            .run_while(deadline, |cluster| !creation.is_done() || !cluster.recorder().view().all_led());
        assert!(created, "the topics are created");
        load.start(&mut cluster, plan, Instant::from_nanos(u64::MAX));
        Simulated { cluster, load }
    }

    /// Events so far: polls, packets, timers, disk operations, notes.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.cluster.trace().1
    }
}

impl Arm for Simulated {
    fn run(&mut self, seconds: u64) {
        let end = self.cluster.now().after(Duration::from_secs(seconds));
        while self.cluster.now() < end {
            self.cluster.run_until(end);
        }
    }

    fn acknowledged(&self) -> u64 {
        self.load.counts().acknowledged()
    }

    fn consumed(&self) -> u64 {
        self.load.counts().consumed()
    }
}
