//! `UnixListener`: accepts connections.

use std::io;
use std::os::unix::net;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{SocketAddr, UnixStream, address};
use crate::net::accept::{Accept, BACKLOG};
use crate::net::methods::{listener_methods, socket_traits, take_error_method};
use crate::net::source::Source;

/// A socket that listens for connections of processes of this machine.
///
/// Any number of tasks may [`accept`](UnixListener::accept) at once; each connection goes to one of them,
/// and belongs to the runtime that this one runs on.
///
/// Dropping it closes the socket, and connections that were not accepted. The file that binding made
/// stays: remove it, or the next `bind` says `AddrInUse`.
///
/// # Examples
/// ```no_run
/// use filch::net::UnixListener;
///
/// # async fn handle(_: filch::net::UnixStream) {}
/// # async fn serve() -> std::io::Result<()> {
/// let path = "/run/app.sock";
/// // Left by the one before, if there was one.
/// let _ = std::fs::remove_file(path);
/// let listener = UnixListener::bind(path)?;
/// loop {
///     let (stream, _peer) = listener.accept().await?;
///     filch::spawn(handle(stream));
/// }
/// # }
/// ```
pub struct UnixListener {
    source: Source<net::UnixListener>,
}

impl UnixListener {
    /// Listens at `path`; on Linux at an abstract name if `path` begins with a NUL byte. The backlog is
    /// 1024, or what the system allows.
    ///
    /// # Errors
    /// The system's: `AddrInUse` if something of that name is there, `NotFound`, `PermissionDenied`;
    /// `InvalidInput` for a path that is too long, or has a NUL byte in it.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_system(&address::of_path(path.as_ref())?)
    }

    /// As [`bind`](UnixListener::bind), at an address.
    ///
    /// # Errors
    /// As [`bind`](UnixListener::bind).
    /// # Panics
    /// As [`bind`](UnixListener::bind).
    #[track_caller]
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::bind_system(&socket_addr.to_system()?)
    }

    #[track_caller]
    fn bind_system(addr: &SockAddr) -> io::Result<UnixListener> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(addr)?;
        UnixListener::listen(socket, BACKLOG)
    }

    #[track_caller]
    pub(super) fn listen(socket: Socket, backlog: u32) -> io::Result<UnixListener> {
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::from_std(socket.into())
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr().map(SocketAddr::from)
    }
}

impl Accept for net::UnixListener {
    type Stream = net::UnixStream;
    type Addr = SocketAddr;

    fn address(peer: SockAddr) -> io::Result<SocketAddr> {
        SocketAddr::from_system(&peer)
    }
}

listener_methods!(UnixListener => UnixStream, net::UnixStream, SocketAddr);
take_error_method!(UnixListener);
socket_traits!(UnixListener, net::UnixListener);
