//! The bounded pool: threads for work that keeps a processor busy. rayon's, under our rules.
//!
//! Callers: `spawn_compute`; the runtime's shutdown.
//! Data: a rayon thread pool behind a lock that is only read after the first submission; a queue of
//! our own (`Books`). rayon gets one ticket per job, "take the oldest and run it": its own queues
//! cannot be emptied, and a job that waits behind long ones must be cancelled when the runtime
//! stops, not when a thread gets round to it.
//!
//! Invariants
//! C1  Every job is run or cancelled or handed back, exactly once.
//! C2  There are at least as many tickets as jobs in the queue.
//! C3  After `shutdown` has taken the queue no job begins.
//! C4  `shutdown` without a limit returns when the threads are gone, hooks and all.
//!
//! A job that itself uses rayon-core's `join` or `scope` spreads over this same pool, and not over
//! rayon's global one.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use filch_primitives::lock::{Condvar, Mutex, RwLock};
use rayon_core::{ThreadPool, ThreadPoolBuilder};

use super::pool::{AroundThread, Job, PoolReport, ThreadName};

/// Starts a thread: the system's way, or a test's that refuses.
type Spawn = Box<
    dyn Fn(std::thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>
        + Send
        + Sync,
>;

/// How a [`Compute`] behaves.
#[derive(Clone)]
pub struct ComputeConfig {
    /// How many threads; `None` for one per core, as `num_cpus` counts them (it respects affinity
    /// masks and cgroup quotas).
    pub threads: Option<usize>,
    /// The stack of each thread, in bytes; the system's default if `None`.
    pub stack_size: Option<usize>,
    /// Names the threads.
    pub thread_name: ThreadName,
    /// What surrounds each thread's body.
    pub around_thread: AroundThread,
}

impl Default for ComputeConfig {
    fn default() -> Self {
        ComputeConfig {
            threads: None,
            stack_size: None,
            thread_name: Arc::new(|| "filch-compute".to_owned()),
            around_thread: Arc::new(|body| body()),
        }
    }
}

impl std::fmt::Debug for ComputeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComputeConfig")
            .field("threads", &self.threads)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// Why a job came back.
#[derive(Debug)]
#[must_use = "the job that came back must be cancelled"]
pub enum Refused<J> {
    /// The pool is shut down.
    ShutDown(J),
    /// The system refused the pool's threads. The next submission tries again.
    System(
        J,
        #[allow(dead_code, reason = "for whoever reports it; the runtime falls back")] io::Error,
    ),
}

filch_primitives::local! {
    /// The books (their address) of the pool that this thread belongs to; 0 if none.
    static SERVES: Cell<usize> = Cell::new(0);
}

struct State<J> {
    queue: VecDeque<J>,
    running: usize,
    /// Threads that were started and have not passed their last step.
    alive: usize,
    /// Theirs, and of some that have, for joining.
    handles: Vec<JoinHandle<()>>,
    shut_down: bool,
}

/// What the tickets refer to. It outlives the pool.
struct Books<J> {
    state: Mutex<State<J>>,
    /// Notified when a job or a thread has ended, once the shutdown has begun.
    ended: Condvar,
}

enum Engine {
    /// Nobody has asked for it yet, or the system refused.
    Unbuilt,
    Built(ThreadPool),
    ShutDown,
}

struct Shared<J> {
    config: ComputeConfig,
    spawn: Spawn,
    engine: RwLock<Engine>,
    books: Arc<Books<J>>,
}

/// The pool for computation. A clone is another handle to the same one.
pub struct Compute<J>(Arc<Shared<J>>);

impl<J> Clone for Compute<J> {
    fn clone(&self) -> Self {
        Compute(self.0.clone())
    }
}

impl<J> std::fmt::Debug for Compute<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compute").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl<J: Job> Compute<J> {
    /// A pool without threads: the first job starts all of them.
    pub fn new(config: ComputeConfig) -> Self {
        Self::with_spawn(config, Box::new(|builder, body| builder.spawn(body)))
    }

    /// As [`new`](Compute::new), with another way to start a thread.
    fn with_spawn(config: ComputeConfig, spawn: Spawn) -> Self {
        let state = State {
            queue: VecDeque::new(),
            running: 0,
            alive: 0,
            handles: Vec::new(),
            shut_down: false,
        };
        Compute(Arc::new(Shared {
            config,
            spawn,
            engine: RwLock::new(Engine::Unbuilt),
            books: Arc::new(Books { state: Mutex::new(state), ended: Condvar::new() }),
        }))
    }

    /// Hands a job to the pool; the first one builds it. Jobs begin in the order of submission.
    ///
    /// # Errors
    /// [`Refused`], with the job.
    pub fn submit(&self, job: J) -> Result<(), Refused<J>> {
        {
            let engine = self.0.engine.read();
            match &*engine {
                Engine::Built(pool) => {
                    self.dispatch(pool, job);
                    return Ok(());
                }
                Engine::ShutDown => return Err(Refused::ShutDown(job)),
                Engine::Unbuilt => {}
            }
        }
        let mut engine = self.0.engine.write();
        if matches!(*engine, Engine::Unbuilt) {
            match self.build() {
                Ok(pool) => *engine = Engine::Built(pool),
                Err(error) => return Err(Refused::System(job, error)),
            }
        }
        match &*engine {
            Engine::Built(pool) => {
                self.dispatch(pool, job);
                Ok(())
            }
            Engine::Unbuilt | Engine::ShutDown => Err(Refused::ShutDown(job)),
        }
    }

    /// Jobs that wait for a thread.
    #[cfg(test)]
    fn queued(&self) -> usize {
        self.0.books.state.lock().queue.len()
    }

    /// Jobs that run.
    #[cfg(test)]
    fn running(&self) -> usize {
        self.0.books.state.lock().running
    }

    /// How many threads the pool has, or will have once it is built.
    pub fn threads(&self) -> usize {
        self.0.config.threads.unwrap_or_else(num_cpus::get).max(1)
    }

    /// Takes no more jobs, cancels the waiting ones, and waits until those that run have ended and the
    /// threads with them, at most for `wait` (`None`: as long as it takes). May be called again.
    ///
    /// Called from a thread of the pool it does not wait at all: a job that waits for its fellows
    /// may be what they wait for.
    pub fn shutdown(&self, wait: Option<Duration>) -> PoolReport {
        let books = &self.0.books;
        let inside = books.is_served_here();
        let engine = std::mem::replace(&mut *self.0.engine.write(), Engine::ShutDown);
        // rayon's threads end when they have used up their tickets.
        drop(engine);

        let queue = {
            let mut state = books.state.lock();
            state.shut_down = true;
            std::mem::take(&mut state.queue)
        };
        let cancelled = queue.len();
        queue.into_iter().for_each(Job::cancel);

        let own = usize::from(inside);
        let wait = if inside { Some(Duration::ZERO) } else { wait };
        let deadline = wait.and_then(|wait| Instant::now().checked_add(wait));
        let mut state = books.state.lock();
        while (state.running > own || state.alive > own) && wait != Some(Duration::ZERO) {
            match deadline {
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    books.ended.wait_for(&mut state, left);
                }
                // No time given, or one beyond the clock.
                None => books.ended.wait(&mut state),
            }
        }
        let running = state.running.saturating_sub(own);
        // C4. Those that are past their last step: this waits for the system only.
        let gone = if state.alive == 0 { std::mem::take(&mut state.handles) } else { Vec::new() };
        drop(state);
        for handle in gone {
            // An error means that a hook panicked, which the panic hook has reported.
            let _ = handle.join();
        }
        PoolReport { cancelled, running }
    }

    /// C2: the job first, then its ticket.
    fn dispatch(&self, pool: &ThreadPool, job: J) {
        self.0.books.state.lock().queue.push_back(job);
        let books = self.0.books.clone();
        pool.spawn(move || books.run_oldest());
    }

    fn build(&self) -> io::Result<ThreadPool> {
        let config = &self.0.config;
        let books = &self.0.books;
        let address = books.address();
        let mut refusal = None;
        // Of an earlier attempt, which the system refused half-way.
        books.state.lock().handles.retain(|handle| !handle.is_finished());
        let built = ThreadPoolBuilder::new()
            .num_threads(self.threads())
            .spawn_handler(|thread| {
                let mut builder = std::thread::Builder::new().name((config.thread_name)());
                if let Some(bytes) = config.stack_size {
                    builder = builder.stack_size(bytes);
                }
                let around = config.around_thread.clone();
                let mut thread = Some(thread);
                let alive = Alive::new(books);
                let body = Box::new(move || {
                    // Counted out last, also when the system refuses and drops this unrun.
                    let _alive = alive;
                    let _ = SERVES.try_with(|serves| serves.set(address));
                    around(&mut || {
                        if let Some(thread) = thread.take() {
                            thread.run();
                        }
                    });
                });
                match (self.0.spawn)(builder, body) {
                    Ok(handle) => {
                        books.state.lock().handles.push(handle);
                        Ok(())
                    }
                    Err(error) => {
                        let kind = error.kind();
                        refusal = Some(error);
                        Err(io::Error::from(kind))
                    }
                }
            })
            .build();
        built.map_err(|error| refusal.unwrap_or_else(|| io::Error::other(error)))
    }
}

impl<J> Books<J> {
    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    /// Whether the calling thread is one of the pool's.
    fn is_served_here(self: &Arc<Self>) -> bool {
        SERVES.try_with(|serves| serves.get() == self.address()).unwrap_or(false)
    }
}

impl<J: Job> Books<J> {
    /// Redeems a ticket.
    fn run_oldest(&self) {
        let job = {
            let mut state = self.state.lock();
            let Some(job) = state.queue.pop_front() else { return };
            state.running += 1;
            job
        };
        // Counted out on drop, so that a job which breaks its word and unwinds hangs no shutdown.
        let _running = Running(self);
        job.run();
    }
}

/// A thread, until its last step.
struct Alive<J>(Arc<Books<J>>);

impl<J> Alive<J> {
    fn new(books: &Arc<Books<J>>) -> Self {
        books.state.lock().alive += 1;
        Alive(books.clone())
    }
}

impl<J> Drop for Alive<J> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.alive -= 1;
        if state.shut_down {
            self.0.ended.notify_all();
        }
    }
}

struct Running<'a, J>(&'a Books<J>);

impl<J> Drop for Running<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running -= 1;
        if state.shut_down {
            self.0.ended.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
