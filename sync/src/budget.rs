//! Spending a unit of the task's budget on an operation that is a future of others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;
use pin_project_lite::pin_project;

pin_project! {
    /// See [`counted`]. A type and not an async function, which would hold its argument twice: as it came,
    /// and pinned.
    pub(crate) struct Counted<F> {
        #[pin]
        future: F,
    }
}

/// Runs a future that spends a unit when it completes, and none while it waits.
pub(crate) fn counted<F: Future>(future: F) -> Counted<F> {
    Counted { future }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        let out = ready!(self.project().future.poll(cx));
        coop.made_progress();
        Poll::Ready(out)
    }
}
