//! `TcpListener`: accepts connections.

use std::io;
use std::net::SocketAddr;

use super::{TcpSocket, TcpStream};
use crate::net::accept::BACKLOG;
use crate::net::addr::{ToSocketAddrs, for_each_addr, resolve};
use crate::net::methods::{listener_methods, socket_traits};
use crate::net::source::Source;

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

listener_methods!(TcpListener => TcpStream, std::net::TcpStream, SocketAddr);
socket_traits!(TcpListener, std::net::TcpListener);
