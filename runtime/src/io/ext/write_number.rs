//! The future of the number writers of `AsyncWriteExt`: `write_u16`, `write_f64_le` and so on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{is_interrupted, write_zero};
use crate::io::AsyncWrite;

/// Writes the `N` bytes of a number, already put in order.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WriteNumber<'a, W: ?Sized, const N: usize> {
    writer: &'a mut W,
    bytes: [u8; N],
    written: usize,
}

impl<'a, W: ?Sized, const N: usize> WriteNumber<'a, W, N> {
    #[inline]
    pub(super) fn new(writer: &'a mut W, bytes: [u8; N]) -> Self {
        WriteNumber { writer, bytes, written: 0 }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized, const N: usize> Future for WriteNumber<'_, W, N> {
    type Output = io::Result<()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while me.written < N {
            match ready!(Pin::new(&mut *me.writer).poll_write(cx, &me.bytes[me.written..])) {
                Ok(0) => return Poll::Ready(Err(write_zero())),
                Ok(n) => me.written += n,
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
    fn a_number_may_go_in_pieces() {
        let mut mock =
            Mock::new().accept(1).write_pending().write_error(ErrorKind::Interrupted).accept(2);
        run(mock.write_u32(0x0102_0304)).unwrap();
        assert_eq!(mock.written, [1, 2, 3, 4]);
    }

    #[test]
    fn a_number_stops_at_a_writer_that_takes_nothing_and_at_an_error() {
        let mut mock = Mock::new().accept(0).write_error(ErrorKind::BrokenPipe);
        assert_eq!(run(mock.write_u8(1)).unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(run(mock.write_f64_le(1.0)).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
