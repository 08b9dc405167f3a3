//! `TcpListener`: accepts connections.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use filch_io_driver::Direction;

use super::{TcpSocket, TcpStream};
use crate::io::Interest;
use crate::net::accept::accept;
use crate::net::addr::{ToSocketAddrs, for_each_addr, resolve};
use crate::net::source::{Source, socket_traits};

/// Connections that the kernel holds until they are accepted, if [`TcpListener::bind`] made the socket.
const BACKLOG: u32 = 1024;

/// A socket that listens for TCP connections.
///
/// Any number of tasks may [`accept`](TcpListener::accept) at once; each connection goes to one of them,
/// and belongs to the runtime that this one runs on.
///
/// Dropping it closes the socket: connections that were not accepted are reset.
///
/// # Examples
/// ```no_run
/// use filch::net::TcpListener;
///
/// # async fn handle(_: filch::net::TcpStream) {}
/// # async fn serve() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (stream, _peer) = listener.accept().await?;
///     filch::spawn(handle(stream));
/// }
/// # }
/// ```
pub struct TcpListener {
    source: Source<std::net::TcpListener>,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound.
    ///
    /// Port 0 lets the system choose one: see [`local_addr`](TcpListener::local_addr). Sets
    /// `SO_REUSEADDR`, so that a restarted server gets its port back; the backlog is 1024.
    /// [`TcpSocket`] has more options.
    ///
    /// # Errors
    /// That of the last address: `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`; `InvalidInput` if
    /// the name stands for no address.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// Either there is a listener or nothing happened.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let addrs = resolve(addr).await?;
        for_each_addr(addrs, |addr| async move {
            let socket = TcpSocket::new_for(addr)?;
            socket.set_reuseaddr(true)?;
            socket.bind(addr)?;
            socket.listen(BACKLOG)
        })
        .await
    }

    /// The next connection, and its peer's address.
    ///
    /// # Errors
    /// The system's. `EMFILE` and `ENFILE` (too many open files) leave the connection where it is: wait
    /// a moment, then go on. Others concern one connection that is gone (`ConnectionAborted`).
    /// # Cancel safety
    /// No connection is lost.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self
            .source
            .registration()
            .async_io(Interest::READABLE, || accept(&self.source))
            .await?;
        Ok((self.adopt(stream)?, peer))
    }

    /// As [`accept`](TcpListener::accept); only the last task that polled is woken.
    ///
    /// # Errors
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.source
            .poll_io(cx, Direction::Read, accept)
            .map(|accepted| accepted.and_then(|(stream, peer)| Ok((self.adopt(stream)?, peer))))
    }

    fn adopt(&self, stream: std::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream::from_source(Source::child_of(&self.source, stream)?))
    }

    /// Takes over a listener of std's. It is made non-blocking.
    ///
    /// # Errors
    /// The system's, if it cannot be registered.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener { source: Source::from_foreign(listener)? })
    }

    /// As std's listener, no longer registered and still non-blocking: call
    /// [`set_nonblocking`](std::net::TcpListener::set_nonblocking) if it is to block.
    ///
    /// # Errors
    /// The system's, if it cannot be deregistered.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.source.into_inner()
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr()
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.ttl()
    }

    /// Sets `IP_TTL`: through how many routers a packet may go. Connections inherit it.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.set_ttl(ttl)
    }
}

socket_traits!(TcpListener, std::net::TcpListener);
