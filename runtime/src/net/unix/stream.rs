//! `UnixStream`: one connection.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UCred, WriteHalf, address, connect,
    credentials,
};
use crate::net::methods::stream_methods;
use crate::net::source::{Received, Source};

/// A connection between two processes of one machine, or two tasks.
///
/// Read and write it with the methods of [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt). One task may read while another one writes: see
/// [`split`](UnixStream::split) and [`into_split`](UnixStream::into_split). `shutdown` ends the
/// writing; dropping the stream closes the connection.
///
/// # Examples
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt};
/// use filch::net::UnixStream;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut here, mut there) = UnixStream::pair()?;
/// here.write_all(b"hello").await?;
/// drop(here);
/// let mut text = String::new();
/// there.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixStream {
    source: Source<net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener that is bound to `path`; on Linux to an abstract name if `path` begins
    /// with a NUL byte.
    ///
    /// If the listener's queue is full, it waits for room there.
    ///
    /// # Errors
    /// The system's: `NotFound`, `ConnectionRefused` if nobody listens there any more,
    /// `PermissionDenied`; `InvalidInput` for a path that is too long, or has a NUL byte in it.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// The attempt is given up and its socket closed. One that waited for room may be made after that,
    /// for a moment.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        let addr = address::of_path(path.as_ref())?;
        UnixStream::connect_system(addr).await
    }

    /// As [`connect`](UnixStream::connect), to an address.
    ///
    /// # Errors
    /// As [`connect`](UnixStream::connect).
    /// # Panics
    /// As [`connect`](UnixStream::connect).
    /// # Cancel safety
    /// As [`connect`](UnixStream::connect).
    pub async fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connect_system(socket_addr.to_system()?).await
    }

    async fn connect_system(addr: SockAddr) -> io::Result<UnixStream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        connect::connect(socket, addr).await
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// The system's: too many open files.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (here, there) = net::UnixStream::pair()?;
        Ok((UnixStream::from_std(here)?, UnixStream::from_std(there)?))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr().map(SocketAddr::from)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.peer_addr().map(SocketAddr::from)
    }

    /// Who is at the other end: the process that connected, or that called `listen`, or that made the
    /// pair.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        credentials::peer_cred(self.source.as_fd())
    }
}

stream_methods!(UnixStream, net::UnixStream, receive);

/// Receives, and finds out whether a short read means that nothing is left.
///
/// It does not where the system stopped at a message that carries descriptors or credentials. Nobody asks
/// for these here, and they are dropped; that they were is what the flag says.
fn receive(socket: &net::UnixStream, room: &mut [MaybeUninit<u8>]) -> io::Result<Received<()>> {
    let mut buffer = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: a struct of integers and pointers, for which zero is none.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut buffer;
    message.msg_iovlen = 1;
    // SAFETY: the message has one buffer, which is `room`, and no room for anything else; all of it is
    // alive, and the descriptor is open.
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    if message.msg_flags & libc::MSG_CTRUNC == 0 {
        Ok(Received::from_stream(n))
    } else {
        Ok(Received::other(n, ()))
    }
}
