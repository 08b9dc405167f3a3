//! `Sleep::tolerance`: never early, never later than allowed, and together with others.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;

use filch::runtime::{Builder, Runtime};
use filch::time::{Duration, Instant, sleep, sleep_until};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs sleeps of so many milliseconds, and says at how many moments the clock stopped for them.
fn wake_ups(sleeps: impl Iterator<Item = u64>, tolerance: Duration) -> usize {
    paused().block_on(async {
        let start = Instant::now();
        let sleepers: Vec<_> = sleeps
            .map(|n| {
                filch::spawn(async move {
                    let sleep = sleep_until(start + ms(n)).tolerance(tolerance);
                    let deadline = sleep.deadline();
                    sleep.await;
                    let now = Instant::now();
                    assert_eq!(now, deadline, "a paused clock stops at each deadline");
                    assert!(start + ms(n) <= now && now <= start + ms(n) + tolerance);
                    now
                })
            })
            .collect();
        let mut moments = BTreeSet::new();
        for sleeper in sleepers {
            moments.insert(sleeper.await.unwrap());
        }
        moments.len()
    })
}

#[test]
fn sleeps_with_a_tolerance_share_their_wake_ups() {
    let spread = || (1..=1_000).map(|n| n * 7 % 1_000 + 1);
    assert_eq!(wake_ups(spread(), Duration::ZERO), 1_000);
    // The grid of 100 ms is 2^26 ns = 67 ms or rounder.
    let shared = wake_ups(spread(), ms(100));
    assert!(shared <= 17, "{shared} wake-ups");
    // Half a second: 2^28 ns = 268 ms or rounder.
    let shared = wake_ups(spread(), ms(500));
    assert!(shared <= 6, "{shared} wake-ups");
}

#[test]
fn sleeps_of_different_tolerances_meet_too() {
    paused().block_on(async {
        let start = Instant::now();
        let coarse = sleep_until(start + ms(900)).tolerance(ms(400)).deadline();
        let fine = sleep_until(coarse - ms(30)).tolerance(ms(50)).deadline();
        assert_eq!(fine, coarse);
    });
}

#[test]
fn zero_tolerance_and_an_endless_one_keep_the_deadline() {
    paused().block_on(async {
        let deadline = Instant::now() + ms(123);
        assert_eq!(sleep_until(deadline).tolerance(Duration::ZERO).deadline(), deadline);
        assert_eq!(sleep_until(deadline).tolerance(Duration::MAX).deadline(), deadline);
        // So far that the clock can't name it.
        let far = sleep(Duration::MAX);
        let deadline = far.deadline();
        assert!(far.tolerance(Duration::MAX).deadline() >= deadline);
    });
}

#[test]
fn past_deadline_may_be_waited_for_no_longer_than_allowed() {
    paused().block_on(async {
        let start = Instant::now();
        sleep(ms(10)).await;
        sleep_until(start + ms(5)).tolerance(ms(6)).await;
        assert!(Instant::now() <= start + ms(11));
    });
}

#[test]
fn reset_is_exact_again() {
    paused().block_on(async {
        let start = Instant::now();
        let mut sleep = pin!(sleep(ms(10)).tolerance(ms(90)));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        sleep.as_mut().reset(start + ms(33));
        sleep.await;
        assert_eq!(Instant::now(), start + ms(33));
    });
}

#[test]
fn workers_share_the_grid_and_are_never_early() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let sleepers: Vec<_> = (1..=64)
            .map(|n| {
                filch::spawn(async move {
                    let sleep = sleep_until(start + ms(n)).tolerance(ms(64));
                    let deadline = sleep.deadline();
                    sleep.await;
                    assert!(Instant::now() >= deadline && deadline >= start + ms(n));
                    deadline
                })
            })
            .collect();
        let mut moments = BTreeSet::new();
        for sleeper in sleepers {
            moments.insert(sleeper.await.unwrap());
        }
        // 128 ms hold four multiples of 2^25 ns = 33.6 ms.
        assert!(moments.len() <= 4, "{moments:?}");
    });
}
