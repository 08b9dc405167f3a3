//! `TcpStream`: one connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use socket2::SockRef;

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpSocket, WriteHalf};
use crate::io::{Interest, ReadBuf};
use crate::net::addr::{ToSocketAddrs, for_each_addr, resolve};
use crate::net::methods::stream_methods;
use crate::net::source::{Received, Source, receive_stream};

/// A TCP connection.
///
/// Read and write it with the methods of [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt). One task may read while another one writes: see
/// [`split`](TcpStream::split) and [`into_split`](TcpStream::into_split). `shutdown` ends the
/// writing; dropping the stream closes the connection.
///
/// A read or a write is one system call where it does not have to wait. A read that does not fill its
/// buffer is not followed by another one that would only find out that nothing is left.
///
/// # Examples
/// ```no_run
/// use filch::io::AsyncWriteExt;
/// use filch::net::TcpStream;
///
/// # async fn connect() -> std::io::Result<()> {
/// let mut stream = TcpStream::connect("127.0.0.1:8080").await?;
/// stream.write_all(b"hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// That of the last address: `ConnectionRefused`, `TimedOut`, `NetworkUnreachable`; `InvalidInput`
    /// if the name stands for no address.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    /// # Cancel safety
    /// The attempt is given up and its socket closed.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let addrs = resolve(addr).await?;
        for_each_addr(addrs, |addr| async move { TcpSocket::new_for(addr)?.connect(addr).await })
            .await
    }

    /// Waits for the end of a connecting that has begun.
    pub(super) async fn finish_connecting(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream { source: Source::new(stream)? };
        // Writable means decided, for better or worse.
        stream.writable().await?;
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    pub(super) fn source(&self) -> &Source<std::net::TcpStream> {
        &self.source
    }

    /// The address of this end.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// The system's: `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.peer_addr()
    }

    /// Reads without taking: the next read gives the same bytes. 0 is the end of the stream.
    ///
    /// # Errors
    /// The system's; the runtime has shut down.
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.source.peek(buf)).await
    }

    /// As [`peek`](TcpStream::peek), behind what `buf` holds; how many bytes. Only the last task that
    /// polled for reading is woken.
    ///
    /// # Errors
    /// As [`peek`](TcpStream::peek).
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.source.poll_receive(cx, buf, |socket, room| {
            let n = SockRef::from(socket).peek(room)?;
            Ok(Received::other(n, n))
        })
    }

    pub(super) async fn peek_into(&self, buf: &mut [u8]) -> io::Result<usize> {
        // By the waker slot for reading and not the list: the half is the only reader.
        let mut buf = ReadBuf::new(buf);
        poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
    }
}

stream_methods!(TcpStream, std::net::TcpStream, receive_stream);
