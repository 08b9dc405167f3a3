//! All timers of a runtime: the shards, the clock, and the way to fire what is due.
//!
//! Callers: entries find their shard here; the runtime's driver asks when to look, and fires.
//! Protocol: docs/timer.md, steps T3 and T4.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use filch_primitives::Arc;
use filch_primitives::atomic::{AtomicBool, Ordering};

use crate::clock::Clock;
use crate::shard::{Due, Shard};
use crate::tick::{Tick, TickScale};

/// The timer shards of a runtime, and its clock.
///
/// About 4 KiB a shard. Dropping it shuts it down.
pub struct Timers {
    shards: Box<[Arc<Shard>]>,
    scale: TickScale,
    clock: Clock,
    is_shutdown: AtomicBool,
}

impl Timers {
    /// `shards` wheels (at least one: zero counts as one), on the time of `clock`.
    pub fn new(shards: usize, clock: Clock) -> Timers {
        let scale = TickScale::new(clock.now());
        let shard = |_| Arc::new(Shard::new(scale, clock.clone()));
        Timers {
            shards: (0..shards.max(1)).map(shard).collect(),
            scale,
            clock,
            is_shutdown: AtomicBool::new(false),
        }
    }

    /// The clock that decides what is due.
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many shards there are.
    #[inline]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// The shard of that number, modulo how many there are.
    #[inline]
    pub(crate) fn shard(&self, number: usize) -> &Arc<Shard> {
        let number = if number < self.shards.len() { number } else { number % self.shards.len() };
        &self.shards[number]
    }

    /// A deadline between `deadline` and `tolerance` later, at which others that have a tolerance are likely
    /// to be due too: one look then fires them all.
    ///
    /// The one in that time that is the multiple of the largest power of two nanoseconds since these timers
    /// were made. Arithmetic only: no lock, no memory in the entry.
    ///
    /// # Examples
    /// ```
    /// use filch_timer::{Clock, Timers};
    /// use std::collections::HashSet;
    /// use std::time::Duration;
    ///
    /// let timers = Timers::new(1, Clock::new(true));
    /// let (start, ms) = (timers.clock().now(), Duration::from_millis);
    /// // A thousand deadlines in a second, each of which may be 100 ms late.
    /// let due: HashSet<_> = (0..1_000).map(|n| timers.coalesce(start + ms(n), ms(100))).collect();
    /// assert!(due.len() <= 17);
    /// ```
    #[inline]
    pub fn coalesce(&self, deadline: Instant, tolerance: Duration) -> Instant {
        self.scale.coalesce(deadline, tolerance)
    }

    /// When [`fire_due`](Timers::fire_due) must be called next, `None` while there is nothing to fire.
    ///
    /// Never later than the earliest entry fires; it may be earlier, where entries were cancelled or
    /// must be handed down the wheel. On a paused clock it is the earliest deadline exactly.
    ///
    /// Costs a load for each shard, and no lock; on a paused clock each shard's lock and a look through
    /// its first slots. The loads are relaxed: a thread that goes to wait for this time needs a `SeqCst`
    /// fence between making itself known as waiting and this call, and the one that was told
    /// [`became_earliest`](crate::PollTimer::Pending) needs one before it looks for threads that wait.
    pub fn next_expiry(&self) -> Option<Instant> {
        if self.clock.is_paused() {
            return self.earliest_deadline();
        }
        let next = self.shards.iter().map(|shard| shard.next()).min();
        next.filter(|&tick| tick != Tick::NEVER).map(|tick| self.scale.begin(tick))
    }

    #[cold]
    fn earliest_deadline(&self) -> Option<Instant> {
        let in_use = self.shards.iter().filter(|shard| shard.next() != Tick::NEVER);
        in_use.filter_map(|shard| shard.earliest_deadline()).min()
    }

    /// Fires every entry that is due at `now`, and wakes its waker, with no lock held. Returns how many.
    ///
    /// `now` must not be later than the clock. Several threads may call it at once; each entry fires
    /// once. Wakers are woken in the order of their ticks within a shard. A waker that panics is dropped
    /// after the panic hook ran; the others are woken all the same. A waker may arm, reset and drop
    /// entries.
    ///
    /// While this runs, an entry that is armed may not be told that it is the earliest: so whoever calls
    /// this must, afterwards, ask [`next_expiry`](Timers::next_expiry) again for those who wait.
    ///
    /// Costs a load for each shard, and for those with something due the lock, O(1) an entry; a lock is
    /// held for 32 entries at most, or for one slot that is handed down.
    pub fn fire_due(&self, now: Instant) -> usize {
        let tick = self.scale.round_down(now);
        let due = Due { tick, exact: self.clock.is_paused().then_some(now) };
        let limit = due.limit();
        let in_use = self.shards.iter().filter(|shard| shard.next() <= limit);
        in_use.map(|shard| shard.fire(due)).sum()
    }

    /// Whether [`shutdown`](Timers::shutdown) was called.
    #[inline]
    pub fn is_shutdown(&self) -> bool {
        // ordering: Relaxed. A hint for those who would arm; the wheels say so under their locks.
        self.is_shutdown.load(Ordering::Relaxed)
    }

    /// Wakes every armed entry; it and every one that would be armed from now on reports
    /// [`PollTimer::Shutdown`](crate::PollTimer::Shutdown). Entries that have fired stay elapsed, and
    /// one whose deadline is past when it is polled first still elapses.
    pub fn shutdown(&self) {
        // ordering: Relaxed. As above.
        self.is_shutdown.store(true, Ordering::Relaxed);
        for shard in &self.shards {
            shard.shut_down();
        }
        #[cfg(filch_loom)]
        if let Some(reduced) = self.clock.of_model() {
            reduced.shutdown();
        }
    }

    /// How many entries are armed. Takes each shard's lock.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether no entry is armed. Takes each shard's lock.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Timers {
    /// Entries may outlive their timers: none may wait for ever.
    fn drop(&mut self) {
        self.shutdown();
    }
}

// No user code runs under a lock: a panic leaves nothing half done.
impl UnwindSafe for Timers {}
impl RefUnwindSafe for Timers {}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("shards", &self.shards.len())
            .field("clock", &self.clock)
            .field("is_shutdown", &self.is_shutdown())
            .finish_non_exhaustive()
    }
}
