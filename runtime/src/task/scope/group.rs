//! The form of a scope that has no body: for servers, and for what starts in one place and ends in another.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use filch_sync::CancellationToken;

use super::builder::ScopedTaskBuilder;
use super::cleanup;
use super::error::ScopeError;
use super::handle::ScopedJoinHandle;
use super::node::Node;
use super::run::{Leaving, outcome};
use super::spawner::Scope;

/// Tasks that end together.
///
/// As a [`scope`](super::scope): the first error or panic cancels the others, and is what
/// [`join`](Self::join) and [`wait`](Self::wait) return. But it has no body, and lives as long as a handle of
/// it: clones are the same group. Dropping the last one is as dropping a scope's future: all tasks are asked
/// to end at once, and deferred clean-up runs after them. So tasks of the group should not hold it; give
/// them [`scope`](Self::scope), which spawns and does not keep it.
///
/// Made by [`new`](Self::new) it stands alone, wherever that is called. Inside of a scope:
/// [`Scope::task_group`].
///
/// # Examples
/// ```
/// use filch::task::TaskGroup;
///
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let connections = TaskGroup::<std::io::Error>::named("connections");
/// for _ in 0..3 {
///     connections.spawn(async { Ok(()) });
/// }
/// connections.join().await.unwrap();
/// assert!(connections.is_empty());
/// # });
/// ```
pub struct TaskGroup<E> {
    scope: Scope<E>,
    /// Shared by the clones: the last one leaves.
    leaving: Arc<Leaving>,
}

impl<E: Send + 'static> TaskGroup<E> {
    /// A group that stands alone.
    #[track_caller]
    pub fn new() -> Self {
        TaskGroup::of(Node::new(None, None, Location::caller()))
    }

    /// One with a name, for reports of its clean-up.
    #[track_caller]
    pub fn named(name: &str) -> Self {
        TaskGroup::of(Node::new(None, Some(name), Location::caller()))
    }

    #[track_caller]
    pub(super) fn inside(node: &Arc<Node>, name: Option<&str>) -> Self {
        TaskGroup::of(Node::new(Some(node.clone()), name, Location::caller()))
    }

    fn of(node: Arc<Node>) -> Self {
        TaskGroup { scope: Scope::new(node.clone()), leaving: Arc::new(Leaving(node)) }
    }

    /// What spawns into the group and does not keep it alive: for its tasks.
    pub fn scope(&self) -> &Scope<E> {
        &self.scope
    }

    /// Spawns a task into the group; see [`Scope::spawn`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.scope.spawn(future)
    }

    /// Runs a function that may block; see [`Scope::spawn_blocking`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        self.scope.spawn_blocking(f)
    }

    /// Runs a computation; see [`Scope::spawn_compute`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_compute<F, T>(&self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        self.scope.spawn_compute(f)
    }

    /// For a task with a name.
    pub fn build_task(&self) -> ScopedTaskBuilder<'_, E> {
        self.scope.build_task()
    }

    /// Cancels all tasks, and takes no more. Does not wait: [`join`](Self::join) does.
    pub fn cancel(&self) {
        self.scope.cancel();
    }

    /// Whether the group has stopped: cancelled, or failed.
    pub fn is_cancelled(&self) -> bool {
        self.scope.is_cancelled()
    }

    /// A token that is cancelled when the group stops.
    pub fn token(&self) -> CancellationToken {
        self.scope.token()
    }

    /// Takes no more tasks. Those that run go on.
    pub fn close(&self) {
        self.scope.node().close();
    }

    /// Whether it takes no more tasks: closed, joined, cancelled, or failed.
    pub fn is_closed(&self) -> bool {
        self.scope.node().is_closed()
    }

    /// Waits until there are no tasks at one moment. The group stays open.
    ///
    /// # Errors
    /// [`ScopeError`] if the group has stopped. Its failure goes to whoever waits first.
    /// # Cancel safety
    /// Nothing is lost: the tasks go on, and an error stays where it is.
    pub async fn wait(&self) -> Result<(), ScopeError<E>> {
        self.scope.node().until_empty().await;
        outcome(self.scope.node(), self.stopped_or_not())
    }

    /// Takes no more tasks, waits until all have ended, and runs what was deferred.
    ///
    /// # Errors
    /// [`ScopeError`] if the group has stopped. Its failure goes to whoever waits first.
    /// # Cancel safety
    /// The group stays closed; else nothing is lost: the tasks go on, an error stays where it is, and `join`
    /// may be called again.
    pub async fn join(&self) -> Result<(), ScopeError<E>> {
        let node = self.scope.node();
        node.close();
        node.until_ended().await;
        cleanup::clean_up(node);
        node.until_clean().await;
        outcome(node, self.stopped_or_not())
    }

    /// The value of a group that did not stop.
    fn stopped_or_not(&self) -> Option<()> {
        (!self.is_cancelled()).then_some(())
    }

    /// Registers clean-up for when the group does not end well; see [`Scope::defer`]. It runs when the group
    /// is joined, or when its last handle is dropped.
    ///
    /// # Panics
    /// Outside of a runtime with timers.
    #[track_caller]
    pub fn defer<F>(&self, limit: Duration, cleanup: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.scope.defer(limit, cleanup);
    }

    /// As [`defer`](Self::defer), also for when the group ends well.
    ///
    /// # Panics
    /// Outside of a runtime with timers.
    #[track_caller]
    pub fn defer_always<F>(&self, limit: Duration, cleanup: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.scope.defer_always(limit, cleanup);
    }

    /// A group inside of this one; see [`Scope::task_group`].
    #[track_caller]
    pub fn task_group<G: Send + 'static>(&self) -> TaskGroup<G> {
        TaskGroup::inside(self.scope.node(), None)
    }
}

impl<E> TaskGroup<E> {
    /// How many tasks have not ended. A nested scope or group that has some counts as one.
    pub fn len(&self) -> usize {
        self.scope.len()
    }

    /// Whether all tasks so far have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.scope.node().name()
    }
}

impl<E: Send + 'static> Default for TaskGroup<E> {
    #[track_caller]
    fn default() -> Self {
        TaskGroup::new()
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup { scope: self.scope.clone(), leaving: self.leaving.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.node().debug("TaskGroup", f)
    }
}
