//! Sockets of the simulation: turmoil-net's, each bound to its host.
//!
//! Every call first makes the host current, so a socket works and closes rightly wherever it is polled or dropped.
//! A socket that outlives its simulation does nothing when dropped.
//!
//! Between two hosts the stack opens and closes connections; bytes go through the connection's flows. The stack is
//! asked when a flow has ended: it knows whether that was a FIN or a reset.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use std::cell::Cell;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream};

use super::core::Runtime;
use super::flow::{Flow, Socket};
use super::host::HostId;
use super::network::host_at;

/// A connected socket.
pub struct SimStream {
    inner: Option<TcpStream>,
    runtime: Rc<Runtime>,
    host: HostId,
    /// What it sends and what it receives; `None` for a connection of a host with itself.
    flows: Option<(Rc<Flow>, Rc<Flow>)>,
    /// Whether its own direction is closed.
    shut: bool,
}

impl SimStream {
    fn new(runtime: Rc<Runtime>, host: HostId, inner: TcpStream) -> io::Result<Self> {
        let (own, peer) = (inner.local_addr()?, inner.peer_addr()?);
        let flows = match host_at(peer.ip()) {
            Some(far) if far != host => {
                let own = Socket { host, port: own.port() };
                Some(runtime.network.flows(own, Socket { host: far, port: peer.port() }))
            }
            _ => None,
        };
        Ok(SimStream { inner: Some(inner), runtime, host, flows, shut: false })
    }

    fn socket(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if !self.runtime.network.enter(self.host) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(Pin::new(self.inner.as_mut().expect("a stream has its socket until it is dropped")))
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some((_, incoming)) = &self.flows
            && (!incoming.ended.get() || incoming.is_unread())
        {
            let read = ready!(incoming.read(context, buffer));
            self.runtime.network.consumed(incoming, read as u64);
            return Poll::Ready(Ok(()));
        }
        ready!(self.socket()?.poll_read(context, buffer))?;
        self.runtime.network.dirty.set(true);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.flows {
            Some((outgoing, incoming)) if !self.shut && !incoming.is_gone() => {
                self.runtime.network.write(outgoing, context, bytes).map(Ok)
            }
            _ => {
                self.runtime.network.dirty.set(true);
                self.socket()?.poll_write(context, bytes)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut total = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            match self.as_mut().poll_write(context, part) {
                Poll::Ready(Ok(written)) => {
                    total += written;
                    if written < part.len() {
                        break;
                    }
                }
                // What was taken counts; the next call meets the same obstacle.
                Poll::Ready(Err(_)) | Poll::Pending if total > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((outgoing, _)) = &self.flows {
            ready!(outgoing.drained(context));
        }
        self.shut = true;
        self.runtime.network.dirty.set(true);
        self.socket()?.poll_shutdown(context)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if let Some((outgoing, incoming)) = &self.flows
            && self.runtime.network.enter(self.host)
        {
            self.runtime.network.send_rest(&self.runtime, outgoing);
            if incoming.is_unread() && !incoming.is_gone() {
                self.runtime.network.reset(&self.runtime, incoming);
            }
            incoming.close_reader();
        }
        close(&self.runtime, self.host, self.inner.take());
    }
}

/// A listening socket.
pub struct SimListener {
    inner: Option<TcpListener>,
    runtime: Rc<Runtime>,
    host: HostId,
}

impl SimListener {
    /// Listens on `at`, an address of `host`.
    pub(super) async fn bind(runtime: Rc<Runtime>, host: HostId, at: SocketAddr) -> io::Result<Self> {
        enter(&runtime, host)?;
        // Ready at its first poll, so the current host is still the right one.
        let inner = TcpListener::bind(at).await?;
        Ok(SimListener { inner: Some(inner), runtime, host })
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<SimStream> {
        let inner = self.inner.as_ref().expect("a listener has its socket until it is dropped");
        let accepted = poll_fn(|context| {
            enter(&self.runtime, self.host)?;
            inner.poll_accept(context)
        });
        let (stream, _) = accepted.await?;
        SimStream::new(Rc::clone(&self.runtime), self.host, stream)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        close(&self.runtime, self.host, self.inner.take());
    }
}

type TcpConnect = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// A connection that is being made.
pub(super) struct Connecting {
    inner: Option<TcpConnect>,
    runtime: Rc<Runtime>,
    host: HostId,
    /// Whether the target is another host.
    travels: bool,
    /// Set once the first packet is in the stack.
    abandoned: Option<Rc<Cell<bool>>>,
}

impl Connecting {
    pub(super) fn new(runtime: Rc<Runtime>, host: HostId, target: SocketAddr) -> Self {
        let travels = host_at(target.ip()) != Some(host);
        Connecting {
            inner: Some(Box::pin(TcpStream::connect(target))),
            runtime,
            host,
            travels,
            abandoned: None,
        }
    }
}

impl Future for Connecting {
    type Output = io::Result<SimStream>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        enter(&self.runtime, self.host)?;
        let connect = self.inner.as_mut().expect("polled after it was ready");
        let Poll::Ready(outcome) = connect.as_mut().poll(context) else {
            if !self.travels {
                self.runtime.network.dirty.set(true);
            } else if self.abandoned.is_none() {
                self.abandoned = Some(self.runtime.network.connecting(self.host));
            }
            return Poll::Pending;
        };
        self.abandoned = None;
        self.inner = None;
        Poll::Ready(outcome.and_then(|stream| SimStream::new(Rc::clone(&self.runtime), self.host, stream)))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.set(true);
        }
        close(&self.runtime, self.host, self.inner.take());
    }
}

fn enter(runtime: &Runtime, host: HostId) -> io::Result<()> {
    if runtime.network.enter(host) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
}

/// Drops a socket of `host` under that host.
fn close<T>(runtime: &Runtime, host: HostId, socket: Option<T>) {
    if runtime.network.enter(host) {
        runtime.network.dirty.set(true);
        drop(socket);
    } else {
        // The stack is gone, and with it the socket that this handle named.
        std::mem::forget(socket);
    }
}
