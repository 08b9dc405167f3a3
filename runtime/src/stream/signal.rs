//! Signals as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::signal::unix::Signal;

impl Stream for Signal {
    /// At least one signal since the item before.
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }

    /// It does not end.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
