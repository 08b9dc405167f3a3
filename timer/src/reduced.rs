//! Timers for models of users' code (`filch::loom`): each fires at whatever moment the model likes.
//!
//! Callers: an entry that is polled with [`Timers::reduced`], the runtime's clock thread, `Clock::now`.
//! Data: the time, and a list of what is armed, under a lock that loom does not see.
//!
//! The wheels have models of their own; in users' they would only cost time. Here a poll, a look at the
//! clock and a timer that fires are one step each: a relaxed exchange on `turn`, which makes loom explore
//! their order and orders nothing else.
//!
//! Invariants
//! R1  `now` never goes back, and reaches a deadline when its entry fires: the earliest one first.
//! R2  No waker is cloned, woken or dropped under the lock: these are steps of the model.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Instant;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::loom::thread::{Thread, current, park};

use crate::clock::Clock;
use crate::entry::PollTimer;
use crate::timers::Timers;

/// The armed entries of one runtime, and its time.
pub(crate) struct Reduced {
    turn: AtomicUsize,
    /// std's: loom must see neither the lock nor an order that it makes.
    state: StdMutex<State>,
}

struct State {
    now: Instant,
    armed: Vec<Armed>,
    last_id: u64,
    is_shutdown: bool,
    /// The clock's thread, where it waits for something to be armed.
    clock: Option<Thread>,
}

struct Armed {
    id: u64,
    deadline: Instant,
    waker: Waker,
}

/// An entry's part.
#[derive(Default)]
pub(crate) struct Link {
    armed: Option<(Arc<Reduced>, u64)>,
    has_fired: bool,
}

impl Reduced {
    pub(crate) fn new() -> Arc<Reduced> {
        let state = State {
            now: Instant::now(),
            armed: Vec::new(),
            last_id: 0,
            is_shutdown: false,
            clock: None,
        };
        Arc::new(Reduced { turn: AtomicUsize::new(0), state: StdMutex::new(state) })
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

    pub(crate) fn now(&self) -> Instant {
        self.turn().now
    }

    /// As `TimerEntry::poll`.
    pub(crate) fn poll(
        self: &Arc<Self>,
        link: &mut Link,
        deadline: Instant,
        cx: &mut Context<'_>,
    ) -> PollTimer {
        if link.has_fired {
            return PollTimer::Elapsed;
        }
        let waker = cx.waker().clone();
        let mut state = self.turn();
        let at = link.armed.as_ref().and_then(|(_, id)| state.position(*id));
        if state.now >= deadline || (link.armed.is_some() && at.is_none() && !state.is_shutdown) {
            let left = at.map(|at| state.armed.remove(at));
            drop(state);
            drop((waker, left));
            *link = Link { armed: None, has_fired: true };
            return PollTimer::Elapsed;
        }
        if state.is_shutdown {
            drop(state);
            return PollTimer::Shutdown;
        }
        if let Some(at) = at {
            let before = std::mem::replace(&mut state.armed[at].waker, waker);
            drop(state);
            drop(before);
            return PollTimer::Pending { became_earliest: None };
        }
        state.last_id += 1;
        let id = state.last_id;
        state.armed.push(Armed { id, deadline, waker });
        let clock = state.clock.take();
        drop(state);
        if let Some(clock) = clock {
            clock.unpark();
        }
        link.armed = Some((self.clone(), id));
        PollTimer::Pending { became_earliest: Some(deadline) }
    }

    /// Lets the earliest entry fire, or waits until there is one. False after the shutdown.
    pub(crate) fn pass_time(&self) -> bool {
        let mut state = self.turn();
        if state.is_shutdown {
            return false;
        }
        let earliest = (0..state.armed.len()).min_by_key(|&at| state.armed[at].deadline);
        let Some(at) = earliest else {
            state.clock = Some(current());
            drop(state);
            park();
            return true;
        };
        let fired = state.armed.remove(at);
        state.now = state.now.max(fired.deadline);
        drop(state);
        fired.waker.wake();
        true
    }

    pub(crate) fn shutdown(&self) {
        let mut state = self.turn();
        state.is_shutdown = true;
        let (armed, clock) = (std::mem::take(&mut state.armed), state.clock.take());
        drop(state);
        if let Some(clock) = clock {
            clock.unpark();
        }
        for armed in armed {
            armed.waker.wake();
        }
    }
}

impl State {
    fn position(&self, id: u64) -> Option<usize> {
        self.armed.iter().position(|armed| armed.id == id)
    }
}

impl Link {
    /// Whether the entry has fired. A step, if that may change.
    pub(crate) fn has_fired(&self) -> bool {
        self.has_fired
            || self.armed.as_ref().is_some_and(|(of, id)| of.turn().position(*id).is_none())
    }

    /// Whether the entry is armed. A step, as above.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.as_ref().is_some_and(|(of, id)| of.turn().position(*id).is_some())
    }

    /// As `TimerEntry::reset`. False if the entry is not armed (or no longer).
    pub(crate) fn reset(&mut self, deadline: Instant) -> bool {
        if let Some((of, id)) = &self.armed {
            let mut state = of.turn();
            if let Some(at) = state.position(*id) {
                state.armed[at].deadline = deadline;
                return true;
            }
        }
        *self = Link::default();
        false
    }

    /// Takes the entry off the list, if it is there. No step: no task can tell when.
    pub(crate) fn cancel(&mut self) {
        if let Some((of, id)) = self.armed.take() {
            let mut state = of.unseen();
            let left = state.position(id).map(|at| state.armed.remove(at));
            drop(state);
            drop(left);
        }
        self.has_fired = false;
    }
}

impl Timers {
    /// Timers for a model of users' code: what is armed fires when [`pass_time`](Self::pass_time) is called,
    /// the earliest first.
    pub fn reduced() -> Timers {
        Timers::new(1, Clock::reduced(Reduced::new()))
    }

    /// Of [`reduced`](Self::reduced) timers: lets the earliest one fire, and moves the clock there; waits
    /// if none is armed. False after the shutdown. For one thread, which calls it again and again.
    ///
    /// # Panics
    /// If they are others.
    pub fn pass_time(&self) -> bool {
        self.clock().of_model().expect("made by `reduced`").pass_time()
    }
}
