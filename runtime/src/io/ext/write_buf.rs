//! The future of `AsyncWriteExt::write_buf`, and the step that `write_all_buf` shares with it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;

use super::MAX_IO_SLICES;
use crate::io::AsyncWrite;

/// Writes once from a `Buf`. See [`AsyncWriteExt::write_buf`](crate::io::AsyncWriteExt::write_buf).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteBuf<'a, W: ?Sized, B> {
    writer: &'a mut W,
    buf: &'a mut B,
}

impl<'a, W: ?Sized, B> WriteBuf<'a, W, B> {
    pub(super) fn new(writer: &'a mut W, buf: &'a mut B) -> Self {
        WriteBuf { writer, buf }
    }
}

impl<W, B> Future for WriteBuf<'_, W, B>
where
    W: AsyncWrite + Unpin + ?Sized,
    B: Buf,
{
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if !me.buf.has_remaining() {
            return Poll::Ready(Ok(0));
        }
        poll_write_buf(Pin::new(&mut *me.writer), cx, me.buf)
    }
}

/// Writes once, all chunks together if the writer can, and takes from `buf` what was written.
pub(super) fn poll_write_buf<W, B>(
    writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<usize>>
where
    W: AsyncWrite + ?Sized,
    B: Buf,
{
    let n = if writer.is_write_vectored() {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let len = buf.chunks_vectored(&mut slices);
        ready!(writer.poll_write_vectored(cx, &slices[..len]))?
    } else {
        ready!(writer.poll_write(cx, buf.chunk()))?
    };
    buf.advance(n);
    Poll::Ready(Ok(n))
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn write_buf_advances_by_what_was_taken() {
        let mut buf = (&b"abc"[..]).chain(&b"def"[..]);
        let mut mock = Mock::new().write_pending().accept(2);
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap(), 2);
        // Not vectored: one chunk at a time.
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap(), 1);
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap(), 3);
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap(), 0);
        assert_eq!((mock.written.as_slice(), mock.write_polls), (&b"abcdef"[..], 4));
    }

    #[test]
    fn write_buf_passes_all_chunks_to_a_vectored_writer() {
        let mut buf = (&b"abc"[..]).chain(&b"def"[..]);
        let mut mock = Mock::new().vectored().accept(4);
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap(), 4);
        assert_eq!(buf.chunk(), b"ef");
        assert_eq!(mock.written, b"abcd");
    }

    #[test]
    fn write_buf_takes_nothing_on_error() {
        let mut buf = &b"abc"[..];
        let mut mock = Mock::new().write_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.write_buf(&mut buf)).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(buf, b"abc");
    }
}
