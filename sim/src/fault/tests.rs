//! Schedules, played on a cluster whose clients do nothing but wait: when faults fire, whom they hit, who runs after.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use tribunal_engine::broker::partition_of_group;
use tribunal_engine::driver::Clock as _;
use tribunal_engine::driver::Platform as _;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::event::{ElectionReason, Event};
use tribunal_engine::id::{NodeId, PartitionIndex, TopicName, TopicPartition};
use tribunal_engine::time::{Duration, Instant};

use super::Schedule;
use crate::cluster::{Cluster, Host, Recorder, World as _};
use crate::run::FaultRecord;
use crate::scenario::{Plan, planned};
use crate::view::{ClusterView, Happening, What};
use crate::workload::Load;

/// What became of a schedule.
struct Played {
    records: Vec<FaultRecord>,
    /// Each start of a member's process, in order.
    starts: Vec<String>,
    cluster: Cluster,
    /// When load began.
    began: Instant,
}

impl Played {
    /// When each firing of a fault began, in milliseconds of load.
    fn began(&self, fault: &str) -> Vec<u128> {
        let own = self.records.iter().filter(|record| record.name == fault);
        own.filter_map(|record| Some(record.began?.since(self.began).as_millis())).collect()
    }

    fn is_up(&self, member: &str) -> bool {
        self.cluster.is_running(&Host::Client(member.to_owned()))
    }
}

fn plan(faults: &str) -> Plan {
    let text = format!(
        "format = 1\nname = \"t\"\n[run]\nduration = \"60s\"\n[cluster]\nbrokers = 1\ncontrollers = 1\n[topic.orders]\n\
         [producer.shop]\ntopic = \"orders\"\nrate = \"1/s\"\n[consumer.billing]\ntopics = [\"orders\"]\nmembers = 3\n{faults}"
    );
    planned(&text).variants.remove(0)
}

/// Plays the faults; nothing but members of the group `billing` runs, and they only wait to be asked to leave.
fn play(faults: &str, seed: u64) -> Played {
    play_knowing(faults, seed, Vec::new())
}

/// The same when these were elected before.
fn play_knowing(faults: &str, seed: u64, elected: Vec<(TopicPartition, Option<NodeId>)>) -> Played {
    let plan = plan(faults);
    let mut view = ClusterView::of(&plan);
    for (partition, leader) in elected {
        let (epoch, isr) = (LeaderEpoch(0), vec![NodeId(1)]);
        let elected = Event::LeaderElected { partition, leader, epoch, isr, reason: ElectionReason::Created };
        view.take(&Happening { at: Instant::START, node: None, what: What::Event(elected) });
    }
    let recorder = Rc::new(Recorder::new(view, Vec::new()));
    let mut cluster = Cluster::new(&plan, seed, &Load::hosts(&plan), recorder, None);
    cluster.start_all();
    let starts = Rc::new(RefCell::new(Vec::new()));
    for name in plan.consumers[0].hosts() {
        let (members, starts, host) = (cluster.members().clone(), starts.clone(), name.clone());
        let process = move |platform: crate::runtime::SimPlatform| {
            starts.borrow_mut().push(host.clone());
            let (members, host) = (members.clone(), host.clone());
            let work: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
                members.leave_asked(&host).await;
                // Leaving takes its time.
                platform.clock().sleep(Duration::from_millis(20)).await;
            });
            work
        };
        cluster.run_client(&name, Rc::new(process));
    }
    let load = Load::new(cluster.handle());
    let began = cluster.now();
    let end = began.after(plan.run.duration);
    let mut schedule = Schedule::new(&plan, cluster.rng(), began);
    while cluster.now() < end {
        schedule.look(&mut cluster, &load);
        let next = schedule.next_look(cluster.now()).unwrap_or(end).min(end);
        cluster.run_until(next);
    }
    schedule.end_all(&mut cluster);
    let starts = starts.take();
    Played { records: schedule.records(), starts, cluster, began }
}

#[test]
fn a_fault_fires_every_gap_from_its_first_time_until_its_last() {
    let pause = "action = \"pause\"\ntarget = \"any(consumer billing)\"\nfor = \"1s\"\n";
    let played = play(&format!("[fault.f]\nevery = \"10s\"\nfrom = \"15s\"\nuntil = \"45s\"\n{pause}"), 1);
    assert_eq!(played.began("f"), [15_000, 25_000, 35_000]);
    drop(played);
    let played = play(&format!("[fault.f]\nevery = \"10s\"\ntimes = 2\n{pause}"), 1);
    assert_eq!(played.began("f"), [10_000, 20_000]);
    assert_eq!(played.records.iter().map(FaultRecord::label).collect::<Vec<_>>(), ["f #1", "f #2"]);
}

