//! Stopping the clock of a runtime, for tests.
//!
//! The clock belongs to the runtime (`filch_timer::Clock`); whoever never pauses one pays nothing. That
//! time jumps forward when a paused runtime has nothing else to do is decided where it waits
//! (`driver`).

use std::time::Duration;

use filch_primitives::Arc;

use crate::driver::TimeHandle;
use crate::runtime::RuntimeFlavor;

/// The current runtime's timers, if its clock may be stopped at all.
#[track_caller]
fn stoppable(function: &str) -> Arc<TimeHandle> {
    let time = crate::context::time_handle();
    let flavor = crate::context::current().runtime_flavor();
    assert!(
        flavor == RuntimeFlavor::CurrentThread,
        "`time::{function}()` requires the `current_thread` runtime: with several workers no moment \
         exists at which all of them agree that there is nothing to do but to let time pass"
    );
    time
}

/// Stops the current runtime's clock, for tests.
///
/// [`Instant::now`](crate::time::Instant::now) stands still from here on. Whenever the runtime has
/// nothing else to do (no task is ready, no event is there, no blocking work is under way), the clock
/// jumps to the next timer: a test that sleeps for an hour takes no time, and the order of events is
/// that of their deadlines. [`advance`] moves it by hand. Time read from
/// [`std::time::Instant`] goes on.
///
/// [`Builder::start_paused`](crate::runtime::Builder::start_paused) begins with a stopped clock.
///
/// # Panics
/// If the clock is stopped already; outside of a current-thread runtime with timers.
///
/// # Examples
/// ```
/// use filch::time::{self, Duration, Instant};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// time::pause();
/// let (start, real) = (Instant::now(), std::time::Instant::now());
/// time::sleep(Duration::from_secs(3_600)).await;
/// assert!(start.elapsed() >= Duration::from_secs(3_600));
/// assert!(real.elapsed() < Duration::from_secs(60));
/// # });
/// ```
#[track_caller]
pub fn pause() {
    if let Err(error) = stoppable("pause").timers().clock().pause() {
        panic!("`time::pause()` cannot stop the clock: {error}");
    }
}

/// Lets the current runtime's clock go on, from the time at which it stands.
///
/// # Panics
/// If the clock is not stopped; outside of a current-thread runtime with timers.
///
/// # Examples
/// ```
/// use filch::time::{self, Instant};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// time::pause();
/// let stopped = Instant::now();
/// assert_eq!(Instant::now(), stopped);
/// time::resume();
/// while Instant::now() == stopped {}
/// # });
/// ```
#[track_caller]
pub fn resume() {
    if let Err(error) = stoppable("resume").timers().clock().resume() {
        panic!("`time::resume()` cannot start the clock: {error}");
    }
}

/// Moves the current runtime's stopped clock forward by `duration`, then yields.
///
/// Timers that are due by then have their tasks woken before this yields, all at once: a task that
/// sleeps twice has its second sleep counted from the new time. To go through the deadlines one after
/// the other, `sleep` instead and let the clock jump by itself.
///
/// # Panics
/// If the clock is not stopped; outside of a current-thread runtime with timers. In the first poll.
///
/// # Cancel safety
/// Once it has been polled the clock has moved, whether or not it is polled again.
///
/// # Examples
/// ```
/// use filch::time::{self, Duration, Instant};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let start = Instant::now();
/// time::advance(Duration::from_secs(5)).await;
/// assert_eq!(start.elapsed(), Duration::from_secs(5));
/// # });
/// ```
pub async fn advance(duration: Duration) {
    {
        let time = stoppable("advance");
        let clock = time.timers().clock();
        if let Err(error) = clock.advance(duration) {
            panic!("`time::advance()` cannot move the clock: {error}");
        }
        time.timers().fire_due(clock.now());
    }
    crate::task::yield_now().await;
}
