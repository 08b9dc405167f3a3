//! `InspectReader` and `InspectWriter`: a function sees the bytes that pass.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::io::async_write::forward_async_write;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

pin_project! {
    /// Shows what is read from a reader to a function.
    ///
    /// The function gets the bytes of each read that succeeds, an empty slice at the end of the stream. It
    /// runs inside of the poll, so it must not block. Writing, where the inner stream can, passes
    /// through unseen.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncReadExt, InspectReader};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut sum = 0u32;
    /// let mut reader = InspectReader::new(&b"\x01\x02\x03"[..], |bytes: &[u8]| {
    ///     sum += bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    /// });
    /// let mut body = Vec::new();
    /// reader.read_to_end(&mut body).await?;
    /// assert_eq!((sum, body.len()), (6, 3));
    /// # Ok(())
    /// # }
    /// ```
    pub struct InspectReader<R, F> {
        #[pin]
        inner: R,
        inspect: F,
    }
}

impl<R, F: FnMut(&[u8])> InspectReader<R, F> {
    /// Shows what is read from `reader` to `inspect`.
    pub fn new(reader: R, inspect: F) -> Self {
        InspectReader { inner: reader, inspect }
    }

    /// Unwraps the reader.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead, F: FnMut(&[u8])> AsyncRead for InspectReader<R, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.project();
        let before = buf.filled().len();
        ready!(me.inner.poll_read(cx, buf))?;
        (me.inspect)(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

pin_project! {
    /// Shows what is written to a writer to a function.
    ///
    /// The function gets the bytes that a write took, in one piece or, of a vectored write, in several;
    /// not those that it was offered and did not take. It runs inside of the poll, so it must not block.
    /// Reading, where the inner stream can, passes through unseen.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncWriteExt, InspectWriter};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut log = Vec::new();
    /// let mut writer = InspectWriter::new(filch::io::sink(), |bytes: &[u8]| log.extend_from_slice(bytes));
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(log, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub struct InspectWriter<W, F> {
        #[pin]
        inner: W,
        inspect: F,
    }
}

impl<W, F: FnMut(&[u8])> InspectWriter<W, F> {
    /// Shows what is written to `writer` to `inspect`.
    pub fn new(writer: W, inspect: F) -> Self {
        InspectWriter { inner: writer, inspect }
    }

    /// Unwraps the writer.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: AsyncWrite, F: FnMut(&[u8])> AsyncWrite for InspectWriter<W, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.project();
        let n = ready!(me.inner.poll_write(cx, buf))?;
        if n > 0 {
            (me.inspect)(&buf[..n]);
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.project();
        let n = ready!(me.inner.poll_write_vectored(cx, bufs))?;
        let mut left = n;
        for buf in bufs {
            let taken = left.min(buf.len());
            if taken > 0 {
                (me.inspect)(&buf[..taken]);
            }
            left -= taken;
        }
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<R: AsyncWrite, F> AsyncWrite for InspectReader<R, F> {
    forward_async_write!(this => this.project().inner, this.inner);
}

impl<W: AsyncRead, F> AsyncRead for InspectWriter<W, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buf)
    }
}

impl<R: fmt::Debug, F> fmt::Debug for InspectReader<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InspectReader").field("reader", &self.inner).finish_non_exhaustive()
    }
}

impl<W: fmt::Debug, F> fmt::Debug for InspectWriter<W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InspectWriter").field("writer", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt};
    use std::io::ErrorKind;

    #[test]
    fn each_read_is_seen_once_and_the_end_too() {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let mock = Mock::new().data(b"ab").read_pending().data(b"c");
        let mut reader = InspectReader::new(mock, |bytes: &[u8]| seen.push(bytes.to_vec()));
        let mut text = b"> ".to_vec();
        run(reader.read_to_end(&mut text)).unwrap();
        assert_eq!(text, b"> abc");
        run(reader.write_all(b"through")).unwrap();
        assert_eq!(reader.into_inner().written, b"through");
        assert_eq!(seen.concat(), b"abc");
        assert_eq!(seen.last().unwrap(), b"");
    }

    #[test]
    fn what_a_write_took_is_seen_and_no_more() {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let mock = Mock::new().vectored().write_pending().accept(1).data(b"r");
        let mut writer = InspectWriter::new(mock, |bytes: &[u8]| seen.push(bytes.to_vec()));
        assert_eq!(run(writer.write(b"ab")).unwrap(), 1);
        assert!(AsyncWrite::is_write_vectored(&writer));
        let slices = [IoSlice::new(b"b"), IoSlice::new(b""), IoSlice::new(b"cd")];
        assert_eq!(run(writer.write_vectored(&slices)).unwrap(), 3);
        assert_eq!(run(writer.read_u8()).unwrap(), b'r');
        run(writer.flush()).unwrap();
        run(writer.shutdown()).unwrap();
        assert_eq!(writer.into_inner().written, b"abcd");
        assert_eq!(seen, [&b"a"[..], b"b", b"cd"]);
    }

    #[test]
    fn errors_pass_and_nothing_is_seen() {
        let mut calls = 0;
        let mock = Mock::new().read_error(ErrorKind::ConnectionReset);
        let mut reader = InspectReader::new(mock, |_: &[u8]| calls += 1);
        let error = run(reader.read(&mut [0; 4])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(calls, 0);
    }
}
