//! `UnixSocket`: a socket that neither listens nor is connected yet.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::path::Path;

use socket2::{Domain, Socket, Type};

use super::{UnixDatagram, UnixListener, UnixStream, address, connect};

/// A Unix socket to bind before it listens, connects, or becomes a [`UnixDatagram`].
///
/// Making and binding one needs no runtime; [`connect`](UnixSocket::connect), [`listen`](UnixSocket::listen)
/// and [`datagram`](UnixSocket::datagram) do.
///
/// # Examples
/// A client whose server can see from where it comes:
/// ```no_run
/// use filch::net::UnixSocket;
///
/// # async fn connect() -> std::io::Result<()> {
/// let socket = UnixSocket::new_stream()?;
/// socket.bind("/run/user/1000/client.sock")?;
/// let stream = socket.connect("/run/app.sock").await?;
/// # Ok(())
/// # }
/// ```
pub struct UnixSocket {
    inner: Socket,
}

impl UnixSocket {
    /// A socket for datagrams.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::DGRAM)
    }

    /// A socket for connections.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::STREAM)
    }

    fn new(ty: Type) -> io::Result<UnixSocket> {
        let inner = Socket::new(Domain::UNIX, ty, None)?;
        inner.set_nonblocking(true)?;
        Ok(UnixSocket { inner })
    }

    /// The socket, if it is of the type that `operation` needs.
    fn of_type(self, ty: Type, operation: &str) -> io::Result<Socket> {
        if self.inner.r#type()? == ty {
            Ok(self.inner)
        } else {
            let other = if ty == Type::DGRAM { "stream" } else { "datagram" };
            let text = format!("{operation} cannot be called on a {other} socket");
            Err(io::Error::other(text))
        }
    }

    /// Binds it to `path`; on Linux to an abstract name if `path` begins with a NUL byte.
    ///
    /// # Errors
    /// The system's: `AddrInUse` if something of that name is there, `NotFound`, `PermissionDenied`;
    /// `InvalidInput` for a path that is too long, or has a NUL byte in it.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.inner.bind(&address::of_path(path.as_ref())?)
    }

    /// Listens; the system holds up to `backlog` connections until they are accepted.
    ///
    /// # Errors
    /// The system's: `InvalidInput` if it is not bound; `Other` for a socket for datagrams.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        UnixListener::listen(self.of_type(Type::STREAM, "listen")?, backlog)
    }

    /// Connects, as [`UnixStream::connect`].
    ///
    /// # Errors
    /// As [`UnixStream::connect`]; `Other` for a socket for datagrams.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// The attempt is given up and the socket closed.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let addr = address::of_path(path.as_ref())?;
        connect::connect(self.of_type(Type::STREAM, "connect")?, addr).await
    }

    /// As a socket for datagrams.
    ///
    /// # Errors
    /// `Other` for a socket for connections; the system's, if it cannot be registered.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(self.of_type(Type::DGRAM, "datagram")?.into())
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl FromRawFd for UnixSocket {
    /// Takes over a descriptor. It must be non-blocking.
    ///
    /// # Safety
    /// The descriptor is open, a Unix socket, and nobody else's.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: the caller's promise.
        UnixSocket { inner: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl fmt::Debug for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
