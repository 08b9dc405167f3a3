//! Halves of a stream that was pinned do not give it back: it would move.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use filch::io::{self, AsyncRead, AsyncWrite, ReadBuf};

struct Pinned(PhantomPinned);

impl AsyncRead for Pinned {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pinned {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn main() {
    let (reader, writer) = io::split(Pinned(PhantomPinned));
    let _moved = reader.unsplit(writer);
}
