//! How often and how long each worker sleeps: figures for `RuntimeMetrics`.
//!
//! A worker writes its own figures, around its sleep; anybody reads them.
//!
//! Invariants
//! U1  `turns` is even while the worker is awake, odd while it sleeps, and changed by the worker alone.
//! U2  `busy` holds the time awake up to the last sleep; `since` is when the worker woke last.

use std::time::{Duration, Instant};

use filch_primitives::CachePadded;
use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;

/// One entry a worker.
pub(crate) struct Parks {
    started: Instant,
    workers: Box<[CachePadded<Worker>]>,
}

#[derive(Default)]
struct Worker {
    turns: AtomicU64,
    /// Nanoseconds.
    busy: AtomicU64,
    /// Nanoseconds after `started`.
    since: AtomicU64,
}

impl Parks {
    pub(super) fn new(workers: usize) -> Self {
        Parks {
            started: Instant::now(),
            workers: (0..workers).map(|_| CachePadded::default()).collect(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The worker is about to sleep.
    pub(super) fn park(&self, worker: usize) {
        let Some(worker) = self.workers.get(worker) else { return };
        // ordering: all loads Relaxed: written by this thread alone. Release for `turns`, after the others, so
        // that a reader who sees it sees them (pairs with `busy`).
        let awake = self.now().saturating_sub(worker.since.load(Ordering::Relaxed));
        worker.busy.store(worker.busy.load(Ordering::Relaxed) + awake, Ordering::Relaxed);
        worker.turns.store(worker.turns.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// The worker woke up.
    pub(super) fn unpark(&self, worker: usize) {
        let Some(worker) = self.workers.get(worker) else { return };
        // ordering: both as in `park`.
        worker.since.store(self.now(), Ordering::Relaxed);
        worker.turns.store(worker.turns.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// U1.
    pub(super) fn turns(&self, worker: usize) -> u64 {
        // ordering: Relaxed, a statistic.
        self.workers[worker].turns.load(Ordering::Relaxed)
    }

    /// How long the worker was awake, until now.
    pub(super) fn busy(&self, worker: usize) -> Duration {
        let worker = &self.workers[worker];
        loop {
            // ordering: Acquire, both of `turns`; pairs with the Releases above: the figures are as new as that. (So
            // Relaxed for them.) The second look tells whether they changed in between; it may miss a change that is under way, which is
            // then off by less than the time that this takes.
            let turns = worker.turns.load(Ordering::Acquire);
            let (busy, since) =
                (worker.busy.load(Ordering::Relaxed), worker.since.load(Ordering::Relaxed));
            let now = self.now();
            if worker.turns.load(Ordering::Acquire) == turns {
                let awake = if turns % 2 == 0 { now.saturating_sub(since) } else { 0 };
                return Duration::from_nanos(busy + awake);
            }
        }
    }
}
