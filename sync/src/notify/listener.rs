//! A wait that is used again and again: what streams keep between their items.
//!
//! Callers: `broadcast::stream`, `watch::stream`.
//! Data: a handle to what has the `Notify`, and a boxed node.
//! Protocol: docs/sync.md, steps NTF2, NTF3, NTF5 to NTF7, as any other wait for `notify_waiters`.
//!
//! Invariants
//! L1  Between the calls the node was made before the caller's last look: a notification of all that comes
//!     after the look completes the next poll (N3). It may come from before the look; then the caller
//!     looks once in vain.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::Arc;

use super::{Notify, Wait};

/// What a [`Listener`] listens to.
///
/// # Safety
/// `notify` returns the same `Notify` for as long as the value lives.
pub(crate) unsafe trait Source {
    /// The one that is notified.
    fn notify(&self) -> &Notify;
}

/// Waits for each `notify_waiters` of a source. One allocation, in [`new`](Self::new).
pub(crate) struct Listener<S: Source> {
    source: Arc<S>,
    /// In a box, so that the stream can be moved.
    wait: Pin<Box<Wait>>,
}

impl<S: Source> Listener<S> {
    pub(crate) fn new(source: Arc<S>) -> Self {
        let wait = Box::pin(Wait::new(source.notify()));
        Listener { source, wait }
    }

    /// Polls for a notification of all since this completed last, or was made. For a loop of looking and
    /// polling (L1).
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let notify = self.source.notify();
        // SAFETY: pinned by its box, and borrowed exclusively, as we are; `notify` is the one of `new`, by
        // the promise of `Source`; `drop` calls `leave`.
        ready!(unsafe { self.wait.poll(notify, Some(cx.waker())) });
        // It has completed: the old node is in no list.
        self.wait.set(Wait::new(notify));
        Poll::Ready(())
    }
}

impl<S: Source> Drop for Listener<S> {
    fn drop(&mut self) {
        self.wait.leave(self.source.notify());
    }
}
