//! Streams of bytes: reading and writing, at once or by a poll.

/// `try_read` and its kin.
///
/// `$receive` makes the system call: a function of the source's socket and of memory to fill.
macro_rules! read_methods {
    ($ty:ident, $receive:path) => {
        impl $ty {
            /// Reads, if that does not block. 0 is the end of the stream, or an empty buffer.
            ///
            /// Use it after [`readable`](Self::readable) or `ready`.
            ///
            /// # Errors
            /// `WouldBlock` if nothing is there; the system's.
            pub fn try_read(&self, mut buf: &mut [u8]) -> std::io::Result<usize> {
                self.try_read_buf(&mut buf)
            }

            /// As [`try_read`](Self::try_read), into several buffers, one after the other.
            ///
            /// # Errors
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.source.registration().try_io(crate::io::Interest::READABLE, || {
                    std::io::Read::read_vectored(&mut &*self.source, bufs)
                })
            }

            /// As [`try_read`](Self::try_read), behind what `buf` holds, which grows by what was read.
            ///
            /// # Errors
            /// As [`try_read`](Self::try_read).
            pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                let (n, ()) = self.source.try_receive(buf, $receive)?;
                Ok(n)
            }

            pub(in crate::net) fn poll_read_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.source.poll_receive(cx, buf, $receive)
            }
        }
    };
}

/// `try_write` and its kin.
macro_rules! write_methods {
    ($ty:ident) => {
        impl $ty {
            /// Writes, if that does not block; how many bytes were taken.
            ///
            /// Use it after [`writable`](Self::writable) or `ready`.
            ///
            /// # Errors
            /// `WouldBlock` if there is no room; the system's.
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.source.registration().try_io(crate::io::Interest::WRITABLE, || {
                    std::io::Write::write(&mut &*self.source, buf)
                })
            }

            /// As [`try_write`](Self::try_write), from several buffers, one after the other.
            ///
            /// # Errors
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.source.registration().try_io(crate::io::Interest::WRITABLE, || {
                    std::io::Write::write_vectored(&mut &*self.source, bufs)
                })
            }

            pub(in crate::net) fn poll_write_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.source.poll_send_stream(cx, buf.len(), |mut stream| {
                    std::io::Write::write(&mut stream, buf)
                })
            }

            pub(in crate::net) fn poll_write_vectored_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let bufs = crate::net::source::at_most_max_buffers(bufs);
                let len = crate::net::source::total_len(bufs);
                self.source.poll_send_stream(cx, len, |mut stream| {
                    std::io::Write::write_vectored(&mut stream, bufs)
                })
            }
        }
    };
}

/// `AsyncRead` for a type, by the `poll_read_priv` of the stream that `$stream` names.
macro_rules! read_trait {
    ($ty:ty, |$this:ident| $stream:expr) => {
        impl crate::io::AsyncRead for $ty {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self.get_mut();
                $stream.poll_read_priv(cx, buf)
            }
        }
    };
}

/// `AsyncWrite` for a type, by the methods of the stream that `$stream` names; `$shutdown` ends the
/// writing.
macro_rules! write_trait {
    ($ty:ty, |$this:ident| $stream:expr, $shutdown:expr) => {
        impl crate::io::AsyncWrite for $ty {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = self.get_mut();
                $stream.poll_write_priv(cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let $this = self.get_mut();
                $stream.poll_write_vectored_priv(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            /// Nothing is buffered here.
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self.get_mut();
                std::task::Poll::Ready($shutdown)
            }
        }
    };
}

/// What makes a stream of a connected socket, both ways.
macro_rules! stream_methods {
    ($ty:ident, $std:ty, $receive:path) => {
        crate::net::methods::ready_method!($ty);
        crate::net::methods::readable_methods!($ty, poll_read_ready);
        crate::net::methods::writable_methods!($ty, poll_write_ready);
        crate::net::methods::io_methods!($ty);
        crate::net::methods::read_methods!($ty, $receive);
        crate::net::methods::write_methods!($ty);
        crate::net::methods::take_error_method!($ty);
        crate::net::methods::socket_traits!($ty, $std);
        crate::net::methods::read_trait!($ty, |stream| stream);
        crate::net::methods::write_trait!($ty, |stream| stream, stream.shutdown_write());

        impl $ty {
            pub(in crate::net) fn from_source(source: crate::net::source::Source<$std>) -> $ty {
                Self { source }
            }

            /// Two halves that borrow the stream: for reading and writing at once in one task, at no cost.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                super::split::split(self)
            }

            /// Two halves that own the stream, for two tasks; they share it by a reference count.
            ///
            /// Dropping the write half ends the writing, as `shutdown` does. [`OwnedReadHalf::reunite`]
            /// gives the stream back.
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                super::split::split_owned(self)
            }

            /// Ends the writing. A connection that is gone already has no end to be told.
            pub(in crate::net) fn shutdown_write(&self) -> std::io::Result<()> {
                match self.source.shutdown(std::net::Shutdown::Write) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        impl AsRef<$ty> for $ty {
            fn as_ref(&self) -> &$ty {
                self
            }
        }
    };
}

pub(in crate::net) use {read_methods, read_trait, stream_methods, write_methods, write_trait};
