//! Golden dialogues: a script of commands, and what the machines do, as text.
//!
//! A line that starts with `$` is a command, the lines below it are the answer; other lines are prose. Run with
//! `UPDATE_EXPECT=1` to write the answers anew, then read the diff like code.
//!
//! Commands: `given KEY=VALUE ...` (`server.properties` of whoever starts from now on),
//! `start N|controller`, `crash N`, `wipe N`, `cut A B`, `heal`,
//! `create orders replicas=1,2,3 [partitions=N] [key=value ...]`,
//! `metadata N TOPIC`, `produce N acks=all|1|0 VALUE...`, `init-producer-id N`, `produce-as N ID/EPOCH/SEQUENCE VALUE...`,
//! `delete-records N TOPIC BEFORE`, `settle`, `advance DURATION`, `quietly COMMAND`, `same-log A B`, `stop N`, `power-loss N keep=BYTES`, and what
//! [`crate::admin`] and [`crate::groups`] know.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{ExpectFile, expect_file};
use tribunal_engine::id::{NodeId, PartitionIndex, ProducerId, TopicId, TopicName};
use tribunal_engine::message::{
    CreateTopicsRequest, InitProducerIdRequest, MetadataRequest, NewTopic, TopicRef,
};
use tribunal_engine::time::Duration;
use tribunal_engine::variant::ProtocolVariant;

use crate::admin;
use crate::groups;
use crate::mini_cluster::{CONTROLLER, MiniCluster};

fn run(name: &str, golden: &ExpectFile, variant: &str, controllers: i32) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/dialogue").join(name);
    let script = std::fs::read_to_string(&path).expect("the dialogue's file");
    let mut cluster = start(ProtocolVariant::named(variant).expect("a named variant"), controllers);
    let mut answered = String::new();
    let mut in_answer = false;
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            writeln!(answered, "{line}").expect("a string takes everything");
            obey(&mut cluster, command);
            answered.push_str(&std::mem::take(&mut cluster.transcript));
            in_answer = true;
        } else if !(in_answer && line.starts_with("  ")) {
            in_answer = false;
            writeln!(answered, "{line}").expect("a string takes everything");
        }
    }
    golden.assert_eq(&answered);
}

/// The cluster of all dialogues: three brokers and so many controllers, not started.
pub(crate) fn start(variant: ProtocolVariant, controllers: i32) -> MiniCluster {
    let properties = [
        ("broker.session.timeout.ms", "6000"),
        ("replica.lag.time.max.ms", "10000"),
        ("offsets.topic.num.partitions", "1"),
    ];
    MiniCluster::new(3, controllers, &properties, variant)
}

/// The process a command names.
pub(crate) fn node(word: &str) -> i32 {
    if word == "controller" { CONTROLLER } else { word.parse().expect("a node") }
}

