//! Spending a unit of the task's budget on an operation that is a future of others.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use filch_primitives::coop;

/// Runs a future that spends a unit when it completes, and none while it waits.
pub(crate) async fn counted<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let coop = ready!(coop::poll_proceed(cx));
        let out = ready!(future.as_mut().poll(cx));
        coop.made_progress();
        Poll::Ready(out)
    })
    .await
}
