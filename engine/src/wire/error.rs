//! Why a frame could not be understood.

use thiserror::Error;

use crate::id::CorrelationId;
use crate::message::ApiKey;

/// Why a request or response could not be decoded.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// The API is one of ours, the version is not. Clients expect an answer only if the API is ApiVersions; see
    /// [`DecodeError::asks_for_api_versions`].
    #[error("version {version} of API {key} is not supported")]
    UnsupportedVersion {
        /// The API.
        key: i16,
        /// The version asked for.
        version: i16,
        /// Names the request on its connection.
        correlation: CorrelationId,
    },
    /// The API is none of ours, so that even the rest of the header cannot be read. Kafka closes the connection.
    #[error("API {key} is not known (version {version})")]
    UnknownKey {
        /// The API.
        key: i16,
        /// The version asked for.
        version: i16,
        /// Names the request on its connection.
        correlation: CorrelationId,
    },
    /// The bytes are not a message of their API and version. Kafka closes the connection.
    #[error("malformed message: {what}")]
    Malformed {
        /// What is wrong, for a person.
        what: String,
    },
}

impl DecodeError {
    /// The correlation id, if the request is ApiVersions in a version we do not know: the one error that must be
    /// answered, with [`super::unsupported_api_versions_reply`].
    #[must_use]
    pub fn asks_for_api_versions(&self) -> Option<CorrelationId> {
        match self {
            DecodeError::UnsupportedVersion { key, correlation, .. }
                if *key == ApiKey::ApiVersions.code() =>
            {
                Some(*correlation)
            }
            _ => None,
        }
    }
}

/// A [`DecodeError::Malformed`].
pub(super) fn malformed(what: impl Into<String>) -> DecodeError {
    DecodeError::Malformed { what: what.into() }
}
