//! A timer: what a sleeping future holds.
//!
//! Callers: the runtime's `Sleep`, `Timeout` and `Interval` poll it, reset it, drop it.
//! Protocol: docs/timer.md, steps T1 to T9; the rules of the shared part in `node.rs`.
//!
//! Invariants
//! E1  `shard` is set from the first arming on, and is the shard that the node is linked in while ARMED.
//! E2  A linked node is unlinked before its memory is given up: `Drop` sees to it, and pinning forbids
//!     what would go around `Drop`.

use std::fmt;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use filch_primitives::Arc;

use crate::error::TimerError;
use crate::node::{Node, State};
use crate::shard::{Arm, Shard};
use crate::timers::Timers;

/// A deadline, and the waker to wake when it has come.
///
/// It lies inside of the future that waits; nothing is allocated. Made and dropped without a poll it
/// touches no lock, no clock, and no memory but its own. The first poll before the deadline *arms* it:
/// one shard's lock, O(1). Dropping an armed entry takes the same lock, O(1); dropping one that has fired
/// takes none.
///
/// It never fires early. On a running clock it fires late by its rounding, at most 33 us for deadlines
/// less than 10 ms away and 1.08 ms for others (and for all in a shard with 4,096 entries or more),
/// plus the time until somebody calls [`Timers::fire_due`]. On a paused clock it fires exactly.
///
/// # Cancel safety
/// Dropping it unlinks it. A wake that is under way may still come.
///
/// # Examples
/// ```
/// use filch_timer::{Clock, PollTimer, TimerEntry, Timers};
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use std::time::Duration;
///
/// let timers = Timers::new(1, Clock::new(true));
/// let clock = timers.clock();
/// let mut entry = pin!(TimerEntry::new(clock.now() + Duration::from_millis(5)));
///
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(matches!(entry.as_mut().poll(&timers, 0, &mut cx), PollTimer::Pending { .. }));
/// clock.advance(Duration::from_millis(5))?;
/// assert_eq!(timers.fire_due(clock.now()), 1);
/// assert_eq!(entry.as_mut().poll(&timers, 0, &mut cx), PollTimer::Elapsed);
/// # Ok::<(), filch_timer::ClockError>(())
/// ```
#[must_use = "an entry does nothing unless polled"]
pub struct TimerEntry {
    node: Node,
    shard: Option<Arc<Shard>>,
    /// In a model of users' code, in place of both.
    #[cfg(filch_loom)]
    reduced: crate::reduced::Link,
    /// The wheel points to `node`.
    _pinned: PhantomPinned,
}

/// What a poll of a [`TimerEntry`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a thread that waits may have to be told of `became_earliest`"]
pub enum PollTimer {
    /// The deadline has come. Every later poll says so too, until a reset.
    Elapsed,
    /// The waker will be woken when it has.
    Pending {
        /// Set by the poll that armed the entry, if its shard must be looked at earlier than before: at
        /// this time. The caller must see to it that [`Timers::fire_due`] is called by then: a thread
        /// that already waits doesn't know of it. On a paused clock always set by the poll that arms.
        became_earliest: Option<Instant>,
    },
    /// The timers were shut down before the deadline came.
    Shutdown,
}

impl PollTimer {
    /// As the result of a future, where nobody has to be told of an earlier deadline.
    pub fn into_poll(self) -> Poll<Result<(), TimerError>> {
        match self {
            PollTimer::Elapsed => Poll::Ready(Ok(())),
            PollTimer::Pending { .. } => Poll::Pending,
            PollTimer::Shutdown => Poll::Ready(Err(TimerError::Shutdown)),
        }
    }
}

const PENDING: PollTimer = PollTimer::Pending { became_earliest: None };

impl TimerEntry {
    /// An entry that is not armed. Any `Instant` will do, past ones and the farthest included.
    #[inline]
    pub fn new(deadline: Instant) -> TimerEntry {
        TimerEntry {
            node: Node::new(deadline),
            shard: None,
            #[cfg(filch_loom)]
            reduced: crate::reduced::Link::default(),
            _pinned: PhantomPinned,
        }
    }

    /// The deadline, exactly as it was given.
    #[inline]
    pub fn deadline(&self) -> Instant {
        // SAFETY: it changes by `reset` only, which takes the entry exclusively: we count as the owner.
        unsafe { self.node.deadline() }
    }

    /// Whether it has fired, or a poll found the deadline past. One load.
    ///
    /// It does not look at the clock: an entry that nobody polls and no one fires has not elapsed.
    #[inline]
    pub fn is_elapsed(&self) -> bool {
        #[cfg(filch_loom)]
        if self.reduced.has_fired() {
            return true;
        }
        self.node.state() == State::Fired
    }

    /// Whether it is armed: a waker is registered, and will be woken at the deadline. One load.
    #[inline]
    pub fn is_armed(&self) -> bool {
        #[cfg(filch_loom)]
        if self.reduced.is_armed() {
            return true;
        }
        self.node.state() == State::Armed
    }

