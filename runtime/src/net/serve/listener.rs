//! `Listener`: what connections come from.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};

/// Something that [`serve`](fn@crate::net::serve) accepts connections from.
///
/// Wrap a listener to set options on each connection, or to count or filter them:
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use std::task::{Context, Poll};
///
/// use filch::net::serve::Listener;
/// use filch::net::{TcpListener, TcpStream};
///
/// /// Sends what is written at once.
/// struct NoDelay(TcpListener);
///
/// impl Listener for NoDelay {
///     type Io = TcpStream;
///     type Addr = SocketAddr;
///
///     fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
///         self.0.poll_accept(cx).map_ok(|(stream, peer)| {
///             let _ = stream.set_nodelay(true);
///             (stream, peer)
///         })
///     }
/// }
/// ```
/// What takes long, such as a TLS handshake, belongs into the handler: while a listener is busy with one
/// connection, nobody else is accepted.
pub trait Listener: Send + 'static {
    /// A connection.
    type Io: Send + 'static;
    /// Who it is with.
    type Addr: fmt::Debug + Send + Sync + 'static;

    /// The next connection, and its peer.
    ///
    /// # Errors
    /// The system's, as they come: `serve` tells from the code whether to go on at once, after a while, or
    /// not at all. An error without a code of the system's ends it, unless its kind is
    /// `ConnectionAborted`, `ConnectionRefused`, `ConnectionReset` or `Interrupted`.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Io, Self::Addr)>>;
}

impl Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        TcpListener::poll_accept(self, cx)
    }
}

impl Listener for UnixListener {
    type Io = UnixStream;
    type Addr = unix::SocketAddr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnixStream, unix::SocketAddr)>> {
        UnixListener::poll_accept(self, cx)
    }
}
