//! The multi-threaded scheduler: one worker per core, each with a queue of its own, each stealing from
//! the others when it has nothing left.
//!
//! What all workers share is here; `worker` is their loop, `search` how they find work elsewhere, `idle`
//! decides who sleeps and who is woken, `lifo` is the slot for the task that runs next, `handoff` lets a
//! task block, `monitor` helps where one blocks all the same, `shutdown` ends it all.

mod handoff;
pub(crate) mod idle;
pub(crate) mod lifo;
#[cfg(filch_loom)]
mod model;
pub(crate) mod monitor;
mod search;
pub(crate) mod shutdown;
mod worker;

use std::sync::{Arc, Weak};

use filch_primitives::CachePadded;
use filch_primitives::atomic::{AtomicBool, AtomicU64, Ordering, fence, statistic};
use filch_primitives::deque::{Injector, Stealer};
use filch_primitives::lock::Mutex;
use filch_primitives::park::Unparker;

pub(crate) use handoff::block_in_place;
pub(crate) use idle::MAX_WORKERS;
pub(crate) use worker::{WorkerContext, is_current, schedule_local};

use crate::driver::{Driver, TimeHandle};
use crate::runtime::common::Common;
use crate::task::Runnable;
use crate::task::header::Header;
use crate::task::owner::{Owner, Queue, Wake};
use idle::{Call, Idle};
use lifo::Lifo;
use monitor::{Monitor, Spares};
use shutdown::Latch;

/// What the workers, the handles and the wakers of one runtime share.
pub(crate) struct Shared {
    /// What every worker shows the others; those of spare workers last.
    remotes: Box<[CachePadded<Remote>]>,
    /// How many workers the runtime was built with.
    workers: usize,
    /// So many of `remotes` may have tasks: the workers, and the spare workers that ran so far.
    active: statistic::AtomicUsize,
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
    /// The monitor wants one of the workers to look around (M6). Beside the flag above, which they read anyway.
    look_wanted: statistic::AtomicBool,
    /// Counts the workers that still run.
    running: Latch,
    monitor: Monitor,
    /// The queue of the workers of `filch::loom`; none if they are the real ones.
    #[cfg(filch_loom)]
    model: Option<model::Ready>,
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
    /// The task that it polls, or polled last; null while it is parked. For the monitor, which compares it
    /// and never reads through it.
    task: statistic::AtomicPtr<Header>,
    /// The thread that drives it. For reports.
    thread: Mutex<DrivingThread>,
}

/// The thread that drives a worker.
#[derive(Default)]
struct DrivingThread {
    name: String,
    id: Option<monitor::ThreadId>,
}

impl Remote {
    /// This thread drives the worker from here on.
    fn set_thread(&self) {
        #[cfg(not(filch_loom))]
        {
            *self.thread.lock() = DrivingThread {
                name: std::thread::current().name().unwrap_or("unnamed").to_owned(),
                #[cfg(target_os = "linux")]
                id: Some(rustix::thread::gettid()),
                #[cfg(not(target_os = "linux"))]
                id: None,
            };
        }
    }

    /// The thread that drives it, as the system knows it.
    fn thread_id(&self) -> Option<monitor::ThreadId> {
        self.thread.lock().id
    }

    /// The name of the thread that drives it, and where that is, if the environment asks for it.
    fn describe_thread(&self) -> (String, Option<String>) {
        let thread = self.thread.lock();
        #[cfg(all(target_os = "linux", feature = "backtrace", not(filch_loom)))]
        let backtrace =
            thread.id.filter(|_| monitor::is_backtrace_wanted()).and_then(monitor::backtrace_of);
        #[cfg(not(all(target_os = "linux", feature = "backtrace", not(filch_loom))))]
        let backtrace = None;
        (thread.name.clone(), backtrace)
    }
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

    /// How many workers the runtime was built with.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// How many of `remotes` may have tasks.
    #[inline]
    fn active(&self) -> usize {
        // ordering: Relaxed. It grows before a spare worker's thread begins, and so before that pushes
        // anything; the fences of S2 and S5 order this with the push.
        self.active.load(Ordering::Relaxed)
    }

    /// How many spare workers run now.
    pub(crate) fn spare_workers(&self) -> usize {
        self.monitor.spares.running()
    }

    /// How many polls the monitor found stuck so far.
    pub(crate) fn stuck_polls(&self) -> u64 {
        self.monitor.stuck_polls()
    }

    /// The threads of spare workers, to be joined.
    pub(crate) fn take_spare_threads(&self) -> Vec<filch_primitives::thread::JoinHandle<()>> {
        self.monitor.spares.take_threads()
    }

    /// The owner for a task that is spawned now by this thread.
    pub(crate) fn owner(&self) -> &Arc<Owner> {
        #[cfg(filch_loom)]
        if let Some(ready) = &self.model {
            let owners = self.remotes.len() + 1;
            let mut owners = self.owners().cycle().skip(ready.next_spawn() % owners);
            return owners.next().unwrap_or(&self.external);
        }
        worker::current_index(self).map_or(&self.external, |index| &self.remotes[index].owner)
    }

