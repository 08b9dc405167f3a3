//! What the tests share: a waker that counts, and a poll with it.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use filch_timer::{Clock, PollTimer, TimerEntry, Timers};

/// Counts its wakes.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Count {
    pub fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), count.into())
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Wakes by calling a closure.
pub struct Call<F>(pub F);

impl<F: Fn() + Send + Sync + 'static> Wake for Call<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub fn call(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Call(f)).into()
}

pub fn entry(deadline: Instant) -> Pin<Box<TimerEntry>> {
    Box::pin(TimerEntry::new(deadline))
}

pub fn poll(entry: &mut Pin<Box<TimerEntry>>, timers: &Timers, waker: &Waker) -> PollTimer {
    entry.as_mut().poll(timers, 0, &mut Context::from_waker(waker))
}

pub fn is_pending(poll: PollTimer) -> bool {
    matches!(poll, PollTimer::Pending { .. })
}

pub const MS: Duration = Duration::from_millis(1);
pub const US: Duration = Duration::from_micros(1);

/// One shard on a paused clock, and the time that it shows.
pub fn paused() -> (Timers, Instant) {
    let timers = Timers::new(1, Clock::new(true));
    let now = timers.clock().now();
    (timers, now)
}

/// Moves the paused clock, and fires.
pub fn advance(timers: &Timers, by: Duration) -> usize {
    timers.clock().advance(by).unwrap();
    timers.fire_due(timers.clock().now())
}
