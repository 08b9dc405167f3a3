//! The future of `AsyncWriteExt::write_all_buf`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;

use super::write_buf::poll_write_buf;
use super::{is_interrupted, write_zero};
use crate::io::AsyncWrite;

/// Writes all of a `Buf`. See [`AsyncWriteExt::write_all_buf`](crate::io::AsyncWriteExt::write_all_buf).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteAllBuf<'a, W: ?Sized, B> {
    writer: &'a mut W,
    buf: &'a mut B,
}

impl<'a, W: ?Sized, B> WriteAllBuf<'a, W, B> {
    pub(super) fn new(writer: &'a mut W, buf: &'a mut B) -> Self {
        WriteAllBuf { writer, buf }
    }
}

impl<W, B> Future for WriteAllBuf<'_, W, B>
where
    W: AsyncWrite + Unpin + ?Sized,
    B: Buf,
{
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while me.buf.has_remaining() {
            match ready!(poll_write_buf(Pin::new(&mut *me.writer), cx, me.buf)) {
                Ok(0) => return Poll::Ready(Err(write_zero())),
                Ok(_) => {}
                Err(error) if is_interrupted(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, poll_once, run};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn write_all_buf_writes_every_chunk() {
        for mock in [Mock::new(), Mock::new().vectored()] {
            let mut mock =
                mock.accept(1).write_pending().write_error(ErrorKind::Interrupted).accept(3);
            let mut buf = (&b"abc"[..]).chain(&b"def"[..]);
            run(mock.write_all_buf(&mut buf)).unwrap();
            assert_eq!((mock.written.as_slice(), buf.remaining()), (&b"abcdef"[..], 0));
        }
    }

    #[test]
    fn write_all_buf_can_be_dropped_and_called_again() {
        let mut buf = &b"abcdef"[..];
        let mut mock = Mock::new().accept(2).write_stall();
        assert!(poll_once(pin!(mock.write_all_buf(&mut buf))).is_pending());
        assert_eq!((mock.written.as_slice(), buf), (&b"ab"[..], &b"cdef"[..]));
        let mut mock = Mock::new();
        run(mock.write_all_buf(&mut buf)).unwrap();
        assert_eq!(mock.written, b"cdef");
    }

    #[test]
    fn write_all_buf_stops_at_a_writer_that_takes_nothing_and_at_an_error() {
        let mut buf = &b"abc"[..];
        let mut mock = Mock::new().accept(1).accept(0).write_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.write_all_buf(&mut buf)).unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(run(mock.write_all_buf(&mut buf)).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(buf, b"bc");
    }
}
