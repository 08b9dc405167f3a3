//! tokio's I/O traits on filch's streams. Feature `tokio-io`.
//!
//! For libraries that know no other traits. It brings the crate tokio into the build, without any of its
//! features: its traits and no runtime. That is why it is off by default.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io as tokio;

use super::foreign::{poll_read_into, streams};
use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// Reads from a filch stream into tokio's buffer.
fn poll_read<T: AsyncRead>(
    stream: Pin<&mut T>,
    cx: &mut Context<'_>,
    buf: &mut tokio::ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: our `ReadBuf` keeps what is initialised so.
    let unfilled = unsafe { buf.unfilled_mut() };
    let n = ready!(poll_read_into(stream, cx, ReadBuf::uninit(unfilled)))?;
    // SAFETY: the first `n` bytes of the unfilled part are filled, hence initialised.
    unsafe { buf.assume_init(n) };
    buf.advance(n);
    Poll::Ready(Ok(()))
}

/// tokio's traits for the rows of the table, by ours.
macro_rules! implement {
    ($($generics:tt $stream:ty: $($kind:ident)+;)+) => {
        $($(implement!(@$kind $generics $stream);)+)+
    };
    (@read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> tokio::AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(self, cx, buf)
            }
        }
    };
    (@buf_read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> tokio::AsyncBufRead for $stream {
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
        impl<$($generics)*> tokio::AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                AsyncWrite::is_write_vectored(self)
            }
        }
    };
    (@seek [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> tokio::AsyncSeek for $stream {
            fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
                AsyncSeek::start_seek(self, position)
            }

            fn poll_complete(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<u64>> {
                AsyncSeek::poll_complete(self, cx)
            }
        }
    };
}

streams!(implement);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mock::{poll_with, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex};
    use std::io::Cursor;
    use std::mem::MaybeUninit;

    #[test]
    fn tokios_traits_are_ours() {
        let (mut near, mut far) = duplex(8);
        let mut near = Pin::new(&mut near);
        assert!(tokio::AsyncWrite::is_write_vectored(&*near));
        poll_with(|cx| {
            let written = tokio::AsyncWrite::poll_write(near.as_mut(), cx, b"pi");
            assert!(matches!(written, Poll::Ready(Ok(2))));
            let slices = [IoSlice::new(b"n"), IoSlice::new(b"g")];
            let written = tokio::AsyncWrite::poll_write_vectored(near.as_mut(), cx, &slices);
            assert!(matches!(written, Poll::Ready(Ok(2))));
            assert!(tokio::AsyncWrite::poll_flush(near.as_mut(), cx).is_ready());
            assert!(tokio::AsyncWrite::poll_shutdown(near.as_mut(), cx).is_ready());
        });
        let mut text = String::new();
        run(far.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "ping");
        run(far.write_all(b"pong")).unwrap();
        // Behind what is there already, into memory that was never written to.
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = tokio::ReadBuf::uninit(&mut memory);
        buf.put_slice(b"> ");
        let read = poll_with(|cx| tokio::AsyncRead::poll_read(near.as_mut(), cx, &mut buf));
        assert!(matches!(read, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"> pong");
        let read = poll_with(|cx| tokio::AsyncRead::poll_read(near.as_mut(), cx, &mut buf));
        assert!(read.is_pending());
    }

    #[test]
    fn buffered_streams_seek_and_lend_their_buffer() {
        let mut reader = BufReader::new(Cursor::new(b"0123456789".to_vec()));
        let mut reader = Pin::new(&mut reader);
        tokio::AsyncSeek::start_seek(reader.as_mut(), SeekFrom::End(-2)).unwrap();
        let sought = poll_with(|cx| tokio::AsyncSeek::poll_complete(reader.as_mut(), cx));
        assert!(matches!(sought, Poll::Ready(Ok(8))));
        let filled = poll_with(|cx| {
            let filled = tokio::AsyncBufRead::poll_fill_buf(reader.as_mut(), cx);
            filled.map_ok(<[u8]>::to_vec)
        });
        assert!(matches!(filled, Poll::Ready(Ok(bytes)) if bytes == b"89"));
        tokio::AsyncBufRead::consume(reader.as_mut(), 1);
        assert_eq!(reader.buffer(), b"9");
    }
}
