//! AlterConfigs (key 33).

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest as WireRequest, AlterConfigsResponse as WireResponse};

use super::{Translate, config_resource, optional_string, owned, string};
use crate::error::ErrorCode;
use crate::message::{AlterConfigsRequest, AlterConfigsResponse, AlteredConfigs, ApiKey, ConfigReplacement};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_RESOURCE)), field(BOOL)];
const REQUEST_RESOURCE: Shape = &[field(INT8), field(Kind::String), field(Kind::Structs(CONFIG))];
const CONFIG: Shape = &[field(Kind::String), field(Kind::String)];

/// The layout of the answer; IncrementalAlterConfigs has the same.
pub(super) const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_RESOURCE))];
const RESPONSE_RESOURCE: Shape = &[field(INT16), field(Kind::String), field(INT8), field(Kind::String)];

impl Translate for AlterConfigsRequest {
    const KEY: ApiKey = ApiKey::AlterConfigs;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let config = |(name, value): &(String, Option<String>)| {
            AlterableConfig::default().with_name(string(name)).with_value(optional_string(value.as_deref()))
        };
        let resource = |replacement: &ConfigReplacement| {
            AlterConfigsResource::default()
                .with_resource_type(replacement.resource.kind.code())
                .with_resource_name(string(&replacement.resource.name))
                .with_configs(replacement.configs.iter().map(config).collect())
        };
        WireRequest::default()
            .with_resources(self.resources.iter().map(resource).collect())
            .with_validate_only(self.validate_only)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let config = |config: &AlterableConfig| (owned(&config.name), config.value.as_ref().map(owned));
        let replacement = |wire: &AlterConfigsResource| ConfigReplacement {
            resource: config_resource(wire.resource_type, &wire.resource_name),
            configs: wire.configs.iter().map(config).collect(),
        };
        Ok(AlterConfigsRequest {
            resources: wire.resources.iter().map(replacement).collect(),
            validate_only: wire.validate_only,
        })
    }
}

impl Translate for AlterConfigsResponse {
    const KEY: ApiKey = ApiKey::AlterConfigs;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let resource = |altered: &AlteredConfigs| {
            AlterConfigsResourceResponse::default()
                .with_error_code(altered.error.code())
                .with_error_message(optional_string(altered.error_message.as_deref()))
                .with_resource_type(altered.resource.kind.code())
                .with_resource_name(string(&altered.resource.name))
        };
        WireResponse::default().with_responses(self.resources.iter().map(resource).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let resource = |wire: &AlterConfigsResourceResponse| AlteredConfigs {
            resource: config_resource(wire.resource_type, &wire.resource_name),
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
        };
        Ok(AlterConfigsResponse { resources: wire.responses.iter().map(resource).collect() })
    }
}
