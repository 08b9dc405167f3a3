//! `UdpSocket`: datagrams.
//!
//! This file: making one, readiness, sending. `receive.rs`: receiving and peeking. `options.rs`: options.

mod options;
mod receive;

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use filch_io_driver::Direction;

use super::addr::{ToSocketAddrs, for_each_addr, resolve};
use super::source::{Source, socket_traits};
use crate::io::{Interest, Ready};

/// A UDP socket.
///
/// Every method takes `&self`: any number of tasks may use it at once, through an `Arc`, say. Of the
/// `poll_` methods only the last task of each direction (receiving, sending) is woken; of the others,
/// all.
///
/// With [`send_to`](UdpSocket::send_to) and [`recv_from`](UdpSocket::recv_from) it talks to anybody.
/// After [`connect`](UdpSocket::connect) it has one peer, for [`send`](UdpSocket::send) and
/// [`recv`](UdpSocket::recv), and hears from nobody else.
///
/// A datagram that is longer than the buffer it is received into is cut off.
///
/// # Examples
/// ```
/// use filch::net::UdpSocket;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let here = UdpSocket::bind("127.0.0.1:0").await?;
/// let there = UdpSocket::bind("127.0.0.1:0").await?;
/// here.send_to(b"ping", there.local_addr()?).await?;
///
/// let mut buf = [0; 64];
/// let (len, from) = there.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..len], from), (&b"ping"[..], here.local_addr()?));
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    source: Source<std::net::UdpSocket>,
}

impl UdpSocket {
    /// A socket bound to the first of the addresses that can be.
    ///
    /// Port 0 lets the system choose one: see [`local_addr`](UdpSocket::local_addr).
    ///
    /// # Errors
    /// That of the last address: `AddrInUse`, `AddrNotAvailable`; `InvalidInput` if the name stands for
    /// no address.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// Either there is a socket or nothing happened.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        let addrs = resolve(addr).await?;
        for_each_addr(
            addrs,
            |addr| async move { UdpSocket::from_std(std::net::UdpSocket::bind(addr)?) },
        )
        .await
    }

    /// Takes over a socket of std's. It is made non-blocking.
    ///
    /// # Errors
    /// The system's, if it cannot be registered.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        Ok(UdpSocket { source: Source::from_foreign(socket)? })
    }

    /// As std's socket, no longer registered and still non-blocking: call
    /// [`set_nonblocking`](std::net::UdpSocket::set_nonblocking) if it is to block.
    ///
    /// # Errors
    /// The system's, if it cannot be deregistered.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        self.source.into_inner()
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// The system's: `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.peer_addr()
    }

    /// Takes the error that waits at the socket (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    /// The system's, if the asking fails.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.take_error()
    }

    /// Chooses the peer: the first of the addresses that the system accepts. Nothing is sent.
    ///
    /// # Errors
    /// That of the last address; `InvalidInput` if the name stands for no address.
    /// # Cancel safety
    /// It is connected or it is not.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let addrs = resolve(addr).await?;
        for_each_addr(addrs, |addr| async move { self.source.connect(addr) }).await
    }

    /// Waits until the socket is ready for something of `interest`, and says what.
    ///
    /// It may be wrong: an operation may still say `WouldBlock`, and then takes the readiness away.
    ///
    /// # Errors
    /// The runtime has shut down.
    /// # Cancel safety
    /// No readiness is lost: a later call finds it.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.source.ready(interest).await
    }

    /// Waits until receiving would not block, as [`ready`](UdpSocket::ready).
    ///
    /// # Errors
    /// As [`ready`](UdpSocket::ready).
    /// # Cancel safety
    /// As [`ready`](UdpSocket::ready).
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until sending would not block, as [`ready`](UdpSocket::ready).
    ///
    /// # Errors
    /// As [`ready`](UdpSocket::ready).
    /// # Cancel safety
    /// As [`ready`](UdpSocket::ready).
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for readiness to receive.
    ///
    /// # Errors
    /// As [`ready`](UdpSocket::ready).
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Read)
    }

    /// Polls for readiness to send.
    ///
    /// # Errors
    /// As [`ready`](UdpSocket::ready).
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Write)
    }

    /// Calls `f`, which does something to the socket, if it is ready for something of `interest`.
    ///
    /// If `f` returns `WouldBlock` the readiness is taken away: `f` must return that only if the socket
    /// said so.
    ///
    /// # Errors
    /// `WouldBlock` if the socket is not ready; else that of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.registration().try_io(interest, f)
    }

    /// Calls `f` when the socket is ready for something of `interest`, until it returns something other
    /// than `WouldBlock`.
    ///
    /// # Errors
    /// That of `f`; the runtime has shut down.
    /// # Cancel safety
    /// `f` runs to its end or not at all.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.source.registration().async_io(interest, f).await
    }

    /// Sends to the peer that it is connected to; how many bytes, which is all of them.
    ///
    /// # Errors
    /// The system's: an answer to an earlier datagram (`ConnectionRefused`), no peer, too long.
    /// # Cancel safety
    /// The datagram is sent or it is not.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.async_io(Interest::WRITABLE, || self.source.send(buf)).await
    }

    /// As [`send`](UdpSocket::send).
    ///
    /// # Errors
    /// As [`send`](UdpSocket::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, |socket| socket.send(buf))
    }

    /// As [`send`](UdpSocket::send), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; as [`send`](UdpSocket::send).
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.source.send(buf))
    }

    /// Sends to the first address that the name stands for; how many bytes, which is all of them.
    ///
    /// # Errors
    /// The system's; `InvalidInput` if the name stands for no address.
    /// # Cancel safety
    /// The datagram is sent or it is not.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let target = resolve(addr).await?.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address")
        })?;
        self.async_io(Interest::WRITABLE, || self.source.send_to(buf, target)).await
    }

    /// As [`send_to`](UdpSocket::send_to).
    ///
    /// # Errors
    /// The system's.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, |socket| socket.send_to(buf, target))
    }

    /// As [`send_to`](UdpSocket::send_to), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; the system's.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.source.send_to(buf, target))
    }
}

socket_traits!(UdpSocket, std::net::UdpSocket);
