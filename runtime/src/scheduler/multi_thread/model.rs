//! The workers of `filch::loom`, where users model their own code.
//!
//! Callers: `start`, for a runtime that `filch::loom` made; whoever spawns or wakes a task; timers.
//! Data: one queue, a list of idle workers and a flag, under a lock that loom does not see.
//!
//! The real workers search, steal, park in two places and hand the driver over: some hundred steps that
//! loom would explore around each step of the user's code, and that have models of their own. These take
//! a task from one queue and poll it. Tasks, wakers, join handles, owners, timers, the blocking pool and
//! the shutdown are the real ones.
//!
//! Each access to the queue is one step of the model: a relaxed exchange on `turn`, right before it. So
//! loom explores every order of the accesses, and no access synchronises with another: what a task may
//! see of others comes from the wake and the spawn alone, as it should.
//!
//! Invariants
//! Q1  a task waits in the queue only while every worker runs a task, or is about to look.
//! Q2  a worker is unparked only after it has listed itself as idle, and once for that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::loom::thread::{Thread, current, park};
use filch_primitives::{coop, entered, thread};

use super::Shared;
use crate::context;
use crate::runtime::Handle;
use crate::task::Runnable;
use crate::task::header::Header;
use crate::task::owner::Wake;

/// The queue of all workers.
pub(super) struct Ready {
    turn: AtomicUsize,
    /// By which what the pusher of a task did is seen by the worker that takes it. Each task has its own,
    /// in turn: with one for all of them each would order all that went before.
    published: [AtomicUsize; PUBLISHED],
    /// std's: loom must see neither the lock nor an order that it makes.
    state: StdMutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Queued>,
    idle: Vec<Thread>,
    pushes: usize,
    spawns: usize,
    has_clock: bool,
    closed: bool,
}

/// More than the tasks that a model of a sensible size pushes while one of them is polled.
const PUBLISHED: usize = 16;

/// A task, and which of the `published` is its own.
struct Queued {
    task: Runnable,
    published: usize,
}

/// What a worker found.
enum Next {
    Task(Queued),
    Nothing,
    Closed,
}

impl Ready {
    pub(super) fn new() -> Self {
        Ready {
            turn: AtomicUsize::new(0),
            published: std::array::from_fn(|_| AtomicUsize::new(0)),
            state: StdMutex::new(State::default()),
        }
    }

    /// One step of the model: what follows, up to the end of the guard, is not interrupted.
    fn turn(&self) -> MutexGuard<'_, State> {
        // ordering: Relaxed. Makes the order of the accesses one that loom explores, and no more.
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.unseen()
    }

    /// For what makes no difference to the tasks: not a step.
    fn unseen(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a task, behind all others. Dropped, and so cancelled, if the workers have ended.
    pub(super) fn push(&self, task: Runnable, wake: Wake) {
        let published = {
            let mut state = self.unseen();
            state.pushes += 1;
            state.pushes % PUBLISHED
        };
        // ordering: Release; pairs with the exchange in `take`. What the pushing thread did is seen by
        // the worker that polls. An exchange, as loom keeps no order between stores and exchanges.
        self.published[published].swap(1, Ordering::Release);
        let queued = Queued { task, published };
        let mut state = self.turn();
        if state.closed {
            drop(state);
            drop(queued);
            return;
        }
        state.queue.push_back(queued);
        // Who was woken in its own poll is taken by this very thread, which is about to look (Q1).
        let idle = if wake == Wake::DuringPoll { None } else { state.idle.pop() };
        drop(state);
        if let Some(idle) = idle {
            idle.unpark();
        }
    }

    /// The task at the front. A worker that finds nothing is listed as idle: it must park.
    fn next(&self) -> Next {
        let mut state = self.turn();
        if state.closed {
            return Next::Closed;
        }
        match state.queue.pop_front() {
            Some(queued) => Next::Task(queued),
            None => {
                state.idle.push(current());
                Next::Nothing
            }
        }
    }

    /// The task itself, and what was done before it was pushed.
    fn take(&self, queued: Queued) -> Runnable {
        // ordering: Acquire; pairs with the exchange in `push`. An exchange, since a load might find an
        // older value.
        self.published[queued.published].swap(0, Ordering::Acquire);
        queued.task
    }

    /// E1. Lets every worker end, and cancels what is queued.
    pub(super) fn close(&self) {
        let mut state = self.turn();
        state.closed = true;
        let queue = std::mem::take(&mut state.queue);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for worker in idle {
            worker.unpark();
        }
        for queued in queue {
            drop(self.take(queued));
        }
    }

    /// The number of the next task that is spawned: tasks are listed with one owner after the other, so
    /// that few share a lock.
    pub(super) fn next_spawn(&self) -> usize {
        let mut state = self.unseen();
        state.spawns += 1;
        state.spawns
    }

    /// True for the first call.
    fn claim_clock(&self) -> bool {
        !std::mem::replace(&mut self.unseen().has_clock, true)
    }
}

/// Starts a worker. (loom refuses no thread; beyond five it panics.)
pub(super) fn start_thread(shared: &Arc<Shared>) -> std::io::Result<thread::JoinHandle<()>> {
    let shared = shared.clone();
    thread::Builder::new().spawn(move || {
        let hooks = shared.common.hooks().clone();
        hooks.around_thread(|| drive(&shared));
    })
}

fn drive(shared: &Arc<Shared>) {
    let Some(ready) = &shared.model else { unreachable!("started for such a runtime only") };
    let mut spin = Spin::default();
    loop {
        match ready.next() {
            Next::Task(queued) => {
                let task = ready.take(queued);
                spin.before_poll(&task);
                let _handle = context::enter(Handle::multi_thread(shared.clone()));
                let _entered = entered::enter();
                let _budget = coop::fresh();
                task.run();
            }
            // With no guard on the stack: where loom finds a deadlock, this is what panics, and a
            // destructor that needs loom would end the process.
            Next::Nothing => park(),
            Next::Closed => break,
        }
    }
    shared.worker_ended();
}

/// Notices a task that yields again and again.
#[derive(Default)]
struct Spin {
    last: usize,
    repeats: u32,
}

impl Spin {
    /// A task that this worker polls for the third time in a row waits for somebody else: loom is told to
    /// run another thread first. Else a loop around `yield_now` would have no end in a model, whose
    /// scheduler is not fair.
    fn before_poll(&mut self, task: &Runnable) {
        let task = task.as_ptr().cast::<Header>() as usize;
        self.repeats = if task == self.last { self.repeats + 1 } else { 0 };
        self.last = task;
        if self.repeats >= 2 {
            thread::yield_now();
        }
    }
}

/// A timer was armed: from the first one on there is a thread by which time passes.
pub(super) fn timer_armed(shared: &Arc<Shared>) {
    let Some(ready) = &shared.model else { return };
    if ready.claim_clock() {
        let driver = shared.driver().clone();
        // Each timer that is armed fires at whatever moment loom gives this thread a turn: at every one,
        // sooner or later. It ends with the driver's shutdown.
        drop(thread::spawn(move || while driver.timers().pass_time() {}));
    }
}
