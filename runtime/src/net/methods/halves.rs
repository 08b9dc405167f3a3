//! The halves of a borrowed stream.

/// `ReadHalf` and `WriteHalf`, and `split`, which makes them.
macro_rules! borrowed_halves {
    ($stream:ident, $addr:ty) => {
        #[doc = concat!(
            "The reading half of a [`", stringify!($stream), "`], from [`", stringify!($stream), "::split`]."
        )]
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        #[doc = concat!(
            "The writing half of a [`", stringify!($stream), "`], from [`", stringify!($stream), "::split`]."
        )]
        ///
        /// Its `shutdown` ends the writing; dropping it does not.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// Takes `&mut`, so that nobody reads or writes beside the halves.
        pub(super) fn split(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        impl ReadHalf<'_> {
            fn stream(&self) -> &$stream {
                self.0
            }
        }

        impl WriteHalf<'_> {
            fn stream(&self) -> &$stream {
                self.0
            }
        }

        crate::net::methods::read_half_methods!(ReadHalf<'_>, $stream, $addr);
        crate::net::methods::write_half_methods!(WriteHalf<'_>, $stream, $addr);
        crate::net::methods::write_trait!(
            WriteHalf<'_>,
            |half| half.0,
            half.0.shutdown_write()
        );
    };
}

/// The methods and traits of a reading half, of either kind. It has a method `stream`.
macro_rules! read_half_methods {
    ($half:ty, $stream:ident, $addr:ty) => {
        impl $half {
            #[doc = concat!("As [`", stringify!($stream), "::ready`].")]
            ///
            /// # Errors
            /// The runtime has shut down.
            /// # Cancel safety
            /// No readiness is lost.
            pub async fn ready(
                &self,
                interest: crate::io::Interest,
            ) -> std::io::Result<crate::io::Ready> {
                self.stream().ready(interest).await
            }

            /// Waits until a read would not block.
            ///
            /// # Errors
            /// The runtime has shut down.
            /// # Cancel safety
            /// No readiness is lost.
            pub async fn readable(&self) -> std::io::Result<()> {
                self.stream().readable().await
            }

            /// Reads, if that does not block. 0 is the end of the stream, or an empty buffer.
            ///
            /// # Errors
            /// `WouldBlock` if nothing is there; the system's.
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.stream().try_read(buf)
            }

            /// Reads into several buffers, if that does not block.
            ///
            /// # Errors
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.stream().try_read_vectored(bufs)
            }

            /// Reads behind what `buf` holds, if that does not block.
            ///
            /// # Errors
            /// As [`try_read`](Self::try_read).
            pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.stream().try_read_buf(buf)
            }
        }

        crate::net::methods::half_methods!($half, $stream, $addr);
        crate::net::methods::read_trait!($half, |half| half.stream());
    };
}

/// The methods of a writing half, of either kind. It has a method `stream`.
macro_rules! write_half_methods {
    ($half:ty, $stream:ident, $addr:ty) => {
        impl $half {
            #[doc = concat!("As [`", stringify!($stream), "::ready`].")]
            ///
            /// # Errors
            /// The runtime has shut down.
            /// # Cancel safety
            /// No readiness is lost.
            pub async fn ready(
                &self,
                interest: crate::io::Interest,
            ) -> std::io::Result<crate::io::Ready> {
                self.stream().ready(interest).await
            }

            /// Waits until a write would not block.
            ///
            /// # Errors
            /// The runtime has shut down.
            /// # Cancel safety
            /// No readiness is lost.
            pub async fn writable(&self) -> std::io::Result<()> {
                self.stream().writable().await
            }

            /// Writes, if that does not block; how many bytes were taken.
            ///
            /// # Errors
            /// `WouldBlock` if there is no room; the system's.
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.stream().try_write(buf)
            }

            /// Writes from several buffers, if that does not block.
            ///
            /// # Errors
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.stream().try_write_vectored(bufs)
            }
        }

        crate::net::methods::half_methods!($half, $stream, $addr);
    };
}

/// What both directions have.
macro_rules! half_methods {
    ($half:ty, $stream:ident, $addr:ty) => {
        impl $half {
            /// The address of the other end.
            ///
            /// # Errors
            /// The system's.
            pub fn peer_addr(&self) -> std::io::Result<$addr> {
                self.stream().peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// The system's.
            pub fn local_addr(&self) -> std::io::Result<$addr> {
                self.stream().local_addr()
            }
        }

        impl AsRef<$stream> for $half {
            fn as_ref(&self) -> &$stream {
                self.stream()
            }
        }
    };
}

pub(in crate::net) use {borrowed_halves, half_methods, read_half_methods, write_half_methods};
