//! ApiVersions (key 18).
//!
//! The response carries no features: sent or not, they mean the same to us, and old librdkafka cannot read
//! a response that has tagged fields.

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest as WireRequest, ApiVersionsResponse as WireResponse};

use super::{Translate, owned, string};
use crate::error::ErrorCode;
use crate::message::{ApiKey, ApiRange, ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT16, INT32, INT64, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::String).since(3), field(Kind::String).since(3)];

const RESPONSE: Shape = &[
    field(INT16),
    field(Kind::Structs(API)),
    field(INT32).since(1),
    field(Kind::Structs(FEATURE)).since(3).tagged(0),
    field(INT64).since(3).tagged(1),
    field(Kind::Structs(FEATURE)).since(3).tagged(2),
    field(BOOL).since(3).tagged(3),
];
const API: Shape = &[field(INT16), field(INT16), field(INT16)];
const FEATURE: Shape = &[field(Kind::String), field(INT16), field(INT16)];

impl Translate for ApiVersionsRequest {
    const KEY: ApiKey = ApiKey::ApiVersions;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        if version < 3 {
            return WireRequest::default();
        }
        WireRequest::default()
            .with_client_software_name(string(&self.client_software_name))
            .with_client_software_version(string(&self.client_software_version))
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(ApiVersionsRequest {
            client_software_name: owned(&wire.client_software_name),
            client_software_version: owned(&wire.client_software_version),
        })
    }
}

impl Translate for ApiVersionsResponse {
    const KEY: ApiKey = ApiKey::ApiVersions;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let api = |range: &ApiRange| {
            ApiVersion::default()
                .with_api_key(range.key)
                .with_min_version(range.min)
                .with_max_version(range.max)
        };
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_api_keys(self.apis.iter().map(api).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let range =
            |api: &ApiVersion| ApiRange { key: api.api_key, min: api.min_version, max: api.max_version };
        Ok(ApiVersionsResponse {
            error: ErrorCode::from_code(wire.error_code),
            apis: wire.api_keys.iter().map(range).collect(),
        })
    }
}
