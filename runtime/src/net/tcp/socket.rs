//! `TcpSocket`: a socket that neither listens nor is connected yet, to set options on.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{TcpListener, TcpStream};

/// A TCP socket to set options on, before it listens or connects.
///
/// Making one and setting options needs no runtime; [`connect`](TcpSocket::connect) and
/// [`listen`](TcpSocket::listen) do.
///
/// # Examples
/// ```
/// use filch::net::TcpSocket;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(64)?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    pub(super) inner: Socket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    /// The system's: too many open files, no IPv6.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    /// A socket of the address's kind.
    pub(super) fn new_for(addr: SocketAddr) -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::for_address(addr))
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let inner = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        inner.set_nonblocking(true)?;
        Ok(TcpSocket { inner })
    }

    /// Takes over a socket of std's, which need not be connected. It is made non-blocking, if that is
    /// possible; [`connect`](TcpSocket::connect) and [`listen`](TcpSocket::listen) tell if not.
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        let inner = Socket::from(std_stream);
        // This signature has no error to give; a broken descriptor will show in the next call.
        let _ = inner.set_nonblocking(true);
        TcpSocket { inner }
    }

    /// Binds it to a local address.
    ///
    /// # Errors
    /// The system's: `AddrInUse`, `AddrNotAvailable`.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    /// Connects.
    ///
    /// # Errors
    /// The system's: `ConnectionRefused`, `TimedOut`, `NetworkUnreachable`.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// The attempt is given up and the socket closed.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.inner.connect(&addr.into()) {
            Ok(()) => {}
            Err(error) if is_in_progress(&error) => {}
            Err(error) => return Err(error),
        }
        TcpStream::finish_connecting(self.inner.into()).await
    }

    /// Listens; the system holds up to `backlog` connections until they are accepted.
    ///
    /// # Errors
    /// The system's.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.inner.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::from_std(self.inner.into())
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.inner.local_addr()?)
    }

    /// Takes the error that waits at the socket (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    /// The system's, if the asking fails.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

/// Whether connecting goes on in the background.
fn is_in_progress(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // Between Unix sockets, and on some systems, it says that it would block.
    matches!(Errno::from_io_error(error), Some(Errno::INPROGRESS | Errno::WOULDBLOCK))
}

/// The address, which is one of IPv4 or IPv6 for every socket of this module.
pub(in crate::net) fn as_inet(addr: SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an internet address"))
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl FromRawFd for TcpSocket {
    /// Takes over a descriptor. It must be non-blocking.
    ///
    /// # Safety
    /// The descriptor is open, a TCP socket, and nobody else's.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: the caller's promise.
        TcpSocket { inner: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_are_not_in_progress() {
        assert!(!is_in_progress(&io::ErrorKind::ConnectionRefused.into()));
        assert!(!is_in_progress(&io::Error::from_raw_os_error(
            rustix::io::Errno::CONNREFUSED.raw_os_error()
        )));
    }

    #[test]
    fn unix_address_is_refused() {
        let error = as_inet(SockAddr::unix("/a/path").unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
