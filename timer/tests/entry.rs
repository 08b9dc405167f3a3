//! What an entry does: arm, fire, cancel, reset, change its waker, shut down.
#![cfg(not(filch_loom))]

mod common;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::{Count, MS, US, advance, call, entry, is_pending, paused, poll};
use filch_timer::{Clock, PollTimer, TimerEntry, TimerError, Timers};

#[test]
fn sizes() {
    // On 64-bit Linux 80; other systems have larger or smaller `Instant`s.
    assert!(size_of::<TimerEntry>() <= 80, "{}", size_of::<TimerEntry>());
}

#[test]
fn types_are_send_sync_and_unwind_safe() {
    fn check<T: Send + Sync>() {}
    check::<TimerEntry>();
    check::<Timers>();
    check::<Clock>();
    check::<TimerError>();
    fn check_unwind<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check_unwind::<Timers>();
    check_unwind::<Clock>();
}

#[test]
fn fires_at_its_deadline_and_not_before() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut entry = entry(now + 5 * MS);
    assert_eq!(entry.deadline(), now + 5 * MS);
    let armed = poll(&mut entry, &timers, &waker);
    assert_eq!(armed, PollTimer::Pending { became_earliest: Some(now + 5 * MS) });
    assert!(entry.is_armed() && timers.len() == 1);
    assert_eq!(timers.next_expiry(), Some(now + 5 * MS));
    assert_eq!(advance(&timers, 5 * MS - Duration::from_nanos(1)), 0);
    assert!(!entry.is_elapsed() && count.get() == 0);
    assert_eq!(advance(&timers, Duration::from_nanos(1)), 1);
    assert!(entry.is_elapsed() && count.get() == 1);
    assert_eq!(poll(&mut entry, &timers, &waker), PollTimer::Elapsed);
    assert_eq!(poll(&mut entry, &timers, &waker), PollTimer::Elapsed);
    assert!(timers.is_empty() && timers.next_expiry().is_none());
}

#[test]
fn past_deadline_elapses_at_the_first_poll_without_arming() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    for deadline in [now, now - MS] {
        let mut entry = entry(deadline);
        assert!(!entry.is_elapsed());
        assert_eq!(poll(&mut entry, &timers, &waker), PollTimer::Elapsed);
        assert!(entry.is_elapsed());
    }
    assert!(timers.is_empty() && count.get() == 0);
}

#[test]
fn poll_at_takes_the_callers_time() {
    let (timers, now) = paused();
    let mut cx = Context::from_waker(Waker::noop());
    timers.clock().advance(10 * MS).unwrap();
    let mut early = entry(now + 5 * MS);
    assert!(is_pending(early.as_mut().poll_at(&timers, 0, now, &mut cx)));
    let mut late = entry(now + 5 * MS);
    assert_eq!(late.as_mut().poll_at(&timers, 0, now + 6 * MS, &mut cx), PollTimer::Elapsed);
}

#[test]
fn dropped_entry_wakes_nobody_and_gives_its_waker_back() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut first = entry(now + MS);
    let mut second = entry(now + MS);
    assert!(is_pending(poll(&mut first, &timers, &waker)));
    assert!(is_pending(poll(&mut second, &timers, &waker)));
    assert_eq!(Arc::strong_count(&count), 4);
    drop(first);
    assert_eq!((timers.len(), Arc::strong_count(&count)), (1, 3));
    assert_eq!(advance(&timers, MS), 1);
    assert_eq!((count.get(), Arc::strong_count(&count)), (1, 2));
}

#[test]
fn cancelled_entry_arms_anew_at_its_next_poll() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut entry = entry(now + MS);
    entry.as_mut().cancel();
    assert!(is_pending(poll(&mut entry, &timers, &waker)));
    entry.as_mut().cancel();
    assert!(!entry.is_armed() && timers.is_empty());
    assert_eq!(advance(&timers, MS), 0);
    assert_eq!(poll(&mut entry, &timers, &waker), PollTimer::Elapsed);
    assert_eq!(count.get(), 0);
}

#[test]
fn reset_before_the_first_poll_only_sets_the_deadline() {
    let (timers, now) = paused();
    let (_, waker) = Count::new();
    let mut entry = entry(now);
    assert_eq!(entry.as_mut().reset(now + MS), None);
    assert_eq!(entry.deadline(), now + MS);
    assert!(timers.is_empty());
    assert!(is_pending(poll(&mut entry, &timers, &waker)));
}

