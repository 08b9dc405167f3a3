//! Handles: what tasks and other threads hold of a runtime.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::coop;
use filch_primitives::park::{Parker, Unparker};

use super::common::Common;
use super::{Id, RuntimeFlavor, RuntimeMetrics};
use crate::context;
use crate::driver::{Driver, TimeHandle};
use crate::scheduler::{current_thread, multi_thread};
use crate::task::header::Meta;
use crate::task::owner::Owner;
use crate::task::{self, JoinHandle, Runnable};

/// A reference to a runtime: spawns tasks on it, from any thread.
///
/// Cheap to clone (one atomic increment). It does not keep the runtime running: once the
/// [`Runtime`](super::Runtime) is dropped, what is spawned through a handle is cancelled at once.
#[derive(Clone)]
pub struct Handle(pub(crate) Inner);

#[derive(Clone)]
pub(crate) enum Inner {
    MultiThread(Arc<multi_thread::Shared>),
    CurrentThread(Arc<current_thread::Shared>),
}

impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

/// A handle that does not keep the scheduler's shared part alive.
#[derive(Clone)]
pub(crate) enum WeakHandle {
    MultiThread(Weak<multi_thread::Shared>),
    CurrentThread(Weak<current_thread::Shared>),
}

impl WeakHandle {
    pub(crate) fn upgrade(&self) -> Option<Handle> {
        Some(Handle(match self {
            WeakHandle::MultiThread(shared) => Inner::MultiThread(shared.upgrade()?),
            WeakHandle::CurrentThread(shared) => Inner::CurrentThread(shared.upgrade()?),
        }))
    }
}

/// Dispatches to whichever scheduler it is.
macro_rules! each {
    ($handle:expr, $shared:ident => $body:expr) => {
        match &$handle.0 {
            Inner::MultiThread($shared) => $body,
            Inner::CurrentThread($shared) => $body,
        }
    };
}

impl Handle {
    pub(crate) fn multi_thread(shared: Arc<multi_thread::Shared>) -> Self {
        Handle(Inner::MultiThread(shared))
    }

    pub(crate) fn current_thread(shared: Arc<current_thread::Shared>) -> Self {
        Handle(Inner::CurrentThread(shared))
    }

    /// For models.
    #[cfg(filch_loom)]
    pub(crate) fn as_multi_thread(&self) -> Option<&Arc<multi_thread::Shared>> {
        match &self.0 {
            Inner::MultiThread(shared) => Some(shared),
            Inner::CurrentThread(_) => None,
        }
    }

    pub(crate) fn downgrade(&self) -> WeakHandle {
        match &self.0 {
            Inner::MultiThread(shared) => WeakHandle::MultiThread(Arc::downgrade(shared)),
            Inner::CurrentThread(shared) => WeakHandle::CurrentThread(Arc::downgrade(shared)),
        }
    }

    /// The handle of the runtime that this code runs in.
    ///
    /// # Panics
    /// Outside of a runtime; [`try_current`](Self::try_current) does not.
    #[track_caller]
    pub fn current() -> Handle {
        context::current()
    }

