//! DeleteGroups (key 42).

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest as WireRequest, DeleteGroupsResponse as WireResponse};

use super::{Translate, owned, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

const REQUEST: Shape = &[field(Kind::Strings)];

const RESPONSE: Shape = &[field(INT32), field(Kind::Structs(RESULT))];
const RESULT: Shape = &[field(Kind::String), field(INT16)];

impl Translate for DeleteGroupsRequest {
    const KEY: ApiKey = ApiKey::DeleteGroups;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, _version: i16) -> WireRequest {
        WireRequest::default().with_groups_names(self.groups.iter().map(|group| wire_group(group)).collect())
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(DeleteGroupsRequest { groups: wire.groups_names.iter().map(|group| owned(group)).collect() })
    }
}

impl Translate for DeleteGroupsResponse {
    const KEY: ApiKey = ApiKey::DeleteGroups;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, _version: i16) -> WireResponse {
        let group = |group: &DeletedGroup| {
            DeletableGroupResult::default()
                .with_group_id(wire_group(&group.group_id))
                .with_error_code(group.error.code())
        };
        WireResponse::default().with_results(self.groups.iter().map(group).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let group = |group: &DeletableGroupResult| DeletedGroup {
            group_id: owned(&group.group_id),
            error: ErrorCode::from_code(group.error_code),
        };
        Ok(DeleteGroupsResponse { groups: wire.results.iter().map(group).collect() })
    }
}
