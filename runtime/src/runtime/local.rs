//! A current-thread runtime that stays on its thread, and so runs futures that are not `Send`.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use super::handle::Inner;
use super::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics};
use crate::task::{self, JoinHandle, here};

/// Options of a [`LocalRuntime`], for [`Builder::build_local`].
///
/// There are none yet; the type keeps the options' runtime on the thread that makes them.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    _not_send: PhantomData<*const ()>,
}

/// A current-thread runtime that cannot leave its thread: [`spawn_local`](Self::spawn_local) takes futures
/// that are not `Send`, and [`task::spawn_local`] works in its tasks without a `LocalSet`.
///
/// ```
/// use std::rc::Rc;
/// let runtime = filch::runtime::LocalRuntime::new()?;
/// let shared = Rc::new(5);
/// let task = {
///     let shared = shared.clone();
///     runtime.spawn_local(async move { *shared + 1 })
/// };
/// assert_eq!(runtime.block_on(task).unwrap(), 6);
/// # std::io::Result::Ok(())
/// ```
pub struct LocalRuntime {
    runtime: Runtime,
    _not_send: PhantomData<*const ()>,
}

impl LocalRuntime {
    /// A runtime with everything enabled.
    ///
    /// # Errors
    /// The system's, if it refuses a descriptor.
    pub fn new() -> io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
    }

    pub(super) fn from_runtime(runtime: Runtime) -> Self {
        LocalRuntime { runtime, _not_send: PhantomData }
    }

    /// The runtime's handle. It spawns `Send` futures from any thread.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Makes this the current runtime of this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Spawns a task, whose future need not be `Send`.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let Inner::CurrentThread(shared) = &self.runtime.handle().0 else {
            unreachable!("a local runtime is built on the current-thread scheduler")
        };
        // The runtime cannot leave this thread, nor can the task: it is polled in `block_on`, and dropped
        // there or in the runtime's destructor.
        let (task, join) = task::new_task(shared.owner().clone(), here(), || future);
        if let Some(task) = task {
            super::handle::schedule_on_current_thread(shared, task);
        }
        join
    }

    /// Runs a function that may block, on a thread for such functions.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime.spawn_blocking(f)
    }

    /// Drives tasks, sockets and timers until `future` is ready.
    ///
    /// # Panics
    /// In async code. If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.runtime.handle().0 {
            Inner::CurrentThread(shared) => shared.block_on(future, true),
            Inner::MultiThread(_) => {
                unreachable!("a local runtime is built on the current-thread scheduler")
            }
        }
    }

    /// Figures about the runtime.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.runtime.metrics()
    }

    /// See [`Runtime::shutdown_timeout`].
    pub fn shutdown_timeout(self, timeout: Duration) {
        self.runtime.shutdown_timeout(timeout);
    }

    /// See [`Runtime::shutdown_background`].
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime").field("handle", self.handle()).finish_non_exhaustive()
    }
}
