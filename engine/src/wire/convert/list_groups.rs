//! ListGroups (key 16).

use kafka_protocol::messages::list_groups_response::ListedGroup as WireGroup;
use kafka_protocol::messages::{ListGroupsRequest as WireRequest, ListGroupsResponse as WireResponse};

use super::{Translate, owned, string, wire_group};
use crate::error::ErrorCode;
use crate::message::{ApiKey, ListGroupsRequest, ListGroupsResponse, ListedGroup};
use crate::wire::error::DecodeError;
use crate::wire::shape::{INT16, INT32, Kind, Shape, field};

/// The first version with states (KIP-518).
const STATE: i16 = 4;
/// The first version with types (KIP-848).
const TYPE: i16 = 5;

const REQUEST: Shape = &[field(Kind::Strings).since(STATE), field(Kind::Strings).since(TYPE)];

const RESPONSE: Shape = &[field(INT32).since(1), field(INT16), field(Kind::Structs(GROUP))];
const GROUP: Shape = &[
    field(Kind::String),
    field(Kind::String),
    field(Kind::String).since(STATE),
    field(Kind::String).since(TYPE),
];

impl Translate for ListGroupsRequest {
    const KEY: ApiKey = ApiKey::ListGroups;
    const SHAPE: Shape = REQUEST;
    type Wire = WireRequest;

    fn to_wire(&self, version: i16) -> WireRequest {
        let mut wire = WireRequest::default();
        if version >= STATE {
            wire.states_filter = self.states.iter().map(|state| string(state)).collect();
        }
        if version >= TYPE {
            wire.types_filter = self.types.iter().map(|group_type| string(group_type)).collect();
        }
        wire
    }

    fn from_wire(wire: WireRequest, _version: i16) -> Result<Self, DecodeError> {
        Ok(ListGroupsRequest {
            states: wire.states_filter.iter().map(owned).collect(),
            types: wire.types_filter.iter().map(owned).collect(),
        })
    }
}

impl Translate for ListGroupsResponse {
    const KEY: ApiKey = ApiKey::ListGroups;
    const SHAPE: Shape = RESPONSE;
    type Wire = WireResponse;

    fn to_wire(&self, version: i16) -> WireResponse {
        let group = |group: &ListedGroup| {
            let mut wire = WireGroup::default()
                .with_group_id(wire_group(&group.group_id))
                .with_protocol_type(string(&group.protocol_type));
            if version >= STATE {
                wire.group_state = string(&group.state);
            }
            if version >= TYPE {
                wire.group_type = string(&group.group_type);
            }
            wire
        };
        WireResponse::default()
            .with_error_code(self.error.code())
            .with_groups(self.groups.iter().map(group).collect())
    }

    fn from_wire(wire: WireResponse, _version: i16) -> Result<Self, DecodeError> {
        let group = |group: &WireGroup| ListedGroup {
            group_id: owned(&group.group_id),
            protocol_type: owned(&group.protocol_type),
            state: owned(&group.group_state),
            group_type: owned(&group.group_type),
        };
        Ok(ListGroupsResponse {
            error: ErrorCode::from_code(wire.error_code),
            groups: wire.groups.iter().map(group).collect(),
        })
    }
}
