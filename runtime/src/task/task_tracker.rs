//! `sync::TaskTracker` as users see it: filch-sync's, which counts on any executor, and what spawns.
//!
//! A wrapper, since filch-sync knows no runtime, and methods that spawn must be inherent: code written for
//! tokio-util's tracker finds them without an import.

use std::fmt;
use std::future::Future;

use filch_sync::{TaskTrackerWaitFuture, TrackedFuture};

use super::{JoinHandle, LocalSet};
use crate::runtime::Handle;

/// Counts tasks, and lets others wait until it is closed and all have ended: for a graceful shutdown.
///
/// Unlike a [`JoinSet`](crate::task::JoinSet) it keeps nothing of a task that has ended, so that a server may
/// spawn through one tracker for ever. It does not abort: tell the tasks to end with a
/// [`CancellationToken`](filch_sync::CancellationToken). Clones are the same tracker.
///
/// # Cost
/// An atomic addition a task, and one when it ends.
/// # Examples
/// ```
/// use filch::sync::{CancellationToken, TaskTracker};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let tracker = TaskTracker::new();
/// let stop = CancellationToken::new();
/// for _connection in 0..3 {
///     let stop = stop.clone();
///     tracker.spawn(async move { stop.cancelled().await });
/// }
/// // Shutting down: no more tasks, ask those that run to end, and wait for them.
/// tracker.close();
/// stop.cancel();
/// tracker.wait().await;
/// assert!(tracker.is_empty());
/// # }
/// ```
#[derive(Clone, Default)]
pub struct TaskTracker {
    counter: filch_sync::TaskTracker,
}

/// Counts as a task while it lives. From [`TaskTracker::token`].
#[must_use = "it counts while it lives"]
#[derive(Clone)]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
    /// What counts.
    _counted: filch_sync::TaskTrackerToken,
}

impl TaskTracker {
    /// An open tracker without tasks.
    #[must_use]
    pub fn new() -> Self {
        TaskTracker::default()
    }

    /// Waits until the tracker is closed and all tasks have ended.
    ///
    /// It is enough that it was so at one moment since this was called.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        self.counter.wait()
    }

    /// Closes it, so that [`wait`](Self::wait) can complete. Tasks can still be added. True if it was open.
    pub fn close(&self) -> bool {
        self.counter.close()
    }

    /// Opens it again. True if it was closed.
    pub fn reopen(&self) -> bool {
        self.counter.reopen()
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.counter.is_closed()
    }

    /// How many tasks it counts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counter.len()
    }

    /// Whether it counts no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counter.is_empty()
    }

    /// Spawns a task on the current runtime. It counts until its future has been dropped.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        super::spawn(self.track_future(task))
    }

    /// Spawns a task on a runtime.
    #[track_caller]
    pub fn spawn_on<F>(&self, task: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(self.track_future(task))
    }

    /// Spawns a task that need not be `Send` on the current `LocalSet` or local runtime.
    ///
    /// # Panics
    /// Outside of both.
    #[track_caller]
    pub fn spawn_local<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        super::spawn_local(self.track_future(task))
    }

    /// Spawns a task that need not be `Send` on a `LocalSet`, which need not be the current one.
    #[track_caller]
    pub fn spawn_local_on<F>(&self, task: F, local_set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        local_set.spawn_local(self.track_future(task))
    }

    /// Runs a function that may block; see [`spawn_blocking`](crate::task::spawn_blocking). It counts until
    /// it has returned, or its handle was aborted before it began.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, task: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        super::spawn_blocking(self.track_fn(task))
    }

    /// Runs a function that may block, on a runtime's threads for such functions.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, task: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_fn(task))
    }

    fn track_fn<F, T>(&self, f: F) -> impl FnOnce() -> T + use<F, T>
    where
        F: FnOnce() -> T,
    {
        let token = self.token();
        move || {
            let _token = token;
            f()
        }
    }

    /// A token that counts as a task.
    pub fn token(&self) -> TaskTrackerToken {
        TaskTrackerToken { tracker: self.clone(), _counted: self.counter.token() }
    }

    /// A future that counts as a task, from now until it is dropped.
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        self.counter.track_future(future)
    }

    /// Whether both are the same tracker.
    #[must_use]
    pub fn ptr_eq(left: &TaskTracker, right: &TaskTracker) -> bool {
        filch_sync::TaskTracker::ptr_eq(&left.counter, &right.counter)
    }
}

impl TaskTrackerToken {
    /// The tracker that it counts for.
    #[must_use]
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counter.fmt(f)
    }
}

impl fmt::Debug for TaskTrackerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTrackerToken").finish_non_exhaustive()
    }
}
