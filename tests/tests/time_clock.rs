//! The clock that tests stop: pause, advance, resume, and its jumps when there is nothing to do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use filch::runtime::{Builder, Runtime};
use filch::time::{self, Duration, Instant, sleep};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn paused_clock_stands_still_until_advanced() {
    runtime().block_on(async {
        time::pause();
        let now = Instant::now();
        let real = std::time::Instant::now();
        while real.elapsed() < Duration::from_micros(100) {}
        assert_eq!(Instant::now(), now);
        time::advance(ms(1_500)).await;
        assert_eq!(now.elapsed(), ms(1_500));
        time::advance(Duration::ZERO).await;
        assert_eq!(now.elapsed(), ms(1_500));
    });
}

#[test]
fn resumed_clock_goes_on_from_where_it_stood() {
    let real = std::time::Instant::now();
    runtime().block_on(async {
        time::pause();
        let paused = Instant::now();
        time::advance(ms(100_000)).await;
        time::resume();
        assert!(paused.elapsed() >= ms(100_000));
        let resumed = Instant::now();
        while Instant::now() == resumed {}
        sleep(ms(1)).await;
        assert!(resumed.elapsed() >= ms(1));
        // And again.
        time::pause();
        sleep(ms(3_600_000)).await;
    });
    // The sleep of a millisecond was not measured by the system's clock, which is behind.
    assert!(real.elapsed() < Duration::from_secs(30));
}

#[test]
fn twelve_hours_of_sleeps_take_a_moment() {
    let real = std::time::Instant::now();
    runtime().block_on(async {
        time::pause();
        let start = Instant::now();
        for _ in 0..720 {
            sleep(ms(60_000)).await;
        }
        assert!(start.elapsed() >= ms(12 * 3_600_000));
    });
    assert!(real.elapsed() < Duration::from_secs(30));
}

#[test]
fn advance_wakes_what_is_due() {
    runtime().block_on(async {
        time::pause();
        let mut due = std::pin::pin!(sleep(ms(10)));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(due.as_mut().poll(&mut cx).is_pending());
        time::advance(ms(10)).await;
        assert!(due.is_elapsed() || due.as_mut().poll(&mut cx).is_ready());
    });
}

#[test]
fn other_runtimes_clocks_go_on() {
    let (stopped, going) = (runtime(), runtime());
    let before = stopped.block_on(async {
        time::pause();
        Instant::now()
    });
    going.block_on(async {
        let start = Instant::now();
        sleep(ms(2)).await;
        assert!(start.elapsed() >= ms(2));
    });
    assert_eq!(stopped.block_on(async { Instant::now() }), before);
}

#[test]
fn wrong_state_panics_and_says_which() {
    runtime().block_on(async {
        assert!(panics(time::resume).contains("time::resume()"));
        time::pause();
        assert!(panics(time::pause).contains("time::pause()"));
        time::resume();
    });
    let advanced = catch_unwind(|| runtime().block_on(time::advance(ms(1))));
    assert!(advanced.is_err());
}

#[test]
fn outside_of_a_runtime_they_panic() {
    for function in [time::pause as fn(), time::resume] {
        assert!(panics(function).contains("there is no reactor running"));
    }
}

#[test]
fn several_workers_have_no_clock_to_stop() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        for function in [time::pause as fn(), time::resume] {
            assert!(panics(function).contains("current_thread"));
        }
    });
}
