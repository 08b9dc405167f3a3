//! Blocking and CPU work as tasks: what ties the pools of `blocking` to join handles and to the runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use filch_primitives::coop;

use super::common::Config;
use super::handle::WeakHandle;
use super::hooks::Hooks;
use crate::blocking::{self, Pool, PoolConfig, Submitted};
use crate::context;
use crate::driver::Driver;
use crate::task::header::Meta;
use crate::task::owner::{Owner, Queue};
use crate::task::{JoinHandle, Runnable, new_unlisted};

/// The pools of one runtime.
pub(crate) struct BlockingWork {
    pool: Pool<Job>,
    #[cfg(not(filch_loom))]
    compute: blocking::Compute<Job>,
    owner: Arc<Owner>,
    /// The runtime that the threads enter. Weak, since the runtime owns the pools.
    runtime: Arc<OnceLock<WeakHandle>>,
}

/// What the pools queue. The fields are dropped in this order: the clock goes on when whoever awaits the
/// work has been woken, and no sooner.
struct Job {
    task: Runnable,
    clock: Option<HoldClock>,
    /// Runs even if the runtime shuts down before it begins.
    mandatory: bool,
}

impl blocking::Job for Job {
    fn run(self) {
        self.task.run();
        drop(self.clock);
    }

    fn cancel(self) {
        drop(self);
    }

    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
}

/// What blocking work still ran when a shutdown's time was over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abandoned {
    pub(crate) blocking: usize,
    pub(crate) compute: usize,
}

impl BlockingWork {
    pub(super) fn new(config: &Config, hooks: &Arc<Hooks>) -> Self {
        let runtime = Arc::new(OnceLock::<WeakHandle>::new());
        let around_thread: blocking::AroundThread = {
            let (runtime, hooks) = (runtime.clone(), hooks.clone());
            Arc::new(move |body| {
                // A runtime that is gone has no jobs left, so that nobody misses its context.
                let entered = runtime.get().and_then(WeakHandle::upgrade).map(context::enter);
                hooks.around_thread(body);
                drop(entered);
            })
        };
        BlockingWork {
            pool: Pool::new(PoolConfig {
                max_threads: config.max_blocking_threads,
                keep_alive: config.thread_keep_alive,
                stack_size: config.thread_stack_size,
                thread_name: config.thread_name.clone(),
                around_thread: around_thread.clone(),
                queue_limit: config.max_blocking_queue,
            }),
            #[cfg(not(filch_loom))]
            compute: blocking::Compute::new(blocking::ComputeConfig {
                threads: Some(config.compute_threads),
                stack_size: config.thread_stack_size,
                thread_name: {
                    let name = config.thread_name.clone();
                    Arc::new(move || format!("{}-compute", name()))
                },
                around_thread,
            }),
            owner: Arc::new(Owner::new(Queue::Blocking, hooks.clone())),
            runtime,
        }
    }

    /// Tells the pools which runtime they serve. Once, before it is used.
    pub(super) fn serve(&self, runtime: WeakHandle) {
        let first = self.runtime.set(runtime);
        debug_assert!(first.is_ok(), "served twice");
    }

