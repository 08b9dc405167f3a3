//! The growing pool: threads for calls that wait.
//!
//! Callers: `spawn_blocking`, `block_in_place`, file and name operations; the runtime's shutdown.
//! Data: one lock around a queue, a stack of idle threads and four counters (`state`); one parker
//! per thread. A lock and not a lock-free queue: a blocking call costs microseconds at the least, the
//! lock is held for some twenty nanoseconds, and every decision below needs queue and counters at
//! once.
//! Protocol: docs/blocking.md, steps B1 to B10. Model: loom-tests/tests/blocking_pool.rs.
//!
//! Invariants
//! I1  A job waits only while a thread searches, or while no further thread may be started: none is
//!     idle and the cap is reached, or the system refused the last one.
//! I2  A wake goes to one idle thread, the one that became idle last, and only if nobody searches.
//! I3  Every job is run or cancelled or handed back, exactly once.
//! I4  A thread that is leaving takes no job, and is not counted against the cap.

mod seat;
mod state;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use std::io;
use std::time::{Duration, Instant};

use filch_primitives::Arc;
use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::lock::{Condvar, Mutex};
use filch_primitives::thread::{Builder, JoinHandle};

use seat::Seat;
use state::{Recruit, State};

/// A piece of work. Exactly one of the two methods is called, once.
pub trait Job: Send + 'static {
    /// Does the work. Must not unwind: the caller's panics are caught inside.
    fn run(self);

    /// Gives the work up before it began, and tells whoever waits for it. Must not unwind.
    fn cancel(self);

    /// Whether a shutdown runs it though it has not begun: somebody counts on it already, as on bytes
    /// that a file has taken (B7).
    fn is_mandatory(&self) -> bool {
        false
    }
}

/// Runs a thread's body in its surroundings: runtime context, hooks. It calls the body once and
/// should not unwind; if it does before the body ran, that thread is lost, and no job.
pub type AroundThread = std::sync::Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

/// Names the next thread.
pub type ThreadName = std::sync::Arc<dyn Fn() -> String + Send + Sync>;

/// Starts a thread: the system's way, or a test's that refuses.
type Spawn =
    Box<dyn Fn(Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync>;

/// How a [`Pool`] behaves.
#[derive(Clone)]
pub struct PoolConfig {
    /// At most so many threads take jobs at a time. At least one.
    pub max_threads: usize,
    /// How long an idle thread waits for the next job before it ends. Zero: not at all.
    pub keep_alive: Duration,
    /// The stack of each thread, in bytes; the system's default if `None`.
    pub stack_size: Option<usize>,
    /// Names the threads.
    pub thread_name: ThreadName,
    /// What surrounds each thread's body.
    pub around_thread: AroundThread,
    /// At most so many jobs wait (running ones do not count). At least one.
    pub queue_limit: Option<usize>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            // A blocking call occupies a thread and no processor: many, but not without end.
            max_threads: 512,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            thread_name: std::sync::Arc::new(|| "filch-blocking".to_owned()),
            around_thread: std::sync::Arc::new(|body| body()),
            queue_limit: None,
        }
    }
}

impl std::fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolConfig")
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}

/// What became of a submitted job.
#[derive(Debug)]
#[must_use = "a job that came back must be cancelled; NoThread obliges to call try_grow"]
pub enum Submitted<J> {
    /// It is queued and a thread is about to take it, or will when it has the time.
    Queued,
    /// It is queued, but the system refused a thread and none is alive: call
    /// [`try_grow`](Pool::try_grow) again later, until it succeeds.
    NoThread,
    /// The pool is shut down; here is the job.
    ShutDown(J),
    /// The queue has reached its limit; here is the job.
    Full(J),
}

/// What a shutdown left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolReport {
    /// Jobs that had not begun, and were cancelled by this call.
    pub cancelled: usize,
    /// Threads that still ran when the time was over, without the caller's own.
    pub running: usize,
}

struct Shared<J> {
    config: PoolConfig,
    spawn: Spawn,
    state: Mutex<State<J>>,
    /// The queue's length, for spinning searchers and for metrics. Decides nothing.
    queued: AtomicUsize,
    /// Notified when a thread is gone, once the shutdown has begun.
    gone: Condvar,
    /// Whether a searching thread spins before it parks: not where it would only be in the way.
    spins: bool,
}

