//! `UnixDatagram`: datagrams.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use filch_io_driver::Direction;
use socket2::{Domain, SockRef, Socket, Type};

use super::{SocketAddr, address};
use crate::io::Interest;
use crate::net::methods::{datagram_methods, socket_traits};
use crate::net::source::{Received, Source, receive_datagram};

/// A socket for datagrams between processes of one machine. None is lost or overtaken.
///
/// Every method takes `&self`: any number of tasks may use it at once, through an `Arc`, say. Of the
/// `poll_` methods only the last task of each direction (receiving, sending) is woken; of the others,
/// all.
///
/// With [`send_to`](UnixDatagram::send_to) and [`recv_from`](UnixDatagram::recv_from) it talks to
/// anybody. After [`connect`](UnixDatagram::connect) it has one peer, for [`send`](UnixDatagram::send)
/// and [`recv`](UnixDatagram::recv), and hears from nobody else. A datagram that is longer than the
/// buffer it is received into is cut off.
///
/// Dropping it closes the socket. The file that binding made stays: remove it, or the next `bind` says
/// `AddrInUse`.
///
/// # Examples
/// ```
/// use filch::net::UnixDatagram;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (here, there) = UnixDatagram::pair()?;
/// here.send(b"ping").await?;
/// let mut buf = [0; 64];
/// let len = there.recv(&mut buf).await?;
/// assert_eq!(&buf[..len], b"ping");
/// # Ok(())
/// # }
/// ```
pub struct UnixDatagram {
    source: Source<net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket that is bound to `path`; on Linux to an abstract name if `path` begins with a NUL byte.
    ///
    /// # Errors
    /// The system's: `AddrInUse` if something of that name is there, `NotFound`, `PermissionDenied`;
    /// `InvalidInput` for a path that is too long, or has a NUL byte in it.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let addr = address::of_path(path.as_ref())?;
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.bind(&addr)?;
        UnixDatagram::from_std(socket.into())
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// The system's: too many open files.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (here, there) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(here)?, UnixDatagram::from_std(there)?))
    }

    /// A socket that has no address: it can send, but nobody can answer.
    ///
    /// # Errors
    /// The system's: too many open files.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Chooses the peer. Nothing is sent.
    ///
    /// # Errors
    /// The system's: `NotFound`, `ConnectionRefused` if nobody is there any more; `InvalidInput` for a
    /// path that is too long, or has a NUL byte in it.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.source.options().connect(&address::of_path(path.as_ref())?)
    }

    /// Sends to the socket that is bound to `target`; how many bytes, which is all of them.
    ///
    /// It waits while the receiver's queue is full. Linux tells when there is room again only to the peers
    /// of that socket and to those whose own datagrams are in the queue: to wait for a receiver whose
    /// queue others fill, [`connect`](UnixDatagram::connect) to it.
    ///
    /// # Errors
    /// The system's: `NotFound`, `ConnectionRefused` if nobody is there any more, too long;
    /// `InvalidInput` for a path that cannot be one.
    /// # Cancel safety
    /// The datagram is sent or it is not.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = address::of_path(target.as_ref())?;
        self.async_io(Interest::WRITABLE, || self.source.options().send_to(buf, &target)).await
    }

    /// As [`send_to`](UnixDatagram::send_to).
    ///
    /// # Errors
    /// As [`send_to`](UnixDatagram::send_to).
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        let target = address::of_path(target.as_ref())?;
        self.source
            .poll_io(cx, Direction::Write, |socket| SockRef::from(socket).send_to(buf, &target))
    }

    /// As [`send_to`](UnixDatagram::send_to), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; as [`send_to`](UnixDatagram::send_to).
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = address::of_path(target.as_ref())?;
        self.try_io(Interest::WRITABLE, || self.source.options().send_to(buf, &target))
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr().map(SocketAddr::from)
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// The system's: `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.peer_addr().map(SocketAddr::from)
    }

    /// Ends the sending, the receiving, or both. Whoever waits for it is woken; receiving then gives 0
    /// bytes, sending `BrokenPipe`.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.shutdown(how)
    }
}

datagram_methods!(UnixDatagram, SocketAddr, recv, recv_from, receive, receive_from);
socket_traits!(UnixDatagram, net::UnixDatagram);

fn recv(socket: &net::UnixDatagram, buf: &mut [u8]) -> io::Result<usize> {
    or_end(socket, socket.recv(buf), || Ok(0))
}

fn recv_from(socket: &net::UnixDatagram, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let received = socket.recv_from(buf).map(|(n, from)| (n, SocketAddr::from(from)));
    or_end(socket, received, || Ok((0, SocketAddr::unnamed()?)))
}

fn receive(socket: &net::UnixDatagram, room: &mut [MaybeUninit<u8>]) -> io::Result<Received<()>> {
    or_end(socket, receive_datagram(socket, room), || Ok(Received::other(0, ())))
}

fn receive_from(
    socket: &net::UnixDatagram,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<Received<SocketAddr>> {
    let received = SockRef::from(socket)
        .recv_from(room)
        .and_then(|(n, from)| Ok(Received::other(n, SocketAddr::from_system(&from)?)));
    or_end(socket, received, || Ok(Received::other(0, SocketAddr::unnamed()?)))
}

/// The result of receiving, or the end if the socket was shut down.
///
/// A blocking socket then receives nothing, at once. A non-blocking one says for ever that it would block,
/// while the poller says for ever that it would not.
fn or_end<R>(
    socket: &net::UnixDatagram,
    result: io::Result<R>,
    end: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_shut_down(socket) => end(),
        result => result,
    }
}

/// Whether it was shut down for receiving.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_shut_down(socket: &net::UnixDatagram) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
    let now = Timespec::default();
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::RDHUP)
}

/// Whether it was shut down for receiving; then other systems say so by themselves.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_shut_down(_: &net::UnixDatagram) -> bool {
    false
}
