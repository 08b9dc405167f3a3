//! `sleep` and `sleep_until`: in order, never early, movable, cancellable, and what misuse gives.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use filch::runtime::{Builder, Runtime};
use filch::time::{Duration, Instant, Sleep, sleep, sleep_until};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn sleep_takes_its_time_and_no_more_on_a_paused_clock() {
    paused().block_on(async {
        for duration in [ms(0), ms(1), ms(63), ms(64), ms(65), ms(4_096), ms(86_400_000)] {
            let start = Instant::now();
            sleep(duration).await;
            let slept = start.elapsed();
            assert!(slept >= duration && slept <= duration + ms(1), "{slept:?} for {duration:?}");
        }
    });
}

#[test]
fn sleep_on_the_real_clock_is_never_early() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for micros in [1, 300, 999, 1_000, 2_500] {
            let (start, duration) = (std::time::Instant::now(), Duration::from_micros(micros));
            sleep(duration).await;
            assert!(start.elapsed() >= duration, "{micros} us");
        }
    });
}

#[test]
fn sleeps_on_several_workers_are_never_early() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let sleepers: Vec<_> = (0..500)
            .map(|n| {
                filch::spawn(async move {
                    let (start, duration) = (Instant::now(), Duration::from_micros(n * 37 % 9_000));
                    sleep(duration).await;
                    assert!(start.elapsed() >= duration, "{duration:?}");
                })
            })
            .collect();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    });
}

#[test]
fn sleep_of_one_runtime_is_polled_in_another() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let start = Instant::now();
    let foreign = {
        let _entered = runtime.enter();
        sleep(ms(3))
    };
    let no_timers = Builder::new_current_thread().build().unwrap();
    no_timers.block_on(foreign);
    assert!(start.elapsed() >= ms(3));
}

#[test]
fn deadline_that_has_passed_is_ready_at_the_first_poll() {
    paused().block_on(async {
        let now = Instant::now();
        assert!(poll_once(sleep_until(now)).is_ready());
        assert!(poll_once(sleep_until(now - ms(1))).is_ready());
        assert!(poll_once(sleep(Duration::ZERO)).is_ready());
        assert!(poll_once(sleep(ms(1))).is_pending());
    });
}

#[test]
fn duration_counts_from_creation_not_from_the_first_poll() {
    paused().block_on(async {
        let start = Instant::now();
        let first = sleep(ms(10));
        assert_eq!(first.deadline(), start + ms(10));
        sleep(ms(30)).await;
        assert!(poll_once(first).is_ready());
    });
}

#[test]
fn absurd_durations_wait_and_do_not_panic() {
    paused().block_on(async {
        for duration in [Duration::MAX, Duration::from_secs(u64::MAX), ms(1 << 50)] {
            let far = sleep(duration);
            assert!(far.deadline() > Instant::now() + Duration::from_secs(29 * 365 * 86_400));
            assert!(poll_once(far).is_pending());
        }
        let start = Instant::now();
        let mut far = pin!(sleep(Duration::MAX));
        assert!(poll_once(far.as_mut()).is_pending());
        // Another one beside it is not disturbed.
        sleep(ms(5)).await;
        assert!(start.elapsed() >= ms(5) && start.elapsed() <= ms(6));
        far.await;
        assert!(start.elapsed() > Duration::from_secs(29 * 365 * 86_400));
    });
}

#[test]
fn is_elapsed_tells_completion() {
    paused().block_on(async {
        let mut sleep = pin!(sleep(ms(1)));
        assert!(!sleep.is_elapsed());
        sleep.as_mut().await;
        assert!(sleep.is_elapsed());
        // Polled after completion it stays complete.
        assert!(poll_once(sleep.as_mut()).is_ready());
    });
}

#[test]
fn reset_moves_the_deadline_either_way_before_and_after_completion() {
    paused().block_on(async {
        for polled_before in [false, true] {
            for (first, second) in [(ms(10), ms(500)), (ms(500), ms(10)), (ms(10), ms(0))] {
                let start = Instant::now();
                let mut sleep = pin!(sleep(first));
                if polled_before {
                    assert!(poll_once(sleep.as_mut()).is_pending());
                }
                sleep.as_mut().reset(start + second);
                assert_eq!(sleep.deadline(), start + second);
                sleep.as_mut().await;
                assert!(start.elapsed() >= second && start.elapsed() <= second + ms(1));
                sleep.as_mut().reset(start + ms(1_000));
                assert!(!sleep.is_elapsed());
                sleep.await;
                assert!(start.elapsed() >= ms(1_000) && start.elapsed() <= ms(1_001));
            }
        }
    });
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn reset_keeps_the_waker_of_the_last_poll() {
    paused().block_on(async {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        for (first, second) in [(ms(10), ms(50)), (ms(50), ms(10))] {
            let before = wakes.0.load(Ordering::SeqCst);
            let mut moved = pin!(sleep(first));
            assert!(moved.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            moved.as_mut().reset(Instant::now() + second);
            sleep(second - ms(5)).await;
            assert_eq!(wakes.0.load(Ordering::SeqCst), before, "too early");
            sleep(ms(10)).await;
            assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1);
        }
    });
}

#[test]
fn last_poll_decides_who_is_woken() {
    paused().block_on(async {
        let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let mut shared = pin!(sleep(ms(10)));
        for wakes in [&first, &second] {
            let waker = Waker::from(wakes.clone());
            assert!(shared.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        sleep(ms(20)).await;
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        assert_eq!(second.0.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn dropped_sleep_wakes_nobody() {
    paused().block_on(async {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        {
            let mut dropped = pin!(sleep(ms(10)));
            assert!(dropped.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        sleep(ms(20)).await;
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&wakes), 2, "its waker was dropped with it");
    });
}

#[test]
fn ready_sleeps_spend_the_budget() {
    paused().block_on(async {
        let now = Instant::now();
        let ready = (0..1_000).take_while(|_| poll_once(sleep_until(now)).is_ready()).count();
        assert!(ready <= 128, "{ready} timers completed without a yield");
    });
}

#[test]
fn sleep_polled_after_shutdown_panics_and_says_so() {
    let runtime = paused();
    let (unarmed, mut armed) = {
        let _entered = runtime.enter();
        (sleep(ms(10)), Box::pin(sleep(ms(10))))
    };
    assert!(runtime.block_on(async { poll_once(armed.as_mut()) }).is_pending());
    drop(runtime);
    for polled in [
        catch_unwind(AssertUnwindSafe(|| poll_once(armed.as_mut()))),
        catch_unwind(AssertUnwindSafe(|| poll_once(unarmed))),
    ] {
        let text = message(polled.unwrap_err());
        assert!(text.contains("shut down"), "{text}");
    }
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn sleep_outside_of_a_runtime_panics() {
    drop(sleep(ms(1)));
}

#[test]
#[should_panic(expected = "enable_time")]
fn sleep_without_timers_panics() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    drop(sleep_until(Instant::now()));
}

#[test]
fn sleep_is_send_and_sync_and_small() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Sleep>();
    let size = std::mem::size_of::<Sleep>();
    assert!(size <= 112, "{size} bytes");
}
