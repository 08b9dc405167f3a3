//! A worker: the loop that runs tasks, looks for more (`search`), and parks (`idle`).
//!
//! Order of looking: LIFO slot (bounded runs in a row), own queue; every 61 polls
//! (`Builder::event_interval`) the injector and, if nobody attends it, the driver; then `search`; then
//! park.
//!
//! A worker is a [`Core`], which one thread drives at a time; `handoff` lets another thread go on with it.

use std::cell::{Cell, RefCell};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Weak};

use filch_primitives::LOCAL_CAPACITY;
use filch_primitives::atomic::Ordering;
use filch_primitives::deque::{Stealer, Worker};
use filch_primitives::park::{Parker, Unparker};
use filch_primitives::rand::{Rng, entropy};
use filch_primitives::{coop, entered, thread};

use super::idle::{Left, Place};
use super::{Remote, Shared, search};
use crate::context::{self, Scheduler};
use crate::driver::{ATTENTION, Events, TimeHandle, Wait};
use crate::runtime::Handle;
use crate::task::Runnable;
use crate::task::owner::Wake;

/// How many tasks in a row may come from the LIFO slot before the queue has its turn.
const LIFO_RUNS: u8 = 3;

/// How long the worker's queue may become by what its own tasks spawn and wake. The rest is kept for
/// the injector: else a worker whose tasks keep its queue full would never take from there.
const OWN_CAPACITY: usize = LOCAL_CAPACITY - search::INJECTOR_BATCH;

/// How many workers may wait in the driver at once, where the system allows more than one: one that is
/// woken by the next event, and one that attends the driver meanwhile. More would only take wake-ups
/// from the parkers, which are cheaper.
pub(super) const DRIVER_SEATS: usize = 2;

/// A worker's own state. Everything is a cell: the queue is pushed to from inside of a poll, by code
/// that finds the core through the thread-local context.
pub(super) struct Core {
    pub(super) index: usize,
    pub(super) queue: Worker<Runnable>,
    parker: Parker,
    events: RefCell<Events>,
    pub(super) rng: Rng,
    /// Polls since the last look around.
    tick: Cell<u32>,
    lifo_runs: Cell<u8>,
    /// Counted as searching in the idle word.
    pub(super) searching: Cell<bool>,
    /// The driver is waking tasks on this thread: they are queued in order, and nobody is called for
    /// each of them.
    in_driver: Cell<bool>,
}

impl Core {
    pub(super) fn new(index: usize, events: Events) -> (Box<Core>, Stealer<Runnable>, Unparker) {
        let queue = Worker::new_fifo();
        let stealer = queue.stealer();
        let parker = Parker::new();
        let unparker = parker.unparker();
        let core = Core {
            index,
            queue,
            parker,
            events: RefCell::new(events),
            rng: Rng::new(entropy()),
            tick: Cell::new(0),
            lifo_runs: Cell::new(0),
            searching: Cell::new(false),
            in_driver: Cell::new(false),
        };
        (Box::new(core), stealer, unparker)
    }
}

/// A thread that drives a worker, as code below finds it in the thread-local context.
pub(crate) struct WorkerContext {
    pub(super) shared: Arc<Shared>,
    index: usize,
    /// The core, from `Box::into_raw`; null while another thread has it.
    pub(super) core: Cell<*const Core>,
}

