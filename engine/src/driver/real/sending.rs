//! Sends an answer part by part: what lies in memory gathered, what lies in files from the page cache (`sendfile`).
//!
//! Files are Linux only; elsewhere the disk hands out none.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::wire::{Part, Parts};

/// Sends all of `parts`.
///
/// # Errors
/// The connection is over; `UnexpectedEof` if a file ends before its range does.
pub(super) async fn send(stream: &mut TcpStream, mut parts: Parts) -> io::Result<()> {
    while let Some(part) = parts.next_part() {
        match part {
            #[cfg(target_os = "linux")]
            Part::Memory(slices) if !parts.is_empty() => files::send_head(stream, slices).await?,
            Part::Memory(mut slices) => stream.write_all_buf(&mut slices).await?,
            #[cfg(target_os = "linux")]
            Part::File(range) => files::send_range(stream, &range).await?,
            #[cfg(not(target_os = "linux"))]
            Part::File(_) => return Err(io::ErrorKind::Unsupported.into()),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod files {
    use std::io;

    use bytes::Buf;
    use rustix::fs::sendfile;
    use rustix::net::{SendFlags, send};
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    use crate::file_range::FileRange;

    /// Sends what comes before a file. It waits in the socket for the file's first bytes, so that it makes no packet
    /// of its own although the socket delays nothing.
    pub(super) async fn send_head(stream: &TcpStream, mut head: impl Buf) -> io::Result<()> {
        while head.has_remaining() {
            let once = || Ok(send(stream, head.chunk(), SendFlags::MORE | SendFlags::NOSIGNAL)?);
            let sent = stream.async_io(Interest::WRITABLE, once).await?;
            head.advance(sent);
        }
        Ok(())
    }

    /// Sends a range of a file.
    pub(super) async fn send_range(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
        let mut position = range.position();
        let mut left = range.length();
        while left > 0 {
            let sent = stream
                .async_io(Interest::WRITABLE, || {
                    Ok(sendfile(stream, range.file(), Some(&mut position), left)?)
                })
                .await?;
            if sent == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a log file was cut from outside"));
            }
            left -= sent.min(left);
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::driver::real::disk::test_folder;
    use crate::file_range::{FileRange, Lease};
    use crate::id::{CorrelationId, PartitionIndex, TopicId};
    use crate::message::{ApiKey, FetchResponse, FetchedPartition, FetchedTopic, Response};
    use crate::wire::{decode_response, encode_response_in_parts};

    const VERSION: i16 = 16;

    /// A file of 3 000 000 bytes that differ.
    fn content() -> Bytes {
        (0..3_000_000_u32).map(|at| (at % 251) as u8).collect()
    }

    fn file(test: &str) -> Arc<std::fs::File> {
        let path = test_folder(test).join("a.log");
        std::fs::File::create(&path).and_then(|mut file| file.write_all(&content())).expect("written");
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path);
        Arc::new(file.expect("a file"))
    }

    fn fetched(ranges: &[(u64, usize)], file: &Arc<std::fs::File>) -> Response {
        let partition = |(index, (position, length)): (usize, &(u64, usize))| FetchedPartition {
            records_in_file: Some(FileRange::new(file.clone(), *position, *length, Lease::default())),
            ..FetchedPartition::new(PartitionIndex(index as i32))
        };
        let partitions = ranges.iter().enumerate().map(partition).collect();
        FetchResponse::new(vec![FetchedTopic { name: None, id: TopicId::ZERO, partitions }]).into()
    }

    /// Sends a response to a reader; returns how that ended and what the reader got.
    fn exchange(response: &Response) -> (io::Result<()>, Bytes) {
        let parts = encode_response_in_parts(
            ApiKey::Fetch,
            VERSION,
            CorrelationId(7),
            response,
            &mut BytesMut::new(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let sender = async {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                stream.set_nodelay(true).expect("a socket");
                send(&mut stream, parts).await
            };
            let reader = async {
                let mut stream = TcpStream::connect(address).await.expect("connected");
                let mut read = Vec::new();
                stream.read_to_end(&mut read).await.expect("read");
                Bytes::from(read)
            };
            futures_util::join!(sender, reader)
        })
    }

    #[test]
    fn records_in_files_arrive_as_they_lie_there() {
        let file = file("sending-whole");
        let ranges = [(0, 1), (5, 2_500_000), (2_999_999, 1), (100, 70_000)];
        let (outcome, read) = exchange(&fetched(&ranges, &file));
        outcome.expect("all is sent");
        let (_, response) = decode_response(ApiKey::Fetch, VERSION, read.slice(4..)).expect("a response");
        let Response::Fetch(response) = response else { panic!("a fetch response") };
        for (partition, (position, length)) in response.topics[0].partitions.iter().zip(ranges) {
            let position = position as usize;
            assert_eq!(partition.records, content().slice(position..position + length));
        }
    }

    #[test]
    fn a_file_cut_from_outside_cuts_the_answer_short() {
        let file = file("sending-short");
        let response = fetched(&[(0, 3_000_000)], &file);
        file.set_len(1_000_000).expect("cut");
        let (outcome, read) = exchange(&response);
        assert_eq!(outcome.expect_err("the file ends too early").kind(), io::ErrorKind::UnexpectedEof);
        assert!(read.len() < 1_001_000, "{} bytes arrived", read.len());
    }
}