    /// All owners, the external one last.
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Arc<Owner>> + Clone {
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
            worker::schedule_local(task, Wake::FromOutside);
        } else {
            self.schedule_remote(task);
        }
    }

    /// S1. Queues a task from a thread that is no worker of this runtime.
    pub(crate) fn schedule_remote(&self, task: Runnable) {
        self.schedule_woken(task, Wake::FromOutside);
    }

    /// As [`schedule_remote`](Self::schedule_remote), for a task that may have been woken in its own poll.
    #[cfg_attr(
        not(filch_loom),
        expect(unused_variables, reason = "its own worker queues it elsewhere")
    )]
    #[inline]
    pub(crate) fn schedule_woken(&self, task: Runnable, wake: Wake) {
        #[cfg(filch_loom)]
        if let Some(ready) = &self.model {
            return ready.push(task, wake);
        }
        self.injector.push(task);
        self.notify_one();
    }

    /// S2, S3. Wakes a worker, if none searches and one is idle.
    fn notify_one(&self) {
        self.wake(self.idle.call_one());
    }

    /// S7. Sees to it that somebody waits in the driver while others sleep.
    fn attend_driver(&self) {
        if let Some(index) = self.idle.call_to_driver() {
            self.remotes[index].unparker.unpark();
        }
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
        let remotes = &self.remotes[..self.active()];
        !self.injector.is_empty() || remotes.iter().any(|remote| !remote.stealer.is_empty())
    }

    /// M6. Whether this worker is the one that shall look around.
    #[inline]
    fn is_look_wanted(&self) -> bool {
        // ordering: Relaxed, both. A hint; of several workers one takes it.
        self.look_wanted.load(Ordering::Relaxed) && self.look_wanted.swap(false, Ordering::Relaxed)
    }

    fn is_shutdown(&self) -> bool {
        // ordering: Relaxed. Nothing is read through it. Who sees it too late finds the token, or the
        // notification, that comes after it (E1).
        self.is_shutdown.load(Ordering::Relaxed)
    }
}

/// An owner's way back to a multi-threaded scheduler.
fn owner_of(shared: &Weak<Shared>, common: &Common) -> Arc<Owner> {
    Arc::new(Owner::new(Queue::MultiThread(shared.clone()), common.hooks().clone()))
}

/// Starts a worker's thread: for `filch::loom` one that takes fewer steps.
fn start_worker(
    shared: &Arc<Shared>,
    core: Box<worker::Core>,
) -> std::io::Result<filch_primitives::thread::JoinHandle<()>> {
    #[cfg(filch_loom)]
    if shared.model.is_some() {
        return model::start_thread(shared);
    }
    worker::start_thread(shared, core)
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
    let max_spares = common.config().monitor.max_spares(workers);
    let all = workers + max_spares;
    let mut cores = Vec::with_capacity(all);
    let mut monitor_parker = None;
    let seats = driver.max_waiters().min(worker::DRIVER_SEATS);
    let timers_enabled = common.config().time;
    let shared = Arc::new_cyclic(|this| {
        let mut remotes = Vec::with_capacity(all);
        for index in 0..all {
            let (core, stealer, unparker) = worker::Core::new(index, driver.events());
            cores.push(core);
            remotes.push(CachePadded::new(Remote {
                stealer,
                unparker,
                lifo: Lifo::new(),
                owner: owner_of(this, &common),
                time: filch_primitives::Arc::new(TimeHandle::new(
                    driver.clone(),
                    // Spare workers use the shard of all other threads.
                    index.min(workers),
                    timers_enabled,
                )),
                polls: AtomicU64::new(0),
                task: statistic::AtomicPtr::new(std::ptr::null_mut()),
                thread: Mutex::new(DrivingThread::default()),
            }));
        }
        let (monitor, parker) = Monitor::new(Spares::new(cores.split_off(workers)));
        monitor_parker = Some(parker);
        Shared {
            remotes: remotes.into_boxed_slice(),
            injector: Injector::new(),
            workers,
            active: statistic::AtomicUsize::new(workers),
            idle: Idle::new(workers, seats),
            external: owner_of(this, &common),
            external_time: filch_primitives::Arc::new(TimeHandle::new(
                driver.clone(),
                workers,
                timers_enabled,
            )),
            driver,
            is_shutdown: AtomicBool::new(false),
            look_wanted: statistic::AtomicBool::new(false),
            running: Latch::new(workers),
            monitor,
            #[cfg(filch_loom)]
            model: common.config().model_workers.then(model::Ready::new),
            common,
        }
    });
    #[cfg(filch_loom)]
    if shared.model.is_some() {
        let of_clock = Arc::downgrade(&shared);
        shared.driver.on_timer(move || {
            if let Some(shared) = of_clock.upgrade() {
                model::timer_armed(&shared);
            }
        });
    }
    let mut threads = Vec::with_capacity(workers + 1);
    let undo = |threads: Vec<filch_primitives::thread::JoinHandle<()>>, never_ran: usize, error| {
        for _ in 0..never_ran {
            shared.worker_ended();
        }
        shared.begin_shutdown();
        for thread in threads {
            let _ = thread.join();
        }
        Err(error)
    };
    let mut cores = cores.into_iter();
    while let Some(core) = cores.next() {
        match start_worker(&shared, core) {
            Ok(thread) => threads.push(thread),
            // This worker and those after it never ran.
            Err(error) => return undo(threads, cores.len() + 1, error),
        }
    }
    let parker = monitor_parker.expect("it was made with the shared part");
    if shared.common.config().monitor.enabled {
        match monitor::start_thread(&shared, parker) {
            Ok(thread) => threads.push(thread),
            Err(error) => return undo(threads, 0, error),
        }
    }
    Ok((shared, threads))
}