impl WorkerContext {
    pub(crate) fn handle(&self) -> Handle {
        Handle::multi_thread(self.shared.clone())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// For timers made on this thread.
    pub(crate) fn time_handle(&self) -> &filch_primitives::Arc<TimeHandle> {
        &self.remote().time
    }

    #[inline]
    fn remote(&self) -> &Remote {
        &self.shared.remotes[self.index]
    }

    #[inline]
    fn core(&self) -> Option<&Core> {
        // SAFETY: a core that is not null is alive: it is freed only by the thread that drives it, at
        // the end of `drive`. It is taken away (`block_in_place`) only by this thread, in a call from a
        // poll, whose callers look it up again afterwards.
        unsafe { self.core.get().as_ref() }
    }
}

/// The context of this thread, if it drives a worker of the runtime behind `shared`.
#[inline]
fn current_of(shared: *const Shared) -> Option<&'static WorkerContext> {
    match context::scheduler() {
        Scheduler::MultiThread(cx) => {
            // SAFETY: the pointer is to a value on the stack below us; `'static` does not leave the
            // calls of this module, which return before that frame does.
            let cx = unsafe { &*cx };
            (Arc::as_ptr(&cx.shared) == shared && !cx.core.get().is_null()).then_some(cx)
        }
        _ => None,
    }
}

/// Whether this thread drives a worker of this runtime.
#[inline]
pub(crate) fn is_current(shared: &Weak<Shared>) -> bool {
    current_of(shared.as_ptr()).is_some()
}

/// This thread's worker, if it is one of this runtime.
pub(super) fn current_index(shared: &Shared) -> Option<usize> {
    current_of(shared).map(|cx| cx.index)
}

/// Queues a task on the worker that this thread drives. To be called after `is_current` only.
#[inline]
pub(crate) fn schedule_local(task: Runnable, wake: Wake) {
    let Scheduler::MultiThread(cx) = context::scheduler() else {
        unreachable!("the caller saw that this thread is a worker")
    };
    // SAFETY: as in `current_of`.
    let cx = unsafe { &*cx };
    let Some(core) = cx.core() else { return cx.shared.schedule_remote(task) };
    if core.in_driver.get() {
        return push(cx, core, task);
    }
    match wake {
        Wake::FromOutside => {
            if let Some(displaced) = cx.remote().lifo.put(task) {
                push(cx, core, displaced);
                call_for_help(cx);
            }
        }
        Wake::DuringPoll => {
            // The worker goes on with its queue at once: only what is more than one wants help.
            let more = !core.queue.is_empty();
            push(cx, core, task);
            if more {
                call_for_help(cx);
            }
        }
    }
}

/// Queues a task behind the worker's others, or in the injector if the queue is full: the newest goes
/// there, so that what came first stays first.
#[inline]
fn push(cx: &WorkerContext, core: &Core, task: Runnable) {
    if core.queue.len() < OWN_CAPACITY {
        core.queue.push(task);
    } else {
        cx.shared.injector.push(task);
    }
}

/// S2'. Wakes another worker for what this one has too much of. The first look has no fence: the
/// pushing worker runs, so that a miss loses no task; `look_around` repeats the question.
#[inline]
fn call_for_help(cx: &WorkerContext) {
    if cx.shared.idle.may_call() {
        cx.shared.notify_one();
    }
}

/// Starts a thread that drives `core`.
pub(super) fn start_thread(
    shared: &Arc<Shared>,
    core: Box<Core>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let shared = shared.clone();
    shared.common.thread_builder().spawn(move || {
        let hooks = shared.common.hooks().clone();
        hooks.around_thread(|| drive(shared, core));
    })
}

/// Drives a worker until shutdown, or until its core is taken away.
pub(super) fn drive(shared: Arc<Shared>, core: Box<Core>) {
    let cx = WorkerContext { index: core.index, core: Cell::new(Box::into_raw(core)), shared };
    let _scheduler = context::set_scheduler(Scheduler::MultiThread(&raw const cx));
    let _entered = entered::enter();
    cx.remote().set_thread();
    let unwound = AbortOnUnwind;
    let config = cx.shared.common.config();
    let interval =
        config.injector_interval.map_or(config.event_interval, |n| n.min(config.event_interval));
    while let Some(core) = cx.core() {
        if cx.shared.is_shutdown() {
            break;
        }
        if is_retiring(&cx, core) {
            retire(&cx);
            break;
        }
        if core.tick.get() >= interval || cx.shared.is_look_wanted() {
            core.tick.set(0);
            look_around(&cx, core);
        }
        if let Some(task) = next_local(&cx, core) {
            run(&cx, core, task);
        } else if let Some(task) = search::search(&cx, core) {
            run(&cx, core, task);
        } else {
            park(&cx, core);
        }
    }
    std::mem::forget(unwound);
    let core = cx.core.replace(null());
    if !core.is_null() {
        // SAFETY: from `Box::into_raw`, and no longer reachable through the context.
        let core = unsafe { Box::from_raw(core.cast_mut()) };
        end(&cx, &core);
    }
}

