//! Timers: never early, and gone without a trace when they are dropped.

use std::future::pending;
use std::time::{Duration, Instant};

use filch::time::{interval, sleep, timeout};

use crate::books::tally;
use crate::context::{Context, dither};
use crate::random::Random;

pub async fn run(context: &Context, mut random: Random) {
    let tasks: Vec<_> = (0..random.between(1, 40))
        .map(|n| {
            let random = Random::new(random.next());
            let (context, inner) = (context.clone(), context.clone());
            context.spawn(async move {
                match n % 4 {
                    0 => a_sleep(&inner, random).await,
                    1 => a_timeout(&inner, random).await,
                    2 => an_interval(&inner, random).await,
                    _ => unfinished(random).await,
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().await;
    }
}

fn check(context: &Context, what: &str, begin: Instant, least: Duration) {
    let elapsed = begin.elapsed();
    if elapsed < least {
        context.fault(format!("{what} of {least:?} was over after {elapsed:?}"));
    }
}

async fn a_sleep(context: &Context, mut random: Random) {
    let long = Duration::from_micros(random.below(20_000));
    let begin = Instant::now();
    sleep(long).await;
    check(context, "a sleep", begin, long);
    tally("timers fired");
}

async fn a_timeout(context: &Context, mut random: Random) {
    let limit = Duration::from_micros(random.below(8000));
    let begin = Instant::now();
    if timeout(limit, pending::<()>()).await.is_ok() {
        context.fault("pending was ready".to_owned());
    }
    check(context, "a time-out", begin, limit);
    // One that must not fire.
    if timeout(Duration::from_secs(600), dither(&mut random)).await.is_err() {
        context.fault(format!("a time-out of ten minutes, after {:?}", begin.elapsed()));
    }
    tally("time-outs");
}

async fn an_interval(context: &Context, mut random: Random) {
    let period = Duration::from_micros(random.between(200, 3000));
    let begin = Instant::now();
    let mut ticks = interval(period);
    let count = random.between(1, 5) as u32;
    for _ in 0..=count {
        ticks.tick().await;
    }
    check(context, "an interval", begin, period * count);
    tally("intervals");
}

/// Dropped before they are polled, and while they wait.
async fn unfinished(mut random: Random) {
    for n in 0..random.between(1, 200) {
        let timer = sleep(Duration::from_micros(random.below(1 << (8 + n % 24))));
        if random.one_in(2) {
            let mut timer = std::pin::pin!(timer);
            // Polled once, on this worker.
            std::future::poll_fn(|cx| {
                let _ = timer.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
        }
        tally("timers dropped");
        if random.one_in(16) {
            filch::task::yield_now().await;
        }
    }
}
