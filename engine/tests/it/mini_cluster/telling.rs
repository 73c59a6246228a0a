//! What the machines say and are told, as lines of the transcript.

use std::fmt::Write as _;

use tribunal_engine::message::{Request, Response, VoteRequest};

use super::{CONTROLLER, MiniCluster};
use crate::admin;
use crate::groups;

impl MiniCluster {
    pub(super) fn describe_call(&mut self, id: i32, to: i32, request: &Request) {
        match request {
            Request::Fetch(fetch) if to < CONTROLLER => {
                for part in fetch.topics.iter().flat_map(|topic| &topic.partitions) {
                    let (offset, last) = (part.fetch_offset, part.last_fetched_epoch);
                    let epoch = part.current_leader_epoch;
                    self.line(id, &format!("fetch from {to} @{offset} epoch={epoch} last={last}"));
                }
            }
            Request::Vote(vote) => {
                let VoteRequest { candidate_epoch, last_epoch, last_offset, pre_vote, .. } = vote;
                let what = if *pre_vote { "pre-vote" } else { "vote" };
                self.line(
                    id,
                    &format!("{what}? {to} epoch={candidate_epoch} log={last_offset}@{last_epoch}"),
                );
            }
            Request::BeginQuorumEpoch(begin) => {
                self.line(id, &format!("begin-quorum-epoch {to} epoch={}", begin.current_leader.epoch));
            }
            Request::EndQuorumEpoch(end) => {
                self.line(id, &format!("end-quorum-epoch {to} epoch={}", end.current_leader.epoch));
            }
            Request::Fetch(fetch) if id >= CONTROLLER => {
                for part in fetch.topics.iter().flat_map(|topic| &topic.partitions) {
                    let (offset, last) = (part.fetch_offset, part.last_fetched_epoch);
                    let told = (to, offset, last);
                    if self.metadata_fetches.insert(id, told) != Some(told) {
                        self.line(id, &format!("fetch metadata from {to} @{offset} last={last}"));
                    }
                }
            }
            Request::FetchSnapshot(request) => {
                let (end, epoch) = (request.snapshot.end_offset, request.snapshot.epoch);
                self.line(id, &format!("fetch snapshot {end}@{epoch} from {to} at={}", request.position));
            }
            Request::AlterPartition(request) => {
                for part in &request.partitions {
                    let isr: Vec<String> =
                        part.new_isr.iter().map(|member| member.broker.to_string()).collect();
                    let (epoch, partition_epoch) = (part.leader_epoch, part.partition_epoch);
                    self.line(
                        id,
                        &format!(
                            "alter-partition isr=[{}] epoch={epoch} pe={partition_epoch}",
                            isr.join(",")
                        ),
                    );
                }
            }
            _ => {}
        }
    }

    pub(super) fn line(&mut self, id: i32, text: &str) {
        let alone = self.hosts.range(CONTROLLER..).count() == 1;
        let name = if alone && id == CONTROLLER { "c".to_owned() } else { id.to_string() };
        writeln!(self.transcript, "  {name}> {text}").expect("a string takes everything");
    }
}

/// What a client is told.
pub(super) fn describe_answer(response: &Response) -> String {
    match response {
        Response::Produce(produced) => produced
            .partitions
            .iter()
            .map(|part| format!("produced {} base={} {}", part.partition, part.base_offset, part.error))
            .collect(),
        Response::CreateTopics(created) => {
            created.topics.iter().map(|topic| format!("created {} {}", topic.name, topic.error)).collect()
        }
        Response::Metadata(metadata) => metadata
            .topics
            .iter()
            .map(|topic| {
                let name = topic.name.as_ref().map_or("?", |name| name.as_str());
                format!("metadata of {name}: {} partitions, {}", topic.partitions.len(), topic.error)
            })
            .collect(),
        Response::InitProducerId(given) => {
            format!("producer id {} epoch {} {}", given.producer_id, given.producer_epoch, given.error)
        }
        other => groups::describe(other).unwrap_or_else(|| admin::describe(other)),
    }
}
