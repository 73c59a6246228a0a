//! Commands of dialogues about consumer groups, and what is answered.
//!
//! `find-coordinator N GROUP`, `join N GROUP MEMBER`, `sync N GROUP MEMBER GENERATION [MEMBER=ASSIGNMENT ...]`,
//! `group-heartbeat N GROUP MEMBER GENERATION`, `leave N GROUP MEMBER`, `commit N GROUP MEMBER GENERATION OFFSET`,
//! `committed N GROUP`, `join-as N GROUP MEMBER INSTANCE`, `group-heartbeat-as N GROUP MEMBER GENERATION INSTANCE`. A
//! member is `new`, `none`, or `broker/boot/ticket`, of which its id is made, after `INSTANCE@` if it is static.
//!
//! Of KIP-848, where members name themselves: `beat N GROUP MEMBER EPOCH [owned=0,1|owned=] [instance=I]`; one of epoch 0
//! subscribes to `orders`; `commit-as N GROUP MEMBER EPOCH OFFSET`.

use bytes::Bytes;
use tribunal_engine::epoch::LeaderEpoch;
use tribunal_engine::id::{PartitionIndex, TopicId, TopicName, TopicPartition};
use tribunal_engine::message::{
    ConsumerGroupHeartbeatRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, LeavingMember, OffsetCommitRequest, OffsetFetchGroup, OffsetFetchRequest,
    OffsetToCommit, Request, Response, SyncGroupRequest, TopicIdPartitions,
};
use tribunal_engine::offset::Offset;
use tribunal_engine::time::Duration;
use tribunal_engine::variant::ProtocolVariant;
use uuid::Uuid;

use crate::dialogue::{obey, start};

/// Whom a command asks, and what.
pub(crate) fn request(words: &[&str]) -> Option<(i32, Request)> {
    let node = |text: &str| text.parse().expect("a broker");
    let number = |text: &str| text.parse().expect("a number");
    Some(match words {
        ["find-coordinator", at, group] => {
            let keys = vec![(*group).to_owned()];
            (node(at), FindCoordinatorRequest { key_type: FindCoordinatorRequest::GROUP, keys }.into())
        }
        ["join", at, group, member] => (node(at), join(group, member).into()),
        ["join-as", at, group, member, instance] => {
            let group_instance_id = Some((*instance).to_owned());
            (node(at), JoinGroupRequest { group_instance_id, ..join(group, member) }.into())
        }
        ["sync", at, group, member, generation, assignments @ ..] => {
            let assignments = assignments.iter().map(|one| {
                let (member, assignment) = one.split_once('=').expect("MEMBER=ASSIGNMENT");
                (member_id(member), Bytes::copy_from_slice(assignment.as_bytes()))
            });
            let request = SyncGroupRequest {
                group_id: (*group).to_owned(),
                generation: number(generation),
                member_id: member_id(member),
                group_instance_id: None,
                protocol_type: None,
                protocol_name: None,
                assignments: assignments.collect(),
            };
            (node(at), request.into())
        }
        ["group-heartbeat" | "group-heartbeat-as", at, group, member, generation, instance @ ..] => {
            let request = HeartbeatRequest {
                group_id: (*group).to_owned(),
                generation: number(generation),
                member_id: member_id(member),
                group_instance_id: instance.first().map(|instance| (*instance).to_owned()),
            };
            (node(at), request.into())
        }
        ["leave", at, group, member] => {
            let member_id = member_id(member);
            let members = vec![LeavingMember { member_id, group_instance_id: None, reason: None }];
            (node(at), LeaveGroupRequest { group_id: (*group).to_owned(), members }.into())
        }
        ["commit" | "commit-as", at, group, member, generation, offset] => {
            let commit = OffsetToCommit {
                partition: TopicPartition::new("orders", 0),
                offset: Offset(i64::from(number(offset))),
                leader_epoch: LeaderEpoch(0),
                metadata: None,
            };
            let request = OffsetCommitRequest {
                group_id: (*group).to_owned(),
                generation: number(generation),
                member_id: if words[0] == "commit-as" { (*member).to_owned() } else { member_id(member) },
                group_instance_id: None,
                retention_ms: -1,
                partitions: vec![commit],
            };
            (node(at), request.into())
        }
        ["committed", at, group] => {
            let (group_id, member_epoch) = ((*group).to_owned(), -1);
            let group = OffsetFetchGroup { group_id, member_id: None, member_epoch, partitions: None };
            (node(at), OffsetFetchRequest { groups: vec![group], require_stable: false }.into())
        }
        _ => return None,
    })
}

/// The heartbeat that a `beat` command sends, about the topic of this id.
pub(crate) fn beat(words: &[&str], orders: TopicId) -> (i32, Request) {
    let [at, group, member, epoch, said @ ..] = words else { panic!("beat N GROUP MEMBER EPOCH") };
    let said = |name: &str| said.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let indexes = |list: &str| -> Vec<TopicIdPartitions> {
        let numbers = list.split(',').filter(|number| !number.is_empty());
        let partitions: Vec<PartitionIndex> =
            numbers.map(|number| PartitionIndex(number.parse().expect("a partition"))).collect();
        if partitions.is_empty() {
            Vec::new()
        } else {
            vec![TopicIdPartitions { topic_id: orders, partitions }]
        }
    };
    let member_epoch = epoch.parse().expect("an epoch");
    let joins = member_epoch == ConsumerGroupHeartbeatRequest::JOIN;
    let request = ConsumerGroupHeartbeatRequest {
        group_id: (*group).to_owned(),
        member_id: (*member).to_owned(),
        member_epoch,
        instance_id: said("instance").map(str::to_owned),
        rack_id: None,
        rebalance_timeout: joins.then_some(Duration::from_secs(30)),
        subscribed_topic_names: joins.then(|| vec![TopicName::new("orders")]),
        subscribed_topic_regex: None,
        server_assignor: None,
        topic_partitions: said("owned").or(joins.then_some("")).map(indexes),
    };
    (at.parse().expect("a broker"), request.into())
}

