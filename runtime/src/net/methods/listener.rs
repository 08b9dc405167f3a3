//! Accepting connections.

/// `accept` and `poll_accept`.
macro_rules! listener_methods {
    ($ty:ident => $stream:ident, $std:ty, $addr:ty) => {
        impl $ty {
            /// The next connection, and its peer's address.
            ///
            /// # Errors
            /// The system's. `EMFILE` and `ENFILE` (too many open files) leave the connection where it is:
            /// wait a moment, then go on. Others concern one connection that is gone
            /// (`ConnectionAborted`).
            /// # Cancel safety
            /// No connection is lost.
            pub async fn accept(&self) -> std::io::Result<($stream, $addr)> {
                let (stream, peer) = self
                    .source
                    .registration()
                    .async_io(crate::io::Interest::READABLE, || {
                        crate::net::accept::accept(&*self.source)
                    })
                    .await?;
                Ok((self.adopt(stream)?, peer))
            }

            /// As [`accept`](Self::accept); only the last task that polled is woken.
            ///
            /// # Errors
            /// As [`accept`](Self::accept).
            pub fn poll_accept(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<($stream, $addr)>> {
                self.source
                    .poll_io(cx, filch_io_driver::Direction::Read, crate::net::accept::accept)
                    .map(|accepted| {
                        accepted.and_then(|(stream, peer)| Ok((self.adopt(stream)?, peer)))
                    })
            }

            fn adopt(&self, stream: $std) -> std::io::Result<$stream> {
                crate::net::source::Source::child_of(&self.source, stream).map($stream::from_source)
            }
        }
    };
}

pub(in crate::net) use listener_methods;
