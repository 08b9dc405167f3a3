//! Receiving datagrams, and looking at the next one without taking it.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BufMut;
use filch_io_driver::Direction;
use socket2::SockRef;

use super::UdpSocket;
use crate::io::{Interest, ReadBuf};
use crate::net::source::Received;
use crate::net::tcp::as_inet;

impl UdpSocket {
    /// Receives a datagram from the peer that it is connected to; how many bytes.
    ///
    /// # Errors
    /// The system's: an answer to an earlier datagram (`ConnectionRefused`); the runtime has shut down.
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.source.recv(buf)).await
    }

    /// As [`recv`](UdpSocket::recv), behind what `buf` holds.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.source.poll_receive(cx, buf, recv)
    }

    /// As [`recv`](UdpSocket::recv), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; as [`recv`](UdpSocket::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.source.recv(buf))
    }

    /// As [`try_recv`](UdpSocket::try_recv), behind what `buf` holds, which grows by what was received.
    ///
    /// # Errors
    /// As [`try_recv`](UdpSocket::try_recv).
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.source.try_receive(buf, recv).map(|(n, ())| n)
    }

    /// As [`recv`](UdpSocket::recv), behind what `buf` holds, which grows by what was received.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_recv_buf(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Receives a datagram from anybody; how many bytes, and from whom.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.async_io(Interest::READABLE, || self.source.recv_from(buf)).await
    }

    /// As [`recv_from`](UdpSocket::recv_from), behind what `buf` holds.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.source.poll_receive(cx, buf, recv_from)
    }

    /// As [`recv_from`](UdpSocket::recv_from), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; as [`recv`](UdpSocket::recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(Interest::READABLE, || self.source.recv_from(buf))
    }

    /// As [`try_recv_from`](UdpSocket::try_recv_from), behind what `buf` holds, which grows by what was
    /// received.
    ///
    /// # Errors
    /// As [`try_recv_from`](UdpSocket::try_recv_from).
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.source.try_receive(buf, recv_from)
    }

    /// As [`recv_from`](UdpSocket::recv_from), behind what `buf` holds, which grows by what was
    /// received.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv).
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        loop {
            self.readable().await?;
            match self.try_recv_buf_from(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

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
        self.source
            .poll_receive(cx, buf, |socket, room| Ok(Received::other(socket.peek(room)?, ())))
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
            let (n, from) = socket.peek_from(room)?;
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

fn recv(socket: &SockRef<'_>, room: &mut [MaybeUninit<u8>]) -> io::Result<Received<()>> {
    Ok(Received::other(socket.recv(room)?, ()))
}

fn recv_from(
    socket: &SockRef<'_>,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<Received<SocketAddr>> {
    let (n, from) = socket.recv_from(room)?;
    Ok(Received::other(n, as_inet(from)?))
}
