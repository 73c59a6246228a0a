//! How an operation of a client ended, and which errors prove that it had no effect.
//!
//! A history is only as good as this file: an error that is called [`Outcome::Failed`] although the record
//! commits later would convict an innocent cluster. Nothing is `Failed` unless a reason is given in [`effect`].

use crate::client::connection::{CallError, ConnectionError};
use crate::error::ErrorCode;
use crate::message::ApiKey;
use crate::time::Duration;

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    /// It was done and acknowledged.
    Ok(T),
    /// It provably had no effect and never will.
    Failed(ClientError),
    /// It may have had its effect, or may still have it.
    Unknown(ClientError),
}

impl<T> Outcome<T> {
    /// The result, if it is known to be good.
    pub fn ok(self) -> Option<T> {
        match self {
            Outcome::Ok(value) => Some(value),
            Outcome::Failed(_) | Outcome::Unknown(_) => None,
        }
    }

    /// The error, if it is not known to be good.
    pub fn error(&self) -> Option<&ClientError> {
        match self {
            Outcome::Ok(_) => None,
            Outcome::Failed(error) | Outcome::Unknown(error) => Some(error),
        }
    }

    /// The same outcome of another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Ok(value) => Outcome::Ok(change(value)),
            Outcome::Failed(error) => Outcome::Failed(error),
            Outcome::Unknown(error) => Outcome::Unknown(error),
        }
    }

    /// The outcome of a read: it changes nothing, so an error always proves that there was no effect.
    pub(super) fn of_read(result: Result<T, ClientError>) -> Self {
        match result {
            Ok(value) => Outcome::Ok(value),
            Err(error) => Outcome::Failed(error),
        }
    }
}

/// Why an operation of a client did not end well.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientError {
    /// The broker answered with an error code.
    #[error("{0}")]
    Broker(ErrorCode),
    /// The connection could not be made or was lost.
    #[error("{0}")]
    Connection(ConnectionError),
    /// `delivery.timeout.ms` passed; `last` is what went wrong in the last attempt, if there was one.
    #[error("not delivered within {} ms{}", .after.as_millis(), .last.as_ref().map(|last| format!(" (last: {last})")).unwrap_or_default())]
    DeliveryTimeout {
        /// How long it was tried.
        after: Duration,
        /// The last error.
        last: Option<Box<ClientError>>,
    },
    /// `max.block.ms` passed before the record could be put into a batch.
    #[error("no metadata or no buffer space within {} ms", .0.as_millis())]
    Blocked(Duration),
    /// An admin or offset call was not answered in time.
    #[error("no usable answer within {} ms", .0.as_millis())]
    ApiTimeout(Duration),
    /// The record is larger than `max.request.size` or `buffer.memory`.
    #[error("the record has {bytes} bytes, the limit is {bytes_max}")]
    RecordTooLarge {
        /// Its size in a batch of its own.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The response does not speak about what was asked.
    #[error("the response to {0:?} lacks what was asked for")]
    Incomplete(ApiKey),
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl From<CallError> for ClientError {
    fn from(error: CallError) -> Self {
        ClientError::Connection(error.why)
    }
}

/// Whether an error leaves room for an effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The request was refused before anything was changed.
    Impossible,
    /// The request may have been carried out, or may yet be.
    Possible,
}

