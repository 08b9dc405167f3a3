//! Idle workers: who sleeps, who is woken, and why no task is forgotten.
//!
//! Callers: `worker` searches and parks; `Shared::notify_one` wakes; `monitor` asks whether all sleep.
//! Data: one packed word (table below), and a locked stack of the workers that sleep on their parkers.
//! Protocol: docs/sleep-protocol.md, steps S1 to S8, and docs/monitor.md, M1 and
//! M2. Model: loom-tests/tests/idle.rs.
//!
//! ```text
//! bits    name       counts
//! 0..16   searching  workers that look for work, and workers that were woken to do so
//! 16..32  driver     workers that wait in the driver and that nobody has called yet
//! 32..48  asleep     workers on the stack below
//! 48..63  called     calls into the driver that no waiter has answered yet
//! 63      monitor    the monitor sleeps until some worker leaves its place
//! ```
//!
//! Invariants
//! I1  searching + driver + asleep <= workers; driver + called <= seats.
//! I2  after a push followed by `call_one`, some worker searches, or one that was idle is woken, or none
//!     was idle.
//! I3  if a worker sleeps on its parker, some worker waits in the driver, or was called to.
//! I4  at most half of the workers start to search by themselves; one is woken at a time.
//! I5  the monitor's bit is set only while every worker is parked, or by the time that each worker which has
//!     left its place since has looked at it.

use filch_primitives::atomic::{AtomicU64, FirstGuess, Ordering, fence};
use filch_primitives::lock::Mutex;

const FIELD: u32 = 16;
const MASK: u64 = (1 << FIELD) - 1;
const SEARCHING: u64 = 1;
const DRIVER: u64 = 1 << FIELD;
const ASLEEP: u64 = 1 << (2 * FIELD);
const CALLED: u64 = 1 << (3 * FIELD);
const MONITOR_SLEEPS: u64 = 1 << 63;

/// More workers than this would overflow a field.
pub const MAX_WORKERS: usize = (MASK >> 1) as usize;

/// The word and the stack.
pub struct Idle {
    word: AtomicU64,
    sleepers: Mutex<Vec<usize>>,
    workers: u64,
    /// How many workers may wait in the driver at once.
    seats: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Snapshot(u64);

impl Snapshot {
    fn searching(self) -> u64 {
        self.0 & MASK
    }
    fn driver(self) -> u64 {
        (self.0 >> FIELD) & MASK
    }
    fn asleep(self) -> u64 {
        (self.0 >> (2 * FIELD)) & MASK
    }
    fn called(self) -> u64 {
        (self.0 & !MONITOR_SLEEPS) >> (3 * FIELD)
    }
    fn monitor_sleeps(self) -> bool {
        self.0 & MONITOR_SLEEPS != 0
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle")
            .field("searching", &self.searching())
            .field("driver", &self.driver())
            .field("asleep", &self.asleep())
            .field("called", &self.called())
            .field("monitor_sleeps", &self.monitor_sleeps())
            .finish()
    }
}

/// Whom the caller of a wake must wake. It counts as searching already.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// The worker of this index sleeps on its parker.
    Sleeper(usize),
    /// Some worker waits in the driver.
    Driver,
    /// Nobody.
    Nobody,
}

/// Where a worker parks, and whether it was the last that searched.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Parked {
    /// Where to wait now.
    pub place: Place,
    /// Nobody searches any more: the worker must look at every queue once more (S5).
    pub last_searcher: bool,
}

/// A place to park.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the driver: events, timers and notifications wake it.
    Driver,
    /// On its parker: it is on the stack, and a call wakes it.
    Parker,
}

/// How many workers are where, for the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// They search, or were called to.
    pub searching: u64,
    /// They wait in the driver, or were called to it.
    pub in_driver: u64,
    /// They wait, in the driver or on their parkers.
    pub parked: u64,
}

/// What a worker that leaves its place is.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// It was called: it counts as searching.
    Searching,
    /// It came by itself, for an event or a timer.
    Running,
}

