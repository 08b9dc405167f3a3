//! `UdpSocket`: datagrams.
//!
//! This file: making one, sending. `receive.rs`: peeking. `batch/`: many datagrams in one
//! system call. `options.rs`: options. The rest: `net/methods`.

mod batch;
mod options;
mod receive;

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use filch_io_driver::Direction;

use super::addr::{ToSocketAddrs, for_each_addr, resolve};
use super::methods::{datagram_methods, socket_traits};
use super::source::{Source, receive_datagram};
use crate::io::Interest;

pub use batch::{Datagram, Datagrams, RecvBatch, SendBatch};

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

datagram_methods!(
    UdpSocket,
    SocketAddr,
    std::net::UdpSocket::recv,
    std::net::UdpSocket::recv_from,
    receive_datagram,
    receive::receive_from
);
socket_traits!(UdpSocket, std::net::UdpSocket);
