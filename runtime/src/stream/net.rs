//! Connections as a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream};

macro_rules! stream_of_connections {
    ($listener:ident => $stream:ident) => {
        impl Stream for $listener {
            /// An error concerns one connection or the moment; see `accept` for those after which to wait
            /// before going on. The peer's address: `peer_addr`.
            type Item = io::Result<$stream>;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _peer)| stream)))
            }

            /// It does not end.
            fn size_hint(&self) -> (usize, Option<usize>) {
                (usize::MAX, None)
            }
        }
    };
}

stream_of_connections!(TcpListener => TcpStream);
stream_of_connections!(UnixListener => UnixStream);
