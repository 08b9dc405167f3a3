//! `BufWriter`: fewer, larger writes.
//!
//! Invariants
//! W1  `buf[written..]` has been accepted from the caller and not been taken by the inner writer;
//!     `buf[..written]` has been taken.
//! W2  The buffer never grows past its capacity.
//! W3  Bytes go past the buffer only while it is empty, so that order is kept.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{DEFAULT_CAPACITY, seek_under_way};
use crate::io::async_seek::AskedSeek;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// Adds a buffer to a writer.
    ///
    /// Small writes to a socket or file are many system calls: this collects them, and passes them on
    /// when its buffer is full, on `flush` and on `shutdown`. A write at least as long as the buffer goes
    /// past it. For large writes, and for writers in memory, it gains nothing.
    ///
    /// Reading passes through to the inner stream.
    ///
    /// **What is in the buffer is lost when the `BufWriter` is dropped or unwrapped**: `flush` first.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncWriteExt, BufWriter};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = BufWriter::new(Vec::new());
    /// for n in 0..10 {
    ///     writer.write_all(format!("{n}\n").as_bytes()).await?;
    /// }
    /// writer.flush().await?;
    /// assert_eq!(writer.into_inner(), b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    /// # Ok(())
    /// # }
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        inner: W,
        buf: Vec<u8>,
        capacity: usize,
        written: usize,
        seek: SeekState,
        asked: AskedSeek,
    }
}

#[derive(Debug, Clone, Copy)]
enum SeekState {
    Idle,
    /// Asked for, not submitted to the inner stream.
    Asked(SeekFrom),
    Submitted,
}

impl<W: AsyncWrite> BufWriter<W> {
    /// A writer with a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        BufWriter::with_capacity(DEFAULT_CAPACITY, inner)
    }

    /// A writer with a buffer of `capacity` bytes. With zero every write goes straight through.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        let buf = Vec::with_capacity(capacity);
        BufWriter {
            inner,
            buf,
            capacity,
            written: 0,
            seek: SeekState::Idle,
            asked: AskedSeek::default(),
        }
    }

    /// The inner writer.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The inner writer. What is written to it directly overtakes what is in the buffer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The inner writer, pinned. What is written to it directly overtakes what is in the buffer.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// Unwraps the inner writer. What is in the buffer is lost.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What is in the buffer.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }

    /// Passes everything in the buffer on. Does not flush the inner writer.
    fn poll_flush_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut me = self.project();
        let result = loop {
            if *me.written == me.buf.len() {
                break Ok(());
            }
            match ready!(me.inner.as_mut().poll_write(cx, &me.buf[*me.written..])) {
                Ok(0) => {
                    let text = "the writer takes none of the buffered bytes";
                    break Err(io::Error::new(ErrorKind::WriteZero, text));
                }
                Ok(n) => *me.written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // On an error what is left stays, for a later attempt.
        me.buf.drain(..std::mem::take(me.written));
        Poll::Ready(result)
    }

    /// Makes sure that `len` more bytes fit, or that the buffer is empty.
    fn poll_make_room(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        len: usize,
    ) -> Poll<io::Result<()>> {
        if len <= self.capacity - self.buf.len() {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush_buf(cx)
    }
}

impl<W> BufWriter<W> {
    /// Wraps the inner stream in something else, and keeps the buffer.
    pub(super) fn map<S>(self, wrap: impl FnOnce(W) -> S) -> BufWriter<S> {
        let BufWriter { inner, buf, capacity, written, seek, asked } = self;
        BufWriter { inner: wrap(inner), buf, capacity, written, seek, asked }
    }

    /// Takes the buffer off, for it to be put around another stream with [`map`](BufWriter::map).
    pub(super) fn into_parts(self) -> (W, BufWriter<()>) {
        let BufWriter { inner, buf, capacity, written, seek, asked } = self;
        (inner, BufWriter { inner: (), buf, capacity, written, seek, asked })
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.as_mut().poll_make_room(cx, buf.len()))?;
        let me = self.project();
        if buf.len() >= *me.capacity {
            return me.inner.poll_write(cx, buf); // W3: it did not fit, so the buffer is empty
        }
        me.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.inner.is_write_vectored() {
            // Only compared with the capacity: more than fits a `usize` is as good as the most.
            let total = bufs.iter().fold(0_usize, |sum, buf| sum.saturating_add(buf.len()));
            ready!(self.as_mut().poll_make_room(cx, total))?;
            let me = self.project();
            if total >= *me.capacity {
                return me.inner.poll_write_vectored(cx, bufs); // W3, as in `poll_write`
            }
            for buf in bufs {
                me.buf.extend_from_slice(buf);
            }
            return Poll::Ready(Ok(total));
        }
        let mut bufs = bufs.iter().skip_while(|buf| buf.is_empty());
        let Some(first) = bufs.next() else { return Poll::Ready(Ok(0)) };
        ready!(self.as_mut().poll_make_room(cx, first.len()))?;
        let me = self.project();
        if first.len() >= *me.capacity {
            return me.inner.poll_write(cx, first); // W3, as in `poll_write`
        }
        me.buf.extend_from_slice(first);
        let mut total = first.len();
        for buf in bufs {
            if buf.len() > *me.capacity - me.buf.len() {
                break;
            }
            me.buf.extend_from_slice(buf);
            total += buf.len();
        }
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Every seek passes the buffer on first.
impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let me = self.project();
        if matches!(me.seek, SeekState::Submitted) {
            return Err(seek_under_way());
        }
        *me.seek = SeekState::Asked(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let SeekState::Asked(position) = self.seek {
            let prepared = match ready!(self.as_mut().poll_flush_buf(cx)) {
                Ok(()) => ready!(self.as_mut().get_pin_mut().poll_complete(cx)).map(drop),
                Err(error) => Err(error),
            };
            let me = self.as_mut().project();
            // Whatever fails, the next seek starts afresh.
            *me.seek = SeekState::Idle;
            prepared?;
            me.inner.start_seek(position)?;
            *me.seek = SeekState::Submitted;
        }
        let me = self.project();
        let completed = ready!(me.inner.poll_complete(cx));
        *me.seek = SeekState::Idle;
        Poll::Ready(completed)
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_read(cx, buf)
    }
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_pin_mut().consume(amt)
    }
}

#[cfg(feature = "futures-io")]
impl<W> crate::io::futures_io::Asked for BufWriter<W> {
    fn asked(self: Pin<&mut Self>) -> Option<&mut AskedSeek> {
        Some(self.project().asked)
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.buf.len(), self.capacity))
            .field("written", &self.written)
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