impl Idle {
    /// For so many workers, all running; `seats` of them may wait in the driver at once (at least one).
    pub fn new(workers: usize, seats: usize) -> Self {
        debug_assert!(workers <= MAX_WORKERS);
        Idle {
            word: AtomicU64::new(0),
            sleepers: Mutex::new(Vec::with_capacity(workers)),
            workers: workers as u64,
            seats: seats.clamp(1, workers.max(1)) as u64,
        }
    }

    #[inline]
    fn update<A>(&self, mut step: impl FnMut(Snapshot) -> (u64, A)) -> A {
        // ordering: Relaxed. A first guess for the exchange.
        let mut seen = Snapshot(self.word.first_guess());
        loop {
            let (next, action) = step(seen);
            // ordering: AcqRel. Who leaves a place sees what the caller did before it called (S3, S6).
            // The order against the queues is the fences' business, not this exchange's.
            match self.word.compare_exchange_weak(seen.0, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return action,
                Err(now) => seen = Snapshot(now),
            }
        }
    }

    /// Whether a call could find somebody: a hint without a fence, for a worker that pushed to its own
    /// queue and goes on to run it (S2').
    #[inline]
    pub fn may_call(&self) -> bool {
        // ordering: Relaxed. A miss delays help, it loses nothing: the pushing worker is running, and
        // asks again at its next interval.
        let seen = Snapshot(self.word.load(Ordering::Relaxed));
        seen.searching() == 0 && seen.driver() + seen.asleep() > 0
    }

    /// S2, S3. After a push: whom to wake, if nobody searches.
    #[inline]
    pub fn call_one(&self) -> Call {
        // ordering: S2. SeqCst: the push must be visible before the word is read; store-then-load needs
        // it. Pairs with the fence at S5 in the worker: whichever is first, either we see the idle
        // worker or it sees the task.
        fence(Ordering::SeqCst);
        if !self.may_call() {
            return Call::Nobody;
        }
        self.call()
    }

    #[cold]
    fn call(&self) -> Call {
        // The stack is locked first, so that the word's count and the stack's length move together.
        let mut sleepers = self.sleepers.lock();
        let call = self.update(|seen| {
            if seen.searching() > 0 {
                (seen.0, Call::Nobody)
            } else if seen.asleep() > 0 {
                // Sleepers first: whoever waits in the driver stays there (I3).
                (seen.0 - ASLEEP + SEARCHING, Call::Sleeper(0))
            } else if seen.driver() > 0 {
                (seen.0 - DRIVER + CALLED + SEARCHING, Call::Driver)
            } else {
                (seen.0, Call::Nobody)
            }
        });
        match call {
            // Last in, first out: the warmest.
            Call::Sleeper(_) => match sleepers.pop() {
                Some(index) => Call::Sleeper(index),
                None => unreachable!("the stack is as long as the word says"),
            },
            other => other,
        }
    }

    /// S7. A worker leaves the driver with work in hand: if nobody is left in there, and others sleep,
    /// one of them takes its place (I3).
    #[inline]
    pub fn call_to_driver(&self) -> Option<usize> {
        // ordering: Relaxed. Only this worker's own leaving can have emptied the driver, and it sees
        // that; a sleeper that parks later finds the empty seat itself.
        let seen = Snapshot(self.word.load(Ordering::Relaxed));
        if seen.driver() > 0 || seen.asleep() == 0 || seen.searching() > 0 {
            return None;
        }
        match self.call_sleeper_to_driver() {
            Call::Sleeper(index) => Some(index),
            _ => None,
        }
    }

    #[cold]
    fn call_sleeper_to_driver(&self) -> Call {
        let mut sleepers = self.sleepers.lock();
        let called = self.update(|seen| {
            if seen.driver() > 0 || seen.asleep() == 0 || seen.searching() > 0 {
                (seen.0, false)
            } else {
                (seen.0 - ASLEEP + SEARCHING, true)
            }
        });
        match if called { sleepers.pop() } else { None } {
            Some(index) => Call::Sleeper(index),
            None => Call::Nobody,
        }
    }

