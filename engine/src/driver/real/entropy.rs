//! Numbers nobody can know before: for the ids of clusters, boots and topics. Protocol decisions draw from the
//! machine's own [`Rng`], which starts from such a number.

use std::hash::{BuildHasher, Hasher};

use uuid::Uuid;

use crate::id::IncarnationId;
use crate::rng::Rng;

/// A seed that no other process has.
#[must_use]
#[expect(
    clippy::disallowed_types,
    reason = "this is where entropy comes from; the operating system seeds it"
)]
pub fn seed() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// The id of one boot of a broker.
#[must_use]
pub fn incarnation(rng: &mut Rng) -> IncarnationId {
    IncarnationId(Uuid::from_u64_pair(rng.next_u64(), rng.next_u64()))
}
