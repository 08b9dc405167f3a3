//! `TcpStream`: one connection.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use filch_io_driver::Direction;

use super::split::{ReadHalf, WriteHalf};
use super::split_owned::{OwnedReadHalf, OwnedWriteHalf};
use super::{TcpSocket, split, split_owned};
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::addr::{ToSocketAddrs, for_each_addr, resolve};
use crate::net::source::{Received, Source, at_most_max_buffers, socket_traits, total_len};

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

    pub(super) fn from_source(source: Source<std::net::TcpStream>) -> TcpStream {
        TcpStream { source }
    }

    pub(super) fn source(&self) -> &Source<std::net::TcpStream> {
        &self.source
    }

    /// Takes over a connection of std's. It is made non-blocking.
    ///
    /// # Errors
    /// The system's, if it cannot be registered.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { source: Source::from_foreign(stream)? })
    }

    /// As std's connection, no longer registered and still non-blocking: call
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking) if it is to block.
    ///
    /// # Errors
    /// The system's, if it cannot be deregistered.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.source.into_inner()
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

    /// Takes the error that waits at the socket (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    /// The system's, if the asking fails.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.take_error()
    }

    /// Waits until the stream is ready for something of `interest`, and says what.
    ///
    /// It may be wrong: an operation may still say `WouldBlock`, and then takes the readiness away. Any
    /// number of tasks may wait.
    ///
    /// # Errors
    /// The runtime has shut down.
    /// # Cancel safety
    /// No readiness is lost: a later call finds it.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.source.ready(interest).await
    }

    /// Waits until a read would not block, as [`ready`](TcpStream::ready).
    ///
    /// # Errors
    /// As [`ready`](TcpStream::ready).
    /// # Cancel safety
    /// As [`ready`](TcpStream::ready).
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until a write would not block, as [`ready`](TcpStream::ready).
    ///
    /// # Errors
    /// As [`ready`](TcpStream::ready).
    /// # Cancel safety
    /// As [`ready`](TcpStream::ready).
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for readiness to read. Of several tasks only the last one that polled for reading, by
    /// whichever method, is woken.
    ///
    /// # Errors
    /// As [`ready`](TcpStream::ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Read)
    }

    /// Polls for readiness to write. Of several tasks only the last one that polled for writing, by
    /// whichever method, is woken.
    ///
    /// # Errors
    /// As [`ready`](TcpStream::ready).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Write)
    }

    /// Reads, if that does not block. 0 is the end of the stream, or an empty buffer.
    ///
    /// Use it after [`readable`](TcpStream::readable) or `ready`.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there; the system's.
    pub fn try_read(&self, mut buf: &mut [u8]) -> io::Result<usize> {
        self.try_read_buf(&mut buf)
    }

    /// As [`try_read`](TcpStream::try_read), into several buffers, one after the other.
    ///
    /// # Errors
    /// As [`try_read`](TcpStream::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || (&*self.source).read_vectored(bufs))
    }

    /// As [`try_read`](TcpStream::try_read), behind what `buf` holds, which grows by what was read.
    ///
    /// # Errors
    /// As [`try_read`](TcpStream::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let (n, ()) = self
            .source
            .try_receive(buf, |socket, room| Ok(Received::from_stream(socket.recv(room)?)))?;
        Ok(n)
    }

    /// Writes, if that does not block; how many bytes were taken.
    ///
    /// Use it after [`writable`](TcpStream::writable) or `ready`.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; the system's.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || (&*self.source).write(buf))
    }

    /// As [`try_write`](TcpStream::try_write), from several buffers, one after the other.
    ///
    /// # Errors
    /// As [`try_write`](TcpStream::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || (&*self.source).write_vectored(bufs))
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
            let n = socket.peek(room)?;
            Ok(Received::other(n, n))
        })
    }

    /// Two halves that borrow the stream: for reading and writing at once in one task, at no cost.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// Two halves that own the stream, for two tasks; they share it by a reference count.
    ///
    /// Dropping the write half ends the writing, as `shutdown` does. [`OwnedReadHalf::reunite`] gives
    /// the stream back.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned::split_owned(self)
    }

    pub(super) async fn peek_into(&self, buf: &mut [u8]) -> io::Result<usize> {
        // By the waker slot for reading and not the list: the half is the only reader.
        let mut buf = ReadBuf::new(buf);
        poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
    }

    pub(super) fn poll_read_priv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.source
            .poll_receive(cx, buf, |socket, room| Ok(Received::from_stream(socket.recv(room)?)))
    }

    pub(super) fn poll_write_priv(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.source.poll_send_stream(cx, buf.len(), |mut stream| stream.write(buf))
    }

    pub(super) fn poll_write_vectored_priv(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = at_most_max_buffers(bufs);
        self.source.poll_send_stream(cx, total_len(bufs), |mut stream| stream.write_vectored(bufs))
    }

    /// Ends the writing. A connection that is gone already has no end to be told.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self.source.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_priv(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_priv(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_priv(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered here.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_write())
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

socket_traits!(TcpStream, std::net::TcpStream);
