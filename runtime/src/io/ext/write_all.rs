//! The future of `AsyncWriteExt::write_all`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{is_interrupted, write_zero};
use crate::io::AsyncWrite;

/// Writes all of a buffer. See [`AsyncWriteExt::write_all`](crate::io::AsyncWriteExt::write_all).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteAll<'a, W: ?Sized> {
    writer: &'a mut W,
    rest: &'a [u8],
}

impl<'a, W: ?Sized> WriteAll<'a, W> {
    pub(super) fn new(writer: &'a mut W, buf: &'a [u8]) -> Self {
        WriteAll { writer, rest: buf }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while !me.rest.is_empty() {
            match ready!(Pin::new(&mut *me.writer).poll_write(cx, me.rest)) {
                Ok(0) => return Poll::Ready(Err(write_zero())),
                Ok(n) => me.rest = &me.rest[n..],
                Err(error) if is_interrupted(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn write_all_goes_on_after_short_writes_and_interruptions() {
        let mut mock =
            Mock::new().accept(1).write_pending().write_error(ErrorKind::Interrupted).accept(2);
        run(mock.write_all(b"abcdef")).unwrap();
        assert_eq!(mock.written, b"abcdef");
    }

    #[test]
    fn write_all_of_nothing_does_not_write() {
        let mut mock = Mock::new().write_error(ErrorKind::BrokenPipe);
        run(mock.write_all(b"")).unwrap();
        assert_eq!(mock.write_polls, 0);
    }

    #[test]
    fn write_all_stops_at_a_writer_that_takes_nothing_and_at_an_error() {
        let mut mock = Mock::new().accept(2).accept(0);
        assert_eq!(run(mock.write_all(b"abc")).unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(mock.written, b"ab");
        let mut mock = Mock::new().accept(1).write_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.write_all(b"abc")).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(mock.written, b"a");
    }
}