/// Does one command.
pub(crate) fn obey(cluster: &mut MiniCluster, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["quietly", rest @ ..] => {
            obey(cluster, &rest.join(" "));
            cluster.transcript.clear();
        }
        ["given", properties @ ..] => {
            for property in properties {
                let (name, value) = property.split_once('=').expect("key=value");
                cluster.give(name, value);
            }
        }
        ["start", id] => cluster.start(node(id)),
        ["crash", id] => cluster.crash(node(id)),
        ["stop", id] => cluster.stop(node(id)),
        ["cut", one, other] => cluster.cut(node(one), node(other)),
        ["heal"] => cluster.heal(),
        ["wipe", id] => cluster.wipe(node(id)),
        ["settle"] => cluster.settle(),
        ["advance", duration] => {
            let millis = duration.strip_suffix("ms").expect("a duration in ms").parse().expect("a number");
            cluster.advance(Duration::from_millis(millis));
        }
        ["create", name, replicas, configs @ ..] => create(cluster, name, replicas, configs),
        ["metadata", id, topic] => {
            let name = Some(TopicName::new(topic));
            let topics = Some(vec![TopicRef { name, id: TopicId::ZERO }]);
            cluster.request(node(id), MetadataRequest { topics, allow_auto_topic_creation: true }.into());
        }
        ["produce", id, acks, values @ ..] => {
            let acks = match *acks {
                "acks=all" => -1,
                "acks=1" => 1,
                "acks=0" => 0,
                other => panic!("unknown {other}"),
            };
            cluster.produce(node(id), acks, values);
        }
        ["init-producer-id", id] => {
            let request = InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: i32::MAX,
                producer_id: ProducerId::NONE,
                producer_epoch: -1,
            };
            cluster.request(node(id), request.into());
        }
        ["produce-as", id, producer, values @ ..] => {
            cluster.produce_as(node(id), numbers(producer), -1, values);
        }
        ["beat" | "commit-as", ..] => of_consumer(cluster, &words),
        ["delete-records", id, topic, before] => {
            cluster.request(node(id), admin::delete_records(topic, before));
        }
        ["same-log", one, other] => {
            let same = cluster.log_bytes(node(one)) == cluster.log_bytes(node(other));
            writeln!(cluster.transcript, "  {}", if same { "yes" } else { "no" })
                .expect("a string takes everything");
        }
        ["power-loss", id, kept] => {
            let kept = kept.strip_prefix("keep=").and_then(|kept| kept.strip_suffix('B'));
            let kept = kept.and_then(|kept| kept.parse().ok()).expect("keep=74B");
            cluster.power_loss(node(id), kept);
        }
        words => match groups::request(words).or_else(|| Some((1, admin::request(words)?))) {
            Some((to, request)) => cluster.request(to, request),
            None => panic!("unknown command {command}"),
        },
    }
}

/// A command about a group of KIP-848.
fn of_consumer(cluster: &mut MiniCluster, words: &[&str]) {
    if let ["beat", words @ ..] = words {
        let (to, request) = groups::beat(words, cluster.topic_id("orders"));
        cluster.request(to, request);
    } else {
        let (to, request) = groups::request(words).expect("commit-as N GROUP MEMBER EPOCH OFFSET");
        // The first version in which a stale epoch has a name.
        cluster.ask(to, 9, request);
    }
}

/// `ID/EPOCH/SEQUENCE` of an idempotent producer.
fn numbers(text: &str) -> (i64, i16, i32) {
    let mut numbers = text.split('/');
    let mut next = || numbers.next().expect("ID/EPOCH/SEQUENCE");
    let (id, epoch, sequence) = (next(), next(), next());
    let number = "a number";
    (id.parse().expect(number), epoch.parse().expect(number), sequence.parse().expect(number))
}

fn create(cluster: &mut MiniCluster, name: &str, replicas: &str, configs: &[&str]) {
    let replicas = replicas.strip_prefix("replicas=").expect("replicas=1,2,3").split(',');
    let replicas: Vec<NodeId> = replicas.map(|id| NodeId(id.parse().expect("a broker"))).collect();
    let mut configs: BTreeMap<String, Option<String>> = configs
        .iter()
        .map(|config| config.split_once('=').expect("key=value"))
        .map(|(key, value)| (key.to_owned(), Some(value.to_owned())))
        .collect();
    let count = configs.remove("partitions").flatten().map_or(1, |count| count.parse().expect("a number"));
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: (0..count).map(|index| (PartitionIndex(index), replicas.clone())).collect(),
        configs,
    };
    let timeout = Duration::from_secs(30);
    cluster.request(1, CreateTopicsRequest { topics: vec![topic], timeout, validate_only: false }.into());
}

macro_rules! dialogues {
    ($($name:ident $file:literal $variant:literal $controllers:literal;)*) => {
        $(#[test]
        fn $name() {
            run($file, &expect_file![$file], $variant, $controllers);
        })*
    };
}

