//! What bodies and tasks hold of their scope.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use filch_sync::CancellationToken;

use super::builder::ScopedTaskBuilder;
use super::cleanup::{self, When};
use super::error::CancelCause;
use super::group::TaskGroup;
use super::handle::ScopedJoinHandle;
use super::node::{Node, Stop};

/// Spawns tasks into a scope or group. Cheap to clone; tasks may take clones along.
///
/// It does not keep the scope open. What is spawned after the scope has stopped or ended is dropped at once,
/// and its handle says that it was cancelled.
pub struct Scope<E> {
    node: Arc<Node>,
    error: PhantomData<fn(E)>,
}

impl<E: Send + 'static> Scope<E> {
    /// Spawns a task into the scope, on the current runtime.
    ///
    /// It starts at once. Its value goes to the handle; an error or a panic cancels the scope. A task that
    /// was cancelled is dropped at its next `await`: one that never comes to one holds up the scope's end.
    ///
    /// # Panics
    /// Outside of a runtime.
    /// # Examples
    /// ```
    /// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// // A task may spawn its siblings.
    /// let done = filch::task::scope(|s| async move {
    ///     let siblings = s.clone();
    ///     s.spawn(async move {
    ///         siblings.spawn(async { Ok(println!("later")) });
    ///         Ok(())
    ///     });
    ///     std::io::Result::Ok("all have ended")
    /// });
    /// assert_eq!(done.await.unwrap(), "all have ended");
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.build_task().spawn(future)
    }

    /// Runs a function that may block, on a thread for such; see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// If the scope is cancelled before it has begun, it is dropped without waiting for a thread. Once it
    /// has begun, the scope waits for it; it may look at [`token`](Self::token) to end early.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        self.build_task().spawn_blocking(f)
    }

    /// Runs a computation; see [`spawn_compute`](crate::task::spawn_compute). Cancelled as
    /// [`spawn_blocking`](Self::spawn_blocking)'s work is.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_compute<F, T>(&self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        self.build_task().spawn_compute(f)
    }

    /// For a task with a name.
    pub fn build_task(&self) -> ScopedTaskBuilder<'_, E> {
        ScopedTaskBuilder::new(&self.node)
    }

    /// Cancels everything in the scope: its tasks, what is nested in it, and the body, unless that ends in
    /// the same poll.
    ///
    /// A body that has its value keeps it: "the first one wins" is a body that waits for one value,
    /// cancels, and returns it. Without a value the scope gives [`CancelCause::Handle`].
    pub fn cancel(&self) {
        let _ = self.node.stop(Stop::Cancel(CancelCause::Handle));
    }

    /// Whether the scope has stopped: cancelled, or failed.
    pub fn is_cancelled(&self) -> bool {
        self.node.stopped().is_cancelled()
    }

    /// A token that is cancelled when the scope stops: for blocking work that wants to end early.
    pub fn token(&self) -> CancellationToken {
        self.node.stopped().child_token()
    }

    /// Registers clean-up for when the scope does not end well: it failed, was cancelled, or its future was
    /// dropped. Else it is dropped unpolled.
    ///
    /// It runs after all tasks have ended, the last one registered first, each for at most `limit` from its
    /// start, and then it is dropped. The scope's future ends after it; if that is dropped, it runs
    /// nevertheless: it is a task of the runtime, named "clean-up of" the scope's name. Registered when the
    /// scope has ended already, it runs at once. A panic in it is reported, and the others still run. If the
    /// runtime shuts down first, it is dropped where it is.
    ///
    /// # Panics
    /// Outside of a runtime with timers.
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let transfer = filch::task::scope(|s| async move {
    ///     s.defer(Duration::from_secs(1), async { println!("rolled back") });
    ///     s.spawn(async { Err::<(), _>("connection lost") });
    ///     Ok(())
    /// });
    /// assert_eq!(transfer.await.unwrap_err().to_string(), "connection lost");
    /// # });
    /// ```
    #[track_caller]
    pub fn defer<F>(&self, limit: Duration, cleanup: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        cleanup::defer(&self.node, When::Stopped, limit, cleanup);
    }

    /// As [`defer`](Self::defer), also for when the scope ends well.
    ///
    /// # Panics
    /// Outside of a runtime with timers.
    #[track_caller]
    pub fn defer_always<F>(&self, limit: Duration, cleanup: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        cleanup::defer(&self.node, When::Always, limit, cleanup);
    }

    /// A group inside of this scope: the scope waits for its tasks, and cancels them when it stops. Their
    /// errors are the group's, which may be of another type.
    #[track_caller]
    pub fn task_group<G: Send + 'static>(&self) -> TaskGroup<G> {
        TaskGroup::inside(&self.node, None)
    }
}

impl<E> Scope<E> {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Scope { node, error: PhantomData }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// How many tasks have not ended. A nested scope that has some counts as one.
    pub fn len(&self) -> usize {
        self.node.len()
    }

    /// Whether all tasks so far have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E> Clone for Scope<E> {
    fn clone(&self) -> Self {
        Scope::new(self.node.clone())
    }
}

impl<E> fmt::Debug for Scope<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.debug("Scope", f)
    }
}