fn join(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_secs(30),
        member_id: member_id(member),
        group_instance_id: None,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::new())],
        reason: None,
    }
}

fn member_id(member: &str) -> String {
    if matches!(member, "new" | "none") {
        return String::new();
    }
    let (instance, member) = member.split_once('@').unwrap_or(("", member));
    let parts: Vec<u128> = member.split('/').map(|part| part.parse().expect("broker/boot/ticket")).collect();
    let [broker, boot, ticket] = parts[..] else { panic!("broker/boot/ticket, not {member}") };
    format!("{instance}-{}", Uuid::from_u128(((broker << 64) | boot) ^ (ticket << 32)))
}

/// The short form of a member's id.
fn short(id: &str) -> String {
    let Some(unique) = id.strip_prefix('-').and_then(|unique| Uuid::parse_str(unique).ok()) else {
        return if id.is_empty() { "none".to_owned() } else { id.to_owned() };
    };
    let bits = unique.as_u128();
    format!("{}/{}/{}", bits >> 64, bits & 0xffff_ffff, (bits >> 32) & 0xffff_ffff)
}

/// What a client is told; `None` if it is not about a group.
pub(crate) fn describe(response: &Response) -> Option<String> {
    Some(match response {
        Response::FindCoordinator(found) => {
            let found = &found.coordinators[0];
            match &found.node {
                Some((node, _)) => format!("coordinator {node}"),
                None => format!("coordinator {}", found.error),
            }
        }
        Response::JoinGroup(joined) => {
            let members: Vec<String> = joined.members.iter().map(|member| short(&member.member_id)).collect();
            let (member, leader) = (short(&joined.member_id), short(&joined.leader));
            let generation = joined.generation;
            format!(
                "joined {} as {member} generation={generation} leader={leader} members=[{}]",
                joined.error,
                members.join(",")
            )
        }
        Response::SyncGroup(synced) => {
            format!("synced {} {:?}", synced.error, String::from_utf8_lossy(&synced.assignment))
        }
        Response::Heartbeat(heartbeat) => format!("heartbeat {}", heartbeat.error),
        Response::ConsumerGroupHeartbeat(heard) => {
            let (error, epoch) = (heard.error, heard.member_epoch);
            let indexes = |topics: &Vec<TopicIdPartitions>| {
                let all = topics.iter().flat_map(|topic| &topic.partitions);
                format!(" {:?}", all.map(|index| index.0).collect::<Vec<_>>())
            };
            let assignment = heard.assignment.as_ref().map(indexes).unwrap_or_default();
            match heard.member_id.as_deref().filter(|_| !error.is_error()) {
                Some(member) => format!("heard {member} epoch={epoch}{assignment}"),
                None => format!("heard {error}"),
            }
        }
        Response::LeaveGroup(left) => {
            format!("left {}", left.members.first().map_or(left.error, |member| member.error))
        }
        Response::OffsetCommit(commit) => {
            format!("committed {} {}", commit.partitions[0].partition, commit.partitions[0].error)
        }
        Response::OffsetFetch(fetched) => {
            let group = &fetched.groups[0];
            let offsets: Vec<String> =
                group.partitions.iter().map(|one| format!("{}@{}", one.partition, one.offset)).collect();
            format!("offsets {} [{}]", group.error, offsets.join(","))
        }
        _ => return None,
    })
}

#[test]
fn a_coordinator_loads_a_log_with_the_gaps_that_compaction_leaves() {
    let mut cluster = start(ProtocolVariant::SAFE, 1);
    let mut play = |command: &str| {
        // Segments are closed by the age of their records.
        cluster.wall.0 += 2000;
        obey(&mut cluster, command);
        std::mem::take(&mut cluster.transcript)
    };
    play("given log.roll.ms=1000 log.cleaner.backoff.ms=1000 log.cleaner.min.cleanable.ratio=0");
    for command in ["start controller", "start 1", "start 2", "start 3", "advance 500ms"] {
        play(command);
    }
    play("create orders replicas=2,3");
    play("find-coordinator 1 g");
    play("settle");
    play("advance 500ms");
    play("find-coordinator 1 g");
    let mut told = play("settle");
    let at = told.rsplit("coordinator ").next().expect("an answer").trim().to_owned();
    for offset in 1..60 {
        play(&format!("commit {at} g none -1 {offset}"));
        told += &play("advance 500ms");
    }
    told += &play("advance 5000ms");
    assert!(told.contains("compacted __consumer_offsets/0"), "{told}");
    play(&format!("crash {at}"));
    told = play("advance 9000ms");
    let loaded = told.lines().find(|line| line.contains("> groups-loaded __consumer_offsets/0"));
    let next = loaded.and_then(|line| line.trim().split('>').next()).expect("another coordinator").to_owned();
    assert!(!told.contains("group-record-skipped"), "{told}");
    play(&format!("committed {next} g"));
    let answer = play("advance 100ms");
    assert!(answer.contains("offsets NONE [orders/0@59]"), "{answer}");
}