    /// S4. Asks to search; no if half of the workers already do (I4).
    pub fn try_search(&self) -> bool {
        self.update(|seen| {
            if 2 * (seen.searching() + 1) > self.workers + 1 {
                (seen.0, false)
            } else {
                (seen.0 + SEARCHING, true)
            }
        })
    }

    /// A searcher found work. True if it was the last: then it must look whether there is more, and call
    /// another (S6).
    pub fn stop_searching(&self) -> bool {
        self.update(|seen| {
            debug_assert!(seen.searching() > 0, "{seen:?}");
            (seen.0 - SEARCHING, seen.searching() == 1)
        })
    }

    /// S4. Counts a worker as parked. Then it must fence and look once more if it was the last searcher.
    pub fn park(&self, index: usize, was_searching: bool) -> Parked {
        let less = if was_searching { SEARCHING } else { 0 };
        // A free seat in the driver needs no stack. The lock is taken only where both may be touched.
        let parked = self.update(|seen| {
            if seen.driver() + seen.called() < self.seats {
                let last = seen.searching() == less;
                (seen.0 - less + DRIVER, Some(last))
            } else {
                (seen.0, None)
            }
        });
        if let Some(last_searcher) = parked {
            return Parked { place: Place::Driver, last_searcher };
        }
        let mut sleepers = self.sleepers.lock();
        let parked = self.update(|seen| {
            let last_searcher = seen.searching() == less;
            if seen.driver() + seen.called() < self.seats {
                let parked = Parked { place: Place::Driver, last_searcher };
                (seen.0 - less + DRIVER, parked)
            } else {
                let parked = Parked { place: Place::Parker, last_searcher };
                (seen.0 - less + ASLEEP, parked)
            }
        });
        if parked.place == Place::Parker {
            sleepers.push(index);
        }
        parked
    }

    /// S6. A worker comes out of the driver. It answers a call if there is one, else it just leaves.
    pub fn leave_driver(&self) -> Left {
        self.update(|seen| {
            if seen.called() > 0 {
                (seen.0 - CALLED, Left::Searching)
            } else {
                debug_assert!(seen.driver() > 0, "{seen:?}");
                (seen.0 - DRIVER, Left::Running)
            }
        })
    }

    /// S5. A worker that announced itself as parked found work after all: it searches again. False if it
    /// sleeps on the stack and was called already: then its token is on the way, and must be taken.
    pub fn unpark_self(&self, index: usize, place: Place) -> bool {
        match place {
            Place::Driver => {
                self.update(|seen| {
                    if seen.called() > 0 {
                        (seen.0 - CALLED, ())
                    } else {
                        (seen.0 - DRIVER + SEARCHING, ())
                    }
                });
                true
            }
            Place::Parker => {
                let mut sleepers = self.sleepers.lock();
                let Some(at) = sleepers.iter().position(|&i| i == index) else { return false };
                sleepers.remove(at);
                self.update(|seen| (seen.0 - ASLEEP + SEARCHING, ()));
                true
            }
        }
    }

    /// What the workers do, as of a moment ago.
    pub fn look(&self) -> Look {
        // ordering: Relaxed. The monitor looks again at its next tick.
        let seen = Snapshot(self.word.load(Ordering::Relaxed));
        Look {
            searching: seen.searching(),
            in_driver: seen.driver() + seen.called(),
            parked: seen.driver() + seen.asleep(),
        }
    }

    /// M1. The monitor wants to sleep: yes if every worker is parked. Then the next one to leave its place
    /// wakes it.
    pub fn let_monitor_sleep(&self) -> bool {
        self.update(|seen| {
            if seen.driver() + seen.asleep() == self.workers {
                (seen.0 | MONITOR_SLEEPS, true)
            } else {
                (seen.0, false)
            }
        })
    }