dialogues! {
    produce_with_acks_all_waits_for_every_in_sync_replica "produce_acks_all.txt" "safe" 1;
    a_follower_that_lags_leaves_the_isr_and_comes_back "isr_shrink_and_expand.txt" "safe" 1;
    a_failover_truncates_what_the_old_leader_alone_had "leader_failover_truncates.txt" "safe" 1;
    acks_all_is_refused_below_min_insync_replicas "below_min_isr.txt" "safe" 1;
    a_broker_that_stops_in_good_order_gives_up_its_leaderships_first "controlled_shutdown.txt" "safe" 1;
    a_broker_on_its_way_out_joins_no_isr "shutting_down_joins_no_isr.txt" "safe" 1;
    leaderships_go_back_to_the_preferred_replica "preferred_leader_comes_back.txt" "safe" 1;
    with_eligible_leaders_one_power_loss_costs_no_committed_record "elr_kept.txt" "safe" 1;
    planted_bug_without_eligible_leaders_the_last_replica_standing_loses_a_record "elr_off.txt" "no-eligible-leader-replicas" 1;
    who_stopped_cleanly_is_still_eligible "elr_clean_stop.txt" "safe" 1;
    who_stopped_uncleanly_is_not_eligible "elr_unclean_stop.txt" "safe" 1;
    a_partition_moves_to_another_broker_and_the_old_log_goes "reassign.txt" "safe" 1;
    a_cancelled_reassignment_takes_back_what_it_added "reassign_cancel.txt" "safe" 1;
    an_operator_elects_leaders "elect_leaders.txt" "safe" 1;
    a_deleted_topic_takes_its_logs_along_and_its_name_is_free_again "delete_topic.txt" "safe" 1;
    settings_change_while_the_cluster_runs "alter_configs.txt" "safe" 1;
    what_cannot_be_done_is_refused_with_the_codes_of_kafka "admin_refusals.txt" "safe" 1;
    records_are_deleted_when_every_live_replica_has_deleted_them "delete_records.txt" "safe" 1;
    two_members_share_a_group_and_one_leaves_and_one_dies "group_classic.txt" "safe" 1;
    a_group_and_its_offsets_outlive_their_coordinator "group_failover.txt" "safe" 1;
    three_members_share_a_topic_that_the_coordinator_divides "group_consumer.txt" "safe" 1;
    a_member_of_a_consumer_group_that_is_not_what_it_says_is_fenced "group_consumer_fencing.txt" "safe" 1;
    a_topic_appears_when_it_is_named "auto_create.txt" "safe" 1;
    three_controllers_elect_one_and_a_broker_finds_it "quorum_election.txt" "safe" 3;
    a_controller_that_was_cut_off_does_not_depose_the_leader "quorum_pre_vote.txt" "safe" 3;
    a_leader_without_a_majority_resigns_and_what_it_alone_had_is_cut "quorum_check_quorum.txt" "safe" 3;
    a_controller_that_lost_its_disk_does_not_vote_until_it_has_caught_up "quorum_wiped_voter.txt" "safe" 3;
    planted_bug_a_controller_that_lost_its_disk_votes_a_committed_record_away "no_directory_id.txt" "no-directory-id" 3;
    a_controller_that_was_away_catches_up_from_a_snapshot "quorum_snapshot.txt" "safe" 3;
    a_broker_that_was_cut_off_catches_up_from_a_snapshot "broker_snapshot.txt" "safe" 1;
    a_partition_whose_leader_hears_of_it_last_is_replicated "leader_late_on_metadata.txt" "safe" 1;
    a_leader_tells_retries_from_gaps_and_so_does_the_next_one "idempotent_producer.txt" "safe" 1;
    planted_bug_a_new_leader_takes_a_retry_for_a_new_batch "producer_state_not_rebuilt.txt" "producer-state-not-rebuilt" 1;
    planted_bug_truncation_to_the_high_watermark_loses_a_record "truncate_to_high_watermark.txt" "truncate-to-high-watermark" 1;
}
