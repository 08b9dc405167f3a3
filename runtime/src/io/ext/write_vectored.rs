//! The future of `AsyncWriteExt::write_vectored`.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::AsyncWrite;

/// Writes several buffers at once. See
/// [`AsyncWriteExt::write_vectored`](crate::io::AsyncWriteExt::write_vectored).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteVectored<'a, 'b, W: ?Sized> {
    writer: &'a mut W,
    bufs: &'a [IoSlice<'b>],
}

impl<'a, 'b, W: ?Sized> WriteVectored<'a, 'b, W> {
    pub(super) fn new(writer: &'a mut W, bufs: &'a [IoSlice<'b>]) -> Self {
        WriteVectored { writer, bufs }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteVectored<'_, '_, W> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        Pin::new(&mut *me.writer).poll_write_vectored(cx, me.bufs)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{Mock, run};
    use std::io::{ErrorKind, IoSlice};

    #[test]
    fn write_vectored_counts_over_all_buffers() {
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")];
        let mut mock = Mock::new().vectored().write_pending().accept(3);
        assert_eq!(run(mock.write_vectored(&bufs)).unwrap(), 3);
        assert_eq!(mock.written, b"abc");
        let mut mock = Mock::new().write_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.write_vectored(&bufs)).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