#[test]
fn reset_while_armed_wakes_at_the_new_deadline_without_a_poll() {
    let (timers, now) = paused();
    for (deadline, reset_to) in [(5 * MS, 9 * MS), (9 * MS, 5 * MS), (5 * MS, 5 * MS)] {
        let (count, waker) = Count::new();
        let start = timers.clock().now();
        let mut entry = entry(start + deadline);
        assert!(is_pending(poll(&mut entry, &timers, &waker)));
        assert_eq!(entry.as_mut().reset(start + reset_to), Some(start + reset_to));
        assert_eq!((timers.len(), entry.deadline()), (1, start + reset_to));
        assert_eq!(timers.next_expiry(), Some(start + reset_to));
        assert_eq!(advance(&timers, reset_to - US), 0);
        assert_eq!(advance(&timers, US), 1);
        assert_eq!(count.get(), 1);
        assert!(entry.is_elapsed());
    }
    assert!(timers.clock().now() > now);
}

#[test]
fn reset_into_the_past_fires_at_the_next_look() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut entry = entry(now + MS);
    timers.clock().advance(MS / 2).unwrap();
    assert!(is_pending(poll(&mut entry, &timers, &waker)));
    assert!(entry.as_mut().reset(now - MS).is_some());
    assert!(is_pending(poll(&mut entry, &timers, &waker)), "only a look fires");
    assert_eq!(timers.fire_due(timers.clock().now()), 1);
    assert_eq!(count.get(), 1);
}

#[test]
fn reset_after_firing_arms_again_at_the_next_poll() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut entry = entry(now + MS);
    for round in 1..=3u32 {
        assert!(is_pending(poll(&mut entry, &timers, &waker)));
        assert_eq!(advance(&timers, MS), 1);
        assert_eq!(entry.as_mut().reset(now + (round + 1) * MS), None);
        assert!(!entry.is_elapsed());
        assert_eq!(count.get(), round as usize);
    }
}

#[test]
fn reset_on_another_thread_stays_in_the_shard() {
    let timers = Timers::new(4, Clock::new(true));
    let now = timers.clock().now();
    let (count, waker) = Count::new();
    let mut entry = entry(now + 50 * MS);
    let mut cx = Context::from_waker(&waker);
    assert!(is_pending(entry.as_mut().poll(&timers, 2, &mut cx)));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            assert!(entry.as_mut().reset(now + MS).is_some());
            assert!(is_pending(entry.as_mut().poll(&timers, 1, &mut Context::from_waker(&waker))));
        });
        // Joined, which a sanitizer sees; what ends a scope it does not see.
        thread.join().unwrap();
    });
    assert_eq!(timers.len(), 1);
    assert_eq!(advance(&timers, MS), 1);
    assert_eq!(count.get(), 1);
}

#[test]
fn disarmed_entry_may_move_to_other_timers() {
    let (first, now) = paused();
    let (second, _) = paused();
    let (_, waker) = Count::new();
    let mut entry = entry(now + 50 * MS);
    assert!(is_pending(poll(&mut entry, &first, &waker)));
    entry.as_mut().cancel();
    assert!(is_pending(poll(&mut entry, &second, &waker)));
    assert_eq!((first.len(), second.len()), (0, 1));
}

#[test]
fn poll_with_another_waker_wakes_that_one_only() {
    let (timers, now) = paused();
    let (first, first_waker) = Count::new();
    let (second, second_waker) = Count::new();
    let mut entry = entry(now + MS);
    assert!(is_pending(poll(&mut entry, &timers, &first_waker)));
    for _ in 0..3 {
        let again = poll(&mut entry, &timers, &second_waker);
        assert_eq!(again, PollTimer::Pending { became_earliest: None });
    }
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 3));
    assert_eq!(advance(&timers, MS), 1);
    assert_eq!((first.get(), second.get()), (0, 1));
}

