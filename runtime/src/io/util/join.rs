//! `join`: a reader and a writer as one stream.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

pin_project! {
    /// A reader and a writer as one stream. Made by [`join`].
    #[derive(Debug)]
    pub struct Join<R, W> {
        #[pin]
        reader: R,
        #[pin]
        writer: W,
    }
}

/// A stream that reads from `reader` and writes to `writer`.
///
/// [`split`](crate::io::split) is the other way round.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, join};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut stream = join(&b"a"[..], Vec::new());
/// let byte = stream.read_u8().await?;
/// stream.write_u8(byte.to_ascii_uppercase()).await?;
/// assert_eq!(stream.writer(), b"A");
/// # Ok(())
/// # }
/// ```
pub fn join<R, W>(reader: R, writer: W) -> Join<R, W>
where
    R: AsyncRead,
    W: AsyncWrite,
{
    Join { reader, writer }
}

impl<R, W> Join<R, W>
where
    R: AsyncRead,
    W: AsyncWrite,
{
    /// Unwraps reader and writer.
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }

    /// The reader.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The writer.
    pub fn writer(&self) -> &W {
        &self.writer
    }

    /// The reader, to be changed.
    pub fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The writer, to be changed.
    pub fn writer_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The reader, pinned.
    pub fn reader_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// The writer, pinned.
    pub fn writer_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }
}

impl<R, W> AsyncRead for Join<R, W>
where
    R: AsyncRead,
    W: AsyncWrite,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reader_pin_mut().poll_read(cx, buf)
    }
}

impl<R, W> AsyncBufRead for Join<R, W>
where
    R: AsyncBufRead,
    W: AsyncWrite,
{
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.reader_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.reader_pin_mut().consume(amt)
    }
}

impl<R, W> AsyncWrite for Join<R, W>
where
    R: AsyncRead,
    W: AsyncWrite,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer_pin_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

    #[test]
    fn each_operation_goes_to_its_side() {
        let mut stream = join(&b"ab\ncd"[..], Mock::new().vectored());
        let mut line = String::new();
        run(stream.read_line(&mut line)).unwrap();
        assert_eq!(line, "ab\n");
        assert_eq!(run(stream.read_u8()).unwrap(), b'c');
        run(stream.write_all(b"x")).unwrap();
        assert!(stream.is_write_vectored());
        run(stream.write_vectored(&[IoSlice::new(b"y"), IoSlice::new(b"z")])).unwrap();
        run(stream.flush()).unwrap();
        run(stream.shutdown()).unwrap();
        assert_eq!(*stream.reader(), b"d");
        *stream.reader_mut() = b"e";
        stream.writer_mut().flushes += 1;
        assert_eq!((stream.writer().flushes, stream.writer().shutdowns), (2, 1));
        let (reader, writer) = stream.into_inner();
        assert_eq!((reader, writer.written.as_slice()), (&b"e"[..], &b"xyz"[..]));
    }
}
