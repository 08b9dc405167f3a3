//! `Take`: a reader that ends after a number of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};

pin_project! {
    /// A reader that ends after a number of bytes.
    ///
    /// Made by [`AsyncReadExt::take`](crate::io::AsyncReadExt::take).
    #[derive(Debug)]
    #[must_use = "a reader does nothing unless it is read from"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        limit: u64,
    }
}

impl<R: AsyncRead> Take<R> {
    pub(in crate::io) fn new(inner: R, limit: u64) -> Self {
        Take { inner, limit }
    }

    /// How many bytes may still be read. The inner reader may end before.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets how many bytes may still be read, whatever has been read so far.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The inner reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The inner reader. What is read from it directly is not counted.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The inner reader, pinned. What is read from it directly is not counted.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// Unwraps the inner reader.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// The part of `len` bytes that `limit` allows.
fn allowed(len: usize, limit: u64) -> usize {
    usize::try_from(limit).map_or(len, |limit| len.min(limit))
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.limit == 0 {
            return Poll::Ready(Ok(()));
        }
        let me = self.project();
        let mut part = buf.take(allowed(usize::MAX, *me.limit));
        let start = part.filled().as_ptr();
        ready!(me.inner.poll_read(cx, &mut part))?;
        // io's I4: what is filled must be our part of `buf`.
        assert_eq!(part.filled().as_ptr(), start, "poll_read replaced the ReadBuf");
        let n = part.filled().len();
        let initialized = part.initialized().len();
        // SAFETY: that part begins where the unfilled part of `buf` does, and says how much of it is
        // initialised.
        unsafe { buf.assume_init(initialized) };
        buf.advance(n);
        *me.limit -= n as u64;
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        // The inner reader must not wait for bytes that we would not pass on.
        if *me.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let buf = ready!(me.inner.poll_fill_buf(cx))?;
        Poll::Ready(Ok(&buf[..allowed(buf.len(), *me.limit)]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        // The limit holds even for a caller that consumes more than it was lent.
        let amt = allowed(amt, *me.limit);
        *me.limit -= amt as u64;
        me.inner.consume(amt);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    use std::io::ErrorKind;
    use std::mem::MaybeUninit;

    #[test]
    fn take_ends_at_its_limit_and_no_read_goes_past_it() {
        let mut take = Mock::new().data(b"abc").read_pending().data(b"def").take(5);
        let mut buf = Vec::new();
        assert_eq!(run(take.read_to_end(&mut buf)).unwrap(), 5);
        assert_eq!(
            (buf.as_slice(), take.limit(), take.get_ref().read_polls),
            (&b"abcde"[..], 0, 3)
        );
        take.set_limit(9);
        buf.clear();
        run(take.read_to_end(&mut buf)).unwrap();
        assert_eq!((buf.as_slice(), take.limit()), (&b"f"[..], 8));
        assert_eq!(run(take.get_mut().read(&mut [0; 1])).unwrap(), 0);
        assert_eq!(take.into_inner().read_polls, 6);
    }

    #[test]
    fn take_passes_the_error_on_and_counts_nothing_for_it() {
        let mut take = Mock::new().read_error(ErrorKind::ConnectionReset).take(5);
        assert_eq!(run(take.read_u8()).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(take.limit(), 5);
        let mut take = BufReader::new(Mock::new().read_error(ErrorKind::TimedOut)).take(5);
        assert_eq!(run(take.fill_buf()).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn buffered_take_lends_no_more_than_its_limit() {
        let mut take = BufReader::new(Mock::new().data(b"abcdef").read_stall()).take(4);
        assert_eq!(run(take.fill_buf()).unwrap(), b"abcd");
        take.consume(3);
        assert_eq!(run(take.fill_buf()).unwrap(), b"d");
        // More than it was lent.
        take.consume(2);
        assert_eq!(take.limit(), 0);
        assert_eq!(run(take.fill_buf()).unwrap(), b"");
        assert_eq!(take.get_ref().buffer(), b"ef");
    }

    #[test]
    fn take_of_u64_max_is_no_limit() {
        let mut take = Mock::new().data(b"abc").take(u64::MAX);
        assert_eq!(run(take.read(&mut [0; 8])).unwrap(), 3);
        assert_eq!(take.limit(), u64::MAX - 3);
    }

    #[test]
    fn take_tells_its_buffer_what_is_initialised() {
        /// Initialises all that it is given, and fills one byte.
        struct Initializer;
        impl AsyncRead for Initializer {
            fn poll_read(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                buf.initialize_unfilled();
                buf.advance(1);
                Poll::Ready(Ok(()))
            }
        }
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        let mut take = Initializer.take(5);
        let polled = crate::io::mock::poll_with(|cx| Pin::new(&mut take).poll_read(cx, &mut buf));
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        assert_eq!((buf.filled().len(), buf.initialized().len()), (1, 5));
    }

    #[test]
    #[should_panic(expected = "replaced the ReadBuf")]
    fn a_replaced_read_buf_is_not_taken_for_ours() {
        struct Swap;
        impl AsyncRead for Swap {
            fn poll_read(
                self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                *buf = ReadBuf::new(Box::leak(Box::new([0; 4])));
                buf.advance(4);
                Poll::Ready(Ok(()))
            }
        }
        let _ = run(Swap.take(4).read(&mut [0; 4]));
    }
}
