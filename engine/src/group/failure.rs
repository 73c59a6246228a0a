//! Errors of logs in the words of a coordinator, and answers that turn out to be wrong.

use crate::error::ErrorCode;
use crate::message::{ConsumerGroupHeartbeatResponse, Response};

/// What a client of the coordinator is told when the log could not take or commit a record (Kafka's
/// `CoordinatorOperationExceptionHelper`).
#[must_use]
pub fn coordinator_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        other => other,
    }
}

/// An answer that was to say that something is stored, when it is not: all that went well did not.
pub(super) fn failed(mut response: Response, error: ErrorCode) -> Response {
    let fail = |outcome: &mut ErrorCode| {
        if !outcome.is_error() {
            *outcome = error;
        }
    };
    match &mut response {
        Response::OffsetCommit(commit) => commit.partitions.iter_mut().for_each(|one| fail(&mut one.error)),
        Response::OffsetFetch(fetch) => {
            for group in &mut fetch.groups {
                fail(&mut group.error);
                // Version 1 has no room for an error but with each partition; the others do not look there.
                for partition in &mut group.partitions {
                    partition.offset = crate::offset::Offset::NONE;
                    fail(&mut partition.error);
                }
            }
        }
        Response::OffsetDelete(delete) => {
            fail(&mut delete.error);
            delete.partitions.clear();
        }
        Response::ConsumerGroupHeartbeat(heartbeat) => {
            *heartbeat = ConsumerGroupHeartbeatResponse::refused(error, error.name());
        }
        Response::JoinGroup(join) => fail(&mut join.error),
        Response::LeaveGroup(leave) => {
            fail(&mut leave.error);
            leave.members.clear();
        }
        Response::DeleteGroups(delete) => delete.groups.iter_mut().for_each(|one| fail(&mut one.error)),
        other => panic!("{:?} promises nothing that is stored", other.key()),
    }
    response
}