    /// The handle of the runtime that this code runs in, if any: in its tasks, in `block_on`, on its
    /// blocking threads, and where [`enter`](Self::enter) is in force.
    ///
    /// # Errors
    /// [`TryCurrentError`] outside of a runtime.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        context::try_current().ok_or(TryCurrentError(Missing::NoContext))
    }

    /// Makes this the current runtime of this thread until the guard is dropped.
    ///
    /// # Panics
    /// Dropping guards in another order than the reverse of `enter` panics.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _guard: context::enter(self.clone()), _runtime: PhantomData }
    }

    /// Spawns a task on the runtime.
    ///
    /// One allocation. After the runtime's shutdown the task is cancelled at once.
    #[track_caller]
    #[inline]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(task::here(), || future)
    }

    #[inline]
    pub(crate) fn spawn_with<F>(
        &self,
        meta: Meta,
        make: impl FnOnce() -> F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        each!(self, shared => {
            let (task, join) = task::new_task(shared.owner().clone(), meta, make);
            if let Some(task) = task {
                shared.schedule_spawned(task);
            }
            join
        })
    }

    /// Runs a function that may block, on a thread for such functions. See
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.common().blocking().spawn_blocking(task::here(), self.driver(), f)
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), for what must not be lost to a shutdown.
    pub(crate) fn spawn_mandatory<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.common().blocking().spawn_mandatory(task::here(), self.driver(), f)
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), unless too many calls wait for a thread. See
    /// [`try_spawn_blocking`](crate::task::try_spawn_blocking).
    ///
    /// # Errors
    /// If [`Builder::max_blocking_queue`](super::Builder::max_blocking_queue) is set, and so many wait.
    #[track_caller]
    pub fn try_spawn_blocking<F, R>(&self, f: F) -> Result<JoinHandle<R>, task::BlockingQueueFull>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let blocking = self.common().blocking();
        blocking
            .try_spawn_blocking(task::here(), self.driver(), f)
            .ok_or(task::BlockingQueueFull(()))
    }

    /// Runs a computation on a thread for such. See [`spawn_compute`](crate::task::spawn_compute).
    #[track_caller]
    pub fn spawn_compute<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.common().blocking().spawn_compute(task::here(), self.driver(), f)
    }

    /// Runs a future on this thread, inside of the runtime, until it is ready. On a current-thread
    /// runtime this does not drive tasks, sockets and timers: only
    /// [`Runtime::block_on`](super::Runtime::block_on) does.
    ///
    /// # Panics
    /// In async code, since it would block a thread that other tasks need. If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = context::enter_blocking("`block_on`");
        let _handle = context::enter(self.clone());
        block_on(future)
    }

    /// Which scheduler the runtime has.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match &self.0 {
            Inner::MultiThread(_) => RuntimeFlavor::MultiThread,
            Inner::CurrentThread(_) => RuntimeFlavor::CurrentThread,
        }
    }

    /// The runtime's number, unique in the process.
    pub fn id(&self) -> Id {
        self.common().id()
    }

    /// The name that the builder gave the runtime, if it did.
    pub fn name(&self) -> Option<&str> {
        self.common().config().name.as_deref()
    }

    /// Figures about the runtime.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    pub(crate) fn common(&self) -> &Common {
        each!(self, shared => shared.common())
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        each!(self, shared => shared.driver())
    }

    /// For timers made on this thread.
    pub(crate) fn time_handle(&self) -> filch_primitives::Arc<TimeHandle> {
        // For `filch::loom` one of its own each time: counting a shared one would be steps of the model.
        #[cfg(filch_loom)]
        if self.driver().has_model_timers() {
            let time = TimeHandle::new(self.driver().clone(), 0, self.common().config().time);
            return filch_primitives::Arc::new(time);
        }
        each!(self, shared => shared.time_handle().clone())
    }

    /// How many tasks are alive: spawned and not complete.
    pub(crate) fn alive_tasks(&self) -> usize {
        match &self.0 {
            Inner::MultiThread(shared) => shared.owners().map(|owner| owner.len()).sum(),
            Inner::CurrentThread(shared) => shared.owner().len(),
        }
    }

    /// All owners of tasks.
    pub(crate) fn owners(&self) -> Vec<Arc<Owner>> {
        match &self.0 {
            Inner::MultiThread(shared) => shared.owners().cloned().collect(),
            Inner::CurrentThread(shared) => vec![shared.owner().clone()],
        }
    }
}

/// Polls a future on this thread, parking between polls.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Unparker);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            self.0.unpark();
        }
    }

    let parker = Parker::new();
    let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        {
            let _budget = coop::fresh();
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
        }
        parker.park();
    }
}

impl Inner {
    pub(crate) fn block_on_multi_thread<F: Future>(future: F) -> F::Output {
        block_on(future)
    }
}

/// Queues a task that was made for `owner`; for local runtimes.
pub(crate) fn schedule_on_current_thread(shared: &current_thread::Shared, task: Runnable) {
    shared.schedule_spawned(task);
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("flavor", &self.runtime_flavor())
            .field("id", &self.id())
            .field("name", &self.name())
            .finish()
    }
}

/// A runtime is the current one as long as this lives. Made by [`Handle::enter`].
///
/// It belongs to its thread, and must be dropped before guards made earlier.
#[derive(Debug)]
#[must_use = "the runtime is entered as long as the guard lives"]
pub struct EnterGuard<'a> {
    // The destructor is the field's: a guard of a temporary runtime may outlive the statement.
    _guard: context::EnterGuard,
    // Neither thread may drop it for the other, both may look at it: Sync without Send, as a lock's guard.
    _runtime: PhantomData<(&'a Handle, std::sync::MutexGuard<'static, ()>)>,
}

/// There is no current runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryCurrentError(Missing);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Missing {
    NoContext,
}

impl TryCurrentError {
    /// Whether the reason is that this thread is in no runtime.
    pub fn is_missing_context(&self) -> bool {
        self.0 == Missing::NoContext
    }

    /// Whether the reason is that the thread's locals are being destroyed. Never: filch then finds no
    /// context, and says so.
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::NO_RUNTIME)
    }
}

impl std::error::Error for TryCurrentError {}
