//! The driver's stand-in under loom: a lock and a condition variable in place of the reactor.
//!
//! What it keeps of the real one: a notification is never lost, one notification lets one waiter go, and
//! one that nobody waits for is kept for the next. Time stands still; when everyone waits, nothing goes
//! off: models of timers advance the clock by hand.

use std::fmt;
use std::io;
use std::time::Instant;

use filch_primitives::lock::{Condvar, Mutex};
use filch_timer::{Clock, Timers};

use super::{Config, Wait};

/// See the module.
pub(crate) struct Driver {
    notified: Mutex<bool>,
    changed: Condvar,
    timers: Timers,
}

/// The model has no events.
#[derive(Debug, Default)]
pub(crate) struct Events;

impl Driver {
    pub(crate) fn new(config: Config) -> io::Result<Driver> {
        Ok(Driver {
            notified: Mutex::new(false),
            changed: Condvar::new(),
            timers: Timers::new(config.workers + 1, Clock::new(true)),
        })
    }

    pub(crate) fn events(&self) -> Events {
        Events
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
                self.changed.wait(&mut notified);
            }
        }
        std::mem::replace(&mut *notified, false)
    }

    pub(crate) fn timer_lowered(&self, _at: Instant) {
        self.notify();
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
