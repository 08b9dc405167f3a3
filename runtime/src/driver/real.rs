//! The driver over the reactor and the timer wheel.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_io_driver as reactor;
use filch_primitives::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use filch_primitives::lock::Mutex;
use filch_timer::{Clock, Timers};

use super::{ATTENTION, Config, Wait};

/// The reactor, the timers, and the rule by which a waiting thread learns of an earlier timer.
pub(crate) struct Driver {
    reactor: Arc<reactor::Driver>,
    timers: Timers,
    config: Config,
    /// Threads that wait, or are about to.
    waiting: AtomicUsize,
    /// Where several threads may wait: the time that the reactor's alarm is set to. Where only one may:
    /// unused, that thread's own time-out serves.
    alarm: Option<Alarm>,
}

/// The alarm's time, kept so that it is set only when it gets earlier.
struct Alarm {
    origin: Instant,
    /// Nanoseconds after `origin`; `NEVER` if it is not set. Written under the lock.
    set_to: AtomicU64,
    setting: Mutex<()>,
}

const NEVER: u64 = u64::MAX;

/// A waiting thread's buffer of events.
pub(crate) type Events = reactor::Events;

impl Driver {
    pub(crate) fn new(config: Config) -> io::Result<Driver> {
        let reactor = Arc::new(reactor::Driver::new()?);
        let several = config.workers > 1 && reactor.max_waiters() > 1 && reactor.supports_alarm();
        let clock = Clock::new(config.start_paused);
        Ok(Driver {
            timers: Timers::new(config.workers + 1, clock),
            reactor,
            config,
            waiting: AtomicUsize::new(0),
            alarm: several.then(|| Alarm {
                origin: Instant::now(),
                set_to: AtomicU64::new(NEVER),
                setting: Mutex::new(()),
            }),
        })
    }

    /// A buffer for a thread that will wait.
    pub(crate) fn events(&self) -> Events {
        let mut limits = reactor::Limits::default();
        let (wait, look) = self.config.events;
        limits.wait = wait.unwrap_or(limits.wait);
        limits.look = look.unwrap_or(limits.wait);
        Events::with_limits(limits)
    }

    /// The reactor, if sockets are enabled.
    pub(crate) fn io(&self) -> Option<&Arc<reactor::Driver>> {
        self.config.io.then_some(&self.reactor)
    }

