//! IncrementalAlterConfigs (key 44).

use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    IncrementalAlterConfigsRequest as WireRequest, IncrementalAlterConfigsResponse as WireResponse,
};

use super::{Translate, alter_configs, config_resource, optional_string, owned, string};
use crate::error::ErrorCode;
use crate::message::{
    AlteredConfigs, ApiKey, ConfigChange, ConfigChanges, ConfigOperation, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Structs(RESOURCE)), field(BOOL)];
const RESOURCE: Shape = &[field(INT8), field(Kind::String), field(Kind::Structs(CONFIG))];
const CONFIG: Shape = &[field(Kind::String), field(INT8), field(Kind::String)];

impl Translate for IncrementalAlterConfigsRequest {
    const KEY: ApiKey = ApiKey::IncrementalAlterConfigs;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        let config = |change: &ConfigChange| {
            AlterableConfig::default()
                .with_name(string(&change.name))
                .with_config_operation(change.operation.code())
                .with_value(optional_string(change.value.as_deref()))
        };
        let resource = |changes: &ConfigChanges| {
            AlterConfigsResource::default()
                .with_resource_type(changes.resource.kind.code())
                .with_resource_name(string(&changes.resource.name))
                .with_configs(changes.changes.iter().map(config).collect())
        };
        WireRequest::default()
            .with_resources(self.resources.iter().map(resource).collect())
            .with_validate_only(self.validate_only)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let change = |wire: &AlterableConfig| ConfigChange {
            name: owned(&wire.name),
            operation: ConfigOperation::from_code(wire.config_operation),
            value: wire.value.as_ref().map(owned),
        };
        let changes = |wire: &AlterConfigsResource| ConfigChanges {
            resource: config_resource(wire.resource_type, &wire.resource_name),
            changes: wire.configs.iter().map(change).collect(),
        };
        Ok(IncrementalAlterConfigsRequest {
            resources: wire.resources.iter().map(changes).collect(),
            validate_only: wire.validate_only,
        })
    }
}

impl Translate for IncrementalAlterConfigsResponse {
    const KEY: ApiKey = ApiKey::IncrementalAlterConfigs;
    const SHAPE: Shape = alter_configs::RESPONSE;
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
        Ok(IncrementalAlterConfigsResponse { resources: wire.responses.iter().map(resource).collect() })
    }
}
