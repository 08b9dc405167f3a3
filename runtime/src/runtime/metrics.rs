//! Figures about a running runtime.

use std::fmt;
use std::time::Duration;

use super::handle::{Handle, Inner};

/// Figures about a runtime, each read when asked for. None of them stops or slows a worker.
#[derive(Clone)]
pub struct RuntimeMetrics(Handle);

impl RuntimeMetrics {
    pub(super) fn new(handle: Handle) -> Self {
        RuntimeMetrics(handle)
    }

    /// How many workers the runtime has; 1 for a current-thread runtime.
    pub fn num_workers(&self) -> usize {
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.workers(),
            Inner::CurrentThread(_) => 1,
        }
    }

    /// How many tasks are alive: spawned and not complete. Takes each worker's list lock once.
    pub fn num_alive_tasks(&self) -> usize {
        self.0.alive_tasks()
    }

    /// How many tasks wait in the queue that all workers share.
    pub fn global_queue_depth(&self) -> usize {
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.injector_len(),
            Inner::CurrentThread(shared) => shared.injector_len(),
        }
    }

    /// How many tasks wait in a worker's own queue. 0 for a current-thread runtime, whose queue no other
    /// thread may look at.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.check(worker);
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.local_len(worker),
            Inner::CurrentThread(_) => 0,
        }
    }

    /// How many times a worker polled a task. 0 for a current-thread runtime.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.check(worker);
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.polls(worker),
            Inner::CurrentThread(_) => 0,
        }
    }

    /// How many spare workers run now, in the place of workers that are stuck in a poll. See
    /// [`Builder::max_spare_workers`](super::Builder::max_spare_workers).
    pub fn num_spare_workers(&self) -> usize {
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.spare_workers(),
            Inner::CurrentThread(_) => 0,
        }
    }

    /// How many polls the monitor has found stuck so far, for 10 to 20 ms or longer each (2 ms or longer
    /// within half a second of another one). 0 for a current-thread runtime, which has no monitor.
    pub fn stuck_polls_count(&self) -> u64 {
        match &self.0.0 {
            Inner::MultiThread(shared) => shared.stuck_polls(),
            Inner::CurrentThread(_) => 0,
        }
    }

    /// How many times a worker went to sleep, for want of tasks.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker_park_unpark_count(worker).div_ceil(2)
    }

    /// How many times a worker went to sleep or woke up: odd while it sleeps.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.check(worker);
        self.0.common().parks().turns(worker)
    }

    /// How long a worker was awake so far, since the runtime was built. A current-thread runtime counts the time
    /// outside of `block_on` too.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        self.check(worker);
        self.0.common().parks().busy(worker)
    }

    /// How many threads the pool for blocking calls has now.
    pub fn num_blocking_threads(&self) -> usize {
        self.0.common().blocking().threads()
    }

    /// How many of those have nothing to do.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.0.common().blocking().idle_threads()
    }

    /// How many blocking calls wait for a thread.
    pub fn blocking_queue_depth(&self) -> usize {
        self.0.common().blocking().queued()
    }

    #[track_caller]
    fn check(&self, worker: usize) {
        let workers = self.num_workers();
        assert!(worker < workers, "worker {worker} of a runtime with {workers}");
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_workers", &self.num_workers())
            .field("num_alive_tasks", &self.num_alive_tasks())
            .field("global_queue_depth", &self.global_queue_depth())
            .finish()
    }
}