    /// The reactor, for what works without `enable_io`: standard input.
    pub(crate) fn reactor(&self) -> &Arc<reactor::Driver> {
        &self.reactor
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// How many threads may wait in it at once.
    pub(crate) fn max_waiters(&self) -> usize {
        if self.alarm.is_some() { self.reactor.max_waiters() } else { 1 }
    }

    /// Wakes one thread that waits, or the next one that does.
    pub(crate) fn notify(&self) {
        self.reactor.notify();
    }

    /// Whether a look at the driver can bring anything: some socket is registered or some timer armed.
    pub(crate) fn has_sources(&self) -> bool {
        self.reactor.registered() > 0 || self.timers.next_expiry().is_some()
    }

    /// Whether some thread waits in the driver: then it will see what happens, and a running worker need
    /// not look.
    pub(crate) fn is_attended(&self) -> bool {
        // ordering: Relaxed. A hint: whoever errs by it looks again 61 polls later.
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits for events and timers, and wakes the tasks that they concern. True if a notification was
    /// among what came: one that the caller did not wait for (`Wait::Poll`) is to be passed on.
    ///
    /// V1 the thread is counted as waiting; V2 fence; V3 the earliest timer is read, and the alarm set, or
    /// the time-out chosen, by it; then it waits.
    pub(crate) fn wait(&self, events: &mut Events, wait: Wait) -> bool {
        let mut came = reactor::Waited::default();
        if wait == Wait::Poll {
            came = self.wait_reactor(events, Some(Duration::ZERO));
        } else {
            // ordering: V1. Relaxed, ordered by the fence below.
            self.waiting.fetch_add(1, Ordering::Relaxed);
            // ordering: V2. SeqCst: the count above must be visible before the timers are read. Pairs
            // with the fence in `timer_lowered`: either we see its timer, or it sees us and tells us.
            fence(Ordering::SeqCst);
            let mut timeout = self.time_to_wait(events);
            if wait == Wait::ParkBriefly {
                timeout = Some(timeout.map_or(ATTENTION, |timeout| timeout.min(ATTENTION)));
            }
            if timeout != Some(Duration::ZERO) {
                came = self.wait_reactor(events, timeout);
            }
            // ordering: Relaxed. Counting too many costs a needless notification, no more.
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        self.fire_timers(came.alarm);
        came.notified
    }

    fn wait_reactor(&self, events: &mut Events, timeout: Option<Duration>) -> reactor::Waited {
        match self.reactor.wait(events, timeout) {
            Ok(waited) => waited,
            // EINTR is no error there. What is left is a descriptor closed under us (EBADF), by code
            // that closes what it does not own: going on would spin, silently.
            Err(error) => panic!("waiting for I/O events failed: {error}"),
        }
    }

    /// V3. How long the wait may last; sets the alarm instead where there is one.
    fn time_to_wait(&self, events: &mut Events) -> Option<Duration> {
        let at = self.timers.next_expiry()?;
        let clock = self.timers.clock();
        if clock.is_paused() {
            return self.advance_paused_clock(events, at);
        }
        if let Some(alarm) = &self.alarm {
            let now = Instant::now();
            if at <= now {
                return Some(Duration::ZERO);
            }
            self.set_alarm(alarm, at);
            return None;
        }
        Some(at.saturating_duration_since(clock.now()))
    }

    /// With the clock paused and nothing else to do, time jumps to the next timer, unless an event is
    /// there, or blocking work is under way.
    fn advance_paused_clock(&self, events: &mut Events, at: Instant) -> Option<Duration> {
        let woken = match self.reactor.wait(events, Some(Duration::ZERO)) {
            Ok(waited) => waited.events > 0 || waited.notified,
            Err(_) => false,
        };
        if woken {
            return Some(Duration::ZERO);
        }
        let clock = self.timers.clock();
        if !clock.can_auto_advance() {
            // Whoever inhibits it notifies the driver when it allows it again.
            return None;
        }
        clock.advance_to(at);
        Some(Duration::ZERO)
    }

    /// Wakes the tasks whose timers are due, and sets the alarm for those that follow.
    ///
    /// `went_off`: this thread took the alarm's event. Then the alarm counts as unset even if no timer is
    /// due, because the one that it was set for is gone: else no later one would ever set it again.
    fn fire_timers(&self, went_off: bool) {
        let next = self.timers.next_expiry();
        if next.is_none() && !went_off {
            return;
        }
        let now = self.timers.clock().now();
        let due = next.is_some_and(|at| at <= now);
        if !due && !went_off {
            return;
        }
        if let Some(alarm) = &self.alarm {
            let setting = alarm.setting.lock();
            // ordering: Relaxed under the lock; the fence below orders it.
            if alarm.set_to.load(Ordering::Relaxed) <= alarm.nanos(now) {
                // It has gone off, or will at once: no longer good for anything.
                alarm.set_to.store(NEVER, Ordering::Relaxed);
            }
            drop(setting);
            // ordering: V4. SeqCst: the alarm counts as unset before the timers are read again below.
            // Pairs with the fence in `timer_lowered`, which reads them in the other order.
            fence(Ordering::SeqCst);
        }
        if due {
            self.timers.fire_due(now);
        }
        let Some(alarm) = &self.alarm else { return };
        // ordering: Relaxed. Who starts to wait after this load reads the timers itself (V3).
        if self.waiting.load(Ordering::Relaxed) > 0 {
            if let Some(next) = self.timers.next_expiry() {
                self.set_alarm(alarm, next);
            }
        }
    }

    /// A timer was armed that is its shard's earliest.
    #[inline]
    pub(crate) fn timer_lowered(&self, at: Instant) {
        // ordering: V4. SeqCst: the shard's new earliest time is visible before the count is read. Pairs
        // with the fences in `wait` (V2) and `fire_timers`.
        fence(Ordering::SeqCst);
        // ordering: Relaxed, after the fence.
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        match &self.alarm {
            Some(alarm) => self.set_alarm(alarm, at),
            // The one that waits chooses its time-out anew.
            None => self.reactor.notify(),
        }
    }

    /// Sets the alarm, unless it goes off earlier anyway.
    fn set_alarm(&self, alarm: &Alarm, at: Instant) {
        let nanos = alarm.nanos(at);
        // ordering: Relaxed. A guess; checked again under the lock. That it isn't older than the caller's
        // fence (V2, V4) is all that is needed.
        if alarm.set_to.load(Ordering::Relaxed) <= nanos {
            return;
        }
        let _setting = alarm.setting.lock();
        // ordering: Relaxed under the lock.
        if alarm.set_to.load(Ordering::Relaxed) <= nanos {
            return;
        }
        match self.reactor.set_alarm(Some(at)) {
            // ordering: Relaxed under the lock.
            Ok(()) => alarm.set_to.store(nanos, Ordering::Relaxed),
            // Only a lack of descriptors at the very first alarm can bring us here. Somebody who looks
            // at once, again and again, is late by no more than the lack lasts.
            Err(_) => self.reactor.notify(),
        }
    }

    /// Every socket and timer gets its shutdown error; whoever waits is woken.
    pub(crate) fn shutdown(&self) {
        self.timers.shutdown();
        self.reactor.shutdown();
    }
}

impl Alarm {
    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.origin).as_nanos();
        u64::try_from(nanos).unwrap_or(NEVER - 1)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("config", &self.config).finish_non_exhaustive()
    }
}
