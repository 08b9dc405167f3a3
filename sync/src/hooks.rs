//! What a runtime gives to this crate: a timer, for the one operation here that needs one.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

/// A future that completes after some time.
pub type BoxSleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a [`BoxSleep`] on the current runtime's timer. Called with the time to wait.
pub type NewSleep = fn(Duration) -> BoxSleep;

static NEW_SLEEP: OnceLock<NewSleep> = OnceLock::new();

/// Gives the timer. The first call counts; a runtime makes it when it is built.
pub fn set_sleep(new_sleep: NewSleep) {
    // A second runtime of the same kind brings the same function.
    let _ = NEW_SLEEP.set(new_sleep);
}

/// Lets a sleep be part of a future that is Sync.
pub(crate) struct Exclusive(BoxSleep);

// SAFETY: there is no method on `&Exclusive`: the sleep is reached through `&mut` only.
unsafe impl Sync for Exclusive {}

pin_project! {
    /// See [`timeout`]. A type and not an async function, which would hold its argument twice.
    pub(crate) struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Exclusive,
    }
}

/// The future's output, or `None` if the time is over before. One allocation.
pub(crate) fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    let new_sleep = NEW_SLEEP.get().expect(
        "there is no reactor running, must be called from the context of a filch runtime: \
         send_timeout needs its timer",
    );
    Timeout { future, sleep: Exclusive(new_sleep(duration)) }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(out) = this.future.poll(cx) {
            return Poll::Ready(Some(out));
        }
        this.sleep.0.as_mut().poll(cx).map(|()| None)
    }
}
