//! The halves of a stream, and their peeking; the rest is in `net/methods`.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::TcpStream;
use crate::io::ReadBuf;
use crate::net::methods::{borrowed_halves, owned_halves};

borrowed_halves!(TcpStream, SocketAddr);
owned_halves!(TcpStream, SocketAddr);

/// Peeking, for a reading half of either kind.
macro_rules! peek_methods {
    ($half:ty) => {
        impl $half {
            /// As [`TcpStream::poll_peek`].
            ///
            /// # Errors
            /// As [`TcpStream::peek`].
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                self.stream().poll_peek(cx, buf)
            }

            /// Reads without taking: the next read gives the same bytes. 0 is the end of the stream.
            ///
            /// # Errors
            /// As [`TcpStream::peek`].
            /// # Cancel safety
            /// Nothing is taken.
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream().peek_into(buf).await
            }
        }
    };
}

peek_methods!(ReadHalf<'_>);
peek_methods!(OwnedReadHalf);
