//! The future of `AsyncWriteExt::write`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::AsyncWrite;

/// Writes once. See [`AsyncWriteExt::write`](crate::io::AsyncWriteExt::write).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Write<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
}

impl<'a, W: ?Sized> Write<'a, W> {
    pub(super) fn new(writer: &'a mut W, buf: &'a [u8]) -> Self {
        Write { writer, buf }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Write<'_, W> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        Pin::new(&mut *me.writer).poll_write(cx, me.buf)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn write_gives_what_one_poll_takes() {
        let mut mock = Mock::new().write_pending().accept(2).write_error(ErrorKind::Interrupted);
        assert_eq!(run(mock.write(b"abc")).unwrap(), 2);
        assert_eq!(run(mock.write(b"abc")).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(run(mock.write(b"abc")).unwrap(), 3);
        assert_eq!(mock.written, b"ababc");
    }
}
