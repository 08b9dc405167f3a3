//! The multi-threaded scheduler: one worker per core, each with a queue of its own, each stealing from
//! the others when it has nothing left.
//!
//! What all workers share is here; `worker` is their loop, `search` how they find work elsewhere, `idle`
//! decides who sleeps and who is woken, `lifo` is the slot for the task that runs next, `handoff` lets a
//! task block, `shutdown` ends it all.

mod handoff;
pub(crate) mod idle;
pub(crate) mod lifo;
mod search;
mod shutdown;
mod worker;

use std::sync::{Arc, Weak};

use filch_primitives::CachePadded;
use filch_primitives::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use filch_primitives::deque::{Injector, Stealer};
use filch_primitives::park::Unparker;

pub(crate) use handoff::block_in_place;
pub(crate) use idle::MAX_WORKERS;
pub(crate) use worker::{WorkerContext, is_current, schedule_local};

use crate::driver::{Driver, TimeHandle};
use crate::runtime::common::Common;
use crate::task::Runnable;
use crate::task::owner::{Owner, Queue};
use idle::{Call, Idle};
use lifo::Lifo;
use shutdown::Latch;

/// What the workers, the handles and the wakers of one runtime share.
pub(crate) struct Shared {
    /// What every worker shows the others.
    remotes: Box<[CachePadded<Remote>]>,
    /// Tasks from outside, and what overflows a worker's queue.
    injector: Injector<Runnable>,
    idle: Idle,
    driver: Arc<Driver>,
    /// Lists the tasks that no worker spawned.
    external: Arc<Owner>,
    /// For timers that no worker made.
    external_time: filch_primitives::Arc<TimeHandle>,
    /// Set once; workers look at it between polls.
    is_shutdown: AtomicBool,
    /// Counts the workers that still run.
    running: Latch,
    common: Common,
}

/// One worker, as the others see it.
struct Remote {
    stealer: Stealer<Runnable>,
    lifo: Lifo,
    unparker: Unparker,
    owner: Arc<Owner>,
    time: filch_primitives::Arc<TimeHandle>,
    /// How many polls this worker began. Written by it alone; read by thieves and metrics.
    polls: AtomicU64,
}

impl Shared {
    /// The runtime's common part.
    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// The handle for timers of threads that are no workers.
    pub(crate) fn time_handle(&self) -> &filch_primitives::Arc<TimeHandle> {
        &self.external_time
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.remotes.len()
    }

    /// The owner for a task that is spawned now by this thread.
    pub(crate) fn owner(&self) -> &Arc<Owner> {
        worker::current_index(self).map_or(&self.external, |index| &self.remotes[index].owner)
    }

    /// All owners, the external one last.
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Arc<Owner>> {
        self.remotes.iter().map(|remote| &remote.owner).chain([&self.external])
    }

    /// How many tasks wait in the injector.
    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    /// How many tasks wait in a worker's own queue.
    pub(crate) fn local_len(&self, worker: usize) -> usize {
        self.remotes[worker].stealer.len()
    }

    /// How many polls a worker began.
    pub(crate) fn polls(&self, worker: usize) -> u64 {
        // ordering: Relaxed, a statistic.
        self.remotes[worker].polls.load(Ordering::Relaxed)
    }

    /// Queues a task that was spawned on this thread.
    pub(crate) fn schedule_spawned(&self, task: Runnable) {
        if worker::current_index(self).is_some() {
            worker::schedule_local(task, crate::task::owner::Wake::FromOutside);
        } else {
            self.schedule_remote(task);
        }
    }

    /// S1. Queues a task from a thread that is no worker of this runtime.
    pub(crate) fn schedule_remote(&self, task: Runnable) {
        self.injector.push(task);
        self.notify_one();
    }

    /// S2, S3. Wakes a worker, if none searches and one is idle.
    fn notify_one(&self) {
        self.wake(self.idle.call_one());
    }

    fn wake(&self, call: Call) {
        match call {
            Call::Sleeper(index) => {
                self.remotes[index].unparker.unpark();
            }
            Call::Driver => self.driver.notify(),
            Call::Nobody => {}
        }
    }

    /// S5. Whether any queue that a searcher looks at holds a task. The LIFO slots do not count: their
    /// owners run, and will take them.
    fn has_visible_work(&self) -> bool {
        // ordering: S5. SeqCst: the caller's change of the idle word must be visible before the queues
        // are read. Pairs with the fence at S2.
        fence(Ordering::SeqCst);
        !self.injector.is_empty() || self.remotes.iter().any(|remote| !remote.stealer.is_empty())
    }

    fn is_shutdown(&self) -> bool {
        // ordering: Acquire, to see what was done before the shutdown began; pairs with `begin_shutdown`.
        self.is_shutdown.load(Ordering::Acquire)
    }
}

/// An owner's way back to a multi-threaded scheduler.
fn owner_of(shared: &Weak<Shared>, common: &Common) -> Arc<Owner> {
    Arc::new(Owner::new(Queue::MultiThread(shared.clone()), common.hooks().clone()))
}

/// Builds the scheduler and starts its workers.
///
/// # Errors
/// The system's, if it refuses a thread: the workers that were started end again.
pub(crate) fn start(
    workers: usize,
    driver: Arc<Driver>,
    common: Common,
) -> std::io::Result<(Arc<Shared>, Vec<filch_primitives::thread::JoinHandle<()>>)> {
    let mut cores = Vec::with_capacity(workers);
    let seats = driver.max_waiters().min(worker::DRIVER_SEATS);
    let timers_enabled = common.config().time;
    let shared = Arc::new_cyclic(|this| {
        let mut remotes = Vec::with_capacity(workers);
        for index in 0..workers {
            let (core, stealer, unparker) = worker::Core::new(index);
            cores.push(core);
            remotes.push(CachePadded::new(Remote {
                stealer,
                unparker,
                lifo: Lifo::new(),
                owner: owner_of(this, &common),
                time: filch_primitives::Arc::new(TimeHandle::new(
                    driver.clone(),
                    index,
                    timers_enabled,
                )),
                polls: AtomicU64::new(0),
            }));
        }
        Shared {
            remotes: remotes.into_boxed_slice(),
            injector: Injector::new(),
            idle: Idle::new(workers, seats),
            external: owner_of(this, &common),
            external_time: filch_primitives::Arc::new(TimeHandle::new(
                driver.clone(),
                workers,
                timers_enabled,
            )),
            driver,
            is_shutdown: AtomicBool::new(false),
            running: Latch::new(workers),
            common,
        }
    });
    let mut threads = Vec::with_capacity(workers);
    let mut cores = cores.into_iter();
    while let Some(core) = cores.next() {
        match worker::start_thread(&shared, core) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                // This worker and those after it never ran.
                for _ in 0..=cores.len() {
                    shared.worker_ended();
                }
                shared.begin_shutdown();
                for thread in threads {
                    let _ = thread.join();
                }
                return Err(error);
            }
        }
    }
    Ok((shared, threads))
}
