//! The future of `AsyncReadExt::read_buf`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;

use crate::io::{AsyncRead, ReadBuf};

/// Reads once into a `BufMut`. See [`AsyncReadExt::read_buf`](crate::io::AsyncReadExt::read_buf).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadInto<'a, R: ?Sized, B: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut B,
}

impl<'a, R: ?Sized, B: ?Sized> ReadInto<'a, R, B> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut B) -> Self {
        ReadInto { reader, buf }
    }
}

impl<R, B> Future for ReadInto<'_, R, B>
where
    R: AsyncRead + Unpin + ?Sized,
    B: BufMut + ?Sized,
{
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if !me.buf.has_remaining_mut() {
            return Poll::Ready(Ok(0));
        }
        let n = {
            // SAFETY: `ReadBuf` keeps what is initialised so (its B2).
            let chunk = unsafe { me.buf.chunk_mut().as_uninit_slice_mut() };
            let start = chunk.as_ptr();
            let mut buf = ReadBuf::uninit(chunk);
            ready!(Pin::new(&mut *me.reader).poll_read(cx, &mut buf))?;
            // io's I4: what is filled must be the memory of the chunk.
            assert_eq!(buf.filled().as_ptr(), start.cast(), "poll_read replaced the ReadBuf");
            buf.filled().len()
        };
        // SAFETY: the first `n` bytes of the chunk are filled, hence initialised.
        unsafe { me.buf.advance_mut(n) };
        Poll::Ready(Ok(n))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::AsyncReadExt;
    use crate::io::mock::{Mock, run};
    use bytes::BytesMut;
    use std::io::ErrorKind;

    #[test]
    fn read_buf_appends_to_what_is_there() {
        let mut mock = Mock::new().read_pending().data(b"abc").data(b"d");
        let mut buf = BytesMut::with_capacity(64);
        buf.extend_from_slice(b">");
        assert_eq!(run(mock.read_buf(&mut buf)).unwrap(), 3);
        assert_eq!(run(mock.read_buf(&mut buf)).unwrap(), 1);
        assert_eq!(run(mock.read_buf(&mut buf)).unwrap(), 0);
        assert_eq!(&buf[..], b">abcd");
    }

    #[test]
    fn read_buf_stops_at_a_limit_without_touching_the_reader() {
        let mut mock = Mock::new().data(b"abc");
        let mut buf = Vec::new().limit(2);
        assert_eq!(run(mock.read_buf(&mut buf)).unwrap(), 2);
        assert_eq!(run(mock.read_buf(&mut buf)).unwrap(), 0);
        assert_eq!((buf.get_ref().as_slice(), mock.read_polls), (&b"ab"[..], 1));
    }

    #[test]
    fn read_buf_reads_into_trait_objects_and_slices() {
        let mut memory = [0; 2];
        let mut slice = &mut memory[..];
        let object: &mut dyn BufMut = &mut slice;
        assert_eq!(run(Mock::new().data(b"abc").read_buf(object)).unwrap(), 2);
        assert_eq!(&memory, b"ab");
    }

    #[test]
    fn read_buf_leaves_the_buffer_alone_on_error() {
        let mut buf = b">".to_vec();
        let mut mock = Mock::new().read_error(ErrorKind::ConnectionReset);
        let error = run(mock.read_buf(&mut buf)).unwrap_err();
        assert_eq!((error.kind(), buf.as_slice()), (ErrorKind::ConnectionReset, &b">"[..]));
    }

    /// Puts a buffer of its own in the place of the one it was given.
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

    #[test]
    #[should_panic(expected = "replaced the ReadBuf")]
    fn a_replaced_read_buf_is_not_taken_for_ours() {
        let _ = run(Swap.read_buf(&mut Vec::with_capacity(4)));
    }
}