    /// Asks whether the deadline has come; if not, the waker of `cx` will be woken when it has.
    ///
    /// The first poll reads the clock once, and arms in the shard numbered `shard` of `timers` (modulo
    /// their number) if the deadline lies ahead. While it is armed, polls stay with that shard whatever
    /// they are given; with the same waker they cost one load, with another one the shard's lock.
    #[inline]
    pub fn poll(
        self: Pin<&mut Self>,
        timers: &Timers,
        shard: usize,
        cx: &mut Context<'_>,
    ) -> PollTimer {
        #[cfg(filch_loom)]
        if let Some(reduced) = timers.clock().of_model() {
            // SAFETY: nothing is moved.
            let this = unsafe { self.get_unchecked_mut() };
            let deadline = this.deadline();
            return reduced.poll(&mut this.reduced, deadline, cx);
        }
        match self.node.state() {
            State::Disarmed => self.arm(timers, shard, timers.clock().now(), cx),
            _ => self.poll_registered(cx),
        }
    }

    /// As [`poll`](TimerEntry::poll), for a caller who knows the time.
    ///
    /// `now` must not be later than the timers' clock: a deadline before `now` counts as past, and where
    /// nothing is armed in the shard, its wheel moves up to `now`.
    #[inline]
    pub fn poll_at(
        self: Pin<&mut Self>,
        timers: &Timers,
        shard: usize,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> PollTimer {
        match self.node.state() {
            State::Disarmed => self.arm(timers, shard, now, cx),
            _ => self.poll_registered(cx),
        }
    }

    /// Changes the deadline, to an earlier or a later one.
    ///
    /// An armed entry stays armed, in its shard and with its waker, which is woken at the new deadline (at
    /// the next [`Timers::fire_due`] if that is past already); the result is that of an arming poll's
    /// `became_earliest`, with the same duty. Any other entry, one that has fired included, is disarmed:
    /// its next poll arms it, and the result is `None`.
    ///
    /// Costs nothing but a store where the entry is not armed; the shard's lock and a look at the clock
    /// where it is. May be called on another thread than the one that armed.
    ///
    /// If the old deadline comes while this runs, the waker may be woken for it.
    #[must_use = "a thread that waits may have to be told of an earlier deadline"]
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) -> Option<Instant> {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        #[cfg(filch_loom)]
        if this.reduced.reset(deadline) {
            // SAFETY: we own the node, and it isn't armed.
            unsafe { this.node.set_deadline(deadline) };
            return Some(deadline);
        }
        if let (State::Armed, Some(shard)) = (this.node.state(), &this.shard) {
            // SAFETY: we own the node; armed in this shard (E1).
            if let Ok(became_earliest) = unsafe { shard.rearm(&this.node, deadline) } {
                return became_earliest;
            }
            // Fired, or shut down, before we had the lock: the wheel's accesses were before it.
        }
        this.node.set_state(State::Disarmed);
        // SAFETY: we own the node, and it isn't armed.
        unsafe { this.node.set_deadline(deadline) };
        None
    }

    /// Disarms: no waker is registered any more, and the next poll starts anew. The deadline stays.
    ///
    /// Costs nothing but a store where the entry is not armed; the shard's lock where it is. A wake that
    /// is under way may still come.
    pub fn cancel(self: Pin<&mut Self>) {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        this.unlink();
        this.node.set_state(State::Disarmed);
    }

    /// T1, T2. Arms, unless the deadline is past.
    #[inline]
    fn arm(
        self: Pin<&mut Self>,
        timers: &Timers,
        shard: usize,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> PollTimer {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.deadline() <= now {
            this.node.set_state(State::Fired);
            return PollTimer::Elapsed;
        }
        // The user's code, which may panic: before anything is changed.
        let waker = cx.waker().clone();
        let wanted = timers.shard(shard);
        let shard = match &mut this.shard {
            Some(kept) if Arc::ptr_eq(kept, wanted) => kept,
            // keeps E1: the node is not armed.
            other => other.insert(wanted.clone()),
        };
        // SAFETY: we own the node; it is not armed; pinned by the receiver, so `Drop` cancels (E2).
        match unsafe { shard.arm(&this.node, now, waker) } {
            Arm::Armed(became_earliest) => PollTimer::Pending { became_earliest },
            Arm::Shutdown(waker) => {
                this.node.set_state(State::Shutdown);
                drop(waker);
                PollTimer::Shutdown
            }
        }
    }

    /// T8. A poll of an entry that was armed before.
    #[inline]
    fn poll_registered(self: Pin<&mut Self>, cx: &mut Context<'_>) -> PollTimer {
        let this = self.into_ref().get_ref();
        // SAFETY: we own the node, and it was armed.
        if this.node.state() == State::Armed && !unsafe { this.node.will_wake(cx.waker()) } {
            if let Some(shard) = &this.shard {
                // SAFETY: as above, in this shard (E1).
                if unsafe { shard.change_waker(&this.node, cx.waker()) }.is_ok() {
                    return PENDING;
                }
            }
        }
        match this.node.state() {
            State::Fired => PollTimer::Elapsed,
            State::Shutdown => PollTimer::Shutdown,
            // Armed, with a waker that wakes the same task.
            State::Armed | State::Disarmed => PENDING,
        }
    }

    /// T5. Takes the node out of the wheel if it is in it.
    #[inline]
    fn unlink(&mut self) {
        #[cfg(filch_loom)]
        self.reduced.cancel();
        if let (State::Armed, Some(shard)) = (self.node.state(), &self.shard) {
            // SAFETY: we own the node; it was armed in this shard (E1).
            unsafe { shard.cancel(&self.node) };
        }
    }
}

impl Drop for TimerEntry {
    #[inline]
    fn drop(&mut self) {
        // keeps E2
        self.unlink();
    }
}

impl fmt::Debug for TimerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerEntry")
            .field("deadline", &self.deadline())
            .field("state", &self.node.state())
            .finish_non_exhaustive()
    }
}
