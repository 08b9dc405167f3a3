//! `interval` and `interval_at`: regular, whatever happens between, and what a missed tick does.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use filch::runtime::{Builder, Runtime};
use filch::time::{Duration, Instant, Interval, MissedTickBehavior, interval, interval_at, sleep};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Ticks, and gives the times at which the tick came and for which it was meant.
async fn tick(ticks: &mut Interval, start: Instant) -> (u128, u128) {
    let meant = ticks.tick().await;
    (start.elapsed().as_millis(), (meant - start).as_millis())
}

#[test]
fn ticks_at_once_and_then_by_the_period() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        assert_eq!(ticks.period(), ms(10));
        for n in 0..5 {
            let meant = ticks.tick().await;
            assert_eq!(meant, start + ms(10) * n);
            let came = start.elapsed();
            assert!(came >= ms(10) * n && came <= ms(10) * n + ms(1), "{came:?}");
            // Less than a period: does not shift the ticks.
            sleep(ms(3)).await;
        }
    });
}

#[test]
fn interval_at_begins_then() {
    paused().block_on(async {
        let start = Instant::now() + ms(50);
        let mut ticks = interval_at(start, ms(10));
        assert!(poll_once(ticks.tick()).is_pending());
        assert_eq!(ticks.tick().await, start);
        assert_eq!(ticks.tick().await, start + ms(10));
    });
}

#[test]
fn missed_ticks_follow_the_behaviour() {
    for (behavior, expected) in [
        (MissedTickBehavior::Burst, [(120, 50), (120, 100), (150, 150), (200, 200)]),
        (MissedTickBehavior::Delay, [(120, 50), (170, 170), (220, 220), (270, 270)]),
        (MissedTickBehavior::Skip, [(120, 50), (150, 150), (200, 200), (250, 250)]),
    ] {
        paused().block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(50));
            assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
            ticks.set_missed_tick_behavior(behavior);
            assert_eq!(ticks.missed_tick_behavior(), behavior);
            assert_eq!(tick(&mut ticks, start).await, (0, 0));
            filch::time::advance(ms(120)).await;
            for (came, meant) in expected {
                let (really_came, really_meant) = tick(&mut ticks, start).await;
                assert_eq!(really_meant, meant, "{behavior:?}");
                assert!((came..=came + 1).contains(&really_came), "{behavior:?} {really_came}");
            }
        });
    }
}

#[test]
fn five_milliseconds_late_is_not_missed() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(ms(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        filch::time::advance(ms(55)).await;
        assert_eq!(tick(&mut ticks, start).await, (55, 50));
        assert_eq!(tick(&mut ticks, start).await.1, 100);
    });
}

#[test]
fn resets_move_the_next_tick() {
    paused().block_on(async {
        let mut ticks = interval(ms(100));
        ticks.tick().await;
        for (case, after) in [ms(100), ms(0), ms(7), ms(33)].into_iter().enumerate() {
            sleep(ms(40)).await;
            let reset = Instant::now();
            match case {
                0 => ticks.reset(),
                1 => ticks.reset_immediately(),
                2 => ticks.reset_after(after),
                _ => ticks.reset_at(reset + after),
            }
            assert_eq!(ticks.tick().await, reset + after);
            assert!(reset.elapsed() >= after && reset.elapsed() <= after + ms(1));
            assert_eq!(ticks.tick().await, reset + after + ms(100));
        }
    });
}

#[test]
fn dropped_tick_consumes_nothing() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        assert!(poll_once(ticks.tick()).is_pending());
        assert_eq!(ticks.tick().await, start + ms(10));
    });
}

#[test]
fn absurd_period_ticks_once() {
    paused().block_on(async {
        let mut ticks = interval(Duration::MAX);
        ticks.tick().await;
        assert!(poll_once(ticks.tick()).is_pending());
        ticks.reset();
        assert!(poll_once(ticks.tick()).is_pending());
    });
}

#[test]
fn interval_moves_between_threads_and_places() {
    fn send_sync_and_unpin<T: Send + Sync + Unpin>() {}
    send_sync_and_unpin::<Interval>();
}

#[test]
fn zero_period_panics_where_it_is_called() {
    paused().block_on(async {
        let now = Instant::now();
        for made in [
            catch_unwind(|| drop(interval(Duration::ZERO))),
            catch_unwind(move || drop(interval_at(now, Duration::ZERO))),
        ] {
            let text = *made.unwrap_err().downcast::<&str>().unwrap();
            assert!(text.contains("non-zero"), "{text}");
        }
    });
}
