//! The body of a Fetch response whose record bytes stay where they are.
//!
//! The structs of the crate copy what they encode. So records are left out of them: each struct around the records
//! is encoded with its array empty, and cut open where the elements belong. What the parts say together is what
//! [`write`](super::write) would have said.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{EpochEndOffset, LeaderIdAndEpoch, PartitionData, SnapshotId};
use kafka_protocol::protocol::Encodable;

use super::Translate;
use super::fetch::SESSIONS;
use crate::file_range::FileRange;
use crate::message::{ApiKey, FetchResponse};
use crate::wire::version::is_flexible;

/// Records of fewer bytes than this are cheaper to copy than to send as a part of their own (measured on loopback: at
/// 8 KiB a copy is cheaper, at 64 KiB it is even, at 1 MiB it is dearer).
pub(in crate::wire) const COPIED_BYTES_MAX: usize = 32 * 1024;

/// Records that belong into a buffer before what lies at `position` there.
#[derive(Debug)]
pub(in crate::wire) struct Splice {
    pub(in crate::wire) position: usize,
    pub(in crate::wire) spliced: Spliced,
}

/// Records that were left out of a buffer.
#[derive(Debug)]
pub(in crate::wire) enum Spliced {
    Bytes(Bytes),
    File(FileRange),
}

impl Splice {
    pub(in crate::wire) fn length(&self) -> usize {
        match &self.spliced {
            Spliced::Bytes(bytes) => bytes.len(),
            Spliced::File(range) => range.length(),
        }
    }
}

/// Appends an encoded body without its longer records and those in files; returns those, in order.
pub(in crate::wire) fn write_fetch_response(
    response: &FetchResponse,
    version: i16,
    out: &mut BytesMut,
) -> Vec<Splice> {
    let mut wire = response.to_wire(version);
    let flexible = is_flexible(ApiKey::Fetch, version);
    let topics = std::mem::take(&mut wire.responses);
    let mut splices = Vec::new();
    // The throttle time, then error and session id, then the topics.
    let topics_at = out.len() + 4 + if version >= SESSIONS { 6 } else { 0 };
    put(&wire, version, out);
    let behind = cut_open(out, topics_at, flexible);
    put_length(topics.len(), flexible, out);
    for (mut topic, fetched) in topics.into_iter().zip(&response.topics) {
        let partitions = std::mem::take(&mut topic.partitions);
        put(&topic, version, out);
        // Behind the partitions: that there are no tagged fields.
        let partitions_at = out.len() - usize::from(flexible) - empty_bytes(flexible);
        let behind = cut_open(out, partitions_at, flexible);
        put_length(partitions.len(), flexible, out);
        for (partition, fetched) in partitions.into_iter().zip(&fetched.partitions) {
            let in_file = fetched.records_in_file.clone();
            splices.extend(write_partition(partition, in_file, version, flexible, out));
        }
        out.extend_from_slice(&behind);
    }
    out.extend_from_slice(&behind);
    splices
}

/// Appends a partition; returns its records if they are left out.
fn write_partition(
    mut wire: PartitionData,
    in_file: Option<FileRange>,
    version: i16,
    flexible: bool,
    out: &mut BytesMut,
) -> Option<Splice> {
    let records = wire.records.replace(Bytes::new()).unwrap_or_default();
    put(&wire, version, out);
    let records_at = out.len() - tagged_bytes(wire, version, flexible) - empty_bytes(flexible);
    let behind = cut_open(out, records_at, flexible);
    put_length(in_file.as_ref().map_or(records.len(), FileRange::length), flexible, out);
    let spliced = match in_file {
        Some(range) => Some(Spliced::File(range)),
        None if records.len() < COPIED_BYTES_MAX => {
            out.extend_from_slice(&records);
            None
        }
        None => Some(Spliced::Bytes(records)),
    };
    let position = out.len();
    out.extend_from_slice(&behind);
    spliced.map(|spliced| Splice { position, spliced })
}

/// How many bytes the tagged fields of a partition take, with their count.
fn tagged_bytes(mut wire: PartitionData, version: i16, flexible: bool) -> usize {
    if !flexible {
        return 0;
    }
    let with = size(&wire, version);
    wire.diverging_epoch = EpochEndOffset::default();
    wire.current_leader = LeaderIdAndEpoch::default();
    wire.snapshot_id = SnapshotId::default();
    1 + with - size(&wire, version)
}

/// Takes the length of something empty out of `out` at `position`, and what lies behind it; returns the latter.
fn cut_open(out: &mut BytesMut, position: usize, flexible: bool) -> Vec<u8> {
    let behind = out[position + empty_bytes(flexible)..].to_vec();
    out.truncate(position);
    behind
}

/// How many bytes the length of something empty takes.
fn empty_bytes(flexible: bool) -> usize {
    if flexible { 1 } else { 4 }
}

/// Appends the length of bytes or an array.
fn put_length(length: usize, flexible: bool, out: &mut BytesMut) {
    let length = i32::try_from(length).expect("a message is bounded by the fetch size limits");
    if !flexible {
        return out.put_i32(length);
    }
    let mut rest = length.unsigned_abs() + 1;
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

fn put(wire: &impl Encodable, version: i16, out: &mut BytesMut) {
    wire.encode(out, version).expect("a translation sets only what its version carries");
}

fn size(wire: &impl Encodable, version: i16) -> usize {
    wire.compute_size(version).expect("a translation sets only what its version carries")
}
