//! One thread's place in the pool: reserved by a recruiter, held by the thread, given back on drop.

use std::cell::Cell;

use filch_primitives::Arc;
use filch_primitives::atomic::{Ordering, spin_hint};
use filch_primitives::park::Parker;

use super::state::{AfterIdle, Recruit, SeatId, WokenBy};
use super::{Job, Pool, Shared};

/// How often a searching thread looks at the queue's length before it parks.
///
/// A wake costs the submitter a system call, and the job the time until the thread is back on a
/// processor. In a sequence of short jobs, each submitted when the last one is done, one thread that
/// stays awake for some 25 us takes them at 1 us each instead of 25, with a tenth of the processor time
/// (two cores with nothing else to do; on busy ones it gains nothing). Only one thread of a pool spins, and none where there is one core; a model
/// gains nothing from it.
const SPIN_ROUNDS: u32 = if cfg!(filch_loom) { 0 } else { 1_000 };

filch_primitives::local! {
    /// The address of the pool that this thread serves; 0 if none.
    static SERVES: Cell<usize> = Cell::new(0);
}

fn address<J>(shared: &Arc<Shared<J>>) -> usize {
    std::ptr::from_ref::<Shared<J>>(shared).cast::<()>() as usize
}

/// Whether the calling thread is one of this pool's.
pub(super) fn is_on<J>(shared: &Arc<Shared<J>>) -> bool {
    SERVES.try_with(|serves| serves.get() == address(shared)).unwrap_or(false)
}

/// Where the books count this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Searching,
    Running,
    Left,
}

/// The right to be a thread of the pool.
pub(super) struct Seat<J: Job> {
    pool: Pool<J>,
    id: SeatId,
    phase: Phase,
}

impl<J: Job> Seat<J> {
    /// For a seat that `State::recruit` has just reserved.
    pub(super) fn new(pool: Pool<J>, id: SeatId) -> Self {
        Seat { pool, id, phase: Phase::Searching }
    }

    /// The thread's main function.
    pub(super) fn occupy(mut self) {
        let around = self.pool.0.config.around_thread.clone();
        let _ = SERVES.try_with(|serves| serves.set(address(&self.pool.0)));
        around(&mut || self.serve());
    }

    fn serve(&mut self) {
        if self.phase == Phase::Left {
            return;
        }
        // Beside `self`, so that a guard of its lock borrows no part of `self`.
        let shared = self.pool.0.clone();
        let parker = Parker::new();
        while let Some(job) = self.next(&shared, &parker) {
            job.run();
        }
    }

    /// The next job; `None` when the thread has left.
    fn next(&mut self, shared: &Arc<Shared<J>>, parker: &Parker) -> Option<J> {
        let mut spun = false;
        let mut state = shared.state.lock();
        if self.phase == Phase::Running {
            state.begin_search();
            self.phase = Phase::Searching;
        }
        loop {
            if let Some(job) = state.take() {
                // B4: we no longer search, so if more jobs wait, somebody else has to.
                self.phase = Phase::Running;
                self.pool.publish(&state);
                let recruit = state.recruit(shared.config.max_threads);
                drop(state);
                // If the system refuses, a living thread takes the waiting jobs: this one, at the
                // latest. Keeps I1.
                let _ = self.pool.perform(recruit);
                return Some(job);
            }
            if state.is_shut_down() {
                state.leave_searching();
                self.phase = Phase::Left;
                return None;
            }
            if !spun && state.searching() == 1 && shared.spins {
                // Still counted as searching: a submission meanwhile wakes nobody (I2).
                drop(state);
                self.spin();
                spun = true;
                state = shared.state.lock();
                continue;
            }
            state.go_idle(self.id, parker.unparker());
            drop(state);
            let woken_by = self.wait(parker);
            state = shared.state.lock();
            match state.end_idle(self.id, woken_by) {
                AfterIdle::Searching => spun = false,
                AfterIdle::Left => {
                    self.phase = Phase::Left;
                    return None;
                }
            }
        }
    }

    fn spin(&self) {
        for _ in 0..SPIN_ROUNDS {
            // ordering: Relaxed. A hint: the lock and the look that follow decide.
            if self.pool.0.queued.load(Ordering::Relaxed) > 0 {
                return;
            }
            spin_hint();
        }
    }

    fn wait(&self, parker: &Parker) -> WokenBy {
        let keep_alive = self.pool.0.config.keep_alive;
        // Zero has no wait at all. It is also how a model, in which no time passes, reaches the
        // time-out at every possible moment.
        if !keep_alive.is_zero() && parker.park_timeout(keep_alive) {
            WokenBy::Token
        } else {
            WokenBy::KeepAlive
        }
    }
}

impl<J: Job> Drop for Seat<J> {
    fn drop(&mut self) {
        let shared = &self.pool.0;
        let mut state = shared.state.lock();
        match self.phase {
            Phase::Left => {}
            Phase::Searching => state.leave_searching(),
            Phase::Running => state.leave_running(),
        }
        // A thread that never came to look leaves its search to an idle one (I1). It starts none: a
        // hook that always panics would go on for ever.
        let recruit = state.recruit(0);
        let handle = state.give_back(self.id);
        if state.is_shut_down() {
            shared.gone.notify_all();
        }
        drop(state);
        if let Recruit::Wake(unparker) = recruit {
            unparker.unpark();
        }
        // Detached: nobody asked for this thread's end.
        drop(handle);
    }
}