/// M5. Whether this is a spare worker that is no longer wanted.
#[inline]
fn is_retiring(cx: &WorkerContext, core: &Core) -> bool {
    core.index >= cx.shared.workers && cx.shared.monitor.spares.is_retiring()
}

/// M5. Ends a spare worker: others go on with its tasks, and its core is kept for the next one.
#[cold]
fn retire(cx: &WorkerContext) {
    let core = cx.core.replace(null());
    if core.is_null() {
        return;
    }
    // SAFETY: from `Box::into_raw`, and no longer reachable through the context.
    let core = unsafe { Box::from_raw(core.cast_mut()) };
    let mut left_tasks = false;
    while let Some(task) = cx.remote().lifo.take().or_else(|| core.queue.pop()) {
        cx.shared.injector.push(task);
        left_tasks = true;
    }
    // ordering: Relaxed, as in `run`.
    cx.remote().task.store(null_mut(), Ordering::Relaxed);
    if core.searching.get() {
        found_work(cx, &core);
    } else {
        if left_tasks {
            cx.shared.notify_one();
        }
        cx.shared.attend_driver();
    }
    cx.shared.monitor.spares.give_back(core);
    cx.shared.worker_ended();
}

/// Nothing that tasks do unwinds into a worker. If its own code does, the tasks in its queue would wait
/// for ever: better to say so and end.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("filch: a worker thread failed, and its tasks with it: aborting");
        std::process::abort();
    }
}

/// The next task of the worker's own.
#[inline]
fn next_local(cx: &WorkerContext, core: &Core) -> Option<Runnable> {
    if core.lifo_runs.get() < LIFO_RUNS {
        if let Some(task) = cx.remote().lifo.take() {
            core.lifo_runs.set(core.lifo_runs.get() + 1);
            return Some(task);
        }
        core.lifo_runs.set(0);
        return core.queue.pop();
    }
    // The slot has had its turns: what it holds goes behind the queue. (Left where it is, a pair that
    // wakes each other would have most of the polls, and outrun what it spawns.)
    core.lifo_runs.set(0);
    if let Some(task) = cx.remote().lifo.take() {
        push(cx, core, task);
    }
    core.queue.pop()
}

