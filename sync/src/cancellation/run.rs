//! A future that ends early where its token is cancelled.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{CancellationToken, WaitForCancellationFuture, WaitForCancellationFutureOwned};

/// A wait for a token's cancellation, that can say whether it has come without registering.
pub(super) trait Cancelled: Future<Output = ()> {
    fn token(&self) -> &CancellationToken;
}

impl Cancelled for WaitForCancellationFuture<'_> {
    fn token(&self) -> &CancellationToken {
        self.token
    }
}

impl Cancelled for WaitForCancellationFutureOwned {
    fn token(&self) -> &CancellationToken {
        &self.token
    }
}

pin_project! {
    /// A type and not an async function, which would hold the user's future twice.
    pub(super) struct RunUntilCancelled<C, F> {
        #[pin]
        cancelled: C,
        #[pin]
        future: F,
        // Whether `future` was polled.
        has_begun: bool,
    }
}

impl<C, F> RunUntilCancelled<C, F> {
    pub(super) fn new(cancelled: C, future: F) -> Self {
        RunUntilCancelled { cancelled, future, has_begun: false }
    }
}

impl<C: Cancelled, F: Future> Future for RunUntilCancelled<C, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.has_begun {
            if this.cancelled.token().is_cancelled() {
                return Poll::Ready(None);
            }
            *this.has_begun = true;
        }
        match this.future.poll(cx) {
            Poll::Ready(out) => Poll::Ready(Some(out)),
            Poll::Pending => this.cancelled.poll(cx).map(|()| None),
        }
    }
}
