//! Runtimes: building, entering, blocking on, shutting down.
//!
//! ```
//! let runtime = filch::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
//! let sum = runtime.block_on(async {
//!     let parts = [filch::spawn(async { 1 }), filch::spawn(async { 2 })];
//!     let mut sum = 0;
//!     for part in parts {
//!         sum += part.await.unwrap();
//!     }
//!     sum
//! });
//! assert_eq!(sum, 3);
//! # std::io::Result::Ok(())
//! ```

mod blocking_work;
mod builder;
pub(crate) mod common;
mod handle;
pub(crate) mod hooks;
mod local;
mod metrics;
mod parks;
mod report;

use std::fmt;
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;
use filch_primitives::{entered, thread};

pub use builder::Builder;
pub(crate) use handle::WeakHandle;
pub use handle::{EnterGuard, Handle, TryCurrentError};
pub use hooks::{UnhandledPanic, UnhandledPanicInfo};
pub use local::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
use report::Left;
pub use report::{ShutdownReport, UnfinishedTask};

pub use crate::scheduler::multi_thread::monitor::StuckTask;

use crate::context;
use crate::task::{JoinHandle, here};
use handle::Inner;

/// Which scheduler a runtime has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Tasks run inside of `block_on`, on its thread.
    CurrentThread,
    /// Tasks run on worker threads that steal from each other.
    MultiThread,
}

/// A runtime's number, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // ordering: Relaxed. Only uniqueness counts.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Id(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of its runtime's workers this thread is; `None` if it is no worker.
///
/// The numbers are those that [`RuntimeMetrics`] takes. A task may be on another worker after each `.await`.
/// The thread in `block_on` of a multi-threaded runtime is no worker, nor are blocking threads and spare workers;
/// the thread that drives a current-thread runtime is worker 0 of it.
///
/// # Examples
/// ```
/// let runtime = filch::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let index = runtime.block_on(async {
///     assert_eq!(filch::runtime::worker_index(), None);
///     filch::spawn(async { filch::runtime::worker_index() }).await.unwrap()
/// });
/// assert!(index.unwrap() < 2);
/// # std::io::Result::Ok(())
/// ```
pub fn worker_index() -> Option<usize> {
    context::worker_index()
}

/// Whether an error says that the runtime which a socket belongs to has shut down.
///
/// # Examples
/// ```
/// use filch::runtime::{Runtime, is_rt_shutdown_err};
///
/// let runtime = Runtime::new()?;
/// let listener = runtime.block_on(filch::net::TcpListener::bind("127.0.0.1:0"))?;
/// drop(runtime);
/// let other = Runtime::new()?;
/// let error = other.block_on(listener.accept()).unwrap_err();
/// assert!(is_rt_shutdown_err(&error));
/// # std::io::Result::Ok(())
/// ```
pub fn is_rt_shutdown_err(err: &io::Error) -> bool {
    let text = |error: &io::Error| error.get_ref().map(ToString::to_string);
    err.get_ref().is_some() && text(err) == text(&filch_io_driver::shutdown_error())
}

/// A scheduler with its driver and its pools.
///
/// Dropping it shuts it down: no task runs on, every pending future is dropped once, worker threads are
/// joined, and blocking work that has begun is waited for, for as long as it takes.
/// [`shutdown_timeout`](Self::shutdown_timeout) bounds that wait,
/// [`shutdown_background`](Self::shutdown_background) does not wait at all.
///
/// # Panics
/// Dropping it inside of async code panics, since the wait would block a worker; the runtime is shut
/// down in the background all the same.
pub struct Runtime {
    handle: Handle,
    /// The workers' threads. Empty for a current-thread runtime.
    threads: Vec<thread::JoinHandle<()>>,
    is_shut_down: bool,
}

impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Runtime {
    /// A multi-threaded runtime with everything enabled: one worker per core.
    ///
    /// # Errors
    /// The system's, if it refuses a thread or a descriptor; see [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().enable_all().build()
    }

    pub(crate) fn from_parts(handle: Handle, threads: Vec<thread::JoinHandle<()>>) -> Self {
        Runtime { handle, threads, is_shut_down: false }
    }

    /// The runtime's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this the current runtime of this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Spawns a task. On a current-thread runtime it runs whenever somebody is in
    /// [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_with(here(), || future)
    }

    /// Runs a function that may block, on a thread for such functions. See
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Runs a future on this thread, inside of the runtime, until it is ready. On a current-thread
    /// runtime this is what drives tasks, sockets and timers.
    ///
    /// # Panics
    /// In async code, since it would block a thread that other tasks need. If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.handle.0 {
            Inner::CurrentThread(shared) => shared.block_on(future, false),
            Inner::MultiThread(_) => {
                let _entered = context::enter_blocking("`block_on`");
                let _handle = context::enter(self.handle.clone());
                Inner::block_on_multi_thread(future)
            }
        }
    }

    /// Figures about the runtime.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts down, waiting at most `grace` for tasks that are being polled and for blocking work, and says
    /// what did not end. Always returns.
    ///
    /// # Panics
    /// In async code, as dropping does.
    pub fn shutdown(mut self, grace: Duration) -> ShutdownReport {
        self.shut_down(Some(grace))
    }

    /// Shuts down, waiting at most `timeout` for tasks that are being polled and for blocking work.
    ///
    /// # Panics
    /// In async code, as dropping does.
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        let _ = self.shut_down(Some(timeout));
    }

    /// Shuts down without waiting. Usable in async code. Tasks that are being polled end at their next
    /// `await`; blocking work that has begun goes on to its end.
    pub fn shutdown_background(mut self) {
        self.begin_shutdown();
    }

    fn begin_shutdown(&mut self) {
        self.is_shut_down = true;
        match &self.handle.0 {
            Inner::MultiThread(shared) => shared.begin_shutdown(),
            Inner::CurrentThread(shared) => shared.shut_down(),
        }
        let _ = self.handle.common().blocking().shutdown(Some(Duration::ZERO));
    }

    fn shut_down(&mut self, timeout: Option<Duration>) -> ShutdownReport {
        if entered::is_entered() {
            self.begin_shutdown();
            if !std::thread::panicking() {
                panic!(
                    "Cannot drop a runtime in a context where blocking is not allowed. This happens \
                     when a runtime is dropped from within an asynchronous context."
                );
            }
            return ShutdownReport::default();
        }
        self.is_shut_down = true;
        let started = std::time::Instant::now();
        let left = || timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
        let mut still_polls = Left::NoWorker;
        match &self.handle.0 {
            Inner::MultiThread(shared) => {
                shared.begin_shutdown();
                if shared.wait_shutdown(left()) {
                    let spares = shared.take_spare_threads();
                    for thread in self.threads.drain(..).chain(spares) {
                        // The thread is past its last step; or `block_in_place` left it without its worker,
                        // inside of user code: waited for without a limit only, and never by itself.
                        let ours = thread.thread().id() == thread::current().id();
                        if timeout.is_none() && !ours {
                            let _ = thread.join();
                        }
                    }
                } else {
                    // E6. A worker is stuck in a poll. What nobody polls need not wait for it.
                    still_polls = Left::Worker;
                    let _entered = self.handle.enter();
                    for owner in self.handle.owners() {
                        owner.close();
                    }
                }
            }
            Inner::CurrentThread(shared) => shared.shut_down(),
        }
        let abandoned = self.handle.common().blocking().shutdown(left());
        ShutdownReport::new(&self.handle.owners(), still_polls, abandoned)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.is_shut_down {
            let _ = self.shut_down(None);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish_non_exhaustive()
    }
}
