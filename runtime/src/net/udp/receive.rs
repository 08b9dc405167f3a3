//! Looking at the next datagram without taking it.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use filch_io_driver::Direction;
use socket2::SockRef;

use super::UdpSocket;
use crate::io::{Interest, ReadBuf};
use crate::net::source::Received;
use crate::net::tcp::as_inet;

impl UdpSocket {
    /// As [`recv`](UdpSocket::recv); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.source.peek(buf)).await
    }

    /// As [`poll_recv`](UdpSocket::poll_recv); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.source.poll_receive(cx, buf, |socket, room| {
            Ok(Received::other(SockRef::from(socket).peek(room)?, ()))
        })
    }

    /// As [`try_recv`](UdpSocket::try_recv); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`try_recv`](UdpSocket::try_recv).
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.source.peek(buf))
    }

    /// As [`recv_from`](UdpSocket::recv_from); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.async_io(Interest::READABLE, || self.source.peek_from(buf)).await
    }

    /// As [`poll_recv_from`](UdpSocket::poll_recv_from); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.source.poll_receive(cx, buf, |socket, room| {
            let (n, from) = SockRef::from(socket).peek_from(room)?;
            Ok(Received::other(n, as_inet(from)?))
        })
    }

    /// As [`try_recv_from`](UdpSocket::try_recv_from); the datagram stays for the next call.
    ///
    /// # Errors
    /// As [`try_recv`](UdpSocket::try_recv).
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(Interest::READABLE, || self.source.peek_from(buf))
    }

    /// Who sent the next datagram, which stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.async_io(Interest::READABLE, || self.sender()).await
    }

    /// As [`peek_sender`](UdpSocket::peek_sender).
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.source.poll_io(cx, Direction::Read, |_| self.sender())
    }

    /// As [`peek_sender`](UdpSocket::peek_sender), if that does not block.
    ///
    /// # Errors
    /// As [`try_recv`](UdpSocket::try_recv).
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.try_io(Interest::READABLE, || self.sender())
    }

    fn sender(&self) -> io::Result<SocketAddr> {
        as_inet(self.source.options().peek_sender()?)
    }
}

/// Receives a datagram and its sender's address.
pub(super) fn receive_from(
    socket: &std::net::UdpSocket,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<Received<SocketAddr>> {
    let (n, from) = SockRef::from(socket).recv_from(room)?;
    Ok(Received::other(n, as_inet(from)?))
}
