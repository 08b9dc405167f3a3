//! Counting tasks, and waiting until all have ended.
//!
//! The tracking only: futures are wrapped, and spawned by whatever spawns.
//!
//! The state word: bit 0 CLOSED, above it the number of tokens.
//!
//! Invariants
//! R1  Who brings the word to "closed and no tokens" notifies. A waiter that was made before is completed by
//!     that, also where the tracker is reopened since.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use filch_primitives::atomic::{AtomicUsize, Ordering};
use pin_project_lite::pin_project;

use crate::Notify;
use crate::futures::Notified;

const CLOSED: usize = 1;
const TASK: usize = 2;

struct Inner {
    state: AtomicUsize,
    /// Wakes those who wait for "closed and no tokens".
    ended: Notify,
}

impl Inner {
    fn load(&self) -> usize {
        // ordering: Acquire, pairs with `remove_task`: who sees the end sees what the tasks did.
        self.state.load(Ordering::Acquire)
    }

    fn add_task(&self) {
        // ordering: Relaxed. The caller has the tracker or a token; nothing is published.
        let before = self.state.fetch_add(TASK, Ordering::Relaxed);
        assert!(before <= usize::MAX / 2, "too many tracked tasks");
    }

    fn remove_task(&self) {
        // ordering: Release, so that what the task did comes before the end; Acquire, so that the last one
        // passes on what the others did.
        if self.state.fetch_sub(TASK, Ordering::AcqRel) == TASK | CLOSED {
            self.ended.notify_waiters();
        }
    }
}

/// Counts tasks, and lets others wait until it is closed and all have ended.
///
/// Unlike a set of handles it keeps nothing of a task that has ended. Clones are the same tracker.
///
/// # Examples
/// ```
/// use filch_sync::TaskTracker;
///
/// let tracker = TaskTracker::new();
/// let workers: Vec<_> = (0..4)
///     .map(|_| {
///         let token = tracker.token();
///         std::thread::spawn(move || drop(token))
///     })
///     .collect();
/// tracker.close();
/// # for worker in workers { worker.join().unwrap() }
/// // With an executor: tracker.wait().await
/// assert!(tracker.is_empty());
/// ```
pub struct TaskTracker {
    inner: Arc<Inner>,
}

/// Counts as a task while it lives. From [`TaskTracker::token`].
///
/// # Examples
/// ```
/// use filch_sync::TaskTracker;
///
/// let tracker = TaskTracker::new();
/// let token = tracker.token();
/// let thread = std::thread::spawn(move || {
///     // ... work that is to be waited for ...
///     drop(token);
/// });
/// # thread.join().unwrap();
/// assert_eq!(tracker.len(), 0);
/// ```
#[must_use = "it counts while it lives"]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
}

pin_project! {
    /// A future that counts as a task until it is dropped. From [`TaskTracker::track_future`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TrackedFuture<F> {
        // Dropped before the token: when the tracker is empty, the future is gone.
        #[pin]
        future: F,
        token: TaskTrackerToken,
    }
}

pin_project! {
    /// Completes when the tracker is closed and empty. From [`TaskTracker::wait`].
    ///
    /// It is enough that it was so at one moment since it was made.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TaskTrackerWaitFuture<'a> {
        #[pin]
        notified: Notified<'a>,
        // `None` once it was seen closed and empty.
        inner: Option<&'a Inner>,
    }
}

impl TaskTracker {
    /// An open tracker without tasks.
    #[must_use]
    pub fn new() -> Self {
        TaskTracker { inner: Arc::new(Inner { state: AtomicUsize::new(0), ended: Notify::new() }) }
    }

    /// Waits until the tracker is closed and all tasks have ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        // Made before the look: R1.
        let notified = self.inner.ended.notified();
        let inner = (self.inner.load() != CLOSED).then_some(&*self.inner);
        TaskTrackerWaitFuture { notified, inner }
    }

    /// Closes it, so that [`wait`](Self::wait) can complete. Tasks can still be added. True if it was open.
    pub fn close(&self) -> bool {
        // ordering: as in `remove_task`, which this may stand for.
        let before = self.inner.state.fetch_or(CLOSED, Ordering::AcqRel);
        if before == 0 {
            self.inner.ended.notify_waiters();
        }
        before & CLOSED == 0
    }

    /// Opens it again. True if it was closed.
    pub fn reopen(&self) -> bool {
        // ordering: AcqRel, so that it does not come apart from the `close` before.
        self.inner.state.fetch_and(!CLOSED, Ordering::AcqRel) & CLOSED != 0
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.load() & CLOSED != 0
    }

    /// How many tasks it counts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.load() / TASK
    }

    /// Whether it counts no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A token that counts as a task.
    pub fn token(&self) -> TaskTrackerToken {
        self.inner.add_task();
        TaskTrackerToken { tracker: self.clone() }
    }

    /// A future that counts as a task, from now until it is dropped.
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        TrackedFuture { future, token: self.token() }
    }

    /// Whether both are the same tracker.
    #[must_use]
    pub fn ptr_eq(left: &TaskTracker, right: &TaskTracker) -> bool {
        Arc::ptr_eq(&left.inner, &right.inner)
    }
}

impl TaskTrackerToken {
    /// The tracker that it counts for.
    #[must_use]
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Default for TaskTracker {
    fn default() -> Self {
        TaskTracker::new()
    }
}

impl Clone for TaskTracker {
    fn clone(&self) -> Self {
        TaskTracker { inner: self.inner.clone() }
    }
}

impl Clone for TaskTrackerToken {
    fn clone(&self) -> Self {
        self.tracker.token()
    }
}

impl Drop for TaskTrackerToken {
    fn drop(&mut self) {
        self.tracker.inner.remove_task();
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(inner) = this.inner {
            if inner.load() != CLOSED {
                ready!(this.notified.poll(cx));
            }
            *this.inner = None;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.load();
        f.debug_struct("Inner")
            .field("is_closed", &(state & CLOSED != 0))
            .field("len", &(state / TASK))
            .finish()
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTracker")
            .field("is_closed", &self.is_closed())
            .field("len", &self.len())
            .finish()
    }
}

impl fmt::Debug for TaskTrackerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTrackerToken").finish_non_exhaustive()
    }
}

impl<F: fmt::Debug> fmt::Debug for TrackedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedFuture")
            .field("future", &self.future)
            .field("tracker", self.token.task_tracker())
            .finish()
    }
}

impl fmt::Debug for TaskTrackerWaitFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTrackerWaitFuture").field("inner", &self.inner).finish()
    }
}
