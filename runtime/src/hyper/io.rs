//! hyper's `Read` and `Write`: for our streams as they are, and for any stream in an `Io`.
//!
//! Both crates' read buffers keep the same promise (what is initialised stays so) and count what is
//! filled; each `poll_read` here puts one over the unfilled part of the other, and counts in the other
//! what was filled.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{self, ReadBufCursor};
use pin_project_lite::pin_project;

use crate::io::foreign::{poll_read_into, streams};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

pin_project! {
    /// Carries a stream's traits across: filch's to hyper's, and hyper's to filch's.
    ///
    /// Around a filch stream, such as a TLS stream on top of a
    /// [`TcpStream`](crate::net::TcpStream), it is a hyper stream. Around a hyper stream, such as a
    /// connection after an upgrade, it is a filch stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::hyper::Io;
    /// use filch::io::{BufStream, duplex};
    ///
    /// fn for_hyper(_: &(impl hyper::rt::Read + hyper::rt::Write)) {}
    /// fn for_filch(_: &(impl filch::io::AsyncRead + filch::io::AsyncWrite)) {}
    ///
    /// let stream = Io::new(BufStream::new(duplex(64).0));
    /// for_hyper(&stream);
    /// for_filch(&Io::new(stream));
    /// ```
    #[derive(Debug)]
    pub struct Io<T> {
        #[pin]
        inner: T,
    }
}

impl<T> Io<T> {
    /// Wraps a stream.
    pub const fn new(inner: T) -> Self {
        Io { inner }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().inner
    }

    /// Unwraps the stream.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// Reads from a filch stream into hyper's buffer.
fn poll_read_for_hyper<T: AsyncRead + ?Sized>(
    stream: Pin<&mut T>,
    cx: &mut Context<'_>,
    mut cursor: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: `ReadBuf` keeps what is initialised so.
    let unfilled = unsafe { cursor.as_mut() };
    let n = ready!(poll_read_into(stream, cx, ReadBuf::uninit(unfilled)))?;
    // SAFETY: the first `n` bytes of the unfilled part are filled, hence initialised.
    unsafe { cursor.advance(n) };
    Poll::Ready(Ok(()))
}

/// hyper's `Write` by our `AsyncWrite`. `$stream` gets at the stream.
macro_rules! write_for_hyper {
    ($stream:expr) => {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            AsyncWrite::poll_write($stream(self), cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            AsyncWrite::poll_flush($stream(self), cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            AsyncWrite::poll_shutdown($stream(self), cx)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            AsyncWrite::poll_write_vectored($stream(self), cx, bufs)
        }
    };
}

/// hyper's traits for the rows of the table, by ours. hyper has no buffered reading and no seeking.
macro_rules! implement {
    ($($generics:tt $stream:ty: $($kind:ident)+;)+) => {
        $($(implement!(@$kind $generics $stream);)+)+
    };
    (@read [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> rt::Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                cursor: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read_for_hyper(self, cx, cursor)
            }
        }
    };
    (@write [$($generics:tt)*] $stream:ty) => {
        impl<$($generics)*> rt::Write for $stream {
            write_for_hyper!(std::convert::identity);

            fn is_write_vectored(&self) -> bool {
                AsyncWrite::is_write_vectored(self)
            }
        }
    };
    (@buf_read $generics:tt $stream:ty) => {};
    (@seek $generics:tt $stream:ty) => {};
}

streams!(implement);

impl<T: AsyncRead> rt::Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        poll_read_for_hyper(self.get_pin_mut(), cx, cursor)
    }
}

impl<T: AsyncWrite> rt::Write for Io<T> {
    write_for_hyper!(Io::get_pin_mut);

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<T: rt::Read> AsyncRead for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = {
            // SAFETY: hyper's `ReadBuf` keeps what is initialised so.
            let mut theirs = rt::ReadBuf::uninit(unsafe { buf.unfilled_mut() });
            ready!(self.get_pin_mut().poll_read(cx, theirs.unfilled()))?;
            theirs.filled().len()
        };
        // SAFETY: the first `n` bytes of the unfilled part are filled, hence initialised. A cursor, unlike
        // a `ReadBuf`, gives no access to the buffer behind it: it was not replaced.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<T: rt::Write> AsyncWrite for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_with, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use std::io::ErrorKind;
    use std::mem::MaybeUninit;

