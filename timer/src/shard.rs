//! One worker's share of the timers: a wheel behind a lock, and the tick to look at it next.
//!
//! Callers: entries arm, cancel and reset in the shard that they keep; `Timers` fires.
//! Protocol: docs/timer.md, steps T1 to T9. Models: loom-tests/tests/timer.rs.
//!
//! A lock and not a lock-free list, because cancelling (the usual end of a time-out) unlinks in place, and
//! a shard's lock is met by its own worker nearly always.
//!
//! Invariants
//! H1  Whenever the lock is free, `next` is at or below the earliest tick in the wheel.
//! H2  `next` is raised by `fire` and `shut_down` only, under the lock that saw the wheel's earliest entry.
//!     A cancelled entry leaves it: the cost is one early look.
//! H3  No waker is cloned, woken or dropped under the lock.

use std::task::Waker;
use std::time::Instant;

use filch_primitives::CachePadded;
use filch_primitives::atomic::{AtomicU64, Ordering};
use filch_primitives::lock::Mutex;

use crate::batch::WakeBatch;
use crate::clock::Clock;
use crate::node::{Node, State};
use crate::tick::{COARSE_FROM, COARSE_TICKS, Tick, TickScale};
use crate::wheel::Wheel;

/// A shard with this many entries rounds short sleeps up too.
///
/// 4,096 short timers in one shard are no longer a few that want precision: each tick would find some,
/// and the thread that fires them would wake 30,000 times a second.
const FINE_LIMIT: usize = 4096;

/// See the module's header.
pub(crate) struct Shard {
    /// The earliest tick at which the wheel must be looked at. On a line of its own: every thread that
    /// goes to wait reads it, while the wheel's line stays with its worker.
    next: CachePadded<AtomicU64>,
    wheel: CachePadded<Mutex<Wheel>>,
    scale: TickScale,
    clock: Clock,
}

/// What an attempt to arm came to. The node is linked, and owns its waker, only if `Armed`.
#[must_use]
pub(crate) enum Arm {
    /// Linked; the time by which the shard must be looked at if that is now earlier.
    Armed(Option<Instant>),
    /// The wheel is shut down.
    Shutdown(Waker),
}

/// The node fired, or was shut down, before the lock was ours: nothing was done.
#[derive(Debug)]
pub(crate) struct NotArmed;

/// How far to fire.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    /// The present, in ticks.
    pub(crate) tick: Tick,
    /// The present, if the clock is paused: then deadlines count exactly.
    pub(crate) exact: Option<Instant>,
}

impl Due {
    /// The latest `next` of a shard that may hold something due.
    pub(crate) fn limit(&self) -> Tick {
        match self.exact {
            None => self.tick,
            Some(_) => Tick(self.tick.0.saturating_add(COARSE_TICKS)),
        }
    }
}

impl Shard {
    pub(crate) fn new(scale: TickScale, clock: Clock) -> Shard {
        Shard {
            next: CachePadded::new(AtomicU64::new(Tick::NEVER.0)),
            wheel: CachePadded::new(Mutex::new(Wheel::new())),
            scale,
            clock,
        }
    }

    /// The tick at which the shard must be looked at next.
    #[inline]
    pub(crate) fn next(&self) -> Tick {
        // ordering: T3. Relaxed: a thread that is about to wait has a SeqCst fence before this load, and
        // the thread that armed one after its store; so one of them sees the other. What is found here
        // is followed up under the lock.
        Tick(self.next.load(Ordering::Relaxed))
    }

    /// T1, T2. Links a node that is not linked, with the deadline that it holds.
    ///
    /// # Safety
    /// The caller owns `node`, which is pinned, not ARMED, and cancelled before it is freed.
    #[inline]
    pub(crate) unsafe fn arm(&self, node: &Node, now: Instant, waker: Waker) -> Arm {
        // SAFETY: the caller is the owner.
        let deadline = unsafe { node.deadline() };
        let rounding = self.rounding(deadline, now);
        let mut wheel = self.wheel.lock();
        if wheel.is_shutdown() {
            drop(wheel);
            return Arm::Shutdown(waker);
        }
        wheel.catch_up(rounding.now);
        // SAFETY: the owner, with the lock; not ARMED, so no waker is in it.
        unsafe { node.put_waker(waker) };
        node.set_state(State::Armed);
        // SAFETY: pinned and not linked; cancelled before it is freed.
        let lowered = unsafe { self.link(&mut wheel, node, &rounding) };
        drop(wheel);
        Arm::Armed(lowered.map(|tick| self.look_at(tick, deadline, &rounding)))
    }

    /// T7. Moves an armed node to another deadline; its waker stays. Returns the time by which the shard
    /// must be looked at, if that is now earlier.
    ///
    /// # Safety
    /// The caller owns `node`, which was armed in this shard.
    pub(crate) unsafe fn rearm(
        &self,
        node: &Node,
        deadline: Instant,
    ) -> Result<Option<Instant>, NotArmed> {
        let rounding = self.rounding(deadline, self.clock.now());
        let mut wheel = self.wheel.lock();
        if !node.is_armed() {
            return Err(NotArmed);
        }
        // SAFETY: ARMED, so it is linked here; it stays pinned and owned. The owner writes the deadline,
        // with the lock.
        let lowered = unsafe {
            wheel.remove(node);
            node.set_deadline(deadline);
            self.link(&mut wheel, node, &rounding)
        };
        drop(wheel);
        Ok(lowered.map(|tick| self.look_at(tick, deadline, &rounding)))
    }

