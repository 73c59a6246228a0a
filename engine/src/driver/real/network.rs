//! TCP sockets.
//!
//! Sockets a process listens on are opened before it starts ([`listen`]): a port that is taken is found out while
//! nothing has happened yet, and a port the system chose is known to everybody before anybody starts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};

use super::sending;
use crate::driver::platform::Network;
use crate::id::Endpoint;
use crate::time::Duration;
use crate::wire::Parts;

/// How long to wait when the system has no descriptor left for a new connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// A listening socket on `host:port`; port 0 lets the system choose.
///
/// # Errors
/// The port is taken, or the address is not ours.
pub fn listen(endpoint: &Endpoint) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((&*endpoint.host, endpoint.port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The sockets of one process.
#[derive(Clone, Debug, Default)]
pub struct TcpNetwork {
    /// Opened before the start, by the endpoint that others are told.
    opened: Rc<RefCell<BTreeMap<Endpoint, std::net::TcpListener>>>,
}

impl TcpNetwork {
    /// A network where whoever binds `advertised` gets `listener`, wherever that listens.
    #[must_use]
    pub fn with_listener(advertised: Endpoint, listener: std::net::TcpListener) -> TcpNetwork {
        TcpNetwork { opened: Rc::new(RefCell::new(BTreeMap::from([(advertised, listener)]))) }
    }
}

impl Network for TcpNetwork {
    type Listener = TcpListener;
    type Stream = TcpStream;

    const GATHERS: bool = true;

    async fn bind(&self, endpoint: &Endpoint) -> io::Result<TcpListener> {
        let opened = self.opened.borrow_mut().remove(endpoint);
        TcpListener::from_std(opened.map_or_else(|| listen(endpoint), Ok)?)
    }

    async fn send_parts(stream: &mut TcpStream, parts: Parts) -> io::Result<()> {
        sending::send(stream, parts).await
    }

    /// Never fails: a connection that broke before it was accepted is none, and a process without descriptors has
    /// them again when connections close.
    async fn accept(&self, listener: &TcpListener) -> io::Result<TcpStream> {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Answers are written whole: waiting for more only delays them.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep_until(tokio::time::Instant::now() + ACCEPT_BACKOFF).await,
            }
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> io::Result<TcpStream> {
        let stream = match endpoint.host.parse::<IpAddr>() {
            Ok(address) => TcpStream::connect((address, endpoint.port)).await?,
            Err(_) => TcpStream::connect((&*endpoint.host, endpoint.port)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
