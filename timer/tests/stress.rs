//! Threads that arm, cancel, reset and hand over entries while others fire them.
#![cfg(not(filch_loom))]

mod common;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{entry, is_pending};
use filch_primitives::rand::Rng;
use filch_timer::{Clock, PollTimer, TimerEntry, Timers};

const THREADS: usize = 3;
const STEPS: usize = if cfg!(miri) { 100 } else { 20_000 };

/// Unparks its thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits like a future's thread: only a wake lets it look again.
fn wait(entry: &mut Pin<Box<TimerEntry>>, timers: &Timers, shard: usize) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    while is_pending(entry.as_mut().poll(timers, shard, &mut cx)) {
        thread::park();
    }
}

fn worker(
    timers: &Timers,
    shard: usize,
    seed: u64,
    to: &mpsc::Sender<Pin<Box<TimerEntry>>>,
    from: &mpsc::Receiver<Pin<Box<TimerEntry>>>,
) -> usize {
    let rng = Rng::new(seed);
    let mut own: Vec<Pin<Box<TimerEntry>>> = Vec::new();
    let mut elapsed = 0;
    let soon = || Instant::now() + Duration::from_nanos(rng.next_u64() >> (43 + rng.below(8)));
    for step in 0..STEPS {
        // Another waker on each step: will_wake differs, so polls go through the lock too.
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        while let Ok(entry) = from.try_recv() {
            own.push(entry);
        }
        if own.is_empty() || (own.len() < 64 && rng.below(3) == 0) {
            let mut entry = entry(soon());
            let _armed = entry.as_mut().poll(timers, shard, &mut cx);
            own.push(entry);
            continue;
        }
        let at = rng.below(own.len() as u32) as usize;
        match rng.below(6) {
            0 => drop(own.swap_remove(at)),
            1 => drop(own[at].as_mut().reset(soon())),
            2 => own[at].as_mut().cancel(),
            // Where the other thread is done, the entry comes back and is dropped.
            3 => drop(to.send(own.swap_remove(at))),
            4 if step % 64 == 0 => {
                wait(&mut own[at], timers, shard);
                assert!(Instant::now() >= own[at].deadline(), "early");
                elapsed += 1;
            }
            _ => {
                let entry = &mut own[at];
                if entry.as_mut().poll(timers, shard, &mut cx) == PollTimer::Elapsed {
                    assert!(Instant::now() >= entry.deadline(), "early");
                    elapsed += 1;
                    let _disarmed = entry.as_mut().reset(soon());
                }
            }
        }
    }
    for entry in &mut own {
        wait(entry, timers, shard);
        assert!(Instant::now() >= entry.deadline(), "early");
        elapsed += 1;
    }
    elapsed
}

#[test]
fn arm_cancel_reset_hand_over_while_two_threads_fire() {
    let timers = Timers::new(THREADS, Clock::new(false));
    let stop = AtomicBool::new(false);
    let elapsed = AtomicUsize::new(0);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    thread::scope(|scope| {
        let firing = [(); 2].map(|()| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    timers.fire_due(timers.clock().now());
                    thread::yield_now();
                }
            })
        });
        let workers: Vec<_> = receivers
            .into_iter()
            .enumerate()
            .map(|(n, from)| {
                let to = senders[(n + 1) % THREADS].clone();
                let (timers, elapsed) = (&timers, &elapsed);
                scope.spawn(move || {
                    let count = worker(timers, n, 7 + n as u64, &to, &from);
                    elapsed.fetch_add(count, Ordering::Relaxed);
                    // What is still in the channel is dropped armed, on this thread.
                })
            })
            .collect();
        drop(senders);
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Ordering::Relaxed);
        // Joined, which a sanitizer sees; what ends a scope it does not see.
        firing.into_iter().for_each(|thread| thread.join().unwrap());
        for result in results {
            result.unwrap();
        }
    });
    assert!(elapsed.into_inner() > 0);
    assert_eq!(timers.len(), 0, "every entry fired or was cancelled");
}

/// Every entry fires exactly once, however many threads fire at the same time.
#[test]
fn many_threads_fire_each_entry_once() {
    let timers = Timers::new(2, Clock::new(true));
    let now = timers.clock().now();
    let entries_a_round = 200;
    for round in 1..=50u32 {
        let (count, waker) = common::Count::new();
        let start = timers.clock().now();
        let mut entries: Vec<_> = (0..entries_a_round)
            .map(|n| {
                let mut entry = entry(start + Duration::from_micros(1 + n * u64::from(round)));
                let mut cx = Context::from_waker(&waker);
                assert!(is_pending(entry.as_mut().poll(&timers, n as usize, &mut cx)));
                entry
            })
            .collect();
        timers.clock().advance(Duration::from_millis(1) * round).unwrap();
        let barrier = Barrier::new(3);
        let fired: usize = thread::scope(|scope| {
            let fire = || {
                barrier.wait();
                timers.fire_due(timers.clock().now())
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(fire)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((fired, count.get()), (entries.len(), entries.len()));
        for entry in &mut entries {
            assert!(entry.is_elapsed());
        }
    }
    assert!(timers.clock().now() > now);
}

/// A shutdown in the middle of arming: every entry is either refused or woken.
#[test]
fn shutdown_leaves_nobody_waiting() {
    for seed in 0..50 {
        let timers = Timers::new(2, Clock::new(false));
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            let threads = [0, 1].map(|shard| {
                let (timers, barrier) = (&timers, &barrier);
                scope.spawn(move || {
                    let rng = Rng::new(seed);
                    let mut entries: Vec<_> = (0..rng.below(50))
                        .map(|_| entry(Instant::now() + Duration::from_secs(3600)))
                        .collect();
                    barrier.wait();
                    for entry in &mut entries {
                        wait(entry, timers, shard);
                        assert!(!entry.is_elapsed());
                    }
                })
            });
            barrier.wait();
            timers.shutdown();
            // Joined, which a sanitizer sees; what ends a scope it does not see.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert!(timers.is_empty());
    }
}
