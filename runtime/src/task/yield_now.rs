//! Giving way to other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets other tasks run, and comes back behind those that are ready now.
///
/// asyncio's `sleep(0)`. Costs one trip through the worker's own queue. Under an executor other than
/// filch's it wakes itself and returns `Pending` once.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// for chunk in [1, 2, 3] {
///     // ... a part of a long computation with `chunk` ...
/// #   let _ = chunk;
///     filch::task::yield_now().await;
/// }
/// # });
/// ```
pub async fn yield_now() {
    struct YieldNow {
        yielded: bool,
    }

    impl Future for YieldNow {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if self.yielded {
                return Poll::Ready(());
            }
            self.yielded = true;
            // Woken while it runs: `State::end_poll` requeues the task behind the others.
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    YieldNow { yielded: false }.await;
}
