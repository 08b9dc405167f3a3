//! Spare workers: threads that take the place of stuck ones.
//!
//! A spare worker is a worker as any other, with a queue, a slot and a seat among the idle, but with a
//! core that was made in advance and lies here while it is not in use. The runtime's array of workers has
//! room for all of them from the start: thieves look at the first `active` of them.
//!
//! Invariants
//! P1  a core of a spare worker lies here, or belongs to one thread that drives it.
//! P2  a spare worker that runs counts in the shutdown's latch: the last step of a shutdown waits for it.

use std::sync::Arc;

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::{AtomicBool, AtomicUsize};
use filch_primitives::lock::Mutex;
use filch_primitives::thread::JoinHandle;

use super::super::Shared;
use super::super::worker::{Core, drive};

/// The spare workers' cores and threads.
pub(in super::super) struct Spares {
    #[expect(clippy::vec_box, reason = "a core is boxed where it is driven: none is moved")]
    cores: Mutex<Vec<Box<Core>>>,
    /// How many there are in all.
    max: usize,
    /// How many run.
    running: AtomicUsize,
    /// The running ones are to end.
    retire: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Spares {
    /// Of cores whose order is that of their indices.
    #[expect(clippy::vec_box, reason = "as above")]
    pub(in super::super) fn new(mut cores: Vec<Box<Core>>) -> Self {
        // The lowest index is taken first, so that thieves look at as few as can be.
        cores.reverse();
        Spares {
            max: cores.len(),
            cores: Mutex::new(cores),
            running: AtomicUsize::new(0),
            retire: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// How many run.
    pub(in super::super) fn running(&self) -> usize {
        // ordering: Relaxed, a statistic, except to the monitor, which alone makes it more.
        self.running.load(Ordering::Relaxed)
    }

    /// Asks all that run to end as soon as they have nothing in hand.
    pub(super) fn retire(&self) {
        // ordering: Relaxed. Each of them looks at it within a tenth of a second (`ATTENTION`).
        self.retire.store(true, Ordering::Relaxed);
    }

    /// Whether a spare worker is to end.
    pub(in super::super) fn is_retiring(&self) -> bool {
        // ordering: Relaxed, as in `retire`.
        self.retire.load(Ordering::Relaxed)
    }

    /// A spare worker has ended, and gives its core back.
    pub(in super::super) fn give_back(&self, core: Box<Core>) {
        let mut cores = self.cores.lock();
        cores.push(core);
        // The next one to start takes the lowest index.
        cores.sort_unstable_by_key(|core| std::cmp::Reverse(core.index));
        // ordering: Relaxed, under the lock.
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Joins the threads that have ended.
    pub(super) fn join_ended(&self) {
        // loom's threads cannot say; a model has no spare workers.
        #[cfg(not(filch_loom))]
        {
            let mut threads = self.threads.lock();
            let (ended, running): (Vec<_>, Vec<_>) =
                threads.drain(..).partition(|thread| thread.is_finished());
            *threads = running;
            drop(threads);
            for thread in ended {
                let _ = thread.join();
            }
        }
    }

    /// All threads that were started and not joined.
    pub(in super::super) fn take_threads(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.threads.lock())
    }
}

/// M5. Starts a spare worker, unless all of them run or the runtime is about to end. If the system refuses
/// the thread, the next look tries again.
pub(super) fn start(shared: &Arc<Shared>) {
    let spares = &shared.monitor.spares;
    let Some(core) = spares.cores.lock().pop() else { return };
    // P2. Not from zero: then the last step of a shutdown has begun.
    if !shared.running.count_up() {
        spares.cores.lock().push(core);
        return;
    }
    // ordering: Relaxed, both. The thread that is started sees them; thieves see the higher number before
    // anything that this worker queues, by that and their own fences (S5).
    spares.running.fetch_add(1, Ordering::Relaxed);
    shared.active.fetch_max(core.index + 1, Ordering::Relaxed);
    spares.retire.store(false, Ordering::Relaxed);
    // Outside of the closure, which is dropped if the system refuses the thread.
    let slot = Arc::new(Mutex::new(Some(core)));
    let (theirs, for_thread) = (slot.clone(), shared.clone());
    let started = shared.common.thread_builder().spawn(move || {
        let Some(core) = theirs.lock().take() else { return };
        let hooks = for_thread.common.hooks().clone();
        hooks.around_thread(|| drive(for_thread, core));
    });
    match started {
        Ok(thread) => spares.threads.lock().push(thread),
        Err(_) => {
            if let Some(core) = slot.lock().take() {
                spares.give_back(core);
            }
            shared.worker_ended();
        }
    }
}