    /// A job that runs `f`, and the handle that awaits it.
    fn job<F, R>(&self, meta: Meta, driver: &Arc<Driver>, f: F) -> (Job, JoinHandle<R>)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (task, join) = new_unlisted(self.owner.clone(), meta, || OnceWork(Some(f)));
        (Job { task, clock: HoldClock::if_paused(driver), mandatory: false }, join)
    }

    /// Runs `f` on the pool for calls that block.
    pub(crate) fn spawn_blocking<F, R>(
        &self,
        meta: Meta,
        driver: &Arc<Driver>,
        f: F,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (job, join) = self.job(meta, driver, f);
        let _ = self.submit(job);
        join
    }

    /// As `spawn_blocking`; a shutdown of the runtime that comes before `f` has begun runs it. After the
    /// shutdown it is refused, as the others are.
    pub(crate) fn spawn_mandatory<F, R>(
        &self,
        meta: Meta,
        driver: &Arc<Driver>,
        f: F,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (job, join) = self.job(meta, driver, f);
        let _ = self.submit(Job { mandatory: true, ..job });
        join
    }

    /// As `spawn_blocking`; none if too many wait already.
    pub(crate) fn try_spawn_blocking<F, R>(
        &self,
        meta: Meta,
        driver: &Arc<Driver>,
        f: F,
    ) -> Option<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (job, join) = self.job(meta, driver, f);
        self.submit(job).then_some(join)
    }

    /// Runs `f` on the pool, with nobody to await it. It may keep the thread for as long as the runtime
    /// lives: the pool's other jobs do not wait for it (B10).
    pub(crate) fn run_detached(&self, f: Box<dyn FnOnce() + Send>) {
        let meta = crate::task::here();
        let (pool, runtime) = (self.pool.clone(), self.runtime.clone());
        let aside = move || {
            let aside = pool.step_aside();
            if aside.is_starved() {
                rescue(&pool, &runtime);
            }
            f();
        };
        let (task, join) = new_unlisted(self.owner.clone(), meta, || OnceWork(Some(aside)));
        drop(join);
        let _ = self.submit(Job { task, clock: None, mandatory: false });
    }

    /// False if the queue is full.
    #[must_use]
    fn submit(&self, job: Job) -> bool {
        match self.pool.submit(job) {
            Submitted::Queued => {}
            // Dropping the job cancels it, and its join handle says so.
            Submitted::ShutDown(job) => drop(job),
            Submitted::Full(job) => {
                drop(job);
                return false;
            }
            Submitted::NoThread => rescue(&self.pool, &self.runtime),
        }
        true
    }

    /// Runs `f` on the pool for CPU work.
    pub(crate) fn spawn_compute<F, R>(
        &self,
        meta: Meta,
        driver: &Arc<Driver>,
        f: F,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (job, join) = self.job(meta, driver, f);
        #[cfg(filch_loom)]
        let _ = self.submit(job);
        #[cfg(not(filch_loom))]
        match self.compute.submit(job) {
            Ok(()) => {}
            Err(blocking::Refused::ShutDown(job)) => drop(job),
            // No threads for the pool: the blocking pool takes it, or keeps it until it has one.
            Err(blocking::Refused::System(job, _)) => {
                let _ = self.submit(job);
            }
        }
        join
    }

    /// Cancels what has not begun, and waits for the rest, at most for `wait`.
    pub(crate) fn shutdown(&self, wait: Option<Duration>) -> Abandoned {
        let started = std::time::Instant::now();
        // Both first cancel what waits: no job begins while the other pool's are waited for.
        #[cfg(not(filch_loom))]
        let _ = self.compute.shutdown(Some(Duration::ZERO));
        let blocking = self.pool.shutdown(wait).running;
        #[cfg(not(filch_loom))]
        let compute = {
            let left = wait.map(|wait| wait.saturating_sub(started.elapsed()));
            self.compute.shutdown(left).running
        };
        #[cfg(filch_loom)]
        let compute = {
            let _ = started;
            0
        };
        Abandoned { blocking, compute }
    }

    /// How many threads the blocking pool has now.
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// How many of them are idle.
    pub(crate) fn idle_threads(&self) -> usize {
        self.pool.idle()
    }

    /// How many jobs wait for a thread.
    pub(crate) fn queued(&self) -> usize {
        self.pool.queued()
    }
}

/// The system refused the pool's only thread: a task of the runtime tries again until a thread is there to
/// take what is queued. It retries at every turn of the scheduler, since the refusal is rare and short, and a
/// runtime need not have timers.
#[cold]
fn rescue(pool: &Pool<Job>, runtime: &OnceLock<WeakHandle>) {
    let Some(runtime) = runtime.get().and_then(WeakHandle::upgrade) else { return };
    let pool = pool.clone();
    drop(runtime.spawn(async move {
        while pool.try_grow().is_err() {
            crate::task::yield_now().await;
            std::thread::yield_now();
        }
    }));
}

/// A future that calls a function at its first poll.
struct OnceWork<F>(Option<F>);

impl<F: FnOnce() -> R, R> Future for OnceWork<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let _unconstrained = coop::unconstrained();
        match self.0.take() {
            Some(f) => Poll::Ready(f()),
            None => unreachable!("work is polled once"),
        }
    }
}

// The function is moved out before it is called; nothing in here is pinned.
impl<F> Unpin for OnceWork<F> {}

/// Keeps a paused clock from advancing by itself, until dropped.
struct HoldClock(Arc<Driver>);

impl HoldClock {
    /// A paused clock must not run ahead of work that is under way.
    fn if_paused(driver: &Arc<Driver>) -> Option<Self> {
        let paused = filch_timer::any_clock_was_paused() && driver.timers().clock().is_paused();
        paused.then(|| {
            driver.timers().clock().inhibit_auto_advance();
            HoldClock(driver.clone())
        })
    }
}

impl Drop for HoldClock {
    fn drop(&mut self) {
        self.0.timers().clock().allow_auto_advance();
        self.0.notify();
    }
}
