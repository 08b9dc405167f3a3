//! `AsyncBufRead`: a source that lends out its own buffer.

use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::AsyncRead;
use super::async_read::unread;

/// Reads bytes through the source's own buffer, waking the task when some are there.
///
/// The counterpart of [`std::io::BufRead`]. Programs use the methods of
/// [`AsyncBufReadExt`](super::AsyncBufReadExt); libraries implement this.
pub trait AsyncBufRead: AsyncRead {
    /// Lends out the buffer, filled from the source first if it is empty.
    ///
    /// The bytes stay in the buffer until [`consume`](AsyncBufRead::consume). An empty slice means that
    /// the source is at its end. `Pending`: nothing is there, and the task is woken when something may
    /// be.
    ///
    /// # Errors
    ///
    /// The source's own.
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// Takes `amt` bytes out of the buffer, which no later read returns again.
    ///
    /// Does no input or output. `amt` must not be larger than what
    /// [`poll_fill_buf`](AsyncBufRead::poll_fill_buf) lent out last; what happens otherwise is up to
    /// the implementation.
    fn consume(self: Pin<&mut Self>, amt: usize);
}

macro_rules! deref_async_buf_read {
    () => {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
        }

        fn consume(mut self: Pin<&mut Self>, amt: usize) {
            Pin::new(&mut **self).consume(amt)
        }
    };
}

impl<T: ?Sized + AsyncBufRead + Unpin> AsyncBufRead for Box<T> {
    deref_async_buf_read!();
}

impl<T: ?Sized + AsyncBufRead + Unpin> AsyncBufRead for &mut T {
    deref_async_buf_read!();
}

impl<P> AsyncBufRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncBufRead,
{
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.as_deref_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.as_deref_mut().consume(amt)
    }
}

impl AsyncBufRead for &[u8] {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(*self))
    }

    #[inline]
    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        *self = &self[amt..];
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncBufRead for io::Cursor<T> {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let cursor = self.into_ref().get_ref();
        Poll::Ready(Ok(unread(cursor.get_ref().as_ref(), cursor.position())))
    }

    #[inline]
    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        let position = self.position();
        self.set_position(position + amt as u64);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::poll_with;
    use std::io::Cursor;

    fn fill(reader: &mut (impl AsyncBufRead + Unpin)) -> Vec<u8> {
        match poll_with(|cx| Pin::new(&mut *reader).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)) {
            Poll::Ready(Ok(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    fn all_but_two(mut reader: impl AsyncBufRead + Unpin) {
        assert_eq!(fill(&mut reader), b"hello");
        Pin::new(&mut reader).consume(3);
        assert_eq!(fill(&mut reader), b"lo");
        assert_eq!(fill(&mut &mut reader), b"lo");
        Pin::new(&mut &mut reader).consume(1);
        let mut reader = Box::pin(reader);
        assert_eq!(fill(&mut reader), b"o");
        Pin::new(&mut reader).consume(1);
        assert_eq!(fill(&mut Box::new(reader)), b"");
    }

    #[test]
    fn fill_buf_lends_until_consume() {
        all_but_two(&b"hello"[..]);
        all_but_two(Cursor::new("hello"));
        all_but_two(Box::new(Cursor::new(b"hello".to_vec())));
    }

    #[test]
    fn cursor_past_its_end_has_nothing() {
        let mut cursor = Cursor::new("hello");
        cursor.set_position(u64::MAX);
        assert_eq!(fill(&mut cursor), b"");
    }
}