/// Whether a Produce or CreateTopics request that was answered with `code` may have had an effect.
///
/// The order of checks behind it is Kafka's: `ReplicaManager.appendRecords`, `UnifiedLog.append`,
/// `ReplicationControlManager.createTopics`.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one match over all codes, so that none is forgotten")]
pub fn effect(code: ErrorCode) -> Effect {
    use ErrorCode as E;
    match code {
        // It worked.
        E::None => Effect::Possible,

        // The record is in the leader's log and only its replication is in doubt: it may commit later. A leader
        // that loses its office while a request waits for followers answers NOT_LEADER_OR_FOLLOWER (KAFKA-13574).
        E::NotLeaderOrFollower | E::NotEnoughReplicasAfterAppend | E::RequestTimedOut => Effect::Possible,
        // The bytes may have reached the log before the device failed, or before the process lost its way.
        E::KafkaStorageError | E::UnknownServerError => Effect::Possible,
        // The client's own word for a connection lost while the request was under way.
        E::NetworkException => Effect::Possible,
        // The records are there already.
        E::DuplicateSequenceNumber => Effect::Possible,

        // The partition does not exist at this broker, so there is no log to append to.
        E::UnknownTopicOrPartition | E::UnknownTopicId | E::InconsistentTopicId => Effect::Impossible,
        // Checked before the append (`Partition.appendRecordsToLeader`).
        E::NotEnoughReplicas => Effect::Impossible,
        // The batch was examined and refused before the append (`LogValidator`, `UnifiedLog.analyzeAndValidateRecords`).
        E::CorruptMessage
        | E::MessageTooLarge
        | E::RecordListTooLarge
        | E::InvalidTimestamp
        | E::InvalidRecord
        | E::UnsupportedForMessageFormat
        | E::UnsupportedCompressionType => Effect::Impossible,
        // The request was refused as a whole (`KafkaApis.handleProduceRequest`).
        E::InvalidRequiredAcks | E::InvalidRequest | E::UnsupportedVersion => Effect::Impossible,
        // Topic names are looked at first.
        E::InvalidTopicException => Effect::Impossible,
        // Permission is asked before anything else.
        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed
        | E::DelegationTokenAuthorizationFailed
        | E::SaslAuthenticationFailed => Effect::Impossible,
        // Refused by the producer's state on the leader, before the append (`ProducerAppendInfo`).
        E::OutOfOrderSequenceNumber
        | E::InvalidProducerEpoch
        | E::ProducerFenced
        | E::UnknownProducerId
        | E::InvalidProducerIdMapping
        | E::InvalidTxnState => Effect::Impossible,
        // CreateTopics: the controller decided against it, or was not the controller. After an earlier attempt
        // that ended in doubt TOPIC_ALREADY_EXISTS proves nothing; the admin client keeps that doubt.
        E::NotController
        | E::TopicAlreadyExists
        | E::InvalidPartitions
        | E::InvalidReplicationFactor
        | E::InvalidReplicaAssignment
        | E::InvalidConfig
        | E::PolicyViolation
        | E::ThrottlingQuotaExceeded => Effect::Impossible,

        // Answers of other APIs. Who sends them to a Produce or CreateTopics breaks the protocol, and from that
        // nothing follows.
        E::OffsetOutOfRange
        | E::InvalidFetchSize
        | E::LeaderNotAvailable
        | E::BrokerNotAvailable
        | E::ReplicaNotAvailable
        | E::StaleControllerEpoch
        | E::OffsetMetadataTooLarge
        | E::CoordinatorLoadInProgress
        | E::CoordinatorNotAvailable
        | E::NotCoordinator
        | E::IllegalGeneration
        | E::InconsistentGroupProtocol
        | E::InvalidGroupId
        | E::UnknownMemberId
        | E::InvalidSessionTimeout
        | E::RebalanceInProgress
        | E::InvalidCommitOffsetSize
        | E::UnsupportedSaslMechanism
        | E::IllegalSaslState
        | E::InvalidTransactionTimeout
        | E::ConcurrentTransactions
        | E::TransactionCoordinatorFenced
        | E::SecurityDisabled
        | E::OperationNotAttempted
        | E::LogDirNotFound
        | E::ReassignmentInProgress
        | E::DelegationTokenAuthDisabled
        | E::DelegationTokenNotFound
        | E::DelegationTokenOwnerMismatch
        | E::DelegationTokenRequestNotAllowed
        | E::DelegationTokenExpired
        | E::InvalidPrincipalType
        | E::NonEmptyGroup
        | E::GroupIdNotFound
        | E::FetchSessionIdNotFound
        | E::InvalidFetchSessionEpoch
        | E::ListenerNotFound
        | E::TopicDeletionDisabled
        | E::FencedLeaderEpoch
        | E::UnknownLeaderEpoch
        | E::StaleBrokerEpoch
        | E::OffsetNotAvailable
        | E::MemberIdRequired
        | E::PreferredLeaderNotAvailable
        | E::GroupMaxSizeReached
        | E::FencedInstanceId
        | E::EligibleLeadersNotAvailable
        | E::ElectionNotNeeded
        | E::NoReassignmentInProgress
        | E::GroupSubscribedToTopic
        | E::UnstableOffsetCommit
        | E::ResourceNotFound
        | E::DuplicateResource
        | E::UnacceptableCredential
        | E::InconsistentVoterSet
        | E::InvalidVoterKey
        | E::InvalidUpdateVersion
        | E::FeatureUpdateFailed
        | E::PrincipalDeserializationFailure
        | E::SnapshotNotFound
        | E::PositionOutOfRange
        | E::DuplicateBrokerRegistration
        | E::BrokerIdNotRegistered
        | E::InconsistentClusterId
        | E::TransactionalIdNotFound
        | E::FetchSessionTopicIdError
        | E::IneligibleReplica
        | E::NewLeaderElected
        | E::OffsetMovedToTieredStorage
        | E::FencedMemberEpoch
        | E::UnreleasedInstanceId
        | E::UnsupportedAssignor
        | E::StaleMemberEpoch
        | E::MismatchedEndpointType
        | E::UnsupportedEndpointType
        | E::UnknownControllerId
        | E::UnknownSubscriptionId
        | E::TelemetryTooLarge
        | E::InvalidRegistration
        | E::TransactionAbortable
        | E::InvalidRegularExpression => Effect::Possible,
    }
}

/// Whether `code` says that the client's metadata is out of date (Kafka's `InvalidMetadataException`).
#[must_use]
pub(super) fn is_stale_metadata(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::ListenerNotFound
            | ErrorCode::NetworkException
            | ErrorCode::OffsetNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_after_which_a_record_may_commit_are_not_failures() {
        for code in [
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::NotEnoughReplicasAfterAppend,
            ErrorCode::RequestTimedOut,
            ErrorCode::NetworkException,
            ErrorCode::UnknownServerError,
            ErrorCode::KafkaStorageError,
        ] {
            assert_eq!(effect(code), Effect::Possible, "{code}");
        }
    }

    #[test]
    fn refusals_before_the_append_are_failures() {
        for code in [
            ErrorCode::NotEnoughReplicas,
            ErrorCode::MessageTooLarge,
            ErrorCode::CorruptMessage,
            ErrorCode::InvalidRequiredAcks,
            ErrorCode::UnknownTopicOrPartition,
        ] {
            assert_eq!(effect(code), Effect::Impossible, "{code}");
        }
    }

    #[test]
    fn success_is_never_called_impossible() {
        assert_eq!(effect(ErrorCode::None), Effect::Possible);
    }
}
