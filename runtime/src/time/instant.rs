//! The runtime's notion of a moment.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// A moment of a clock that never goes back.
///
/// The same as [`std::time::Instant`], which it wraps, but for [`now`](Instant::now): inside of a
/// runtime whose clock is [paused](crate::time::pause) that is the paused clock's time. Converting
/// between the two costs nothing.
///
/// # Examples
/// ```
/// use filch::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let deadline = start + Duration::from_secs(5);
/// assert_eq!(deadline - start, Duration::from_secs(5));
/// assert_eq!(Instant::from_std(start.into_std()), start);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

/// What stands for "never" where a deadline lies beyond what the clock can represent: thirty years.
/// Far enough for every process, near enough for every platform's clock.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

impl Instant {
    /// The present moment: the current runtime's, or outside of a runtime the system's.
    ///
    /// Costs a read of the system's clock and, once some clock of the process has been paused, a look
    /// at which runtime is the current one.
    #[inline]
    pub fn now() -> Instant {
        Instant(crate::context::try_clock_now())
    }

    /// Wraps a standard instant.
    #[inline]
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant(std)
    }

    /// The standard instant inside.
    #[inline]
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// `base + duration`, or the far future (thirty years on) if that is beyond the clock's range.
    #[inline]
    pub(crate) fn saturating_after(base: Instant, duration: Duration) -> Instant {
        base.checked_add(duration).unwrap_or_else(|| Instant(base.0 + FAR_FUTURE))
    }

    /// The time from `earlier` until this one; zero if `earlier` is later.
    #[inline]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time from `earlier` until this one; `None` if `earlier` is later.
    #[inline]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The time from `earlier` until this one; zero if `earlier` is later.
    #[inline]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time from this moment until now; zero if it lies ahead.
    #[inline]
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// `self + duration`, if the clock can represent it.
    #[inline]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// `self - duration`, if the clock can represent it.
    #[inline]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.0
    }
}

/// # Panics
/// If the result is beyond the clock's range.
impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
    }
}

/// Zero if `earlier` is later.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

/// # Panics
/// If the result is beyond the clock's range.
impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        self.0 -= duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_std() {
        let std = std::time::Instant::now();
        let (a, second) = (Instant::from_std(std), Duration::from_secs(1));
        let mut b = a + second;
        assert_eq!(b.into_std(), std + second);
        assert_eq!((b - a, a - b), (second, Duration::ZERO));
        assert_eq!((b.duration_since(a), a.duration_since(b)), (second, Duration::ZERO));
        assert_eq!(b.checked_duration_since(a), Some(second));
        assert_eq!(a.checked_duration_since(b), None);
        assert_eq!(a.saturating_duration_since(b), Duration::ZERO);
        b -= second;
        assert_eq!(a, b);
        b += second;
        assert_eq!(b - second, a);
        assert!(a < b);
        assert_eq!(std::time::Instant::from(Instant::from(std)), std);
        assert_eq!(format!("{a:?}"), format!("{std:?}"));
    }

    #[test]
    fn too_far_is_none_or_thirty_years() {
        let now = Instant::now();
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(now.checked_sub(Duration::MAX), None);
        assert_eq!(Instant::saturating_after(now, Duration::MAX), now + FAR_FUTURE);
        let near = Duration::from_nanos(1);
        assert_eq!(Instant::saturating_after(now, near), now + near);
    }
}
