//! futures-io's traits on filch's streams. Feature `futures-io`.
//!
//! The same functions under another name, but for seeking. There futures-io has one function for asking
//! and waiting: who asks for the same position as before goes on with that seek, who asks for another one
//! waits for the seek under way and begins a new one.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::async_seek::AskedSeek;
use super::foreign::{poll_read_into, streams};
use super::{AsyncBufRead, AsyncSeek, AsyncWrite, ReadBuf};

/// A stream that remembers which seek was asked for.
pub(crate) trait Asked {
    /// Where it does; `None` if its seeks are done at once.
    fn asked(self: Pin<&mut Self>) -> Option<&mut AskedSeek>;
}

fn remember<T: Asked>(stream: Pin<&mut T>, seek: AskedSeek) {
    if let Some(asked) = stream.asked() {
        *asked = seek;
    }
}

/// Asks for a seek unless that has been done, and waits for it.
fn poll_seek<T: AsyncSeek + Asked>(
    mut stream: Pin<&mut T>,
    cx: &mut Context<'_>,
    to: SeekFrom,
) -> Poll<io::Result<u64>> {
    let is_under_way = stream.as_mut().asked().is_some_and(|asked| *asked == Some(to));
    if !is_under_way {
        // How an earlier seek ends, which nobody waits for any more, is nobody's business.
        let _ = ready!(stream.as_mut().poll_complete(cx));
        remember(stream.as_mut(), None);
        stream.as_mut().start_seek(to)?;
        remember(stream.as_mut(), Some(to));
    }
    let sought = ready!(stream.as_mut().poll_complete(cx));
    remember(stream, None);
    Poll::Ready(sought)
}

/// futures-io's traits for the rows of the table, by ours.
macro_rules! implement {
    ($($generics:tt $stream:ty: $($kind:ident)+;)+) => {
        $($(implement!(@$kind $generics $stream);)+)+
    };
    (@read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> ::futures_io::AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                poll_read_into(self, cx, ReadBuf::new(buf))
            }
        }
    };
    (@buf_read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> ::futures_io::AsyncBufRead for $stream {
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                AsyncBufRead::poll_fill_buf(self, cx)
            }

            fn consume(self: Pin<&mut Self>, amt: usize) {
                AsyncBufRead::consume(self, amt)
            }
        }
    };
    (@write [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> ::futures_io::AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }
        }
    };
    (@seek [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> ::futures_io::AsyncSeek for $stream {
            fn poll_seek(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                pos: SeekFrom,
            ) -> Poll<io::Result<u64>> {
                poll_seek(self, cx, pos)
            }
        }
    };
}

streams!(implement);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mock::{poll_with, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex, empty};
    use std::io::Cursor;

    #[test]
    fn futures_ios_traits_are_ours() {
        let (mut near, mut far) = duplex(8);
        let mut near = Pin::new(&mut near);
        poll_with(|cx| {
            let written = ::futures_io::AsyncWrite::poll_write(near.as_mut(), cx, b"pi");
            assert!(matches!(written, Poll::Ready(Ok(2))));
            let slices = [IoSlice::new(b"n"), IoSlice::new(b"g")];
            let written = ::futures_io::AsyncWrite::poll_write_vectored(near.as_mut(), cx, &slices);
            assert!(matches!(written, Poll::Ready(Ok(2))));
            assert!(::futures_io::AsyncWrite::poll_flush(near.as_mut(), cx).is_ready());
            assert!(::futures_io::AsyncWrite::poll_close(near.as_mut(), cx).is_ready());
        });
        let mut text = String::new();
        run(far.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "ping");
        run(far.write_all(b"pong")).unwrap();
        let mut buf = [0; 8];
        let read = poll_with(|cx| ::futures_io::AsyncRead::poll_read(near.as_mut(), cx, &mut buf));
        assert!(matches!(read, Poll::Ready(Ok(4))));
        assert_eq!(&buf[..4], b"pong");
        let read = poll_with(|cx| ::futures_io::AsyncRead::poll_read(near.as_mut(), cx, &mut buf));
        assert!(read.is_pending());
    }

    #[test]
    fn seeks_go_on_or_begin_anew() {
        /// A seek takes two polls.
        struct Slow {
            inner: Cursor<Vec<u8>>,
            to: Option<SeekFrom>,
            polls: usize,
            asked: AskedSeek,
        }
        impl AsyncSeek for Slow {
            fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
                assert!(self.to.is_none(), "another seek is under way");
                (self.to, self.polls) = (Some(position), 0);
                Ok(())
            }

            fn poll_complete(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
            ) -> Poll<io::Result<u64>> {
                let Some(to) = self.to else { return Poll::Ready(Ok(self.inner.position())) };
                self.polls += 1;
                if self.polls < 2 {
                    return Poll::Pending;
                }
                self.to = None;
                Poll::Ready(io::Seek::seek(&mut self.inner, to))
            }
        }
        impl Asked for Slow {
            fn asked(self: Pin<&mut Self>) -> Option<&mut AskedSeek> {
                Some(&mut self.get_mut().asked)
            }
        }
        let inner = Cursor::new(vec![0; 10]);
        let mut slow = Slow { inner, to: None, polls: 0, asked: None };
        let mut seek = |to| poll_with(|cx| poll_seek(Pin::new(&mut slow), cx, to));
        assert!(seek(SeekFrom::Current(3)).is_pending());
        assert!(matches!(seek(SeekFrom::Current(3)), Poll::Ready(Ok(3))));
        // The first one was given up.
        assert!(seek(SeekFrom::Start(7)).is_pending());
        assert!(seek(SeekFrom::Current(-2)).is_pending());
        assert!(matches!(seek(SeekFrom::Current(-2)), Poll::Ready(Ok(5))));
        assert!(seek(SeekFrom::Current(-9)).is_pending());
        assert!(matches!(seek(SeekFrom::Current(-9)), Poll::Ready(Err(_))));
        assert!(seek(SeekFrom::Start(1)).is_pending());
        assert!(matches!(seek(SeekFrom::Start(1)), Poll::Ready(Ok(1))));
    }

    #[test]
    fn buffered_streams_seek() {
        let mut reader = BufReader::new(Cursor::new(b"0123456789".to_vec()));
        assert_eq!(run(AsyncReadExt::read_u8(&mut reader)).unwrap(), b'0');
        for (to, at) in
            [(SeekFrom::Current(2), 3), (SeekFrom::Current(2), 5), (SeekFrom::End(-1), 9)]
        {
            let sought =
                poll_with(|cx| ::futures_io::AsyncSeek::poll_seek(Pin::new(&mut reader), cx, to));
            assert!(matches!(sought, Poll::Ready(Ok(n)) if n == at), "{to:?}: {sought:?}");
        }
        let filled = poll_with(|cx| {
            let filled = ::futures_io::AsyncBufRead::poll_fill_buf(Pin::new(&mut reader), cx);
            filled.map_ok(<[u8]>::to_vec)
        });
        assert!(matches!(filled, Poll::Ready(Ok(bytes)) if bytes == b"9"));
        ::futures_io::AsyncBufRead::consume(Pin::new(&mut reader), 1);
        assert!(reader.buffer().is_empty());
        let sought = poll_with(|cx| {
            ::futures_io::AsyncSeek::poll_seek(Pin::new(&mut empty()), cx, SeekFrom::End(9))
        });
        assert!(matches!(sought, Poll::Ready(Ok(0))));
    }
}