    /// M2. A worker has left its place: whether it must wake the monitor. To be called after each return
    /// from a place, by the worker.
    #[inline]
    pub fn must_wake_monitor(&self) -> bool {
        // ordering: Relaxed. The bit was set by an exchange that found this worker parked. So in the word's
        // order it comes before the exchange that took this worker off its place, which this thread made
        // itself, or whose call woke it: the load cannot be older.
        if !Snapshot(self.word.load(Ordering::Relaxed)).monitor_sleeps() {
            return false;
        }
        // ordering: Relaxed. Of several workers one finds the bit; nothing else is told by it.
        Snapshot(self.word.fetch_and(!MONITOR_SLEEPS, Ordering::Relaxed)).monitor_sleeps()
    }

    /// Searching, in the driver, asleep: for tests.
    #[cfg(any(test, filch_loom))]
    pub fn counts(&self) -> (u64, u64, u64) {
        // ordering: Relaxed, a statistic.
        let seen = Snapshot(self.word.load(Ordering::Relaxed));
        (seen.searching(), seen.driver(), seen.asleep())
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_push_wakes_one_worker_and_the_sleepers_first() {
        let idle = Idle::new(4, 1);
        for index in 0..4 {
            let parked = idle.park(index, false);
            assert_eq!(parked.place, if index == 0 { Place::Driver } else { Place::Parker });
        }
        assert_eq!(idle.call_one(), Call::Sleeper(3));
        assert_eq!(idle.call_one(), Call::Nobody);
        assert!(idle.stop_searching());
        assert_eq!(idle.call_one(), Call::Sleeper(2));
        assert!(idle.stop_searching());
        assert_eq!(idle.call_one(), Call::Sleeper(1));
        assert!(idle.stop_searching());
        assert_eq!(idle.call_one(), Call::Driver);
        assert_eq!(idle.leave_driver(), Left::Searching);
        assert!(idle.stop_searching());
        assert_eq!(idle.counts(), (0, 0, 0));
    }

    #[test]
    fn an_event_that_wakes_the_called_waiter_answers_the_call() {
        let idle = Idle::new(2, 2);
        let _ = idle.park(0, false);
        let _ = idle.park(1, false);
        assert_eq!(idle.call_one(), Call::Driver);
        assert_eq!(idle.leave_driver(), Left::Searching);
        assert_eq!(idle.leave_driver(), Left::Running);
    }

    #[test]
    fn the_last_to_leave_the_driver_calls_a_sleeper() {
        let idle = Idle::new(3, 1);
        for index in 0..3 {
            let _ = idle.park(index, false);
        }
        assert_eq!(idle.call_to_driver(), None, "someone is still there");
        assert_eq!(idle.leave_driver(), Left::Running);
        assert_eq!(idle.call_to_driver(), Some(2));
        assert_eq!(idle.call_to_driver(), None, "one is on the way");
        assert_eq!(idle.park(2, true), Parked { place: Place::Driver, last_searcher: true });
    }

    #[test]
    fn at_most_half_of_the_workers_search() {
        let idle = Idle::new(4, 1);
        assert!(idle.try_search() && idle.try_search());
        assert!(!idle.try_search());
        let single = Idle::new(1, 1);
        assert!(single.try_search() && !single.try_search());
    }

    #[test]
    fn a_parked_worker_that_sees_work_takes_itself_back() {
        let idle = Idle::new(2, 1);
        let _ = idle.park(0, false);
        let _ = idle.park(1, false);
        assert!(idle.unpark_self(1, Place::Parker));
        assert!(!idle.unpark_self(1, Place::Parker), "no longer on the stack");
        assert!(idle.stop_searching());
        assert!(idle.unpark_self(0, Place::Driver));
        assert!(idle.stop_searching());
        assert_eq!(idle.counts(), (0, 0, 0));
    }
}
