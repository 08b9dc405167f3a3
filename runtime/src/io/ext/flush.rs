//! The future of `AsyncWriteExt::flush`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::AsyncWrite;

/// Flushes. See [`AsyncWriteExt::flush`](crate::io::AsyncWriteExt::flush).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Flush<'a, W: ?Sized>(&'a mut W);

impl<'a, W: ?Sized> Flush<'a, W> {
    pub(super) fn new(writer: &'a mut W) -> Self {
        Flush(writer)
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Flush<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn flush_waits_and_reports() {
        let mut mock = Mock::new().flush_pending();
        run(mock.flush()).unwrap();
        assert_eq!(mock.flushes, 1);
        let mut mock = Mock::new().flush_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.flush()).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
