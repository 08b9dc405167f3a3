//! The future of `AsyncBufReadExt::fill_buf`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::AsyncBufRead;

/// Lends out the buffer. See [`AsyncBufReadExt::fill_buf`](crate::io::AsyncBufReadExt::fill_buf).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct FillBuf<'a, R: ?Sized> {
    /// Gone once it has been returned, as part of the borrow of the buffer.
    reader: Option<&'a mut R>,
}

impl<'a, R: ?Sized> FillBuf<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> Self {
        FillBuf { reader: Some(reader) }
    }
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&'a [u8]>> {
        let reader = self.reader.take().expect("polled after completion");
        match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Ready(Ok(bytes)) => {
                // SAFETY: this only lengthens the borrow, which the borrow checker cannot do in one of
                // several arms. `reader` was borrowed for `'a`, exclusively, and this future has just
                // given it up: nobody can get at the buffer before `'a` is over.
                let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.reader = Some(reader);
                Poll::Pending
            }
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncBufReadExt, BufReader};
    use std::io::ErrorKind;

    #[test]
    fn fill_buf_lends_the_same_bytes_until_they_are_consumed() {
        let mut reader = BufReader::new(Mock::new().read_pending().data(b"abc"));
        assert_eq!(run(reader.fill_buf()).unwrap(), b"abc");
        reader.consume(1);
        assert_eq!(run(reader.fill_buf()).unwrap(), b"bc");
        reader.consume(2);
        assert_eq!(run(reader.fill_buf()).unwrap(), b"");
        assert_eq!(reader.get_ref().read_polls, 3);
    }

    #[test]
    fn fill_buf_reports_the_error() {
        let mut reader = BufReader::new(Mock::new().read_error(ErrorKind::ConnectionReset));
        assert_eq!(run(reader.fill_buf()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}
