//! The future of `AsyncWriteExt::shutdown`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::AsyncWrite;

/// Shuts down. See [`AsyncWriteExt::shutdown`](crate::io::AsyncWriteExt::shutdown).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Shutdown<'a, W: ?Sized>(&'a mut W);

impl<'a, W: ?Sized> Shutdown<'a, W> {
    pub(super) fn new(writer: &'a mut W) -> Self {
        Shutdown(writer)
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Shutdown<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::ErrorKind;

    #[test]
    fn shutdown_waits_and_reports() {
        let mut mock = Mock::new().shutdown_pending();
        run(mock.shutdown()).unwrap();
        assert_eq!(mock.shutdowns, 1);
        let mut mock = Mock::new().shutdown_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.shutdown()).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