    /// Reads once as hyper does, into uninitialised memory behind `filled`.
    fn read(
        stream: &mut (impl rt::Read + Unpin),
        filled: &[u8],
        room: usize,
    ) -> Poll<io::Result<Vec<u8>>> {
        let mut memory = vec![MaybeUninit::uninit(); filled.len() + room];
        let mut buf = rt::ReadBuf::uninit(&mut memory);
        buf.unfilled().put_slice(filled);
        let polled = poll_with(|cx| Pin::new(stream).poll_read(cx, buf.unfilled()));
        polled.map_ok(|()| buf.filled().to_vec())
    }

    #[test]
    fn hyper_reads_behind_what_it_has() {
        let mut stream = Io::new(Mock::new().data(b"abcdef").read_stall());
        assert!(matches!(read(&mut stream, b"> ", 4), Poll::Ready(Ok(v)) if v == b"> abcd"));
        assert!(matches!(read(&mut stream, b"", 4), Poll::Ready(Ok(v)) if v == b"ef"));
        assert!(read(&mut stream, b"", 4).is_pending());
        let mut stream = Io::new(Mock::new().read_error(ErrorKind::ConnectionReset));
        let polled = read(&mut stream, b"", 4);
        assert!(matches!(polled, Poll::Ready(Err(e)) if e.kind() == ErrorKind::ConnectionReset));
    }

    #[test]
    fn our_stream_is_hypers_as_it_is() {
        let (mut ours, mut theirs) = duplex(8);
        run(ours.write_all(b"ping")).unwrap();
        assert!(matches!(read(&mut theirs, b"", 8), Poll::Ready(Ok(v)) if v == b"ping"));
        let mut theirs = Pin::new(&mut theirs);
        assert!(rt::Write::is_write_vectored(&*theirs));
        poll_with(|cx| {
            let written = rt::Write::poll_write(theirs.as_mut(), cx, b"po");
            assert!(matches!(written, Poll::Ready(Ok(2))));
            let slices = [IoSlice::new(b"n"), IoSlice::new(b"g")];
            let written = rt::Write::poll_write_vectored(theirs.as_mut(), cx, &slices);
            assert!(matches!(written, Poll::Ready(Ok(2))));
            assert!(rt::Write::poll_flush(theirs.as_mut(), cx).is_ready());
            assert!(rt::Write::poll_shutdown(theirs.as_mut(), cx).is_ready());
        });
        let mut text = String::new();
        run(ours.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "pong");
    }

    #[test]
    fn there_and_back_again_is_the_same_stream() {
        let mock = Mock::new()
            .vectored()
            .data(b"ab")
            .read_pending()
            .data(b"cd")
            .read_error(ErrorKind::ConnectionReset)
            .write_pending()
            .accept(1)
            .flush_pending()
            .shutdown_error(ErrorKind::NotConnected);
        let mut stream = Io::new(Io::new(mock));
        let mut bytes = Vec::new();
        let error = run(AsyncReadExt::read_to_end(&mut stream, &mut bytes)).unwrap_err();
        assert_eq!((error.kind(), bytes.as_slice()), (ErrorKind::ConnectionReset, &b"abcd"[..]));
        run(stream.write_all(b"xy")).unwrap();
        assert!(AsyncWrite::is_write_vectored(&stream));
        run(stream.write_vectored(&[IoSlice::new(b"z"), IoSlice::new(b"!")])).unwrap();
        run(stream.flush()).unwrap();
        assert_eq!(run(stream.shutdown()).unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(stream.get_ref().get_ref().flushes, 1);
        stream.get_mut().get_mut().flushes = 0;
        assert_eq!(stream.into_inner().into_inner().written, b"xyz!");
    }

    #[test]
    #[should_panic(expected = "replaced the ReadBuf")]
    fn a_replaced_read_buf_is_not_taken_for_hypers() {
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
        let _ = read(&mut Io::new(Swap), b"", 4);
    }
}
