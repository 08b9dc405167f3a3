//! Wakers that misbehave, or come back: they panic, arm, cancel, drop.
#![cfg(not(filch_loom))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use common::{Count, MS, advance, call, entry, is_pending, paused, poll};
use filch_timer::{Clock, PollTimer, TimerEntry, Timers};

/// More than two batches.
const MANY: usize = 100;

#[test]
fn panicking_wakers_lose_no_other_wake() {
    let (timers, now) = paused();
    let (count, counting) = Count::new();
    let panicking = call(|| panic!("a waker's panic"));
    let mut entries: Vec<_> = (0..MANY).map(|_| entry(now + MS)).collect();
    for (n, entry) in entries.iter_mut().enumerate() {
        let waker = if n % 3 == 0 { &panicking } else { &counting };
        assert!(is_pending(poll(entry, &timers, waker)));
    }
    assert_eq!(advance(&timers, MS), MANY);
    assert_eq!(count.get(), MANY - MANY.div_ceil(3));
    assert!(entries.iter().all(|entry| entry.is_elapsed()));
    // Nothing is poisoned or locked.
    let mut again = entry(now + 2 * MS);
    assert!(is_pending(poll(&mut again, &timers, &counting)));
    assert_eq!(advance(&timers, MS), 1);
}

#[test]
fn panic_whose_payload_panics_in_its_drop_is_survived() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload's drop");
        }
    }
    let (timers, now) = paused();
    let (count, counting) = Count::new();
    let bomb = call(|| std::panic::panic_any(Bomb));
    let mut entries = [entry(now + MS), entry(now + MS)];
    for (entry, waker) in entries.iter_mut().zip([&bomb, &counting]) {
        assert!(is_pending(poll(entry, &timers, waker)));
    }
    assert_eq!(advance(&timers, MS), 2);
    assert_eq!(count.get(), 1);
}

#[test]
fn panicking_wakers_do_not_stop_a_shutdown() {
    let (timers, now) = paused();
    let panicking = call(|| panic!("a waker's panic"));
    let mut entries: Vec<_> = (0..MANY).map(|_| entry(now + MS)).collect();
    for entry in &mut entries {
        assert!(is_pending(poll(entry, &timers, &panicking)));
    }
    timers.shutdown();
    for entry in &mut entries {
        assert_eq!(poll(entry, &timers, Waker::noop()), PollTimer::Shutdown);
    }
}

#[test]
fn panicking_clone_leaves_the_entry_disarmed() {
    use std::task::{RawWaker, RawWakerVTable};
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a waker's clone"), |_| {}, |_| {}, |_| {});
    // SAFETY: no function uses the data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let (timers, now) = paused();
    let mut fresh = entry(now + MS);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut fresh, &timers, &waker))).is_err());
    assert!(!fresh.is_armed() && timers.is_empty());
    // Also where another waker is registered: that one stays.
    let (count, counting) = Count::new();
    assert!(is_pending(poll(&mut fresh, &timers, &counting)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut fresh, &timers, &waker))).is_err());
    assert_eq!(advance(&timers, MS), 1);
    assert_eq!(count.get(), 1);
}

type Slot = Arc<Mutex<Option<Pin<Box<TimerEntry>>>>>;

/// A waker that arms another entry, resets a second, drops a third, all in the same shard.
#[test]
fn waker_may_arm_reset_and_drop_entries() {
    let timers = Arc::new(Timers::new(1, Clock::new(true)));
    let now = timers.clock().now();
    let (count, counting) = Count::new();
    let armed = |deadline| {
        let mut entry = entry(deadline);
        assert!(is_pending(poll(&mut entry, &timers, &counting)));
        Arc::new(Mutex::new(Some(entry)))
    };
    let reset: Slot = armed(now + 50 * MS);
    let dropped: Slot = armed(now + 3 * MS);
    let fresh: Slot = Arc::new(Mutex::new(Some(entry(now + 4 * MS))));
    let waker = {
        let (timers, reset, dropped, fresh) =
            (timers.clone(), reset.clone(), dropped.clone(), fresh.clone());
        let counting = counting.clone();
        call(move || {
            let mut fresh = fresh.lock().unwrap();
            assert!(is_pending(poll(fresh.as_mut().unwrap(), &timers, &counting)));
            let mut reset = reset.lock().unwrap();
            assert!(reset.as_mut().unwrap().as_mut().reset(now + 5 * MS).is_some());
            drop(dropped.lock().unwrap().take());
            assert_eq!(timers.len(), 2);
        })
    };
    let mut first = entry(now + MS);
    assert!(is_pending(poll(&mut first, &timers, &waker)));
    assert_eq!(advance(&timers, MS), 1);
    assert_eq!(timers.next_expiry(), Some(now + 4 * MS));
    assert_eq!(advance(&timers, 10 * MS), 2);
    assert_eq!(count.get(), 2);
}

/// A waker whose last clone owns an armed entry of the same shard: dropping it unlinks that one.
#[test]
fn displaced_waker_may_own_an_entry_of_the_same_shard() {
    let (timers, now) = paused();
    let owner = |deadline| {
        let mut owned = entry(deadline);
        assert!(is_pending(poll(&mut owned, &timers, Waker::noop())));
        let owned = Mutex::new(owned);
        call(move || assert!(owned.lock().unwrap().is_armed()))
    };
    // By a poll with another waker.
    let mut entry_ = entry(now + MS);
    assert!(is_pending(poll(&mut entry_, &timers, &owner(now + 50 * MS))));
    assert_eq!(timers.len(), 2);
    assert!(is_pending(poll(&mut entry_, &timers, Waker::noop())));
    assert_eq!(timers.len(), 1);
    // By a drop.
    let mut second = entry(now + MS);
    assert!(is_pending(poll(&mut second, &timers, &owner(now + 50 * MS))));
    drop(second);
    assert_eq!(timers.len(), 1);
    // By firing.
    let mut third = entry(now + MS);
    assert!(is_pending(poll(&mut third, &timers, &owner(now + 50 * MS))));
    assert_eq!(advance(&timers, MS), 2);
    assert_eq!(timers.len(), 0);
}

#[test]
fn firing_from_within_a_waker_fires_the_rest_once() {
    let timers = Arc::new(Timers::new(1, Clock::new(true)));
    let now = timers.clock().now();
    let (count, counting) = Count::new();
    let nested = {
        let timers = timers.clone();
        call(move || {
            timers.fire_due(timers.clock().now());
        })
    };
    let mut entries: Vec<_> = (0..MANY).map(|_| entry(now + MS)).collect();
    for (n, entry) in entries.iter_mut().enumerate() {
        let waker = if n == 0 { &nested } else { &counting };
        assert!(is_pending(poll(entry, &timers, waker)));
    }
    timers.clock().advance(MS).unwrap();
    timers.fire_due(timers.clock().now());
    assert_eq!(count.get(), MANY - 1);
    assert!(timers.is_empty() && timers.next_expiry().is_none());
}
