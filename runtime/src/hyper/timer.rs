//! hyper's `Timer`: header and keep-alive time-outs on filch's timer wheel.

use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::time;

/// filch's timer for hyper.
///
/// The futures that it makes are [`time::Sleep`]s: never early, and part of a paused clock, which is also
/// what [`now`](::hyper::rt::Timer::now) reads. A reset moves the timer in place: no allocation.
///
/// # Panics
///
/// `sleep` and `sleep_until` panic outside of a runtime, and in one without timers
/// ([`enable_time`](crate::runtime::Builder::enable_time)).
///
/// # Examples
///
/// ```
/// use hyper::rt::Timer as _;
/// use std::time::Duration;
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let timer = filch::hyper::Timer::new();
/// let start = timer.now();
/// timer.sleep(Duration::from_secs(5)).await;
/// assert!(timer.now() - start >= Duration::from_secs(5));
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Timer;

impl Timer {
    /// A timer. It holds nothing.
    pub const fn new() -> Self {
        Timer
    }
}

impl ::hyper::rt::Sleep for time::Sleep {}

impl ::hyper::rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn ::hyper::rt::Sleep>> {
        Box::pin(time::sleep(duration))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn ::hyper::rt::Sleep>> {
        Box::pin(time::sleep_until(deadline.into()))
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn ::hyper::rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<time::Sleep>() {
            Some(sleep) => sleep.reset(new_deadline.into()),
            // Another timer's: replaced by one of ours.
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use ::hyper::rt::Timer as _;
    use std::future::Future;
    use std::task::{Context, Poll};

    fn block_on_paused(future: impl Future<Output = ()>) {
        Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(future);
    }

    /// How much of the paused clock's time `sleep` takes.
    async fn elapsed(sleep: Pin<Box<dyn ::hyper::rt::Sleep>>) -> Duration {
        let start = Timer::new().now();
        sleep.await;
        Timer::new().now() - start
    }

    fn lasts(elapsed: Duration, wanted: Duration) {
        let late = elapsed.checked_sub(wanted).expect("early");
        assert!(late <= Duration::from_millis(2), "late by {late:?}");
    }

    #[test]
    fn both_kinds_of_sleep_last_as_long_as_asked_for() {
        block_on_paused(async {
            let timer = Timer::new();
            let minute = Duration::from_secs(60);
            lasts(elapsed(timer.sleep(minute)).await, minute);
            lasts(elapsed(timer.sleep_until(timer.now() + minute)).await, minute);
            let past = timer.now();
            timer.sleep(minute).await;
            lasts(elapsed(timer.sleep_until(past)).await, Duration::ZERO);
        });
    }

    #[test]
    fn reset_moves_the_sleep_in_place() {
        block_on_paused(async {
            let timer = Timer::new();
            let mut sleep = timer.sleep(Duration::from_secs(1));
            let before: *const dyn ::hyper::rt::Sleep = &*sleep;
            let minute = Duration::from_secs(60);
            timer.reset(&mut sleep, timer.now() + minute);
            assert!(std::ptr::addr_eq(before, &*sleep), "a new allocation");
            lasts(elapsed(sleep).await, minute);
        });
    }

    /// A sleep that is not ours.
    struct Never;

    impl Future for Never {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    impl ::hyper::rt::Sleep for Never {}

    #[test]
    fn reset_replaces_a_foreign_sleep() {
        block_on_paused(async {
            let timer = Timer::new();
            let mut sleep: Pin<Box<dyn ::hyper::rt::Sleep>> = Box::pin(Never);
            let minute = Duration::from_secs(60);
            timer.reset(&mut sleep, timer.now() + minute);
            lasts(elapsed(sleep).await, minute);
        });
    }
}
