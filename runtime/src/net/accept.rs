//! Accepting a connection that is non-blocking and closed on exec from the start.

use std::io;
use std::os::fd::AsFd;

use socket2::{SockAddr, SockRef, Socket};

use super::tcp::as_inet;

/// Connections that the kernel holds until they are accepted, if a listener's `bind` made the socket.
pub(super) const BACKLOG: u32 = 1024;

/// A listener of std's.
pub(super) trait Accept: AsFd {
    /// Its connections.
    type Stream: From<Socket>;
    /// Whence they come, as the public methods have it.
    type Addr;

    /// The address, as the system gave it.
    fn address(peer: SockAddr) -> io::Result<Self::Addr>;
}

impl Accept for std::net::TcpListener {
    type Stream = std::net::TcpStream;
    type Addr = std::net::SocketAddr;

    fn address(peer: SockAddr) -> io::Result<Self::Addr> {
        as_inet(peer)
    }
}

/// The next connection, and whence it comes.
pub(super) fn accept<L: Accept>(listener: &L) -> io::Result<(L::Stream, L::Addr)> {
    let (stream, peer) = accept_socket(&SockRef::from(listener))?;
    Ok((stream.into(), L::address(peer)?))
}

/// One system call.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
))]
fn accept_socket(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    listener.accept4(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
}

/// Several, where the system has no such call.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
)))]
fn accept_socket(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}
