//! Spawning into a scope: names, and each kind of work.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Weak};

use filch_sync::oneshot;

use super::error::NoValue;
use super::handle::ScopedJoinHandle;
use super::members::{End, Key, Member, Withdraw};
use super::node::{Node, Ticket};
use super::task::{Finish, Scoped, Work};
use crate::context;
use crate::task::header::Meta;
use crate::task::{AbortHandle, Id, spawn};

/// Spawns a task into a scope or group, with a name that reports and errors show.
///
/// Made by [`Scope::build_task`](super::Scope::build_task) and
/// [`TaskGroup::build_task`](super::TaskGroup::build_task).
///
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = filch::task::scope(|s| async move {
///     let task = s.build_task().name("accountant").spawn(async { Ok(42) });
///     std::io::Result::Ok(task.await?)
/// });
/// assert_eq!(sum.await.unwrap(), 42);
/// # });
/// ```
#[must_use = "nothing is spawned until one of the spawning methods is called"]
pub struct ScopedTaskBuilder<'a, E> {
    node: &'a Arc<Node>,
    name: Option<&'a str>,
    error: PhantomData<fn(E)>,
}

/// A task that was taken in, or not, and is not spawned yet.
struct Admitted<T> {
    value: oneshot::Receiver<Result<T, NoValue>>,
    member: Option<(Key, Finish<T>)>,
    meta: Meta,
}

impl<'a, E: Send + 'static> ScopedTaskBuilder<'a, E> {
    pub(super) fn new(node: &'a Arc<Node>) -> Self {
        ScopedTaskBuilder { node, name: None, error: PhantomData }
    }

    /// Names the task. Costs it two more allocations.
    pub fn name(self, name: &'a str) -> Self {
        ScopedTaskBuilder { name: Some(name), ..self }
    }

    fn admit<T>(&self, location: &'static Location<'static>) -> Admitted<T> {
        let (sender, value) = oneshot::channel();
        let name = self.name.map(Box::from);
        let key = self.node.join(Member { end: None, aborted: false, location, name });
        let member = key.map(|key| {
            let ticket = Ticket { node: Some(self.node.clone()), key, finished: false };
            (key, Finish::new(sender, ticket))
        });
        Admitted { value, member, meta: Meta::new(location, self.name) }
    }

    fn handle<T>(
        &self,
        value: oneshot::Receiver<Result<T, NoValue>>,
        spawned: Option<(Key, Id)>,
    ) -> ScopedJoinHandle<T> {
        let key = spawned.map(|(key, _)| key);
        let id = spawned.map_or_else(Id::next, |(_, id)| id);
        ScopedJoinHandle::new(value, self.node.clone(), key, id)
    }

    /// Spawns a task; see [`Scope::spawn`](super::Scope::spawn).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, T>(self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        // Before anything joins: a spawn that panics leaves the scope as it was.
        if !context::with_worker(|worker| worker.is_some()) {
            drop(context::current());
        }
        let Admitted { value, member, meta } = self.admit(Location::caller());
        let spawned = member.map(|(key, finish)| {
            let join = spawn::spawn_with(meta, || Scoped::new(future, finish));
            self.node.attach(key, End::Task(join.abort_handle()));
            (key, join.id())
        });
        self.handle(value, spawned)
    }

    /// Runs a function that may block; see [`Scope::spawn_blocking`](super::Scope::spawn_blocking).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        let handle = context::current();
        self.spawn_work(f, Location::caller(), |meta, run| {
            handle.common().blocking().spawn_blocking(meta, handle.driver(), run).abort_handle()
        })
    }

    /// Runs a computation; see [`Scope::spawn_compute`](super::Scope::spawn_compute).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_compute<F, T>(self, f: F) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        let handle = context::current();
        self.spawn_work(f, Location::caller(), |meta, run| {
            handle.common().blocking().spawn_compute(meta, handle.driver(), run).abort_handle()
        })
    }

    fn spawn_work<F, T>(
        self,
        f: F,
        location: &'static Location<'static>,
        submit: impl FnOnce(Meta, Box<dyn FnOnce() + Send>) -> AbortHandle,
    ) -> ScopedJoinHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        let Admitted { value, member, meta } = self.admit(location);
        let spawned = member.map(|(key, finish)| {
            let work = Work::new(f, finish);
            let withdraw = Arc::downgrade(&work);
            let task = submit(meta, Box::new(move || work.run()));
            self.node.attach(key, End::Work(withdraw as Weak<dyn Withdraw>));
            (key, task.id())
        });
        self.handle(value, spawned)
    }
}

impl<E> fmt::Debug for ScopedTaskBuilder<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTaskBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
