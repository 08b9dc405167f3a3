//! The driver's stand-in under loom: a lock and a condition variable in place of the reactor.
//!
//! What it keeps of the real one: a notification is never lost, one notification lets one waiter go, and
//! one that nobody waits for is kept for the next. Time stands still; when everyone waits, nothing goes
//! off: models of timers advance the clock by hand. (In a runtime of `filch::loom` its scheduler has a
//! thread that does so. With shuttle in loom's place time passes here, at drawn moments.)

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use filch_primitives::lock::{Condvar, Mutex};
use filch_timer::{Clock, Timers};

use super::{Config, Wait};

/// See the module.
pub(crate) struct Driver {
    notified: Mutex<bool>,
    changed: Condvar,
    timers: Timers,
    /// Told of each timer that became its shard's earliest.
    on_timer: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// The model has no events.
#[derive(Debug, Default)]
pub(crate) struct Events;

impl Driver {
    pub(crate) fn new(config: Config) -> io::Result<Driver> {
        Ok(Driver {
            notified: Mutex::new(false),
            changed: Condvar::new(),
            timers: if config.model_timers {
                Timers::reduced()
            } else {
                Timers::new(config.workers + 1, Clock::new(true))
            },
            on_timer: OnceLock::new(),
        })
    }

    pub(crate) fn events(&self) -> Events {
        Events
    }

    /// For standard input and output.
    #[track_caller]
    pub(crate) fn reactor(&self) -> &Arc<filch_io_driver::Driver> {
        crate::loom::unavailable("standard input and output")
    }

    /// There are no sockets in a model.
    pub(crate) fn io(&self) -> Option<&Arc<filch_io_driver::Driver>> {
        None
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn max_waiters(&self) -> usize {
        usize::MAX
    }

    pub(crate) fn notify(&self) {
        *self.notified.lock() = true;
        self.changed.notify_one();
    }

    pub(crate) fn has_sources(&self) -> bool {
        false
    }

    pub(crate) fn is_attended(&self) -> bool {
        true
    }

    pub(crate) fn wait(&self, _events: &mut Events, wait: Wait) -> bool {
        let mut notified = self.notified.lock();
        if wait != Wait::Poll {
            while !*notified {
                #[cfg(filch_shuttle)]
                if wait == Wait::ParkBriefly || self.timers.next_expiry().is_some() {
                    // A wait that ends by itself: after each of the others' steps, perhaps.
                    drop(notified);
                    filch_primitives::thread::yield_now();
                    notified = self.notified.lock();
                    if filch_primitives::loom::draw() % 2 == 0 {
                        break;
                    }
                    continue;
                }
                self.changed.wait(&mut notified);
            }
        }
        let was_notified = std::mem::replace(&mut *notified, false);
        drop(notified);
        #[cfg(filch_shuttle)]
        self.may_pass_time();
        was_notified
    }

    /// Sometimes: it is the earliest timer's time. To call with the lock free.
    #[cfg(filch_shuttle)]
    fn may_pass_time(&self) {
        let Some(at) = self.timers.next_expiry() else { return };
        if filch_primitives::loom::draw() % 2 == 0 {
            let clock = self.timers.clock();
            clock.advance_to(at);
            self.timers.fire_due(clock.now());
        }
    }

    /// Calls `f` whenever a timer becomes its shard's earliest, and notifies nobody. Set once, before any
    /// is armed.
    pub(crate) fn on_timer(&self, f: impl Fn() + Send + Sync + 'static) {
        let first = self.on_timer.set(Box::new(f));
        debug_assert!(first.is_ok(), "set twice");
    }

    /// Whether the timers are those of `filch::loom`.
    pub(crate) fn has_model_timers(&self) -> bool {
        self.on_timer.get().is_some()
    }

    #[cfg(not(filch_shuttle))]
    pub(crate) fn timer_lowered(&self, _at: Instant) {
        match self.on_timer.get() {
            Some(on_timer) => on_timer(),
            None => self.notify(),
        }
    }

    /// Whoever waits, waits for this timer too. Lets nobody out, as the alarm of the real driver.
    #[cfg(filch_shuttle)]
    pub(crate) fn timer_lowered(&self, _at: Instant) {
        // The lock: who reads the timers before this one waits when it is told.
        drop(self.notified.lock());
        self.changed.notify_all();
    }

    pub(crate) fn shutdown(&self) {
        self.timers.shutdown();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
