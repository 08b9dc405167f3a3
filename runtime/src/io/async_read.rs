//! `AsyncRead`: a source of bytes that wakes the task instead of blocking.

use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::ReadBuf;

/// Reads bytes from a source, waking the task when some are there.
///
/// The counterpart of [`std::io::Read`]. Programs use the methods of
/// [`AsyncReadExt`](super::AsyncReadExt); libraries implement this.
pub trait AsyncRead {
    /// Reads into the unfilled part of `buf`.
    ///
    /// `Ready(Ok(()))` with a longer filled part than before: that many bytes were read. With the same
    /// filled part: the source is at its end, or `buf` had no room. `Pending`: nothing was read, and
    /// the task is woken when the source may be readable, closed or broken; of several tasks that
    /// polled, only the last one needs to be woken.
    ///
    /// An implementation must go on with the `ReadBuf` that it was given, not put another in its place:
    /// some callers panic on that.
    ///
    /// # Errors
    ///
    /// The source's own. With an error no byte was read.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

macro_rules! deref_async_read {
    () => {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut **self).poll_read(cx, buf)
        }
    };
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for Box<T> {
    deref_async_read!();
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for &mut T {
    deref_async_read!();
}

impl<P> AsyncRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncRead,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_read(cx, buf)
    }
}

impl AsyncRead for &[u8] {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.len().min(buf.remaining());
        let (now, later) = self.split_at(n);
        buf.put_slice(now);
        *self = later;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let position = self.position();
        let unread = unread(self.get_ref().as_ref(), position);
        let n = unread.len().min(buf.remaining());
        buf.put_slice(&unread[..n]);
        self.set_position(position + n as u64);
        Poll::Ready(Ok(()))
    }
}

/// What a cursor at `position` has left: nothing if it is past the end.
#[inline]
pub(super) fn unread(bytes: &[u8], position: u64) -> &[u8] {
    let start = usize::try_from(position).map_or(bytes.len(), |start| start.min(bytes.len()));
    &bytes[start..]
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_with};
    use std::io::Cursor;

    fn read(reader: &mut (impl AsyncRead + Unpin), room: usize) -> Vec<u8> {
        let mut memory = vec![0; room];
        let mut buf = ReadBuf::new(&mut memory);
        match poll_with(|cx| Pin::new(reader).poll_read(cx, &mut buf)) {
            Poll::Ready(Ok(())) => buf.filled().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn slice_shrinks_and_ends() {
        let mut slice = &b"hello"[..];
        assert_eq!(read(&mut slice, 3), b"hel");
        assert_eq!(read(&mut slice, 0), b"");
        assert_eq!(read(&mut slice, 3), b"lo");
        assert_eq!(read(&mut slice, 3), b"");
    }

    #[test]
    fn cursor_moves_and_reads_nothing_past_its_end() {
        let mut cursor = Cursor::new("hello");
        assert_eq!(read(&mut cursor, 3), b"hel");
        assert_eq!(cursor.position(), 3);
        assert_eq!(read(&mut cursor, 9), b"lo");
        for past in [6, u64::MAX] {
            cursor.set_position(past);
            assert_eq!(read(&mut cursor, 9), b"");
            assert_eq!(cursor.position(), past);
        }
    }

    #[test]
    fn pointers_forward() {
        let mut mock = Mock::new().data(b"abcd");
        assert_eq!(read(&mut &mut mock, 1), b"a");
        assert_eq!(read(&mut Pin::new(&mut mock), 1), b"b");
        assert_eq!(read(&mut Box::new(&mut mock), 1), b"c");
        let mut boxed: Box<dyn AsyncRead + Unpin + '_> = Box::new(&mut mock);
        assert_eq!(read(&mut boxed, 1), b"d");
        // Behind a pin, what is pointed to need not be `Unpin`.
        fn readable(_: &impl AsyncRead) {}
        struct NotUnpin(std::marker::PhantomPinned);
        impl AsyncRead for NotUnpin {
            fn poll_read(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                buf.put_slice(b"!");
                Poll::Ready(Ok(()))
            }
        }
        let mut pinned = Box::pin(NotUnpin(std::marker::PhantomPinned));
        readable(&pinned);
        assert_eq!(read(&mut pinned, 1), b"!");
    }
}
