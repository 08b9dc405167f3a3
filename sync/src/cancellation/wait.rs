//! The futures that wait for a cancellation.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::CancellationToken;
use crate::notify::Wait;

/// Completes when its token is cancelled. From [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitForCancellationFuture<'a> {
    pub(super) token: &'a CancellationToken,
    wait: Wait,
}

/// Completes when its token is cancelled, which it owns. From [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitForCancellationFutureOwned {
    pub(super) token: CancellationToken,
    wait: Wait,
}

/// One poll. `wait` was made before this looks: a cancellation in between completes it.
///
/// # Safety
/// As for [`Wait::poll`], with the token's `Notify`.
unsafe fn poll(token: &CancellationToken, wait: &Wait, cx: &mut Context<'_>) -> Poll<()> {
    if token.is_cancelled() {
        return Poll::Ready(());
    }
    // SAFETY: the caller's promise.
    unsafe { wait.poll(&token.node().cancelled, Some(cx.waker())) }
}

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        WaitForCancellationFuture { token, wait: Wait::new(&token.node().cancelled) }
    }
}

impl WaitForCancellationFutureOwned {
    pub(super) fn new(token: CancellationToken) -> Self {
        WaitForCancellationFutureOwned { wait: Wait::new(&token.node().cancelled), token }
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose token does not change, and whose `drop` calls `leave`.
        unsafe { poll(this.token, &this.wait, cx) }
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose token does not change, and whose `drop` calls `leave`.
        unsafe { poll(&this.token, &this.wait, cx) }
    }
}

impl Drop for WaitForCancellationFuture<'_> {
    fn drop(&mut self) {
        self.wait.leave(&self.token.node().cancelled);
    }
}

impl Drop for WaitForCancellationFutureOwned {
    fn drop(&mut self) {
        self.wait.leave(&self.token.node().cancelled);
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").field("token", self.token).finish()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").field("token", &self.token).finish()
    }
}
