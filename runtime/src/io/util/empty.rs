//! `empty`: always at its end.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf, poll_spend};

/// A stream that is at its end for readers and swallows what is written. Made by [`empty`].
pub struct Empty {
    _private: (),
}

/// A stream that is at its end for readers and swallows what is written.
///
/// Never waits, except that each operation spends a unit of the task's cooperative budget.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut text = String::new();
/// assert_eq!(filch::io::empty().read_to_string(&mut text).await?, 0);
/// assert_eq!(filch::io::empty().write(b"hello").await?, 5);
/// # Ok(())
/// # }
/// ```
pub fn empty() -> Empty {
    Empty { _private: () }
}

impl AsyncRead for Empty {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Empty {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(&[]))
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, _amt: usize) {}
}

impl AsyncWrite for Empty {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(buf.len()))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Wherever one seeks to, the position is 0, as in an empty file that does not grow.
impl AsyncSeek for Empty {
    #[inline]
    fn start_seek(self: Pin<&mut Self>, _position: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(0))
    }
}

#[cfg(feature = "futures-io")]
impl crate::io::futures_io::Asked for Empty {
    /// No seek is ever under way.
    fn asked(self: Pin<&mut Self>) -> Option<&mut crate::io::async_seek::AskedSeek> {
        None
    }
}

impl fmt::Debug for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Empty { .. }")
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{completions_per_budget, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

    #[test]
    fn empty_ends_swallows_and_stays_at_zero() {
        let mut empty = empty();
        assert_eq!(run(empty.read(&mut [0; 4])).unwrap(), 0);
        assert_eq!(run(empty.fill_buf()).unwrap(), b"");
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        assert_eq!(run(empty.write_vectored(&slices)).unwrap(), 3);
        assert!(empty.is_write_vectored());
        run(empty.write_all(b"abc")).unwrap();
        run(empty.flush()).unwrap();
        run(empty.shutdown()).unwrap();
        assert_eq!(run(empty.seek(SeekFrom::Start(9))).unwrap(), 0);
        assert_eq!(format!("{empty:?}"), "Empty { .. }");
    }

    #[test]
    fn every_operation_spends_budget() {
        let mut empty = empty();
        let mut pin = Pin::new(&mut empty);
        let mut memory = [0; 4];
        let mut buf = ReadBuf::new(&mut memory);
        let budget = usize::from(filch_primitives::coop::BUDGET);
        assert_eq!(
            completions_per_budget(|cx| pin.as_mut().poll_read(cx, &mut buf).map(drop)),
            budget
        );
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_fill_buf(cx).map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_write(cx, b"").map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_flush(cx).map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_shutdown(cx).map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_complete(cx).map(drop)), budget);
        let vectored =
            completions_per_budget(|cx| pin.as_mut().poll_write_vectored(cx, &[]).map(drop));
        assert_eq!(vectored, budget);
    }
}