#[test]
fn a_fault_follows_every_begin_every_end_or_the_first_begin_of_another() {
    let waits = |name: &str, after: &str| {
        format!(
            "[fault.{name}]\nafter = \"{after}\"\naction = \"slow-work\"\nfactor = 2\ntarget = \"consumer billing\"\n\
             for = \"1s\"\n"
        )
    };
    let first = "[fault.f]\nevery = \"20s\"\nfrom = \"5s\"\nuntil = \"30s\"\naction = \"crash\"\n\
                 target = \"any(consumer billing)\"\nfor = \"3s\"\n";
    let faults =
        [first, &waits("begins", "f + 2s"), &waits("ends", "f.end + 2s"), &waits("once", "f.first + 2s")];
    let played = play(&faults.concat(), 1);
    assert_eq!(played.began("f"), [5_000, 25_000]);
    assert_eq!(played.began("begins"), [7_000, 27_000]);
    assert_eq!(played.began("ends"), [10_000, 30_000]);
    assert_eq!(played.began("once"), [7_000]);
}

#[test]
fn a_crashed_member_starts_again_and_a_restarted_one_is_asked_to_leave_first() {
    let faults = "[fault.a]\nat = \"5s\"\naction = \"crash\"\ntarget = \"consumer billing\"\nfor = \"2s\"\n\
                  [fault.b]\nat = \"20s\"\naction = \"restart\"\ntarget = \"any(consumer billing)\"\nfor = \"2s\"\n";
    let played = play(faults, 1);
    assert_eq!(played.starts.len(), 7, "{:?}", played.starts);
    let restart = &played.records[1];
    let lasted = restart.ended.expect("over").since(restart.began.expect("fired"));
    assert!(lasted >= Duration::from_millis(2_020) && lasted < Duration::from_millis(2_100), "{lasted:?}");
    assert_eq!(restart.targets.len(), 1);
}

#[test]
fn added_members_stay_and_removed_ones_never_come_back() {
    let faults = "[fault.a]\nevery = \"5s\"\ntimes = 2\naction = \"add\"\ntarget = \"consumer billing\"\n\
                  [fault.b]\nat = \"30s\"\naction = \"remove\"\ntarget = \"any(consumer billing)\"\n\
                  [fault.c]\nat = \"40s\"\naction = \"crash\"\ntarget = \"consumer billing\"\nfor = \"1s\"\n";
    let played = play(faults, 1);
    assert_eq!(&played.starts[3..5], ["billing-3", "billing-4"]);
    let removed = played.records[2].targets[0].strip_prefix("client ").expect("a client").to_owned();
    assert_eq!(played.records[3].targets.len(), 4, "the one that left cannot crash");
    let up = (0..5).map(|number| format!("billing-{number}")).filter(|member| played.is_up(member));
    let up: Vec<String> = up.collect();
    assert!(up.len() == 4 && !up.contains(&removed), "{up:?} without {removed}");
}

#[test]
fn a_member_that_two_faults_pause_goes_on_when_the_second_ends() {
    let pause = |name: &str, at: &str, lasts: &str| {
        format!(
            "[fault.{name}]\nat = \"{at}\"\naction = \"pause\"\ntarget = \"consumer billing\"\nfor = \"{lasts}\"\n"
        )
    };
    let late =
        "[fault.c]\nat = \"20s\"\naction = \"crash\"\ntarget = \"any(consumer billing)\"\nfor = \"1s\"\n";
    let played = play(&(pause("a", "5s", "10s") + &pause("b", "10s", "20s") + late), 1);
    assert_eq!(played.began("c"), [0; 0], "nobody runs to be drawn");
    assert!(played.is_up("billing-0"));
}

#[test]
fn everything_is_back_when_load_ends() {
    let faults = "[fault.a]\nat = \"50s\"\naction = \"crash\"\ntarget = \"any(consumer billing)\"\n\
                  [fault.b]\nat = \"51s\"\naction = \"pause\"\ntarget = \"any(consumer billing)\"\n\
                  [fault.c]\nat = \"52s\"\naction = \"slow-work\"\nfactor = 9\ntarget = \"consumer billing\"\n\
                  [fault.d]\nat = \"53s\"\naction = \"restart\"\ntarget = \"any(consumer billing)\"\nfor = \"60s\"\n";
    let played = play(faults, 1);
    for member in ["billing-0", "billing-1", "billing-2"] {
        assert!(played.is_up(member), "{member}");
        assert_eq!(played.cluster.members().work_factor(member), 1);
    }
    assert!(played.records.iter().all(|record| record.began.is_some() && record.ended.is_some()));
}

