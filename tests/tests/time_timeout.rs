//! `timeout` and `timeout_at`: who wins, what is dropped, and a future that never gives way.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch::runtime::{Builder, Runtime};
use filch::task::coop;
use filch::time::error::Elapsed;
use filch::time::{Duration, Instant, Timeout, sleep, timeout, timeout_at};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn ready_value_wins_even_at_a_deadline_that_has_passed() {
    paused().block_on(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(timeout_at(Instant::now() - ms(5), ready(2)).await, Ok(2));
        let late = timeout(ms(1), ready(3));
        sleep(ms(10)).await;
        assert_eq!(late.await, Ok(3));
    });
}

#[test]
fn deadline_that_has_passed_refuses_what_is_pending() {
    paused().block_on(async {
        assert!(matches!(poll_once(timeout(Duration::ZERO, pending::<()>())), Poll::Ready(Err(_))));
    });
}

#[test]
fn value_before_the_deadline_and_deadline_before_the_value() {
    paused().block_on(async {
        let start = Instant::now();
        assert!(timeout(ms(50), sleep(ms(10))).await.is_ok());
        assert!(start.elapsed() < ms(12));
        let start = Instant::now();
        let error: Elapsed = timeout(ms(10), sleep(ms(50))).await.unwrap_err();
        assert!(start.elapsed() >= ms(10) && start.elapsed() < ms(12));
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn duration_counts_from_creation() {
    paused().block_on(async {
        let limited = timeout(ms(10), pending::<()>());
        sleep(ms(20)).await;
        assert!(matches!(poll_once(limited), Poll::Ready(Err(_))));
    });
}

#[test]
fn absurd_limits_are_no_limits() {
    paused().block_on(async {
        assert!(timeout(Duration::MAX, sleep(ms(86_400_000))).await.is_ok());
    });
}

#[test]
fn takes_what_becomes_a_future() {
    struct Later;
    impl IntoFuture for Later {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(9)
        }
    }
    paused().block_on(async {
        assert_eq!(timeout(ms(1), Later).await, Ok(9));
    });
}

#[test]
fn inner_future_is_reachable_and_dropped_with_it() {
    paused().block_on(async {
        let mut limited: Timeout<_> = timeout(ms(1), ready(1));
        assert_eq!(limited.get_ref().clone().await, 1);
        *limited.get_mut() = ready(2);
        assert_eq!(limited.into_inner().await, 2);

        let token = Arc::new(());
        let held = token.clone();
        let limited = timeout(ms(1), async move {
            let _held = held;
            pending::<()>().await;
        });
        assert!(limited.await.is_err());
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

#[test]
fn future_that_spends_the_whole_budget_is_still_limited() {
    paused().block_on(async {
        let start = Instant::now();
        // Always busy, as a socket with endless input: it never leaves a unit for the deadline.
        let greedy = poll_fn(|cx| {
            while let Poll::Ready(unit) = coop::poll_proceed(cx) {
                unit.made_progress();
            }
            Poll::<()>::Pending
        });
        let mut limited = pin!(timeout(ms(10), greedy));
        let mut polls = 0;
        let result = poll_fn(|cx| {
            polls += 1;
            limited.as_mut().poll(cx)
        });
        let mut result = pin!(result);
        let turn = async {
            loop {
                filch::time::advance(ms(1)).await;
            }
        };
        let mut turn = pin!(turn);
        let result = poll_fn(|cx| {
            if let Poll::Ready(result) = result.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let _ = turn.as_mut().poll(cx);
            Poll::Pending
        })
        .await;
        assert!(result.is_err());
        assert!(start.elapsed() <= ms(12), "{:?}", start.elapsed());
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn timeout_outside_of_a_runtime_panics() {
    drop(timeout(ms(1), ready(())));
}
