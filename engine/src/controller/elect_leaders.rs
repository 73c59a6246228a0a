//! ElectLeaders (KIP-460; Kafka's `ReplicationControlManager.electLeaders`): an operator asks for the preferred leader,
//! or for any leader at all.

use super::change::Election;
use super::{Controller, Decision};
use crate::error::ErrorCode;
use crate::id::{PartitionIndex, TopicPartition};
use crate::message::{ElectLeadersRequest, ElectLeadersResponse, PartitionOutcome};
use crate::metadata::{MetadataRecord, PartitionChange, PartitionImage, TopicImage};

impl Controller {
    pub(super) fn decide_elect_leaders(&self, request: &ElectLeadersRequest) -> Decision {
        let election = match request.election_type {
            ElectLeadersRequest::PREFERRED => Election::Preferred,
            ElectLeadersRequest::UNCLEAN => Election::Unclean,
            _ => {
                let (error, partitions) = (ErrorCode::InvalidRequest, Vec::new());
                return Decision::reply(ElectLeadersResponse { error, partitions });
            }
        };
        let everything = || {
            let all = self.image.partitions();
            all.map(|(topic, partition, _)| TopicPartition { topic: topic.name.clone(), partition }).collect()
        };
        let asked = request.partitions.clone().unwrap_or_else(everything);
        let mut records = Vec::new();
        let mut partitions = Vec::new();
        for partition in asked {
            let (error, message) = match self.try_elect(&partition, election) {
                Ok(change) => {
                    records.push(MetadataRecord::PartitionChange(change));
                    (ErrorCode::None, None)
                }
                // Who asked for all partitions does not want to hear of those where nothing is to be done.
                Err((ErrorCode::ElectionNotNeeded, _)) if request.partitions.is_none() => continue,
                Err((error, problem)) => (error, Some(problem.to_owned())),
            };
            partitions.push(PartitionOutcome { partition, error, error_message: message });
        }
        let response = ElectLeadersResponse { error: ErrorCode::None, partitions }.into();
        Decision { records, response }
    }

    fn try_elect(
        &self,
        asked: &TopicPartition,
        election: Election,
    ) -> Result<PartitionChange, (ErrorCode, &'static str)> {
        let unknown = (ErrorCode::UnknownTopicOrPartition, "there is no such partition");
        let topic = self.image.topics().get(&asked.topic).ok_or(unknown)?;
        let partition = topic.partitions.get(&asked.partition).ok_or(unknown)?;
        let (needed, nobody) = match election {
            Election::Preferred => (
                partition.leader.as_ref() != partition.replicas.first(),
                (ErrorCode::PreferredLeaderNotAvailable, "the preferred replica is not in sync"),
            ),
            Election::Online | Election::Unclean => (
                partition.leader.is_none(),
                (ErrorCode::EligibleLeadersNotAvailable, "no replica of the partition is alive"),
            ),
        };
        if !needed {
            return Err((ErrorCode::ElectionNotNeeded, "the partition has the leader already"));
        }
        self.elected(topic, asked.partition, partition, election).ok_or(nobody)
    }

    /// The change that gives the partition another leader, if that is possible.
    fn elected(
        &self,
        topic: &TopicImage,
        index: PartitionIndex,
        partition: &PartitionImage,
        election: Election,
    ) -> Option<PartitionChange> {
        let acceptable = |broker| self.image.is_active(broker);
        let change = self.change(topic, index, partition, &acceptable).election(election).build()?;
        change.leader.flatten().is_some().then_some(change)
    }
}
