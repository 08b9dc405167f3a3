//! `JoinSet`: many tasks with one type of output, joined in the order in which they end.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `tasks.rs` | the handles, and the list of those that are ready; shared with `JoinMap` |
//! | `slots.rs` | places with a number |
//! | `builder.rs` | spawning with a name |

mod builder;
pub(in crate::task) mod slots;
pub(in crate::task) mod tasks;

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic;
use std::task::{Context, Poll, ready};

pub use builder::Builder;
use tasks::Tasks;

use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::runtime::Handle;

/// Tasks with outputs of type `T`, which are joined in the order in which they end.
///
/// Dropping the set aborts all of them; [`shutdown`](Self::shutdown) also waits until they are gone, and
/// [`detach_all`](Self::detach_all) lets them go on. A task's entry stays until its output is taken, so that
/// a set that is filled for ever must also be joined: with [`try_join_next`](Self::try_join_next) on the way.
///
/// # Cost
/// Joining is O(1) a task, however many there are: a task that ends puts itself on the set's list, and no
/// other one is looked at. A small allocation a task, and its place in a vector.
///
/// # Examples
/// ```
/// use filch::task::JoinSet;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut set = JoinSet::new();
/// for page in 1..=3 {
///     set.spawn(async move { page * 100 });
/// }
/// let mut words = 0;
/// while let Some(counted) = set.join_next().await {
///     words += counted.unwrap();
/// }
/// assert_eq!(words, 600);
/// # }
/// ```
#[must_use = "dropping a JoinSet aborts its tasks"]
pub struct JoinSet<T> {
    tasks: Tasks<T, ()>,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        JoinSet { tasks: Tasks::new() }
    }

    /// How many tasks are in the set: those that run, and those whose output was not taken.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.tasks.len() == 0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns the next task with a name.
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    /// Spawns a task on the current runtime.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn(task))
    }

    /// Spawns a task on a runtime.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Spawns a task that need not be `Send` on the current `LocalSet` or local runtime.
    ///
    /// # Panics
    /// Outside of both.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(super::spawn_local(task))
    }

    /// Spawns a task that need not be `Send` on a `LocalSet`, which need not be the current one.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// Runs a function that may block; see [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// Runs a function that may block, on a runtime's threads for such functions.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }

    /// Runs a computation; see [`spawn_compute`](super::spawn_compute).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_compute<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_compute(f))
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        self.tasks.insert(handle, ()).1
    }

    /// Waits until a task ends, and takes it out of the set. `None` if the set is empty.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    /// # Cancel safety
    /// Nothing is lost: a task is taken out only where this returns it.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the task's number, which the error has as well.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    /// # Cancel safety
    /// Nothing is lost: a task is taken out only where this returns it.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes a task that has ended out of the set, without waiting. `None` if there is none.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let key = self.tasks.next_ready()?;
        Some(self.take(key).1)
    }

    /// As [`try_join_next`](Self::try_join_next), with the task's number, which the error has as well.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let key = self.tasks.next_ready()?;
        let (id, output) = self.take(key);
        Some(output.map(|output| (id, output)))
    }

    /// The polling form of [`join_next`](Self::join_next). Only the waker of the last call is woken.
    ///
    /// It may be pending although a task has ended, if the polling task's budget is spent (see
    /// [`coop`](super::coop)): the waker is woken then.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let key = ready!(self.tasks.poll_ready(cx));
        Poll::Ready(key.map(|key| self.take(key).1))
    }

    /// The polling form of [`join_next_with_id`](Self::join_next_with_id). Only the waker of the last call is
    /// woken.
    ///
    /// # Errors
    /// A [`JoinError`] if the task panicked or was aborted.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let key = ready!(self.tasks.poll_ready(cx));
        Poll::Ready(key.map(|key| {
            let (id, output) = self.take(key);
            output.map(|output| (id, output))
        }))
    }

    /// Takes the complete task in a place out.
    fn take(&mut self, key: usize) -> (Id, Result<T, JoinError>) {
        let Some(entry) = self.tasks.remove(key) else {
            unreachable!("the place was ready just now")
        };
        (entry.id(), entry.into_output().0)
    }

    /// Aborts all tasks and waits until they are gone. Their outputs are dropped, panics among them too.
    ///
    /// # Cancel safety
    /// The tasks are aborted at the first poll; those that have not ended stay in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks, and gives their outputs in the order in which they ended.
    ///
    /// # Panics
    /// If a task panicked, with its panic; if one was aborted. The tasks that are left are aborted.
    /// # Cancel safety
    /// Dropping it aborts the tasks that are left and loses the outputs that were taken already: it owns the
    /// set. Use [`join_next`](Self::join_next) where this matters.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined.map_err(JoinError::try_into_panic) {
                Ok(output) => outputs.push(output),
                Err(Ok(payload)) => panic::resume_unwind(payload),
                Err(Err(cancelled)) => panic!("{cancelled}"),
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set, and are joined as cancelled.
    pub fn abort_all(&mut self) {
        self.tasks.abort_all();
    }

    /// Takes all tasks out of the set, without aborting them. A panic of one is reported from now on.
    pub fn detach_all(&mut self) {
        self.tasks.detach_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns each future on the current runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

/// Spawns each future on the current runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}