    /// T8. Has another waker woken.
    ///
    /// # Safety
    /// The caller owns `node`, which was armed in this shard.
    pub(crate) unsafe fn change_waker(&self, node: &Node, waker: &Waker) -> Result<(), NotArmed> {
        // keeps H3: cloned before, dropped after the lock is held, whichever it is.
        let waker = waker.clone();
        let wheel = self.wheel.lock();
        if !node.is_armed() {
            drop(wheel);
            return Err(NotArmed);
        }
        // SAFETY: ARMED and locked, so the old one is there and ours to take; the owner puts another in.
        let old = unsafe {
            let old = node.take_waker();
            node.put_waker(waker);
            old
        };
        drop(wheel);
        drop(old);
        Ok(())
    }

    /// T5. Unlinks a node that may be armed. It is not linked afterwards, whatever it was.
    ///
    /// # Safety
    /// The caller owns `node`, which was armed in this shard.
    pub(crate) unsafe fn cancel(&self, node: &Node) {
        let mut wheel = self.wheel.lock();
        if !node.is_armed() {
            return;
        }
        // SAFETY: ARMED, so it is linked here.
        unsafe { wheel.remove(node) };
        // SAFETY: it was ARMED, the lock is held, and the next line ends that.
        let waker = unsafe { node.take_waker() };
        node.set_state(State::Disarmed);
        // keeps H3
        drop(wheel);
        drop(waker);
    }

    /// T4. Fires what is due. Returns how many entries that were.
    pub(crate) fn fire(&self, due: Due) -> usize {
        let mut batch = WakeBatch::new();
        let mut fired = 0;
        loop {
            let mut wheel = self.wheel.lock();
            let is_done = wheel.advance(due.tick, &mut batch)
                && due.exact.is_none_or(|at| wheel.fire_exactly(due.tick, at, &mut batch));
            if is_done {
                // ordering: T4. Relaxed, under the lock: a thread that arms sees it there. Until now
                // `next` was due, so that nobody has gone to wait for less than what is left (H1).
                self.next.store(wheel.next_look().0, Ordering::Relaxed);
            }
            // keeps H3
            drop(wheel);
            fired += batch.wake_all();
            if is_done {
                return fired;
            }
        }
    }

    /// T9. Ends every entry, and refuses new ones.
    pub(crate) fn shut_down(&self) {
        let mut batch = WakeBatch::new();
        loop {
            let mut wheel = self.wheel.lock();
            let is_done = wheel.shut_down(&mut batch);
            if is_done {
                // ordering: Relaxed, as in `fire`: nothing is left to look at, nothing will come.
                self.next.store(Tick::NEVER.0, Ordering::Relaxed);
            }
            // keeps H3
            drop(wheel);
            batch.wake_all();
            if is_done {
                return;
            }
        }
    }

    /// The earliest exact deadline, found under the lock. For paused clocks.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        self.wheel.lock().earliest_deadline()
    }

    /// How many entries are armed.
    pub(crate) fn len(&self) -> usize {
        self.wheel.lock().len()
    }

    /// T1. What the ticks of a deadline are, computed before the lock is taken.
    #[inline]
    fn rounding(&self, deadline: Instant, now: Instant) -> Rounding {
        let fine = self.scale.round_up(deadline);
        let coarse = fine.coarsened();
        // With the clock paused, time jumps from deadline to deadline: rounding would only show.
        let is_exact = self.clock.is_paused();
        let is_long = deadline.saturating_duration_since(now) >= COARSE_FROM;
        Rounding {
            now: self.scale.round_down(now),
            tick: if is_long && !is_exact { coarse } else { fine },
            crowded: if is_exact { fine } else { coarse },
            is_exact,
        }
    }

    /// T2. Links, and lowers `next`; the new one if it was lowered.
    ///
    /// # Safety
    /// As for [`Wheel::insert`].
    #[inline]
    unsafe fn link(&self, wheel: &mut Wheel, node: &Node, rounding: &Rounding) -> Option<Tick> {
        let tick = if wheel.len() < FINE_LIMIT { rounding.tick } else { rounding.crowded };
        // SAFETY: the caller's word.
        let tick = unsafe { wheel.insert(node, tick) };
        // ordering: T2. Relaxed: `next` is written under this lock only.
        let is_earliest = tick.0 < self.next.load(Ordering::Relaxed);
        if is_earliest {
            // ordering: T2. Relaxed: the caller, told that it is earliest, has a SeqCst fence before it
            // looks for threads that wait; pairs with the fence before T3. keeps H1
            self.next.store(tick.0, Ordering::Relaxed);
        }
        (is_earliest || rounding.is_exact).then_some(tick)
    }

    /// When the shard must be looked at for an entry at `tick`.
    #[inline]
    fn look_at(&self, tick: Tick, deadline: Instant, rounding: &Rounding) -> Instant {
        if rounding.is_exact { deadline } else { self.scale.begin(tick) }
    }
}

/// See [`Shard::rounding`].
struct Rounding {
    now: Tick,
    /// The deadline's tick.
    tick: Tick,
    /// The deadline's tick in a shard with many entries.
    crowded: Tick,
    /// Whether the clock is paused.
    is_exact: bool,
}
