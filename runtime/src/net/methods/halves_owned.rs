//! The halves of a shared stream, and putting them together again.

/// `OwnedReadHalf`, `OwnedWriteHalf`, `ReuniteError`, and `split_owned`, which makes the halves.
macro_rules! owned_halves {
    ($stream:ident, $addr:ty) => {
        #[doc = concat!(
            "The reading half of a [`", stringify!($stream), "`], from [`", stringify!($stream),
            "::into_split`]."
        )]
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            stream: std::sync::Arc<$stream>,
        }

        #[doc = concat!(
            "The writing half of a [`", stringify!($stream), "`], from [`", stringify!($stream),
            "::into_split`]."
        )]
        ///
        /// Dropping it ends the writing, unless that has been done or [`forget`](OwnedWriteHalf::forget)
        /// was called.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: std::sync::Arc<$stream>,
            shutdown_on_drop: bool,
        }

        /// The halves that were not of one stream, given back.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("tried to reunite halves that are not from the same socket")
            }
        }

        impl std::error::Error for ReuniteError {}

        pub(super) fn split_owned(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let stream = std::sync::Arc::new(stream);
            let writer = OwnedWriteHalf { stream: stream.clone(), shutdown_on_drop: true };
            (OwnedReadHalf { stream }, writer)
        }

        fn reunite(
            reader: OwnedReadHalf,
            writer: OwnedWriteHalf,
        ) -> Result<$stream, ReuniteError> {
            if !std::sync::Arc::ptr_eq(&reader.stream, &writer.stream) {
                return Err(ReuniteError(reader, writer));
            }
            writer.forget();
            // There are two references, one in each half, and no way to get a third.
            Ok(std::sync::Arc::into_inner(reader.stream).expect("the other half is gone"))
        }

        impl OwnedReadHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            /// Both halves, if they are not of one stream.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }

            fn stream(&self) -> &$stream {
                &self.stream
            }
        }

        impl OwnedWriteHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            /// Both halves, if they are not of one stream.
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops the half without ending the writing: the peer sees the end when the reading half is
            /// dropped too.
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }

            fn stream(&self) -> &$stream {
                &self.stream
            }

            fn shutdown_write(&mut self) -> std::io::Result<()> {
                self.stream.shutdown_write()?;
                self.shutdown_on_drop = false;
                Ok(())
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    // The peer may be gone; nobody is left to tell.
                    let _ = self.stream.shutdown_write();
                }
            }
        }

        crate::net::methods::read_half_methods!(OwnedReadHalf, $stream, $addr);
        crate::net::methods::write_half_methods!(OwnedWriteHalf, $stream, $addr);
        crate::net::methods::write_trait!(
            OwnedWriteHalf,
            |half| half.stream,
            half.shutdown_write()
        );
    };
}

pub(in crate::net) use owned_halves;
