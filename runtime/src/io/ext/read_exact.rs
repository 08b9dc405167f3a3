//! The future of `AsyncReadExt::read_exact`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{is_interrupted, unexpected_eof};
use crate::io::{AsyncRead, ReadBuf};

/// Fills a buffer. See [`AsyncReadExt::read_exact`](crate::io::AsyncReadExt::read_exact).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
    filled: usize,
}

impl<'a, R: ?Sized> ReadExact<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut [u8]) -> Self {
        ReadExact { reader, buf, filled: 0 }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        ready!(poll_fill(Pin::new(&mut *me.reader), cx, me.buf, &mut me.filled))?;
        Poll::Ready(Ok(me.buf.len()))
    }
}

/// Reads until all of `buf` is filled; `filled` says how much is, across polls.
#[inline]
pub(super) fn poll_fill<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    filled: &mut usize,
) -> Poll<io::Result<()>> {
    while *filled < buf.len() {
        let mut rest = ReadBuf::new(&mut buf[*filled..]);
        match ready!(reader.as_mut().poll_read(cx, &mut rest)) {
            Ok(()) if rest.filled().is_empty() => return Poll::Ready(Err(unexpected_eof())),
            Ok(()) => *filled += rest.filled().len(),
            Err(error) if is_interrupted(&error) => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncReadExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn read_exact_joins_pieces_and_takes_no_more() {
        let mut mock =
            Mock::new().data(b"ab").read_pending().read_error(ErrorKind::Interrupted).data(b"cdef");
        let mut buf = [0; 5];
        assert_eq!(run(mock.read_exact(&mut buf)).unwrap(), 5);
        assert_eq!(&buf, b"abcde");
        assert_eq!(run(mock.read_u8()).unwrap(), b'f');
    }

    #[test]
    fn read_exact_of_nothing_does_not_read() {
        let mut mock = Mock::new().read_error(ErrorKind::ConnectionReset);
        assert_eq!(run(mock.read_exact(&mut [])).unwrap(), 0);
        assert_eq!(mock.read_polls, 0);
    }

    #[test]
    fn read_exact_fails_at_the_end_and_on_an_error() {
        let mut buf = [0; 5];
        let error = run(Mock::new().data(b"ab").read_exact(&mut buf)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(&buf[..2], b"ab");
        let mut mock = Mock::new().data(b"ab").read_error(ErrorKind::ConnectionReset);
        let error = run(mock.read_exact(&mut buf)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