#[test]
fn a_heavier_strike_is_drawn_more_often_and_each_firing_says_which_it_was() {
    let pick = "[fault.f]\nevery = \"500ms\"\npick = [\n\
                { weight = 9, action = \"slow-work\", factor = 2, target = \"any(consumer billing)\", for = \"100ms\" },\n\
                { action = \"pause\", target = \"any(consumer billing)\", for = \"100ms\" },\n]\n";
    let played = play(pick, 1);
    let light = played.records.iter().filter(|record| record.strike == 1).count();
    assert!(played.records.len() >= 118 && (1..40).contains(&light), "{light} of {}", played.records.len());
}

/// A partition of `__consumer_offsets`: so many places behind the one that the group `billing` hashes to.
fn offsets_partition(behind: i32) -> TopicPartition {
    let PartitionIndex(index) = partition_of_group("billing", 50);
    let partition = PartitionIndex((index + behind) % 50);
    TopicPartition { topic: TopicName::new(TopicName::CONSUMER_OFFSETS), partition }
}

#[test]
fn the_coordinator_of_a_group_is_the_leader_of_the_partition_it_hashes_to() {
    let fault =
        "[fault.f]\nat = \"5s\"\naction = \"pause\"\ntarget = \"coordinator(billing)\"\nfor = \"1s\"\n";
    let targets = |elected: Vec<(TopicPartition, Option<NodeId>)>| {
        let played = play_knowing(fault, 1, elected);
        played.records.iter().flat_map(|record| record.targets.clone()).collect::<Vec<_>>()
    };
    assert_eq!(targets(vec![(offsets_partition(0), Some(NodeId(1)))]), ["broker 1"]);
    assert_eq!(targets(vec![(offsets_partition(1), Some(NodeId(1)))]), [""; 0], "of another group");
    let lost = vec![(offsets_partition(0), Some(NodeId(1))), (offsets_partition(0), None)];
    assert_eq!(targets(lost), [""; 0], "it has no leader any more");
}

#[test]
fn several_draws_of_one_list_hit_different_members() {
    for seed in 1..=8 {
        let pause = |count: usize| {
            let targets = vec!["\"any(consumer billing)\""; count].join(", ");
            format!("[fault.f]\nat = \"5s\"\naction = \"pause\"\ntarget = [{targets}]\nfor = \"1s\"\n")
        };
        let hit = |count| {
            let played = play(&pause(count), seed);
            played.records[0].targets.clone()
        };
        assert_eq!(hit(2).len(), 2, "seed {seed}");
        assert_eq!(hit(3).len(), 3, "seed {seed}");
        assert_eq!(hit(4).len(), 3, "seed {seed}: there are no more");
    }
}

#[test]
fn chance_lets_some_moments_pass() {
    let fault = "[fault.f]\nevery = \"500ms\"\nchance = \"30%\"\naction = \"pause\"\n\
                 target = \"any(consumer billing)\"\nfor = \"100ms\"\n";
    let fired = play(fault, 1).records.len();
    assert!((18..55).contains(&fired), "{fired} of 119");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Adding a fault changes nothing of when the others fire, and no gap leaves its range.
    #[test]
    fn gaps_stay_in_their_range_and_other_faults_draw_from_other_streams(seed in 1_u64..1_000) {
        let churn = "[fault.f]\nevery = \"3s..8s\"\nfrom = \"5s\"\nuntil = \"55s\"\naction = \"slow-work\"\nfactor = 3\n\
                     target = \"any(consumer billing)\"\nfor = \"500ms..4s\"\n";
        let other = "[fault.g]\nevery = \"2s..3s\"\naction = \"slow-work\"\nfactor = 3\ntarget = \"any(consumer billing)\"\n\
                     for = \"1s\"\n";
        let alone = play(churn, seed);
        let (times, records) = (alone.began("f"), alone.records.clone());
        // A thread runs one simulation at a time.
        drop(alone);
        prop_assert!(times[0] == 5_000 && times.iter().all(|at| *at < 55_000));
        for pair in times.windows(2) {
            prop_assert!((3_000..=8_001).contains(&(pair[1] - pair[0])), "{times:?}");
        }
        let both = play(&format!("{churn}{other}"), seed);
        prop_assert_eq!(times, both.began("f"));
        prop_assert_eq!(&records[..], &both.records[..records.len()]);
    }
}