/// The pool. A clone is another handle to the same one.
///
/// Nothing ends the threads but [`shutdown`](Pool::shutdown) and their keep-alive time: a pool that
/// is dropped without it serves what is queued, and then its threads retire.
pub struct Pool<J>(Arc<Shared<J>>);

impl<J> Clone for Pool<J> {
    fn clone(&self) -> Self {
        Pool(self.0.clone())
    }
}

impl<J> std::fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl<J: Job> Pool<J> {
    /// A pool without threads: the first job starts the first one.
    pub fn new(config: PoolConfig) -> Self {
        Self::with_spawn(config, Box::new(|builder, body| builder.spawn(body)))
    }

    /// As [`new`](Pool::new), with another way to start a thread.
    fn with_spawn(mut config: PoolConfig, spawn: Spawn) -> Self {
        // Zero would mean a pool that never serves: the builder refuses it with a better message.
        config.max_threads = config.max_threads.max(1);
        config.queue_limit = config.queue_limit.map(|limit| limit.max(1));
        Pool(Arc::new(Shared {
            config,
            spawn,
            state: Mutex::new(State::new()),
            queued: AtomicUsize::new(0),
            gone: Condvar::new(),
            spins: !cfg!(filch_loom) && num_cpus::get() > 1,
        }))
    }

    /// Queues a job, and sees to it that a thread looks for it.
    ///
    /// Costs one short lock; a wake (one system call) if nobody searches and a thread is idle; the
    /// start of a thread if none is idle and the cap allows it.
    pub fn submit(&self, job: J) -> Submitted<J> {
        let recruit = {
            let mut state = self.0.state.lock();
            if state.is_shut_down() {
                return Submitted::ShutDown(job);
            }
            if self.0.config.queue_limit.is_some_and(|limit| state.queued() >= limit) {
                return Submitted::Full(job);
            }
            // B1: push and recruit under one lock, so that a searcher which found nothing and is
            // about to count itself idle comes before both or after both.
            state.push(job);
            self.publish(&state);
            state.recruit(self.0.config.max_threads)
        };
        match self.perform(recruit) {
            Ok(()) => Submitted::Queued,
            Err(_) => {
                let state = self.0.state.lock();
                if state.serving() == 0 && state.queued() > 0 {
                    Submitted::NoThread
                } else {
                    Submitted::Queued
                }
            }
        }
    }

    /// Starts a thread if jobs wait and none will take them. Says whether it did.
    ///
    /// # Errors
    /// The system's, if it refused the thread. The jobs stay queued.
    pub fn try_grow(&self) -> io::Result<bool> {
        let recruit = self.0.state.lock().recruit(self.0.config.max_threads);
        let starts = matches!(recruit, Recruit::Start(_));
        self.perform(recruit).map(|()| starts)
    }

    /// For the calling thread, inside of a job: it takes no further job while the guard lives, perhaps
    /// for long. It counts neither against the cap nor as one that will take what waits, and another
    /// thread is started if jobs wait (B10).
    pub fn step_aside(&self) -> Aside<J> {
        let recruit = {
            let mut state = self.0.state.lock();
            state.step_aside();
            state.recruit(self.0.config.max_threads)
        };
        let refused = self.perform(recruit).is_err();
        let starved = refused && {
            let state = self.0.state.lock();
            state.serving() == 0 && state.queued() > 0
        };
        Aside { pool: self.clone(), starved }
    }

    /// Takes no more jobs, cancels the waiting ones but for the mandatory, and waits until every
    /// thread is gone, at most for `wait` (`None`: as long as it takes).
    ///
    /// Mandatory jobs are run by the threads before they go. If there is none and the system refuses
    /// one, they are run here.
    ///
    /// May be called from several threads, and from a thread of the pool: that one does not wait
    /// for itself, nor for others that wait here.
    pub fn shutdown(&self, wait: Option<Duration>) -> PoolReport {
        // B7
        let (jobs, idle, recruit) = {
            let mut state = self.0.state.lock();
            let (jobs, idle) = state.shut_down(Job::is_mandatory);
            self.publish(&state);
            (jobs, idle, state.recruit(self.0.config.max_threads))
        };
        for unparker in idle {
            unparker.unpark();
        }
        // If the system refuses, a living thread takes what was kept, or this one does.
        let _ = self.perform(recruit);
        let cancelled = jobs.len();
        jobs.into_iter().for_each(Job::cancel);
        self.run_what_is_left();
        PoolReport { cancelled, running: self.await_threads(wait) }
    }

