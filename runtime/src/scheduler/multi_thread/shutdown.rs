//! The end of a multi-threaded scheduler.
//!
//! Protocol: docs/shutdown.md, steps E1 to E5. Model: loom-tests/tests/shutdown.rs.
//!
//! E1 `begin_shutdown` sets the flag and wakes every worker.
//! E2 each worker leaves its loop, closes its own owner (which cancels the tasks that nobody runs) and
//!    cancels what lies in its queue.
//! E3 the last one closes the external owner, empties the injector and shuts the driver.
//! E4 who waits for the end waits for the latch, then joins the threads.
//! E5 a task that is pushed after that was cancelled before: its Runnable only frees it.
//! E6 who stopped waiting before the latch opened closes every owner itself: of all tasks only those in
//!    the stuck workers' polls are left, and these end when their polls do. Closing an owner twice, or
//!    from two threads, cancels each task once.

use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::deque::Steal;
use filch_primitives::lock::{Condvar, Mutex};

use super::Shared;

/// Counts down to zero, once; threads wait for that.
pub struct Latch {
    left: AtomicUsize,
    done: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    /// So many have to come.
    pub fn new(count: usize) -> Self {
        Latch { left: AtomicUsize::new(count), done: Mutex::new(false), changed: Condvar::new() }
    }

    /// One more, unless the count has come to zero: then the last step has begun.
    pub(super) fn count_up(&self) -> bool {
        // ordering: Relaxed, both. Who counts up publishes nothing by it; the count down that ends what
        // begins here does.
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left > 0).then_some(left + 1)
            })
            .is_ok()
    }

    /// One less. True for the one that makes it zero; it calls `open` when it is done.
    pub fn count_down(&self) -> bool {
        // ordering: AcqRel. The last one must see everything that the others did before, and publish its
        // own: it takes their queues apart.
        self.left.fetch_sub(1, Ordering::AcqRel) == 1
    }

    fn open(&self) {
        *self.done.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until `open`, at most for `timeout`. False if the time was over first.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut done = self.done.lock();
        while !*done {
            match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(&mut done),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    self.changed.wait_for(&mut done, left);
                }
            }
        }
        true
    }
}

impl Shared {
    /// E1. Asks every worker to end. Does not wait, and may be called again.
    pub(crate) fn begin_shutdown(&self) {
        // ordering: Relaxed. Nothing is published by it. A worker that parks now takes its token, or the
        // driver's notification, which are left after this (K1; the kernel), and then sees it.
        self.is_shutdown.store(true, Ordering::Relaxed);
        #[cfg(filch_loom)]
        if let Some(ready) = &self.model {
            ready.close();
        }
        for remote in &self.remotes {
            remote.unparker.unpark();
        }
        // One waiter; it passes the word on when it leaves (`worker`).
        self.driver.notify();
        self.monitor.wake();
    }

    /// E4. Waits until every worker has ended, at most for `timeout`.
    pub(crate) fn wait_shutdown(&self, timeout: Option<Duration>) -> bool {
        self.running.wait(timeout)
    }

    /// E3. A worker is done with its part.
    pub(super) fn worker_ended(&self) {
        if !self.running.count_down() {
            return;
        }
        for owner in self.owners() {
            owner.close();
        }
        loop {
            match self.injector.steal() {
                Steal::Success(task) => drop(task),
                Steal::Empty => break,
                Steal::Retry => {}
            }
        }
        self.driver.shutdown();
        self.running.open();
    }
}
