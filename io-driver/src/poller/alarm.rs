//! The alarm: a timerfd, so that one expiry wakes one of several waiting threads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A timer on the clock of `Instant`, for an edge-triggered registration. It is never read: setting
/// it anew resets its count.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    /// One moment twice: as `Instant`, and a little later on the timer's clock. `Instant` is that
    /// clock on Linux, so the two never drift apart, and the order makes the alarm late by their
    /// distance (tens of nanoseconds) and never early.
    anchor: (Instant, Timespec),
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let instant = Instant::now();
        let clock = clock_gettime(ClockId::Monotonic);
        Ok(Alarm { timer, anchor: (instant, clock) })
    }

    /// Sets the time, or none. One system call.
    pub(super) fn set(&self, at: Option<Instant>) -> io::Result<()> {
        let it_value = match at {
            None => ZERO,
            Some(at) => self.on_clock(at),
        };
        let time = Itimerspec { it_interval: ZERO, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &time)?;
        Ok(())
    }

    /// The moment on the timer's clock. What lies before the alarm's making has passed anyway: it
    /// becomes that moment, and expires at once.
    fn on_clock(&self, at: Instant) -> Timespec {
        let (instant, clock) = &self.anchor;
        let ahead = at.saturating_duration_since(*instant);
        let since_boot = Duration::new(clock.tv_sec as u64, clock.tv_nsec as u32);
        // Zero would disarm it: in the first nanosecond of a machine's life.
        let time = since_boot.saturating_add(ahead).max(Duration::from_nanos(1));
        // The kernel's longest time is 292 years; it cuts off what is above.
        Timespec::try_from(time).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_becomes_now_and_the_far_future_is_accepted() {
        let before = Instant::now();
        let alarm = Alarm::new().unwrap();
        assert_eq!(alarm.on_clock(before), alarm.anchor.1);
        // As far ahead as an `Instant` goes.
        let mut far = Instant::now();
        let mut step = Duration::MAX;
        while step > Duration::ZERO {
            match far.checked_add(step) {
                Some(later) => far = later,
                None => step /= 2,
            }
        }
        alarm.set(Some(far)).unwrap();
        alarm.set(None).unwrap();
    }
}