    /// Runs the mandatory jobs that wait, if the pool has no thread that will.
    fn run_what_is_left(&self) {
        loop {
            let left = {
                let mut state = self.0.state.lock();
                if state.serving() > 0 { None } else { state.take_left() }
            };
            match left {
                Some(job) => job.run(),
                None => return,
            }
        }
    }

    /// Waits for the threads to go; says how many did not. Joins those that did.
    fn await_threads(&self, wait: Option<Duration>) -> usize {
        let inside = seat::is_on(&self.0);
        let deadline = wait.and_then(|wait| Instant::now().checked_add(wait));
        let mut state = self.0.state.lock();
        if inside {
            // Others that wait here need not wait for us: see B8.
            state.begin_wait_inside();
            self.0.gone.notify_all();
        }
        while state.awaited() > 0 && wait != Some(Duration::ZERO) {
            match deadline {
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.0.gone.wait_for(&mut state, left);
                }
                // No time given, or one beyond the clock.
                None => self.0.gone.wait(&mut state),
            }
        }
        let running = state.awaited();
        if inside {
            state.end_wait_inside();
        }
        let exited = state.take_exited();
        drop(state);
        for handle in exited {
            // Its last act was to give us the handle: this waits for the system only. An error
            // means that a hook panicked, which the panic hook has reported.
            let _ = handle.join();
        }
        running
    }

    /// Does what `recruit` decided, outside of the lock.
    fn perform(&self, recruit: Recruit) -> io::Result<()> {
        match recruit {
            Recruit::Nobody => Ok(()),
            Recruit::Wake(unparker) => {
                unparker.unpark();
                Ok(())
            }
            Recruit::Start(id) => {
                // B3: the seat gives the reservation back wherever it is dropped: by the thread, by
                // the closure that the system refused, or by a panic of the naming function.
                let seat = Seat::new(self.clone(), id);
                let mut builder = Builder::new().name((self.0.config.thread_name)());
                if let Some(bytes) = self.0.config.stack_size {
                    builder = builder.stack_size(bytes);
                }
                let handle = (self.0.spawn)(builder, Box::new(move || seat.occupy()))?;
                let spare = self.0.state.lock().keep_handle(id, handle);
                drop(spare);
                Ok(())
            }
        }
    }

    fn publish(&self, state: &State<J>) {
        // ordering: Relaxed. A hint: who acts on it takes the lock and looks again.
        self.0.queued.store(state.queued(), Ordering::Relaxed);
    }
}

/// A thread of the pool that takes no jobs. Made by [`Pool::step_aside`]; dropping it steps back.
#[must_use = "dropping it steps back"]
pub struct Aside<J> {
    pool: Pool<J>,
    starved: bool,
}

impl<J> Aside<J> {
    /// Whether jobs wait, the system refused a thread and no other is alive: as
    /// [`Submitted::NoThread`], that obliges to call [`try_grow`](Pool::try_grow) until it succeeds.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.starved
    }
}

impl<J> Drop for Aside<J> {
    fn drop(&mut self) {
        self.pool.0.state.lock().step_back();
    }
}

impl<J> Pool<J> {
    /// Threads that take jobs: idle, searching or running.
    pub fn threads(&self) -> usize {
        self.0.state.lock().serving()
    }

    /// Threads that wait for a job.
    pub fn idle(&self) -> usize {
        self.0.state.lock().idle()
    }

    /// Jobs that wait for a thread. A snapshot, without the lock.
    pub fn queued(&self) -> usize {
        // ordering: Relaxed. A statistic.
        self.0.queued.load(Ordering::Relaxed)
    }
}
