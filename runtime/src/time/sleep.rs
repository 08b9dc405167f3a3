//! One wait until one moment.
//!
//! A `Sleep` is a timer entry and the way to its runtime. Made on a worker it holds that worker's
//! `TimeHandle`, so that creating and dropping it touches memory of that worker only; the entry is put
//! into the worker's shard of the wheel at the first poll that finds the deadline ahead.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use filch_primitives::Arc;
use filch_primitives::coop;
use filch_timer::{PollTimer, TimerEntry};
use pin_project_lite::pin_project;

use crate::driver::TimeHandle;
use crate::time::Instant;

/// Waits until `duration` has passed, counted from this call (not from the first poll).
///
/// Never early. Late by the time that the runtime needs to get round to it: on an idle machine well
/// under a millisecond for sleeps of a few milliseconds; timers farther off share wake-ups by the
/// millisecond. Use [`interval`](crate::time::interval) for something that happens regularly: it
/// does not add up the lateness. Asked for more than the clock can represent, it waits for thirty
/// years.
///
/// Costs no allocation; dropped before its first poll it has touched nothing that another thread uses.
///
/// # Panics
/// Outside of a runtime, or if the runtime has no timers
/// ([`enable_time`](crate::runtime::Builder::enable_time)): in this call. When polled after the runtime
/// has been shut down.
///
/// # Cancel safety
/// Dropping it cancels the timer and loses nothing.
///
/// # Examples
/// ```
/// use filch::time::{Duration, sleep};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// sleep(Duration::from_millis(100)).await;
/// println!("100 ms have elapsed");
/// # });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let time = crate::context::time_handle();
    let now = Instant::from_std(time.timers().clock().now());
    Sleep::new(time, Instant::saturating_after(now, duration))
}

/// Waits until `deadline`. One that has passed completes at the first poll.
///
/// As [`sleep`] in everything else.
///
/// # Panics
/// As [`sleep`].
///
/// # Cancel safety
/// Dropping it cancels the timer and loses nothing.
///
/// # Examples
/// ```
/// use filch::time::{Duration, Instant, sleep_until};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// sleep_until(Instant::now() + Duration::from_millis(100)).await;
/// # });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(crate::context::time_handle(), deadline)
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    ///
    /// It is not `Unpin`: the runtime refers to the timer inside. To poll it by reference (in `select!`
    /// in a loop, say) pin it to the stack with [`pin!`](std::pin::pin) or to the heap with
    /// [`Box::pin`]; a struct that holds one projects to it or holds a `Pin<Box<Sleep>>`.
    ///
    /// # Panics
    /// When polled after its runtime has been shut down.
    ///
    /// # Cancel safety
    /// Dropping it cancels the timer and loses nothing.
    ///
    /// # Examples
    /// One limit for a whole loop:
    /// ```
    /// use filch::time::{Duration, sleep};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    /// #     .unwrap().block_on(async {
    /// let mut limit = std::pin::pin!(sleep(Duration::from_millis(50)));
    /// while !limit.is_elapsed() {
    ///     // ... something short, here a wait for the limit itself ...
    ///     limit.as_mut().await;
    /// }
    /// # });
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Sleep {
        time: Arc<TimeHandle>,
        #[pin]
        entry: TimerEntry,
    }
}

impl Sleep {
    pub(crate) fn new(time: Arc<TimeHandle>, deadline: Instant) -> Sleep {
        Sleep { time, entry: TimerEntry::new(deadline.into_std()) }
    }

    /// Allows it to complete up to `tolerance` later, at a moment that it shares with others that have a
    /// tolerance: the runtime then wakes up once for all of them.
    ///
    /// For what need not be on time: cleaning up, keep-alives, flushing statistics. A thousand sleeps
    /// spread over a second cost a thousand wake-ups; with a tolerance of 100 ms they cost 17 at most.
    ///
    /// The moment is chosen here, once: [`deadline`](Sleep::deadline) is that moment from now on, and
    /// [`reset`](Sleep::reset) sets a deadline without tolerance. It is the roundest time of the runtime's
    /// clock within the tolerance, so equal inputs meet again, on every worker; never before the deadline
    /// that was asked for. Costs a few instructions; the timer is not bigger for it.
    ///
    /// # Examples
    /// ```
    /// use filch::time::{Duration, Instant, sleep};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    /// #     .unwrap().block_on(async {
    /// let start = Instant::now();
    /// sleep(Duration::from_secs(60)).tolerance(Duration::from_secs(5)).await;
    /// let slept = start.elapsed();
    /// assert!(slept >= Duration::from_secs(60) && slept <= Duration::from_secs(65));
    /// # });
    /// ```
    pub fn tolerance(self, tolerance: Duration) -> Sleep {
        // By value, so not pinned and not polled yet: another entry is as good.
        let moment = self.time.timers().coalesce(self.entry.deadline(), tolerance);
        Sleep::new(self.time, Instant::from_std(moment))
    }

    /// When it completes, or did.
    pub fn deadline(&self) -> Instant {
        Instant::from_std(self.entry.deadline())
    }

    /// Whether it has completed: whether the runtime has seen the deadline pass.
    ///
    /// False in any case before the first poll, and again after [`reset`](Sleep::reset).
    pub fn is_elapsed(&self) -> bool {
        self.entry.is_elapsed()
    }

    /// Moves the deadline, to later or to earlier. Works before and after it has completed.
    ///
    /// A task that waits for it goes on waiting, and is woken at the new deadline without polling it
    /// again. Costs the lock of the timer's shard if somebody waits, else a store.
    ///
    /// # Examples
    /// ```
    /// use filch::time::{Duration, Instant, sleep};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    /// #     .unwrap().block_on(async {
    /// let mut idle = std::pin::pin!(sleep(Duration::from_secs(10)));
    /// // Something happened: the ten seconds begin again.
    /// idle.as_mut().reset(Instant::now() + Duration::from_secs(10));
    /// idle.await;
    /// # });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        if let Some(at) = this.entry.reset(deadline.into_std()) {
            this.time.lowered(at);
        }
    }

    /// The present moment of the clock that this timer runs by.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_std(self.time.timers().clock().now())
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.project();
        match this.entry.poll(this.time.timers(), this.time.shard(), cx) {
            PollTimer::Elapsed => {
                coop.made_progress();
                Poll::Ready(())
            }
            PollTimer::Pending { became_earliest } => {
                if let Some(at) = became_earliest {
                    this.time.lowered(at);
                }
                Poll::Pending
            }
            PollTimer::Shutdown => shut_down(),
        }
    }
}

#[cold]
fn shut_down() -> ! {
    panic!(
        "A filch context was found, but it is being shutdown: this timer's runtime has been shut \
         down, and nobody is left to wake its task"
    )
}
