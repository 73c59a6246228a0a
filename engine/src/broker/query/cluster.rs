//! DescribeCluster and the telemetry of clients: what a broker answers without looking at any partition.
//!
//! No metrics are asked of clients: a client that gets no names pushes nothing (KIP-714). The two APIs are served
//! all the same, because clients that miss them complain in their logs again and again.

use uuid::Uuid;

use crate::broker::Broker;
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::message::{
    DescribeClusterRequest, DescribeClusterResponse, GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse, PushTelemetryRequest, PushTelemetryResponse,
};
use crate::time::Duration;

/// How often a client shall ask again whether there is something to push (Kafka's `DEFAULT_INTERVAL_MS`).
const PUSH_INTERVAL: Duration = Duration::from_secs(300);
/// Most bytes of one push (Kafka's default of `telemetry.max.bytes`).
const TELEMETRY_BYTES_MAX: i32 = 1_048_576;
/// The subscription to no metric at all.
const NO_SUBSCRIPTION: i32 = 0;
/// Codecs of pushed metrics: zstd, lz4, gzip, snappy.
const COMPRESSION_TYPES: [i8; 4] = [4, 3, 1, 2];

impl Broker {
    /// Who is there: this broker's listener only knows brokers (KIP-919).
    pub(super) fn describe_cluster(&self, request: &DescribeClusterRequest) -> DescribeClusterResponse {
        let refusal = match request.endpoint_type {
            DescribeClusterRequest::BROKERS => None,
            DescribeClusterRequest::CONTROLLERS => Some((
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            )),
            _ => Some((ErrorCode::UnsupportedEndpointType, "Unsupported endpoint type")),
        };
        let endpoint_type = DescribeClusterRequest::BROKERS;
        if let Some((error, message)) = refusal {
            return DescribeClusterResponse {
                error,
                error_message: Some(message.to_owned()),
                endpoint_type,
                cluster_id: String::new(),
                controller: NodeId::NONE,
                brokers: Vec::new(),
            };
        }
        DescribeClusterResponse {
            error: ErrorCode::None,
            error_message: None,
            endpoint_type,
            cluster_id: self.settings.cluster_id.clone(),
            controller: self.admin_broker(),
            brokers: self.active_brokers(),
        }
    }

    pub(super) fn telemetry_subscriptions(
        &mut self,
        request: &GetTelemetrySubscriptionsRequest,
    ) -> GetTelemetrySubscriptionsResponse {
        let known = request.client_instance_id;
        GetTelemetrySubscriptionsResponse {
            error: ErrorCode::None,
            client_instance_id: if known.is_nil() { self.fresh_client_instance_id() } else { known },
            subscription_id: NO_SUBSCRIPTION,
            accepted_compression_types: COMPRESSION_TYPES.to_vec(),
            push_interval: PUSH_INTERVAL,
            telemetry_max_bytes: TELEMETRY_BYTES_MAX,
            delta_temporality: true,
            requested_metrics: Vec::new(),
        }
    }

    /// An id no other client has: this boot's id with a counter of the boot mixed in. The same run gives the same
    /// ids again.
    fn fresh_client_instance_id(&mut self) -> Uuid {
        self.next_token += 1;
        let mixed = self.settings.incarnation.0.as_u128() ^ (u128::from(self.next_token) << 80);
        uuid::Builder::from_random_bytes(mixed.to_be_bytes()).into_uuid()
    }
}

/// Takes metrics and forgets them.
pub(super) fn push_telemetry(request: &PushTelemetryRequest) -> PushTelemetryResponse {
    let too_large = i32::try_from(request.metrics.len()).map_or(true, |size| size > TELEMETRY_BYTES_MAX);
    let error = if request.client_instance_id.is_nil() {
        ErrorCode::InvalidRequest
    } else if request.subscription_id != NO_SUBSCRIPTION {
        ErrorCode::UnknownSubscriptionId
    } else if too_large {
        ErrorCode::TelemetryTooLarge
    } else {
        ErrorCode::None
    };
    PushTelemetryResponse { error }
}
