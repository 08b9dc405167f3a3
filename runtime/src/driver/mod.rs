//! The place where a scheduler waits: for sockets, for timers, for other threads.
//!
//! Callers: workers and current-thread runtimes park in it; timers ask it to be woken in time; sockets
//! find their reactor through it.
//! Protocol: docs/sleep-protocol.md, steps V1 to V4. Under `filch_loom` the reactor is a stand-in of a
//! lock and a condition variable (`model.rs`), around the same timers.

#[cfg(not(filch_loom))]
mod real;
#[cfg(not(filch_loom))]
pub(crate) use real::{Driver, Events};

#[cfg(filch_loom)]
mod model;
#[cfg(filch_loom)]
pub(crate) use model::{Driver, Events};

use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_timer::Timers;

/// What a runtime wants of its driver.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    filch_loom,
    expect(dead_code, reason = "the stand-in has no sockets, and its clock stands still")
)]
pub(crate) struct Config {
    /// Sockets may be registered.
    pub(crate) io: bool,
    /// The clock starts paused.
    pub(crate) start_paused: bool,
    /// How many events a wait takes, and a look; as the reactor decides, if none.
    pub(crate) events: (Option<usize>, Option<usize>),
    /// How many threads may wait at once; also the number of timer shards less one.
    pub(crate) workers: usize,
    /// The timers are those of `filch::loom`.
    #[cfg(filch_loom)]
    pub(crate) model_timers: bool,
}

/// How long a spare worker waits at most before it looks whether it is still wanted.
pub(crate) const ATTENTION: Duration = Duration::from_millis(100);

/// How long a call of `Driver::wait` may last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// Until something happens.
    Park,
    /// As `Park`, but no longer than [`ATTENTION`].
    ParkBriefly,
    /// No time at all: only look.
    Poll,
}

/// What a timer needs of its runtime. One per worker, so that the count of the `Arc` around it stays on
/// the worker's own cache line; one more for all other threads.
#[derive(Debug)]
pub(crate) struct TimeHandle {
    driver: Arc<Driver>,
    shard: usize,
    enabled: bool,
}

impl TimeHandle {
    pub(crate) fn new(driver: Arc<Driver>, shard: usize, enabled: bool) -> Self {
        TimeHandle { driver, shard, enabled }
    }

    /// The runtime's timers.
    #[inline]
    pub(crate) fn timers(&self) -> &Timers {
        self.driver.timers()
    }

    /// Which shard this worker arms its timers in.
    #[inline]
    pub(crate) fn shard(&self) -> usize {
        self.shard
    }

    /// Whether the runtime was built with timers.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// A timer was armed that is earlier than all others of its shard: somebody who waits may have to
    /// wake earlier.
    #[inline]
    pub(crate) fn lowered(&self, at: Instant) {
        self.driver.timer_lowered(at);
    }
}
