//! Timers: armed, reset and cancelled by several threads while others fire them; and time-outs, sleeps and
//! delays inside of a runtime, whose time passes at drawn moments.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use filch::sync::{Notify, oneshot};
use filch::time::{sleep, timeout};
use filch_loom_tests::Count;
use filch_loom_tests::random::{below, between, chance, yields};
use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::thread;
use filch_timer::{Clock, PollTimer, TimerEntry, Timers};

use crate::support::{World, let_others_run};

/// A tick of the wheel.
const TICK: Duration = Duration::from_nanos(1 << 15);

/// Two to four threads arm, reset, cancel and drop entries in all shards, moving others' too; one or two move
/// the clock and fire. Whatever is armed when all is quiet fires once its time has come, and never before.
pub fn timers_across_threads() {
    let shards = between(1, 3);
    let timers = Arc::new(Timers::new(shards, Clock::new(true)));
    let start = timers.clock().now();
    let is_over = Arc::new(AtomicBool::new(false));
    let firing: Vec<_> = (0..between(1, 2))
        .map(|_| {
            let (timers, is_over) = (timers.clone(), is_over.clone());
            thread::spawn(move || {
                while !is_over.load(Ordering::Acquire) {
                    if let Some(at) = timers.next_expiry() {
                        if chance(2) {
                            timers.clock().advance_to(at);
                        }
                    }
                    timers.fire_due(timers.clock().now());
                    thread::yield_now();
                }
            })
        })
        .collect();
    let arming: Vec<_> = (0..between(2, 4))
        .map(|_| {
            let timers = timers.clone();
            thread::spawn(move || arms(&timers, shards, start))
        })
        .collect();
    let mut left: Vec<Waits> = Vec::new();
    for arming in arming {
        left.extend(arming.join().unwrap());
    }
    is_over.store(true, Ordering::Release);
    for firing in firing {
        firing.join().unwrap();
    }
    // What was armed by one thread is dropped by another, or fires now.
    left.truncate(below(left.len() + 1));
    while let Some(at) = timers.next_expiry() {
        timers.clock().advance_to(at);
        assert!(timers.fire_due(timers.clock().now()) > 0 || timers.next_expiry() > Some(at));
    }
    for waits in &mut left {
        assert!(waits.poll(&timers, 0), "its time has come");
        assert!(waits.woken.get() >= 1 || !waits.was_pending, "nobody woke it");
    }
    assert!(timers.is_empty());
}

/// An entry and who waits for it.
struct Waits {
    entry: Pin<Box<TimerEntry>>,
    woken: Count,
    waker: Waker,
    was_pending: bool,
}

impl Waits {
    fn new(deadline: Instant) -> Waits {
        let woken = Count::new();
        let waker = woken.on_wake();
        Waits { entry: Box::pin(TimerEntry::new(deadline)), woken, waker, was_pending: false }
    }

    /// Whether its time has come: never early.
    fn poll(&mut self, timers: &Timers, shard: usize) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        match self.entry.as_mut().poll(timers, shard, &mut cx) {
            PollTimer::Elapsed => {
                assert!(timers.clock().now() >= self.entry.deadline(), "early");
                true
            }
            PollTimer::Pending { .. } => {
                self.was_pending = true;
                false
            }
            PollTimer::Shutdown => unreachable!("nobody shuts them down"),
        }
    }
}

/// Gives back what is still waiting.
fn arms(timers: &Timers, shards: usize, start: Instant) -> Vec<Waits> {
    let soon = || start + TICK * between(1, 40) as u32;
    let mut waiting: Vec<Waits> = Vec::new();
    for _ in 0..between(2, 8) {
        match below(5) {
            0 if !waiting.is_empty() => {
                let at = below(waiting.len());
                let waits = &mut waiting[at];
                let _ = waits.entry.as_mut().reset(soon());
                if waits.poll(timers, below(shards)) {
                    drop(waiting.remove(at));
                }
            }
            1 if !waiting.is_empty() => {
                let at = below(waiting.len());
                waiting[at].entry.as_mut().cancel();
                if waiting[at].poll(timers, below(shards)) {
                    drop(waiting.remove(at));
                }
            }
            2 if !waiting.is_empty() => drop(waiting.remove(below(waiting.len()))),
            _ => {
                let mut waits = Waits::new(soon());
                if !waits.poll(timers, below(shards)) {
                    waiting.push(waits);
                }
            }
        }
    }
    waiting
}

/// Sleeps, and time-outs around channels, notifications and each other, on all workers and in `block_on`:
/// each is over in the end, and a time-out says rightly what it was.
pub fn timeouts_inside_of_a_runtime() {
    let world = World::new();
    let notify = Arc::new(Notify::new());
    let mut joins = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..between(2, 6) {
        let entry = world.books.entry();
        let (sender, receiver) = oneshot::channel();
        let notify = notify.clone();
        senders.push(sender);
        joins.push(world.runtime.spawn(async move {
            let _entry = entry;
            let limit = Duration::from_micros(30 * between(1, 40) as u64);
            let began = filch::time::Instant::now();
            match below(4) {
                0 => {
                    sleep(limit).await;
                    assert!(began.elapsed() >= limit, "early");
                }
                1 => match timeout(limit, receiver).await {
                    // An error where the sender was dropped unused.
                    Ok(received) => assert!(received.is_err() || received == Ok(7)),
                    Err(_) => assert!(began.elapsed() >= limit, "early"),
                },
                2 => {
                    if timeout(limit, notify.notified()).await.is_err() {
                        assert!(began.elapsed() >= limit, "early");
                    }
                }
                _ => {
                    // Armed here, awaited wherever the task is stolen to; or never.
                    let mut sleeping = pin!(sleep(limit));
                    let is_armed =
                        poll_fn(|cx| Poll::Ready(sleeping.as_mut().poll(cx).is_pending())).await;
                    yields(2).await;
                    if is_armed && chance(2) {
                        sleeping.await;
                        assert!(began.elapsed() >= limit, "early");
                    }
                }
            }
        }));
    }
    let aborts: Vec<_> = joins.iter().map(|join| join.abort_handle()).collect();
    let others = thread::spawn(move || {
        for (sender, abort) in senders.into_iter().zip(aborts) {
            let_others_run();
            match below(4) {
                0 => abort.abort(),
                1 => notify.notify_waiters(),
                _ => drop(sender.send(7)),
            }
        }
    });
    world.runtime.block_on(async {
        sleep(TICK * 3).await;
        for join in joins {
            if let Err(error) = join.await {
                assert!(error.is_cancelled(), "{error:?}");
            }
        }
    });
    others.join().unwrap();
    world.end();
}
