//! Timers on the real clock, one and in masses: never early, and late by little. How late is printed; what
//! is asserted is loose, since the machine may be busy with something else.

use std::pin::pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use filch::runtime::{Builder, Runtime};
use filch::task;
use filch::time::{self, sleep, sleep_until};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, poll_once};
use filch_tests::runtimes::Kind;

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A generator of numbers that look random: Knuth's linear congruence, the upper half.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) % bound
    }
}

/// The value that `percent` of the sorted ones do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Sorts, prints and gives median and p99.
fn summary(what: &str, mut lateness: Vec<Duration>) -> (Duration, Duration) {
    lateness.sort_unstable();
    let (median, p99) = (percentile(&lateness, 50), percentile(&lateness, 99));
    let most = lateness[lateness.len() - 1];
    println!("{what}: late by {median:?} (median), {p99:?} (p99), {most:?} (most)");
    (median, p99)
}

#[test]
fn short_sleeps_are_never_early() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        for micros in [1, 50, 500, 999, 1_000, 1_001, 2_500, 9_999] {
            let duration = Duration::from_micros(micros);
            let samples = async move {
                let mut lateness = Vec::new();
                for _ in 0..101.min(500_000 / micros) {
                    let start = Instant::now();
                    sleep(duration).await;
                    let elapsed = start.elapsed();
                    assert!(elapsed >= duration, "{kind:?}: {elapsed:?} instead of {duration:?}");
                    lateness.push(elapsed - duration);
                }
                lateness
            };
            let lateness = runtime.block_on(async { task::spawn(samples).await.unwrap() });
            let (median, _) = summary(&format!("{kind:?}, {duration:?}"), lateness);
            assert!(median < Duration::from_millis(5), "{kind:?}, {duration:?}: {median:?}");
        }
    }
}

/// 100,000 sleeps spread over a second, each in a task: how late they were.
fn hundred_thousand_sleeps(runtime: &Runtime) -> Vec<Duration> {
    const SLEEPS: u64 = 100_000;
    const SPREAD_US: u64 = 1_000_000;
    let (told, heard) = mpsc::channel();
    let spawner = async move {
        // Spawned first, so that what is measured is the timers: the second begins when all are there.
        let start = time::Instant::now() + Duration::from_millis(500);
        let mut numbers = Numbers(1);
        for _ in 0..SLEEPS {
            let deadline = start + Duration::from_micros(numbers.below(SPREAD_US));
            let told = told.clone();
            task::spawn(async move {
                sleep_until(deadline).await;
                // None if it is early.
                told.send(time::Instant::now().checked_duration_since(deadline)).unwrap();
            });
        }
    };
    runtime.block_on(async { task::spawn(spawner).await.unwrap() });
    let lateness = (0..SLEEPS)
        .map(|_| heard.recv_timeout(PATIENCE).expect("a sleep that ends").expect("early"))
        .collect();
    assert!(heard.recv_timeout(PATIENCE).is_err(), "a sleep ended twice");
    lateness
}

#[test]
fn hundred_thousand_sleeps_over_a_second_are_never_early() {
    const ROUNDS: u32 = 5;
    const BOUND: Duration = Duration::from_millis(50);
    let runtime = two_workers();
    // One calm second in five is asked for: the machine may be busy in the others.
    let is_calm = (1..=ROUNDS).any(|round| {
        let what = format!("100,000 sleeps over a second, 2 workers, round {round}");
        let (_, p99) = summary(&what, hundred_thousand_sleeps(&runtime));
        p99 < BOUND
    });
    assert!(is_calm, "p99 was {BOUND:?} or more in {ROUNDS} rounds");
}

#[test]
fn durations_and_not_only_deadlines_are_kept_among_many() {
    const SLEEPS: u64 = 10_000;
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let all = async move {
            let mut numbers = Numbers(2);
            let tasks: Vec<_> = (0..SLEEPS)
                .map(|_| {
                    let duration = Duration::from_micros(numbers.below(200_000));
                    task::spawn(async move {
                        let start = Instant::now();
                        sleep(duration).await;
                        let elapsed = start.elapsed();
                        assert!(elapsed >= duration, "{elapsed:?} instead of {duration:?}");
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        };
        runtime.block_on(async { task::spawn(all).await.unwrap() });
    }
}

#[test]
fn cancelled_sleeps_leave_the_others_alone() {
    const SLEEPS: u64 = 20_000;
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let woken = Count::new();
        let counted = woken.clone();
        let all = async move {
            let mut numbers = Numbers(3);
            let tasks: Vec<_> = (0..SLEEPS)
                .map(|_| {
                    let duration = Duration::from_micros(numbers.below(100_000));
                    let woken = counted.clone();
                    task::spawn(async move {
                        sleep(duration).await;
                        woken.add();
                    })
                })
                .collect();
            let mut ended = 0;
            for (number, task) in tasks.into_iter().enumerate() {
                if number % 2 == 0 {
                    task.abort();
                }
                match task.await {
                    Ok(()) => ended += 1,
                    Err(error) => assert!(error.is_cancelled() && number % 2 == 0, "{error}"),
                }
            }
            ended
        };
        let ended: usize = runtime.block_on(async { task::spawn(all).await.unwrap() });
        // Some had fired before they were aborted.
        assert!(ended >= usize::try_from(SLEEPS / 2).unwrap(), "{kind:?}: {ended}");
        assert_eq!(woken.get(), ended, "{kind:?}");
    }
}

#[test]
fn earlier_sleep_wakes_whoever_waits_for_a_later_one() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let earlier = async move {
            let mut far = pin!(sleep(Duration::from_secs(3600)));
            assert!(poll_once(&mut far).is_pending());
            for _ in 0..20 {
                // The others have gone to sleep for an hour by now, or are about to.
                let start = Instant::now();
                sleep(Duration::from_millis(2)).await;
                assert!(start.elapsed() >= Duration::from_millis(2));
                assert!(start.elapsed() < PATIENCE, "{kind:?}");
            }
            assert!(poll_once(&mut far).is_pending());
        };
        runtime.block_on(async { task::spawn(earlier).await.unwrap() });
        // From outside of the workers, too, while all of them sleep.
        let _entered = runtime.enter();
        let outside = sleep(Duration::from_millis(2));
        let start = Instant::now();
        if kind == Kind::CurrentThread {
            runtime.block_on(outside);
        } else {
            filch_tests::runtimes::block_on_elsewhere(outside);
        }
        assert!(start.elapsed() < PATIENCE, "{kind:?}");
    }
}
