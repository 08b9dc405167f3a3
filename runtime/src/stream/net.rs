//! Connections as a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::net::{TcpListener, TcpStream};

impl Stream for TcpListener {
    /// An error concerns one connection or the moment; see [`accept`](TcpListener::accept) for those after
    /// which to wait before going on. The peer's address: [`peer_addr`](TcpStream::peer_addr).
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _peer)| stream)))
    }

    /// It does not end.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