#[test]
fn running_clock_tells_of_the_earliest_only_and_a_cancel_does_not_raise_it() {
    let timers = Timers::new(2, Clock::new(false));
    let now = timers.clock().now();
    let (_, waker) = Count::new();
    let hour = Duration::from_secs(3600);
    let mut later = entry(now + 2 * hour);
    let PollTimer::Pending { became_earliest: Some(at) } = poll(&mut later, &timers, &waker) else {
        panic!("the first is the earliest");
    };
    assert!(at >= now + 2 * hour && at < now + 2 * hour + 2 * MS);
    let mut latest = entry(now + 3 * hour);
    assert_eq!(poll(&mut latest, &timers, &waker), PollTimer::Pending { became_earliest: None });
    let mut earlier = entry(now + hour);
    let PollTimer::Pending { became_earliest: Some(at) } = poll(&mut earlier, &timers, &waker)
    else {
        panic!("an earlier one is told");
    };
    assert_eq!(timers.next_expiry(), Some(at));
    drop(earlier);
    assert_eq!(timers.next_expiry(), Some(at), "one early look is the price");
    assert_eq!(timers.fire_due(at), 0);
    assert!(timers.next_expiry().unwrap() > at);
    // Another shard has an earliest of its own.
    let mut other = entry(now + 3 * hour);
    let armed = other.as_mut().poll(&timers, 1, &mut Context::from_waker(&waker));
    assert!(matches!(armed, PollTimer::Pending { became_earliest: Some(_) }));
}

#[test]
fn short_sleeps_are_fine_and_long_or_crowded_ones_coarse() {
    let (timers, now) = paused();
    // A running clock, whose timers' origin is `now`.
    timers.clock().resume().unwrap();
    let tick = Duration::from_nanos(1 << 15);
    let mut cx = Context::from_waker(Waker::noop());
    // When an entry with that deadline fires.
    let mut due = |deadline: Instant, now: Instant| {
        let mut entry = entry(deadline);
        assert!(is_pending(entry.as_mut().poll_at(&timers, 0, now, &mut cx)));
        let at = timers.next_expiry().unwrap();
        drop(entry);
        timers.fire_due(at);
        at
    };
    for n in 1..50u32 {
        let deadline = now + n * 37 * US;
        assert!(due(deadline, now) - deadline < tick);
    }
    for n in 1..50u32 {
        let deadline = now + 20 * MS + n * 37 * US;
        let at = due(deadline, now);
        assert!(at - deadline < 32 * tick);
        assert_eq!((at - now).as_nanos() % (32 << 15), 0);
    }
    let crowd: Vec<_> = (0..4096)
        .map(|_| {
            let mut entry = entry(now + Duration::from_secs(3600));
            assert!(is_pending(entry.as_mut().poll_at(&timers, 0, now, &mut cx)));
            entry
        })
        .collect();
    let start = now + 100 * MS;
    let mut short = entry(start + 2 * MS);
    assert!(is_pending(short.as_mut().poll_at(&timers, 0, start, &mut cx)));
    assert_eq!((timers.next_expiry().unwrap() - now).as_nanos() % (32 << 15), 0);
    drop((crowd, short));
}

#[test]
fn pausing_makes_timers_armed_before_it_exact() {
    let timers = Timers::new(2, Clock::new(false));
    let (count, waker) = Count::new();
    let now = timers.clock().now();
    // Coarse, so its tick comes up to a millisecond after its deadline.
    let mut coarse = entry(now + Duration::from_secs(60) + US);
    let mut fine = entry(now + Duration::from_secs(60) + 2 * US);
    assert!(is_pending(poll(&mut coarse, &timers, &waker)));
    timers.clock().pause().unwrap();
    assert!(is_pending(fine.as_mut().poll(&timers, 0, &mut Context::from_waker(&waker))));
    for entry in [&coarse, &fine] {
        assert_eq!(timers.next_expiry(), Some(entry.deadline()));
        timers.clock().advance_to(entry.deadline() - Duration::from_nanos(1));
        assert_eq!(timers.fire_due(timers.clock().now()), 0);
        timers.clock().advance_to(entry.deadline());
        assert_eq!(timers.fire_due(timers.clock().now()), 1);
        assert!(entry.is_elapsed());
    }
    assert_eq!(count.get(), 2);
}

