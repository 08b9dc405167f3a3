//! `AsyncWrite`: a drain of bytes that wakes the task instead of blocking.

use std::io::{self, IoSlice};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Writes bytes to a drain, waking the task when it takes some.
///
/// The counterpart of [`std::io::Write`]. Programs use the methods of
/// [`AsyncWriteExt`](super::AsyncWriteExt); libraries implement this.
pub trait AsyncWrite {
    /// Writes the beginning of `buf`, and says how much of it.
    ///
    /// `Ready(Ok(n))`: the first `n <= buf.len()` bytes were taken; `0` means that `buf` is empty, or
    /// that the drain takes nothing any more. `Pending`: nothing was taken, and the task is woken
    /// when the drain may take something, is closed or is broken.
    ///
    /// # Errors
    ///
    /// The drain's own. With an error no byte was taken.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Moves whatever is buffered on its way to its destination.
    ///
    /// `Pending`: some is still buffered, and the task is woken when more of it can move.
    ///
    /// # Errors
    ///
    /// The drain's own.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends writing: flushes, says goodbye where a protocol wants it, closes that direction.
    ///
    /// Flushing comes first, whether or not the caller has done it. A wrapper ends its own protocol and
    /// then shuts down what it wraps. After `Ready(Ok(()))` nothing should be written any more.
    /// `Pending`: not done yet; the task is woken when it can go on, and calls again.
    ///
    /// # Errors
    ///
    /// The drain's own. It is usually unusable afterwards.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// As [`poll_write`](AsyncWrite::poll_write), from several buffers as if they were one.
    ///
    /// One write: if a part was taken, that is `Ready(Ok(n))` with `n` counted over all buffers, not an
    /// error and not `Pending`. The default writes from the first buffer that is not empty.
    ///
    /// # Errors
    ///
    /// The drain's own. With an error no byte was taken.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| &**buf))
    }

    /// Whether [`poll_write_vectored`](AsyncWrite::poll_write_vectored) does better than writing the
    /// first buffer. If not, callers may prefer to join small pieces before they write.
    ///
    /// The default is `false`.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

/// The methods of an `AsyncWrite` that hands everything on: to `$inner`, a pinned writer made of `$this`, the
/// pinned self; `$shared` is the same writer by `&self`.
macro_rules! forward_async_write {
    ($this:ident => $inner:expr, $shared:expr) => {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            #[allow(unused_mut, reason = "only some borrow it")]
            let mut $this = self;
            $inner.poll_write(cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            #[allow(unused_mut, reason = "only some borrow it")]
            let mut $this = self;
            $inner.poll_flush(cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            #[allow(unused_mut, reason = "only some borrow it")]
            let mut $this = self;
            $inner.poll_shutdown(cx)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            #[allow(unused_mut, reason = "only some borrow it")]
            let mut $this = self;
            $inner.poll_write_vectored(cx, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            let $this = self;
            $shared.is_write_vectored()
        }
    };
}

pub(in crate::io) use forward_async_write;

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for Box<T> {
    forward_async_write!(this => Pin::new(&mut **this), (**this));
}

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for &mut T {
    forward_async_write!(this => Pin::new(&mut **this), (**this));
}

impl<P> AsyncWrite for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncWrite,
{
    forward_async_write!(this => this.as_deref_mut(), (**this));
}

/// `AsyncWrite` for memory: std's `Write`, which never blocks there.
macro_rules! write_to_memory {
    ($($writer:ty),+ $(,)?) => {$(
        impl AsyncWrite for $writer {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write(self.get_mut(), buf))
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write_vectored(self.get_mut(), bufs))
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    )+};
}

write_to_memory! {
    Vec<u8>,
    io::Cursor<&mut [u8]>,
    io::Cursor<&mut Vec<u8>>,
    io::Cursor<Vec<u8>>,
    io::Cursor<Box<[u8]>>,
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_with};
    use std::io::Cursor;

    fn write(writer: &mut (impl AsyncWrite + Unpin), bufs: &[&[u8]]) -> usize {
        let slices: Vec<_> = bufs.iter().map(|buf| IoSlice::new(buf)).collect();
        let mut writer = Pin::new(writer);
        let n = poll_with(|cx| match bufs {
            [buf] => writer.as_mut().poll_write(cx, buf),
            _ => writer.as_mut().poll_write_vectored(cx, &slices),
        });
        assert!(poll_with(|cx| writer.as_mut().poll_flush(cx)).is_ready());
        assert!(poll_with(|cx| writer.as_mut().poll_shutdown(cx)).is_ready());
        match n {
            Poll::Ready(Ok(n)) => n,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn vec_takes_everything() {
        let mut vec = vec![b'>'];
        assert!(vec.is_write_vectored());
        assert_eq!(write(&mut vec, &[b"ab"]), 2);
        assert_eq!(write(&mut vec, &[b"c", b"", b"de"]), 3);
        assert_eq!(vec, b">abcde");
    }

    #[test]
    fn cursor_over_a_slice_takes_what_fits() {
        let mut memory = [0; 5];
        let mut cursor = Cursor::new(&mut memory[..]);
        assert_eq!(write(&mut cursor, &[b"ab"]), 2);
        assert_eq!(write(&mut cursor, &[b"cd", b"ef"]), 3);
        assert_eq!(write(&mut cursor, &[b"g"]), 0);
        cursor.set_position(u64::MAX);
        assert_eq!(write(&mut cursor, &[b"g"]), 0);
        assert_eq!(&memory, b"abcde");
        let mut cursor = Cursor::new(vec![0; 2].into_boxed_slice());
        assert_eq!(write(&mut cursor, &[b"abc"]), 2);
        assert_eq!(&cursor.get_ref()[..], b"ab");
    }

    #[test]
    fn cursor_over_a_vec_overwrites_then_grows() {
        let mut cursor = Cursor::new(b"xyz".to_vec());
        cursor.set_position(2);
        assert_eq!(write(&mut cursor, &[b"ab", b"c"]), 3);
        assert_eq!(cursor.get_ref(), b"xyabc");
        let mut vec = Vec::new();
        assert_eq!(write(&mut Cursor::new(&mut vec), &[b"ab"]), 2);
        assert_eq!(vec, b"ab");
    }

    #[test]
    fn default_vectored_write_takes_the_first_buffer_that_is_not_empty() {
        let mut mock = Mock::new();
        assert!(!mock.is_write_vectored());
        assert_eq!(write(&mut mock, &[b"", b"ab", b"cd"]), 2);
        assert_eq!(write(&mut mock, &[b"", b""]), 0);
        assert_eq!(write(&mut mock, &[]), 0);
        assert_eq!(mock.written, b"ab");
    }

    #[test]
    fn pointers_forward() {
        let mut mock = Mock::new().vectored();
        assert_eq!(write(&mut &mut mock, &[b"a", b"b"]), 2);
        assert_eq!(write(&mut Box::new(&mut mock), &[b"c", b"d"]), 2);
        assert_eq!(write(&mut Pin::new(&mut mock), &[b"e", b"f"]), 2);
        assert!(AsyncWrite::is_write_vectored(&&mut mock));
        assert!(Box::new(&mut mock).is_write_vectored());
        assert!(Pin::new(&mut mock).is_write_vectored());
        assert_eq!((mock.written.as_slice(), mock.flushes, mock.shutdowns), (&b"abcdef"[..], 3, 3));
    }
}
