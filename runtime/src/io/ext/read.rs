//! The future of `AsyncReadExt::read`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::{AsyncRead, ReadBuf};

/// Reads once. See [`AsyncReadExt::read`](crate::io::AsyncReadExt::read).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<'a, R: ?Sized> Read<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut [u8]) -> Self {
        Read { reader, buf }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let mut buf = ReadBuf::new(me.buf);
        ready!(Pin::new(&mut *me.reader).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncReadExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn read_takes_what_one_poll_gives() {
        let mut mock = Mock::new().read_pending().data(b"abc").data(b"d");
        let mut buf = [0; 8];
        assert_eq!(run(mock.read(&mut buf)).unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        assert_eq!(run(mock.read(&mut buf)).unwrap(), 1);
        assert_eq!(run(mock.read(&mut buf)).unwrap(), 0);
    }

    #[test]
    fn read_reports_every_error_even_an_interruption() {
        let mut mock = Mock::new().read_error(ErrorKind::Interrupted);
        assert_eq!(run(mock.read(&mut [0; 8])).unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