#[test]
fn farthest_deadlines_are_kept_and_wait() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    let mut far: Vec<_> = [century, 4 * century, 1_000_000 * century]
        .into_iter()
        .filter_map(|ahead| now.checked_add(ahead))
        .map(entry)
        .collect();
    for entry in &mut far {
        assert!(is_pending(poll(entry, &timers, &waker)));
    }
    for entry in &far {
        assert_eq!(timers.next_expiry(), Some(entry.deadline()));
        timers.clock().advance_to(entry.deadline() - Duration::from_nanos(1));
        assert_eq!(timers.fire_due(timers.clock().now()), 0);
        timers.clock().advance_to(entry.deadline());
        assert_eq!(timers.fire_due(timers.clock().now()), 1);
    }
    assert_eq!(count.get(), far.len());
}

#[test]
fn shutdown_wakes_all_and_refuses_the_rest() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut fired = entry(now + MS);
    assert!(is_pending(poll(&mut fired, &timers, &waker)));
    advance(&timers, MS);
    let far = Duration::from_secs(400 * 365 * 24 * 3600);
    let mut armed: Vec<_> = (0..100).map(|n| entry(now + 2 * MS + n * n * MS)).collect();
    armed.push(entry(now + far));
    for entry in &mut armed {
        assert!(is_pending(poll(entry, &timers, &waker)));
    }
    let mut unpolled = entry(now + 5 * MS);
    assert!(!timers.is_shutdown());
    timers.shutdown();
    timers.shutdown();
    assert!(timers.is_shutdown() && timers.is_empty() && timers.next_expiry().is_none());
    assert_eq!(count.get(), 1 + armed.len());
    for entry in &mut armed {
        assert_eq!(poll(entry, &timers, &waker), PollTimer::Shutdown);
        assert!(!entry.is_elapsed());
    }
    assert_eq!(poll(&mut unpolled, &timers, &waker), PollTimer::Shutdown);
    assert_eq!(unpolled.as_mut().reset(now + 7 * MS), None);
    assert_eq!(poll(&mut unpolled, &timers, &waker), PollTimer::Shutdown);
    assert_eq!(poll(&mut fired, &timers, &waker), PollTimer::Elapsed);
    assert_eq!(Arc::strong_count(&count), 2, "no waker is kept");
}

#[test]
fn entries_may_outlive_their_timers() {
    let (timers, now) = paused();
    let (count, waker) = Count::new();
    let mut entries = [entry(now + MS), entry(now + MS)];
    for entry in &mut entries {
        assert!(is_pending(poll(entry, &timers, &waker)));
    }
    drop(timers);
    assert_eq!(count.get(), 2);
    let [mut reset, _dropped] = entries;
    assert_eq!(reset.as_mut().reset(now), None);
    let (others, _) = paused();
    assert_eq!(poll(&mut reset, &others, &waker), PollTimer::Elapsed);
}

#[test]
fn poll_results_as_a_futures() {
    assert_eq!(PollTimer::Elapsed.into_poll(), Poll::Ready(Ok(())));
    assert_eq!(PollTimer::Pending { became_earliest: None }.into_poll(), Poll::Pending);
    assert_eq!(PollTimer::Shutdown.into_poll(), Poll::Ready(Err(TimerError::Shutdown)));
    assert!(TimerError::Shutdown.to_string().contains("shut down"));
}

#[test]
fn fires_in_the_order_of_deadlines_then_of_arming() {
    let (timers, now) = paused();
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut entries: Vec<_> = [7u64, 3, 900, 3, 7, 60_000, 1]
        .iter()
        .enumerate()
        .map(|(id, &ms)| {
            let log = log.clone();
            let waker = call(move || log.lock().unwrap().push(id));
            (entry(now + Duration::from_millis(ms)), waker)
        })
        .collect();
    for (entry, waker) in &mut entries {
        assert!(is_pending(poll(entry, &timers, waker)));
    }
    assert_eq!(advance(&timers, Duration::from_secs(61)), 7);
    assert_eq!(*log.lock().unwrap(), [6, 1, 3, 0, 4, 2, 5]);
}

#[test]
fn zero_shards_count_as_one_and_shard_numbers_wrap() {
    let timers = Timers::new(0, Clock::new(true));
    assert_eq!(timers.shard_count(), 1);
    let mut entry = entry(timers.clock().now() + MS);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(is_pending(entry.as_mut().poll(&timers, 17, &mut cx)));
    assert!(format!("{timers:?} {entry:?} {:?}", timers.clock()).contains("paused: true"));
}
