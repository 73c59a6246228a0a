//! DescribeConfigs (key 32).

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest as WireRequest, DescribeConfigsResponse as WireResponse,
};

use super::{Translate, config_resource, optional_string, owned, string};
use crate::error::ErrorCode;
use crate::message::{
    ApiKey, ConfigEntry, ConfigQuery, ConfigSource, ConfigSynonym, ConfigType, DescribeConfigsRequest,
    DescribeConfigsResponse, DescribedConfigs,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, Kind, Shape, field};

/// The first version that carries types and documentation (KIP-569).
const TYPES: i16 = 3;

const REQUEST: Shape = &[field(Kind::Structs(REQUEST_RESOURCE)), field(BOOL), field(BOOL).since(TYPES)];
const REQUEST_RESOURCE: Shape = &[field(INT8), field(Kind::String), field(Kind::Strings)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESPONSE_RESOURCE))];
const RESPONSE_RESOURCE: Shape =
    &[field(INT16), field(Kind::String), field(INT8), field(Kind::String), field(Kind::Structs(ENTRY))];
const ENTRY: Shape = &[
    field(Kind::String),
    field(Kind::String),
    field(BOOL),
    field(INT8),
    field(BOOL),
    field(Kind::Structs(SYNONYM)),
    field(INT8).since(TYPES),
    field(Kind::String).since(TYPES),
];
const SYNONYM: Shape = &[field(Kind::String), field(Kind::String), field(INT8)];

impl Translate for DescribeConfigsRequest {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let resource = |query: &ConfigQuery| {
            let keys = query.keys.as_ref().map(|keys| keys.iter().map(|key| string(key)).collect());
            DescribeConfigsResource::default()
                .with_resource_type(query.resource.kind.code())
                .with_resource_name(string(&query.resource.name))
                .with_configuration_keys(keys)
        };
        WireRequest::default()
            .with_resources(self.resources.iter().map(resource).collect())
            .with_include_synonyms(self.include_synonyms)
            .with_include_documentation(version >= TYPES && self.include_documentation)
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        let query = |wire: &DescribeConfigsResource| ConfigQuery {
            resource: config_resource(wire.resource_type, &wire.resource_name),
            keys: wire.configuration_keys.as_ref().map(|keys| keys.iter().map(owned).collect()),
        };
        Ok(DescribeConfigsRequest {
            resources: wire.resources.iter().map(query).collect(),
            include_synonyms: wire.include_synonyms,
            include_documentation: wire.include_documentation,
        })
    }
}

impl Translate for DescribeConfigsResponse {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let resource = |described: &DescribedConfigs| {
            DescribeConfigsResult::default()
                .with_error_code(described.error.code())
                .with_error_message(optional_string(described.error_message.as_deref()))
                .with_resource_type(described.resource.kind.code())
                .with_resource_name(string(&described.resource.name))
                .with_configs(described.configs.iter().map(|entry| wire_entry(entry, version)).collect())
        };
        WireResponse::default().with_results(self.resources.iter().map(resource).collect())
    }

    fn from_wire(wire: WireResponse, version: i16) -> Result<Self, DecodeError> {
        let resource = |wire: &DescribeConfigsResult| DescribedConfigs {
            resource: config_resource(wire.resource_type, &wire.resource_name),
            error: ErrorCode::from_code(wire.error_code),
            error_message: wire.error_message.as_ref().map(owned),
            configs: wire.configs.iter().map(|config| entry(config, version)).collect(),
        };
        Ok(DescribeConfigsResponse { resources: wire.results.iter().map(resource).collect() })
    }
}

fn wire_entry(entry: &ConfigEntry, version: i16) -> DescribeConfigsResourceResult {
    let synonym = |synonym: &ConfigSynonym| {
        DescribeConfigsSynonym::default()
            .with_name(string(&synonym.name))
            .with_value(optional_string(synonym.value.as_deref()))
            .with_source(synonym.source.code())
    };
    let mut wire = DescribeConfigsResourceResult::default()
        .with_name(string(&entry.name))
        .with_value(optional_string(entry.value.as_deref()))
        .with_read_only(entry.is_read_only)
        .with_config_source(entry.source.code())
        .with_is_sensitive(entry.is_sensitive)
        .with_synonyms(entry.synonyms.iter().map(synonym).collect());
    if version >= TYPES {
        wire.config_type = entry.config_type.code();
        wire.documentation = optional_string(entry.documentation.as_deref());
    }
    wire
}

fn entry(wire: &DescribeConfigsResourceResult, version: i16) -> ConfigEntry {
    let synonym = |synonym: &DescribeConfigsSynonym| ConfigSynonym {
        name: owned(&synonym.name),
        value: synonym.value.as_ref().map(owned),
        source: ConfigSource::from_code(synonym.source),
    };
    ConfigEntry {
        name: owned(&wire.name),
        value: wire.value.as_ref().map(owned),
        is_read_only: wire.read_only,
        source: ConfigSource::from_code(wire.config_source),
        is_sensitive: wire.is_sensitive,
        synonyms: wire.synonyms.iter().map(synonym).collect(),
        config_type: ConfigType::from_code(wire.config_type),
        documentation: wire.documentation.as_ref().filter(|_| version >= TYPES).map(owned),
    }
}
