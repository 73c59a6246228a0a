//! GetTelemetrySubscriptions (key 71) and PushTelemetry (key 72).

use kafka_protocol::messages::{
    GetTelemetrySubscriptionsRequest as WireGetRequest, GetTelemetrySubscriptionsResponse as WireGetResponse,
    PushTelemetryRequest as WirePushRequest, PushTelemetryResponse as WirePushResponse,
};

use super::{Translate, duration, milliseconds, owned, string};
use crate::error::ErrorCode;
use crate::message::{
    ApiKey, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, PushTelemetryRequest,
    PushTelemetryResponse,
};
use crate::wire::error::DecodeError;
use crate::wire::shape::{BOOL, INT8, INT16, INT32, Kind, Shape, UUID, field};

const GET_REQUEST: Shape = &[field(UUID)];
const GET_RESPONSE: Shape = &[
    field(INT32),
    field(INT16),
    field(UUID),
    field(INT32),
    field(Kind::Array(1)),
    field(INT32),
    field(INT32),
    field(BOOL),
    field(Kind::Strings),
];

const PUSH_REQUEST: Shape = &[field(UUID), field(INT32), field(BOOL), field(INT8), field(Kind::Bytes)];
const PUSH_RESPONSE: Shape = &[field(INT32), field(INT16)];

impl Translate for GetTelemetrySubscriptionsRequest {
    const KEY: ApiKey = ApiKey::GetTelemetrySubscriptions;
    const SHAPE: Shape = GET_REQUEST;
    type Wire = WireGetRequest;

    fn to_wire(&self, _version: i16) -> WireGetRequest {
        WireGetRequest::default().with_client_instance_id(self.client_instance_id)
    }

    fn from_wire(wire: WireGetRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(GetTelemetrySubscriptionsRequest { client_instance_id: wire.client_instance_id })
    }
}

impl Translate for GetTelemetrySubscriptionsResponse {
    const KEY: ApiKey = ApiKey::GetTelemetrySubscriptions;
    const SHAPE: Shape = GET_RESPONSE;
    type Wire = WireGetResponse;

    fn to_wire(&self, _version: i16) -> WireGetResponse {
        WireGetResponse::default()
            .with_error_code(self.error.code())
            .with_client_instance_id(self.client_instance_id)
            .with_subscription_id(self.subscription_id)
            .with_accepted_compression_types(self.accepted_compression_types.clone())
            .with_push_interval_ms(milliseconds(self.push_interval))
            .with_telemetry_max_bytes(self.telemetry_max_bytes)
            .with_delta_temporality(self.delta_temporality)
            .with_requested_metrics(self.requested_metrics.iter().map(|name| string(name)).collect())
    }

    fn from_wire(wire: WireGetResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(GetTelemetrySubscriptionsResponse {
            error: ErrorCode::from_code(wire.error_code),
            client_instance_id: wire.client_instance_id,
            subscription_id: wire.subscription_id,
            accepted_compression_types: wire.accepted_compression_types,
            push_interval: duration(wire.push_interval_ms),
            telemetry_max_bytes: wire.telemetry_max_bytes,
            delta_temporality: wire.delta_temporality,
            requested_metrics: wire.requested_metrics.iter().map(owned).collect(),
        })
    }
}

impl Translate for PushTelemetryRequest {
    const KEY: ApiKey = ApiKey::PushTelemetry;
    const SHAPE: Shape = PUSH_REQUEST;
    type Wire = WirePushRequest;

    fn to_wire(&self, _version: i16) -> WirePushRequest {
        WirePushRequest::default()
            .with_client_instance_id(self.client_instance_id)
            .with_subscription_id(self.subscription_id)
            .with_terminating(self.terminating)
            .with_compression_type(self.compression_type)
            .with_metrics(self.metrics.clone())
    }

    fn from_wire(wire: WirePushRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(PushTelemetryRequest {
            client_instance_id: wire.client_instance_id,
            subscription_id: wire.subscription_id,
            terminating: wire.terminating,
            compression_type: wire.compression_type,
            metrics: wire.metrics,
        })
    }
}

impl Translate for PushTelemetryResponse {
    const KEY: ApiKey = ApiKey::PushTelemetry;
    const SHAPE: Shape = PUSH_RESPONSE;
    type Wire = WirePushResponse;

    fn to_wire(&self, _version: i16) -> WirePushResponse {
        WirePushResponse::default().with_error_code(self.error.code())
    }

    fn from_wire(wire: WirePushResponse, _version: i16) -> Result<Self, DecodeError> {
        Ok(PushTelemetryResponse { error: ErrorCode::from_code(wire.error_code) })
    }
}
