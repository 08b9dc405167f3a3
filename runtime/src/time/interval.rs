//! The same moment again and again.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::time::{Instant, Sleep, sleep_until};

/// Ticks now, and then every `period`.
///
/// # Panics
/// If `period` is zero. As [`sleep`](crate::time::sleep): in this call outside of a runtime with
/// timers, when polled after the runtime has been shut down.
///
/// # Examples
/// ```
/// use filch::time::{Duration, Instant, interval};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let start = Instant::now();
/// let mut ticks = interval(Duration::from_millis(10));
/// ticks.tick().await; // at once
/// ticks.tick().await; // 10 ms after the start
/// ticks.tick().await; // 20 ms after the start, whatever happened between
/// assert!(start.elapsed() >= Duration::from_millis(20));
/// # });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`.
///
/// # Panics
/// As [`interval`].
///
/// # Examples
/// ```
/// use filch::time::{Duration, Instant, interval_at};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let start = Instant::now() + Duration::from_millis(50);
/// let mut ticks = interval_at(start, Duration::from_millis(10));
/// assert_eq!(ticks.tick().await, start);
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(10));
/// # });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval {
        delay: Box::pin(sleep_until(start)),
        period,
        missed_tick_behavior: MissedTickBehavior::default(),
    }
}

/// What an [`Interval`] does when its ticks were asked for too late.
///
/// A tick is missed when more than 5 ms lie between its time and the call that asks for it; less is
/// taken as the ordinary inaccuracy of scheduling. With a period of 50 ms, started at 0 and asked again
/// at 120, the ticks come at
///
/// | behaviour | ticks come at | and say |
/// | --- | --- | --- |
/// | [`Burst`](MissedTickBehavior::Burst) | 0, 120, 120, 150, 200 | 0, 50, 100, 150, 200 |
/// | [`Delay`](MissedTickBehavior::Delay) | 0, 120, 170, 220 | 0, 50, 170, 220 |
/// | [`Skip`](MissedTickBehavior::Skip) | 0, 120, 150, 200 | 0, 50, 150, 200 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Ticks without a pause until it has caught up. The number of ticks is right, in the long run.
    ///
    /// The default, for the sake of what users of tokio expect. Mind the storm: a task that was held up
    /// for a minute (a suspended laptop, a stopped container) and ticks every millisecond gets 60,000
    /// ticks in a row. If a tick means "look once more" and not "count one", [`Skip`] is better.
    ///
    /// [`Skip`]: MissedTickBehavior::Skip
    #[default]
    Burst,

    /// Waits a full period from the late tick on. Two ticks are never closer than a period; the ticks
    /// are no longer multiples of the period after the start.
    Delay,

    /// Leaves out what was missed and waits for the next multiple of the period after the start.
    Skip,
}

impl MissedTickBehavior {
    /// When the tick comes that follows the one of `timeout`, which was seen at `now`, too late.
    fn next(self, timeout: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            MissedTickBehavior::Burst => Instant::saturating_after(timeout, period),
            MissedTickBehavior::Delay => Instant::saturating_after(now, period),
            MissedTickBehavior::Skip => {
                let late = (now - timeout).as_nanos() % period.as_nanos();
                Instant::saturating_after(now, period - from_nanos(late))
            }
        }
    }
}

/// The inverse of [`Duration::as_nanos`].
fn from_nanos(nanos: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    // Never above what `as_nanos` gave: the seconds fit.
    let seconds = u64::try_from(nanos / PER_SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % PER_SECOND) as u32)
}

/// More than this counts as a missed tick: see [`MissedTickBehavior`].
const TOLERANCE: Duration = Duration::from_millis(5);

/// Yields at regular times. Made by [`interval`] and [`interval_at`].
///
/// Unlike a `sleep` in a loop it does not add the time that the loop's body takes to the period.
#[derive(Debug)]
pub struct Interval {
    /// Boxed so that the interval can be moved. One allocation for all ticks.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick. Returns the time at which it was due, not the one at which it came.
    ///
    /// # Cancel safety
    /// Dropping it before it completes consumes no tick.
    ///
    /// # Examples
    /// ```
    /// use filch::time::{Duration, interval};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    /// #     .unwrap().block_on(async {
    /// let mut ticks = interval(Duration::from_millis(10));
    /// let first = ticks.tick().await;
    /// assert_eq!(ticks.tick().await - first, Duration::from_millis(10));
    /// # });
    /// ```
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    ///
    /// `Pending` has the current task woken when the tick is due; only the last task that polled is.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let (timeout, now) = (self.delay.deadline(), self.delay.now());
        let next = if now.saturating_duration_since(timeout) > TOLERANCE {
            self.missed_tick_behavior.next(timeout, now, self.period)
        } else {
            Instant::saturating_after(timeout, self.period)
        };
        // It has fired, so this arms nothing: whoever waits for the next tick polls again.
        self.delay.as_mut().reset(next);
        Poll::Ready(timeout)
    }

    /// The next tick comes one period from now.
    ///
    /// # Examples
    /// ```
    /// use filch::time::{Duration, Instant, interval, sleep};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    /// #     .unwrap().block_on(async {
    /// let mut ticks = interval(Duration::from_millis(100));
    /// ticks.tick().await;
    /// sleep(Duration::from_millis(50)).await;
    /// ticks.reset();
    /// let reset = Instant::now();
    /// ticks.tick().await;
    /// assert!(reset.elapsed() >= Duration::from_millis(100));
    /// # });
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once, and the following ones every period after it.
    pub fn reset_immediately(&mut self) {
        let now = self.delay.now();
        self.reset_at(now);
    }

    /// The next tick comes `after` from now, and the following ones every period after it.
    pub fn reset_after(&mut self, after: Duration) {
        let deadline = Instant::saturating_after(self.delay.now(), after);
        self.reset_at(deadline);
    }

    /// The next tick comes at `deadline`, and the following ones every period after it.
    ///
    /// A deadline in the past counts as a missed tick.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What happens when a tick was missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Chooses what happens when a tick was missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn missed_tick_is_followed_as_the_table_says() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let period = Duration::from_millis(50);
        for (behavior, next) in [
            (MissedTickBehavior::Burst, at(100)),
            (MissedTickBehavior::Delay, at(170)),
            (MissedTickBehavior::Skip, at(150)),
        ] {
            assert_eq!(behavior.next(at(50), at(120), period), next, "{behavior:?}");
        }
        // Late by exactly one period: the tick of that moment is the one that is skipped.
        assert_eq!(MissedTickBehavior::Skip.next(at(50), at(100), period), at(150));
    }

    #[test]
    fn period_beyond_the_clock_saturates() {
        let now = Instant::now();
        let late = now + Duration::from_secs(1);
        for behavior in
            [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip]
        {
            assert!(behavior.next(now, late, Duration::MAX) > late, "{behavior:?}");
        }
    }

    #[test]
    fn nanoseconds_convert_both_ways() {
        for duration in [Duration::ZERO, Duration::from_nanos(1_999_999_999), Duration::MAX] {
            assert_eq!(from_nanos(duration.as_nanos()), duration);
        }
    }
}
