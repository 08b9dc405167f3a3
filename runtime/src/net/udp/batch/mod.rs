//! Many datagrams in one system call.
//!
//! Callers: users; `udp/mod.rs` has the rest of the socket.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `send.rs` | `SendBatch`: datagrams that wait to be sent, and how they are grouped |
//! | `recv.rs` | `RecvBatch`: room for datagrams, and those that came |
//! | `linux.rs` | `sendmmsg` with `UDP_SEGMENT`, `recvmmsg` with `UDP_GRO` |
//! | `one_by_one.rs` | the same, a datagram a system call: where there are no such calls |
//!
//! `quinn-udp` does this too, for QUIC: it sets "don't fragment", ECN and packet information on each socket
//! and swallows errors, so that it does not suit a socket that is also used otherwise.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
mod one_by_one;
mod recv;
mod send;

use std::io;
use std::task::{Context, Poll};

use filch_io_driver::Direction;

pub use recv::{Datagram, Datagrams, RecvBatch};
pub use send::SendBatch;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use one_by_one as system;

use super::UdpSocket;
use crate::io::Interest;

/// How many messages one system call takes. More would not make it much cheaper a message, and their headers
/// are on the stack.
const MAX_MESSAGES: usize = 32;

impl UdpSocket {
    /// Sends the datagrams of a batch, in their order, and removes them from it.
    ///
    /// On Linux a system call takes up to 32 messages (`sendmmsg`), and datagrams that follow each other with
    /// the same destination and the same length travel as one message (`UDP_SEGMENT`, GSO): up to 64 of
    /// them and 64 KiB, the last of which may be shorter. Elsewhere it is one system call a datagram.
    ///
    /// # Errors
    /// The system's, for the datagram that is now the first of the batch: those before it have been sent.
    /// It stays there, so that the call can be repeated; [`SendBatch::skip`] gives it up. Errors are those
    /// of [`send_to`](UdpSocket::send_to), such as one that is too long, or an answer to an earlier
    /// datagram (`ConnectionRefused`).
    /// # Cancel safety
    /// No datagram is lost and none is sent twice: those that were sent are gone from the batch, the others
    /// are still in it.
    /// # Examples
    /// ```
    /// use filch::net::UdpSocket;
    /// use filch::net::udp::{RecvBatch, SendBatch};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let here = UdpSocket::bind("127.0.0.1:0").await?;
    /// let there = UdpSocket::bind("127.0.0.1:0").await?;
    ///
    /// let mut outgoing = SendBatch::new();
    /// for word in ["to", "be", "or"] {
    ///     outgoing.push_to(word.as_bytes(), there.local_addr()?);
    /// }
    /// here.send_batch(&mut outgoing).await?;
    ///
    /// let mut incoming = RecvBatch::new(32, 1500);
    /// let mut words = Vec::new();
    /// while words.len() < 3 {
    ///     for datagram in there.recv_batch(&mut incoming).await? {
    ///         assert_eq!(datagram.from, here.local_addr()?);
    ///         words.push(String::from_utf8_lossy(datagram.payload).into_owned());
    ///     }
    /// }
    /// assert_eq!(words, ["to", "be", "or"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_batch(&self, batch: &mut SendBatch) -> io::Result<()> {
        while !batch.is_empty() {
            self.source
                .registration()
                .async_io(Interest::WRITABLE, || system::send(&self.source, batch))
                .await?;
        }
        Ok(())
    }

    /// As [`send_batch`](UdpSocket::send_batch). What was sent before it returns `Pending` is gone from the
    /// batch.
    ///
    /// # Errors
    /// As [`send_batch`](UdpSocket::send_batch).
    pub fn poll_send_batch(
        &self,
        cx: &mut Context<'_>,
        batch: &mut SendBatch,
    ) -> Poll<io::Result<()>> {
        while !batch.is_empty() {
            let sent = self.source.poll_io(cx, Direction::Write, |s| system::send(s, batch));
            match sent {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends as many datagrams of a batch as there is room for, and removes them from it; how many. 0 of an
    /// empty batch.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room for the first; as [`send_batch`](UdpSocket::send_batch).
    pub fn try_send_batch(&self, batch: &mut SendBatch) -> io::Result<usize> {
        let before = batch.len();
        while !batch.is_empty() {
            let sent = self
                .source
                .registration()
                .try_io(Interest::WRITABLE, || system::send(&self.source, batch));
            match sent {
                Ok(()) => {}
                // The error comes again with the next call, or is gone, as `send`'s would be.
                Err(_) if batch.len() < before => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before - batch.len())
    }

    /// Waits for datagrams and receives as many as are there and `batch` has room for: at least one.
    ///
    /// On Linux a system call takes up to 32 messages (`recvmmsg`), each of which can be many datagrams
    /// of one sender if the socket [joins](UdpSocket::set_gro) them. Elsewhere it is one system call a
    /// datagram.
    ///
    /// What `batch` held before is gone.
    ///
    /// # Errors
    /// As [`recv`](UdpSocket::recv). One that comes after datagrams is kept for the next call.
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv_batch<'b>(&self, batch: &'b mut RecvBatch) -> io::Result<Datagrams<'b>> {
        self.source
            .registration()
            .async_io(Interest::READABLE, || system::recv(&self.source, batch))
            .await?;
        Ok(batch.iter())
    }

    /// As [`recv_batch`](UdpSocket::recv_batch).
    ///
    /// # Errors
    /// As [`recv_batch`](UdpSocket::recv_batch).
    pub fn poll_recv_batch(
        &self,
        cx: &mut Context<'_>,
        batch: &mut RecvBatch,
    ) -> Poll<io::Result<()>> {
        self.source.poll_io(cx, Direction::Read, |socket| system::recv(socket, batch))
    }

    /// As [`recv_batch`](UdpSocket::recv_batch), if that does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; as [`recv_batch`](UdpSocket::recv_batch).
    pub fn try_recv_batch<'b>(&self, batch: &'b mut RecvBatch) -> io::Result<Datagrams<'b>> {
        self.source
            .registration()
            .try_io(Interest::READABLE, || system::recv(&self.source, batch))?;
        Ok(batch.iter())
    }

    /// Whether the socket hands over joined datagrams: see [`set_gro`](UdpSocket::set_gro).
    ///
    /// # Errors
    /// `Unsupported` where the system does not join datagrams; the system's.
    pub fn gro(&self) -> io::Result<bool> {
        system::gro(&self.source)
    }

    /// Sets `UDP_GRO`: whether the system may hand over datagrams of one sender and one length, which
    /// followed each other, as one message. Off by default. Linux 5.0 and later.
    ///
    /// [`recv_batch`](UdpSocket::recv_batch) takes them apart again. Give it room for 64 KiB a message: a
    /// joined message that is longer than the room for it loses its end. All other ways to receive see
    /// the joined message as one datagram, so use them no more.
    ///
    /// # Errors
    /// `Unsupported` where the system does not join datagrams; the system's (`ENOPROTOOPT` of an old one).
    pub fn set_gro(&self, join: bool) -> io::Result<()> {
        system::set_gro(&self.source, join)
    }
}