/// Polls a task.
#[inline]
fn run(cx: &WorkerContext, core: &Core, task: Runnable) {
    if core.searching.get() {
        found_work(cx, core);
    }
    core.tick.set(core.tick.get() + 1);
    let polls = &cx.remote().polls;
    // ordering: Relaxed, both. Written by this thread alone; who reads it only compares.
    polls.store(polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    // ordering: Relaxed. The monitor compares it with itself (M3).
    cx.remote().task.store(task.as_ptr(), Ordering::Relaxed);
    let _budget = coop::fresh();
    task.run();
    // From here on the core may be another thread's.
}

/// S6. A searcher found a task: the last one calls another if there is more to find.
#[cold]
fn found_work(cx: &WorkerContext, core: &Core) {
    core.searching.set(false);
    if cx.shared.idle.stop_searching() {
        if cx.shared.has_visible_work() {
            cx.shared.notify_one();
        } else {
            cx.shared.attend_driver();
        }
    }
}

/// At every interval, and when the monitor asks for it (M6): a batch from the injector, and events and timers if nobody else waits for
/// them. So a task in the injector, and a socket, wait for a bounded number of polls, whatever the
/// others do (invariant 5 of the architecture page).
#[cold]
fn look_around(cx: &WorkerContext, core: &Core) {
    let room = LOCAL_CAPACITY.saturating_sub(core.queue.len()).min(search::INJECTOR_BATCH);
    if room > 0 {
        if let Some(task) = search::take_injected(cx, core, room) {
            core.queue.push(task);
            // S8.
            cx.shared.notify_one();
        }
    }
    let driver = &cx.shared.driver;
    if !driver.is_attended() && driver.has_sources() {
        wait_in_driver(cx, core, Wait::Poll);
    }
    if !core.queue.is_empty() {
        call_for_help(cx);
    }
}

/// Parks until there may be work.
fn park(cx: &WorkerContext, core: &Core) {
    let was_searching = core.searching.replace(false);
    // S4.
    let parked = cx.shared.idle.park(core.index, was_searching);
    // S5. The last searcher looks once more: who pushed while it searched relied on it. And whoever
    // parks during shutdown would not be woken again.
    let recall = (parked.last_searcher && cx.shared.has_visible_work()) || cx.shared.is_shutdown();
    if recall && cx.shared.idle.unpark_self(core.index, parked.place) {
        core.searching.set(true);
        return left_place(cx);
    }
    // ordering: Relaxed, as in `run`.
    cx.remote().task.store(null_mut(), Ordering::Relaxed);
    let is_spare = core.index >= cx.shared.workers;
    match parked.place {
        Place::Driver => {
            wait_in_driver(cx, core, if is_spare { Wait::ParkBriefly } else { Wait::Park });
            let left = cx.shared.idle.leave_driver();
            core.searching.set(left == Left::Searching);
            if cx.shared.is_shutdown() {
                // E1: the word was for one waiter; pass it on.
                cx.shared.driver.notify();
            } else if left == Left::Running && !core.queue.is_empty() {
                left_driver_with_work(cx, core);
            }
        }
        Place::Parker => {
            cx.shared.common.around_park(Wait::Park, || {
                if !is_spare {
                    core.parker.park();
                } else if !core.parker.park_timeout(ATTENTION)
                    && !cx.shared.idle.unpark_self(core.index, Place::Parker)
                {
                    // Called meanwhile: the token is on its way.
                    core.parker.park();
                }
            });
            // Woken by a call, which counted us as searching, or by shutdown, where counts are over.
            core.searching.set(true);
        }
    }
    left_place(cx);
}

/// M2. This worker was counted as parked, and is not any more.
fn left_place(cx: &WorkerContext) {
    if cx.shared.idle.must_wake_monitor() {
        cx.shared.monitor.wake();
    }
}

/// What came out of the driver may be more than one worker's work. (A worker that was called counts as
/// searching, and asks the same when it runs the first of them: `found_work`.)
fn left_driver_with_work(cx: &WorkerContext, core: &Core) {
    if core.queue.len() > 1 {
        cx.shared.notify_one();
    }
    cx.shared.attend_driver();
}

/// Waits, and queues the tasks that events and timers wake.
fn wait_in_driver(cx: &WorkerContext, core: &Core, wait: Wait) {
    core.in_driver.set(true);
    let notified = cx
        .shared
        .common
        .around_park(wait, || cx.shared.driver.wait(&mut core.events.borrow_mut(), wait));
    core.in_driver.set(false);
    if notified && wait == Wait::Poll {
        // It is for a worker that is about to wait, and that counts as called.
        cx.shared.driver.notify();
    }
}

/// E2. The worker's part of the shutdown.
fn end(cx: &WorkerContext, core: &Core) {
    cx.remote().owner.close();
    drop(cx.remote().lifo.take());
    while let Some(task) = core.queue.pop() {
        drop(task);
    }
    cx.shared.worker_ended();
}
