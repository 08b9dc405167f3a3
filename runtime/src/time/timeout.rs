//! A limit in time for another future.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use filch_primitives::coop;
use pin_project_lite::pin_project;

use crate::time::error::Elapsed;
use crate::time::{Instant, Sleep, sleep, sleep_until};

/// Waits for `future`, for at most `duration` from this call on.
///
/// The future is polled first: one that is ready is never refused, however late. One that completes
/// and reaches its limit in the same poll has completed. While the future runs without ever returning
/// (a loop without an `await`), no limit can stop it.
///
/// Around a future that is ready at once it costs a read of the clock and a reference count on a line
/// of memory that no other worker writes: no timer is armed before the first `Pending`.
///
/// # Errors
/// [`Elapsed`] if the time is over first; the future is dropped with the [`Timeout`].
///
/// # Panics
/// As [`sleep`](crate::time::sleep): in this call outside of a runtime with timers, when polled after
/// the runtime has been shut down.
///
/// # Cancel safety
/// That of the future: dropping the timeout drops it.
///
/// # Examples
/// ```
/// use filch::time::{Duration, timeout};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// assert_eq!(timeout(Duration::from_millis(10), async { 7 }).await, Ok(7));
/// let never = std::future::pending::<()>();
/// assert!(timeout(Duration::from_millis(10), never).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout { delay: sleep(duration), value: future.into_future() }
}

/// Waits for `future` until `deadline`.
///
/// As [`timeout`] in everything else.
///
/// # Errors
/// [`Elapsed`] if the deadline passes first.
///
/// # Panics
/// As [`timeout`].
///
/// # Cancel safety
/// That of the future: dropping the timeout drops it.
///
/// # Examples
/// ```
/// use filch::time::{Duration, Instant, timeout_at};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let deadline = Instant::now() + Duration::from_millis(10);
/// assert!(timeout_at(deadline, std::future::pending::<()>()).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout { delay: sleep_until(deadline), value: future.into_future() }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Cancel safety
    /// That of the future inside: dropping the timeout drops it.
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

impl<T> Timeout<T> {
    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside, for changes.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future inside, without its limit.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        // A future that spends the whole budget in each poll would otherwise never let us look at the
        // deadline. If the budget was gone before, the task has to yield anyway.
        let exhausted_by_value = had_budget && !coop::has_budget_remaining();
        let elapsed = if exhausted_by_value {
            let _unconstrained = coop::unconstrained();
            this.delay.poll(cx)
        } else {
            this.delay.poll(cx)
        };
        elapsed.map(|()| Err(Elapsed::new()))
    }
}
